"""Which triangle each sample of a picture sees: a z-buffer over triangles, for the camera and for the shadow map."""

import numpy as np
from numba import njit

from engine.camera import Camera

EMPTY = -1


def project(camera: Camera, points: np.ndarray, samples: int = 1) -> np.ndarray:
    """Points `[N, 3]` of the world as float32 `[N, 3]`: x, y in samples (`samples` a pixel side) and 1 / depth."""
    out = np.empty((len(points), 3), np.float32)
    _project(camera.viewmat, camera.k, points, samples, out)
    return out


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
def _project(viewmat, k, points, samples, out):
    for i in range(len(points)):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        depth = viewmat[2, 0] * x + viewmat[2, 1] * y + viewmat[2, 2] * z + viewmat[2, 3]
        inverse = 1.0 / max(depth, 1e-4)
        across = viewmat[0, 0] * x + viewmat[0, 1] * y + viewmat[0, 2] * z + viewmat[0, 3]
        down = viewmat[1, 0] * x + viewmat[1, 1] * y + viewmat[1, 2] * z + viewmat[1, 3]
        out[i, 0] = (k[0, 0] * across * inverse + k[0, 2]) * samples
        out[i, 1] = (k[1, 1] * down * inverse + k[1, 2]) * samples
        out[i, 2] = inverse


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
def rasterize(screen: np.ndarray, faces: np.ndarray, nearness: np.ndarray, ids: np.ndarray) -> None:
    """Draws triangles into `nearness` (largest wins; start it at 0) and `ids` (start it at `EMPTY`), both `[H, W]`.

    Args:
        screen: x, y in samples and a nearness that is linear over the picture (1 / depth, or minus depth), `[V, 3]`.
        faces: `[F, 3]` int32.
    """
    # those that face the camera first: nearly all others lie behind them and need not be drawn at all
    for f in range(len(faces)):
        area = _doubled_area(screen, faces, f)
        if area < -1e-6:
            _draw(screen, faces, f, area, nearness, ids)
    farthest = _farthest(nearness)
    for f in range(len(faces)):
        area = _doubled_area(screen, faces, f)
        if area > 1e-6 and not _is_behind(screen, faces, f, nearness.shape, farthest):
            _draw(screen, faces, f, area, nearness, ids)


TILE = 8  # samples a side that share one bound of their depth
EDGE = 1e-5  # in barycentric coordinates: neighbours overlap rather than leave a gap


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _doubled_area(screen, faces, f):
    a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
    return (screen[b, 0] - screen[a, 0]) * (screen[c, 1] - screen[a, 1]) - (screen[c, 0] - screen[a, 0]) * (
        screen[b, 1] - screen[a, 1]
    )


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _box(screen, faces, f, shape):
    """The samples a triangle may cover: left, right, top, bottom, both ends in it."""
    a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
    x0, y0, x1, y1, x2, y2 = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
    left, right = int(np.ceil(min(x0, x1, x2) - 0.5)), int(np.floor(max(x0, x1, x2) - 0.5))
    top, bottom = int(np.ceil(min(y0, y1, y2) - 0.5)), int(np.floor(max(y0, y1, y2) - 0.5))
    return max(0, left), min(shape[1] - 1, right), max(0, top), min(shape[0] - 1, bottom)


@njit(nogil=True, fastmath=True, error_model="numpy")
def _farthest(nearness):
    """The least nearness in each tile, float32 `[ceil(H / TILE), ceil(W / TILE)]`."""
    height, width = nearness.shape
    out = np.full(((height + TILE - 1) // TILE, (width + TILE - 1) // TILE), np.float32(1e30))
    for y in range(height):
        for x in range(width):
            out[y // TILE, x // TILE] = min(out[y // TILE, x // TILE], nearness[y, x])
    return out


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _is_behind(screen, faces, f, shape, farthest):
    """Whether a triangle lies behind everything in the tiles it touches."""
    near = max(screen[faces[f, 0], 2], screen[faces[f, 1], 2], screen[faces[f, 2], 2])
    near += abs(near) * 1e-5
    left, right, top, bottom = _box(screen, faces, f, shape)
    for y in range(top // TILE, bottom // TILE + 1):
        for x in range(left // TILE, right // TILE + 1):
            if near > farthest[y, x]:
                return False
    return True


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _draw(screen, faces, f, area, nearness, ids):
    a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
    x0, y0, x1, y1, x2, y2 = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
    left, right, top, bottom = _box(screen, faces, f, nearness.shape)
    scale = 1.0 / area
    step0, step1 = (y1 - y2) * scale, (y2 - y0) * scale
    for y in range(top, bottom + 1):
        py = y + 0.5
        px = left + 0.5
        w0 = ((x1 - px) * (y2 - py) - (x2 - px) * (y1 - py)) * scale
        w1 = ((x2 - px) * (y0 - py) - (x0 - px) * (y2 - py)) * scale
        entered = False
        for x in range(left, right + 1):
            w2 = 1.0 - w0 - w1
            if w0 >= -EDGE and w1 >= -EDGE and w2 >= -EDGE:
                near = w0 * screen[a, 2] + w1 * screen[b, 2] + w2 * screen[c, 2]
                if near > nearness[y, x]:
                    nearness[y, x] = near
                    ids[y, x] = f
                entered = True
            elif entered:
                break
            w0 += step0
            w1 += step1


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
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


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
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
