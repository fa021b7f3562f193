"""From the common vocabulary to an avatar's own controls and back, through its schema and its stored fit."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from app.panels.face_fit import read_shape_fit
from app.panels.presets import Expression, offsets
from engine.controls import ControlSchema
from engine.manifest import Manifest
from engine.vocabulary import ARKIT_52, ARKIT_INDEX

SMALL = 0.05
"""Shapes are tried this far, so that no limit bends what is linear."""
CLEAR = 0.05
POSE = ("pose.yaw", "pose.pitch", "pose.roll")
TO_COMMON = "fit.to_common"


@dataclass(frozen=True)
class Link:
    """One line of the map for a person: which controls a shape moves most.

    Attributes:
        moves: control labels with the part of their training range that the whole shape asks for, strongest first.
        explained: share of the shape's variance in training the avatar can show, None where it was not measured.
    """

    shape: str
    moves: tuple[tuple[str, float], ...]
    explained: float | None


class FaceMap:
    """Linear both ways; controls that nothing reaches are left out, so that the drive keeps them."""

    def __init__(self, manifest: Manifest, path: Path | None) -> None:
        self.schema: ControlSchema = manifest.schema
        fit = read_shape_fit(path, manifest)
        self._matrix = np.zeros((len(ARKIT_52), len(self.schema)))
        for i, shape in enumerate(ARKIT_52):
            expression = Expression(name=shape, shapes={shape: SMALL})
            for name, value in offsets(expression, self.schema, fit).items():
                self._matrix[i, self.schema.index(name)] = value / SMALL
        self._neutral = self.schema.column("neutral").astype(float)
        self._reached = np.flatnonzero(np.abs(self._matrix).max(axis=0) > 1e-6)
        self._explained = manifest.statistics.get("explained") or {}
        self._back = _to_shapes(path, len(self.schema))

    def controls(self, shapes: dict[str, float], head_deg: tuple[float, float, float] | None) -> dict[str, float]:
        """What a face from outside asks of each control it reaches, inside its limits."""
        vector = np.zeros(len(ARKIT_52))
        for name, value in shapes.items():
            if name in ARKIT_INDEX:
                vector[ARKIT_INDEX[name]] = value
        values = self.schema.clamp(self._neutral + vector @ self._matrix)
        asked = {self.schema.specs[i].name: float(values[i]) for i in self._reached}
        for name, angle in zip(POSE, head_deg or (), strict=False):
            if name in self.schema:
                spec = self.schema.specs[self.schema.index(name)]
                asked[name] = min(max(float(angle), spec.minimum), spec.maximum)
        return asked

    def shapes(self, result: np.ndarray) -> dict[str, float]:
        """The face's controls `[C]` in the common words, 0 to 1; empty where the avatar holds no fit."""
        if self._back is None or len(result) != len(self.schema):
            return {}
        common = (result - self._neutral) @ self._back[:-1] + self._back[-1]
        return {name: float(min(1.0, max(0.0, value))) for name, value in zip(ARKIT_52, common, strict=True)}

    def head_deg(self, result: np.ndarray) -> tuple[float, float, float]:
        """Yaw, pitch and roll of the head among the controls, degrees."""
        return tuple(float(result[self.schema.index(name)]) if name in self.schema else 0.0 for name in POSE)

    def links(self) -> list[Link]:
        """The whole map in words."""
        reach = np.maximum(self.schema.column("high") - self._neutral, self._neutral - self.schema.column("low"))
        links = []
        for i, shape in enumerate(ARKIT_52):
            parts = self._matrix[i] / np.maximum(reach, 1e-6)
            strongest = np.argsort(-np.abs(parts))[:3]
            moves = tuple((self.schema.specs[c].label, float(parts[c])) for c in strongest if abs(parts[c]) > CLEAR)
            explained = self._explained.get(shape)
            links.append(Link(shape, moves, float(explained) if isinstance(explained, int | float) else None))
        return links


def _to_shapes(path: Path | None, n_controls: int) -> np.ndarray | None:
    """The fit from controls to the 52 shapes with its constant last, `[C + 1, 52]`; None where there is none."""
    if path is None:
        return None
    try:
        with safe_open(str(path), framework="np") as file:
            if TO_COMMON not in file.keys():  # noqa: SIM118  (safe_open is no mapping)
                return None
            shape = list(file.get_slice(TO_COMMON).get_shape())
            if shape[0] != n_controls + 1 or shape[1] < len(ARKIT_52):
                return None
            fit = file.get_tensor(TO_COMMON)[:, : len(ARKIT_52)].astype(np.float64)
    except (OSError, SafetensorError, ValueError, TypeError, IndexError):
        return None
    return fit if np.isfinite(fit).all() else None
