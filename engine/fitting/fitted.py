"""A head model fitted to a clip: the person's mesh, its expression and the camera at every frame, in one file."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from engine.array_file import save_file
from engine.camera import Camera
from engine.errors import DatasetError
from engine.fitting.rigs import Rig, rig
from engine.heads.base import HeadModel, Kind, PosedHead
from engine.paths import atomic_file

VERSION = 1
ARRAYS = {
    "identity": ("I",), "expression": ("T", "E"), "viewmats": ("T", 4, 4), "k": (3, 3), "offsets": ("V", 3),
    "times": ("T",),
}  # fmt: skip


@dataclass(frozen=True)
class FittedHead:
    """A head model that follows a clip; the world is the model's own, head-centred, and the camera moves.

    Attributes:
        rig, head: the model, and the model with the person's identity.
        offsets: what the person's mesh adds to the model's at rest, head heights `[V, 3]`.
        expression: `[T, E]` over `rig.expression_names`; viewmats `[T, 4, 4]`; k `[3, 3]`; times in seconds `[T]`.
        size: width and height of the pictures; figures: errors in pixels and the like.
    """

    rig: Rig
    head: HeadModel
    identity: np.ndarray
    offsets: np.ndarray
    expression: np.ndarray
    viewmats: np.ndarray
    k: np.ndarray
    times: np.ndarray
    size: tuple[int, int]
    figures: dict[str, float]

    def __len__(self) -> int:
        return len(self.expression)

    @property
    def faces(self) -> np.ndarray:
        return self.head.faces

    def vertices(self, expression: np.ndarray) -> np.ndarray:
        """The person's mesh with an expression `[E]`, `[V, 3]` in the world."""
        return self.rig.posed(self.head, expression).vertices + self.offsets

    def posed(self, index: int) -> PosedHead:
        """The person at a frame."""
        posed = self.rig.posed(self.head, self.expression[index])
        eyes = tuple(replace(eye, centre=eye.centre + self._eye_offset(k)) for k, eye in enumerate(posed.eyes))
        return replace(posed, vertices=posed.vertices + self.offsets, eyes=eyes)

    def camera(self, index: int) -> Camera:
        return Camera(self.viewmats[index], self.k, *self.size)

    def landmarks(self, index: int) -> np.ndarray:
        """The model's landmarks (`rig.numbers`) at a frame in pixels, `[L, 2]`."""
        points = self.head.landmarks(self.posed(index), "mediapipe")[self.rig.numbers]
        seen = points @ self.viewmats[index, :3, :3].T + self.viewmats[index, :3, 3]
        return (seen @ self.k.T)[:, :2] / seen[:, 2:]

    def _eye_offset(self, k: int) -> np.ndarray:
        of_eye = np.unique(self.faces[self.head.kinds == int(Kind.EYE_LEFT) + k])
        return self.offsets[of_eye].mean(0) if len(of_eye) else np.zeros(3)

    def save(self, path: Path) -> None:
        """Writes the file (safetensors); the model itself is not in it."""
        arrays = {name: np.ascontiguousarray(getattr(self, name), np.float64 if name == "times" else np.float32)
                  for name in ARRAYS}  # fmt: skip
        about = {
            "version": VERSION, "head": self.rig.name, "size": self.size, "figures": self.figures,
            "identity": self.rig.identity_names, "expression": self.rig.expression_names,
        }  # fmt: skip
        with atomic_file(path) as temporary:
            save_file(arrays, temporary, metadata={"fit": json.dumps(about)})


def fit_path(dataset: Path, head: str) -> Path:
    """Where the fit of a head model to a dataset lies."""
    return Path(dataset) / f"fit_{head}.safetensors"


def load_fit(dataset: Path, head: str, source: Path | None = None) -> FittedHead:
    """Reads the fit of a head model (`rigs.RIGS`) to a dataset; `source` is where the model lies, see `rigs.rig`.

    Raises:
        DatasetError: when there is no such fit or it does not belong to the model.
        ModelMissingError: when the model's files are missing.
    """
    path = fit_path(dataset, head)
    try:
        with safe_open(path, "numpy") as file:
            about = json.loads((file.metadata() or {})["fit"])
            arrays = {name: file.get_tensor(name) for name in ARRAYS}
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}); run mouthpiece fit {dataset} --head {head}.") from error
    model = rig(head, source)
    sizes = {"I": len(model.identity_names), "E": len(model.expression_names)}
    for name, shape in ARRAYS.items():
        expected = tuple(sizes.setdefault(n, size) if isinstance(n, str) else n for n, size in
                         zip(shape, arrays[name].shape))  # fmt: skip
        if arrays[name].ndim != len(shape) or arrays[name].shape != expected or not np.isfinite(arrays[name]).all():
            raise DatasetError(f"{path}: {name} is {arrays[name].shape}, not {expected}; fit the clip again.")
    person = model.head(arrays["identity"].astype(float))
    if len(person.vertices) != sizes["V"] or about.get("version") != VERSION:
        raise DatasetError(f"{path}: was made with another {head} model or version; fit the clip again.")
    width, height = (int(n) for n in about["size"])
    return FittedHead(
        model, person, arrays["identity"], arrays["offsets"].astype(float), arrays["expression"].astype(float),
        arrays["viewmats"].astype(float), arrays["k"].astype(float), arrays["times"], (width, height),
        dict(about["figures"]),
    )  # fmt: skip
