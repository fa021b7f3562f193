"""Do lips and expression keep apart: what sweeping each coordinate changes in the upper and in the lower face."""

from collections.abc import Iterator

import numpy as np
import torch

from engine.camera import Camera
from engine.capture.dataset import Dataset
from engine.controls import ControlSchema, ControlSpec
from engine.methods.base import Avatar
from engine.progress import Progress
from engine.training.thumbnail import rendered_layers
from engine.training.views import frontal_index

SIGMAS = 2.0
SIDE_PX = 192
LEAST_SHARE = 0.01
"""Lip coordinates that carry less of the code's variance than this are not swept: the voice hardly uses them."""


def disentanglement(avatar: Avatar, dataset: Dataset) -> Iterator[Progress]:
    """Sweeps lip and expression coordinates to both ends, from the resting face seen by the avatar's own camera.

    Coordinates counted in sigma go to +-2, coefficients and action units (mouth units are neither lips nor expression)
    to the ends of what training saw. The last `Progress` carries:
        lip_upper_over_lower: mean change of the upper face over that of the lower face, over all lip sweeps;
        expression_lower_over_upper: the reverse for expression sweeps; NaN where the avatar has none;
        sweeps: for each coordinate its group, `upper` and `lower` (mean absolute change of a pixel).
    """
    camera = avatar.manifest.orbit.camera(SIDE_PX, SIDE_PX)
    upper, lower = face_halves(dataset, camera)
    names = _swept(avatar)
    rest = avatar.schema.rest()

    def seen(values: np.ndarray) -> np.ndarray:
        controls = avatar.schema.rest()
        controls.values = values
        with torch.no_grad():
            rendered = rendered_layers(avatar.deform(avatar.animate(controls), camera), camera)
        return rendered.color + (1 - rendered.alpha[..., None]) * 0.5

    still = seen(rest.values)
    sweeps = {}
    for done, (name, group, ends) in enumerate(names):
        yield Progress("Sweeping coordinates", done, len(names))
        changes = []
        for end in ends:
            values = rest.values.copy()
            values[avatar.schema.index(name)] = end
            changes.append(np.abs(seen(values) - still).mean(axis=-1))
        change = np.mean(changes, axis=0)
        sweeps[name] = {"group": group, "upper": float(change[upper].mean()), "lower": float(change[lower].mean())}
    values = {
        "lip_upper_over_lower": _ratio(sweeps, "lip", "upper", "lower"),
        "expression_lower_over_upper": _ratio(sweeps, "expression", "lower", "upper"),
        "sweeps": sweeps,
    }
    yield Progress("Swept coordinates", values=values)


def face_halves(dataset: Dataset, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Masks `[H, W]` of the face above the nose's base and below it, in the picture of the avatar's own camera.

    Told by the landmarks and the lips of the frontal training frame, whose camera the avatar's own is.
    """
    index = frontal_index(dataset.tracks["viewmats"][: dataset.info.n_train])
    scale = camera.height / dataset.info.height
    filmed = dataset.camera(index)
    middle = np.array([camera.width / 2, camera.height / 2])
    zoom = camera.k[1, 1] / (filmed.k[1, 1] * scale)

    def moved(points: np.ndarray) -> np.ndarray:
        off_axis = points * scale - np.array([filmed.k[0, 2], filmed.k[1, 2]]) * scale
        return middle + zoom * off_axis

    marks = moved(dataset.tracks["landmarks"][index, :, :2].astype(float))
    y0, y1, x0, x1 = dataset.tracks["lip_boxes"][index].astype(float)
    lips = moved(np.array([[x0, y0], [x1, y1]]))
    border = lips[0, 1] - 0.15 * (lips[1, 1] - lips[0, 1])
    low, high = marks.min(axis=0), marks.max(axis=0)
    y, x = np.mgrid[0 : camera.height, 0 : camera.width]
    face = (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
    return face & (y < border), face & (y >= border)


def _swept(avatar: Avatar) -> list[tuple[str, str, tuple[float, ...]]]:
    schema: ControlSchema = avatar.schema
    shares = avatar.manifest.statistics.get("lip_shares", [])
    rows = []
    for i, index in enumerate(schema.indices("lip")):
        if i >= len(shares) or shares[i] >= LEAST_SHARE:
            rows.append((schema.specs[index].name, "lip", _ends(schema.specs[index])))
    for group in ("expression", "au"):
        for index in schema.indices(group):
            spec = schema.specs[index]
            if group == "expression" and spec.name.startswith("au."):
                continue  # a mouth unit moves the mouth by its nature
            rows.append((spec.name, "expression", _ends(spec)))
    return [row for row in rows if row[2]]


def _ends(spec: ControlSpec) -> tuple[float, ...]:
    """Where a sweep ends: two of a jaw's coefficient would be many times what any film asks of it."""
    ends = (spec.low, spec.high) if spec.unit != "sigma" else (-SIGMAS, SIGMAS)
    return tuple(v for v in ends if v != spec.neutral)


def _ratio(sweeps: dict, group: str, over: str, under: str) -> float:
    rows = [row for row in sweeps.values() if row["group"] == group]
    total = sum(row[under] for row in rows)
    return float(sum(row[over] for row in rows) / total) if total > 1e-9 else float("nan")
