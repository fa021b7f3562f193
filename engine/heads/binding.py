"""Gaussians rigged to the triangles of a mesh: each lives in its triangle's frame and follows wherever the mesh goes.

GGTalker, eq. 7, with GaussianAvatars' frames (Qian et al. 2024): a triangle's centre C is the mean of its corners, its
rotation R has the first edge, the normal and what is left as columns, its size l is the mean of the first edge and the
height over it. A Gaussian (mu, q, s) of the triangle lies at l R mu + C, turned by R q, scaled to l s.
"""

from dataclasses import dataclass

import numba as nb
import numpy as np
import torch
from torch import Tensor

from engine.errors import ControlError
from engine.heads.texels import rasterized_uv

SEAM_STRETCH = 20.0
"""How many times the usual stretch makes a triangle one that closes a seam across its chart, not a piece of it."""
SPARSEST = 3.0  # times the usual distance of texels: slivers of a layout are no measure
MOST_GROWTH = 2.0
"""How many times its size at rest a triangle counts as at most: slivers that a wide jaw pulls out would carry their
Gaussians out of the head with them."""
TINY = 1e-12


@dataclass(frozen=True)
class Binding:
    """Which triangle each of N Gaussians follows, and where on it it starts.

    Attributes:
        corners: vertex rows of the triangles that have Gaussians, int32 `[T, 3]`.
        triangles: the row of `corners` that each Gaussian follows, int32 `[N]`.
        faces: the same triangle as a row of the mesh's faces, int32 `[N]`.
        base: where the texel lies in its triangle's frame at rest, in sizes l, float32 `[N, 3]`.
        texels: row (v) and column (u) of each Gaussian in the map, int32 `[N, 2]`.
        shares: weights of the three corners at the texel, float32 `[N, 3]`.
        spacing: how far apart neighbouring texels lie on the triangle at rest, in sizes l, float32 `[N]`: over 1 where
            a fine mesh has fewer texels than triangles.
        side: of the map.
        limits: the largest size l that each triangle counts as, float32 `[T]`; None: as large as it gets.
    """

    corners: np.ndarray
    triangles: np.ndarray
    faces: np.ndarray
    base: np.ndarray
    texels: np.ndarray
    shares: np.ndarray
    spacing: np.ndarray
    side: int
    limits: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.triangles)

    def gathered(self, maps: Tensor) -> Tensor:
        """The values of `maps [..., C, side, side]` at the texels, `[..., N, C]`; differentiable."""
        rows, columns = (torch.as_tensor(a, dtype=torch.long, device=maps.device) for a in self.texels.T)
        return maps[..., rows, columns].transpose(-1, -2)

    def scattered(self, values: Tensor) -> Tensor:
        """Values `[..., N, C]` as maps `[..., C, side, side]`, zero where no Gaussian is; differentiable."""
        rows, columns = (torch.as_tensor(a, dtype=torch.long, device=values.device) for a in self.texels.T)
        maps = values.new_zeros(*values.shape[:-2], values.shape[-1], self.side, self.side)
        maps[..., rows, columns] = values.transpose(-1, -2)
        return maps


