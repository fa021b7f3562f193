"""A tiny dataset: eight frames of a person, brighter from one to the next, seen further round each time."""

from pathlib import Path

import numpy as np

from engine.audio.wav import write_wav
from engine.camera import Orbit
from engine.capture.dataset import DatasetInfo, write_picture, write_tracks


def make_film(folder: Path) -> Path:
    """Writes the dataset; frame `i` has the grey `20 * i` and an azimuth of `10 * i` degrees."""
    n, side = 8, 64
    info = DatasetInfo(name="Noa", width=side, height=side, fps=25.0, n_frames=n, n_train=6)
    person = np.zeros((side, side, 3), np.uint8)
    person[16:60, 16:48] = 255
    for i in range(n):
        write_picture(folder / "frames" / f"{i:06d}.png", np.full((side, side, 3), 20 * i, np.uint8))
        write_picture(folder / "masks" / f"{i:06d}.png", person)
    cameras = [Orbit(azimuth_deg=10.0 * i).camera(side, side) for i in range(n)]
    shapes = {"arkit": np.zeros(52), "aus": np.zeros(0),
              "ear": np.zeros(2), "landmarks": np.zeros((478, 3)), "lip_boxes": np.zeros(4),
              "tracked": 1.0}  # fmt: skip
    arrays = {name: np.repeat(np.asarray(row, np.float32)[None], n, axis=0) for name, row in shapes.items()}
    arrays |= {"times": np.arange(n) / 25, "viewmats": np.stack([camera.viewmat for camera in cameras]),
               "ks": np.stack([camera.k for camera in cameras])}  # fmt: skip
    write_tracks(folder, info, arrays)
    tone = np.sin(2 * np.pi * 220 * np.arange(int(16_000 * n / 25)) / 16_000)
    write_wav(folder / "audio.wav", (0.4 * tone).astype(np.float32), 16_000)
    return folder
