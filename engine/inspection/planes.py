"""The triplane of an avatar as a picture, for methods that have one."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from engine.avatar import read_tensors
from engine.errors import AvatarError
from engine.manifest import read_manifest
from engine.parts.triplane import plane_pictures
from engine.paths import atomic_file

PREFIX = "network.triplane.planes."


def planes_picture(avatar: Path) -> np.ndarray:
    """The planes of an avatar file, uint8 `[H, W, 3]`: columns xy, xz, yz, a row for each resolution; colours are the
    three principal components of a row's features.

    Raises:
        AvatarError: if the avatar has no triplane, or its file cannot be read.
    """
    manifest = read_manifest(avatar)
    found = {name: array for name, array in read_tensors(avatar).items() if name.startswith(PREFIX)}
    stacks = [torch.from_numpy(found[name].astype(np.float32)) for name in sorted(found)]
    if not stacks:
        raise AvatarError(f"{avatar}: avatars of the method {manifest.method} have no triplane to show.")
    if any(s.dim() != 4 or len(s) != 3 or s.shape[2] != s.shape[3] or not torch.isfinite(s).all() for s in stacks):
        raise AvatarError(f"{avatar}: its triplane is damaged; copy the file again or make the avatar again.")
    return (plane_pictures(stacks).numpy() * 255 + 0.5).astype(np.uint8)


def write_planes(avatar: Path, out: Path) -> None:
    """Writes `planes_picture` as a PNG. Raises AvatarError as it does, OutputError if `out` cannot be written."""
    picture = planes_picture(avatar)
    with atomic_file(Path(out)) as temporary:
        Image.fromarray(picture).save(temporary, "PNG")
