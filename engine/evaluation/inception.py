"""Frechet inception distance: Inception-v3's pool features as the published metric takes them, and their distance.

The network is the TensorFlow model of 2015 in its usual PyTorch port, which differs from the classifier of the same
name: average pools leave padding out, and the last block pools by the maximum.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import ModelMissingError
from engine.training.losses import read_weights

INCEPTION_FILE = "pt_inception-2015-12-05-6726825d.pth"
INCEPTION_URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{INCEPTION_FILE}"
SIDE, N_FEATURES = 299, 2048


class Inception(nn.Module):
    """Pictures to 2048 pool features.

    Raises:
        ModelMissingError: if the weights are missing or not the genuine ones; says where to get them.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        weights = read_weights(folder / INCEPTION_FILE, INCEPTION_URL)
        for name, layer in _stem().items():
            self.add_module(name, layer)
        for name, block in _blocks().items():
            self.add_module(name, block)
        wanted = self.state_dict()
        try:
            self.load_state_dict({n: weights[n] if n in weights else wanted[n] for n in wanted if _is_kept(n, weights)})
        except (KeyError, RuntimeError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise ModelMissingError(
                f"{folder / INCEPTION_FILE}: are not the genuine Inception weights ({reason}); "
                f"fetch them from {INCEPTION_URL}."
            ) from error
        self.requires_grad_(False).eval()

    def forward(self, pictures: Tensor) -> Tensor:
        """`[B, H, W, 3]`, 0 to 1 -> `[B, 2048]`."""
        x = F.interpolate(pictures.movedim(-1, 1), size=(SIDE, SIDE), mode="bilinear", align_corners=False) * 2 - 1
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = F.max_pool2d(x, 3, 2)
        for name in _blocks():
            x = getattr(self, name)(x)
        return x.mean(dim=(2, 3))


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """`|m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^1/2)` of two sets of features `[N, F]`.

    Few pictures make covariances of low rank; the distance is then biased upwards, as always with few pictures.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    mean = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    a, b = ((x - x.mean(axis=0)) / np.sqrt(max(len(x) - 1, 1)) for x in (a, b))
    spread = np.square(a).sum() + np.square(b).sum()
    # tr (S_a S_b)^1/2 is the sum of the singular values of A B^T, whose size is that of the smaller sets
    a, b = (np.linalg.qr(x, mode="r") if len(x) > x.shape[1] else x for x in (a, b))
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(max(0.0, mean + spread - 2 * cross))


class _Conv(nn.Module):
    def __init__(self, n_in: int, n_out: int, size, stride: int = 1, padding=0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(n_out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class _Block(nn.Module):
    """Branches side by side: each a chain of convolutions; `fork` ends a chain in two convolutions beside each other.

    Args:
        branches: names of each chain's convolutions in order; a tuple is a fork.
        pool: what the branch named `branch_pool`, or the unnamed one, pools with: "average", "max" or "stride".
    """

    def __init__(self, layers: dict[str, nn.Module], branches: list[list], pool: str) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self._branches, self._pool = branches, pool

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        for chain in self._branches:
            y = x
            if not chain or chain == ["branch_pool"]:
                y = _pooled(x, self._pool)
            for name in chain:
                forks = name if isinstance(name, tuple) else (name,)
                y = torch.cat([getattr(self, fork)(y) for fork in forks], dim=1)
            outputs.append(y)
        return torch.cat(outputs, dim=1)


def _pooled(x: Tensor, how: str) -> Tensor:
    if how == "average":
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    return F.max_pool2d(x, 3, 1, 1) if how == "max" else F.max_pool2d(x, 3, 2)


def _stem() -> dict[str, nn.Module]:
    return {
        "Conv2d_1a_3x3": _Conv(3, 32, 3, 2), "Conv2d_2a_3x3": _Conv(32, 32, 3),
        "Conv2d_2b_3x3": _Conv(32, 64, 3, 1, 1), "Conv2d_3b_1x1": _Conv(64, 80, 1), "Conv2d_4a_3x3": _Conv(80, 192, 3),
    }  # fmt: skip


def _blocks() -> dict[str, nn.Module]:
    return {
        "Mixed_5b": _a(192, 32), "Mixed_5c": _a(256, 64), "Mixed_5d": _a(288, 64), "Mixed_6a": _b(288),
        "Mixed_6b": _c(768, 128), "Mixed_6c": _c(768, 160), "Mixed_6d": _c(768, 160), "Mixed_6e": _c(768, 192),
        "Mixed_7a": _d(768), "Mixed_7b": _e(1280, "average"), "Mixed_7c": _e(2048, "max"),
    }  # fmt: skip


def _a(n: int, n_pool: int) -> _Block:
    return _Block({
        "branch1x1": _Conv(n, 64, 1), "branch5x5_1": _Conv(n, 48, 1), "branch5x5_2": _Conv(48, 64, 5, 1, 2),
        "branch3x3dbl_1": _Conv(n, 64, 1), "branch3x3dbl_2": _Conv(64, 96, 3, 1, 1),
        "branch3x3dbl_3": _Conv(96, 96, 3, 1, 1), "branch_pool": _Conv(n, n_pool, 1),
    }, [["branch1x1"], ["branch5x5_1", "branch5x5_2"], ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"],
        ["branch_pool"]], "average")  # fmt: skip


def _b(n: int) -> _Block:
    return _Block({
        "branch3x3": _Conv(n, 384, 3, 2), "branch3x3dbl_1": _Conv(n, 64, 1),
        "branch3x3dbl_2": _Conv(64, 96, 3, 1, 1), "branch3x3dbl_3": _Conv(96, 96, 3, 2),
    }, [["branch3x3"], ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"], []], "stride")  # fmt: skip


def _c(n: int, m: int) -> _Block:
    row, column = {"size": (1, 7), "padding": (0, 3)}, {"size": (7, 1), "padding": (3, 0)}
    return _Block({
        "branch1x1": _Conv(n, 192, 1), "branch7x7_1": _Conv(n, m, 1), "branch7x7_2": _Conv(m, m, **row),
        "branch7x7_3": _Conv(m, 192, **column), "branch7x7dbl_1": _Conv(n, m, 1),
        "branch7x7dbl_2": _Conv(m, m, **column), "branch7x7dbl_3": _Conv(m, m, **row),
        "branch7x7dbl_4": _Conv(m, m, **column), "branch7x7dbl_5": _Conv(m, 192, **row),
        "branch_pool": _Conv(n, 192, 1),
    }, [["branch1x1"], [f"branch7x7_{i}" for i in (1, 2, 3)], [f"branch7x7dbl_{i}" for i in (1, 2, 3, 4, 5)],
        ["branch_pool"]], "average")  # fmt: skip


def _d(n: int) -> _Block:
    return _Block({
        "branch3x3_1": _Conv(n, 192, 1), "branch3x3_2": _Conv(192, 320, 3, 2), "branch7x7x3_1": _Conv(n, 192, 1),
        "branch7x7x3_2": _Conv(192, 192, (1, 7), 1, (0, 3)), "branch7x7x3_3": _Conv(192, 192, (7, 1), 1, (3, 0)),
        "branch7x7x3_4": _Conv(192, 192, 3, 2),
    }, [["branch3x3_1", "branch3x3_2"], [f"branch7x7x3_{i}" for i in (1, 2, 3, 4)], []], "stride")  # fmt: skip


def _e(n: int, pool: str) -> _Block:
    row, column = {"size": (1, 3), "padding": (0, 1)}, {"size": (3, 1), "padding": (1, 0)}
    triple = ["branch3x3dbl_1", "branch3x3dbl_2", ("branch3x3dbl_3a", "branch3x3dbl_3b")]
    return _Block({
        "branch1x1": _Conv(n, 320, 1), "branch3x3_1": _Conv(n, 384, 1), "branch3x3_2a": _Conv(384, 384, **row),
        "branch3x3_2b": _Conv(384, 384, **column), "branch3x3dbl_1": _Conv(n, 448, 1),
        "branch3x3dbl_2": _Conv(448, 384, 3, 1, 1), "branch3x3dbl_3a": _Conv(384, 384, **row),
        "branch3x3dbl_3b": _Conv(384, 384, **column), "branch_pool": _Conv(n, 192, 1),
    }, [["branch1x1"], ["branch3x3_1", ("branch3x3_2a", "branch3x3_2b")], triple, ["branch_pool"]],
        pool)  # fmt: skip


def _is_kept(name: str, weights: dict[str, Tensor]) -> bool:
    """All but the counters of batch norms, which older files lack."""
    if name in weights or name.endswith("num_batches_tracked"):
        return True
    raise KeyError(name)
