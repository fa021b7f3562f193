"""What all avatars made from a film share: controls, head pose, what stands behind them, the common vocabulary."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.audio.block import AudioEncoder
from engine.audio.encoders import make_encoder
from engine.camera import Camera
from engine.controls import Controls
from engine.manifest import Manifest
from engine.parts.avatar_tensors import AvatarTensors
from engine.parts.backdrop import Backdrop
from engine.parts.code_hull import read_hull
from engine.parts.common_fit import COMMON_NAMES, CommonFit
from engine.parts.compositing import finished
from engine.parts.head_pose import (
    apply_pose,
    head_motion,
    motion_numbers,
    moved_by,
    pose_numbers,
    posed_camera_position,
)
from engine.parts.map_pictures import MapPicture
from engine.raster.base import Rendered
from engine.vocabulary import POSE_NAMES


class FilmedAvatar:
    """The part of `engine.methods.base.Avatar` that is the same for all methods; a subclass offers `driver`, `animate`
    and `deform`. Its file is written by `engine.training.filmed_avatar`.

    Attributes:
        fit: to the common vocabulary and back; hull: of the lip controls in training.
        training_viewmats: the training cameras `[T, 4, 4]`; None where they are not known.
        motion_range: how far each Gaussian moved in training, head heights `[N]`.
        pose_weights: how far each follows the head `[N]`; pose_pivot: `[3]`.
    """

    def __init__(self, manifest: Manifest, file: AvatarTensors, device: torch.device) -> None:
        self.manifest, self.device = manifest, device
        self.schema, self.settings = manifest.schema, manifest.settings
        self.motion_hz = manifest.motion_hz
        n, n_controls, n_common = manifest.n_gaussians, len(self.schema), len(COMMON_NAMES)
        self.fit = CommonFit(file.array("fit.to_common", (n_controls + 1, n_common)),
                             file.array("fit.from_common", (n_common + 1, n_controls)),
                             file.array("fit.explained", (n_common,)))  # fmt: skip
        self.hull = read_hull(file, len(self.schema.indices("lip")))
        self.backdrop = None
        if manifest.background == "plate":
            self.backdrop = Backdrop.from_tensors(file.group("backdrop."), str(file.path))
        self.reference_viewmat = file.array("reference_viewmat", (4, 4)).astype(np.float64)
        self.training_viewmats = file.group("training_viewmats").get("training_viewmats")
        self.motion_range = file.array("motion_range", (n,))
        self.pose_weights = file.array("pose_weights", (n,))
        self.pose_pivot = file.array("pose_pivot", (3,)).astype(np.float64)
        self.pose_columns = self.columns(POSE_NAMES)

    def columns(self, names: Sequence[str]) -> np.ndarray:
        """Places of some controls in the schema. Raises ControlError for one the avatar has not."""
        return np.array([self.schema.index(name) for name in names], dtype=int)

    def encoders(self) -> list[AudioEncoder]:
        return [make_encoder(row) for row in self.manifest.encoders]

    def as_filmed(self, camera: Camera) -> tuple[Camera, np.ndarray]:
        """A tracked camera, in which head motion is hidden, as the camera that stayed and the six pose controls.

        A whole bust was filmed by a camera that moved: there is no pose in it.
        """
        if self.manifest.background != "plate":
            return camera, np.zeros(len(POSE_NAMES))
        pose = pose_numbers(np.linalg.inv(self.reference_viewmat) @ camera.viewmat)
        return replace(camera, viewmat=self.reference_viewmat), pose

    def maps(self, state: Any) -> list[MapPicture]:
        """The method's own maps at a moment that `animate` gave; none where it has no maps."""
        return []

    def compose(
        self, rendered: Rendered, controls: Controls, camera: Camera, time: float,
        background: np.ndarray | None = None, settings: dict[str, Any] | None = None,
    ) -> np.ndarray:  # fmt: skip
        return finished(rendered, self.behind(camera, background))

    def behind(self, camera: Camera, background: np.ndarray | None = None) -> np.ndarray | None:
        """What stands behind the head: the background given, else the avatar's own; None for nothing."""
        if background is None and self.backdrop is not None:
            return self.backdrop.behind(camera)
        return background

    def lays_over(self, background: np.ndarray | None, settings: dict[str, Any] | None = None) -> bool:
        """Whether `compose` does nothing but lay the picture over what is `behind`."""
        return True

    def posed(
        self, means: Tensor, quats: Tensor, pose: np.ndarray, camera: Camera
    ) -> tuple[Tensor, Tensor, np.ndarray]:
        """Gaussians moved by the six pose controls, and where the camera then is as the unmoved head sees it."""
        if not pose.any():
            return means, quats, camera.position
        position = posed_camera_position(camera.position, pose, self.pose_pivot)
        if self.device.type != "cpu":
            return *self.moved(means, quats, self.on_device(self.motion(pose))), position
        moved = apply_pose(means.numpy(), quats.numpy(), self.pose_weights, pose, self.pose_pivot)
        return *(torch.from_numpy(a) for a in moved), position

    def motion(self, pose: np.ndarray) -> np.ndarray:
        """The six pose controls as `moved` takes them, `[38]`."""
        return motion_numbers(*head_motion(pose))

    def moved(self, means: Tensor, quats: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
        """Gaussians moved with the head, wherever they are: `posed` without a processor between."""
        weights, pivot = self._pose_tensors
        means, quats = moved_by(means - pivot, quats, weights, motion)
        return means + pivot, quats

    @cached_property
    def _pose_tensors(self) -> tuple[Tensor, Tensor]:
        return self.on_device(self.pose_weights), self.on_device(self.pose_pivot)

    def on_device(self, numbers: np.ndarray) -> Tensor:
        """Numbers as a float32 tensor where the avatar is; nobody waits for a GPU."""
        return torch.from_numpy(np.asarray(numbers, dtype=np.float32)).to(self.device, non_blocking=True)
