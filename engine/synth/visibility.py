"""Which triangle each sample of a picture sees: a z-buffer over triangles, for the camera and for the shadow map."""

import numpy as np
from numba import njit

from engine.camera import Camera

EMPTY = -1


def project(camera: Camera, points: np.ndarray, samples: int = 1) -> np.ndarray:
    """Points `[N, 3]` of the world as float32 `[N, 3]`: x, y in samples (`samples` a pixel side) and 1 / depth."""
    inside = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    inverse = 1.0 / np.maximum(inside[:, 2], 1e-4)
    out = np.empty((len(points), 3), np.float32)
    out[:, 0] = (camera.k[0, 0] * inside[:, 0] * inverse + camera.k[0, 2]) * samples
    out[:, 1] = (camera.k[1, 1] * inside[:, 1] * inverse + camera.k[1, 2]) * samples
    out[:, 2] = inverse
    return out


@njit(nogil=True, fastmath=True, cache=True)
def rasterize(screen: np.ndarray, faces: np.ndarray, nearness: np.ndarray, ids: np.ndarray) -> None:
    """Draws triangles into `nearness` (largest wins; start it at 0) and `ids` (start it at `EMPTY`), both `[H, W]`.

    Args:
        screen: x, y in samples and a nearness that is linear over the picture (1 / depth, or minus depth), `[V, 3]`.
        faces: `[F, 3]` int32.
    """
    height, width = ids.shape
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        x0, y0, x1, y1, x2, y2 = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-6:
            continue
        left = max(0, int(np.ceil(min(x0, x1, x2) - 0.5)))
        right = min(width - 1, int(np.floor(max(x0, x1, x2) - 0.5)))
        top = max(0, int(np.ceil(min(y0, y1, y2) - 0.5)))
        bottom = min(height - 1, int(np.floor(max(y0, y1, y2) - 0.5)))
        if left > right or top > bottom:
            continue
        scale = 1.0 / area
        step0, step1 = (y1 - y2) * scale, (y2 - y0) * scale
        for y in range(top, bottom + 1):
            py = y + 0.5
            px = left + 0.5
            w0 = ((x1 - px) * (y2 - py) - (x2 - px) * (y1 - py)) * scale
            w1 = ((x2 - px) * (y0 - py) - (x0 - px) * (y2 - py)) * scale
            for x in range(left, right + 1):
                w2 = 1.0 - w0 - w1
                if w0 >= -1e-5 and w1 >= -1e-5 and w2 >= -1e-5:
                    near = w0 * screen[a, 2] + w1 * screen[b, 2] + w2 * screen[c, 2]
                    if near > nearness[y, x]:
                        nearness[y, x] = near
                        ids[y, x] = f
                w0 += step0
                w1 += step1


@njit(nogil=True, fastmath=True, cache=True)
def vertex_normals(vertices: np.ndarray, faces: np.ndarray, out: np.ndarray) -> None:
    """Area-weighted normals `[V, 3]` of a triangle mesh, written to `out`."""
    out[:] = 0.0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            out[k, 0] += nx
            out[k, 1] += ny
            out[k, 2] += nz
    for v in range(out.shape[0]):
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + 1e-12
        out[v, 0] /= length
        out[v, 1] /= length
        out[v, 2] /= length


@njit(nogil=True, fastmath=True, cache=True)
def smooth_over_faces(values: np.ndarray, faces: np.ndarray, rounds: int) -> np.ndarray:
    """Averages per-vertex vectors `[V, 3]` over the corners of their faces, `rounds` times; normals come out unit."""
    current = values.copy()
    for _ in range(rounds):
        total = current * 1.0
        for f in range(faces.shape[0]):
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            for k in range(3):
                mean = current[a, k] + current[b, k] + current[c, k]
                total[a, k] += mean
                total[b, k] += mean
                total[c, k] += mean
        for v in range(total.shape[0]):
            length = np.sqrt(total[v, 0] ** 2 + total[v, 1] ** 2 + total[v, 2] ** 2) + 1e-12
            for k in range(3):
                current[v, k] = total[v, k] / length
    return current
