"""The avatar file: one safetensors file with its manifest inside, written whole or not at all, read with mistrust."""

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from engine.errors import AvatarError, ModelMissingError, MouthpieceError, TrainingError
from engine.manifest import FORMAT, Manifest, check_extents, read_header, read_manifest
from engine.methods import method_module
from engine.methods.base import Avatar
from engine.parts.avatar_tensors import MAX_GAUSSIANS, AvatarTensors
from engine.paths import atomic_file

MAX_FILE_BYTES = 4 << 30
MAX_TENSOR_BYTES = 1 << 30
BACKGROUNDS = ("plate", "alpha", "none")
_DTYPE_BYTES = {"F16": 2, "F32": 4, "F64": 8, "I32": 4, "I64": 8, "U8": 1, "BF16": 2}


def save_avatar(path: Path, manifest: Manifest, tensors: dict[str, Tensor]) -> None:
    """Writes an avatar; the file appears whole or not at all.

    Args:
        tensors: already in the precision they are kept in (see `Finished`).

    Raises:
        OutputError: if the place cannot be written or the disk is full.
    """
    metadata = {"format": FORMAT, "manifest": manifest.model_dump_json()}
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_file(Path(path)) as temporary:
        try:
            save_file(whole, temporary, metadata)
        except SafetensorError as error:  # what it makes of a full disk
            raise OSError(str(error)) from error


def load_avatar(path: Path, device: str | torch.device = "cpu") -> Avatar:
    """Reads an avatar of any method.

    Raises:
        AvatarError: one sentence naming what is wrong with the file: missing, foreign, truncated, of an unknown
            version, of absurd sizes, wrong shapes, NaN.
    """
    path = Path(path)
    manifest = read_manifest(path)
    if not 1 <= manifest.n_gaussians <= MAX_GAUSSIANS:
        raise AvatarError(f"{path}: says it has {manifest.n_gaussians:,} splats, 1 to {MAX_GAUSSIANS:,} can be read.")
    if manifest.background not in BACKGROUNDS or not manifest.encoders:
        raise AvatarError(f"{path}: does not say what it stands before or which sound it hears; make the avatar again.")
    try:
        module = method_module(manifest.method)
    except TrainingError as error:
        raise AvatarError(f"{path}: was made by the method {manifest.method!r}, which this program lacks.") from error
    try:
        return module.load(manifest, AvatarTensors(read_tensors(path), path), torch.device(device))
    except AvatarError:
        raise
    except ModelMissingError as error:
        raise AvatarError(f"{path}: {error}") from error
    except (MouthpieceError, KeyError, ValueError, RuntimeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise AvatarError(f"{path}: does not fit together ({first}); make the avatar again.") from error


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a safetensors file; what the header promises is checked before anything is allocated.

    Raises:
        AvatarError: if sizes, kinds or places do not agree with the file.
    """
    header, data_bytes = read_header(path)
    check_extents(path, header, data_bytes)
    if data_bytes > MAX_FILE_BYTES:
        raise AvatarError(f"{path}: is {data_bytes / 2**30:.1f} GB large, at most 4 can be read.")
    for name, row in header.items():
        if name != "__metadata__":
            _check_row(path, name, row)
    try:
        with safe_open(path, framework="np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        raise AvatarError(f"{path}: its tensors cannot be read ({error}); copy the file again.") from error


def _check_row(path: Path, name: str, row: dict) -> None:
    try:
        size = _DTYPE_BYTES[row["dtype"]]
        shape = [int(side) for side in row["shape"]]
        first, last = (int(v) for v in row["data_offsets"])
    except (KeyError, TypeError, ValueError) as error:
        raise AvatarError(
            f"{path}: the tensor {name!r} is of a kind that cannot be read; copy the file again."
        ) from error
    n_bytes = size
    for side in shape:
        n_bytes *= side
    if min([0, *shape]) < 0 or first < 0 or last - first != n_bytes or n_bytes > MAX_TENSOR_BYTES:
        raise AvatarError(f"{path}: the tensor {name!r} does not have the size it says; copy the file again.")
