"""What avatars driven by an audio code share: lip coordinates and the driver; the rest is `filmed_avatar`'s."""

import torch

from engine.audio.history import FeatureHistory
from engine.controls import Controls
from engine.manifest import Manifest
from engine.methods.base import DriverInputs
from engine.parts.audio_net import N_STEPS, AudioCoder, n_heard, window_start
from engine.parts.avatar_tensors import AvatarTensors
from engine.parts.code_basis import CodeBasis
from engine.parts.filmed_avatar import FilmedAvatar
from engine.parts.live_coder import LiveCoder


class CodedAvatar(FilmedAvatar):
    """The part of `engine.methods.base.Avatar` that is the same for all methods whose mouth follows an audio code.

    A subclass sets `audio`, its `AudioCoder`, and offers `animate` and `deform`.

    Attributes:
        basis: lip coordinates to audio codes and back.
    """

    audio: AudioCoder

    def __init__(self, manifest: Manifest, file: AvatarTensors, device: torch.device, n_code: int) -> None:
        super().__init__(manifest, file, device)
        self.basis = CodeBasis(file.array("basis.rest", (n_code,)), file.array("basis.directions", (n_code, n_code)),
                               file.array("basis.sigma", (n_code,)))  # fmt: skip
        self.lip_columns = self.columns([f"lip.{i:02d}" for i in range(n_code)])

    def driver(self, histories: list[FeatureHistory]) -> "CodeDriver":
        return CodeDriver(self, histories[0])


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
        known[n_heard(inputs.look_ahead_ms) :] = False
        if known.any():
            values[self._lips] = self._basis.coordinates(self._coder(window, known))
        return Controls(self.schema, values)
