"""Open Sound Control 1.0 as far as faces need it: messages of ints, floats and strings, and bundles of them."""

import math
import struct

from engine.external.packet import PacketError

MAX_BYTES = 65_536
MAX_MESSAGES, MAX_DEPTH, MAX_ARGUMENTS = 2000, 4, 64
BUNDLE = b"#bundle\0"
NOW = b"\0\0\0\0\0\0\0\x01"

Message = tuple[str, tuple[float | int | str | bool, ...]]


def decode(data: bytes) -> list[Message]:
    """All messages of a packet, bundles opened, in order. Raises PacketError for anything malformed."""
    if len(data) > MAX_BYTES:
        raise PacketError(f"{len(data)} bytes")
    messages: list[Message] = []
    _packet(data, messages, 0)
    return messages


def encode(address: str, *arguments: float | int | str) -> bytes:
    """One message."""
    tags, body = ",", b""
    for argument in arguments:
        if isinstance(argument, str):
            tags += "s"
            body += _padded(argument)
        elif isinstance(argument, int):
            tags += "i"
            body += struct.pack(">i", argument)
        else:
            tags += "f"
            body += struct.pack(">f", argument)
    return _padded(address) + _padded(tags) + body


def bundles(messages: list[bytes], most_bytes: int) -> list[bytes]:
    """Encoded messages in as few bundles of at most so many bytes as hold them, in order."""
    made, room = [], bytearray(BUNDLE + NOW)
    for message in messages:
        part = struct.pack(">i", len(message)) + message
        if len(room) + len(part) > most_bytes and len(room) > 16:
            made.append(bytes(room))
            room = bytearray(BUNDLE + NOW)
        room += part
    if len(room) > 16:
        made.append(bytes(room))
    return made


def _packet(data: bytes, messages: list[Message], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise PacketError("bundles in bundles")
    if len(data) % 4 or not data:
        raise PacketError(f"{len(data)} bytes")
    if not data.startswith(BUNDLE):
        messages.append(_message(data))
        if len(messages) > MAX_MESSAGES:
            raise PacketError("too many messages")
        return
    at = 16
    if len(data) < at:
        raise PacketError("it stops early")
    while at < len(data):
        if len(data) < at + 4:
            raise PacketError("it stops early")
        (size,) = struct.unpack_from(">i", data, at)
        at += 4
        if size <= 0 or at + size > len(data):
            raise PacketError(f"a part of {size} bytes")
        _packet(data[at : at + size], messages, depth + 1)
        at += size


def _message(data: bytes) -> Message:
    address, at = _text(data, 0)
    if not address.startswith("/"):
        raise PacketError("an address without a slash")
    if at == len(data):
        return address, ()
    tags, at = _text(data, at)
    if not tags.startswith(",") or len(tags) > MAX_ARGUMENTS + 1:
        raise PacketError("no list of types")
    arguments: list[float | int | str | bool] = []
    for tag in tags[1:]:
        if tag == "s":
            value, at = _text(data, at)
        elif tag in "if":
            if len(data) < at + 4:
                raise PacketError("it stops early")
            (value,) = struct.unpack_from(">i" if tag == "i" else ">f", data, at)
            at += 4
            if not math.isfinite(value):
                raise PacketError("a value is not finite")
        elif tag in "TF":
            value = tag == "T"
        else:
            raise PacketError(f"a value of type {tag!r}")
        arguments.append(value)
    return address, tuple(arguments)


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.find(b"\0", at)
    if end < 0:
        raise PacketError("a text without an end")
    try:
        text = data[at:end].decode("utf-8")
    except UnicodeDecodeError as error:
        raise PacketError("a text that is none") from error
    after = end + 4 - end % 4
    if after > len(data):
        raise PacketError("it stops early")
    return text, after


def _padded(text: str) -> bytes:
    raw = text.encode() + b"\0"
    return raw + b"\0" * (-len(raw) % 4)
