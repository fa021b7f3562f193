"""The perceptual loss of GaussianTalker: VGG16 features of four depths, compared by their mean absolute difference."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import ModelMissingError
from engine.training.losses import Perceptual, lpips_folder, perceptual_loss, read_weights

VGG_FILE = "vgg16-397923af.pth"
VGG_URL = f"https://download.pytorch.org/models/{VGG_FILE}"
_LAYERS = ((0, 3, 64), (2, 64, 64), (5, 64, 128), (7, 128, 128), (10, 128, 256), (12, 256, 256), (14, 256, 256),
           (17, 256, 512), (19, 512, 512), (21, 512, 512))  # fmt: skip
_POOLS_BEFORE, _TAPS = (5, 10, 17), (2, 7, 14, 21)  # layers 4, 9, 16 and 23 of the published list end after these
SIDE = 224


def vgg_or_stand_in(device: torch.device) -> Perceptual:
    """VGG16 when its weights are in the user's cache, else LPIPS, else the plainly named stand-in."""
    try:
        return Vgg16(lpips_folder()).to(device)
    except ModelMissingError:
        return perceptual_loss(device)


class Vgg16(nn.Module):
    """Sum over four depths of VGG16 (ImageNet) of the L1 distance between two pictures' features.

    Raises:
        ModelMissingError: if the weights are missing or not the genuine ones; says where to get them.
    """

    name = "VGG16"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        weights = read_weights(folder / VGG_FILE, VGG_URL)
        self.convolutions = nn.ModuleDict()
        try:
            for number, n_in, n_out in _LAYERS:
                layer = nn.Conv2d(n_in, n_out, 3, padding=1)
                layer.load_state_dict({k: weights[f"features.{number}.{k}"] for k in ("weight", "bias")})
                self.convolutions[str(number)] = layer
        except (KeyError, RuntimeError) as error:
            raise ModelMissingError(
                f"{folder / VGG_FILE}: are not the genuine VGG16 weights ({str(error).splitlines()[0]}); "
                f"fetch them from {VGG_URL}."
            ) from error
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
        self.requires_grad_(False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """`[H, W, 3]` each, 0 to 1."""
        x = (torch.stack([a, b]).movedim(-1, 1) - self.mean) / self.deviation
        x = F.interpolate(x, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        total = x.new_zeros(())
        for number, *_ in _LAYERS:
            if number in _POOLS_BEFORE:
                x = F.max_pool2d(x, 2, 2)
            x = F.relu(self.convolutions[str(number)](x))
            if number in _TAPS:
                total = total + (x[0] - x[1]).abs().mean()
        return total
