"""Action units as controls: which an avatar hears, in which group they stand, and their tracks from a capture."""

import numpy as np

from engine.controls import ControlSpec
from engine.errors import TrainingError
from engine.parts.common_fit import arkit_mean
from engine.vocabulary import ACTION_UNIT, AU_PRESETS

MOUTH_UNITS = ("au.12", "au.15", "au.17", "au.20", "au.26")
"""Units the voice moves as well: an avatar hears of them only what the voice does not explain."""

LEAST_MOUTH = -0.5  # a mouth unit may also take away a little of what the voice does


def chosen_units(au_set: str) -> tuple[str, ...]:
    """The units of a preset (`paper`, `shipped`) or of a list such as `au.01,au.45l,au.45r`.

    Raises:
        TrainingError: if a name is unknown or none is left.
    """
    names = AU_PRESETS.get(au_set) or tuple(name.strip() for name in au_set.split(",") if name.strip())
    unknown = [name for name in names if name not in ACTION_UNIT]
    if unknown or not names:
        raise TrainingError(
            f"au_set {au_set!r}: no such action units: {', '.join(unknown) or '(none)'}; use paper, shipped "
            f"or a list of {', '.join(ACTION_UNIT)}."
        )
    return names


def unit_specs(names: tuple[str, ...], tracks: np.ndarray) -> list[ControlSpec]:
    """Controls for the units an avatar hears.

    Args:
        tracks: what the avatar heard of them in training, `[T, A]`; its quantiles become the range seen.
    """
    specs = []
    for i, name in enumerate(names):
        unit = ACTION_UNIT[name]
        mouth = name in MOUTH_UNITS
        low, high = (float(v) for v in np.quantile(tracks[:, i], [0.005, 0.995]))
        words = unit.description + (", on top of the voice." if mouth and "on top" not in unit.description else ".")
        specs.append(ControlSpec(
            name, "expression" if mouth else "au", unit.label, words, LEAST_MOUTH if mouth else 0.0, 1.0,
            low=max(low, LEAST_MOUTH if mouth else 0.0), high=min(max(high, low), 1.0),
            mirror=unit.mirror if unit.mirror in names else None,
        ))  # fmt: skip
    return specs


def unit_track(name: str, au_names: list[str], aus: np.ndarray, arkit: np.ndarray) -> np.ndarray:
    """A unit's intensity over a capture, `[T]`: its own column, else the mean of the ARKit shapes that stand for it."""
    if name in au_names:
        return aus[:, au_names.index(name)]
    return arkit_mean(arkit, ACTION_UNIT[name].shapes)