def bind(
    vertices: np.ndarray, faces: np.ndarray, uv: np.ndarray, side: int = 256, keep: np.ndarray | None = None,
    sparsest: float = SPARSEST,
) -> Binding:  # fmt: skip
    """One Gaussian for the middle of each texel that a triangle covers, uniformly over the UV square.

    Triangles without area, and those that close a seam (stretched across their chart), get none.

    Args:
        vertices: at rest `[V, 3]`; faces: `[F, 3]`; uv: `[V, 2]`, 0 to 1.
        side: of the map; keep: bool `[F]`, triangles that may have Gaussians, None for all.
        sparsest: times the usual distance of texels that the largest `spacing` is.

    Raises:
        ControlError: if no texel is covered.
    """
    vertices, faces = np.asarray(vertices, np.float64), np.asarray(faces, np.int64)
    usable = _is_sound(vertices, faces, np.asarray(uv, np.float64))
    usable = np.nonzero(usable if keep is None else usable & keep)[0]
    face_of, shares = rasterized_uv(uv, faces[usable], side)
    texels = np.argwhere(face_of >= 0)
    if not len(texels):
        raise ControlError(f"no texel of {side} x {side} lies on the mesh; is its UV layout within 0 to 1?")
    shares = shares[texels[:, 0], texels[:, 1]]
    face = usable[face_of[texels[:, 0], texels[:, 1]]]
    used, triangles = np.unique(face, return_inverse=True)
    centres, rotations, sizes = triangle_frames(torch.from_numpy(vertices), torch.from_numpy(faces[used]))
    points = np.einsum("nk,nkc->nc", shares, vertices[faces[face]])
    in_world, in_texels = _areas(vertices[faces[used]]), _areas(np.asarray(uv, np.float64)[faces[used]] * side)
    spacing = np.sqrt(in_world / np.maximum(in_texels, TINY))
    spacing = np.minimum(spacing, sparsest * np.median(spacing[triangles])) / sizes.numpy()
    out = torch.from_numpy(points) - centres[triangles]
    base = torch.einsum("nji,nj->ni", rotations[triangles], out) / sizes[triangles, None]
    return Binding(
        faces[used].astype(np.int32), triangles.astype(np.int32), face.astype(np.int32),
        base.numpy().astype(np.float32), texels.astype(np.int32), shares.astype(np.float32),
        spacing[triangles].astype(np.float32), side, growth_limits(vertices, faces[used]),
    )  # fmt: skip


def bind_given(faces: np.ndarray, of_gaussian: np.ndarray, n_vertices: int) -> Binding:
    """A binding that is known already, of a model made elsewhere: base is zero and there is no map.

    Args:
        faces: `[F, 3]`; of_gaussian: the triangle of each Gaussian `[N]`; n_vertices: of the mesh.

    Raises:
        ControlError: if a Gaussian names a triangle, or a triangle a vertex, that is not there.
    """
    faces, of_gaussian = np.asarray(faces, np.int64), np.asarray(of_gaussian, np.int64)
    if len(of_gaussian) == 0 or of_gaussian.min() < 0 or of_gaussian.max() >= len(faces):
        raise ControlError(f"Gaussians are bound to triangles outside 0 to {len(faces) - 1}; is it of another mesh?")
    if faces.min() < 0 or faces.max() >= n_vertices:
        raise ControlError(f"triangles name vertices outside 0 to {n_vertices - 1}; is it of another mesh?")
    used, triangles = np.unique(of_gaussian, return_inverse=True)
    n = len(of_gaussian)
    return Binding(
        faces[used].astype(np.int32), triangles.astype(np.int32), of_gaussian.astype(np.int32),
        np.zeros((n, 3), np.float32), np.zeros((n, 2), np.int32), np.full((n, 3), 1 / 3, np.float32),
        np.zeros(n, np.float32), 0,
    )  # fmt: skip


