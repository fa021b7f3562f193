"""How much of the sky each vertex of a mesh sees: ambient occlusion from depth maps taken all round."""

import numpy as np

from engine.synth.visibility import EMPTY, rasterize, vertex_normals

N_DIRECTIONS, SIDE, REACH = 110, 448, 1.1
LIFT = 0.010  # off the surface before looking, head heights


def sky_share(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Cosine-weighted share `[V]` of its hemisphere that each vertex sees past the mesh (world units)."""
    vertices = np.ascontiguousarray(vertices, np.float64)
    normal = np.empty_like(vertices)
    vertex_normals(vertices, faces, normal)
    lifted = vertices + normal * LIFT
    seen, total = np.zeros(len(vertices)), np.full(len(vertices), 1e-9)
    for lamp in _sphere(N_DIRECTIONS):
        frame = _frame(lamp)
        heights = np.zeros((SIDE, SIDE), np.float32)
        ids = np.full((SIDE, SIDE), EMPTY, np.int32)
        rasterize(_to_map(frame, vertices), faces, heights, ids)
        at = _to_map(frame, lifted)
        x, y = (np.clip(at[:, k].astype(int), 0, SIDE - 1) for k in (0, 1))
        weight = np.maximum(normal @ lamp, 0)
        seen += weight * (at[:, 2] >= heights[y, x])
        total += weight
    return seen / total


def _to_map(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
    across = points @ frame.T
    half = SIDE / 2
    return np.stack([half + across[:, 0] * half / REACH, half - across[:, 1] * half / REACH, across[:, 2] + 10.0], 1
                    ).astype(np.float32)  # fmt: skip


def _frame(lamp: np.ndarray) -> np.ndarray:
    x = np.cross([0.0, 1.0, 0.03], lamp)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(lamp, x), lamp])


def _sphere(count: int) -> np.ndarray:
    """Directions spread evenly over the sphere by the golden angle, `[N, 3]`."""
    k = np.arange(count) + 0.5
    polar, around = np.arccos(1 - 2 * k / count), np.pi * (1 + 5**0.5) * k
    return np.stack([np.sin(polar) * np.cos(around), np.cos(polar), np.sin(polar) * np.sin(around)], 1)
