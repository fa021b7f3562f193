"""The head-like scene that every rasterizer is timed on, and the calibration of the machine it runs on."""

import time

import numpy as np
import torch

from engine.camera import Camera
from engine.gaussians import Gaussians

HALF_AXES = (0.75, 1.0, 0.9)
DISTANCE = 4.0
FOCAL = 1.5
"""In picture sides."""


def bench_gaussians(n_gaussians: int = 30_000, seed: int = 0) -> Gaussians:
    """Gaussians on an ellipsoid shell, small enough to cover it about as a trained head does."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(n_gaussians, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    means = directions * np.array(HALF_AXES) * (1 + 0.02 * rng.normal(size=(n_gaussians, 1)))
    quats = rng.normal(size=(n_gaussians, 4))
    side = 0.8 * np.sqrt(4 * np.pi * 0.8 / n_gaussians)
    scales = side * np.exp(0.4 * rng.normal(size=(n_gaussians, 3)))
    opacities = rng.uniform(0.3, 1.0, size=n_gaussians)
    colors = rng.uniform(size=(n_gaussians, 3))
    return Gaussians(*(torch.from_numpy(a.astype(np.float32)) for a in (means, quats, scales, opacities, colors)))


def bench_camera(size: int = 512) -> Camera:
    """Looks at the head from the front."""
    viewmat = np.eye(4)
    viewmat[2, 3] = DISTANCE
    focal = FOCAL * size
    return Camera(viewmat, np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]]), size, size)


def calibrate(repeats: int = 15) -> float:
    """Median seconds of a 1024x1024 float32 matrix product with numpy: to print beside every figure."""
    matrix = np.random.default_rng(0).normal(size=(1024, 1024)).astype(np.float32)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - start)
    return float(np.median(times))
