"""Reads FLAME's model file (a Python 2 pickle) without running anything it says: only arrays come out.

Every class the file may name is replaced by a passive stand-in that keeps what was given to it; numbers are built from
the raw bytes by us, with sizes checked first. Anything else the pickle names is refused.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ModelMissingError
from engine.paths import FLAME_URL

MOST_BYTES = 600_000_000
MOST_VERTICES, MOST_FACES, MOST_SHAPES, N_JOINTS = 60_000, 120_000, 600, 5
KINDS = "fiub"


class _DType:
    """Stands in for `numpy.dtype`."""

    def __init__(self, code: Any = None, *_: Any) -> None:
        self.code, self.order = _text(code), "="

    def __setstate__(self, state: tuple) -> None:
        self.order = _text(state[1])

    def real(self) -> np.dtype:
        dtype = np.dtype(self.code)
        if dtype.kind not in KINDS or dtype.hasobject:
            raise pickle.UnpicklingError(f"an array of {self.code!r}")
        return dtype.newbyteorder({"|": "="}.get(self.order, self.order))


class _Array:
    """Stands in for `numpy.ndarray`; its state is (version, shape, dtype, Fortran order, bytes)."""

    values: np.ndarray

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, is_fortran, raw = state
        dtype, raw = dtype.real(), raw.encode("latin1") if isinstance(raw, str) else raw
        shape = tuple(int(n) for n in shape)
        if any(n < 0 for n in shape) or int(np.prod(shape, dtype=object)) * dtype.itemsize != len(raw):
            raise pickle.UnpicklingError(f"an array of shape {shape} in {len(raw)} bytes")
        self.values = np.frombuffer(raw, dtype).reshape(shape, order="F" if is_fortran else "C")


class _Passive:
    """Stands in for any other class: keeps its state."""

    def __new__(cls, *_: Any, **__: Any) -> "_Passive":
        made = object.__new__(cls)
        made.state = {}
        return made

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state[0] if isinstance(state, tuple) and state and isinstance(state[0], dict) else state


class _Chumpy(_Passive):
    """Stands in for `chumpy.ch.Ch`, whose numbers are its `x`."""


class _Sparse(_Passive):
    """Stands in for `scipy.sparse.csc_matrix`."""


def _reconstruct(kind: type, *_: Any) -> Any:
    return _Array() if kind is _Array else kind()


def _scalar(dtype: _DType, raw: Any = b"") -> Any:
    data = raw.encode("latin1") if isinstance(raw, str) else raw
    if len(data) != dtype.real().itemsize:
        raise pickle.UnpicklingError("a number of the wrong size")
    return np.frombuffer(data, dtype.real())[0]


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"text in {encoding!r}")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    ("numpy", "ndarray"): _Array, ("numpy", "dtype"): _DType,
    ("chumpy.ch", "Ch"): _Chumpy, ("chumpy", "Ch"): _Chumpy,
    ("scipy.sparse.csc", "csc_matrix"): _Sparse, ("scipy.sparse._csc", "csc_matrix"): _Sparse,
    ("copy_reg", "_reconstructor"): _reconstruct, ("copyreg", "_reconstructor"): _reconstruct,
    ("__builtin__", "object"): object, ("builtins", "object"): object, ("_codecs", "encode"): _encode,
}  # fmt: skip


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}") from None

    def persistent_load(self, _: Any) -> Any:
        raise pickle.UnpicklingError("it points outside itself")


def read_flame(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a FLAME 2020 or 2023 model.

    Returns:
        `v_template` `[V, 3]` (metres), `faces` `[F, 3]`, `shapedirs` `[V, 3, S]`, `posedirs` `[V, 3, 36]`,
        `J_regressor` `[5, V]`, `weights` `[V, 5]`.

    Raises:
        ModelMissingError: when the file is missing, is not such a model or does not add up.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ModelMissingError(f"{path}: has {size:,} bytes, more than a FLAME model; fetch it from {FLAME_URL}.")
        with path.open("rb") as file:
            content = _Reader(file, encoding="latin1").load()
        return _checked(content)
    except OSError as error:
        raise ModelMissingError(f"{path}: cannot be read ({error.strerror}); fetch it from {FLAME_URL}.") from error
    except ModelMissingError:
        raise
    except Exception as error:  # a hostile pickle can fail in any way
        raise ModelMissingError(f"{path}: is not a FLAME model ({error}); fetch it from {FLAME_URL}.") from error


def _checked(content: Any) -> dict[str, np.ndarray]:
    if not isinstance(content, dict):
        raise ValueError("it holds no dictionary")
    template = _numbers(content, "v_template", 2)
    n = len(template)
    faces = _numbers(content, "f", 2).astype(np.int64)
    shapes = _numbers(content, "shapedirs", 3)
    if not (3 < n <= MOST_VERTICES and 0 < len(faces) <= MOST_FACES and 0 < shapes.shape[2] <= MOST_SHAPES):
        raise ValueError(f"{n} vertices, {len(faces)} faces and {shapes.shape[2]} shapes")
    expected = {
        "v_template": (n, 3), "faces": (len(faces), 3), "shapedirs": shapes.shape,
        "posedirs": (n, 3, 9 * (N_JOINTS - 1)), "J_regressor": (N_JOINTS, n), "weights": (n, N_JOINTS),
    }  # fmt: skip
    arrays = {"v_template": template, "faces": faces, "shapedirs": shapes}
    arrays |= {name: _numbers(content, name, len(expected[name])) for name in ("posedirs", "J_regressor", "weights")}
    if shapes.shape[:2] != (n, 3):
        raise ValueError(f"shapedirs is {shapes.shape}, not for {n} vertices")
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} is {arrays[name].shape}, not {shape}")
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} holds NaN")
    if faces.min() < 0 or faces.max() >= n:
        raise ValueError("a face names a vertex it does not have")
    return {name: values.astype(np.int32 if name == "faces" else np.float64) for name, values in arrays.items()}


def _numbers(content: dict, name: str, dimensions: int) -> np.ndarray:
    value = content.get(name, content.get(name.encode()))
    if isinstance(value, _Chumpy):
        value = value.state.get("x") if isinstance(value.state, dict) else None
    if isinstance(value, _Sparse):
        value = _dense(value.state)
    if isinstance(value, _Array):
        value = value.values
    if not isinstance(value, np.ndarray) or value.ndim != dimensions:
        raise ValueError(f"{name} is missing or is no array of {dimensions} dimensions")
    return value


def _dense(state: Any) -> np.ndarray:
    """A compressed-column matrix as an array; FLAME's joint regressor is one."""
    shape = tuple(int(n) for n in state.get("_shape", state.get("shape", ())))
    data, rows, starts = (state[name].values for name in ("data", "indices", "indptr"))
    if len(shape) != 2 or shape[0] > N_JOINTS or shape[1] > MOST_VERTICES or len(starts) != shape[1] + 1:
        raise ValueError(f"a sparse matrix of shape {shape}")
    dense = np.zeros(shape)
    counts = np.diff(starts)
    if starts[0] != 0 or (counts < 0).any() or starts[-1] != len(data) or len(rows) != len(data):
        raise ValueError("a sparse matrix that does not add up")
    if len(rows) and (rows.min() < 0 or rows.max() >= shape[0]):
        raise ValueError("a sparse matrix with entries outside it")
    dense[rows, np.repeat(np.arange(shape[1]), counts)] = data
    return dense
