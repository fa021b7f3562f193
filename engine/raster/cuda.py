"""Rasterizes on an NVIDIA GPU through gsplat: everything stays on the GPU, one copy out per frame.

gsplat is imported only when a `CudaRasterizer` is made or `rasterization` is called.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.camera import Camera
from engine.errors import BackendError
from engine.gaussians import Gaussians
from engine.raster.base import Rendered
from engine.raster.cuda_tiles import tile_lists
from engine.raster.kernels.projection import SOLID_SIGMAS
from engine.raster.pictures import PicturePool
from engine.raster.splats import EPS_2D, FAR, NEAR, Clock
from engine.replayed import Replayed

SOLID_LOG2 = 100.0
"""As the CPU's, within what the GPU's fast exponential can tell from zero."""
TILE = 16
LEAST_ALPHA = 1e-4
LEAST_CROSSINGS = 2**14
LEAST_QUAT = 1e-15
"""Added to w: the zero quaternion turns nothing, and no other notices."""


def rasterization(*args: Any, packed: bool = False, **settings: Any) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """gsplat's function of this name, unpacked unless asked otherwise: what `engine.raster.cpu.rasterization` mirrors.

    As there, `meta["means2d"]` keeps its gradient: where splats are to be added is read off it.

    Raises:
        BackendError: without gsplat or an NVIDIA GPU.
    """
    colors, alphas, meta = _gsplat().rasterization(*args, packed=packed, **settings)
    if meta["means2d"].requires_grad:
        meta["means2d"].retain_grad()
    return colors, alphas, meta


class CudaRasterizer:
    """Renders layers of Gaussians with gsplat; tensors that are already on the GPU are not moved.

    Pictures come in pinned memory, which is used again once nobody else holds it.
    """

    name = "cuda"

    def __init__(self, device: torch.device | str = "cuda") -> None:
        self._gsplat = _gsplat()
        self.device = torch.device(device)
        self._cameras: tuple[Camera, Tensor] | None = None
        self._frame: tuple[tuple, _RecordedFrame] | None = None
        self._kept_behind: tuple[np.ndarray, Tensor] | None = None
        self._nudge = torch.tensor([LEAST_QUAT, 0, 0, 0], device=self.device)
        self._pictures = PicturePool(_pinned)

    @torch.no_grad()
    def render(
        self, layers: Sequence[Gaussians], camera: Camera, *, antialiased: bool = False, hard_edged: bool = False
    ) -> Rendered:
        """Renders layers back to front, each sorted within itself; see `engine.raster.base.Rasterizer`."""
        clock = Clock()
        color, alpha, n_bad = self._drawn(layers, camera, antialiased, hard_edged)
        array = self._on_its_way(torch.cat([color.flatten(), alpha.flatten(), n_bad[None]]))()
        clock.lap("raster")
        n_color, n_pixels = color.numel(), camera.height * camera.width
        return Rendered(
            array[:n_color].reshape(camera.height, camera.width, -1),
            array[n_color : n_color + n_pixels].reshape(camera.height, camera.width),
            clock.times_ms,
            int(array[-1]),
        )

    def finished(
        self, layers: Sequence[Gaussians], camera: Camera, behind: np.ndarray | None, out: np.ndarray | None = None
    ) -> np.ndarray:
        """As `engine.parts.compositing.finished` and `engine.pixels.to_bytes` of a picture, without leaving the GPU.

        Args:
            behind: None leaves what is empty transparent; a colour `[3]` or a picture `[H, W, 3]` fills it.
            out: uint8 `[H, W, 4]`; None takes memory of its own.

        Returns:
            The pixels, straight alpha.
        """
        return self.begun(layers, camera, behind, out)()

    @torch.no_grad()
    def begun(
        self, layers: Sequence[Gaussians], camera: Camera, behind: np.ndarray | None, out: np.ndarray | None = None
    ) -> Callable[[], np.ndarray]:
        """As `finished`, begun only: what it gives waits for the pixels when called, once, before `close`."""
        behind = None if behind is None else self._behind(behind)
        wait = self._replayed(layers, camera, behind)
        if wait is None:
            color, alpha, _ = self._drawn(layers, camera)
            wait = self._on_its_way(_pixels(color, alpha, behind))

        def pixels() -> np.ndarray:
            bytes_ = wait()
            if out is None:
                return bytes_
            np.copyto(out, bytes_)
            return out

        return pixels

    def _replayed(
        self, layers: Sequence[Gaussians], camera: Camera, behind: Tensor | None
    ) -> Callable[[], np.ndarray] | None:
        """One layer of colours as a recorded frame; None for what is not drawn so often as to pay."""
        if len(layers) != 1 or len(layers[0]) == 0 or layers[0].sh_degree is not None:
            return None
        layer, backing = layers[0], () if behind is None else (behind,)
        if layer.colors.shape[1:] != (3,):
            return None
        key = (len(layer), camera.width, camera.height, *(tuple(part.shape) for part in backing))
        if self._frame is None or self._frame[0] != key:
            self._frame = key, _RecordedFrame(self, camera.width, camera.height)
        frame, view = self._frame[1], self._view_numbers(camera)
        n_pixels = camera.width * camera.height * 4
        room, wait = frame.room, self._on_its_way(frame(layer, view, backing))

        def pixels() -> np.ndarray:
            array, had = wait(), room
            while (n_crossings := int(array[n_pixels:].view(np.int64)[0])) > had:
                if n_crossings > frame.room:
                    frame.make_room(n_crossings)
                had, array = frame.room, self._on_its_way(frame(layer, view, backing))()
            return array[:n_pixels].reshape(camera.height, camera.width, 4)

        return pixels

    def close(self) -> None:
        """Lets go of what is kept on the GPU."""
        self._cameras = self._kept_behind = self._frame = None

    def _drawn(
        self, layers: Sequence[Gaussians], camera: Camera, antialiased: bool = False, hard_edged: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Colours `[H, W, D]`, alpha `[H, W, 1]` and how many Gaussians were unusable, on the GPU."""
        view = self._view(camera)
        color = alpha = n_bad = None
        for layer in layers:
            if len(layer) == 0:
                continue
            layer, bad = _usable(layer.to(self.device, non_blocking=True), self._nudge)
            bad = bad.sum().float()
            front, front_alpha = self._layer(layer, camera, view, antialiased, hard_edged)
            if color is None:
                color, alpha, n_bad = front, front_alpha, bad
            else:
                color, n_bad = front + (1 - front_alpha) * color, n_bad + bad
                alpha = front_alpha + (1 - front_alpha) * alpha
        if color is not None:
            return color, alpha, n_bad
        n_channels = 3 if not layers or layers[0].sh_degree is not None else layers[0].colors.shape[1]
        empty = torch.zeros(camera.height, camera.width, n_channels + 1, device=self.device)
        return empty[..., :-1], empty[..., -1:], torch.zeros((), device=self.device)

    def _layer(
        self, layer: Gaussians, camera: Camera, view: tuple[Tensor, Tensor, Tensor], antialiased: bool, hard_edged: bool
    ) -> tuple[Tensor, Tensor]:
        """gsplat's stages one by one: its own `rasterization` asks more of the processor than of the GPU."""
        gsplat, (viewmats, ks, position) = self._gsplat, view
        radii, means2d, depths, conics, compensations = gsplat.fully_fused_projection(
            layer.means, None, layer.quats, layer.scales, viewmats, ks, camera.width, camera.height,
            eps2d=EPS_2D, near_plane=NEAR, far_plane=FAR, packed=False,
            calc_compensations=antialiased and not hard_edged, opacities=None if hard_edged else layer.opacities,
        )  # fmt: skip
        opacities = layer.opacities[None] if compensations is None else layer.opacities[None] * compensations
        if hard_edged:
            radii, conics, opacities = _steepened(radii, conics, opacities)
        colors = layer.colors
        if layer.sh_degree is not None:
            colors = colors_from(layer.sh_degree, colors, layer.means, position)
        columns, rows = -(-camera.width // TILE), -(-camera.height // TILE)
        _, crossings, ids = gsplat.isect_tiles(means2d, radii, depths, TILE, columns, rows)
        offsets = gsplat.isect_offset_encode(crossings, 1, columns, rows)
        image, alphas = gsplat.rasterize_to_pixels(
            means2d, conics, colors[None], opacities, camera.width, camera.height, TILE, offsets, ids
        )
        return image[0], alphas[0]

    def _view(self, camera: Camera) -> tuple[Tensor, Tensor, Tensor]:
        """View matrix `[1, 4, 4]`, intrinsics `[1, 3, 3]` and place `[3]` on the GPU, kept while the camera stays."""
        numbers = self._view_numbers(camera)
        return numbers[:16].view(1, 4, 4), numbers[16:25].view(1, 3, 3), numbers[25:]

    def _view_numbers(self, camera: Camera) -> Tensor:
        if self._cameras is None or self._cameras[0] is not camera:
            numbers = np.concatenate([camera.viewmat.ravel(), camera.k.ravel(), camera.position])
            self._cameras = camera, torch.from_numpy(numbers.astype(np.float32)).to(self.device, non_blocking=True)
        return self._cameras[1]

    def _behind(self, behind: np.ndarray) -> Tensor:
        """What stands behind on the GPU, kept while it is the same."""
        if self._kept_behind is None or self._kept_behind[0] is not behind:
            self._kept_behind = behind, torch.from_numpy(np.asarray(behind, np.float32)).to(self.device)
        return self._kept_behind[1]

    def _on_its_way(self, tensor: Tensor) -> Callable[[], np.ndarray]:
        """The one copy out of a frame, into pinned memory that nobody holds: begun, and waited for when called."""
        array = self._pictures.get(tuple(tensor.shape), _NUMPY[tensor.dtype])
        torch.from_numpy(array).copy_(tensor, non_blocking=True)
        there = torch.cuda.Event()
        there.record(torch.cuda.current_stream(self.device))

        def wait() -> np.ndarray:
            there.synchronize()
            return array

        return wait


class _RecordedFrame:
    """Splats of one number, a picture of one size: the whole way from Gaussians to pixels as one `Replayed`.

    Attributes:
        room: crossings of splats and tiles that it has memory for.
    """

    def __init__(self, rasterizer: CudaRasterizer, width: int, height: int) -> None:
        self._gsplat, self._nudge, self._device = rasterizer._gsplat, rasterizer._nudge, rasterizer.device
        self._width, self._height = width, height
        self._columns, self._rows = -(-width // TILE), -(-height // TILE)
        self.room = 0
        self.make_room(LEAST_CROSSINGS)

    def make_room(self, n_crossings: int) -> None:
        """For a frame of so many, and a quarter more."""
        self.room = -(-n_crossings * 5 // 4 // LEAST_CROSSINGS) * LEAST_CROSSINGS
        self._replayed = Replayed(self._frame, self._device, keeps=False)

    def __call__(self, layer: Gaussians, view: Tensor, behind: tuple[Tensor, ...]) -> Tensor:
        """Pixels and then the number of crossings, as bytes on the GPU, where the next frame will lie, too."""
        return self._replayed(layer.means, layer.quats, layer.scales, layer.opacities, layer.colors, view, *behind)[0]

    def _frame(
        self, means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, colors: Tensor, view: Tensor,
        behind: Tensor | None = None,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        layer, _ = _usable(Gaussians(means, quats, scales, opacities, colors), self._nudge)
        radii, means2d, depths, conics, _ = self._gsplat.fully_fused_projection(
            layer.means, None, layer.quats, layer.scales, view[:16].view(1, 4, 4), view[16:25].view(1, 3, 3),
            self._width, self._height, eps2d=EPS_2D, near_plane=NEAR, far_plane=FAR, packed=False,
            opacities=layer.opacities,
        )  # fmt: skip
        offsets, ids, n_crossings = tile_lists(
            means2d[0], radii[0], depths[0], TILE, self._columns, self._rows, self.room
        )
        image, alphas = self._gsplat.rasterize_to_pixels(
            means2d, conics, layer.colors[None], layer.opacities[None], self._width, self._height, TILE, offsets, ids
        )
        pixels = _pixels(image[0], alphas[0], behind)
        return (torch.cat([pixels.flatten(), n_crossings.view(1).view(torch.uint8)]),)


def _pixels(color: Tensor, alpha: Tensor, behind: Tensor | None) -> Tensor:
    """Premultiplied colours `[H, W, D]` and alpha `[H, W, 1]` laid over what stands behind: uint8 `[H, W, 4]`."""
    color = color[..., :3]
    if behind is None:
        alpha = alpha.clamp(0, 1)
        color = (color / alpha.clamp(min=LEAST_ALPHA)).masked_fill_(alpha <= LEAST_ALPHA, 0.0)
    else:
        color, alpha = torch.addcmul(color, 1 - alpha, behind), torch.ones_like(alpha)
    return torch.cat([color, alpha], dim=2).mul_(255).add_(0.5).clamp_(0, 255).to(torch.uint8)


_NUMPY = {torch.float32: np.dtype(np.float32), torch.uint8: np.dtype(np.uint8)}


@cache
def is_usable() -> bool:
    """Whether gsplat's kernels are there."""
    try:
        return _gsplat() is not None
    except BackendError:
        return False


def colors_from(degree: int, coefficients: Tensor, means: Tensor, position: Tensor) -> Tensor:
    """`engine.raster.reference.colors_from` by gsplat's kernel."""
    return (_gsplat().spherical_harmonics(degree, means - position, coefficients.contiguous()) + 0.5).clamp_(min=0)


def _steepened(radii: Tensor, conics: Tensor, opacities: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Splats that end at a rim: the exponent steepened between projecting and blending, the reach to go with it."""
    seen = (radii > 0 if radii.dim() == 2 else (radii > 0).all(dim=-1)) & (opacities >= 1 / 255)
    det = conics[..., 0] * conics[..., 2] - conics[..., 1] ** 2
    variances = conics[..., [2, 0]] / det.clamp(min=1e-20)[..., None]
    rim = SOLID_SIGMAS * math.sqrt(1 + 8 / SOLID_LOG2)
    reach = (rim * variances.sqrt()).ceil().nan_to_num(0, 0, 0).clamp(max=1e6) * seen[..., None]
    reach = reach.amax(dim=-1) if radii.dim() == 2 else reach
    steep = 2 * SOLID_LOG2 * math.log(2) / SOLID_SIGMAS**2
    return reach.to(radii.dtype), conics * steep, torch.full_like(opacities, 2.0**SOLID_LOG2) * seen


def _usable(layer: Gaussians, nudge: Tensor) -> tuple[Gaussians, Tensor]:
    """The layer with unusable Gaussians made invisible, and which they are `[N]`; nothing is asked of the GPU.

    A Gaussian without opacity is left out before anything else of it is looked at.
    """
    numbers = torch.cat([layer.means, layer.quats, layer.scales, layer.opacities[:, None], layer.colors.flatten(1)], 1)
    bad = (numbers - numbers).sum(dim=1) != 0  # NaN where anything is not a number
    opacities = layer.opacities.masked_fill(bad, 0.0)
    return replace(layer, opacities=opacities, quats=layer.quats + nudge), bad


def _pinned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Page-locked memory, which the GPU writes to directly; the array keeps its tensor alive."""
    kind = torch.uint8 if dtype == np.uint8 else torch.float32
    return torch.empty(shape, dtype=kind, pin_memory=True).numpy()


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
