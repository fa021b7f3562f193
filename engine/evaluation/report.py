"""An avatar compared with a dataset: every figure on training frames and on the part it never saw."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.audio.wav import read_sound
from engine.avatar import load_avatar
from engine.camera import Camera
from engine.capture.dataset import Dataset
from engine.errors import ModelMissingError
from engine.evaluation import metrics
from engine.methods.base import Avatar, DriverInputs
from engine.parts.action_units import MOUTH_UNITS
from engine.parts.audio_net import N_STEPS, window_start
from engine.paths import find_face_landmarker
from engine.progress import Progress
from engine.training.losses import Lpips, lpips_folder
from engine.training.thumbnail import rendered_layers
from engine.training.units import heard_units
from engine.training.voice import hear
from engine.vocabulary import POSE_NAMES

MAX_TRAIN_FRAMES = 60
LOOK_AHEAD_MS = 160.0


def evaluate(
    avatar: Path, dataset: Path, *, face_landmarker: Path | None = None, device: str | None = None
) -> Iterator[Progress]:
    """Renders frames of a dataset with its own voice, action units and cameras, and compares them.

    Training frames use their cameras as corrected in training, held-out frames the tracked ones; what stands behind the
    head is the dataset's own. The last `Progress` carries `train`, `held_out` and `held_out_voice_only` (mouth units
    left to the voice), each with the means of:
        psnr_full, psnr_head (inside the head mask), psnr_white (the head cut out, on white), ssim, ms_ssim;
        lpips where its weights are in the cache; lmd_px where MediaPipe's model is found; n_frames.

    Raises:
        AvatarError, DatasetError: if one of them cannot be read.
    """
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    comparison = _Comparison(load_avatar(avatar, place), Dataset(dataset))
    source = comparison.dataset
    train = source.train_ids[np.unique(np.linspace(0, source.info.n_train - 1, MAX_TRAIN_FRAMES).astype(int))]
    jobs = {
        "train": (train, True),
        "held_out": (source.test_ids, True),
        "held_out_voice_only": (source.test_ids, False),
    }
    total, done = sum(len(ids) for ids, _ in jobs.values()), 0
    results: dict[str, Any] = {}
    notes: list[str] = []
    with contextlib.ExitStack() as stack:
        measures = _measures(stack, face_landmarker, notes)
        for name, (ids, with_mouth_units) in jobs.items():
            rows = []
            for index in ids:
                rows.append(comparison.measure(int(index), with_mouth_units, measures))
                done += 1
                yield Progress("Comparing frames", done, total, values={"psnr_full": round(rows[-1]["psnr_full"], 2)})
            results[name] = _means(rows)
    yield Progress("Done", 1, 1, "; ".join(notes), results | ({"notes": notes} if notes else {}))


class _Comparison:
    """One avatar driven by one dataset."""

    def __init__(self, avatar: Avatar, dataset: Dataset) -> None:
        self.avatar, self.dataset = avatar, dataset
        samples, _ = read_sound(dataset.audio_path)
        voices = [hear(encoder, samples, n_variants=0) for encoder in avatar.encoders()]
        self._history = voices[0].histories[0]
        self._driver = avatar.driver([voice.histories[0] for voice in voices])
        self._units = tuple(spec.name for spec in avatar.schema if spec.name.startswith("au."))
        self._heard = self._heard_units()

    def measure(self, index: int, with_mouth_units: bool, measures: dict[str, Any]) -> dict[str, float]:
        """All figures of one frame."""
        truth = self.dataset.frame(index).astype(np.float32) / 255
        head = self.dataset.masks(index).head
        made = self.picture(index, with_mouth_units)
        row = {
            "psnr_full": metrics.psnr(made, truth),
            "psnr_head": metrics.psnr(made, truth, head),
            "psnr_white": metrics.psnr(metrics.on_white(made, head), metrics.on_white(truth, head)),
            "ssim": metrics.ssim(made, truth),
            "ms_ssim": metrics.ms_ssim(made, truth),
        }
        return row | {name: float(measure(made, truth)) for name, measure in measures.items()}

    def picture(self, index: int, with_mouth_units: bool = True) -> np.ndarray:
        """The avatar in the place of a frame, `[H, W, 3]`."""
        time = float(self.dataset.times[index])
        controls = self._driver.at(time, DriverInputs(look_ahead_ms=LOOK_AHEAD_MS))
        for column, name in enumerate(self._units):
            if with_mouth_units or name not in MOUTH_UNITS:
                controls[name] = self._heard[index, column]
        camera, pose = self.avatar.as_filmed(self._camera(index))
        for name, value in zip(POSE_NAMES, pose, strict=True):
            controls[name] = value
        rendered = rendered_layers(self.avatar.deform(self.avatar.animate(controls), camera), camera)
        behind = self.dataset.behind(index)
        return np.clip(rendered.color + (1 - rendered.alpha[..., None]) * behind, 0, 1)

    def _camera(self, index: int) -> Camera:
        camera = self.dataset.camera(index)
        trained = getattr(self.avatar, "training_viewmats", None)
        own = self.avatar.manifest.provenance.get("dataset") == self.dataset.info.name
        if own and trained is not None and len(trained) == self.dataset.info.n_train and index < len(trained):
            return Camera(trained[index], camera.k, camera.width, camera.height)
        return camera

    def _heard_units(self) -> np.ndarray:
        tracks, info = self.dataset.tracks, self.dataset.info
        if not self._units:
            return np.zeros((info.n_frames, 0), dtype=np.float32)
        windows = np.stack([self._history.window(window_start(float(t)), N_STEPS)[0] for t in tracks["times"]])
        return heard_units(self._units, info, tracks, windows)


def _measures(stack: contextlib.ExitStack, face_landmarker: Path | None, notes: list[str]) -> dict[str, Any]:
    measures: dict[str, Any] = {}
    try:
        network = Lpips(lpips_folder())
        measures["lpips"] = lambda a, b: network(*(torch.from_numpy(np.float32(x)) for x in (a, b)))
    except ModelMissingError as error:
        notes.append(f"no LPIPS: {error}")
    try:
        measures["lmd_px"] = stack.enter_context(metrics.MouthDistance(find_face_landmarker(face_landmarker)))
    except ModelMissingError as error:
        if face_landmarker is not None:
            raise
        notes.append(f"no landmark distance: {error}")
    return measures


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    names = rows[0] if rows else {}
    means = {name: round(float(np.nanmean([row[name] for row in rows])), 4) for name in names}
    return means | {"n_frames": len(rows)}
