"""The common vocabulary every avatar can be spoken to in: ARKit-52 blendshapes, action units and head pose."""

from dataclasses import dataclass

ARKIT_52 = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel",
    "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft",
    "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft",
    "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft",
    "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
"""The 52 names in Live Link Face order (index 0 to 51)."""

ARKIT_INDEX = {name: index for index, name in enumerate(ARKIT_52)}


@dataclass(frozen=True)
class ActionUnit:
    """One FACS action unit, intensity 0 to 1, and the ARKit shapes whose mean stands in for it."""

    name: str
    label: str
    description: str
    shapes: tuple[str, ...]
    mirror: str | None = None


ACTION_UNITS = (
    ActionUnit("au.01", "Inner brow raises", "FACS 1: the inner ends of the brows go up, as in worry",
               ("browInnerUp",)),
    ActionUnit("au.02", "Outer brow raises", "FACS 2: the outer ends of the brows go up, as in surprise",
               ("browOuterUpLeft", "browOuterUpRight")),
    ActionUnit("au.04", "Brow lowers", "FACS 4: the brows come down and together, as in a frown",
               ("browDownLeft", "browDownRight")),
    ActionUnit("au.05", "Upper lid raises", "FACS 5: the eyes open wide", ("eyeWideLeft", "eyeWideRight")),
    ActionUnit("au.06", "Cheek raises", "FACS 6: the cheeks push up under the eyes",
               ("cheekSquintLeft", "cheekSquintRight")),
    ActionUnit("au.07", "Lid tightens", "FACS 7: the lids narrow", ("eyeSquintLeft", "eyeSquintRight")),
    ActionUnit("au.12", "Smile", "FACS 12: the corners of the mouth go up", ("mouthSmileLeft", "mouthSmileRight")),
    ActionUnit("au.15", "Frown", "FACS 15: the corners of the mouth go down", ("mouthFrownLeft", "mouthFrownRight")),
    ActionUnit("au.17", "Chin raises", "FACS 17: the chin pushes the lower lip up",
               ("mouthShrugLower", "mouthShrugUpper")),
    ActionUnit("au.20", "Lips stretch", "FACS 20: the corners of the mouth go sideways",
               ("mouthStretchLeft", "mouthStretchRight")),
    ActionUnit("au.26", "Jaw drops", "FACS 26: the jaw opens, on top of what the voice does", ("jawOpen",)),
    ActionUnit("au.45", "Blink", "FACS 45: both lids close", ("eyeBlinkLeft", "eyeBlinkRight")),
    ActionUnit("au.45l", "Blink left", "FACS 45, the person's left eye", ("eyeBlinkLeft",), "au.45r"),
    ActionUnit("au.45r", "Blink right", "FACS 45, the person's right eye", ("eyeBlinkRight",), "au.45l"),
    ActionUnit("au.61", "Eyes turn left", "FACS 61: both eyes look to the person's left",
               ("eyeLookOutLeft", "eyeLookInRight"), "au.62"),
    ActionUnit("au.62", "Eyes turn right", "FACS 62: both eyes look to the person's right",
               ("eyeLookInLeft", "eyeLookOutRight"), "au.61"),
    ActionUnit("au.63", "Eyes up", "FACS 63: both eyes look up", ("eyeLookUpLeft", "eyeLookUpRight")),
    ActionUnit("au.64", "Eyes down", "FACS 64: both eyes look down", ("eyeLookDownLeft", "eyeLookDownRight")),
)  # fmt: skip

ACTION_UNIT = {unit.name: unit for unit in ACTION_UNITS}

AU_PRESETS = {
    "paper": ("au.01", "au.04", "au.05", "au.06", "au.07", "au.45"),
    "shipped": ("au.01", "au.02", "au.04", "au.05", "au.06", "au.07", "au.12", "au.15", "au.17", "au.20", "au.26",
                "au.45l", "au.45r", "au.61", "au.62", "au.63", "au.64"),
}  # fmt: skip
"""Which action units an avatar hears: the six of the EmbedTalk paper, or the wider set of the shipped avatars."""

POSE_NAMES = ("pose.yaw", "pose.pitch", "pose.roll", "pose.x", "pose.y", "pose.z")
"""Head pose: degrees (yaw to the person's left, pitch up, roll to the person's right shoulder), then head heights."""

LIP_PARTS = ("jaw", "mouth", "tongue", "cheekPuff")
"""How the names of coefficients begin that move lips and jaw, in every head model's vocabulary."""
