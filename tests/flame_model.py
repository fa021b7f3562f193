"""A small model file of FLAME's genuine layout, and the landmark embedding that lies beside it."""

from functools import cache
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from engine.heads.flame import EMBEDDING_FILE
from engine.heads.house import HouseHead
from engine.heads.sculpt.parts import sphere

N_SHAPES, N_MARKS = 60, 105


def layout() -> dict[str, np.ndarray]:
    """A small head in FLAME's layout: a ball with two eyeballs, five joints and smooth shapes; metres."""
    rng = np.random.default_rng(3)
    ball, faces = sphere(18, 24)
    eye, eye_faces = sphere(6, 8)
    eyes = [eye * 0.012 + [side * 0.0315, 0.03, 0.07] for side in (1, -1)]
    vertices = np.concatenate([ball * [0.075, 0.115, 0.09], *eyes])
    faces = np.concatenate([faces, eye_faces + len(ball), eye_faces + len(ball) + len(eye)]).astype(np.uint32)
    n, n_skin = len(vertices), len(ball)
    weights = np.zeros((n, 5))
    low = np.clip((-vertices[:, 1] - 0.02) / 0.05, 0, 1) * (vertices[:, 2] > 0)
    weights[:n_skin, 2], weights[:n_skin, 1] = low[:n_skin], 1 - low[:n_skin]
    weights[n_skin : n_skin + len(eye), 3] = 1
    weights[n_skin + len(eye) :, 4] = 1
    joints = np.array(
        [[0, -0.10, -0.03], [0, -0.06, -0.02], [0, 0.0, 0.0], [0.0315, 0.03, 0.07], [-0.0315, 0.03, 0.07]]
    )
    regressor = np.zeros((5, n))
    regressor[3, n_skin : n_skin + len(eye)] = 1 / len(eye)
    regressor[4, n_skin + len(eye) :] = 1 / len(eye)
    for j in range(3):
        near = cKDTree(vertices).query(joints[j], 40)[1]
        regressor[j, near] = 1 / 40
    shapes = np.zeros((n, 3, N_SHAPES))
    for s in range(N_SHAPES):
        centre = vertices[rng.integers(n_skin)]
        shapes[:, :, s] = np.exp(-((vertices - centre) ** 2).sum(1) / 0.03**2)[:, None] * rng.normal(0, 0.003, 3)
    return {"v_template": vertices, "f": faces, "shapedirs": shapes, "posedirs": rng.normal(0, 1e-4, (n, 3, 36)),
            "J_regressor": regressor, "weights": weights, "J": np.array(joints),
            "kintree_table": np.array([[4294967295, 0, 1, 1, 1], [0, 1, 2, 3, 4]])}  # fmt: skip


@cache
def house() -> HouseHead:
    return HouseHead()


def embed(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    """The landmark embedding: each landmark on the face nearest to where the house head has it."""
    marks = house().landmarks(house().pose(), "mediapipe")
    numbers = np.unique(np.concatenate([[13, 14, 61, 291, 152, 33, 263, 159, 145, 386, 374],
                                        np.linspace(0, 467, N_MARKS).astype(int)]))  # fmt: skip
    scale = 0.063 / 0.284
    spots = (marks[numbers] - [0, 0.02, 0.22]) * scale + [0, 0.03, 0.07]
    corners = arrays["v_template"][arrays["f"].astype(int)]
    face = cKDTree(corners.mean(1)).query(spots)[1]
    np.savez(folder / EMBEDDING_FILE, landmark_indices=numbers, lmk_face_idx=face,
             lmk_b_coords=np.full((len(numbers), 3), 1 / 3))  # fmt: skip
