"""GGTalker's body inpainter (eq. 17): puts the rendered head into a frame of the film and mends what the cut leaves.

The network sees the frame without what was cut out, as in the paper; here the hole is first filled with what lies round
it, since a residual over black has to be a colour in one place and nothing in the next, which is learnt slowly. Outside
the mask, widened by `DILATION_PX` and a rim of `RIM_PX`, the frame stays as it was bit for bit.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor, nn
from torch.nn import functional as F

DILATION_PX, RIM_PX, AT_SIDE = 15, 16, 512
MARGIN_PX = 8  # of the frame round the rim that the network sees
SLOPE = 0.1
SURE = 4.0  # logit of the blend at the start: what the network gives counts, not what lies under it


@dataclass(frozen=True)
class Cut:
    """Where the head is cut out of a frame; bool `[H, W]` both.

    Attributes:
        hole: what is taken out, the widened mask; rim: what may change, the hole and its surroundings.
    """

    hole: np.ndarray
    rim: np.ndarray


def cut(mask: np.ndarray, dilation_px: float = DILATION_PX, rim_px: float = RIM_PX) -> Cut:
    """The cut for the mask of the head in a frame, bool `[H, W]`; pixels are those of a frame 512 high."""
    mask = np.asarray(mask, bool)
    if not mask.any():
        return Cut(mask, mask)
    distance, scale = distance_transform_edt(~mask), mask.shape[0] / AT_SIDE
    return Cut(distance <= dilation_px * scale, distance <= (dilation_px + rim_px) * scale)


def coarse_cut(mask: np.ndarray, step: int = 4) -> Cut:
    """`cut` worked out on every `step`-th pixel, for a tenth of its cost."""
    few = cut(mask[::step, ::step])
    height, width = mask.shape
    grown = (np.repeat(np.repeat(a, step, 0), step, 1)[:height, :width] for a in (few.hole, few.rim))
    return Cut(*grown)


class Inpainter(nn.Module):
    """A U-Net without normalisation, so that brightness does not hang on the size of the mask.

    Args:
        base: channels at full size; 16 live, 32 offline, 8 in the small preset. n_levels: sizes it works at.
        shrink: how much smaller than the picture the network works; what it gives is enlarged again.
    """

    def __init__(self, base: int = 16, n_levels: int = 5, shrink: int = 1) -> None:
        super().__init__()
        self.shrink = shrink
        widths = [base * 2**k for k in range(n_levels)]
        self.multiple = 2 ** (n_levels - 1)
        self.down = nn.ModuleList(_Pair(a, b) for a, b in zip([7] + widths, widths))
        self.up = nn.ModuleList(_Pair(a + b, a) for a, b in pairwise(widths))
        self.last = nn.Conv2d(base, 4, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        with torch.no_grad():
            self.last.bias[3] = SURE

    def forward(self, rendered: Tensor, alpha: Tensor, frame: Tensor, hole: Tensor, rim: Tensor) -> Tensor:
        """The finished pictures `[B, 3, H, W]`.

        Args:
            rendered: the head's colours times alpha `[B, 3, H, W]`; alpha: `[B, 1, H, W]`.
            frame: of the film `[B, 3, H, W]`; hole, rim: bool `[B, 1, H, W]`, see `Cut`.
        """
        if not rim.any():
            return frame
        box = _box(rim, MARGIN_PX)
        rendered, alpha, hole, inside = (t[box] for t in (rendered, alpha, hole, rim))
        around = filled(frame[box], hole)
        residual, logit = self.unet(torch.cat([rendered, alpha, around], dim=1)).split([3, 1], dim=1)
        share = torch.sigmoid(logit)
        mended = share * (rendered + (1 - alpha) * around + residual) + (1 - share) * around
        picture = frame.clone()
        picture[box] = torch.where(inside, mended, frame[box])
        return picture

    def unet(self, x: Tensor) -> Tensor:
        """`[B, 7, H, W]` -> `[B, 4, H, W]`, any size."""
        size = x.shape[2:]
        if self.shrink > 1:
            x = F.avg_pool2d(x, self.shrink, ceil_mode=True)
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate")
        levels = []
        for k, pair in enumerate(self.down):
            x = pair(F.avg_pool2d(x, 2) if k else x)
            levels.append(x)
        for pair, skip in zip(reversed(self.up), reversed(levels[:-1])):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = pair(torch.cat([skip, x], dim=1))
        out = self.last(x)[:, :, :height, :width]
        return out if self.shrink == 1 else F.interpolate(out, size=size, mode="bilinear", align_corners=False)


class _Pair(nn.Sequential):
    """Two convolutions that keep the power of what passes: there is no normalisation to restore it."""

    def __init__(self, n_in: int, n_out: int) -> None:
        first, second = nn.Conv2d(n_in, n_out, 3, padding=1), nn.Conv2d(n_out, n_out, 3, padding=1)
        for conv in (first, second):
            nn.init.kaiming_normal_(conv.weight, a=SLOPE)
            nn.init.zeros_(conv.bias)
        super().__init__(first, nn.LeakyReLU(SLOPE), second, nn.LeakyReLU(SLOPE))


def filled(frame: Tensor, hole: Tensor) -> Tensor:
    """The frame `[B, C, H, W]` with its hole (bool `[B, 1, H, W]`) closed by averages of what surrounds it, from coarse
    to fine; pixels of the hole have no say in it. Black where there is nothing but hole."""
    known = (~hole).to(frame)
    return _pulled(frame * known, known)


def _pulled(weighted: Tensor, weights: Tensor) -> Tensor:
    mean = weighted / weights.clamp(min=1e-6)
    if max(weights.shape[2:]) == 1 or bool((weights > 0).all()):
        return mean
    coarse = _pulled(*(F.avg_pool2d(t, 2, ceil_mode=True) for t in (weighted, weights)))
    spread = F.interpolate(coarse, size=weights.shape[2:], mode="bilinear", align_corners=False)
    return torch.where(weights > 0, mean, spread)


def _box(rim: Tensor, margin: int) -> tuple[slice, slice, slice, slice]:
    """The smallest box round all rims of a batch and a margin, as an index of `[B, C, H, W]`."""
    any_of = rim.any(dim=0).any(dim=0)
    sides = []
    for axis in (1, 0):
        at = torch.nonzero(any_of.any(dim=axis))[:, 0]
        sides.append(slice(max(int(at[0]) - margin, 0), int(at[-1]) + 1 + margin))
    return slice(None), slice(None), sides[0], sides[1]
