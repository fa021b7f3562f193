"""One avatar driven by one dataset: its pictures in the place of the dataset's."""

from dataclasses import dataclass

import numpy as np
import torch

from engine.audio.wav import read_sound
from engine.camera import Camera
from engine.capture.dataset import Dataset
from engine.controls import Controls
from engine.evaluation import metrics
from engine.methods.base import Avatar, DriverInputs
from engine.parts.action_units import MOUTH_UNITS
from engine.parts.audio_net import N_STEPS, window_start
from engine.training.poses import carried
from engine.training.thumbnail import rendered_layers
from engine.training.units import heard_units
from engine.training.voice import hear
from engine.vocabulary import POSE_NAMES

LOOK_AHEAD_MS = 160.0


@dataclass(frozen=True)
class Compared:
    """A frame as it was and as the avatar makes it, `[H, W, 3]` float32; `head` `[H, W]` is the head's mask."""

    index: int
    truth: np.ndarray
    made: np.ndarray
    head: np.ndarray

    def figures(self) -> dict[str, float]:
        """PSNR of the whole picture, of the head and of the head cut out on white; SSIM and MS-SSIM."""
        truth, made, head = self.truth, self.made, self.head
        return {
            "psnr_full": metrics.psnr(made, truth),
            "psnr_head": metrics.psnr(made, truth, head),
            "psnr_white": metrics.psnr(metrics.on_white(made, head), metrics.on_white(truth, head)),
            "ssim": metrics.ssim(made, truth),
            "ms_ssim": metrics.ms_ssim(made, truth),
        }


class Comparison:
    """Drives an avatar with a dataset's voice, action units and cameras.

    Training frames use their cameras as corrected in training where the avatar was made from this dataset. Held-out
    frames use the tracked ones, moved as training frames of like turn and place were (`engine.training.poses.carried`);
    what stands behind the head is the dataset's own.
    """

    def __init__(self, avatar: Avatar, dataset: Dataset) -> None:
        self.avatar, self.dataset = avatar, dataset
        self.sound, self.sound_rate_hz = read_sound(dataset.audio_path)
        voices = [hear(encoder, self.sound, n_variants=0) for encoder in avatar.encoders()]
        self._history = voices[0].histories[0]
        self._driver = avatar.driver([voice.histories[0] for voice in voices])
        self._units = tuple(spec.name for spec in avatar.schema if spec.name.startswith("au."))
        self._heard = self._heard_units()
        self._cameras: np.ndarray | None = None

    def compared(self, index: int, with_mouth_units: bool = True) -> Compared:
        """One frame; without mouth units the mouth is left to the voice."""
        truth = self.dataset.frame(index).astype(np.float32) / 255
        return Compared(index, truth, self.picture(index, with_mouth_units), self.dataset.masks(index).head)

    def picture(self, index: int, with_mouth_units: bool = True) -> np.ndarray:
        """The avatar in the place of a frame, `[H, W, 3]`."""
        controls = self.controls(index, with_mouth_units)
        camera, pose = self.avatar.as_filmed(self.camera(index))
        for name, value in zip(POSE_NAMES, pose, strict=True):
            controls[name] = value
        return self._over(controls, camera, self.dataset.behind(index))

    def seen_from(self, index: int, camera: Camera, background: np.ndarray) -> np.ndarray:
        """The moment of a frame from any camera, over a picture `[H, W, 3]` or a colour `[3]`."""
        return self._over(self.controls(index, True), camera, background)

    def controls(self, index: int, with_mouth_units: bool = True) -> Controls:
        """What moves the avatar in the moment of a frame, but the pose of its head."""
        controls = self._driver.at(float(self.dataset.times[index]), DriverInputs(look_ahead_ms=LOOK_AHEAD_MS))
        for column, name in enumerate(self._units):
            if with_mouth_units or name not in MOUTH_UNITS:
                controls[name] = self._heard[index, column]
        return controls

    def camera(self, index: int) -> Camera:
        camera = self.dataset.camera(index)
        trained = getattr(self.avatar, "training_viewmats", None)
        own = self.avatar.manifest.provenance.get("dataset") == self.dataset.info.name
        if not own or trained is None or len(trained) != self.dataset.info.n_train:
            return camera
        viewmat = trained[index] if index < len(trained) else self._carried(trained)[index]
        return Camera(viewmat, camera.k, camera.width, camera.height)

    def stretch_of_sound(self, ids: np.ndarray) -> np.ndarray:
        """The sound of consecutive frames."""
        first, last = (float(self.dataset.times[i]) for i in (ids[0], ids[-1]))
        rate = self.sound_rate_hz
        return self.sound[int(first * rate) : int((last + 1 / self.dataset.info.fps) * rate)]

    def _carried(self, trained: np.ndarray) -> np.ndarray:
        if self._cameras is None:
            self._cameras = carried(self.dataset.tracks["viewmats"], trained)
        return self._cameras

    def _over(self, controls: Controls, camera: Camera, behind: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            rendered = rendered_layers(self.avatar.deform(self.avatar.animate(controls), camera), camera)
        return np.clip(rendered.color + (1 - rendered.alpha[..., None]) * behind, 0, 1).astype(np.float32)

    def _heard_units(self) -> np.ndarray:
        tracks, info = self.dataset.tracks, self.dataset.info
        if not self._units:
            return np.zeros((info.n_frames, 0), dtype=np.float32)
        windows = np.stack([self._history.window(window_start(float(t)), N_STEPS)[0] for t in tracks["times"]])
        return heard_units(self._units, info, tracks, windows)
