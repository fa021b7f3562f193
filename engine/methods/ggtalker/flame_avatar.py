"""A GaussianAvatars model alive: Gaussians on the user's FLAME, moved by FLAME's own numbers.

FLAME's licence keeps its mesh and shapes out of the avatar file, which holds the person's numbers and Gaussians only.
Nobody filmed the person talking for us: the voice moves the face by what the `phones` encoder hears of jaw and lips.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from engine.audio.history import FeatureHistory
from engine.audio.phones import PhonesEncoder
from engine.camera import Camera
from engine.controls import Combine, Controls, ControlSpec
from engine.errors import ControlError
from engine.gaussians import Gaussians
from engine.heads.base import rotation
from engine.heads.binding import bind_given
from engine.heads.flame import GAZE_PITCH_DEG, GAZE_YAW_DEG, FlameHead, FlameParameters
from engine.manifest import Manifest
from engine.methods.base import DriverInputs
from engine.methods.ggtalker.released import RiggedFlame
from engine.parts.avatar_tensors import AvatarTensors
from engine.parts.common_fit import COMMON_NAMES, CommonFit
from engine.parts.filmed_avatar import FilmedAvatar
from engine.parts.spoken_shapes import spoken_shapes
from engine.paths import find_flame
from engine.vocabulary import ACTION_UNIT, ACTION_UNITS, ARKIT_52, ARKIT_INDEX, POSE_NAMES

JAW = ("jaw.open", "jaw.turn", "jaw.tilt")
JAW_MOST = (0.6, 0.2, 0.2)  # radians
JAW_SHUT = -0.05  # the jaw does not close beyond shut
EXPRESSION_MOST = 4.0
MAX_NUMBERS = 1000
BLINK, GAZE = "au.45", ("au.61", "au.62", "au.63", "au.64")
JAW_GAIN = "jaw.gain"
KIND = "flame"
"""What an avatar's `config` says, under `kind`, that is one of these."""


@dataclass(frozen=True)
class FlameState:
    """One moment of the face, before the head is posed."""

    splats: Gaussians
    pose: np.ndarray


class FlameAvatar(FilmedAvatar):
    """See `engine.methods.base.Avatar`."""

    def __init__(self, manifest: Manifest, file: AvatarTensors, device: torch.device) -> None:
        super().__init__(manifest, file, device)
        head = _head(manifest, file)
        self.rigged = _rigged(manifest, file, head)
        self.canonical_means = self.rigged.posed(resting(head)).means.numpy()
        names = expression_names(head)
        self._expression, self._jaw = self.columns(names), self.columns(JAW)
        self._blink, self._jaw_gain = self.columns((BLINK, JAW_GAIN))
        self._gaze = self.columns(GAZE)
        self._matrix = file.array("from_arkit", (len(ARKIT_52), head.n_expression + 3))
        self.phones: PhonesEncoder = self.encoders()[0]

    def driver(self, histories: list[FeatureHistory]) -> "ShapesDriver":
        return ShapesDriver(self, histories[0])

    def own_of_arkit(self, weights: np.ndarray) -> np.ndarray:
        """Controls `[C]`, from rest, of ARKit weights `[52]`."""
        code = weights @ self._matrix
        values = self.schema.rest().values
        values[self._expression], values[self._jaw] = code[:-3], code[-3:]
        return self.schema.clamp(values)

    def parameters(self, controls: Controls) -> FlameParameters:
        """FLAME's numbers of a moment."""
        values = controls.values.astype(np.float64)
        lids = np.zeros(len(ARKIT_52))
        lids[[ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]] = values[self._blink]
        code = lids @ self._matrix
        left, right, up, down = values[self._gaze]
        turn = rotation(GAZE_YAW_DEG * (left - right), GAZE_PITCH_DEG * (up - down))
        eyes = np.tile(Rotation.from_matrix(turn).as_rotvec(), (2, 1))
        jaw = (values[self._jaw] + code[-3:]) * values[self._jaw_gain]
        return FlameParameters(values[self._expression] + code[:-3], jaw, np.zeros(3), eyes)

    def animate(self, controls: Controls, settings: dict[str, Any] | None = None) -> FlameState:
        with torch.no_grad():
            splats = self.rigged.posed(self.parameters(controls))
        return FlameState(splats.to(self.device), controls.values[self.pose_columns].astype(np.float64))

    def deform(self, state: FlameState, camera: Camera) -> list[Gaussians]:
        s = state.splats
        means, quats, _ = self.posed(s.means, s.quats, state.pose, camera)
        return [Gaussians(means, quats, s.scales, s.opacities, s.colors, s.sh_degree)]


