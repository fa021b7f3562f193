"""The template mesh of the house head's skin: half a head built and mirrored, shipped ready made.

After a change to the sculpt `python -m engine.heads.sculpt.template` writes the shipped file anew.
"""

import hashlib
import inspect
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from engine.array_file import save_file
from engine.heads.sculpt import atlas, curves, fill, relax, rings, surface
from engine.heads.sculpt.rings import Draft, Label
from engine.paths import ASSETS, atomic_file, cache_dir

SHIPPED = ASSETS / "heads" / "house.safetensors"


@dataclass(frozen=True)
class Template:
    """The skin at its mean shape, millimetres.

    Attributes:
        vertices: `[V, 3]`; faces: `[F, 3]`; labels: `rings.Label` per vertex.
        mirrored: the vertex on the other side, `[V]`.
        eye: rings of the left eye from the lids' edge outwards `[11, 48]`; tucked: the three behind it `[3, 48]`.
        mouth: rings of the left half mouth `[18, 33]`.
        uv: the skin laid flat, crown in the middle, radius up to 1, `[V, 2]` (`atlas`).
    """

    vertices: np.ndarray
    faces: np.ndarray
    labels: np.ndarray
    mirrored: np.ndarray
    eye: np.ndarray
    tucked: np.ndarray
    mouth: np.ndarray
    uv: np.ndarray


@cache
def template() -> Template:
    """The template as shipped; where the sculpt has changed since, from the cache or built (about ten seconds)."""
    version = source_hash()
    for path in (SHIPPED, cache_dir() / "heads" / f"house-{version}.safetensors"):
        try:
            with safe_open(path, "numpy") as arrays:
                if version in ("", (arrays.metadata() or {}).get("sculpt")):
                    return Template(**{f.name: arrays.get_tensor(f.name) for f in fields(Template)})
        except (OSError, SafetensorError):
            continue
    made = build()
    path.parent.mkdir(parents=True, exist_ok=True)
    save(made, path)
    return made


def save(made: Template, path: Path) -> None:
    """Writes a template with the hash of the sources it was built from."""
    arrays = {f.name: np.ascontiguousarray(getattr(made, f.name)) for f in fields(Template)}
    with atomic_file(path) as temporary:
        save_file(arrays, temporary, metadata={"sculpt": source_hash()})


def build(seed: int = 1) -> Template:
    """Builds the template from the sculpt; the same seed gives the same mesh."""
    draft = Draft()
    eye, tucked = rings.eye_rings(draft)
    mouth = rings.mouth_rings(draft)
    joined, flat = fill.fill(draft, eye[-1], mouth[0], seed)
    vertices, faces = np.array(draft.vertices), np.array(draft.faces)
    uv = atlas.half_head(len(vertices), joined, flat, np.concatenate([tucked, eye]), mouth)
    labels, holds = np.array(draft.labels), np.array(draft.holds)
    vertices = relax.relax(vertices, faces, holds, 8)
    faces = relax.flip_edges(vertices, faces)
    vertices = relax.relax(vertices, faces, holds, 14)
    vertices = relax.soften(vertices, faces, holds, eye, mouth)
    faces = relax.flip_edges(vertices, faces)
    vertices, faces, labels, holds, uv = relax.detail_nose(vertices, faces, labels, holds, uv)
    vertices, faces, labels, mirrored, uv = _mirror(vertices, faces, labels, uv)
    labels = np.where((labels == Label.SKIN) & (vertices[:, 1] < -120), int(Label.NECK), labels)
    faces, labels = faces.astype(np.int32), labels.astype(np.int8)
    return Template(vertices.astype(np.float32).astype(np.float64), faces, labels, mirrored, eye, tucked, mouth, uv)


def _mirror(vertices, faces, labels, uv):
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
        np.concatenate([uv, uv[other] * [-1, 1]]).astype(np.float32),
    )


def source_hash() -> str:
    """A hash of the code the template is built by, "" in a program packed without its sources."""
    digest = hashlib.sha256()
    try:
        for module in (surface, curves, rings, fill, relax, atlas):
            digest.update(Path(module.__file__).read_bytes().replace(b"\r\n", b"\n"))
        digest.update(inspect.getsource(build).encode() + inspect.getsource(_mirror).encode())
    except (OSError, TypeError):
        return ""
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    SHIPPED.parent.mkdir(parents=True, exist_ok=True)
    save(build(), SHIPPED)
    print(f"{SHIPPED}: {len(template().vertices)} vertices")
