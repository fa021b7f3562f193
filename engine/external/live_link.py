"""Live Link Face over UDP: the packets an iPhone sends, 52 ARKit shapes and nine angles, version 6.

`u8 version | i32 BE 36 | 36-character device id | i32 BE n | n-byte subject | i32 BE frame | f32 BE sub-frame |
i32 BE rate numerator | i32 BE rate denominator | u8 61 | 61 x f32 BE`; without the last block no face is seen.
"""

import math
import struct
from dataclasses import dataclass

from engine.external.packet import PacketError
from engine.vocabulary import ARKIT_52

PORT = 11111
VERSION = 6
ANGLES = ("HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw",
          "RightEyePitch", "RightEyeRoll")  # fmt: skip
N_VALUES = len(ARKIT_52) + len(ANGLES)
ID_BYTES, MAX_SUBJECT, MAX_BYTES = 36, 256, 1024
_TIME = struct.Struct(">ifii")
_VALUES = struct.Struct(f">{N_VALUES}f")


@dataclass(frozen=True)
class LiveLinkFrame:
    """One packet.

    Attributes:
        subject: the phone's name for itself; frame, rate_hz: its clock.
        shapes: ARKit shapes 0 to 1, empty when no face is seen.
        head_deg: yaw, pitch and roll of the head in degrees, as sent; None when no face is seen.
    """

    subject: str
    frame: int
    rate_hz: float
    shapes: dict[str, float]
    head_deg: tuple[float, float, float] | None

    @property
    def has_face(self) -> bool:
        return self.head_deg is not None


def decode(data: bytes) -> LiveLinkFrame:
    """Reads one packet. Raises PacketError, in a few words, for anything that is not exactly one."""
    if len(data) > MAX_BYTES:
        raise PacketError(f"{len(data)} bytes")
    if not data or data[0] != VERSION:
        raise PacketError(f"version {data[0]}" if data else "no bytes")
    at = 1
    n_id, at = _length(data, at, ID_BYTES, ID_BYTES)
    at += n_id
    n_subject, at = _length(data, at, 0, MAX_SUBJECT)
    if len(data) < at + n_subject + _TIME.size:
        raise PacketError("it stops early")
    subject = data[at : at + n_subject].decode("utf-8", "replace")
    at += n_subject
    frame, _, numerator, denominator = _TIME.unpack_from(data, at)
    at += _TIME.size
    rate = numerator / denominator if denominator > 0 and numerator > 0 else 60.0
    if len(data) == at:
        return LiveLinkFrame(subject, frame, rate, {}, None)
    if data[at] != N_VALUES or len(data) != at + 1 + _VALUES.size:
        raise PacketError(f"{data[at]} values in {len(data) - at - 1} bytes")
    values = _VALUES.unpack_from(data, at + 1)
    if not all(math.isfinite(value) for value in values):
        raise PacketError("a value is not finite")
    shapes = {name: min(1.0, max(0.0, value)) for name, value in zip(ARKIT_52, values, strict=False)}
    yaw, pitch, roll = (math.degrees(min(math.pi, max(-math.pi, v))) for v in values[len(ARKIT_52) :][:3])
    return LiveLinkFrame(subject, frame, rate, shapes, (yaw, pitch, roll))


def encode(
    shapes: dict[str, float], head_deg: tuple[float, float, float] = (0.0, 0.0, 0.0), subject: str = "mouthpiece",
    frame: int = 0, rate_hz: int = 60,
) -> bytes:  # fmt: skip
    """A packet as a phone would send it, for tests and for driving other programs."""
    name = subject.encode()[:MAX_SUBJECT]
    values = [shapes.get(shape, 0.0) for shape in ARKIT_52] + [math.radians(v) for v in head_deg] + [0.0] * 6
    identity = b"0" * ID_BYTES
    return b"".join((
        bytes([VERSION]), struct.pack(">i", ID_BYTES), identity, struct.pack(">i", len(name)), name,
        _TIME.pack(frame, 0.0, rate_hz, 1), bytes([N_VALUES]), _VALUES.pack(*values),
    ))  # fmt: skip


def _length(data: bytes, at: int, least: int, most: int) -> tuple[int, int]:
    if len(data) < at + 4:
        raise PacketError("it stops early")
    (n,) = struct.unpack_from(">i", data, at)
    if not least <= n <= most or len(data) < at + 4 + n:
        raise PacketError(f"a text of {n} bytes")
    return n, at + 4
