"""The tensors of an avatar file, each checked when it is asked for: there, of the right shape and kind, finite."""

from pathlib import Path

import numpy as np

from engine.errors import AvatarError

MAX_GAUSSIANS = 2_000_000


class AvatarTensors:
    """Arrays by name, read from a file that may have been damaged or made by a stranger."""

    def __init__(self, arrays: dict[str, np.ndarray], path: Path) -> None:
        self._arrays = arrays
        self.path = Path(path)

    def array(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A float32 array of exactly this shape.

        Raises:
            AvatarError: if it is missing, of another shape, not of floating point, or holds NaN or infinite values.
        """
        array = self._named(name)
        if array.shape != shape:
            raise self.fault(f"{name!r} is {_sides(array.shape)}, not {_sides(shape)}")
        if array.dtype.kind != "f":
            raise self.fault(f"{name!r} holds {array.dtype} in place of floating point numbers")
        array = np.ascontiguousarray(array, dtype=np.float32)
        if not np.isfinite(array).all():
            raise self.fault(f"{name!r} holds NaN or infinite values")
        return array

    def indices(self, name: str, below: int) -> np.ndarray:
        """Different row numbers in ascending order, int64 `[K]`, each below a limit."""
        array = self._named(name)
        if array.ndim != 1 or array.dtype.kind != "i":
            raise self.fault(f"{name!r} is not a list of row numbers")
        array = array.astype(np.int64)
        if len(array) and (array[0] < 0 or array[-1] >= below or (np.diff(array) <= 0).any()):
            raise self.fault(f"{name!r} names rows that are not there")
        return array

    def integers(self, name: str, shape: tuple[int, ...], below: int) -> np.ndarray:
        """Whole numbers of exactly this shape, int64, from 0 to below a limit."""
        array = self._named(name)
        if array.shape != shape or array.dtype.kind not in "iu":
            raise self.fault(f"{name!r} is not {_sides(shape)} whole numbers")
        array = array.astype(np.int64)
        if array.size and (array.min() < 0 or array.max() >= below):
            raise self.fault(f"{name!r} names what is not there")
        return array

    def n_rows(self, name: str) -> int:
        """Length of an array's first side."""
        array = self._named(name)
        return len(array) if array.ndim else 0

    def beneath(self, prefix: str) -> "AvatarTensors":
        """The arrays whose name starts with a prefix, named without it."""
        found = {name: array for name, array in self._arrays.items() if name.startswith(prefix)}
        return AvatarTensors({name.removeprefix(prefix): array for name, array in found.items()}, self.path)

    def group(self, prefix: str) -> dict[str, np.ndarray]:
        """All arrays whose name starts with a prefix; floating point ones are finite."""
        found = {name: array for name, array in self._arrays.items() if name.startswith(prefix)}
        for name, array in found.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise self.fault(f"{name!r} holds NaN or infinite values")
        return found

    def fault(self, what: str) -> AvatarError:
        return AvatarError(f"{self.path}: {what}; copy the file again or make the avatar again.")

    def _named(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            raise self.fault(f"{name!r} is missing")
        return self._arrays[name]


def _sides(shape: tuple[int, ...]) -> str:
    return "x".join(str(side) for side in shape) or "a single number"
