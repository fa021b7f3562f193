"""Points spread over a made head, where splats may start, and how each of them moves with the face."""

from dataclasses import dataclass

import numpy as np

from engine.heads.base import HeadModel, PosedHead
from engine.vocabulary import ARKIT_52

STRAND_SHARES = {"hair": 0.30, "brows": 0.02}
OTHER_STRANDS = 0.01


@dataclass(frozen=True)
class SurfacePoints:
    """Points on skin, eyes, teeth, clothes and strands, told by where on the head they sit.

    Attributes:
        faces: corners of the triangle each point of the mesh lies in `[M, 3]`; weights: of its corners `[M, 3]`.
        on_strands: for each bundle of `HeadModel.strands` the chosen points, as indices into its flattened points.
        colors: display colours, 0 to 1, `[P, 3]`: mesh points first, then bundle after bundle.
    """

    head: HeadModel
    faces: np.ndarray
    weights: np.ndarray
    on_strands: tuple[np.ndarray, ...]
    colors: np.ndarray

    def at(self, posed: PosedHead) -> np.ndarray:
        """Where the points are on a posed head, `[P, 3]`."""
        parts = [np.einsum("pk,pkc->pc", self.weights, posed.vertices[self.faces])]
        for strands, chosen in zip(self.head.strands, self.on_strands, strict=True):
            parts.append(self.head.strand_points(strands, posed).reshape(-1, 3)[chosen])
        return np.concatenate(parts)

    def shapes(self) -> np.ndarray:
        """How far each point moves at the full weight of each ARKit shape, head heights, `[52, P, 3]`.

        Weighted sums of them are the head's own motion within 0.1 pixels of a 512 picture on ICT-FaceKit and 0.5 on
        the house head, whose lids and eyes turn rather than slide (means over the moving part of a performance).
        """
        rest = self.at(self.head.pose(np.zeros(len(ARKIT_52))))
        return np.stack([self.at(self.head.pose(one)) - rest for one in np.eye(len(ARKIT_52))])


def surface_points(head: HeadModel, count: int, seed: int = 0) -> SurfacePoints:
    """`count` points, denser where triangles are small and on the front of the face, none under the bust's edge."""
    rng = np.random.default_rng(seed)
    n_strands = [round(count * STRAND_SHARES.get(s.name, OTHER_STRANDS)) for s in head.strands]
    corners = head.vertices[head.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    middle = corners.mean(1)
    weight = np.sqrt(area) * np.sqrt(area + 1e-12) ** 0.6
    weight *= np.where(middle[:, 2] > 0.1, 1.6, 1.0) * np.where(middle[:, 1] < -0.95, 0.0, 1.0)
    picked = rng.choice(len(head.faces), count - sum(n_strands), p=_share(weight))
    u = rng.random((len(picked), 2))
    u = np.where(u.sum(1, keepdims=True) > 1, 1 - u, u)
    b = np.stack([1 - u.sum(1), u[:, 0], u[:, 1]], 1)
    faces = head.faces[picked]
    colors = [np.einsum("pk,pkc->pc", b, head.materials.albedo[faces])]
    on_strands = []
    for strands, n in zip(head.strands, n_strands, strict=True):
        chosen = rng.choice(strands.opacity.size, n, p=_share(strands.opacity.ravel()))
        on_strands.append(chosen)
        colors.append(strands.color.reshape(-1, 3)[chosen])
    display = np.clip(np.concatenate(colors), 0, 1) ** (1 / 2.2)
    return SurfacePoints(head, faces, b, tuple(on_strands), display.astype(np.float32))


def _share(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum()
