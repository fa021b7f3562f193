"""A coarse, rigid head of splats, fitted to a clip for one purpose: to lay every frame's pose exactly on it.

It is small (some thousand splats, pictures of up to 288 pixels) and knows no expression. Head and poses are found
together, coarse to fine: each step draws one frame, moves the splats by gradient and the frame's pose by one
Gauss-Newton step on the pixels of the rigid part of the face and the hair, with the depth the splats give. Fitting
the one while the other is held leaves the poses where they were wrong in the beginning: a head too deep or too flat
explains poses that lean with its turn, and those keep it so. In the end every frame is laid on the finished head.
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

STAGES = ((128, 400), (208, 500), (288, 700))
"""Side of the pictures and steps of fitting, coarse to fine."""
MOST_FRAMES = 240
N_SPLATS = 12_000
RATES = {"means": 1e-3, "colors": 2e-2, "scales": 1.5e-2, "quats": 5e-3, "opacities": 4e-2}
FALL = 0.08
"""Rates fall to this part of themselves over the whole fit."""
POSE_GAIN = 0.6
"""Part of a Gauss-Newton step a pose takes while the head is still being fitted."""
MOST_PIXELS = 15_000
"""So many pixels tell a pose well enough."""
ROBUST = 0.06
"""Colour differences (of 1) beyond this count less and less: highlights, strands, stray expression."""
NOISE = 0.03
"""Colour difference (of 1) that a pixel has when all is right, averaged over what is not independent."""
TURN_TRUST, SHIFT_TRUST = np.radians(0.4), 0.004
"""How far the pose known so far may be off: radians, head heights."""
LEAST_VALUES = 200


@dataclass
class ProxyHead:
    """Splats in the world; values before their activations, float32."""

    values: dict[str, Tensor]
    k: Tensor  # [3, 3] for pictures of `side`
    side: int

    def render(self, viewmat: Tensor) -> Tensor:
        """Colour and expected depth `[side, side, 4]`."""
        v = self.values
        image, _, _ = rasterization(
            v["means"], v["quats"], v["scales"].exp(), torch.sigmoid(v["opacities"]), torch.sigmoid(v["colors"]),
            viewmat[None], self.k[None], self.side, self.side, render_mode="RGB+ED",
        )  # fmt: skip
        return image[0]

    def at(self, side: int) -> "ProxyHead":
        """The same splats, seen in pictures of another side."""
        part = side / self.side
        return ProxyHead(self.values, self.k * torch.tensor([[part], [part], [1.0]]), side)


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
    return ProxyHead(values, torch.tensor(k, dtype=torch.float32), size)


@dataclass(frozen=True)
class View:
    """A frame as the proxy compares itself with it, all of one side.

    Attributes:
        picture: uint8 `[S, S, 3]`; inside: uint8 `[S, S]`, how much the head's look counts; rigid: uint8 `[S, S]`, how
            much a pixel says of the pose.
    """

    picture: np.ndarray
    inside: np.ndarray
    rigid: np.ndarray

    def at(self, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The three at another side, float32, 0 to 1."""
        return tuple(_resized(a, side).astype(np.float32) / 255 for a in (self.picture, self.inside, self.rigid))


