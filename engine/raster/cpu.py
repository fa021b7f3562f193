"""Gaussian rasterization on plain CPU cores, forward and backward, with gsplat's arguments and results.

Training calls this; display and export use `engine.raster.cpu_render`, which skips all that only a gradient needs.
"""

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from engine.errors import BackendError
from engine.raster.kernels import blend, projection, spherical, tiles
from engine.raster.reference import RENDER_MODES

MOST_ENTRIES = 2**27
"""Splats times tiles that one picture with gradients may hold in memory (12 bytes each, and its gradients)."""


def rasterization(
    means: Tensor,  # [N, 3]
    quats: Tensor,  # [N, 4] w x y z, any length
    scales: Tensor,  # [N, 3]
    opacities: Tensor,  # [N]
    colors: Tensor,  # [N, D], [C, N, D]; with sh_degree [N, K, 3], [C, N, K, 3]
    viewmats: Tensor,  # [C, 4, 4]
    Ks: Tensor,  # [C, 3, 3]
    width: int,
    height: int,
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    radius_clip: float = 0.0,
    eps2d: float = 0.3,
    sh_degree: int | None = None,
    packed: bool = False,
    tile_size: int = tiles.TILE,
    backgrounds: Tensor | None = None,
    render_mode: str = "RGB",
    sparse_grad: bool = False,
    absgrad: bool = False,
    rasterize_mode: str = "classic",
    channel_chunk: int = 32,
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Rasterizes N Gaussians into C pictures; differentiable by all tensors but `Ks`.

    `packed`, `tile_size`, `sparse_grad` and `channel_chunk` are taken so that calls written for gsplat work; they
    change nothing here. Gaussians with NaN or infinite values are left out and get no gradient.

    Args:
        backgrounds: `[C, D]` colours put behind.
        render_mode: RGB, D (accumulated depth), ED (expected depth), RGB+D or RGB+ED.
        absgrad: also sums absolute screen gradients, into `meta["means2d"].absgrad` (AbsGS).
        rasterize_mode: classic, or antialiased for Mip-Splatting's opacity compensation.

    Returns:
        colors `[C, H, W, D]`, alphas `[C, H, W, 1]` and gsplat's unpacked meta: `means2d` `[C, N, 2]` (keeps its
        gradient), `radii` `[C, N, 2]` int32 (0: not seen), `depths` `[C, N]`, `conics` `[C, N, 3]`, `opacities`
        `[C, N]`, `width`, `height`, `tile_size`, `n_cameras`, and None for what only packed calls have.
    """
    n, c = means.shape[0], viewmats.shape[0]
    _check_shapes(means, quats, scales, opacities, colors, viewmats, Ks, sh_degree, render_mode, rasterize_mode)
    antialiased = rasterize_mode == "antialiased"
    means2d, depths, conics, compensations, radii = _Project.apply(
        means, quats, scales, opacities, viewmats, Ks, width, height, near_plane, far_plane, radius_clip, eps2d,
        antialiased,
    )  # fmt: skip
    if means2d.requires_grad:
        means2d.retain_grad()
    seen_opacities = opacities.expand(c, n)
    if antialiased:
        seen_opacities = seen_opacities * compensations

    if sh_degree is not None and render_mode not in ("D", "ED"):
        positions = torch.linalg.inv(viewmats)[:, :3, 3]
        colors = _Shade.apply(colors, means, positions, radii, sh_degree)
    if render_mode in ("D", "ED"):
        channels, backgrounds = depths[:, :, None], None
    elif render_mode == "RGB":
        channels = colors.expand(c, n, -1)
    else:
        channels = torch.cat([colors.expand(c, n, -1), depths[:, :, None]], dim=2)
        if backgrounds is not None:
            backgrounds = torch.cat([backgrounds, backgrounds.new_zeros(c, 1)], dim=1)

    image, passed = _Blend.apply(
        means2d, conics, seen_opacities, channels, depths.detach(), radii, width, height, absgrad
    )
    alphas = 1 - passed
    if backgrounds is not None:
        image = image + passed * backgrounds[:, None, None, :]
    if render_mode.endswith("ED"):
        image = torch.cat([image[..., :-1], image[..., -1:] / alphas.clamp(min=1e-10)], dim=-1)
    meta = {
        "camera_ids": None, "gaussian_ids": None, "radii": radii, "means2d": means2d, "depths": depths,
        "conics": conics, "opacities": seen_opacities, "width": width, "height": height, "tile_size": tiles.TILE,
        "tile_width": -(-width // tiles.TILE), "tile_height": -(-height // tiles.TILE), "n_cameras": c,
    }  # fmt: skip
    return image, alphas, meta


class _Project(torch.autograd.Function):
    """All cameras' projections; gradients to means, quats, scales and viewmats."""

    @staticmethod
    def forward(
        ctx, means, quats, scales, opacities, viewmats, Ks, width, height, near, far, radius_clip, eps2d, antialiased
    ):
        n, c = means.shape[0], viewmats.shape[0]
        means2d, conics = np.empty((c, n, 2), np.float32), np.empty((c, n, 3), np.float32)
        depths, compensations = np.empty((c, n), np.float32), np.empty((c, n), np.float32)
        radii = np.empty((c, n, 2), np.int32)
        arrays = [_array(t) for t in (means, quats, scales, opacities)]
        cameras = [
            projection.camera_vector(viewmat, k, width, height, near, far)
            for viewmat, k in zip(viewmats.detach().numpy(), Ks.detach().numpy())
        ]
        for i, camera in enumerate(cameras):
            projection.project(
                *arrays, camera, np.float32(width), np.float32(height), np.float32(eps2d), np.float32(radius_clip),
                antialiased, means2d[i], depths[i], conics[i], compensations[i], radii[i],
            )  # fmt: skip
        ctx.cameras, ctx.eps2d, ctx.antialiased = cameras, np.float32(eps2d), antialiased
        outputs = tuple(torch.from_numpy(a) for a in (means2d, depths, conics, compensations, radii))
        ctx.save_for_backward(means, quats, scales, outputs[-1])
        ctx.mark_non_differentiable(outputs[-1])
        return outputs

    @staticmethod
    def backward(ctx, v_means2d, v_depths, v_conics, v_compensations, _):
        means, quats, scales, radii = (_array(t) for t in ctx.saved_tensors)
        v_means, v_quats, v_scales = np.zeros_like(means), np.zeros_like(quats), np.zeros_like(scales)
        v_viewmats = np.zeros((len(ctx.cameras), 4, 4), np.float32)
        gradients = [_array(v) for v in (v_means2d, v_depths, v_conics, v_compensations)]
        for i, camera in enumerate(ctx.cameras):
            parts = np.zeros((projection.GRADIENT_CHUNKS, 12), np.float64)
            projection.project_backward(
                means, quats, scales, camera, ctx.eps2d, ctx.antialiased, radii[i], *(v[i] for v in gradients),
                v_means, v_quats, v_scales, parts,
            )  # fmt: skip
            total = parts.sum(axis=0)
            v_viewmats[i, :3, :3] = total[:9].reshape(3, 3)
            v_viewmats[i, :3, 3] = total[9:]
        results = [torch.from_numpy(v) for v in (v_means, v_quats, v_scales)]
        return (*results, None, torch.from_numpy(v_viewmats), *[None] * 8)


