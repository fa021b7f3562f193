"""3D Gaussian Splatting `.ply` files in and out: INRIA's field names, which gsplat and most viewers share.

A file holds logarithms of scales, logits of opacities, quaternions w x y z and spherical-harmonic coefficients,
those of a channel together. Such scenes are y-down, our world is y-up: files are turned by half a turn about x on the
way in and out, the harmonics too.
"""

from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from engine.errors import AvatarError, OutputError
from engine.gaussians import Gaussians
from engine.paths import atomic_file

C0 = 0.28209479177387814
HEADER_LIMIT = 64 * 1024
COUNT_LIMIT = 50_000_000
OPACITY_ROOM = 1e-6
LEAST_SCALE = 1e-12
HALF_TURN_SIGNS = (1, -1, -1, 1, -1, 1, 1, -1, 1, -1, 1, -1, -1, 1, -1, 1)
"""How each harmonic changes when y and z change sign."""
TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
POSITION, SCALE, ROTATION = ("x", "y", "z"), ("scale_0", "scale_1", "scale_2"), ("rot_0", "rot_1", "rot_2", "rot_3")
BASE_COLOR = ("f_dc_0", "f_dc_1", "f_dc_2")
BINDING = "binding_0"


def write_ply(path: Path, gaussians: Gaussians, y_down: bool = True) -> None:
    """Writes a file that other splat viewers open; plain colours become harmonics of degree 0.

    Args:
        y_down: turned to the axes other programs expect; False keeps ours.

    Raises:
        OutputError: if colours have other than three channels, or the file cannot be written.
    """
    if y_down:
        gaussians = half_turned(gaussians)
    columns = _columns(gaussians)
    names = list(columns)
    rows = np.empty(len(gaussians), dtype=[(name, "<f4") for name in names])
    for name, values in columns.items():
        rows[name] = values
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(rows)}"]
    header += [f"property float {name}" for name in names] + ["end_header\n"]
    with atomic_file(Path(path)) as temporary, temporary.open("wb") as file:
        file.write("\n".join(header).encode("ascii"))
        file.write(rows.tobytes())


def read_ply(path: Path, y_down: bool = True) -> Gaussians:
    """Opens any 3DGS file: harmonics of degree 0 to 3, with or without normals, further columns ignored.

    Gaussians with NaN or infinite values are kept; rasterizers leave them out and count them.

    Raises:
        AvatarError: if it is no such file, truncated, compressed or of an absurd size; nothing is read before that
            is known.
    """
    gaussians = _gaussians(_read_rows(Path(path)))
    if not y_down:
        return gaussians
    turned = half_turned(gaussians)
    return replace(turned, quats=-turned.quats)  # the turn back: out and in again is the same quaternion


def read_bound_ply(path: Path) -> tuple[Gaussians, np.ndarray]:
    """Gaussians in the frames of a mesh's triangles, as GaussianAvatars writes them, and each one's triangle `[N]`.

    Raises:
        AvatarError: as `read_ply`, and if the file says nothing, or nonsense, about triangles.
    """
    rows = _read_rows(Path(path))
    if BINDING not in rows.dtype.names:
        raise AvatarError(f"{path}: names no triangles ({BINDING}); open it as a plain splat file instead.")
    triangles = rows[BINDING].astype(np.float64)
    if not (np.isfinite(triangles).all() and (triangles == np.round(triangles)).all() and (triangles >= 0).all()):
        raise AvatarError(f"{path}: {BINDING} holds numbers that are no triangles; fetch the file again.")
    return _gaussians(rows), triangles.astype(np.int64)


def _read_rows(path: Path) -> np.ndarray:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            dtype, is_text, count, n_header = _read_header(path, file.read(HEADER_LIMIT))
            file.seek(n_header)
            if is_text:
                rows = _read_text(path, file, dtype, count, size)
            else:
                if size - n_header < count * dtype.itemsize:
                    whole = (size - n_header) // dtype.itemsize
                    raise AvatarError(f"{path}: truncated; it promises {count} Gaussians and holds {whole}.")
                rows = np.frombuffer(file.read(count * dtype.itemsize), dtype=dtype)
    except OSError as error:
        raise AvatarError(f"{path}: {error.strerror or error}.") from error
    return rows


def half_turned(gaussians: Gaussians) -> Gaussians:
    """The same splats after half a turn about x: y and z change sign."""
    flip = gaussians.means.new_tensor([1.0, -1.0, -1.0])
    w, x, y, z = gaussians.quats.unbind(dim=1)
    colors = gaussians.colors
    if gaussians.sh_degree is not None:
        signs = colors.new_tensor(HALF_TURN_SIGNS[: colors.shape[1]])
        colors = colors * signs[None, :, None]
    return replace(gaussians, means=gaussians.means * flip, quats=torch.stack([-x, w, -z, y], dim=1), colors=colors)


