"""Losses between pictures: SSIM, LPIPS where its weights are at hand, and what stands in for it where they are not."""

from pathlib import Path
from pickle import UnpicklingError
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import ModelMissingError
from engine.paths import cache_dir
from engine.training.loss_kernels import (
    LEAST_SIDE,
    N_SCALES,
    SSIM_C1,
    SSIM_C2,
    SSIM_SIGMA,
    SSIM_WINDOW,
    GradientSsimLoss,
    Ssim,
    is_compiled_for,
)

ALEXNET_FILE = "alexnet-owt-7be5be79.pth"
LPIPS_FILE = "lpips_alex.pth"
ALEXNET_URL = f"https://download.pytorch.org/models/{ALEXNET_FILE}"
LPIPS_URL = "https://github.com/richzhang/PerceptualSimilarity/raw/master/lpips/weights/v0.1/alex.pth"
_ALEX_LAYERS = ((0, 3, 64, 11, 4, 2), (3, 64, 192, 5, 1, 2), (6, 192, 384, 3, 1, 1), (8, 384, 256, 3, 1, 1),
                (10, 256, 256, 3, 1, 1))  # fmt: skip


class Perceptual(Protocol):
    """A loss of how alike two pictures look.

    Attributes:
        name: what the manifest says of it: `LPIPS (AlexNet)` or `multi-scale gradient + SSIM`.
    """

    name: str

    def __call__(self, a: Tensor, b: Tensor) -> Tensor: ...


def perceptual_loss(device: torch.device) -> Perceptual:
    """LPIPS when its weights are in the user's cache, else the plainly named stand-in."""
    try:
        return Lpips(lpips_folder()).to(device)
    except ModelMissingError:
        return GradientSsim()


def lpips_folder() -> Path:
    """Where LPIPS's two weight files are looked for."""
    return cache_dir() / "models"


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity, mean over the picture: 11x11 Gaussian window, sigma 1.5, zero padding.

    Args:
        a, b: `[H, W, 3]`, 0 to 1.
    """
    return Ssim.apply(a, b) if is_compiled_for(a, b) else ssim_parts(a, b)[0].mean()


def ssim_parts(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM and its contrast-structure part per pixel, `[3, H, W]` each."""
    a, b = (x.movedim(-1, 0)[None] for x in (a, b))
    n = a.shape[1]
    mean_a, mean_b, aa, bb, ab = _blurred(torch.cat([a, b, a * a, b * b, a * b], dim=1)).split(n, dim=1)
    var_a, var_b, cov = aa - mean_a * mean_a, bb - mean_b * mean_b, ab - mean_a * mean_b
    structure = (2 * cov + SSIM_C2) / (var_a + var_b + SSIM_C2)
    luminance = (2 * mean_a * mean_b + SSIM_C1) / (mean_a * mean_a + mean_b * mean_b + SSIM_C1)
    return (luminance * structure)[0], structure[0]


class GradientSsim:
    """Stands in for LPIPS where its weights are missing: differences of picture gradients over three scales, and SSIM
    at half size. It rewards sharp edges in the right place, but knows nothing of what is shown."""

    name = "multi-scale gradient + SSIM"

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """`[H, W, 3]` each, 0 to 1."""
        if is_compiled_for(a, b):
            return GradientSsimLoss.apply(a, b)
        a, b = (x.movedim(-1, 0)[None] for x in (a, b))
        total = a.new_zeros(())
        for scale in range(N_SCALES):
            difference = a - b
            total = total + (difference[..., 1:] - difference[..., :-1]).abs().mean()
            total = total + (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean()
            if min(a.shape[-2:]) < LEAST_SIDE:
                break
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
            if scale == 0:
                total = total + 0.5 * (1 - ssim(a[0].movedim(0, -1), b[0].movedim(0, -1)))
        return total


class Lpips(nn.Module):
    """LPIPS on AlexNet (Zhang et al. 2018), from the genuine weight files.

    Raises:
        ModelMissingError: if a file is missing or is not what it should be; says where to get it.
    """

    name = "LPIPS (AlexNet)"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        features = read_weights(folder / ALEXNET_FILE, ALEXNET_URL)
        heads = read_weights(folder / LPIPS_FILE, LPIPS_URL)
        try:
            self.convolutions = nn.ModuleList()
            for number, n_in, n_out, size, stride, padding in _ALEX_LAYERS:
                layer = nn.Conv2d(n_in, n_out, size, stride, padding)
                layer.load_state_dict({k: features[f"features.{number}.{k}"] for k in ("weight", "bias")})
                self.convolutions.append(layer)
            for i, (_, _, n_out, *_) in enumerate(_ALEX_LAYERS):
                head = heads[f"lin{i}.model.1.weight"].reshape(1, n_out, 1, 1)
                self.register_buffer(f"head{i}", head)
        except (KeyError, RuntimeError) as error:
            raise ModelMissingError(f"{folder}: the AlexNet or LPIPS weights there are not the genuine ones "
                                    f"({str(error).splitlines()[0]}); fetch them again.") from error  # fmt: skip
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1))
        self.requires_grad_(False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """`[H, W, 3]` each, 0 to 1; pictures smaller than 64 pixels are enlarged."""
        both = torch.stack([a, b]).movedim(-1, 1)
        if min(both.shape[-2:]) < 64:
            both = F.interpolate(both, scale_factor=64 / min(both.shape[-2:]), mode="bilinear", align_corners=False)
        x = (both * 2 - 1 - self.shift) / self.scale
        total = x.new_zeros(())
        for i, layer in enumerate(self.convolutions):
            if i in (1, 2):
                x = F.max_pool2d(x, 3, 2)
            x = F.relu(layer(x))
            unit = x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)
            total = total + (getattr(self, f"head{i}") * (unit[:1] - unit[1:]).square()).sum(dim=1).mean()
        return total


def read_weights(path: Path, url: str) -> dict[str, Tensor]:
    """Tensors by name of a weight file of PyTorch, read without pickle's dangers.

    Raises:
        ModelMissingError: if it is missing or cannot be read; names the file and where to get it.
    """
    if not path.is_file():
        raise ModelMissingError(f"{path}: the weights are not there; fetch them from {url} and put them there.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, UnpicklingError) as error:
        raise ModelMissingError(f"{path}: cannot be read; fetch it again from {url}.") from error


def _blurred(x: Tensor) -> Tensor:
    at = torch.arange(SSIM_WINDOW, dtype=x.dtype, device=x.device) - SSIM_WINDOW // 2
    kernel = torch.exp(-at.square() / (2 * SSIM_SIGMA**2))
    kernel = kernel / kernel.sum()
    n = x.shape[1]
    x = F.conv2d(x, kernel.view(1, 1, 1, -1).expand(n, 1, 1, -1), padding=(0, SSIM_WINDOW // 2), groups=n)
    return F.conv2d(x, kernel.view(1, 1, -1, 1).expand(n, 1, -1, 1), padding=(SSIM_WINDOW // 2, 0), groups=n)
