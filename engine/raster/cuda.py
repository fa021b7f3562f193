"""Rasterizes on an NVIDIA GPU through gsplat: everything stays on the GPU, one copy out per frame.

gsplat is imported only when a `CudaRasterizer` is made or `rasterization` is called.
"""

import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.camera import Camera
from engine.errors import BackendError
from engine.gaussians import Gaussians
from engine.raster.base import Rendered
from engine.raster.kernels.projection import SOLID_SIGMAS
from engine.raster.pictures import PicturePool
from engine.raster.splats import EPS_2D, FAR, NEAR, Clock

SOLID_LOG2 = 100.0
"""As the CPU's, within what the GPU's fast exponential can tell from zero."""
TILE = 16


def rasterization(*args: Any, packed: bool = False, **settings: Any) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """gsplat's function of this name, unpacked unless asked otherwise: what `engine.raster.cpu.rasterization` mirrors.

    Raises:
        BackendError: without gsplat or an NVIDIA GPU.
    """
    return _gsplat().rasterization(*args, packed=packed, **settings)


class CudaRasterizer:
    """Renders layers of Gaussians with gsplat; tensors that are already on the GPU are not moved.

    Pictures come in pinned memory, which is used again once nobody else holds it.
    """

    name = "cuda"

    def __init__(self, device: torch.device | str = "cuda") -> None:
        self._gsplat = _gsplat()
        self.device = torch.device(device)
        self._cameras: tuple[Camera, Tensor, Tensor] | None = None
        self._pictures = PicturePool(_pinned)

    @torch.inference_mode()
    def render(
        self, layers: Sequence[Gaussians], camera: Camera, *, antialiased: bool = False, hard_edged: bool = False
    ) -> Rendered:
        """Renders layers back to front, each sorted within itself; see `engine.raster.base.Rasterizer`."""
        clock = Clock()
        viewmats, ks = self._camera(camera)
        color = alpha = None
        n_bad = torch.zeros((), device=self.device)
        for layer in layers:
            if len(layer) == 0:
                continue
            layer, finite = _finite(layer.to(self.device, non_blocking=True))
            n_bad += len(layer) - finite.sum()
            render = self._solids if hard_edged else self._splats
            front, front_alpha = render(layer, camera, viewmats, ks, antialiased)
            if color is None:
                color, alpha = front, front_alpha
            else:
                color = front + (1 - front_alpha) * color
                alpha = front_alpha + (1 - front_alpha) * alpha
        if color is None:
            n_channels = 3 if not layers or layers[0].sh_degree is not None else layers[0].colors.shape[1]
            shape = (camera.height, camera.width)
            return Rendered(np.zeros((*shape, n_channels), np.float32), np.zeros(shape, np.float32), clock.times_ms)
        out = torch.cat([color.flatten(), alpha.flatten(), n_bad[None]])
        array = self._pictures.get((out.numel(),))
        torch.from_numpy(array).copy_(out, non_blocking=True)
        torch.cuda.current_stream(self.device).synchronize()
        clock.lap("raster")
        n_color, n_pixels = color.numel(), camera.height * camera.width
        return Rendered(
            array[:n_color].reshape(camera.height, camera.width, -1),
            array[n_color : n_color + n_pixels].reshape(camera.height, camera.width),
            clock.times_ms,
            int(array[-1]),
        )

    def close(self) -> None:
        """Lets go of what is kept on the GPU."""
        self._cameras = None

    def _splats(
        self, layer: Gaussians, camera: Camera, viewmats: Tensor, ks: Tensor, antialiased: bool
    ) -> tuple[Tensor, Tensor]:
        colors, alphas, _ = self._gsplat.rasterization(
            layer.means, layer.quats, layer.scales, layer.opacities, layer.colors, viewmats, ks,
            camera.width, camera.height, near_plane=NEAR, far_plane=FAR, eps2d=EPS_2D, sh_degree=layer.sh_degree,
            packed=False, rasterize_mode="antialiased" if antialiased else "classic",
        )  # fmt: skip
        return colors[0], alphas[0]

    def _solids(
        self, layer: Gaussians, camera: Camera, viewmats: Tensor, ks: Tensor, antialiased: bool
    ) -> tuple[Tensor, Tensor]:
        """Hard-edged: gsplat's stages one by one, with the exponent steepened between projecting and blending."""
        gsplat = self._gsplat
        radii, means2d, depths, conics, _ = gsplat.fully_fused_projection(
            layer.means, None, layer.quats, layer.scales, viewmats, ks, camera.width, camera.height,
            eps2d=EPS_2D, near_plane=NEAR, far_plane=FAR, packed=False,
        )  # fmt: skip
        seen = radii > 0 if radii.dim() == 2 else (radii > 0).all(dim=-1)
        seen = seen & (layer.opacities >= 1 / 255)[None]
        det = conics[..., 0] * conics[..., 2] - conics[..., 1] ** 2
        variances = conics[..., [2, 0]] / det.clamp(min=1e-20)[..., None]
        rim = SOLID_SIGMAS * math.sqrt(1 + 8 / SOLID_LOG2)
        reach = (rim * variances.sqrt()).ceil().nan_to_num(0, 0, 0).clamp(max=1e6) * seen[..., None]
        reach = reach.amax(dim=-1) if radii.dim() == 2 else reach
        conics = conics * (2 * SOLID_LOG2 * math.log(2) / SOLID_SIGMAS**2)
        opacities = torch.full_like(depths, 2.0**SOLID_LOG2) * seen
        colors = layer.colors
        if layer.sh_degree is not None:
            position = torch.linalg.inv(viewmats)[0, :3, 3]
            colors = gsplat.spherical_harmonics(layer.sh_degree, layer.means - position, colors)
            colors = (colors + 0.5).clamp(min=0)
        columns, rows = -(-camera.width // TILE), -(-camera.height // TILE)
        _, crossings, ids = gsplat.isect_tiles(means2d, reach.to(radii.dtype), depths, TILE, columns, rows)
        offsets = gsplat.isect_offset_encode(crossings, 1, columns, rows)
        image, alphas = gsplat.rasterize_to_pixels(
            means2d, conics, colors[None].contiguous(), opacities, camera.width, camera.height, TILE, offsets, ids
        )
        return image[0], alphas[0]

    def _camera(self, camera: Camera) -> tuple[Tensor, Tensor]:
        """The camera's matrices on the GPU, kept while the camera stays."""
        if self._cameras is None or self._cameras[0] is not camera:
            viewmats, ks = (
                torch.from_numpy(matrix[None]).float().to(self.device) for matrix in (camera.viewmat, camera.k)
            )
            self._cameras = (camera, viewmats, ks)
        return self._cameras[1:]


def _finite(layer: Gaussians) -> tuple[Gaussians, Tensor]:
    """The layer with unusable Gaussians made invisible, and which are usable; nothing is asked of the GPU."""
    tensors = (layer.means, layer.quats, layer.scales, layer.opacities[:, None], layer.colors.flatten(1))
    finite = torch.stack([t.isfinite().all(dim=1) for t in tensors]).all(dim=0)
    means, quats, scales, opacities, colors = (torch.where(finite[:, None], t, 0.0) for t in tensors)
    still = torch.tensor([1.0, 0.0, 0.0, 0.0], device=quats.device)
    quats = torch.where((quats * quats).sum(dim=1, keepdim=True) > 0, quats, still)
    colors = colors.reshape(layer.colors.shape)
    return Gaussians(means, quats, scales, opacities[:, 0], colors, layer.sh_degree), finite


def _pinned(shape: tuple[int, ...]) -> np.ndarray:
    """Page-locked memory, which the GPU writes to directly; the array keeps its tensor alive."""
    return torch.empty(shape, dtype=torch.float32, pin_memory=True).numpy()


def _gsplat() -> ModuleType:
    if not torch.cuda.is_available():
        raise BackendError("cuda: torch finds no usable NVIDIA GPU; install its driver and torch for CUDA, or use cpu.")
    try:
        import gsplat
        from gsplat.cuda._backend import _C as compiled
    except ImportError as error:
        raise BackendError(f"cuda: gsplat cannot be imported ({error}); install mouthpiece[cuda].") from error
    if compiled is None:
        raise BackendError("cuda: gsplat came without its compiled part and found no CUDA compiler; install nvcc.")
    return gsplat
