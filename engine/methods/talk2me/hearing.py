"""The two cues of the Expression Generator, frame by frame: what is said, and how it is said."""

import numpy as np
import torch

from engine.audio.history import FeatureHistory
from engine.methods.talk2me.expression_training import Heard
from engine.parts.frame_sound import FRAME_S, STEPS_A_FRAME


def cues(
    phonetic: FeatureHistory, emotion: FeatureHistory, first: float, n_frames: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of the 40 ms before each of consecutive frames.

    Args:
        phonetic, emotion: histories of what is said and how; one may be the other.
        first: time of the first frame.

    Returns:
        Both steps side by side `[T, 2 F]`, the mean of both `[T, M]`, and which frames are known, bool `[T]`.
    """
    said, known = phonetic.window(first - FRAME_S, STEPS_A_FRAME * n_frames)
    meant, also = emotion.window(first - FRAME_S, STEPS_A_FRAME * n_frames)
    known = (known & also).reshape(n_frames, STEPS_A_FRAME).all(axis=1)
    return said.reshape(n_frames, -1), meant.reshape(n_frames, STEPS_A_FRAME, -1).mean(axis=1), known


def heard_with(
    phonetic: FeatureHistory, emotion: FeatureHistory, times: np.ndarray, expression: np.ndarray, phase: float = 0.0
) -> Heard:
    """A voice with the face that went with it.

    Args:
        times: of the film's frames, seconds `[T]`; expression: `[T, E]`.
        phase: seconds by which the frames that are learned from lie after the film's.
    """
    first = float(times[0]) + phase
    n_frames = max(1, int((float(times[-1]) - first) / FRAME_S) + 1)
    said, meant, known = cues(phonetic, emotion, first, n_frames)
    grid = first + FRAME_S * np.arange(n_frames)
    shown = np.stack([np.interp(grid, times, column) for column in expression.T], axis=1)
    return Heard(*(torch.from_numpy(a[known].astype(np.float32)) for a in (said, meant, shown)))


def silence_with(phonetic: FeatureHistory, emotion: FeatureHistory, expression: np.ndarray, n_frames: int) -> Heard:
    """A silent room, as long as `n_frames`, with a face `[E]` that stays."""
    first = phonetic.oldest + 0.3
    there = int((min(phonetic.newest, emotion.newest) - first - 0.2) / FRAME_S)
    said, meant, _ = cues(phonetic, emotion, first, there)
    again = np.arange(n_frames) % there
    still = np.tile(expression, (n_frames, 1))
    return Heard(*(torch.from_numpy(a.astype(np.float32)) for a in (said[again], meant[again], still)))
