"""A person's face as an avatar file keeps it: a mesh at rest, how each coefficient moves it, eyeballs that turn.

Sampled from a fitted head model whose shapes add up, the house head or ICT-FaceKit (`engine.training.clip_head`); what
such a model does beyond that, as lids that give way to the eyeball, is left out of training and avatar alike.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from engine.parts.avatar_tensors import AvatarTensors

MAX_VERTICES = 200_000
MAX_COEFFICIENTS = 512
TINY = 1e-12


@dataclass(frozen=True)
class LinearFace:
    """A mesh of V vertices over E coefficients, in head heights.

    Attributes:
        names: of the coefficients, each 0 to 1.
        rest: `[V, 3]`; moves: what a unit of each coefficient adds `[E, V, 3]`, 0 on eyeballs.
        eyes: which eyeball a vertex is of, int8 `[V]`: 0 none, 1 the person's left, 2 the right.
        centres: of the eyeballs `[2, 3]`; turns: rotation vector of each for a unit of a coefficient `[2, E, 3]`.
    """

    names: tuple[str, ...]
    rest: np.ndarray
    moves: np.ndarray
    eyes: np.ndarray
    centres: np.ndarray
    turns: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def of(self, rows: np.ndarray) -> "LinearFace":
        """Only some of its vertices."""
        return replace(self, rest=self.rest[rows], moves=self.moves[:, rows], eyes=self.eyes[rows])

    def carried(self, scale: float, rotation: np.ndarray, shift: np.ndarray) -> "LinearFace":
        """The face in another world: `scale rotation x + shift`."""
        turn = rotation.T.astype(np.float32)
        return replace(
            self, rest=(scale * self.rest @ turn + shift).astype(np.float32),
            moves=(np.float32(scale) * self.moves @ turn),
            centres=(scale * self.centres @ turn + shift).astype(np.float32), turns=self.turns @ turn,
        )  # fmt: skip

    def tensors(self) -> dict[str, Tensor]:
        """What the avatar file keeps, to be read by `read_linear_face`."""
        return {
            "face.rest": torch.from_numpy(self.rest), "face.moves": torch.from_numpy(self.moves).half(),
            "face.eyes": torch.from_numpy(self.eyes.astype(np.uint8)),
            "face.centres": torch.from_numpy(self.centres), "face.turns": torch.from_numpy(self.turns),
        }  # fmt: skip


def read_linear_face(file: AvatarTensors, names: tuple[str, ...], n_vertices: int) -> LinearFace:
    """The face of an avatar file. Raises AvatarError naming what is missing, of another shape, or absurd."""
    if not 3 <= n_vertices <= MAX_VERTICES or not 1 <= len(names) <= MAX_COEFFICIENTS:
        raise file.fault(f"its face has {n_vertices:,} vertices and {len(names)} coefficients")
    n = len(names)
    eyes = file.group("face.eyes").get("face.eyes")
    if eyes is None or eyes.shape != (n_vertices,) or eyes.dtype != np.uint8 or (len(eyes) and eyes.max() > 2):
        raise file.fault("its face does not say which vertices are of the eyes")
    return LinearFace(
        names, file.array("face.rest", (n_vertices, 3)), file.array("face.moves", (n, n_vertices, 3)),
        eyes.astype(np.int8), file.array("face.centres", (2, 3)), file.array("face.turns", (2, n, 3)),
    )  # fmt: skip


class PosedFace(nn.Module):
    """Poses a `LinearFace`; differentiable, nothing of it is trained."""

    def __init__(self, face: LinearFace) -> None:
        super().__init__()
        self.names = face.names
        for name in ("rest", "moves", "centres", "turns"):
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(getattr(face, name))), persistent=False)
        rows = [torch.from_numpy(np.flatnonzero(face.eyes == k + 1)) for k in range(2)]
        self.register_buffer("left", rows[0], persistent=False)
        self.register_buffer("right", rows[1], persistent=False)

    def forward(self, coefficients: Tensor) -> Tensor:
        """Vertices `[V, 3]` of coefficients `[E]`."""
        vertices = self.rest + (coefficients @ self.moves.flatten(1)).view_as(self.rest)
        for k, rows in enumerate((self.left, self.right)):
            if len(rows):
                out = self.rest[rows] - self.centres[k]
                vertices = vertices.index_copy(0, rows, _turned(out, coefficients @ self.turns[k]) + self.centres[k])
        return vertices


def _turned(points: Tensor, vector: Tensor) -> Tensor:
    """Points `[N, 3]` turned by a rotation vector `[3]` (Rodrigues); smooth at no turn."""
    angle = (vector.square().sum() + TINY).sqrt()
    axis = (vector / angle).expand_as(points)
    along = (points * axis).sum(dim=1, keepdim=True) * axis
    return points * angle.cos() + torch.linalg.cross(axis, points) * angle.sin() + along * (1 - angle.cos())