class _Shade(torch.autograd.Function):
    """Colours `[C, N, 3]` from spherical harmonics, seen from camera positions `[C, 3]`."""

    @staticmethod
    def forward(ctx, coefficients, means, positions, radii, degree):
        c, n = radii.shape[:2]
        colors = np.empty((c, n, 3), np.float32)
        arrays = [_array(t) for t in (coefficients, means, positions, radii)]
        for i in range(c):
            own = arrays[0][i] if coefficients.dim() == 4 else arrays[0]
            spherical.shade(degree, own, arrays[1], arrays[2][i], arrays[3][i], colors[i])
        result = torch.from_numpy(colors)
        ctx.degree = degree
        ctx.save_for_backward(coefficients, means, positions, radii, result)
        return result

    @staticmethod
    def backward(ctx, v_colors):
        coefficients, means, positions, radii, colors = (_array(t) for t in ctx.saved_tensors)
        v_colors = _array(v_colors)
        per_camera = coefficients.ndim == 4
        v_coefficients, v_means = np.zeros_like(coefficients), np.zeros_like(means)
        v_positions = np.zeros_like(positions)
        for i in range(len(positions)):
            own = coefficients[i] if per_camera else coefficients
            v_own, v_from = np.zeros_like(own), np.zeros_like(means)
            parts = np.zeros((projection.GRADIENT_CHUNKS, 3), np.float64)
            spherical.shade_backward(
                ctx.degree, own, means, positions[i], radii[i], colors[i], v_colors[i], v_own, v_from, parts
            )
            v_means += v_from
            v_positions[i] = parts.sum(axis=0)
            if per_camera:
                v_coefficients[i] = v_own
            else:
                v_coefficients += v_own
        return *(torch.from_numpy(v) for v in (v_coefficients, v_means, v_positions)), None, None