class ShapesDriver:
    """Voice to FLAME's numbers by way of ARKit shapes; needs no sound ahead."""

    least_look_ahead_ms = 0.0

    def __init__(self, avatar: FlameAvatar, history: FeatureHistory) -> None:
        self.schema = avatar.schema
        self._avatar, self._history = avatar, history

    def advance(self, budget_ms: float) -> None:
        """Nothing is pending: every moment is worked out when asked for."""

    def at(self, time: float, inputs: DriverInputs) -> Controls:
        weights = spoken_shapes(self._avatar.phones, self._history, time, inputs.look_ahead_ms)
        if not weights.any():
            return self.schema.rest()
        return Controls(self.schema, self._avatar.own_of_arkit(weights))


def resting(head: FlameHead) -> FlameParameters:
    return FlameParameters(np.zeros(head.n_expression), np.zeros(3), np.zeros(3), np.zeros((2, 3)))


def expression_names(head: FlameHead) -> tuple[str, ...]:
    return tuple(f"exp.{i:02d}" for i in range(head.n_expression))


def face_specs(head: FlameHead, expressions: np.ndarray, jaws: np.ndarray) -> list[ControlSpec]:
    """Controls of the face: FLAME's jaw and expression with the ranges of the film (`[T, E]`, `[T, 3]`), lids, gaze."""
    labels = ("Jaw opens", "Jaw turns", "Jaw tilts")
    specs = []
    for i, (name, label, most) in enumerate(zip(JAW, labels, JAW_MOST, strict=True)):
        least = JAW_SHUT if i == 0 else -most
        low, high = np.clip(np.quantile(jaws[:, i], [0.005, 0.995]), least, most)
        specs.append(ControlSpec(name, "lip", label, "FLAME's jaw joint, on top of the voice.", least, most, unit="rad",
                                 low=min(float(low), 0.0), high=max(float(high), 0.0)))  # fmt: skip
    for i, name in enumerate(expression_names(head)):
        low, high = np.clip(np.quantile(expressions[:, i], [0.005, 0.995]), -EXPRESSION_MOST, EXPRESSION_MOST)
        specs.append(ControlSpec(
            name, "expression", f"Expression {i:02d}", f"FLAME's expression coefficient {i}, on top of the voice.",
            -EXPRESSION_MOST, EXPRESSION_MOST, unit="sigma", low=float(low), high=float(high),
        ))  # fmt: skip
    for name in (BLINK, *GAZE):
        unit = ACTION_UNIT[name]
        specs.append(ControlSpec(name, "au", unit.label, unit.description + ".", mirror=unit.mirror))
    return specs


GAINS = (
    ControlSpec(JAW_GAIN, "motion", "Jaw", "How far the jaw opens, voice and sliders alike; 0 keeps it shut.",
                0.0, 2.0, 1.0, combine=Combine.SCALE, low=0.0, high=1.5),
)  # fmt: skip


