"""A head motion that listens to loudness: two minutes of smooth made motion and an untrained refiner."""

import numpy as np
import torch

from engine.head_motion import HeadMotion
from engine.parts.pose_refiner import PoseRefiner
from engine.parts.pose_units import N_SPAN, build_units


def made_motion() -> HeadMotion:
    rng = np.random.default_rng(0)
    heard = rng.normal(size=(3000, 1)).astype(np.float32)
    t = np.arange(3000)[:, None] / 25
    pose = np.sin(2 * np.pi * t * rng.uniform(0.1, 0.6, 6) + rng.uniform(0, 6, 6)) * [4, 2, 2, 0.02, 0.02, 0.02]
    torch.manual_seed(0)
    return HeadMotion(
        build_units(heard, pose, N_SPAN), PoseRefiner(1, 52).eval(), np.array([0.1], np.float32),
        np.array([5.0], np.float32), np.zeros((2, 52), np.float32), pose.mean(0).astype(np.float32),
        pose.std(0).astype(np.float32), np.ones(6, np.float32), N_SPAN, {"name": "loudness"},
    )  # fmt: skip
