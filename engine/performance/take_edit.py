"""Everything laid over one raw take, as one immutable value: each change makes another, so undo is exact."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from engine.controls import ControlSchema
from engine.errors import MouthpieceError, ProjectError
from engine.performance import clips as cuts
from engine.performance.camera_path import CameraPath
from engine.performance.clips import Clip, Clips, TimeMap
from engine.performance.eyes import Blink, Gaze, apply_blinks, apply_gazes, blinks_of, gazes_of
from engine.performance.layers import EditLayer, apply_layers

MAX_LAYERS = 1_000


@dataclass(frozen=True)
class TakeEdit:
    """The edit of one take; times are seconds on the edited line, which begins at 0.

    Attributes:
        clips: which parts of the raw take are seen; empty for the whole.
        layers: lowest first.
        blinks, gazes: None leaves lids and eyes as performed; a track, even an empty one, takes them over.
        camera: its keys; empty for the camera as performed.
        first, last: in and out point, None for the ends.
        ignored_lips: moments of the lip check that the user let pass.
    """

    clips: Clips = ()
    layers: tuple[EditLayer, ...] = ()
    blinks: tuple[Blink, ...] | None = None
    gazes: tuple[Gaze, ...] | None = None
    camera: CameraPath = field(default_factory=CameraPath)
    first: float | None = None
    last: float | None = None
    ignored_lips: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("blinks", "gazes"):  # marks stand in order, one at a time
            marks = getattr(self, name)
            if marks:
                by_time = {mark.time: mark for mark in marks}
                object.__setattr__(self, name, tuple(by_time[time] for time in sorted(by_time)))

    @property
    def is_empty(self) -> bool:
        return self == TakeEdit()

    # Layers

    def layer(self, identity: str) -> EditLayer:
        """The layer of an id. Raises ProjectError if there is none."""
        found = next((layer for layer in self.layers if layer.id == identity), None)
        if found is None:
            raise ProjectError(f"{identity!r}: the take has no such layer.")
        return found

    def free_id(self) -> str:
        """An id for a new layer that no layer of this edit has."""
        used = {layer.id for layer in self.layers}
        return next(name for n in range(len(used) + 1) if (name := f"layer{n + 1}") not in used)

    def with_layer(self, layer: EditLayer) -> "TakeEdit":
        """The layer put in the place of the one with its id, else on top."""
        if any(other.id == layer.id for other in self.layers):
            return replace(self, layers=tuple(layer if o.id == layer.id else o for o in self.layers))
        if len(self.layers) >= MAX_LAYERS:
            raise ProjectError(f"a take has at most {MAX_LAYERS:,} layers; merge or delete some.")
        return replace(self, layers=(*self.layers, layer))

    def without_layer(self, identity: str) -> "TakeEdit":
        self.layer(identity)
        return replace(self, layers=tuple(layer for layer in self.layers if layer.id != identity))

    def moved_layer(self, identity: str, to: int) -> "TakeEdit":
        """The layer at another place in the pile, 0 the lowest."""
        layer = self.layer(identity)
        others = [o for o in self.layers if o.id != identity]
        others.insert(max(0, min(to, len(others))), layer)
        return replace(self, layers=tuple(others))

    # Time; `seconds` is always the raw take's length

    def seconds(self, seconds: float) -> float:
        """Length of the edited line."""
        return cuts.total(self.clips, seconds)

    def split(self, seconds: float, at: float) -> "TakeEdit":
        return replace(self, clips=cuts.split(self.clips, seconds, at))

    def ripple_cut(self, seconds: float, first: float, last: float) -> "TakeEdit":
        """Takes a stretch out; everything after it, keys and layers too, moves up."""
        return self._moved(*cuts.ripple_cut(self.clips, seconds, first, last))

    def lift(self, seconds: float, first: float, last: float) -> "TakeEdit":
        """Silences a stretch in place."""
        return replace(self, clips=cuts.lift(self.clips, seconds, first, last))

    def trim(self, seconds: float, first: float, last: float) -> "TakeEdit":
        """Keeps a stretch only."""
        return self._moved(*cuts.trim(self.clips, seconds, first, last))

    def retime(self, seconds: float, first: float, last: float, speed: float) -> "TakeEdit":
        """Plays a stretch at another speed; keys inside stay on what they were set on."""
        return self._moved(*cuts.retime(self.clips, seconds, first, last, speed))

    def _moved(self, clips: Clips, move: TimeMap) -> "TakeEdit":
        moved = tuple(made for layer in self.layers if (made := _moved_layer(layer, move)) is not None)
        return replace(
            self, clips=clips, layers=moved, camera=self.camera.mapped(move), blinks=_moved_marks(self.blinks, move),
            gazes=_moved_marks(self.gazes, move), first=_moved_end(self.first, move), last=_moved_end(self.last, move),
            ignored_lips=tuple(time for old in self.ignored_lips if (time := move(old)) is not None),
        )  # fmt: skip

    # The result

    def apply(
        self, schema: ControlSchema, times: np.ndarray, values: np.ndarray,
        regions: Mapping[str, np.ndarray] | None = None,
    ) -> np.ndarray:  # fmt: skip
        """The edited performance.

        Args:
            times: of the edited line, `[T]`, evenly spaced.
            values: what the face does there without layers, `[T, C]`.
            regions: see `apply_layers`.
        """
        values = apply_layers(self.layers, schema, times, values, regions)
        if self.blinks is not None:
            values = apply_blinks(self.blinks, schema, times, values)
        if self.gazes is not None:
            values = apply_gazes(self.gazes, schema, times, values)
        return np.asarray(values, dtype=np.float32)

    # JSON

    def to_json(self) -> dict[str, Any]:
        return {
            "clips": [clip.to_json() for clip in self.clips],
            "layers": [layer.to_json() for layer in self.layers],
            "blinks": None if self.blinks is None else [blink.to_json() for blink in self.blinks],
            "gazes": None if self.gazes is None else [gaze.to_json() for gaze in self.gazes],
            "camera": self.camera.to_json(),
            "first": self.first,
            "last": self.last,
            "ignored_lips": list(self.ignored_lips),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "TakeEdit":
        """Reads what `to_json` gave. Raises ProjectError if it is damaged."""
        try:
            if len(row["layers"]) > MAX_LAYERS:
                raise ValueError(f"{len(row['layers']):,} layers")
            return cls(
                clips=tuple(Clip.from_json(clip) for clip in row["clips"]),
                layers=tuple(EditLayer.from_json(layer) for layer in row["layers"]),
                blinks=None if row["blinks"] is None else blinks_of(row["blinks"]),
                gazes=None if row["gazes"] is None else gazes_of(row["gazes"]),
                camera=CameraPath.from_json(row["camera"]),
                first=_number_or_none(row["first"]),
                last=_number_or_none(row["last"]),
                ignored_lips=tuple(float(time) for time in row["ignored_lips"]),
            )
        except ProjectError:
            raise
        except (KeyError, TypeError, ValueError, MouthpieceError) as error:
            raise ProjectError(f"the edit of a take cannot be read ({error}).") from error


def _moved_layer(layer: EditLayer, move: TimeMap) -> EditLayer | None:
    """A layer after a change of time; None when nothing of it is left."""
    start, end = move.from_after(layer.start), move.from_before(layer.end)
    if start is None or end is None or end - start <= 0:
        return None
    curves = {name: curve.mapped(move) for name, curve in layer.curves.items()}
    return replace(layer, start=start, end=end, curves={name: curve for name, curve in curves.items() if len(curve)})


def _moved_marks(marks, move: TimeMap):
    if marks is None:
        return None
    moved = ((move(mark.time), mark) for mark in marks)
    return tuple(replace(mark, time=time) for time, mark in moved if time is not None)


def _moved_end(time: float | None, move: TimeMap) -> float | None:
    return None if time is None else move(time)


def _number_or_none(value: Any) -> float | None:
    if value is None:
        return None
    number = float(value)
    if not np.isfinite(number):
        raise ValueError(f"{number} is no moment")
    return number
