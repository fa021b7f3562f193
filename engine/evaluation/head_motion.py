"""How a head moves, in figures: what generated motion must share with the motion it was learned from."""

import numpy as np

JITTER_HZ = 5.0


def motion_figures(pose: np.ndarray, fps: float = 25.0) -> dict[str, np.ndarray]:
    """Figures of a pose track `[T, 6]`, each `[6]`.

    Returns:
        `spread` (standard deviation), `speed` and `acceleration` (mean magnitudes a second), `jitter` (energy of the
        velocity above 5 Hz: tracks wander, so energy of the pose itself would speak of their ends).
    """
    velocity = np.diff(pose, axis=0) * fps
    spectrum = np.abs(np.fft.rfft(velocity * np.hanning(len(velocity))[:, None], axis=0)) ** 2 / len(velocity)
    fast = np.fft.rfftfreq(len(velocity), 1 / fps) > JITTER_HZ
    return {
        "spread": pose.std(axis=0),
        "speed": np.abs(velocity).mean(axis=0),
        "acceleration": np.abs(np.diff(velocity, axis=0) * fps).mean(axis=0),
        "jitter": spectrum[fast].mean(axis=0),
    }


def motion_ratios(pose: np.ndarray, track: np.ndarray, fps: float = 25.0) -> dict[str, float]:
    """Generated motion's figures divided by the track's, weighed over the six numbers by how much each moves.

    Numbers are first divided by the track's spread, so that degrees and head heights count alike; `variance` is the
    square of the spread's ratio.
    """
    scale = track.std(axis=0) + 1e-9
    ours, theirs = motion_figures(pose / scale, fps), motion_figures(track / scale, fps)
    moves = track.std(axis=0) > 1e-6
    ratios = {name: float(ours[name][moves].mean() / (theirs[name][moves].mean() + 1e-12)) for name in ours}
    variance = float((ours["spread"][moves] ** 2).mean() / (theirs["spread"][moves] ** 2).mean())
    return ratios | {"variance": variance}