def _columns(gaussians: Gaussians) -> dict[str, np.ndarray]:
    g = gaussians.detach().to("cpu", torch.float32)
    if g.colors.shape[-1] != 3:
        raise OutputError(f"a .ply holds red, green and blue, not {g.colors.shape[-1]} channels.")
    harmonics = ((g.colors - 0.5) / C0)[:, None] if g.sh_degree is None else g.colors
    if g.sh_degree is not None:
        harmonics = harmonics[:, : (g.sh_degree + 1) ** 2]
    opacities = g.opacities.clamp(OPACITY_ROOM, 1 - OPACITY_ROOM)
    values = {name: g.means[:, i] for i, name in enumerate(POSITION)}
    values |= {name: torch.zeros(len(g)) for name in ("nx", "ny", "nz")}
    values |= {name: harmonics[:, 0, i] for i, name in enumerate(BASE_COLOR)}
    rest = harmonics[:, 1:].transpose(1, 2).flatten(1)  # a channel's coefficients together
    values |= {f"f_rest_{i}": rest[:, i] for i in range(rest.shape[1])}
    values["opacity"] = torch.logit(opacities)
    values |= {name: g.scales[:, i].clamp(min=LEAST_SCALE).log() for i, name in enumerate(SCALE)}
    values |= {name: g.quats[:, i] for i, name in enumerate(ROTATION)}
    return {name: column.numpy() for name, column in values.items()}


def _gaussians(rows: np.ndarray) -> Gaussians:
    def columns(names: tuple[str, ...]) -> torch.Tensor:
        return torch.from_numpy(np.stack([rows[name].astype(np.float32) for name in names], axis=1))

    n_rest = sum(name.startswith("f_rest_") for name in rows.dtype.names)
    base = columns(BASE_COLOR)[:, None]
    if n_rest:
        rest = columns(tuple(f"f_rest_{i}" for i in range(n_rest))).reshape(len(rows), 3, n_rest // 3).transpose(1, 2)
        base = torch.cat([base, rest], dim=1)
    degree = {1: 0, 4: 1, 9: 2, 16: 3}[base.shape[1]]
    return Gaussians(
        means=columns(POSITION),
        quats=columns(ROTATION),
        scales=columns(SCALE).exp(),
        opacities=torch.sigmoid(columns(("opacity",))[:, 0]),
        colors=base.contiguous(),
        sh_degree=degree,
    )


def _read_header(path: Path, begin: bytes) -> tuple[np.dtype, bool, int, int]:
    """The type of a row, whether it is text, how many there are, and where they begin; every line is checked."""
    if not begin.startswith(b"ply"):
        raise AvatarError(f"{path}: not a .ply file.")
    end = begin.find(b"end_header")
    line_end = begin.find(b"\n", end)
    if end < 0 or line_end < 0:
        raise AvatarError(f"{path}: the .ply header has no end within {HEADER_LIMIT // 1024} KB.")
    try:
        lines = begin[:end].decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        raise AvatarError(f"{path}: the .ply header is not text.") from error
    form, element, count, fields = "", "", -1, []
    for line in lines[1:]:
        words = line.split()
        if not words or words[0] in ("comment", "obj_info"):
            continue
        if words[0] == "format" and len(words) == 3:
            form = words[1]
        elif words[0] == "element" and len(words) == 3 and words[2].isdigit():
            element = words[1]
            if element == "vertex":
                count = int(words[2])
            elif count < 0:
                raise AvatarError(f"{path}: {element} comes before the vertices; compressed splats cannot be opened.")
        elif words[0] == "property" and element == "vertex" and len(words) == 3 and words[1] in TYPES:
            fields.append((words[2], TYPES[words[1]]))
        elif words[0] != "property" or element == "vertex":
            raise AvatarError(f"{path}: the .ply header has a line that makes no sense: {line[:60]!r}.")
    _check_fields(path, form, count, [name for name, _ in fields])
    dtype = np.dtype([(name, ORDERS.get(form, "=") + kind) for name, kind in fields])
    return dtype, form == "ascii", count, line_end + 1


def _check_fields(path: Path, form: str, count: int, names: list[str]) -> None:
    if form != "ascii" and form not in ORDERS:
        raise AvatarError(f"{path}: the .ply format {form or 'is missing'!r} is none that exists.")
    if not 0 <= count <= COUNT_LIMIT:
        raise AvatarError(f"{path}: {max(count, 0)} vertices; a splat file has up to {COUNT_LIMIT}.")
    if len(set(names)) != len(names):
        raise AvatarError(f"{path}: a property comes twice.")
    missing = [name for name in (*POSITION, *BASE_COLOR, "opacity", *SCALE, *ROTATION) if name not in names]
    if missing:
        kind = "compressed splats cannot be opened" if "packed_position" in names else "this is no splat file"
        raise AvatarError(f"{path}: {', '.join(missing)} missing; {kind}.")
    n_rest = sum(name.startswith("f_rest_") for name in names)
    if n_rest not in (0, 9, 24, 45) or any(f"f_rest_{i}" not in names for i in range(n_rest)):
        raise AvatarError(f"{path}: {n_rest} f_rest properties; degrees 0 to 3 have 0, 9, 24 or 45, numbered from 0.")


def _read_text(path: Path, file: BinaryIO, dtype: np.dtype, count: int, size: int) -> np.ndarray:
    """Rows of a text file."""
    if count * len(dtype.names) * 2 > size:
        raise AvatarError(f"{path}: truncated; {count} Gaussians do not fit into {size} bytes.")
    try:
        values = np.loadtxt(file, dtype=np.float64, max_rows=count, ndmin=2) if count else np.empty((0, 0))
    except ValueError as error:
        raise AvatarError(f"{path}: a number is malformed: {error}.") from error
    if len(values) != count or (count and values.shape[1] < len(dtype.names)):
        raise AvatarError(f"{path}: truncated; it promises {count} Gaussians and holds {len(values)}.")
    rows = np.empty(count, dtype=[(name, "f8") for name in dtype.names])
    for i, name in enumerate(dtype.names):
        rows[name] = values[:, i] if count else 0
    return rows
