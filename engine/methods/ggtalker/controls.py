"""What a GGTalker avatar can be asked to do: the head model's coefficients, a blink, the jaw's gain, and settings."""

import re

import numpy as np

from engine.controls import Combine, ControlSpec, SettingSpec
from engine.vocabulary import ACTION_UNIT, LIP_PARTS

BLINK, JAW_GAIN = "au.45", "jaw.gain"
EYE_PARTS = ("eyeBlink", "eyeLook")
GUIDANCES = ("0", "1", "1.15", "2", "4")
STEPS = ("2", "4", "8", "16", "50")
SEEDS = ("0", "1", "2", "3", "4")
VARIETIES, VARIETY = ("0", "40", "70", "100"), "40"
OVERLAYS = ("none", "triangles", "map")

GAINS = (
    ControlSpec(JAW_GAIN, "motion", "Jaw", "How far the jaw opens, voice and sliders alike; 0 keeps it shut.",
                0.0, 2.0, 1.0, combine=Combine.SCALE, low=0.0, high=1.5),
)  # fmt: skip


def face_specs(names: tuple[str, ...], tracks: np.ndarray, head: str) -> list[ControlSpec]:
    """Controls for the head model's coefficients, those of the mouth first, by how much the film uses them.

    Args:
        names: of the coefficients; tracks: their values in training `[T, E]`; head: the model's name, for tooltips.
    """
    specs, spread = [], dict(zip(names, tracks.std(axis=0), strict=True))
    for name, (low, high) in zip(names, np.quantile(tracks, [0.005, 0.995], axis=0).T, strict=True):
        group = "lip" if name.startswith(LIP_PARTS) else "au" if name.startswith(EYE_PARTS) else "expression"
        mirror = name.replace("Left", "Right") if "Left" in name else name.replace("Right", "Left")
        low, high = float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))
        specs.append(ControlSpec(
            name, group, plain_label(name), f"The shape {name} of {head}, on top of the voice.", 0.0, 1.0, low=low,
            high=max(low, high), mirror=mirror if mirror != name and mirror in names else None,
        ))  # fmt: skip
    blink = ACTION_UNIT[BLINK]
    words = f"{blink.description}; the more closed of voice and you counts."
    specs.append(ControlSpec(BLINK, "au", blink.label, words))
    return sorted(specs, key=lambda spec: -spread[spec.name] if spec.group == "lip" else 1)


def settings(speakers: tuple[str, ...], has_inpainter: bool, live_steps: int) -> tuple[SettingSpec, ...]:
    """The typed settings of an avatar."""
    specs = [
        SettingSpec("guidance", "choice", "1.15", "Guidance", "How strictly the face obeys the voice; 0 ignores it.",
                    GUIDANCES, "driver"),
        SettingSpec("steps", "choice", str(live_steps), "Steps", "Of the sampling: more is finer and slower.",
                    STEPS, "driver"),
        SettingSpec("seed", "choice", SEEDS[0], "Seed", "The same voice moves another way.", SEEDS, "driver"),
        SettingSpec("variety", "choice", VARIETY, "Variety",
                    "Percent of the chance it was taught with: 0 keeps closest to the voice.", VARIETIES, "driver"),
        SettingSpec("colors", "switch", True, "Colours follow the face",
                    "Wrinkles and blood: what the expression does to colours.", (), "animate"),
    ]  # fmt: skip
    if len(speakers) > 1:
        for name, label in (("speaker", "Speaks like"), ("second_speaker", "and half like")):
            words = "Whose way of moving the face follows; two are mixed."
            specs.append(SettingSpec(name, "choice", speakers[0], label, words, speakers, "driver"))
    if has_inpainter:
        specs.append(SettingSpec("inpainter", "switch", True, "Mend the rim",
                                 "A network closes what is left between head and body.", (), "compose"))  # fmt: skip
    specs.append(SettingSpec("overlay", "choice", "none", "Overlay", "Shows triangles or places in the map.",
                             OVERLAYS, "animate"))  # fmt: skip
    return tuple(specs)


def plain_label(name: str) -> str:
    """`mouthSmileLeft` as a person reads it: Smile left. What says no more without its first word keeps it."""
    first, *rest = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower().split(" ")
    words = " ".join(rest if first == "mouth" and rest not in (["left"], ["right"]) else [first, *rest])
    return words[:1].upper() + words[1:]
