"""NumPy arrays into a safetensors file; the one place that writes them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import numpy as safetensors_numpy


def save_file(arrays: Mapping[str, np.ndarray], path: Path | str, metadata: dict[str, str] | None = None) -> None:
    """Writes arrays as they read.

    safetensors writes an array's memory and says its shape, so a transposed or column-picked array would be read back
    in another order (0.8.0, without a word); here every array is laid out in rows first.
    """
    rows = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    # a single number becomes a row of one above
    rows = {name: row.reshape(np.shape(arrays[name])) for name, row in rows.items()}
    safetensors_numpy.save_file(rows, path, metadata)
