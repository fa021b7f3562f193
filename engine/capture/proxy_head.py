"""A coarse, rigid head of splats, fitted to a clip for one purpose: to lay every frame's pose exactly on it.

It is small (some thousand splats, pictures of 176 pixels) and knows no expression. Each frame is compared with its
picture of the head, and the pose moves to where the rigid part of the face and the hair agree best: Gauss-Newton on
the pixels themselves, with the depth the splats give.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from torch import Tensor

from engine.capture.features import rigid_area
from engine.capture.poses import HeadPoses
from engine.capture.tracking import FaceTrack
from engine.progress import Progress
from engine.raster.cpu import rasterization

SIDE = 176
STEPS = (400, 200)
"""Steps of fitting before each round of laying frames on it."""
MOST_FRAMES = 240
N_SPLATS = 7000
RATES = {"means": 1.5e-3, "colors": 3e-2, "scales": 1.5e-2, "quats": 5e-3, "opacities": 4e-2}
DECAY = 0.997
ROBUST = 0.06
"""Colour differences (of 1) beyond this count less and less: highlights, strands, stray expression."""
NOISE = 0.03
"""Colour difference (of 1) that a pixel has when all is right, averaged over what is not independent."""
TURN_TRUST, SHIFT_TRUST = np.radians(0.4), 0.004
"""How far the pose known so far may be off: radians, head heights."""


@dataclass
class ProxyHead:
    """Splats in the world; values before their activations, float32."""

    values: dict[str, Tensor]
    k: Tensor  # [3, 3] for pictures of SIDE

    def render(self, viewmat: Tensor) -> Tensor:
        """Colour and expected depth `[SIDE, SIDE, 4]`."""
        v = self.values
        image, _, _ = rasterization(
            v["means"], v["quats"], v["scales"].exp(), torch.sigmoid(v["opacities"]), torch.sigmoid(v["colors"]),
            viewmat[None], self.k[None], SIDE, SIDE, render_mode="RGB+ED",
        )  # fmt: skip
        return image[0]


def start_proxy(points: np.ndarray, colors: np.ndarray, k: np.ndarray, size: int, seed: int = 0) -> ProxyHead:
    """A proxy from start points `[P, 3]` and colours `[P, 3]`; `k` belongs to pictures of `size`."""
    rng = np.random.default_rng(seed)
    kept = rng.permutation(len(points))[:N_SPLATS]
    points, colors = points[kept], colors[kept]
    distance = cKDTree(points).query(points, k=4)[0][:, 1:].mean(axis=1).clip(1e-4)
    values = {
        "means": torch.tensor(points, dtype=torch.float32),
        "colors": torch.logit(torch.tensor(colors, dtype=torch.float32).clamp(0.02, 0.98)),
        "scales": torch.tensor(np.log(distance), dtype=torch.float32)[:, None].repeat(1, 3),
        "quats": torch.tensor([[1.0, 0, 0, 0]]).repeat(len(points), 1),
        "opacities": torch.full((len(points),), 0.5),
    }
    return ProxyHead(values, torch.tensor(k * np.array([[SIDE / size], [SIDE / size], [1]]), dtype=torch.float32))


def fit_proxy(
    head: ProxyHead, pictures: np.ndarray, weights: np.ndarray, viewmats: np.ndarray, steps: int, seed: int = 0
) -> Iterator[Progress]:
    """Fits the splats to pictures `[T, SIDE, SIDE, 3]` (0 to 1) where `weights` `[T, SIDE, SIDE]` says so, in place."""
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.Adam([
        {"params": [value.requires_grad_()], "lr": RATES[name]} for name, value in head.values.items()
    ])  # fmt: skip
    cameras = torch.tensor(viewmats, dtype=torch.float32)
    order = np.concatenate([rng.permutation(len(pictures)) for _ in range(-(-steps // len(pictures)))])[:steps]
    for step, index in enumerate(order):
        target, weight = torch.from_numpy(pictures[index]), torch.from_numpy(weights[index])[..., None]
        loss = ((head.render(cameras[index])[..., :3] - target).abs() * weight).sum() / weight.sum().clamp(min=1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] *= DECAY
        yield Progress("Modelling the head", step + 1, steps, values={"loss": loss.item()})
    for value in head.values.values():
        value.requires_grad_(False)


@torch.no_grad()
def align(
    head: ProxyHead, picture: np.ndarray, weight: np.ndarray, viewmat: np.ndarray, iterations: int = 3
) -> np.ndarray:
    """The pose `[4, 4]` near `viewmat` at which the head looks most like the picture where `weight` says so."""
    first = viewmat
    trust = 1 / np.array([TURN_TRUST] * 3 + [SHIFT_TRUST] * 3) ** 2
    for _ in range(iterations):
        shown = head.render(torch.tensor(viewmat, dtype=torch.float32)).numpy().astype(np.float64)
        jacobian, residual, used = _pixel_system(shown, picture, weight, viewmat, head.k.numpy())
        if len(residual) < 200:
            return first
        robust = (
            used / (1 + (residual / ROBUST) ** 2) / NOISE**2 / 9
        )  # neighbours share their errors: 3 x 3 count as one
        scaled = jacobian * robust[:, None]
        off = _twist(first, viewmat)
        step = np.linalg.solve(scaled.T @ jacobian + np.diag(trust), -scaled.T @ residual - trust * off)
        viewmat = _moved(viewmat, step)
        if np.abs(step[:3]).max() < 1e-4 and np.abs(step[3:]).max() < 3e-5:
            break
    return viewmat


def _pixel_system(shown: np.ndarray, picture: np.ndarray, weight: np.ndarray, viewmat: np.ndarray, k: np.ndarray):
    """Derivative of the shown colours by the pose `[M, 6]`, the differences `[M]` and their weights `[M]`."""
    color = cv2.GaussianBlur(shown[..., :3], (0, 0), 0.7)
    seen = cv2.GaussianBlur(picture.astype(np.float64), (0, 0), 0.7)
    depth = shown[..., 3]
    usable = (weight > 0.05) & (depth > 0.1)
    gx, gy = np.zeros_like(color), np.zeros_like(color)
    gx[:, 1:-1] = (color[:, 2:] - color[:, :-2]) / 2
    gy[1:-1] = (color[2:] - color[:-2]) / 2
    rows, columns = np.nonzero(usable)
    z = depth[rows, columns]
    f = k[0, 0]
    x, y = (columns + 0.5 - k[0, 2]) / f * z, (rows + 0.5 - k[1, 2]) / f * z
    arm = np.stack([x, y, z], 1) - viewmat[:3, 3]  # from the head's middle, about which it turns
    # pixel motion by translation; a turn w moves a point by w x arm
    px = np.stack([f / z, np.zeros_like(z), -f * x / z**2], 1)
    py = np.stack([np.zeros_like(z), f / z, -f * y / z**2], 1)
    px, py = (np.concatenate([np.cross(arm, p), p], axis=1) for p in (px, py))
    rows3 = []
    for channel in range(3):
        rows3.append(-(gx[rows, columns, channel, None] * px + gy[rows, columns, channel, None] * py))
    residual = (color - seen)[rows, columns]
    return np.concatenate(rows3), residual.T.ravel(), np.tile(weight[rows, columns], 3)


def _moved(viewmat: np.ndarray, step: np.ndarray) -> np.ndarray:
    out = viewmat.copy()
    out[:3, :3] = Rotation.from_rotvec(step[:3]).as_matrix() @ viewmat[:3, :3]
    out[:3, 3] += step[3:]
    return out


def _twist(first: np.ndarray, now: np.ndarray) -> np.ndarray:
    turn = Rotation.from_matrix(now[:3, :3] @ first[:3, :3].T).as_rotvec()
    return np.concatenate([turn, now[:3, 3] - first[:3, 3]])


def polish_poses(
    poses: HeadPoses, points: np.ndarray, colors: np.ndarray, track: FaceTrack, read: Callable[[int], np.ndarray],
    read_masks: Callable[[int], np.ndarray], n_train: int,
) -> Iterator[Progress]:  # fmt: skip
    """Fits a proxy to training frames and lays all frames on it; the last progress carries the `HeadPoses` as `poses`.

    Args:
        poses: known so far.
        points, colors: start points `[P, 3]` each.
        track: the landmarks (they say which part of the face is rigid).
        read, read_masks: give frame i and its masks (R head), uint8 `[H, W, 3]`.
        n_train: frames from here on are laid on the proxy, but it is not made from them.
    """
    found = np.nonzero(track.found)[0]
    model_frames = found[found < n_train]
    model_frames = model_frames[np.unique(np.linspace(0, len(model_frames) - 1, MOST_FRAMES).round().astype(int))]
    head = start_proxy(points, colors, poses.k, read(0).shape[0])

    def view(index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        masks = read_masks(index)
        rigid = _small(rigid_area(masks, track.landmarks[index]))
        return _small(read(index)), (rigid + _small(masks[..., 0])) / 2, rigid

    views = [view(i) for i in model_frames]
    pictures, weights = np.stack([v[0] for v in views]), np.stack([v[1] for v in views])
    viewmats = poses.viewmats.copy()
    for round_, steps in enumerate(STEPS):
        yield from fit_proxy(head, pictures, weights, viewmats[model_frames], steps, seed=round_)
        for done, index in enumerate(found, start=1):
            picture, _, rigid = view(index)
            viewmats[index] = align(head, picture, rigid, viewmats[index])
            yield Progress(f"Laying frames on the head, round {round_ + 1}", done, len(found))
    moved = np.linalg.norm(viewmats[found, :3, 3] - poses.viewmats[found, :3, 3], axis=1).mean()
    figures = {**poses.figures, "polished_by": float(moved)}
    yield Progress("Head poses done", 1, 1, values={"poses": replace(poses, viewmats=viewmats, figures=figures)})


def _small(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
