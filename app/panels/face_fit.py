"""The avatar's fit from ARKit shapes to its own controls, read from its file without torch."""

from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from engine.manifest import Manifest
from engine.vocabulary import ACTION_UNITS, ARKIT_52

TENSOR = "fit.from_common"


def read_shape_fit(path: Path | None, manifest: Manifest) -> np.ndarray | None:
    """Slopes from the 52 shapes to the avatar's controls, `[52, C]`; None where the file holds no usable fit.

    The fit's inputs are all of the common vocabulary, which are not independent: a shape counts for itself and for
    its share of the action units it is part of.
    """
    names = manifest.statistics.get("common_names")
    if path is None or not isinstance(names, list):
        return None
    slopes = _read_slopes(Path(path), len(names), len(manifest.schema_rows))
    if slopes is None:
        return None
    rows = {name: slopes[i] for i, name in enumerate(names)}
    nothing = np.zeros(slopes.shape[1])
    fit = np.stack([rows.get(shape, nothing) for shape in ARKIT_52]).astype(np.float64)
    for unit in ACTION_UNITS:
        for shape in unit.shapes:
            fit[ARKIT_52.index(shape)] += rows.get(unit.name, nothing) / len(unit.shapes)
    return fit


def _read_slopes(path: Path, n_common: int, n_controls: int) -> np.ndarray | None:
    try:
        with safe_open(str(path), framework="np") as file:
            if TENSOR not in file.keys():  # noqa: SIM118  (safe_open is no mapping)
                return None
            if list(file.get_slice(TENSOR).get_shape()) != [n_common + 1, n_controls]:
                return None
            fit = file.get_tensor(TENSOR).astype(np.float64)
    except (OSError, SafetensorError, ValueError, TypeError):
        return None  # whoever opens the avatar says what is wrong with it; presets do without the fit
    return fit[:-1] if np.isfinite(fit).all() else None