class _Blend(torch.autograd.Function):
    """Pictures `[C, H, W, D]` and the light that passes `[C, H, W, 1]` from 2D splats."""

    @staticmethod
    def forward(ctx, means2d, conics, opacities, colors, depths, radii, width, height, absgrad):
        c, n_channels = colors.shape[0], colors.shape[2]
        image = np.empty((c, height, width, n_channels), np.float32)
        passed = np.empty((c, height, width), np.float32)
        traced = any(ctx.needs_input_grad)
        ctx.bins = []
        arrays = [_array(t) for t in (means2d, conics, opacities, depths, colors, radii)]
        for i in range(c):
            own = [a[i] for a in arrays]
            bins = _Bins(own, width, height, traced)
            bins.blend(own[4], image[i], passed[i])
            ctx.bins.append(bins)
        if not traced:
            np.abs(passed, out=passed)  # the sign said which pixels are finished
        ctx.colors, ctx.opacities, ctx.passed = arrays[4], arrays[2], passed
        ctx.means2d = means2d if absgrad else None
        return torch.from_numpy(image), torch.from_numpy(passed)[..., None]

    @staticmethod
    def backward(ctx, v_image, v_passed):
        v_image, v_alpha = _array(v_image), _array(-v_passed[..., 0])
        c, n = ctx.opacities.shape
        v_means2d, v_conics = np.zeros((c, n, 2), np.float32), np.zeros((c, n, 3), np.float32)
        v_opacities, v_colors = np.zeros((c, n), np.float32), np.zeros_like(ctx.colors)
        v_absolute = np.zeros((c, n if ctx.means2d is not None else 0, 2), np.float32)
        for i, bins in enumerate(ctx.bins):
            entries = bins.blend_backward(ctx.colors[i], ctx.passed[i], v_image[i], v_alpha[i], ctx.means2d is not None)
            blend.gather_gradients(
                bins.order, bins.n_visible, bins.offsets, bins.entry_counts, bins.places, entries, ctx.opacities[i],
                v_means2d[i], v_absolute[i], v_conics[i], v_opacities[i], v_colors[i],
            )  # fmt: skip
        if ctx.means2d is not None:
            ctx.means2d.absgrad = torch.from_numpy(v_absolute)
        results = [torch.from_numpy(v) for v in (v_means2d, v_conics, v_opacities, v_colors)]
        return *results, *[None] * 5


