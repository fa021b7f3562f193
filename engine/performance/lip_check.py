"""Lip check: /p b m/ whose lips stay open, and silences whose lips move; each with a layer that mends it."""

from dataclasses import dataclass

import numpy as np

from engine.controls import ControlSchema
from engine.parts.common_fit import COMMON_NAMES, CommonFit
from engine.performance.curve import Curve, Key
from engine.performance.layers import EditLayer, LayerKind, region_controls

CLOSED_SHARE = 0.15
"""Lips count as closed below this part of the range they move over in the take."""

MOVING_SHARE = 0.25
SILENCE_PEAK = 0.012
SILENCE_MIN_S = 0.35
SETTLE_S = 0.12
"""What lips may still do after the last sound and before the next: they are not checked there."""

CLOSURE_S = 0.06
"""How long lips stay together for a /p b m/."""

JAW_LABELS = ("Jaw opens", "Lips part", "Lower lip down")
CLOSING = "pp"


@dataclass(frozen=True)
class Phone:
    """A stretch of the voice that sounds like one viseme class."""

    start: float
    end: float
    name: str

    @property
    def closes_lips(self) -> bool:
        return self.name == CLOSING


@dataclass(frozen=True)
class LipFlag:
    """One thing to look at.

    Attributes:
        kind: `open` for a closure that stays open, `moving` for a silence in which the lips move.
        at: the moment that shows it best; phone_at: the start of the phone.
    """

    kind: str
    start: float
    end: float
    at: float
    phone_at: float = -1.0

    @property
    def words(self) -> str:
        return "Lips open on p, b or m" if self.kind == "open" else "Lips move in silence"


def lip_opening(schema: ControlSchema, values: np.ndarray, fit: CommonFit | None) -> np.ndarray:
    """How far the lips are apart, `[T]`, from 0: by the avatar's fit, else by the control that opens the jaw."""
    if fit is not None:
        common = fit.common_of(values - schema.column("neutral"))
        jaw, close = (common[:, COMMON_NAMES.index(name)] for name in ("jawOpen", "mouthClose"))
        return np.maximum(jaw - close, 0.0)
    index = jaw_control(schema)
    return np.zeros(len(values)) if index is None else values[:, index] - values[:, index].min(initial=0.0)


def jaw_control(schema: ControlSchema) -> int | None:
    """The control that opens the mouth, by its name or its label."""
    for name in ("jaw.open", "jawOpen", "au.26"):
        if name in schema:
            return schema.index(name)
    lips = [i for i, spec in enumerate(schema) if spec.group == "lip"]
    named = [i for i in lips if schema.specs[i].label in JAW_LABELS]
    return (named or lips or [None])[0]


def check_lips(
    times: np.ndarray, opening: np.ndarray, phones: tuple[Phone, ...], peaks: np.ndarray, peaks_hz: float,
    ignored: tuple[float, ...] = (),
) -> tuple[list[LipFlag], list[float]]:  # fmt: skip
    """What is wrong, and the moments of closures that are fine.

    Args:
        opening: `[T]` at times `[T]`; phones: on the same line of time.
        peaks: of the voice, 0 to 1, `peaks_hz` a second.
        ignored: moments the user let pass.
    """
    if not len(times):
        return [], []
    low, high = np.percentile(opening, [2, 98])
    closed, moving = low + CLOSED_SHARE * (high - low), MOVING_SHARE * (high - low)
    flags, fine = [], []
    for phone in phones:
        if not phone.closes_lips:
            continue
        inside = (times >= phone.start - 0.04) & (times <= phone.end + 0.04)
        if not inside.any():
            continue
        at = float(times[inside][np.argmin(opening[inside])])
        if opening[inside].min() > closed and high > low:
            flags.append(LipFlag("open", phone.start, phone.end, at, phone.start))
        else:
            fine.append(at)
    for start, end in silences(peaks, peaks_hz):
        inside = (times >= start + SETTLE_S) & (times <= end - SETTLE_S)
        if inside.any() and np.ptp(opening[inside]) > moving and high > low:
            at = float(times[inside][np.argmax(opening[inside])])
            flags.append(LipFlag("moving", start, end, at))
    kept = [flag for flag in flags if all(abs(flag.at - time) > 0.05 for time in ignored)]
    return sorted(kept, key=lambda flag: flag.start), fine


def silences(peaks: np.ndarray, peaks_hz: float) -> list[tuple[float, float]]:
    """Stretches of a voice in which nothing is said, in seconds."""
    quiet = np.concatenate([[False], peaks < SILENCE_PEAK, [False]])
    edges = np.flatnonzero(np.diff(quiet.astype(int)))
    spans = edges.reshape(-1, 2) / peaks_hz
    return [(float(a), float(b)) for a, b in spans if b - a >= SILENCE_MIN_S]


def mend(
    flag: LipFlag, identity: str, schema: ControlSchema, times: np.ndarray, values: np.ndarray, fit: CommonFit | None
) -> EditLayer:
    """A layer that closes the lips where a flag says they should be."""
    lips = region_controls(schema, "lips")
    if flag.kind == "moving":
        still = {schema.specs[i].name: Curve((Key(flag.start, 0.0),)) for i in lips}
        fade = min(SETTLE_S, (flag.end - flag.start) / 3)
        return EditLayer(identity, "Still lips", LayerKind.SCALE, flag.start, flag.end, fade, fade, curves=still)
    row = int(np.argmin(np.abs(times - flag.at)))
    moves = _closing_moves(schema, values[row], fit, lips)
    half, shoulder = CLOSURE_S / 2, CLOSURE_S / 2 + 0.05
    curves = {}
    for index, move in moves.items():
        keys = [(flag.at - shoulder, 0.0), (flag.at - half, move), (flag.at + half, move), (flag.at + shoulder, 0.0)]
        curves[schema.specs[index].name] = Curve(tuple(Key(max(0.0, at), value) for at, value in keys))
    start = max(0.0, flag.at - shoulder)
    return EditLayer(identity, "Closed lips", LayerKind.ADD, start, flag.at + shoulder, curves=curves)


def _closing_moves(
    schema: ControlSchema, values: np.ndarray, fit: CommonFit | None, lips: np.ndarray
) -> dict[int, float]:
    """By how much each lip control must move so that the lips touch."""
    if fit is None:
        index = jaw_control(schema)
        return {} if index is None else {index: float(min(schema.specs[index].low, 0.0) - values[index])}
    neutral = schema.column("neutral")
    common = fit.common_of(values - neutral)
    wanted = np.zeros_like(common)
    jaw, close = COMMON_NAMES.index("jawOpen"), COMMON_NAMES.index("mouthClose")
    wanted[jaw] = -max(0.0, float(common[jaw] - common[close]))
    own = wanted @ fit.from_common[:-1]
    back = (own[lips] @ fit.to_common[lips])[[jaw, close]]  # what these moves really do; scaled until lips touch
    achieved = -(back[0] - back[1])
    scale = np.clip(-wanted[jaw] / achieved, 0.5, 3.0) if achieved > 1e-6 else 1.0
    return {int(i): float(scale * own[i]) for i in lips if abs(own[i]) > 1e-4}
