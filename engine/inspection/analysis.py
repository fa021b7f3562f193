"""Looks an avatar over once, at rest: regions, floaters, sizes, and how many training views saw each splat."""

import numpy as np
import torch

from engine.inspection.facts import FloaterGroup, SplatFacts
from engine.inspection.floaters import find_floaters, place_in_words
from engine.inspection.reach import head_height_mm, joined_means, reach_mm, rest_layers
from engine.inspection.regions import FacePlan, classify, moved_middle
from engine.inspection.sight import training_cameras, views_seeing
from engine.methods.base import Avatar
from engine.raster.base import Rasterizer
from engine.raster.views import plain_colors

MOST_VIEWS = 48
LIP_CONTROLS = 6  # how many of the lip controls are asked where the mouth is
LEFT_LIDS = ("au.45l", "eyeBlinkLeft")


def inspect(avatar: Avatar, rasterizer: Rasterizer) -> SplatFacts:
    """Everything the Inspect workspace says about an avatar's splats; takes a second or two."""
    camera = avatar.manifest.orbit.camera(256, 256)
    layers = rest_layers(avatar, camera)
    means = joined_means(layers)
    mm = head_height_mm(avatar.manifest)
    scales = torch.cat([layer.scales for layer in layers]).cpu().numpy().max(axis=1)
    opacities = torch.cat([layer.opacities for layer in layers]).cpu().numpy()
    colors = torch.cat([plain_colors(layer, camera)[:, :3] for layer in layers]).cpu().numpy()
    groups, gaps = find_floaters(means, scales, opacities)
    plan = _plan(avatar, means, camera)
    regions = classify(means, np.clip(colors, 0, 1), groups >= 0, plan)
    viewmats = getattr(avatar, "training_viewmats", None)
    cameras = []
    if viewmats is not None and len(viewmats):
        cameras = training_cameras(np.asarray(viewmats), avatar.manifest.orbit.fov_deg, MOST_VIEWS)
    seen = views_seeing(layers, cameras, rasterizer)
    floaters = tuple(
        FloaterGroup(
            place_in_words(means[groups == g].mean(axis=0), plan.chin_y), int((groups == g).sum()), float(gap * mm),
            int(np.median(seen[groups == g])),
        )
        for g, gap in enumerate(gaps)
    )  # fmt: skip
    return SplatFacts(
        regions, groups, (scales * mm).astype(np.float32), opacities.astype(np.float32), seen, len(cameras), floaters
    )


def _plan(avatar: Avatar, means: np.ndarray, camera) -> FacePlan:
    names = avatar.schema.names
    lips = [s.name for s in avatar.schema if s.group == "lip"][:LIP_CONTROLS]
    moved = sum((reach_mm(avatar, name, camera) for name in lips), np.zeros(len(means), np.float32))
    lid = next((name for name in LEFT_LIDS if name in names), None)
    plan = FacePlan()
    eye = moved_middle(means, reach_mm(avatar, lid, camera), plan.eye) if lid is not None else None
    return plan.fitted(moved_middle(means, moved, plan.mouth), eye)
