"""Curve clean-up: smoothing, and dense tracks turned into few keys that stay within an error."""

import itertools

import numpy as np

from engine.performance.curve import Curve, Key


def smoothed(times: np.ndarray, values: np.ndarray, smooth_ms: float) -> np.ndarray:
    """A track `[T]` at evenly spaced times after a Gaussian of that standard deviation; 0 gives it back."""
    from scipy.ndimage import gaussian_filter1d  # slow to load

    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    if smooth_ms <= 0 or step <= 0:
        return values
    return gaussian_filter1d(np.asarray(values, dtype=np.float64), smooth_ms * 1e-3 / step, mode="nearest")


def reduced(times: np.ndarray, values: np.ndarray, error: float) -> Curve:
    """A curve with few keys that is nowhere farther than `error` from a track.

    The ends and the extremes that matter are kept first; then, as in Douglas and Peucker (1973), a key is added where
    the curve is farthest off until it is nowhere too far. The curve's own smooth interpolation is what is measured,
    so the bound holds for what is drawn. Several keys are added a round, one in each stretch that is too far off.

    Args:
        times: `[T]`, rising; values: `[T]`.
        error: greatest distance, in the control's unit, more than 0.
    """
    times, values = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    n = len(times)
    if n == 0:
        return Curve()
    chosen = {0, n - 1}
    while True:
        order = sorted(chosen)
        curve = Curve(tuple(Key(float(times[i]), float(values[i])) for i in order))
        off = np.abs(curve.at(times) - values)
        if off.max() <= error or len(order) == n:
            return curve
        for first, last in itertools.pairwise(order):
            worst = first + int(np.argmax(off[first : last + 1]))
            if off[worst] > error:
                chosen.add(worst)


def largest_error(curve: Curve, times: np.ndarray, values: np.ndarray) -> float:
    """How far a curve is from a track at most."""
    return float(np.abs(curve.at(times) - values).max()) if len(times) else 0.0
