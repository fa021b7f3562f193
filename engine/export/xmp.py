"""XMP packets in clips and pictures: written where each container wants them, read back without decoding a picture."""

import struct
import zlib
from pathlib import Path

from PIL import Image

from engine.errors import OutputError

PNG_KEY = "XML:com.adobe.xmp"
MAX_BYTES = 1 << 20
BOX_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
GIF_HEAD = b"\x21\xff\x0bXMP DataXMP"
GIF_TAIL = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"
"""However a reader skips sub-blocks of a packet that has none, it lands in this and finds its end (XMP part 3)."""

PNG_END = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
VP8X_HAS_XMP = 0x04
PACKET_BEGINS, PACKET_ENDS = b"<?xpacket begin=", b"<?xpacket end="


def append_xmp(path: Path, packet: str) -> None:
    """Adds a packet to a finished file of a kind in `CONTAINERS` (by its ending). Raises OutputError on a full disk."""
    data = packet.encode("utf-8")
    try:
        with open(path, "r+b") as file:
            CONTAINERS[path.suffix.lower()](file, data)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}; free some space and export again.") from error


def read_xmp(path: Path) -> str:
    """The packet of a clip or picture, empty where it has none; of a clip only the boxes' heads are read."""
    suffix = path.suffix.lower()
    if suffix == ".png":
        return _png_text(path)
    return _scanned(path) if suffix in (".gif", ".webp", ".apng") else _box(path)


def _append_box(file, data: bytes) -> None:
    """A top-level `uuid` box of MP4 and MOV (ISO 16684-3)."""
    file.seek(0, 2)
    file.write(struct.pack(">I", 24 + len(data)) + b"uuid" + BOX_UUID + data)


def _append_gif(file, data: bytes) -> None:
    """An application extension before the trailer."""
    file.seek(-1, 2)
    file.write(GIF_HEAD + data + GIF_TAIL + b"\x3b")


def _append_png(file, data: bytes) -> None:
    """An uncompressed `iTXt` chunk before the last one."""
    text = b"iTXt" + PNG_KEY.encode() + b"\0\0\0\0\0" + data
    file.seek(-len(PNG_END), 2)
    file.write(struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text)) + PNG_END)


def _append_webp(file, data: bytes) -> None:
    """A chunk at the end, announced in the extended header that every animation has."""
    file.seek(12)
    if file.read(4) != b"VP8X":
        return
    file.seek(20)
    flags = file.read(1)[0]
    file.seek(20)
    file.write(bytes([flags | VP8X_HAS_XMP]))
    file.seek(0, 2)
    file.write(b"XMP " + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2))
    size = file.tell() - 8
    file.seek(4)
    file.write(struct.pack("<I", size))


CONTAINERS = {".mp4": _append_box, ".mov": _append_box, ".gif": _append_gif, ".apng": _append_png,
              ".webp": _append_webp}  # fmt: skip
"""What adds a packet to a file, by its ending; WebM has tags only."""


def _box(path: Path) -> str:
    size = path.stat().st_size
    with open(path, "rb") as file:
        at = 0
        while at + 8 <= size:
            file.seek(at)
            length, kind = struct.unpack(">I4s", file.read(8))
            head = 8
            if length == 1:
                if at + 16 > size:
                    return ""
                length, head = struct.unpack(">Q", file.read(8))[0], 16
            if length == 0:
                length = size - at
            if length < head:
                return ""
            if kind == b"uuid" and file.read(16) == BOX_UUID and length <= MAX_BYTES:
                return file.read(length - head - 16).decode("utf-8", "replace")
            at += length
    return ""


def _png_text(path: Path) -> str:
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return str(getattr(image, "text", {}).get(PNG_KEY, ""))
    except (OSError, ValueError):
        return ""


def _scanned(path: Path) -> str:
    """A packet is marked so that it is found in a file of any kind; ends and beginnings are searched, 1 MB of each."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        for at in (max(0, size - MAX_BYTES), 0):
            file.seek(at)
            data = file.read(MAX_BYTES)
            first = data.rfind(PACKET_BEGINS)
            last = data.find(PACKET_ENDS, max(first, 0))
            if 0 <= first < last:
                return data[first:last].decode("utf-8", "replace")
    return ""
