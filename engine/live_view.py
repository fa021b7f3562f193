"""Ways to look at an avatar while it performs: what of it is drawn, and how the drawing becomes a picture."""

from dataclasses import replace

import numpy as np
import torch

from engine.camera import Camera
from engine.controls import Controls
from engine.errors import AvatarError
from engine.gaussians import Gaussians
from engine.methods.base import Avatar
from engine.raster.base import Rendered
from engine.raster.views import HARD_EDGED, feature_colors, heat_colors, view_picture, viewed

SPLAT_VIEWS = ("alpha", "depth", "normals", "opacity", "points", "ellipsoids")
VIEW_MODES = ("color", *SPLAT_VIEWS, "embedding", "motion")
MOTION_FULL = 0.02
"""Shift in head heights that is painted brightest."""


class LiveView:
    """One way to look at one avatar.

    Args:
        mode: of `VIEW_MODES`; `color` is the plain picture and needs no view. `embedding` paints each Gaussian by the
            main directions of its learnt embedding, `motion` by how far it is from where it rests.

    Raises:
        AvatarError: if the avatar has not what the mode shows, or there is no such mode.
    """

    def __init__(self, mode: str, avatar: Avatar) -> None:
        if mode not in VIEW_MODES[1:]:
            raise AvatarError(f"{mode}: there is no such view; use one of {', '.join(VIEW_MODES)}.")
        self.mode = mode
        self.is_hard_edged = mode in HARD_EDGED
        self._avatar = avatar
        self._embedding_colors: torch.Tensor | None = None
        if mode == "embedding":
            embeddings = getattr(avatar, "embeddings", None)
            if embeddings is None:
                name, method = avatar.manifest.name, avatar.manifest.method
                raise AvatarError(f"{name}: avatars of the method {method} have no embeddings to show.")
            self._embedding_colors = feature_colors(embeddings)

    def layers(self, layers: list[Gaussians], controls: Controls, camera: Camera) -> list[Gaussians]:
        """The Gaussians to draw in place of the avatar's."""
        if self.mode in SPLAT_VIEWS:
            return [viewed(layer, camera, self.mode) for layer in layers]
        colors = self._embedding_colors if self.mode == "embedding" else self._motion_colors(layers, controls, camera)
        painted, start = [], 0
        for layer in layers:
            part = colors[start : start + len(layer)]
            start += len(layer)
            painted.append(replace(layer, colors=part.to(layer.means).contiguous(), sh_degree=None))
        return painted

    def picture(self, rendered: Rendered) -> np.ndarray:
        """The finished picture `[H, W, 4]` float32, straight alpha."""
        return view_picture(rendered, self.mode)

    def _motion_colors(self, layers: list[Gaussians], controls: Controls, camera: Camera) -> torch.Tensor:
        """How far each Gaussian is from where it would be with the face at rest and the head as it is."""
        schema = controls.schema
        resting = schema.rest()
        pose = schema.indices("pose")
        resting.values[pose] = controls.values[pose]
        still = self._avatar.deform(self._avatar.animate(resting), camera)
        shifts = [(a.means - b.means).norm(dim=1) for a, b in zip(layers, still, strict=True)]
        return heat_colors(torch.cat(shifts), 0.0, MOTION_FULL)
