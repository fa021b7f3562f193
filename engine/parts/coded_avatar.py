"""What avatars driven by an audio code share: lip coordinates, the driver, head pose, and what stands behind them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from engine.audio.block import AudioEncoder
from engine.audio.encoders import make_encoder
from engine.audio.history import FeatureHistory
from engine.camera import Camera
from engine.controls import Controls
from engine.manifest import Manifest
from engine.methods.base import DriverInputs
from engine.parts.audio_net import N_STEPS, AudioCoder, heard_until, window_start
from engine.parts.avatar_tensors import AvatarTensors
from engine.parts.backdrop import Backdrop
from engine.parts.code_basis import CodeBasis
from engine.parts.code_hull import CodeHull
from engine.parts.common_fit import COMMON_NAMES, CommonFit
from engine.parts.compositing import finished
from engine.parts.head_pose import apply_pose, pose_numbers, posed_camera_position
from engine.parts.live_coder import LiveCoder
from engine.raster.base import Rendered
from engine.vocabulary import POSE_NAMES


class CodedAvatar:
    """The part of `engine.methods.base.Avatar` that is the same for all methods whose mouth follows an audio code.

    A subclass sets `audio`, its `AudioCoder`, and offers `animate` and `deform`.

    Attributes:
        basis: lip coordinates to audio codes and back; hull: of the coordinates in training.
        fit: to the common vocabulary and back.
        training_viewmats: the training cameras `[T, 4, 4]`; None where they are not known.
    """

    audio: AudioCoder

    def __init__(self, manifest: Manifest, file: AvatarTensors, device: torch.device, n_code: int) -> None:
        self.manifest, self.device = manifest, device
        self.schema, self.settings = manifest.schema, manifest.settings
        self.motion_hz = manifest.motion_hz
        n = manifest.n_gaussians
        self.basis = CodeBasis(file.array("basis.rest", (n_code,)), file.array("basis.directions", (n_code, n_code)),
                               file.array("basis.sigma", (n_code,)))  # fmt: skip
        self.hull = _hull(file, n_code)
        n_controls, n_common = len(self.schema), len(COMMON_NAMES)
        self.fit = CommonFit(file.array("fit.to_common", (n_controls + 1, n_common)),
                             file.array("fit.from_common", (n_common + 1, n_controls)),
                             file.array("fit.explained", (n_common,)))  # fmt: skip
        self.backdrop = None
        if manifest.background == "plate":
            self.backdrop = Backdrop.from_tensors(file.group("backdrop."), str(file.path))
        self.reference_viewmat = file.array("reference_viewmat", (4, 4)).astype(np.float64)
        self.training_viewmats = file.group("training_viewmats").get("training_viewmats")
        self.motion_range = file.array("motion_range", (n,))
        self.pose_weights = file.array("pose_weights", (n,))
        self.pose_pivot = file.array("pose_pivot", (3,)).astype(np.float64)
        self.lip_columns = self.columns(f"lip.{i:02d}" for i in range(n_code))
        self.pose_columns = self.columns(POSE_NAMES)

    def columns(self, names: Sequence[str]) -> np.ndarray:
        """Places of some controls in the schema. Raises ControlError for one the avatar has not."""
        return np.array([self.schema.index(name) for name in names], dtype=int)

    def encoders(self) -> list[AudioEncoder]:
        return [make_encoder(row) for row in self.manifest.encoders]

    def driver(self, histories: list[FeatureHistory]) -> "CodeDriver":
        return CodeDriver(self, histories[0])

    def as_filmed(self, camera: Camera) -> tuple[Camera, np.ndarray]:
        """A tracked camera, in which head motion is hidden, as the camera that stayed and the six pose controls.

        A whole bust was filmed by a camera that moved: there is no pose in it.
        """
        if self.manifest.background != "plate":
            return camera, np.zeros(len(POSE_NAMES))
        pose = pose_numbers(np.linalg.inv(self.reference_viewmat) @ camera.viewmat)
        return replace(camera, viewmat=self.reference_viewmat), pose

    def compose(
        self, rendered: Rendered, controls: Controls, camera: Camera, time: float, background: np.ndarray | None = None
    ) -> np.ndarray:
        if background is None and self.backdrop is not None:
            background = self.backdrop.behind(camera)
        return finished(rendered, background)

    def posed(
        self, means: Tensor, quats: Tensor, pose: np.ndarray, camera: Camera
    ) -> tuple[Tensor, Tensor, np.ndarray]:
        """Gaussians moved by the six pose controls, and where the camera then is as the unmoved head sees it."""
        if not pose.any():
            return means, quats, camera.position
        moved = apply_pose(means.cpu().numpy(), quats.cpu().numpy(), self.pose_weights, pose, self.pose_pivot)
        means, quats = (torch.from_numpy(a).to(self.device) for a in moved)
        return means, quats, posed_camera_position(camera.position, pose, self.pose_pivot)


class CodeDriver:
    """Voice to lip coordinates; needs no sound ahead, uses up to 160 ms of it."""

    least_look_ahead_ms = 0.0

    def __init__(self, avatar: CodedAvatar, history: FeatureHistory) -> None:
        self.schema = avatar.schema
        self._history, self._basis, self._coder = history, avatar.basis, LiveCoder(avatar.audio)
        self._lips = avatar.lip_columns
        self._rest = avatar.schema.rest().values

    def advance(self, budget_ms: float) -> None:
        """Nothing is pending: every moment is worked out when asked for."""

    def at(self, time: float, inputs: DriverInputs) -> Controls:
        values = self._rest.copy()
        window, known = self._history.window(window_start(time), N_STEPS)
        known &= heard_until(inputs.look_ahead_ms).numpy()
        if known.any():
            values[self._lips] = self._basis.coordinates(self._coder(window, known))
        return Controls(self.schema, values)


def _hull(file: AvatarTensors, n_code: int) -> CodeHull:
    mean, low, high = (file.array(f"hull.{name}", (n_code,)) for name in ("mean", "low", "high"))
    return CodeHull(mean, file.array("hull.whitening", (n_code, n_code)), float(file.array("hull.radius", (1,))[0]),
                    low, high)  # fmt: skip
