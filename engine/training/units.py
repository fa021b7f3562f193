"""What an avatar hears of its action units over a dataset: their intensity, of mouth units what the voice leaves."""

from collections.abc import Sequence

import numpy as np

from engine.capture.dataset import DatasetInfo
from engine.parts.action_units import MOUTH_UNITS, chosen_units, unit_track
from engine.training.clip import Clip
from engine.training.mesh_motion import PointMotion
from engine.training.voice import unspoken


def heard_set(au_set: str, clip: Clip, is_led: bool, otherwise: str) -> tuple[str, ...]:
    """The units an `au_set` names (`engine.parts.action_units.chosen_units`); `auto` is what the film can teach: the
    shipped ones of a studio's, those of eyes and brows where a fitted head leads (the mouth is left to the voice), the
    set called `otherwise` where pictures alone tell.

    Raises:
        TrainingError: if a name is unknown or none is left.
    """
    if au_set != "auto":
        return chosen_units(au_set)
    shipped = chosen_units("shipped")
    if PointMotion.filmed(clip.tracks) is not None:
        return shipped
    return tuple(name for name in shipped if name not in MOUTH_UNITS) if is_led else chosen_units(otherwise)


def heard_units(
    names: tuple[str, ...], info: DatasetInfo, tracks: dict[str, np.ndarray], windows: np.ndarray
) -> np.ndarray:
    """Intensity of each unit in every frame, `[T, A]`.

    Args:
        windows: the voice's features round each frame, `[T, 16, F]`.
    """
    columns = [unit_track(name, info.au_names, tracks["aus"], tracks["arkit"]) for name in names]
    heard = np.stack(columns, axis=1).astype(np.float32)
    mouth = [i for i, name in enumerate(names) if name in MOUTH_UNITS]
    if mouth and not info.exact:  # a studio's units hold only what is added to the speech
        heard[:, mouth] = unspoken(heard[:, mouth], windows, info.n_train)
    return heard


def without_mouth(units: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """A copy of intensities `[..., A]` whose mouth units are 0, as where nobody but the voice moves the mouth."""
    kept = units.copy()
    kept[..., [name in MOUTH_UNITS for name in names]] = 0
    return kept
