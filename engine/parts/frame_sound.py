"""The sound of video frames: features at the rate of motion, 25 a second."""

import numpy as np

from engine.audio.block import FEATURE_RATE_HZ
from engine.audio.history import FeatureHistory

FPS = 25.0
FRAME_S = 1 / FPS
STEPS_A_FRAME = int(FEATURE_RATE_HZ / FPS)


def frame_features(history: FeatureHistory, first: float, n_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of video frames from a time on (means of the steps a frame lasts), `[n, F]`, and which are known."""
    values, known = history.window(first, n_frames * STEPS_A_FRAME)
    known = known.reshape(n_frames, -1).all(axis=1)
    return values.reshape(n_frames, STEPS_A_FRAME, -1).mean(axis=1), known
