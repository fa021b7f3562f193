"""Ways to look at an avatar while it performs: what of it is drawn, and how the drawing becomes a picture."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.camera import Camera
from engine.controls import Controls
from engine.errors import AvatarError
from engine.gaussians import Gaussians
from engine.inspection.reach import MOVES_MM, reach_mm
from engine.methods.base import Avatar
from engine.raster.base import Rendered
from engine.raster.views import HARD_EDGED, feature_colors, heat_colors, normals, plain_colors, view_picture, viewed

SPLAT_VIEWS = ("alpha", "depth", "normals", "opacity", "points", "ellipsoids")
TOKEN_VIEWS = ("attention_audio", "attention_eye", "attention_view", "attention_null")
VIEW_MODES = ("color", *SPLAT_VIEWS, "embedding", "attention", *TOKEN_VIEWS, "regions", "motion", "reach", "coverage")
SOLID_VIEWS = ("ellipsoids", "reach")
MOTION_FULL = 0.02
"""Shift in head heights that is painted brightest."""

REACH_STOPS = ((0.184, 0.435, 0.710), (0.235, 0.722, 0.741), (0.914, 0.812, 0.322), (0.949, 0.329, 0.165))
"""The window's heat map, cold to hot: what a slider moves, and how well splats were seen."""

SELECTED = (0.95, 0.66, 0.24)
GREY = (0.50, 0.53, 0.58)
EDGE_SHADE = 0.62


@dataclass(frozen=True)
class ViewOptions:
    """What may be asked of a view beside its mode.

    Attributes:
        selected: splats painted as selected, bool `[N]`; shown: splats drawn at all, bool `[N]`; None for no say.
        splat_size: factor on the size of every splat where they are shown as solids.
        has_edges: a darker line where one solid meets another.
        control: whose reach `reach` paints.
        seen: how many views saw each splat, `[N]`, for `coverage`; n_views: of how many.
    """

    selected: np.ndarray | None = None
    shown: np.ndarray | None = None
    splat_size: float = 1.0
    has_edges: bool = True
    control: str | None = None
    seen: np.ndarray | None = None
    n_views: int = 0

    @property
    def changes_color(self) -> bool:
        """Whether even the plain picture looks different."""
        marks = (self.selected is not None and self.selected.any()) or self.shown is not None
        return bool(marks)


