"""A database of how a head moved while something was said, and how its pieces are found and joined again.

Talk2Me, section 4.3.2: the training track is cut into units of a second; a stretch of sound finds the unit whose sound
was most like it (cosine similarity), and the head moves as it did there.
"""

from dataclasses import dataclass

import numpy as np

N_FRAMES = 25
"""Frames of a unit: one second."""
N_OVERLAP = 10
"""Frames by which a unit runs on under the next one, which takes over from it there."""
N_SPAN = N_FRAMES + N_OVERLAP
STRIDE = 5
GUARD_FRAMES = 50
"""In training no unit may be retrieved that lies this near to the stretch it stands for: it would be the answer."""
PULL = 0.02
"""Part of the way back to the mean pose that is gone with each frame, so that joined units cannot wander off."""


@dataclass(frozen=True)
class PoseUnits:
    """Units of one clip.

    Attributes:
        keys: what was heard, unit length, float32 `[U, F]`.
        values: head pose relative to the unit's first frame, float32 `[U, N_SPAN, 6]` (`POSE_NAMES`).
        starts: the unit's first frame in the clip, int64 `[U]`.
    """

    keys: np.ndarray
    values: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)

    def retrieve(
        self, key: np.ndarray, *, top_k: int = 1, temperature: float = 0.0, rng: np.random.Generator | None = None,
        allowed: np.ndarray | None = None,
    ) -> int:  # fmt: skip
        """The unit whose sound is most like a key `[F]` of unit length.

        Args:
            top_k, temperature, rng: with a temperature above 0 one of the `top_k` best is drawn, more alike ones more
                often (softmax of cosine / temperature).
            allowed: bool `[U]`, the units that may be returned; None for all.

        Raises:
            ValueError: if no unit is allowed.
        """
        scores = self.keys @ key
        if allowed is not None:
            scores = np.where(allowed, scores, -np.inf)
        best = np.argsort(-scores, kind="stable")[: max(1, top_k)]
        best = best[np.isfinite(scores[best])]
        if not len(best):
            raise ValueError("no unit is allowed")
        if temperature <= 0 or rng is None:
            return int(best[0])
        weights = np.exp((scores[best] - scores[best[0]]) / temperature)
        return int(rng.choice(best, p=weights / weights.sum()))

    def away_from(self, frame: int, guard: int = GUARD_FRAMES) -> np.ndarray:
        """Which units share nothing with the unit at a frame nor come within `guard` frames of it, bool `[U]`."""
        return np.abs(self.starts - frame) >= N_SPAN + guard


def build_units(heard: np.ndarray, pose: np.ndarray, lead: int) -> PoseUnits:
    """Cuts a clip into units.

    Args:
        heard: standardised features, one row a frame, `[T, F]`.
        pose: head pose `[T, 6]`.
        lead: frames by which the sound of a unit's key comes before its motion. 0 is the paper's; `N_SPAN` needs no
            sound ahead of the motion: the unit that followed such a sound is retrieved.

    Returns:
        Units every `STRIDE` frames; none if the clip is shorter than `lead + N_SPAN`.
    """
    starts = np.arange(lead, len(pose) - N_SPAN + 1, STRIDE)
    keys = np.array([sound_key(heard[s - lead : s - lead + N_FRAMES]) for s in starts], np.float32)
    values = np.array([pose[s : s + N_SPAN] - pose[s] for s in starts], np.float32)
    return PoseUnits(keys.reshape(len(starts), heard.shape[1]), values.reshape(len(starts), N_SPAN, 6), starts)


def sound_key(heard: np.ndarray) -> np.ndarray:
    """The mean of features `[n, F]`, of unit length; zero where nothing was heard."""
    mean = heard.mean(axis=0)
    length = np.linalg.norm(mean)
    return mean / length if length > 1e-6 else np.zeros_like(mean)


def laid_from(start: np.ndarray, value: np.ndarray, mean: np.ndarray, pull: float = PULL) -> np.ndarray:
    """A unit's motion `[n, 6]` from a start pose on, drawn slowly towards the mean pose, `[n, 6]`."""
    laid = np.empty_like(value)
    offset = start.astype(value.dtype)
    for i, step in enumerate(value):
        laid[i] = offset + step
        offset = offset + pull * (mean - laid[i])
    return laid


def joined(tail: np.ndarray, motion: np.ndarray, *, returns: bool = True) -> np.ndarray:
    """`motion` `[n, 6]` begun where and as fast as what went before would have gone on, `tail` `[N_OVERLAP, 6]`.

    Speeds are faded, not places, so that two units that part do not add a swing. What is then left between the joined
    and the given motion is closed smoothly by frame `N_FRAMES` if the motion `returns`, else kept.
    """
    steps = np.diff(motion, axis=0)
    n = len(tail) - 1
    part = _eased(np.arange(n) / n)
    steps[:n] = (1 - part) * np.diff(tail, axis=0) + part * steps[:n]
    made = np.concatenate([tail[:1], tail[:1] + np.cumsum(steps, axis=0)])
    if returns:
        made += _eased(np.arange(len(motion)) / N_FRAMES) * (motion[-1] - made[-1])
    return made.astype(motion.dtype)


def _eased(part: np.ndarray) -> np.ndarray:
    part = np.clip(part, 0, 1)[:, None]
    return part**3 * (10 - 15 * part + 6 * part * part)
