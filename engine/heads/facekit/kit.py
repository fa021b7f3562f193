"""Reads ICT-FaceKit from the user's folder of OBJ files (MIT licence, not shipped), and says which vertices are what.

Li et al., Learning Formation of Physically-Based Face Attributes, CVPR 2020; vertex ranges from its README.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from engine.array_file import save_file
from engine.errors import ModelMissingError
from engine.paths import ICT_FACEKIT_URL, atomic_file, cache_dir
from engine.vocabulary import ARKIT_52, ARKIT_INDEX

NEUTRAL = "generic_neutral_mesh"
FACE, SCALP, MOUTH, SOCKETS = slice(0, 9409), slice(9409, 11248), slice(11248, 13294), slice(13294, 14062)
GUMS, TEETH = slice(14062, 17039), slice(17039, 21451)
TONGUE_ISLAND = (2.55, 0.68)
LOWER_TEETH = 19247  # the first vertex of the lower row
EYES = (slice(21451, 23021), slice(23021, 24591))
FLUID, LASHES, N_VERTICES = slice(24591, 25351), slice(25351, 26719), 26719
SKIN = slice(FACE.start, SCALP.stop)
N_IDENTITY = 20
PARTS = {
    "skin": SKIN, "mouth": MOUTH, "sockets": SOCKETS, "gums": GUMS, "teeth": TEETH, "eye_left": EYES[0],
    "eye_right": EYES[1], "fluid": FLUID, "lashes": LASHES,
}  # fmt: skip


def read_kit(folder: Path) -> dict[str, np.ndarray]:
    """The kit's arrays: neutral, faces, uv, landmarks, identity `[20, V, 3]`, expressions `[52, V, 3]` (ARKit).

    Raises:
        ModelMissingError: when the folder does not hold the kit.
    """
    model = folder / "FaceXModel" if (folder / "FaceXModel").is_dir() else folder
    neutral = model / f"{NEUTRAL}.obj"
    if not neutral.is_file():
        raise ModelMissingError(f"{folder}: holds no ICT-FaceKit; fetch it from {ICT_FACEKIT_URL} and name its folder.")
    stat = neutral.stat()
    key = hashlib.sha256(f"{neutral.resolve()}:{stat.st_size}:{stat.st_mtime_ns}".encode()).hexdigest()[:16]
    cached = cache_dir() / "heads" / f"ict-{key}.safetensors"
    try:
        return load_file(cached)
    except (OSError, SafetensorError):
        kit = _read_folder(model)
    cached.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(cached) as temporary:
        save_file(kit, temporary)
    return kit


def part_of(faces: np.ndarray) -> np.ndarray:
    """The name (of `PARTS`) of the part each face `[F, 3]` belongs to."""
    edges = [part.stop for part in PARTS.values()]
    return np.array(list(PARTS))[np.searchsorted(edges, faces[:, 0], side="right")]


def on_tongue(uv: np.ndarray) -> np.ndarray:
    """Which vertices `[V]` are the tongue's, by its island of the kit's texture `[V, 2]`; its gums share its part."""
    gums = np.zeros(N_VERTICES, bool)
    gums[GUMS] = True
    return gums & (uv[:, 0] > TONGUE_ISLAND[0]) & (uv[:, 1] < TONGUE_ISLAND[1])


def _read_folder(model: Path) -> dict[str, np.ndarray]:
    neutral, faces, uv = _read_obj(model / f"{NEUTRAL}.obj", with_faces=True)
    expressions = np.zeros((52, *neutral.shape), np.float32)
    for name in ARKIT_52:
        for file in _files_of(name):
            path = model / f"{file}.obj"
            if path.is_file():
                expressions[ARKIT_INDEX[name]] += _read_obj(path)[0] - neutral
    identity = np.stack([_read_obj(model / f"identity{i:03d}.obj")[0] - neutral for i in range(N_IDENTITY)])
    try:
        marks = json.loads((model / "vertex_indices.json").read_text(encoding="utf-8"))["idx_to_landmark_verts"]
        marks = np.array(marks, np.int32)
        if marks.shape != (68,) or marks.min() < 0 or marks.max() >= N_VERTICES:
            raise ValueError(f"{marks.shape} landmarks")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelMissingError(f"{model}: vertex_indices.json cannot be read; fetch the kit again.") from error
    return {"neutral": neutral, "faces": faces, "uv": uv, "identity": identity.astype(np.float32),
            "expressions": expressions, "landmarks": marks}  # fmt: skip


def _files_of(name: str) -> tuple[str, ...]:
    """The kit's files of an ARKit shape; what ARKit has once and the kit per side is added up."""
    for side, mark in (("Left", "_L"), ("Right", "_R")):
        if name.endswith(side) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return (name[: -len(side)] + mark,)
    return (name + "_L", name + "_R") if name in ("browInnerUp", "cheekPuff") else (name,)


def _read_obj(path: Path, with_faces: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices float32 `[V, 3]`; with faces also triangles `[F, 3]` and one texture point per vertex `[V, 2]`."""
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
        vertices = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], np.float32)
        if vertices.shape != (N_VERTICES, 3) or not np.isfinite(vertices).all():
            raise ModelMissingError(f"{path}: does not hold {N_VERTICES} vertices; fetch the kit again.")
        if not with_faces:
            return vertices, np.empty((0, 3), np.int32), np.empty((0, 2), np.float32)
        texture = np.array([line.split()[1:3] for line in lines if line.startswith("vt ")], np.float32)
        faces, uv = [], np.zeros((N_VERTICES, 2), np.float32)
        for line in lines:
            if line.startswith("f "):
                corners = [[int(v) - 1 for v in corner.split("/")[:2]] for corner in line.split()[1:]]
                faces += [(corners[0][0], corners[k][0], corners[k + 1][0]) for k in range(1, len(corners) - 1)]
                for vertex, at in corners:
                    uv[vertex] = texture[at]
    except (OSError, ValueError, IndexError) as error:
        raise ModelMissingError(f"{path}: cannot be read ({error}); fetch the kit from {ICT_FACEKIT_URL}.") from error
    faces = np.array(faces, np.int32)
    if faces.ndim != 2 or faces.min() < 0 or faces.max() >= N_VERTICES:
        raise ModelMissingError(f"{path}: names vertices it does not have; fetch the kit from {ICT_FACEKIT_URL}.")
    return vertices, faces, uv
