"""Correction layers: what is laid over the raw performance without touching it, over stretches of time that fade."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from engine.controls import ControlSchema
from engine.errors import ProjectError
from engine.performance.curve import Curve

MAX_SMOOTH_MS = 2_000.0
MAX_STRENGTH = 2.0

REGIONS = {
    "lips": ("jaw", "mouth", "tongue", "au.12", "au.15", "au.17", "au.20", "au.26"),
    "brows": ("brow", "au.01", "au.02", "au.04"),
    "eyes": ("eye", "au.05", "au.07", "au.45", "gaze."),
    "cheeks": ("cheek", "nose", "au.06"),
    "head": ("pose.",),
}
"""Part of the face to the beginnings of the common vocabulary's names that belong to it."""

GROUP_REGION = {"lip": "lips", "pose": "head"}
"""Groups of controls that are a region as a whole, whatever their controls are called."""


class LayerKind(enum.StrEnum):
    """What a layer does to the value below it: plus, in its place, times (about neutral), smoothed, another take's."""

    ADD = "add"
    OVERRIDE = "override"
    SCALE = "scale"
    SMOOTH = "smooth"
    REGION = "region"


@dataclass(frozen=True)
class EditLayer:
    """One layer; times are seconds of the edited take.

    Attributes:
        id: unique in the take.
        curves: control name to curve, for `add`, `override` and `scale` (1 changes nothing there).
        start, end: where it acts; fade_in, fade_out: seconds inside them over which it comes and goes.
        strength: 0 to 2.
        controls: names that `smooth` acts on; empty for all.
        smooth_ms: standard deviation of the smoothing.
        region, source, source_offset: a key of `REGIONS`, the take it comes from (its key) and that take's moment at
            this take's 0.
    """

    id: str
    name: str
    kind: LayerKind
    start: float
    end: float
    fade_in: float = 0.0
    fade_out: float = 0.0
    strength: float = 1.0
    is_muted: bool = False
    is_soloed: bool = False
    curves: Mapping[str, Curve] = field(default_factory=dict)
    controls: tuple[str, ...] = ()
    smooth_ms: float = 120.0
    region: str = ""
    source: str = ""
    source_offset: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.start, self.end, self.fade_in, self.fade_out, self.strength, self.smooth_ms, self.source_offset)
        if not np.isfinite(numbers).all() or self.end <= self.start:
            raise ProjectError(f"{self.name}: {self.start:g} to {self.end:g} s is no stretch for a layer.")
        if min(self.fade_in, self.fade_out) < 0 or not 0 <= self.strength <= MAX_STRENGTH:
            raise ProjectError(f"{self.name}: fades are 0 or more, the strength is 0 to {MAX_STRENGTH:g}.")
        if not 0 <= self.smooth_ms <= MAX_SMOOTH_MS:
            raise ProjectError(f"{self.name}: {self.smooth_ms:g} ms of smoothing is not 0 to {MAX_SMOOTH_MS:g}.")
        if self.kind is LayerKind.REGION and self.region not in REGIONS:
            raise ProjectError(f"{self.region!r}: a region is one of {', '.join(REGIONS)}.")

    def weights(self, times: np.ndarray) -> np.ndarray:
        """How much it acts at times `[T]`: 0 outside, its strength inside, eased over the fades."""
        rising = _ease((times - self.start) / self.fade_in) if self.fade_in > 0 else (times >= self.start).astype(float)
        falling = _ease((self.end - times) / self.fade_out) if self.fade_out > 0 else (times <= self.end).astype(float)
        return self.strength * np.minimum(rising, falling)

    def with_curve(self, name: str, curve: Curve) -> "EditLayer":
        """The layer with a control's curve; an empty one takes the control out."""
        curves = {**self.curves, name: curve}
        if not len(curve):
            del curves[name]
        return replace(self, curves=curves)

    def to_json(self) -> dict[str, Any]:
        row = {name: getattr(self, name) for name in self.__dataclass_fields__}
        row["curves"] = {name: curve.to_json() for name, curve in self.curves.items()}
        row["controls"] = list(self.controls)
        row["kind"] = str(self.kind)
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "EditLayer":
        """Reads what `to_json` gave. Raises ProjectError if it is damaged."""
        try:
            fields = dict(row)
            fields["kind"] = LayerKind(fields["kind"])
            fields["curves"] = {str(name): Curve.from_json(rows) for name, rows in fields["curves"].items()}
            fields["controls"] = tuple(str(name) for name in fields["controls"])
            return cls(**fields)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProjectError(f"a layer cannot be read ({error}).") from error


