"""The basis strip: what each coefficient does, as small pictures of the face made when training ends."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from engine.camera import Orbit
from engine.methods.dgtalker.avatar import DGTalkerAvatar
from engine.parts.avatar_tensors import AvatarTensors
from engine.training.thumbnail import portrait
from engine.training.trainable import Finished

SIDE_PX = 72
SIGMAS = (-2.0, 0.0, 2.0)
BACKGROUND = np.array([0.16, 0.17, 0.19], np.float32)
JPEG_QUALITY = 82
LEAST_HALF, MOST_HALF = 0.4, 0.6  # head heights from the middle of a picture to its edge


def basis_strip(finished: Finished) -> dict[str, Any]:
    """For the manifest: one JPEG with a row for each direction and a column for each of `SIGMAS`.

    Returns:
        `{"controls": names of the rows, "sigmas": of the columns, "side_px", "jpeg": base64}`.
    """
    arrays = {name: value.detach().cpu().numpy() for name, value in finished.tensors.items()}
    avatar = DGTalkerAvatar(finished.manifest, AvatarTensors(arrays, Path(finished.manifest.name)), torch.device("cpu"))
    names = [spec.name for spec in avatar.schema if spec.name.startswith(("lip.", "exp."))]
    camera = _close(avatar).camera(SIDE_PX, SIDE_PX)
    rows = []
    for name in names:
        pictures = []
        for sigma in SIGMAS:
            controls = avatar.schema.rest()
            controls[name] = sigma
            pictures.append(portrait(avatar, camera, controls, BACKGROUND)[..., :3])
        rows.append(np.concatenate(pictures, axis=1))
    sheet = (np.clip(np.concatenate(rows), 0, 1) * 255 + 0.5).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "JPEG", quality=JPEG_QUALITY)
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return {"controls": names, "sigmas": list(SIGMAS), "side_px": SIDE_PX, "jpeg": encoded}


def _close(avatar: DGTalkerAvatar) -> Orbit:
    """The avatar's own camera, nearer: upright on the middle of what moves, wide enough for a face."""
    own = avatar.manifest.orbit
    moves = avatar.motion_range
    heights = avatar.canonical_means[moves >= np.quantile(moves, 0.7), 1]
    low, middle, high = (float(v) for v in np.quantile(heights, [0.05, 0.5, 0.95]))
    half = np.arctan(min(max(0.7 * (high - low), LEAST_HALF), MOST_HALF) / max(own.distance, 1e-3))
    target = (own.target[0], float(np.clip(middle, own.target[1] - MOST_HALF / 2, own.target[1] + MOST_HALF / 2)),
              own.target[2])  # fmt: skip
    return Orbit(target, own.azimuth_deg, own.elevation_deg, own.distance, float(np.degrees(2 * half)), own.roll_deg)