def growth_limits(rest: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """`Binding.limits` of triangles `[T, 3]` of a mesh at rest `[V, 3]`."""
    sizes = triangle_frames(torch.from_numpy(rest), torch.from_numpy(corners))[2]
    return (MOST_GROWTH * sizes).numpy().astype(np.float32)


def triangle_frames(vertices: Tensor, corners: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Centres `[T, 3]`, rotations `[T, 3, 3]` (axes as columns) and sizes l `[T]` of triangles; differentiable.

    A triangle that has collapsed to a line keeps its edge and some normal; one that is a point, the world's axes.
    """
    a, b, c = vertices[corners.long()].unbind(dim=1)
    ahead = _unit(b - a, torch.eye(3, dtype=a.dtype, device=a.device)[0].expand_as(a))
    normal = _unit(torch.linalg.cross(ahead, c - a), _across(ahead))
    beside = torch.linalg.cross(ahead, normal)
    sizes = ((b - a).norm(dim=1) + ((c - a) * beside).sum(dim=1).abs()) / 2
    return (a + b + c) / 3, torch.stack([ahead, normal, beside], dim=2), sizes


def follow(
    binding: Binding, vertices: Tensor, offsets: Tensor, quats: Tensor, scales: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gaussians in the world from those in their triangles' frames (GGTalker, eq. 7 with k = l, or the binding's limit
    where l is larger); differentiable.

    Args:
        vertices: of the posed mesh `[V, 3]`.
        offsets: mu in the triangle's frame `[N, 3]`, `binding.base` for texels on the surface.
        quats: `[N, 4]` w x y z, need not be unit; scales: linear `[N, 3]`, both in the triangle's frame.

    Returns:
        means `[N, 3]`, quats `[N, 4]`, scales `[N, 3]`.
    """
    corners = torch.as_tensor(binding.corners, device=vertices.device)
    row = torch.as_tensor(binding.triangles, dtype=torch.long, device=vertices.device)
    centres, rotations, sizes = triangle_frames(vertices, corners)
    if binding.limits is not None:
        sizes = torch.minimum(sizes, torch.as_tensor(binding.limits, device=vertices.device))
    size = sizes[row, None]
    means = size * torch.einsum("nij,nj->ni", rotations[row], offsets) + centres[row]
    return means, quat_product(rotation_quaternions(rotations)[row], quats), size * scales


def follow_live(
    binding: Binding, vertices: np.ndarray, offsets: np.ndarray, quats: np.ndarray, scales: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`follow` without gradients, float32 arrays in and out: one compiled pass over triangles, one over Gaussians."""
    frames = _frames(np.asarray(vertices, np.float32), binding.corners)
    if binding.limits is not None:
        np.minimum(frames[:, 3], binding.limits, out=frames[:, 3])
    return _followed(frames, binding.triangles, offsets, quats, scales)


def _is_sound(vertices: np.ndarray, faces: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Triangles with an area in the world that are not stretched across the UV square, bool `[F]`."""
    corners, flat = vertices[faces], uv[faces]
    longest = [np.linalg.norm(x - np.roll(x, 1, axis=1), axis=2).max(axis=1) for x in (corners, flat)]
    stretch = longest[1] / np.maximum(longest[0], TINY)
    return (_areas(corners) > TINY) & (stretch < SEAM_STRETCH * np.median(stretch))


def _areas(corners: np.ndarray) -> np.ndarray:
    """Of triangles `[F, 3, 2 or 3]`, `[F]`."""
    sides = np.zeros((len(corners), 2, 3))
    sides[:, :, : corners.shape[2]] = corners[:, 1:] - corners[:, :1]
    return np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2


def _unit(x: Tensor, otherwise: Tensor) -> Tensor:
    length = x.norm(dim=-1, keepdim=True)
    is_long = length > TINY
    return torch.where(is_long, x / torch.where(is_long, length, torch.ones_like(length)), otherwise)


def _across(x: Tensor) -> Tensor:
    """Some unit vector at right angles to each unit vector, `[T, 3]`."""
    axis = torch.nn.functional.one_hot(x.detach().abs().argmin(dim=1), 3).to(x)
    out = torch.linalg.cross(x.detach(), axis)
    return out / out.norm(dim=1, keepdim=True)


def rotation_quaternions(rotations: Tensor) -> Tensor:
    """Unit quaternions `[T, 4]` of rotations: of the four ways to read one, the one with the largest divisor."""
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(dim=1) for row in rotations.unbind(dim=1))
    ways = torch.stack([
        torch.stack([1 + a + e + i, h - f, c - g, d - b], dim=1),
        torch.stack([h - f, 1 + a - e - i, b + d, c + g], dim=1),
        torch.stack([c - g, b + d, 1 - a + e - i, f + h], dim=1),
        torch.stack([d - b, c + g, f + h, 1 - a - e + i], dim=1),
    ], dim=1)  # fmt: skip
    best = torch.diagonal(ways, dim1=1, dim2=2).argmax(dim=1)
    chosen = ways[torch.arange(len(ways), device=ways.device), best]
    return chosen / chosen.norm(dim=1, keepdim=True)


def quat_product(p: Tensor, q: Tensor) -> Tensor:
    """Quaternions `[N, 4]` that turn by q, then by p."""
    real = p[:, :1] * q[:, :1] - (p[:, 1:] * q[:, 1:]).sum(dim=1, keepdim=True)
    return torch.cat([real, p[:, :1] * q[:, 1:] + q[:, :1] * p[:, 1:] + torch.linalg.cross(p[:, 1:], q[:, 1:])], dim=1)


@nb.njit(cache=True, parallel=True)
def _frames(vertices, corners):
    """Centre, size, rotation (row by row) and quaternion of each triangle, `[T, 17]`."""
    out = np.empty((corners.shape[0], 17), np.float32)
    for t in nb.prange(corners.shape[0]):
        a, b, c = vertices[corners[t, 0]], vertices[corners[t, 1]], vertices[corners[t, 2]]
        x, y, z = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        edge = np.sqrt(x * x + y * y + z * z)
        if edge > TINY:
            x, y, z = x / edge, y / edge, z / edge
        else:
            x, y, z = np.float32(1), np.float32(0), np.float32(0)
        ex, ey, ez = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        nx, ny, nz = y * ez - z * ey, z * ex - x * ez, x * ey - y * ex
        length = np.sqrt(nx * nx + ny * ny + nz * nz)
        if length <= TINY:  # the axis least along the edge gives some normal
            u, v, w = abs(x), abs(y), abs(z)
            if u <= v and u <= w:
                nx, ny, nz = np.float32(0), z, -y
            elif v <= w:
                nx, ny, nz = -z, np.float32(0), x
            else:
                nx, ny, nz = y, -x, np.float32(0)
            length = np.sqrt(nx * nx + ny * ny + nz * nz)
        nx, ny, nz = nx / length, ny / length, nz / length
        bx, by, bz = y * nz - z * ny, z * nx - x * nz, x * ny - y * nx
        row = out[t]
        for k in range(3):
            row[k] = (a[k] + b[k] + c[k]) / np.float32(3)
        row[3] = (edge + abs(ex * bx + ey * by + ez * bz)) / np.float32(2)
        row[4], row[5], row[6] = x, nx, bx
        row[7], row[8], row[9] = y, ny, by
        row[10], row[11], row[12] = z, nz, bz
        one = np.float32(1)
        if x + ny + bz > 0:
            q0, q1, q2, q3 = one + x + ny + bz, nz - by, bx - z, y - nx
        elif x >= ny and x >= bz:
            q0, q1, q2, q3 = nz - by, one + x - ny - bz, nx + y, bx + z
        elif ny >= bz:
            q0, q1, q2, q3 = bx - z, nx + y, one - x + ny - bz, by + nz
        else:
            q0, q1, q2, q3 = y - nx, bx + z, by + nz, one - x - ny + bz
        length = np.sqrt(q0 * q0 + q1 * q1 + q2 * q2 + q3 * q3)
        row[13], row[14], row[15], row[16] = q0 / length, q1 / length, q2 / length, q3 / length
    return out


@nb.njit(cache=True, parallel=True)
def _followed(frames, triangles, offsets, quats, scales):
    n = triangles.shape[0]
    means = np.empty((n, 3), np.float32)
    turned = np.empty((n, 4), np.float32)
    scaled = np.empty((n, 3), np.float32)
    for i in nb.prange(n):
        f = frames[triangles[i]]
        size, (x, y, z) = f[3], (offsets[i, 0], offsets[i, 1], offsets[i, 2])
        for k in range(3):
            means[i, k] = size * (f[4 + 3 * k] * x + f[5 + 3 * k] * y + f[6 + 3 * k] * z) + f[k]
            scaled[i, k] = size * scales[i, k]
        p, q, r, s = f[13], f[14], f[15], f[16]
        a, b, c, d = quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3]
        turned[i, 0] = p * a - q * b - r * c - s * d
        turned[i, 1] = p * b + q * a + r * d - s * c
        turned[i, 2] = p * c - q * d + r * a + s * b
        turned[i, 3] = p * d + q * c - r * b + s * a
    return means, turned, scaled
