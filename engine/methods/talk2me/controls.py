"""What a Talk2Me avatar can be asked to do: coefficients of its head model, eye aspect ratios, gains, settings."""

from dataclasses import dataclass

import numpy as np

from engine.controls import Combine, ControlSpec, SettingSpec
from engine.parts.common_fit import EXPRESSION_WORDS, PLAIN_WORDS
from engine.parts.head_pose import head_motion
from engine.vocabulary import ARKIT_52, ARKIT_INDEX

EARS = ("au.45l", "au.45r")
"""The eye aspect ratios, as far as they are shut: what every avatar's blink is called by."""
WIDE, SHUT = -0.3, 1.1  # least and most of an eye's way from open to shut
LEAST_SPAN = 0.03
SPAN_GIVE = 0.5
"""Of a coefficient's range in training, how far a slider goes beyond it either way."""
FACE_PARTS = {
    "lips": ("Lips and jaw", ("jaw", "mouth", "tongue")),
    "cheeks": ("Cheeks", ("cheek", "nose")),
    "brows": ("Brows", ("brow",)),
    "eyes": ("Eyes", ("eye",)),
    "other": ("Expression", ("",)),
}
"""Groups of coefficients by the beginnings of their names."""
GAIN_WORDS = "How strongly what the voice asks of them is shown; 0 holds them at rest."
REGION_WORDS = {
    "region.near": ("Expression's own region", "How far from the landmarks the expression alone moves the face."),
    "region.far": ("Expression's reach", "How far from the landmarks the expression has a say at all."),
}
EMOTIONS = ("0", "0.5", "1", "1.5", "2")
MIXES = {"learned": None, "global": 0.0, "even": 0.5, "regional": 1.0}


@dataclass(frozen=True)
class EyeScale:
    """Eye aspect ratios and how far they are shut.

    Attributes:
        open: ratio of the open eye, left and right `[2]`; span: open less shut `[2]`.
    """

    open: np.ndarray
    span: np.ndarray

    def shut(self, ear: np.ndarray) -> np.ndarray:
        """Ratios `[..., 2]` -> 0 open, 1 shut."""
        return ((self.open - ear) / self.span).astype(np.float32)

    def ear(self, shut: np.ndarray) -> np.ndarray:
        return (self.open - self.span * shut).astype(np.float32)


def eye_scale(ear: np.ndarray, blinks: np.ndarray) -> EyeScale:
    """Fitted to tracks of the ratios and of the blinks, 0 to 1, `[T, 2]` each; where no eye blinks, to the ratios."""
    open_, span = np.zeros(2), np.zeros(2)
    for k in range(2):
        spread = blinks[:, k].std()
        slope = np.cov(ear[:, k], blinks[:, k])[0, 1] / spread**2 if spread > 0.02 else 0.0
        open_[k] = ear[:, k].mean() - slope * blinks[:, k].mean() if slope < 0 else np.quantile(ear[:, k], 0.7)
        span[k] = max(LEAST_SPAN, -slope if slope < 0 else open_[k] - np.quantile(ear[:, k], 0.005))
    return EyeScale(open_.astype(np.float32), span.astype(np.float32))


def part_of(name: str) -> str:
    """The part of the face (`FACE_PARTS`) a coefficient moves."""
    return next(part for part, (_, starts) in FACE_PARTS.items() if name.startswith(starts))


def group_of(name: str) -> str:
    """The control group of a coefficient."""
    if part_of(name) == "lips" or name == "cheekPuff":
        return "lip"
    return "au" if name.startswith("eyeLook") else "expression"


def ordered(names: tuple[str, ...]) -> list[int]:
    """The order coefficients stand in as controls: lips, expression, then gaze."""
    return sorted(range(len(names)), key=lambda i: (("lip", "expression", "au").index(group_of(names[i])), i))


def coefficient_specs(names: tuple[str, ...], tracks: np.ndarray) -> list[ControlSpec]:
    """Controls of coefficients, counted from the face at rest.

    Args:
        tracks: over the training frames, less rest, `[T, E]`.
    """
    specs = []
    for i, name in enumerate(names):
        low, high = (min(0.0, float(v)) if k == 0 else max(0.0, float(v))
                     for k, v in enumerate(np.quantile(tracks[:, i], [0.005, 0.995])))  # fmt: skip
        give = SPAN_GIVE * (high - low) + 0.02
        specs.append(ControlSpec(
            name, group_of(name), label_of(name), f"The head model's {name}, from the face at rest.", low - give,
            high + give, low=low, high=high, mirror=_mirror(name, names),
        ))  # fmt: skip
    return specs


