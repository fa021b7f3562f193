"""IDSIM: how alike two faces are to ArcFace, the cosine of their embeddings (DGTalker 4.1)."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import ModelMissingError
from engine.training.losses import read_weights

ARCFACE_FILE = "arcface_backbone.pth"
ARCFACE_URL = "https://github.com/deepinsight/insightface (arcface_torch, the backbone.pth of an r50 or r100)"
SIDE = 112
TEMPLATE = np.array([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655),
                     (70.7299, 92.2041)])  # fmt: skip
"""Where ArcFace's crops have the eyes, the nose's tip and the corners of the mouth, pixels x and y."""
FIVE = ((33, 133), (362, 263), (1,), (61,), (291,))
"""MediaPipe's landmarks whose means are these five points, the picture's left first."""


class ArcFace(nn.Module):
    """An improved ResNet of the arcface_torch family; its depth is read off the weights.

    Raises:
        ModelMissingError: if the weights are missing or not the genuine ones; says where to get them.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        weights = read_weights(folder / ARCFACE_FILE, ARCFACE_URL)
        depths = [len({n.split(".")[1] for n in weights if n.startswith(f"layer{i}.")}) for i in (1, 2, 3, 4)]
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)
        n_in = 64
        for i, (width, depth) in enumerate(zip((64, 128, 256, 512), depths, strict=True), 1):
            blocks = [_Block(n_in if k == 0 else width, width, 2 if k == 0 else 1) for k in range(depth)]
            self.add_module(f"layer{i}", nn.Sequential(*blocks))
            n_in = width
        self.bn2, self.fc = nn.BatchNorm2d(512), nn.Linear(512 * 7 * 7, 512)
        self.features = nn.BatchNorm1d(512)
        try:
            self.load_state_dict(weights)
        except RuntimeError as error:
            raise ModelMissingError(
                f"{folder / ARCFACE_FILE}: are not ArcFace's weights ({str(error).splitlines()[-1].strip()}); fetch "
                f"them from {ARCFACE_URL}."
            ) from error
        self.requires_grad_(False).eval()

    def forward(self, crops: Tensor) -> Tensor:
        """Aligned crops `[B, 112, 112, 3]`, RGB 0 to 1 -> unit embeddings `[B, 512]`."""
        x = self.prelu(self.bn1(self.conv1((crops.movedim(-1, 1) - 0.5) / 0.5)))
        for i in (1, 2, 3, 4):
            x = getattr(self, f"layer{i}")(x)
        return F.normalize(self.features(self.fc(self.bn2(x).flatten(1))), dim=1)


class _Block(nn.Module):
    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(n_in), nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
        self.bn2, self.prelu = nn.BatchNorm2d(n_out), nn.PReLU(n_out)
        self.conv2, self.bn3 = nn.Conv2d(n_out, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out)
        self.downsample = None
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return y + (x if self.downsample is None else self.downsample(x))


def aligned_face(picture: np.ndarray, landmarks: np.ndarray) -> Tensor:
    """A picture `[H, W, 3]` moved, turned and scaled so that its face lies as ArcFace expects, `[112, 112, 3]`.

    Args:
        landmarks: MediaPipe's, pixels `[L, 2 or 3]`.
    """
    points = np.stack([landmarks[list(rows), :2].mean(axis=0) for rows in FIVE])
    turn, shift = _similarity(TEMPLATE, points)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    where = np.stack([x, y], axis=-1).reshape(-1, 2) @ turn.T + shift
    height, width = picture.shape[:2]
    grid = 2 * (where + 0.5) / np.array([width, height]) - 1
    source = torch.from_numpy(np.ascontiguousarray(picture, dtype=np.float32)).movedim(-1, 0)[None]
    places = torch.from_numpy(grid.astype(np.float32)).reshape(1, SIDE, SIDE, 2)
    return F.grid_sample(source, places, align_corners=False)[0].movedim(0, -1)


def _similarity(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale times rotation `[2, 2]` and shift `[2]` that take `source` nearest to `target` (Umeyama 1991)."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    u, sizes, v = np.linalg.svd(b.T @ a)
    signs = np.array([1.0, np.sign(np.linalg.det(u @ v))])
    turn = (u * signs) @ v * ((sizes * signs).sum() / np.square(a).sum())
    return turn, target.mean(axis=0) - turn @ source.mean(axis=0)
