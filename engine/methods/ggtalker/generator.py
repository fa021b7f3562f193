"""GGTalker's identity generator (section 3.3): one picture of a person to the 14-channel UV map of their Gaussians.

The paper gives the map only; the network is ours: a convolutional pyramid gives a global code and features, every texel
looks up the features of the pixel where its point of the mesh is seen, and StyleGAN2's blocks, modulated by the code,
turn the looked-up map, and its mirror image across the face, into the channels; the last layer sees it texel by texel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor, nn
from torch.nn import functional as F

from engine.camera import Camera
from engine.heads.binding import Binding
from engine.methods.ggtalker.decoding import COLOR, N_CHANNELS, raw_colors
from engine.parts.stylegan import StyledConv
from engine.synth.visibility import EMPTY, rasterize, vertex_normals

SQUARELY = 0.5  # how squarely a picture must see a texel for no further one to be asked
DEPTH_TOLERANCE = 0.01  # of the depth, behind the nearest surface
START_GAIN = 0.1  # of the last layer's first weights: maps start near zero
N_GROUPS = 8


@dataclass(frozen=True)
class GeneratorSize:
    """How large the generator is.

    Attributes:
        side: of the UV map, 4 times a power of two; channels: of the decoder at 4, 8, ... `side`.
        widths: of the pyramid's four levels; blocks: residual blocks of each.
        n_texel: features of a texel, of those looked up.
    """

    side: int = 256
    channels: tuple[int, ...] = (512, 512, 512, 256, 128, 64, 64)
    widths: tuple[int, ...] = (64, 128, 256, 512)
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    n_texel: int = 64

    def __post_init__(self) -> None:
        if 4 * 2 ** (len(self.channels) - 1) != self.side or len(self.channels) < 3:
            raise ValueError(f"a map of side {self.side} needs channels for 4, 8, ... {self.side}, at least three.")


SMALL = {"channels": (128, 128, 128, 64, 48, 32, 32), "widths": (32, 48, 64, 128), "blocks": (1, 1, 1, 1),
         "n_texel": 32}  # fmt: skip


@dataclass(frozen=True)
class TexelView:
    """Where the texels of a binding are in a picture.

    Attributes:
        places: x, y from -1 to 1 over the picture `[N, 2]`; visible: 0 to 1 `[N]`, how squarely the picture sees them,
            0 where something lies before them or they are outside.
    """

    places: Tensor
    visible: Tensor


def texel_view(binding: Binding, vertices: np.ndarray, faces: np.ndarray, camera: Camera) -> TexelView:
    """Where a posed mesh's texels are seen by a camera: by depth buffer and the normals' turn to the camera."""
    vertices = np.ascontiguousarray(vertices, np.float64)
    normals = np.empty_like(vertices)
    vertex_normals(vertices, faces, normals)
    corners = binding.corners[binding.triangles]
    points = np.einsum("nk,nkc->nc", binding.shares, vertices[corners])
    normal = np.einsum("nk,nkc->nc", binding.shares, normals[corners])
    screen, depth = _projected(vertices, camera)
    nearness = np.zeros((camera.height, camera.width), np.float32)
    ids = np.full(nearness.shape, EMPTY, np.int32)
    drawn = faces[(depth[faces] > 0).all(axis=1)].astype(np.int32)
    inverse = 1 / np.where(depth > 0, depth, 1.0)
    rasterize(np.column_stack([screen, inverse]).astype(np.float32), drawn, nearness, ids)
    at, depth = _projected(points, camera)
    size = np.array([camera.width, camera.height])
    inside = (depth > 0) & (at >= 0).all(axis=1) & (at < size).all(axis=1)
    column, row = (np.clip(at[:, k].astype(int), 0, size[k] - 1) for k in (0, 1))
    before = nearness[row, column] * np.maximum(depth, 1e-6)
    towards = camera.position - points
    facing = (normal * towards).sum(axis=1) / np.maximum(np.linalg.norm(towards, axis=1), 1e-9)
    visible = np.where(inside & (before < 1 + DEPTH_TOLERANCE), np.maximum(facing, 0), 0)
    places = np.clip(2 * at / size - 1, -2, 2)
    return TexelView(torch.from_numpy(places).float(), torch.from_numpy(visible).float())


def mirrored(binding: Binding, vertices: np.ndarray) -> np.ndarray:
    """For each texel the one nearest to its mirror image across x = 0 on the mesh at rest, `[N]`."""
    points = np.einsum("nk,nkc->nc", binding.shares, np.asarray(vertices)[binding.corners[binding.triangles]])
    return cKDTree(points).query(points * [-1, 1, 1])[1]


def first_map(
    looks: Sequence[tuple[Tensor, TexelView]], partner: np.ndarray, least_visible: float = 0.15
) -> Tensor:  # fmt: skip
    """A map without any prior, `[N, 14]`: colours of the first picture that sees a texel squarely, else of the one that
    sees it best; where none does, of its partner across the face; where that is unseen too, the mean of what is seen.

    Args:
        looks: pictures `[3, H, W]`, 0 to 1, and where the texels are in each; I_ref first.
    """
    colors = looks[0][0].new_zeros(len(partner), 3)
    best = colors.new_zeros(len(partner))
    for picture, view in looks:
        found = F.grid_sample(picture[None], view.places[None, None], align_corners=False)[0, :, 0].t()
        better = (view.visible > best) & (best < SQUARELY)
        colors, best = torch.where(better[:, None], found, colors), torch.where(better, view.visible, best)
    seen = best >= least_visible
    middle = colors[seen].mean(dim=0) if seen.any() else colors.new_full((3,), 0.5)
    other = torch.from_numpy(partner)
    beside = torch.where(seen[other, None], colors[other], middle)
    raw = colors.new_zeros(len(colors), N_CHANNELS)
    raw[:, COLOR] = raw_colors(torch.where(seen[:, None], colors, beside))
    return raw


class IdentityGenerator(nn.Module):
    """From pictures of people to the maps of their Gaussians.

    Args:
        binding: of the head model, its `side` that of `size`; partner: of `mirrored`.
    """

    def __init__(self, size: GeneratorSize, binding: Binding, partner: np.ndarray) -> None:
        super().__init__()
        if binding.side != size.side:
            raise ValueError(f"the binding's map is {binding.side} wide, the generator's {size.side}.")
        self.size, self.binding = size, binding
        self.register_buffer("partner", torch.from_numpy(np.asarray(partner, np.int64)), persistent=False)
        self.pyramid = Pyramid(size)
        n_style, channels = size.widths[3], size.channels
        self.look_up = nn.Sequential(
            nn.Linear(size.widths[0] + size.widths[1] + 4, size.n_texel), nn.LeakyReLU(0.2),
            nn.Linear(size.n_texel, size.n_texel),
        )  # fmt: skip
        self.start = nn.Parameter(torch.randn(channels[0], 4, 4))
        self.first = StyledConv(channels[0], channels[0], n_style, 4, is_up=False)
        sides = [4 * 2**k for k in range(1, len(channels))]
        self.looked_up_at = tuple(sides[-3:-1]) if len(sides) > 2 else tuple(sides[:1])
        extra = [2 * (size.n_texel + 1) if s in self.looked_up_at else 0 for s in sides]
        self.grow = nn.ModuleList(
            StyledConv(a, b, n_style, s, is_up=True) for (a, b), s in zip(pairwise(channels), sides)
        )
        self.shape = nn.ModuleList(
            StyledConv(b + e, b, n_style, s, is_up=False) for b, e, s in zip(channels[1:], extra, sides)
        )
        self.last = nn.Conv2d(channels[-1] + 2 * (size.n_texel + 1), N_CHANNELS, 1)
        nn.init.zeros_(self.last.bias)
        with torch.no_grad():
            self.last.weight.mul_(START_GAIN)
        self.usual = nn.Parameter(torch.zeros(N_CHANNELS, size.side, size.side))  # what people have in common
        covered = binding.scattered(torch.ones(len(binding), 1))
        self.register_buffer("covered", covered, persistent=False)

    def forward(self, pictures: Tensor, places: Tensor, visible: Tensor) -> Tensor:
        """Maps `[B, 14, side, side]`; `binding.gathered` takes the Gaussians' values out.

        Args:
            pictures: matted, `[B, 3, H, W]`, 0 to 1; places: `[B, N, 2]`, visible: `[B, N]`, see `TexelView`.
        """
        code, fine, coarse = self.pyramid(2 * pictures - 1)
        at = places[:, None]
        looked_up = [F.grid_sample(m, at, align_corners=False)[:, :, 0] for m in (fine, coarse, 2 * pictures - 1)]
        texels = torch.cat([t * visible[:, None] for t in looked_up] + [visible[:, None]], dim=1).transpose(1, 2)
        texels = torch.cat([self.look_up(texels), visible[:, :, None]], dim=2)
        maps = self.binding.scattered(torch.cat([texels, texels[:, self.partner]], dim=2))
        x = self.first(self.start.expand(len(pictures), -1, -1, -1), self.first.affine(code))
        for grow, shape in zip(self.grow, self.shape, strict=True):
            x = grow(x, grow.affine(code))
            if x.shape[-1] in self.looked_up_at:
                x = torch.cat([x, self._shrunk(maps, x.shape[-1])], dim=1)
            x = shape(x, shape.affine(code))
        return self.usual + self.last(torch.cat([x, maps], dim=1))

    def _shrunk(self, maps: Tensor, side: int) -> Tensor:
        """The map at a smaller side: the mean of the texels that hold something."""
        by = self.size.side // side
        return F.avg_pool2d(maps, by) / F.avg_pool2d(self.covered, by).clamp(min=1e-6)


class Pyramid(nn.Module):
    """ResNet's levels over a picture: a global code and two maps of features.

    Group norm stands where ResNet has batch norm, for steps of few pictures.
    """

    def __init__(self, size: GeneratorSize) -> None:
        super().__init__()
        w = size.widths
        self.stem = nn.Sequential(
            nn.Conv2d(3, w[0], 7, stride=2, padding=3), nn.GroupNorm(N_GROUPS, w[0]), nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )  # fmt: skip
        self.levels = nn.ModuleList(
            nn.Sequential(_Residual(a, b, 2 if k else 1), *(_Residual(b, b, 1) for _ in range(n - 1)))
            for k, (a, b, n) in enumerate(zip((w[0],) + w, w, size.blocks))
        )

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Code `[B, widths[3]]`, features `[B, widths[0], H / 4, W / 4]` and `[B, widths[1], H / 8, W / 8]`."""
        maps, x = [], self.stem(pictures)
        for level in self.levels:
            x = level(x)
            maps.append(x)
        return x.mean(dim=(2, 3)), maps[0], maps[1]


class _Residual(nn.Module):
    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, 1), nn.GroupNorm(N_GROUPS, n_out), nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, 1, 1), nn.GroupNorm(N_GROUPS, n_out),
        )  # fmt: skip
        self.past = nn.Identity() if n_in == n_out and stride == 1 else nn.Conv2d(n_in, n_out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.past(x))


def _projected(points: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Pixels `[N, 2]` and depths `[N]` of world points."""
    seen = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    depth = seen[:, 2]
    flat = seen @ camera.k.T
    return flat[:, :2] / np.where(np.abs(depth) > 1e-9, depth, 1e-9)[:, None], depth