def eye_specs(scale: EyeScale, tracks: np.ndarray) -> list[ControlSpec]:
    """Controls of both eyes; `tracks` `[T, 2]`, how far they are shut."""
    specs = []
    for k, (name, side) in enumerate(zip(EARS, ("left", "right"), strict=True)):
        low, high = np.clip(np.quantile(tracks[:, k], [0.005, 0.995]), WIDE, SHUT)
        words = (
            f"Eye aspect ratio of the person's {side} eye: 0 is open ({scale.open[k]:.2f}), 1 shut "
            f"({scale.open[k] - scale.span[k]:.2f}), below 0 wide open."
        )
        specs.append(ControlSpec(name, "au", f"Eye shuts, {side}", words, WIDE, SHUT, low=float(min(low, 0)),
                                 high=float(max(high, 0)), mirror=EARS[1 - k]))  # fmt: skip
    return specs


def gain_specs(names: tuple[str, ...]) -> tuple[ControlSpec, ...]:
    """A gain for each part of the face that has coefficients, and the reach of the expression."""
    parts = [part for part in FACE_PARTS if any(part_of(name) == part for name in names)]
    gains = [
        ControlSpec(f"gain.{part}", "motion", FACE_PARTS[part][0], GAIN_WORDS, 0.0, 2.0, 1.0, combine=Combine.SCALE,
                    low=0.0, high=1.5)
        for part in parts
    ]  # fmt: skip
    regions = [
        ControlSpec(name, "motion", label, words, 0.5, 2.0, 1.0, combine=Combine.SCALE, low=0.7, high=1.5)
        for name, (label, words) in REGION_WORDS.items()
    ]
    return (*gains, *regions)


def driver_settings(n_frames: int, typical: int) -> tuple[SettingSpec, ...]:
    """Settings of the Expression Generator.

    Args:
        n_frames: kept of the training clip; typical: the one whose manner is followed unless another is chosen.
    """
    return (
        SettingSpec("emotion", "choice", "1", "Emotion", "How strongly the manner of speaking colours the face.",
                    EMOTIONS, "driver"),
        SettingSpec("mix", "choice", "learned", "Regional or global",
                    "Which branch of the generator is shown: one for each region, one for the whole face, or both as "
                    "learned.", tuple(MIXES), "driver"),
        SettingSpec("style_frame", "integer", typical, "Style frame",
                    f"The frame of the training clip, 0 to {n_frames - 1}, whose manner is followed.", (), "driver",
                    0, n_frames - 1),
    )  # fmt: skip


def pose_codes(poses: np.ndarray) -> np.ndarray:
    """Head poses `[T, 6]` (`POSE_NAMES`) as the network sees them: rotation vector in radians, head heights."""
    rows = [(*(angle * axis), *move) for axis, angle, move in map(head_motion, poses)]
    return np.array(rows, dtype=np.float32).reshape(-1, 6)


def arkit_of(names: tuple[str, ...], eyes: EyeScale, expression: np.ndarray) -> np.ndarray:
    """Expressions with their eye aspect ratios `[T, E + 2]` as ARKit-52 scores `[T, 52]`; what is no ARKit shape, as
    FLAME's coefficients, is left out."""
    scores = np.zeros((len(expression), len(ARKIT_52)), np.float32)
    for i, name in enumerate(names):
        if name in ARKIT_INDEX:
            scores[:, ARKIT_INDEX[name]] = expression[:, i]
    scores[:, [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]] = eyes.shut(expression[:, len(names) :])
    return scores.clip(0, 1)


def label_of(name: str) -> str:
    """Plain words for a coefficient of a head model."""
    base, side = name, ""
    for ending in ("Left", "Right"):
        if name.endswith(ending) and name.removesuffix(ending) in PLAIN_WORDS | EXPRESSION_WORDS:
            base, side = name.removesuffix(ending), f", {ending.lower()}"
    words = PLAIN_WORDS.get(base) or EXPRESSION_WORDS.get(base)
    return f"{words[0]}{side}" if words else name


def _mirror(name: str, names: tuple[str, ...]) -> str | None:
    for one, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(one) and (twin := name.removesuffix(one) + other) in names:
            return twin
    return None
