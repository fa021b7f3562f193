"""The VMC protocol over OSC: blend shapes and the head's bone, in and out.

Values count when `/VMC/Ext/Blend/Apply` comes. Its axes are Unity's (left-handed, y up, the face looks along z); ours
are right-handed with x to the person's left.
"""

import math

import numpy as np

from engine.camera import pose_matrix
from engine.external import osc
from engine.external.packet import PacketError
from engine.vocabulary import ARKIT_52

PORT_IN, PORT_OUT = 39539, 39539
MOST_BYTES = 1400
"""A bundle that fits one Ethernet frame."""

BLEND, APPLY, BONE = "/VMC/Ext/Blend/Val", "/VMC/Ext/Blend/Apply", "/VMC/Ext/Bone/Pos"
VRM = {
    "a": {"jawOpen": 0.7}, "i": {"mouthStretchLeft": 0.6, "mouthStretchRight": 0.6, "jawOpen": 0.15},
    "u": {"mouthPucker": 0.8}, "e": {"mouthStretchLeft": 0.4, "mouthStretchRight": 0.4, "jawOpen": 0.35},
    "o": {"mouthFunnel": 0.7, "jawOpen": 0.4}, "blink": {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    "blink_l": {"eyeBlinkLeft": 1.0}, "blink_r": {"eyeBlinkRight": 1.0},
    "joy": {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0, "cheekSquintLeft": 0.5, "cheekSquintRight": 0.5},
    "angry": {"browDownLeft": 1.0, "browDownRight": 1.0}, "fun": {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6},
    "sorrow": {"browInnerUp": 1.0, "mouthFrownLeft": 0.7, "mouthFrownRight": 0.7},
}  # fmt: skip
"""What the presets of VRM 0 mean in ARKit's shapes."""

_BY_LOWER = {name.lower(): name for name in ARKIT_52}


class VmcReceiver:
    """Collects values until they are applied.

    Attributes:
        shapes: the shapes applied last, by ARKit name, 0 to 1; head_deg: yaw, pitch, roll, None before the first.
    """

    def __init__(self) -> None:
        self.shapes: dict[str, float] = {}
        self.head_deg: tuple[float, float, float] | None = None
        self._waiting: dict[str, float] = {}

    def take(self, data: bytes) -> bool:
        """Reads a packet; True if values were applied. Raises PacketError for anything malformed."""
        applied = False
        for address, arguments in osc.decode(data):
            if address == BLEND:
                name, value = _arguments(arguments, (str, float))
                self._collect(name, value)
            elif address == APPLY:
                self.shapes, self._waiting, applied = self._waiting, {}, True
            elif address == BONE and arguments[:1] == ("Head",):
                _, *numbers = _arguments(arguments, (str, *([float] * 7)))
                self.head_deg = head_angles(*numbers[3:])
        return applied

    def _collect(self, name: str, value: float) -> None:
        value = min(1.0, max(0.0, value))
        shape = _BY_LOWER.get(name.lower())
        if shape is not None:
            self._waiting[shape] = value
            return
        for shape, part in VRM.get(name.lower(), {}).items():
            self._waiting[shape] = max(self._waiting.get(shape, 0.0), value * part)


def head_angles(x: float, y: float, z: float, w: float) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a rotation `x y z w` in Unity's axes."""
    length = math.sqrt(x * x + y * y + z * z + w * w)
    if length < 1e-6:
        raise PacketError("a rotation of no length")
    x, y, z, w = x / length, -y / length, -z / length, w / length  # the x axis turned round
    r = np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip
    yaw = math.degrees(math.atan2(r[0, 2], r[2, 2]))
    pitch = math.degrees(math.asin(min(1.0, max(-1.0, -r[1, 2]))))
    return yaw, -pitch, math.degrees(math.atan2(r[1, 0], r[1, 1]))


def head_quaternion(yaw: float, pitch: float, roll: float) -> tuple[float, float, float, float]:
    """The inverse of `head_angles`: `x y z w` in Unity's axes."""
    r = pose_matrix(yaw, pitch, roll)[:3, :3]
    w = math.sqrt(max(0.0, 1 + np.trace(r))) / 2
    if w < 1e-4:
        return 0.0, 1.0, 0.0, 0.0
    x, y, z = (r[2, 1] - r[1, 2]) / (4 * w), (r[0, 2] - r[2, 0]) / (4 * w), (r[1, 0] - r[0, 1]) / (4 * w)
    return float(x), float(-y), float(-z), float(w)


def encode(shapes: dict[str, float], head_deg: tuple[float, float, float], seconds: float) -> list[bytes]:
    """The packets of one moment, each at most `MOST_BYTES`; the last one applies the values."""
    x, y, z, w = head_quaternion(*head_deg)
    messages = [
        osc.encode("/VMC/Ext/OK", 1),
        osc.encode("/VMC/Ext/T", float(seconds)),
        osc.encode(BONE, "Head", 0.0, 0.0, 0.0, x, y, z, w),
        *(osc.encode(BLEND, name, float(value)) for name, value in shapes.items()),
        osc.encode(APPLY),
    ]
    return osc.bundles(messages, MOST_BYTES)


def _arguments(given: tuple, kinds: tuple[type, ...]) -> tuple:
    if len(given) != len(kinds):
        raise PacketError(f"{len(given)} values instead of {len(kinds)}")
    checked = []
    for value, kind in zip(given, kinds, strict=True):
        if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
            checked.append(float(value))
        elif kind is str and isinstance(value, str):
            checked.append(value)
        else:
            raise PacketError("a value of another type")
    return tuple(checked)
