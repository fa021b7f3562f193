"""The template mesh of the house head's skin: half a head built, mirrored, and kept in the cache."""

import hashlib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from engine.heads.sculpt import curves, fill, relax, rings, surface
from engine.heads.sculpt.rings import Draft, Label
from engine.paths import atomic_file, cache_dir


@dataclass(frozen=True)
class Template:
    """The skin at its mean shape, millimetres.

    Attributes:
        vertices: `[V, 3]`; faces: `[F, 3]`; labels: `rings.Label` per vertex.
        mirrored: the vertex on the other side, `[V]`.
        eye: rings of the left eye from the lids' edge outwards `[11, 48]`; tucked: the three behind it `[3, 48]`.
        mouth: rings of the left half mouth `[18, 33]`.
    """

    vertices: np.ndarray
    faces: np.ndarray
    labels: np.ndarray
    mirrored: np.ndarray
    eye: np.ndarray
    tucked: np.ndarray
    mouth: np.ndarray


@cache
def template() -> Template:
    """The template, from the cache or built (about ten seconds)."""
    path = cache_dir() / "heads" / f"house-{_source_hash()}.safetensors"
    names = [f.name for f in fields(Template)]
    try:
        arrays = load_file(path)
        return Template(**{name: arrays[name] for name in names})
    except (OSError, SafetensorError, KeyError):
        made = build()
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as temporary:
        save_file({name: np.ascontiguousarray(getattr(made, name)) for name in names}, temporary)
    return made


def build(seed: int = 1) -> Template:
    """Builds the template from the sculpt; the same seed gives the same mesh."""
    draft = Draft()
    eye, tucked = rings.eye_rings(draft)
    mouth = rings.mouth_rings(draft)
    fill.fill(draft, eye[-1], mouth[0], seed)
    vertices, faces = np.array(draft.vertices), np.array(draft.faces)
    labels, holds = np.array(draft.labels), np.array(draft.holds)
    vertices = relax.relax(vertices, faces, holds, 8)
    faces = relax.flip_edges(vertices, faces)
    vertices = relax.relax(vertices, faces, holds, 14)
    vertices = relax.soften(vertices, faces, holds, eye, mouth)
    faces = relax.flip_edges(vertices, faces)
    vertices, faces, labels, holds = relax.detail_nose(vertices, faces, labels, holds)
    vertices, faces, labels, mirrored = _mirror(vertices, faces, labels)
    labels = np.where((labels == Label.SKIN) & (vertices[:, 1] < -120), int(Label.NECK), labels)
    return Template(vertices, faces, labels, mirrored, eye, tucked, mouth)


def _mirror(vertices, faces, labels):
    """The whole head from its left half; vertices on the midline are shared."""
    middle = np.abs(vertices[:, 0]) < 1e-6
    vertices[middle, 0] = 0
    n, other = len(vertices), np.nonzero(~middle)[0]
    twin = np.arange(n)
    twin[other] = n + np.arange(len(other))
    mirrored = np.concatenate([twin, other])
    return (
        np.concatenate([vertices, vertices[other] * [-1, 1, 1]]),
        np.concatenate([faces, twin[faces][:, [0, 2, 1]]]),
        np.concatenate([labels, labels[other]]),
        mirrored,
    )


def _source_hash() -> str:
    digest = hashlib.sha256()
    for module in (surface, curves, rings, fill, relax):
        digest.update(Path(module.__file__).read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:16]
