"""Which splats a slider moves, and how far: the face at the ends of a control's training range against rest."""

from typing import Any

import numpy as np
import torch

from engine.camera import Camera
from engine.controls import Controls
from engine.gaussians import Gaussians
from engine.methods.base import Avatar

MOVES_MM = 0.1
"""Less than this is no movement a person could see."""


def rest_layers(avatar: Avatar, camera: Camera) -> list[Gaussians]:
    """The avatar at rest, every control at neutral."""
    return deformed(avatar, avatar.schema.rest(), camera)


def deformed(avatar: Avatar, controls: Controls, camera: Camera) -> list[Gaussians]:
    return avatar.deform(avatar.animate(controls), camera)


def joined_means(layers: list[Gaussians]) -> np.ndarray:
    """All centres in one, `[N, 3]` float32 on the CPU."""
    return torch.cat([layer.means for layer in layers]).detach().cpu().numpy()


def reach_mm(avatar: Avatar, name: str, camera: Camera) -> np.ndarray:
    """How far each splat moves at most when one control goes through its training range, `[N]` float32, mm."""
    schema = avatar.schema
    spec = schema.specs[schema.index(name)]
    still = joined_means(rest_layers(avatar, camera))
    moved = np.zeros(len(still), np.float32)
    for end in (spec.low, spec.high):
        if end == spec.neutral:
            continue
        controls = schema.rest()
        controls.values[schema.index(name)] = end
        means = joined_means(deformed(avatar, controls, camera))
        np.maximum(moved, np.linalg.norm(means - still, axis=1), out=moved)
    return moved * head_height_mm(avatar.manifest)


def head_height_mm(manifest: Any) -> float:
    """What one world unit is in millimetres; 240 where nothing is known."""
    return float(manifest.units.get("head_height_mm", 240.0)) or 240.0