def apply_layers(
    layers: tuple[EditLayer, ...], schema: ControlSchema, times: np.ndarray, values: np.ndarray,
    regions: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:  # fmt: skip
    """A performance with its layers, the first one lowest.

    Args:
        times: `[T]`, evenly spaced where a layer smooths.
        values: `[T, C]` over the schema.
        regions: layer id to what that layer's other take does at these times, `[T, C]`, for region layers; a layer
            that is not in it does nothing.

    Returns:
        float32 `[T, C]`, what was changed within the controls' limits; the very same array when no layer acts.
    """
    acting = _acting(layers)
    if not acting or not len(times):
        return values
    raw, values = values, values.astype(np.float64)
    neutral = schema.column("neutral").astype(np.float64)
    for layer in acting:
        weights = layer.weights(times)
        if not weights.any():
            continue
        if layer.kind is LayerKind.SMOOTH:
            _smooth(layer, schema, times, values, weights)
        elif layer.kind is LayerKind.REGION:
            _take_region(layer, schema, values, weights, (regions or {}).get(layer.id))
        else:
            for name, curve in layer.curves.items():
                for index in _indices(schema, name):
                    below = values[:, index]
                    target = _target(layer.kind, below, curve.at(times), neutral[index])
                    values[:, index] = below + weights * (target - below)
    made = values.astype(np.float32)
    return np.where(made == raw, raw, schema.clamp(made))


def region_controls(schema: ControlSchema, region: str) -> np.ndarray:
    """Indices of the controls that belong to a part of the face, by group and by name, int64."""
    begins = REGIONS[region]
    return np.array(
        [i for i, s in enumerate(schema) if GROUP_REGION.get(s.group) == region or s.name.startswith(begins)],
        dtype=np.int64,
    )


def _acting(layers: tuple[EditLayer, ...]) -> list[EditLayer]:
    soloed = [layer for layer in layers if layer.is_soloed and not layer.is_muted]
    return soloed or [layer for layer in layers if not layer.is_muted and layer.strength > 0]


def _target(kind: LayerKind, below: np.ndarray, curve: np.ndarray, neutral: float) -> np.ndarray:
    if kind is LayerKind.ADD:
        return below + curve
    if kind is LayerKind.OVERRIDE:
        return curve
    return neutral + (below - neutral) * curve


def _smooth(
    layer: EditLayer, schema: ControlSchema, times: np.ndarray, values: np.ndarray, weights: np.ndarray
) -> None:
    from scipy.ndimage import gaussian_filter1d  # scipy is slow to load, and the window must be quick to open

    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    if step <= 0 or layer.smooth_ms <= 0:
        return
    names = layer.controls or schema.names
    columns = sorted({index for name in names for index in _indices(schema, name)})
    smooth = gaussian_filter1d(values[:, columns], layer.smooth_ms * 1e-3 / step, axis=0, mode="nearest")
    values[:, columns] += weights[:, None] * (smooth - values[:, columns])


def _take_region(
    layer: EditLayer, schema: ControlSchema, values: np.ndarray, weights: np.ndarray, other: np.ndarray | None
) -> None:
    if other is None:
        return
    share = np.minimum(weights, 1.0)[:, None]
    columns = region_controls(schema, layer.region)
    values[:, columns] += share * (other[:, columns] - values[:, columns])


def _indices(schema: ControlSchema, name: str) -> list[int]:
    """Where a control stands; nowhere in an avatar that has no such control."""
    if name in schema:
        return [schema.index(name)]
    return [schema.index(f"{name}{side}") for side in ("l", "r") if f"{name}{side}" in schema]


def _ease(part: np.ndarray) -> np.ndarray:
    part = np.clip(part, 0.0, 1.0)
    return part * part * (3 - 2 * part)