def fit_together(
    head: ProxyHead, views: list[View], viewmats: np.ndarray, stages: tuple[tuple[int, int], ...] = STAGES,
    seed: int = 0, with_poses: bool = True,
) -> Iterator[Progress]:  # fmt: skip
    """Fits the splats to the views and, unless told otherwise, their poses `viewmats` `[T, 4, 4]`; both in place."""
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.Adam([
        {"params": [value.requires_grad_()], "lr": RATES[name]} for name, value in head.values.items()
    ])  # fmt: skip
    first, total, done = viewmats.copy(), sum(steps for _, steps in stages), 0
    for side, steps in stages:
        seen = head.at(side)
        order = np.concatenate([rng.permutation(len(views)) for _ in range(-(-steps // len(views)))])[:steps]
        for index in order:
            picture, inside, rigid = views[index].at(side)
            shown = seen.render(torch.tensor(viewmats[index], dtype=torch.float32))
            weight = torch.from_numpy(inside)[..., None]
            loss = ((shown[..., :3] - torch.from_numpy(picture)).abs() * weight).sum() / weight.sum().clamp(min=1)
            for group, rate in zip(optimizer.param_groups, RATES.values(), strict=True):
                group["lr"] = rate * FALL ** (done / total)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if with_poses and done > steps // 4:  # a head still without features says nothing of poses
                step = pose_step(shown.detach().numpy(), picture, rigid, viewmats[index], first[index], seen.k.numpy())
                viewmats[index] = _moved(viewmats[index], POSE_GAIN * step)
            done += 1
            yield Progress("Modelling the head", done, total, values={"loss": loss.item()})
    for value in head.values.values():
        value.requires_grad_(False)


@torch.no_grad()
def align(
    head: ProxyHead, picture: np.ndarray, weight: np.ndarray, viewmat: np.ndarray, iterations: int = 4
) -> np.ndarray:
    """The pose `[4, 4]` near `viewmat` at which the head looks most like the picture where `weight` says so."""
    first, k = viewmat, head.k.numpy()
    for _ in range(iterations):
        shown = head.render(torch.tensor(viewmat, dtype=torch.float32)).numpy()
        step = pose_step(shown, picture, weight, viewmat, first, k)
        viewmat = _moved(viewmat, step)
        if np.abs(step[:3]).max() < 1e-4 and np.abs(step[3:]).max() < 3e-5:
            break
    return viewmat


def pose_step(
    shown: np.ndarray, picture: np.ndarray, weight: np.ndarray, viewmat: np.ndarray, first: np.ndarray, k: np.ndarray
) -> np.ndarray:
    """The Gauss-Newton step `[6]` (rotation vector, translation) of a pose; zeros where too little is seen.

    Args:
        shown: colour and depth `[S, S, 4]` of the head at `viewmat`.
        picture: `[S, S, 3]`; weight: `[S, S]`.
        first: the pose before anything moved, trusted a little.
    """
    jacobian, residual, used = _pixel_system(shown.astype(np.float64), picture, weight, viewmat, k)
    if len(residual) < LEAST_VALUES:
        return np.zeros(6)
    robust = used / (1 + (residual / ROBUST) ** 2) / NOISE**2 / 9  # neighbours share their errors: 3 x 3 count as one
    scaled = jacobian * robust[:, None]
    trust = 1 / np.array([TURN_TRUST] * 3 + [SHIFT_TRUST] * 3) ** 2
    return np.linalg.solve(scaled.T @ jacobian + np.diag(trust), -scaled.T @ residual - trust * _twist(first, viewmat))


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
    apart = 1 + len(rows) // MOST_PIXELS
    rows, columns = rows[::apart], columns[::apart]
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
    return np.concatenate(rows3), residual.T.ravel(), np.tile(weight[rows, columns] * apart, 3)


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
    read_masks: Callable[[int], np.ndarray], n_train: int, stages: tuple[tuple[int, int], ...] = STAGES,
) -> Iterator[Progress]:  # fmt: skip
    """Fits a proxy to training frames and lays all frames on it; the last progress carries the `HeadPoses` as `poses`.

    Args:
        poses: known so far.
        points, colors: start points `[P, 3]` each.
        track: the landmarks (they say which part of the face is rigid).
        read, read_masks: give frame i and its masks (R head), uint8 `[H, W, 3]`.
        n_train: frames from here on are laid on the proxy, but it is not made from them.
        stages: sides of the pictures and steps of fitting, coarse to fine.
    """
    found = np.nonzero(track.found)[0]
    model_frames = found[found < n_train]
    model_frames = model_frames[np.unique(np.linspace(0, len(model_frames) - 1, MOST_FRAMES).round().astype(int))]
    head = start_proxy(points, colors, poses.k, read(0).shape[0])

    def view(index: int) -> View:
        masks = read_masks(index)
        rigid = rigid_area(masks, track.landmarks[index])
        inside = (rigid.astype(np.uint16) + masks[..., 0]) // 2
        return View(*(_resized(a, side) for a in (read(index), inside.astype(np.uint8), rigid)))

    side, viewmats = stages[-1][0], poses.viewmats.copy()
    own = viewmats[model_frames]
    yield from fit_together(head, [view(i) for i in model_frames], own, stages)
    viewmats[model_frames] = own
    finest = head.at(side)
    for done, index in enumerate(found, start=1):
        picture, _, rigid = view(index).at(side)
        viewmats[index] = align(finest, picture, rigid, _carried(poses.viewmats, viewmats, model_frames, index))
        yield Progress("Laying frames on the head", done, len(found))
    moved = np.linalg.norm(viewmats[found, :3, 3] - poses.viewmats[found, :3, 3], axis=1).mean()
    figures = {**poses.figures, "polished_by": float(moved)}
    yield Progress("Head poses done", 1, 1, values={"poses": replace(poses, viewmats=viewmats, figures=figures)})


def _carried(before: np.ndarray, after: np.ndarray, fitted: np.ndarray, index: int) -> np.ndarray:
    """Where to start a frame: a fitted one where it is, another one moved as the fitted frame nearest in turn was."""
    if index in fitted:
        return after[index]
    likeness = np.einsum("tij,ij->t", before[fitted, :3, :3], before[index, :3, :3])
    nearest = fitted[int(np.argmax(likeness))]
    return _moved(before[index], _twist(before[nearest], after[nearest]))


def _resized(picture: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