class LiveView:
    """One way to look at one avatar.

    Args:
        mode: of `VIEW_MODES`. `embedding` paints each Gaussian by the main directions of its learnt embedding,
            `attention` by what it listens to (voice red, blink green, view blue, nothing dark), `attention_audio` and
            its kin by how much it listens to one token, least to most; `regions` by the expression's share of it (the
            pose has the rest), as the reach of the expression stands; `motion` by how far it is from where it rests,
            `reach` by how far one control moves it, `coverage` by how many training views saw it.

    Attributes:
        reach_mm: how far each Gaussian is moved by the control, `[N]`, in mode `reach`.

    Raises:
        AvatarError: if the avatar has not what the mode shows, or there is no such mode.
    """

    def __init__(self, mode: str, avatar: Avatar, options: ViewOptions | None = None) -> None:
        if mode not in VIEW_MODES:
            raise AvatarError(f"{mode}: there is no such view; use one of {', '.join(VIEW_MODES)}.")
        self.mode, self.options = mode, options or ViewOptions()
        self.is_hard_edged = mode in HARD_EDGED or mode == "reach"
        self.is_color = mode == "color"
        self._avatar = avatar
        self._colors: Tensor | None = None
        self._attention: Callable[[Any, Camera], Tensor] | None = None
        self.reach_mm: np.ndarray | None = None
        self._prepare(avatar)

    def layers(self, layers: list[Gaussians], controls: Controls, camera: Camera, state: Any = None) -> list[Gaussians]:
        """The Gaussians to draw in place of the avatar's, which are those of `state`."""
        colors = self._colors
        if self.mode == "motion":
            colors = self._motion_colors(layers, controls, camera)
        elif self.mode == "regions":
            colors = ramp(torch.from_numpy(self._avatar.region_weights_of(controls)))
        elif self._attention is not None:
            colors = self._attention_colors(self._avatar.animate(controls) if state is None else state, camera)
        painted, start = [], 0
        for layer in layers:
            part = slice(start, start + len(layer))
            start += len(layer)
            painted.append(self._finished(self._painted(layer, camera, colors, part), part))
        return painted

    def picture(self, rendered: Rendered) -> np.ndarray:
        """The finished picture `[H, W, 4]` float32, straight alpha."""
        if self._has_edges:
            ids = rendered.color[..., 3]
            shade = np.where(_edges(ids), np.float32(EDGE_SHADE), np.float32(1.0))
            rendered = replace(rendered, color=rendered.color[..., :3] * shade[..., None])
        return view_picture(rendered, self.mode)

    @property
    def _has_edges(self) -> bool:
        return self.options.has_edges and self.mode in SOLID_VIEWS

    def _prepare(self, avatar: Avatar) -> None:
        options, name = self.options, f"{avatar.manifest.name}: "
        if self.mode == "embedding":
            embeddings = getattr(avatar, "embeddings", None)
            if embeddings is None:
                raise AvatarError(f"{name}avatars of the method {avatar.manifest.method} have no embeddings to show.")
            self._colors = feature_colors(embeddings)
        elif self.mode == "attention" or self.mode in TOKEN_VIEWS:
            self._attention = getattr(avatar, "attention", None)
            if self._attention is None:
                raise AvatarError(f"{name}avatars of the method {avatar.manifest.method} have no attention to show.")
        elif self.mode == "regions":
            if not hasattr(avatar, "region_weights_of"):
                raise AvatarError(f"{name}avatars of the method {avatar.manifest.method} have no regions to show.")
        elif self.mode == "coverage":
            if options.seen is None or options.n_views == 0:
                raise AvatarError(f"{name}does not say from where it was seen in training.")
            self._colors = ramp(torch.from_numpy(options.seen.astype(np.float32) / options.n_views))
        elif self.mode == "reach" and options.control is not None and options.control in avatar.schema.names:
            self.reach_mm = reach_mm(avatar, options.control, avatar.manifest.orbit.camera(64, 64))

    def _painted(self, layer: Gaussians, camera: Camera, colors: Tensor | None, part: slice) -> Gaussians:
        if self.mode == "color":
            return (
                replace(layer, colors=plain_colors(layer, camera), sh_degree=None)
                if layer.sh_degree is not None
                else layer
            )
        if self.mode == "reach":
            return replace(layer, colors=self._reach_colors(layer, camera, part), sh_degree=None)
        if self.mode in SPLAT_VIEWS:
            return viewed(layer, camera, self.mode)
        return replace(layer, colors=colors[part].to(layer.means).contiguous(), sh_degree=None)

    def _finished(self, layer: Gaussians, part: slice) -> Gaussians:
        options, colors, opacities = self.options, layer.colors, layer.opacities
        if options.selected is not None and colors.shape[1] == 3:
            chosen = torch.from_numpy(options.selected[part]).to(colors.device)[:, None]
            colors = torch.where(chosen, 0.3 * colors + 0.7 * colors.new_tensor(SELECTED), colors)
        if options.shown is not None:
            opacities = opacities * torch.from_numpy(options.shown[part]).to(opacities)
        if self._has_edges:
            ids = torch.arange(part.start, part.stop, device=colors.device)
            colors = torch.cat([colors, ((ids * 2654435761) % 1021 / 1021.0 + 0.05).to(colors)[:, None]], dim=1)
        scales = layer.scales * options.splat_size if self.mode in SOLID_VIEWS else layer.scales
        return replace(layer, colors=colors.contiguous(), opacities=opacities, scales=scales)

    def _reach_colors(self, layer: Gaussians, camera: Camera, part: slice) -> Tensor:
        """Grey bodies in soft light; what the control moves from cold to hot by how far."""
        facing = normals(layer, camera)
        light = (0.62 + 0.30 * facing[:, 2] + 0.16 * facing[:, 1] - 0.08 * facing[:, 0]).clamp(0.3, 1.0)[:, None]
        own = plain_colors(layer, camera)[:, :3].mean(dim=1, keepdim=True).clamp(0, 1)
        grey = light * (0.45 + 0.8 * own) * own.new_tensor(GREY) * 1.4
        if self.reach_mm is None:
            return grey.clamp(0, 1)
        moved = torch.from_numpy(self.reach_mm[part]).to(grey)[:, None]
        heat = ramp(moved[:, 0] / max(float(self.reach_mm.max()), 1e-6)).to(grey) * (0.55 + 0.45 * light)
        return torch.where(moved > MOVES_MM, heat, grey * 0.9).clamp(0, 1)

    def _attention_colors(self, state: Any, camera: Camera) -> Tensor:
        attention = self._attention(state, camera)  # [N, 4]: audio, eye, view, null
        if self.mode == "attention":
            return attention[:, :3]
        return heat_colors(attention[:, TOKEN_VIEWS.index(self.mode)])

    def _motion_colors(self, layers: list[Gaussians], controls: Controls, camera: Camera) -> Tensor:
        """How far each Gaussian is from where it would be with the face at rest and the head as it is."""
        schema = controls.schema
        resting = schema.rest()
        pose = schema.indices("pose")
        resting.values[pose] = controls.values[pose]
        still = self._avatar.deform(self._avatar.animate(resting), camera)
        shifts = [(a.means - b.means).norm(dim=1) for a, b in zip(layers, still, strict=True)]
        return heat_colors(torch.cat(shifts), 0.0, MOTION_FULL)


def ramp(values: Tensor) -> Tensor:
    """`[N, 3]` on `REACH_STOPS` from values `[N]`, 0 to 1."""
    stops = values.new_tensor(REACH_STOPS)
    place = values.clamp(0, 1) * (len(stops) - 1)
    before = place.floor().long().clamp(max=len(stops) - 2)
    part = (place - before)[:, None]
    return stops[before] * (1 - part) + stops[before + 1] * part


def _edges(ids: np.ndarray) -> np.ndarray:
    """Where a pixel's solid is not the one to its right or below, bool `[H, W]`."""
    edges = np.zeros(ids.shape, bool)
    edges[:, :-1] = np.abs(np.diff(ids, axis=1)) > 1e-3
    edges[:-1] |= np.abs(np.diff(ids, axis=0)) > 1e-3
    return edges