class _Bins:
    """One camera's splats sorted into tiles, with what the gradient needs to find its way back."""

    def __init__(self, packed: list[np.ndarray], width: int, height: int, traced: bool) -> None:
        self.width, self.height, self.traced = width, height, traced
        n, self.n_workers = len(packed[0]), numba.get_num_threads()
        self.n_columns, n_rows = -(-width // tiles.TILE), -(-height // tiles.TILE)
        n_tiles = self.n_columns * n_rows
        self.splats, keys = np.empty((n, tiles.SPLAT_WIDTH), np.float32), np.empty(n, np.uint32)
        boxes = np.empty(n, np.int32)
        tiles.pack(*packed, self.n_columns, n_rows, self.splats, keys, boxes)
        self.order = np.empty(n, np.int32)
        self.n_visible = tiles.sort_by_depth(
            keys, 0, self.order, np.empty(n, np.int32), np.empty(tiles.SORT_BUCKETS, np.int64)
        )
        bounds = np.empty(self.n_workers + 1, np.int64)
        tiles.next_batch(self.order, 0, self.n_visible, boxes, MOST_ENTRIES, bounds)
        most = int(bounds[-1])
        if most >= MOST_ENTRIES:
            raise BackendError(
                f"{n} Gaussians touch over {MOST_ENTRIES} tiles of this {width}x{height} picture; train at a smaller "
                "size or with fewer or smaller Gaussians."
            )
        entries = [np.empty(most, np.int32) for _ in range(3)]
        counts = np.empty((self.n_workers, n_tiles), np.int64)
        self.offsets, self.entry_counts = np.empty(n, np.int64), np.empty(n, np.int32)
        chunk_counts = np.empty(self.n_workers, np.int64)
        tiles.bin_splats(
            self.order, 0, self.n_visible, self.splats, self.n_columns, -(-width // tiles.BLOCK),
            -(-height // tiles.BLOCK), bounds, np.zeros(n_tiles, np.int64),
            counts, *entries, self.offsets, self.entry_counts, chunk_counts,
        )  # fmt: skip
        self.starts, self.ends = np.empty(n_tiles + 1, np.int64), np.empty(n_tiles, np.int64)
        n_entries = tiles.place_tiles(counts, self.starts)
        self.ids, self.masks = np.empty(n_entries, np.int32), np.empty(n_entries, np.int32)
        self.places = np.empty(most if traced else 0, np.int32)
        tiles.fill_tiles(bounds, chunk_counts, *entries, counts, self.ids, self.masks, self.places)

    def blend(self, colors: np.ndarray, image: np.ndarray, passed: np.ndarray) -> None:
        self.stops = np.empty((self.height, self.width), np.float32)
        rgb = colors.shape[1] == 3
        if self.traced:
            forward = blend.forward_rgb_traced if rgb else blend.forward_any_traced
        else:
            forward = blend.forward_rgb if rgb else blend.forward_any
        forward(
            self.starts, self.ids, self.masks, self.splats, colors, self.width, self.height, self.n_columns,
            np.zeros(1, np.int64), self.n_workers, False, image, passed, self.stops, self.ends,
        )  # fmt: skip

    def blend_backward(
        self, colors: np.ndarray, passed: np.ndarray, v_image: np.ndarray, v_alpha: np.ndarray, absolute: bool
    ) -> np.ndarray:
        """Gradients of each entry `[entries, 6 + D (+ 2)]`; see `engine.raster.kernels.blend`."""
        n_channels = colors.shape[1]
        entries = np.empty((len(self.ids), blend.GEOMETRY_GRADIENTS + n_channels + 2 * absolute), np.float32)
        if n_channels == 3:
            backward = blend.backward_rgb_absolute if absolute else blend.backward_rgb
        else:
            backward = blend.backward_any_absolute if absolute else blend.backward_any
        backward(
            self.starts, self.ends, self.ids, self.masks, self.splats, colors, self.width, self.height,
            self.n_columns, np.zeros(1, np.int64), self.n_workers, passed, self.stops, v_image, v_alpha, entries,
        )  # fmt: skip
        return entries


def _array(tensor: Tensor) -> np.ndarray:
    """A contiguous float32 (or int32) view or copy for the kernels."""
    tensor = tensor.detach()
    if tensor.dtype not in (torch.float32, torch.int32):
        tensor = tensor.float()
    return tensor.contiguous().numpy()


def _check_shapes(means, quats, scales, opacities, colors, viewmats, Ks, sh_degree, render_mode, rasterize_mode):
    n, c = means.shape[0], viewmats.shape[0]
    wanted = {
        "means": (means, (n, 3)), "quats": (quats, (n, 4)), "scales": (scales, (n, 3)), "opacities": (opacities, (n,)),
        "viewmats": (viewmats, (c, 4, 4)), "Ks": (Ks, (c, 3, 3)),
    }  # fmt: skip
    for name, (tensor, shape) in wanted.items():
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} is {tuple(tensor.shape)}, must be {shape}.")
    per_gaussian = colors.shape[:-1] if sh_degree is None else colors.shape[:-2]
    if tuple(per_gaussian) not in ((n,), (c, n)):
        raise ValueError(f"colors is {tuple(colors.shape)}: it must begin with {n} or {c}, {n}.")
    if sh_degree is not None and (not 0 <= sh_degree <= 3 or colors.shape[-2] < (sh_degree + 1) ** 2):
        raise ValueError(f"sh_degree {sh_degree} needs 0 to 3 and {(sh_degree + 1) ** 2} coefficients a Gaussian.")
    if render_mode not in RENDER_MODES:
        raise ValueError(f"render_mode {render_mode!r}: use one of {', '.join(RENDER_MODES)}.")
    if rasterize_mode not in ("classic", "antialiased"):
        raise ValueError(f"rasterize_mode {rasterize_mode!r}: use classic or antialiased.")