def common_fit(head: FlameHead, n_gains: int) -> CommonFit:
    """The common vocabulary by the matrix that carries ARKit to FLAME, and back by its pseudo-inverse."""
    matrix = head.arkit_matrix()  # [52, E + 3]
    matrix = np.concatenate([matrix[:, -3:], matrix[:, :-3]], axis=1)  # jaw first, as the controls
    back = np.linalg.pinv(matrix, rcond=1e-3)
    n_own, n_units, n_pose = matrix.shape[1], 1 + len(GAZE), len(POSE_NAMES)
    n_controls, n_arkit = n_own + n_units + n_pose + n_gains, len(ARKIT_52)
    there = np.zeros((n_controls + 1, len(COMMON_NAMES)))
    there[:n_own, :n_arkit] = back
    for row, name in enumerate((BLINK, *GAZE), n_own):
        there[row, [ARKIT_INDEX[shape] for shape in ACTION_UNIT[name].shapes]] = 1
    for column, unit in enumerate(ACTION_UNITS, n_arkit):
        there[:, column] = there[:, [ARKIT_INDEX[shape] for shape in unit.shapes]].mean(axis=1)
    here = np.zeros((len(COMMON_NAMES) + 1, n_controls))
    here[:n_arkit, :n_own] = matrix
    for column, name in enumerate(GAZE, n_own + 1):
        here[[ARKIT_INDEX[shape] for shape in ACTION_UNIT[name].shapes], column] = 0.5
    first = n_own + n_units
    there[first : first + n_pose, -n_pose:] = here[-1 - n_pose : -1, first : first + n_pose] = np.eye(n_pose)
    explained = np.concatenate([np.clip(np.diag(matrix @ back), 0, 1),
                                np.zeros(len(ACTION_UNITS)), np.ones(n_pose)])  # fmt: skip
    return CommonFit(there.astype(np.float32), here.astype(np.float32), explained.astype(np.float32))


def _head(manifest: Manifest, file: AvatarTensors) -> FlameHead:
    """FLAME shaped like the person. Raises ModelMissingError where the user's FLAME is missing."""
    sizes = [manifest.config.get(name) for name in ("n_shape", "n_vertices")]
    if not all(isinstance(n, int) and 0 <= n <= MAX_NUMBERS * 100 for n in sizes):
        raise file.fault("its numbers of FLAME's shape cannot be read")
    shape, offset = file.array("shape", (sizes[0],)), file.array("static_offset", (sizes[1], 3))
    path = find_flame()
    try:
        head = FlameHead(path, shape.astype(float), offset=offset.astype(float))
    except ControlError as error:
        raise file.fault(f"it does not fit {path} ({error})") from error
    if len(expression_names(head)) != sum(name.startswith("exp.") for name in manifest.schema.names):
        raise file.fault(f"it was made with another FLAME than {path}")
    return head


def _rigged(manifest: Manifest, file: AvatarTensors, head: FlameHead) -> RiggedFlame:
    n, k = manifest.n_gaussians, (manifest.sh_degree + 1) ** 2
    if not 0 <= manifest.sh_degree <= 3:
        raise file.fault(f"its colours are of degree {manifest.sh_degree}")
    faces = file.integers("binding.faces", (n,), len(head.faces))
    local = Gaussians(
        *(torch.from_numpy(file.array(name, shape)) for name, shape in (("offsets", (n, 3)), ("quats", (n, 4)))),
        torch.from_numpy(np.exp(np.clip(file.array("log_scales", (n, 3)), -30, 10))),
        torch.from_numpy(file.array("opacities", (n,))), torch.from_numpy(file.array("sh", (n, k, 3))),
        manifest.sh_degree,
    )  # fmt: skip
    none = np.zeros((0, 3))
    binding = bind_given(head.faces, faces, len(head.vertices))
    return RiggedFlame(head, binding, local, none, none, none, np.zeros((0, 2, 3)), 0)


def tensors_of(rigged: RiggedFlame) -> dict[str, Tensor]:
    """The Gaussians, and what carries ARKit shapes to FLAME, as the avatar file keeps them."""
    local = rigged.local
    return {
        "offsets": local.means, "quats": torch.nn.functional.normalize(local.quats, dim=1),
        "log_scales": local.scales.clamp(min=1e-12).log(), "opacities": local.opacities, "sh": local.colors.half(),
        "binding.faces": torch.from_numpy(rigged.binding.faces.astype(np.int32)),
        "from_arkit": torch.from_numpy(rigged.head.arkit_matrix().astype(np.float32)),
    }  # fmt: skip
