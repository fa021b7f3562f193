"""EmbedTalk alive: controls in, Gaussians out, a few milliseconds on two processor cores."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.audio.block import AudioEncoder
from engine.audio.encoders import make_encoder
from engine.audio.history import FeatureHistory
from engine.camera import Camera
from engine.controls import Controls
from engine.gaussians import Gaussians
from engine.manifest import Manifest
from engine.methods.base import DriverInputs
from engine.methods.embedtalk.config import EmbedTalkConfig
from engine.methods.embedtalk.live import LiveDeform
from engine.methods.embedtalk.network import EmbedTalkNet
from engine.parts.audio_net import N_STEPS, AudioCoder, heard_until, window_start
from engine.parts.avatar_tensors import AvatarTensors
from engine.parts.backdrop import Backdrop
from engine.parts.code_basis import CodeBasis
from engine.parts.code_hull import CodeHull
from engine.parts.common_fit import COMMON_NAMES, CommonFit
from engine.parts.compositing import finished
from engine.parts.encoding import encode_position
from engine.parts.harmonics import view_colors
from engine.parts.head_pose import apply_pose, pose_numbers, posed_camera_position
from engine.raster.base import Rendered
from engine.raster.reference import sh_colors
from engine.vocabulary import POSE_NAMES

HEAT = np.array([[0.05, 0.03, 0.2], [0.55, 0.1, 0.45], [0.95, 0.45, 0.15], [1.0, 0.95, 0.6]], dtype=np.float32)


@dataclass(frozen=True)
class EmbedTalkState:
    """One moment of the face, before the head is posed.

    Attributes:
        means: `[N, 3]`; opacities: `[N]`.
        pose: the six pose controls; all 0 where the head is not posed.
        overlay: what is shown in place of the colours.
    """

    means: Tensor
    opacities: Tensor
    pose: np.ndarray
    overlay: str = "none"


class EmbedTalkAvatar:
    """See `engine.methods.base.Avatar`. What depends on the avatar alone is worked out once, here."""

    def __init__(self, manifest: Manifest, file: AvatarTensors, device: torch.device) -> None:
        self.manifest, self.device = manifest, device
        self.schema, self.settings = manifest.schema, manifest.settings
        self.motion_hz = manifest.motion_hz
        config = _config(manifest, file)
        n, n_units = manifest.n_gaussians, len(config.units)
        self.units = config.units
        self._read_splats(file, n, config.numbers)
        self.network = _network(file, config.numbers, config.n_features, n_units).to(device)
        self.basis = CodeBasis(*(file.array(f"basis.{name}", shape) for name, shape in {
            "rest": (config.numbers.n_code,), "directions": (config.numbers.n_code,) * 2,
            "sigma": (config.numbers.n_code,)}.items()))  # fmt: skip
        self.hull = _hull(file, config.numbers.n_code)
        n_controls, n_common = len(self.schema), len(COMMON_NAMES)
        self.fit = CommonFit(file.array("fit.to_common", (n_controls + 1, n_common)),
                             file.array("fit.from_common", (n_common + 1, n_controls)),
                             file.array("fit.explained", (n_common,)))  # fmt: skip
        self.backdrop = None
        if manifest.background == "plate":
            self.backdrop = Backdrop.from_tensors(file.group("backdrop."), str(file.path))
        self.reference_viewmat = file.array("reference_viewmat", (4, 4)).astype(np.float64)
        self.training_viewmats = file.group("training_viewmats").get("training_viewmats")
        self._read_schema(config.numbers.n_code)
        self._prepare(config.numbers)
        self._colors: tuple[bytes, Tensor] | None = None

    def encoders(self) -> list[AudioEncoder]:
        return [make_encoder(row) for row in self.manifest.encoders]

    def driver(self, histories: list[FeatureHistory]) -> "EmbedTalkDriver":
        return EmbedTalkDriver(self, histories[0])

    def animate(self, controls: Controls, settings: dict[str, Any] | None = None) -> EmbedTalkState:
        values = controls.values
        code = self.basis.codes(values[self._lips])
        units = values[self._unit_columns]
        gains = float(values[self._position_gain]), float(values[self._opacity_gain])
        means, opacities = self._live.deformed(self.motion_part(code, units), *gains)
        overlay = (settings or {}).get("overlay", "none")
        return EmbedTalkState(means, opacities, values[self._pose].astype(np.float64), overlay)

    def motion_part(self, code: np.ndarray, units: np.ndarray) -> Tensor:
        """The part of the first layer that is one for each moment, `[H]`."""
        with torch.no_grad():
            encoded = encode_position(torch.from_numpy(np.ascontiguousarray(units)), self._unit_octaves)
            return self._motion_weights @ torch.cat([torch.from_numpy(code), encoded])

    def deform(self, state: EmbedTalkState, camera: Camera) -> list[Gaussians]:
        means, quats = state.means, self.quats
        position = camera.position
        if state.pose.any():
            moved = apply_pose(means.cpu().numpy(), quats.cpu().numpy(), self.pose_weights, state.pose, self.pose_pivot)
            means, quats = (torch.from_numpy(a).to(self.device) for a in moved)
            position = posed_camera_position(position, state.pose, self.pose_pivot)
        colors = self._colors_from(position) if state.overlay == "none" else self._overlay(state)
        return [Gaussians(means, quats, self.scales, state.opacities, colors)]

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

    def _colors_from(self, position: np.ndarray) -> Tensor:
        key = np.asarray(position, dtype=np.float32).tobytes()
        if self._colors is None or self._colors[0] != key:
            if self.device.type == "cpu":
                arrays = self.canonical_means.numpy(), self.sh.numpy()
                colors = torch.from_numpy(view_colors(*arrays, position, self.manifest.sh_degree))
            else:
                viewmat = torch.eye(4, device=self.device)
                viewmat[:3, 3] = torch.as_tensor(-np.asarray(position), dtype=torch.float32)
                colors = sh_colors(self.manifest.sh_degree, self.sh, self.canonical_means, viewmat)
            self._colors = (key, colors)
        return self._colors[1]

    def _overlay(self, state: EmbedTalkState) -> Tensor:
        if state.overlay == "embeddings":
            centred = self.embeddings - self.embeddings.mean(dim=0)
            _, _, directions = torch.linalg.svd(centred, full_matrices=False)
            return torch.sigmoid(centred @ directions[:3].T / (centred @ directions[:3].T).std(dim=0).clamp(min=1e-6))
        if state.overlay == "position":
            amount = (state.means - self.canonical_means).norm(dim=-1) / 0.02
        else:
            amount = (state.opacities - torch.sigmoid(self.opacity_logits)).abs() / 0.5
        steps = np.linspace(0, 1, len(HEAT))
        amount = amount.clamp(0, 1).cpu().numpy()
        heat = np.stack([np.interp(amount, steps, HEAT[:, c]) for c in range(3)], axis=1)
        return torch.from_numpy(heat.astype(np.float32)).to(self.device)

    def _read_splats(self, file: AvatarTensors, n: int, config: EmbedTalkConfig) -> None:
        def tensor(name: str, *shape: int) -> Tensor:
            return torch.from_numpy(file.array(name, (n, *shape))).to(self.device)

        self.canonical_means = tensor("means", 3)
        self.quats = tensor("quats", 4)
        self.scales = torch.exp(tensor("log_scales", 3))
        self.opacity_logits = tensor("opacity_logits")
        self.sh = tensor("sh", (config.sh_degree + 1) ** 2, 3)
        self.embeddings = tensor("embeddings", config.n_embedding)
        self.motion_range = file.array("motion_range", (n,))
        self.pose_weights = file.array("pose_weights", (n,))
        self.pose_pivot = file.array("pose_pivot", (3,)).astype(np.float64)
        self.active = file.indices("active", below=n)

    def _read_schema(self, n_code: int) -> None:
        index = self.schema.index
        self._lips = np.array([index(f"lip.{i:02d}") for i in range(n_code)])
        self._unit_columns = np.array([index(name) for name in self.units])
        self._pose = np.array([index(name) for name in POSE_NAMES])
        self._position_gain, self._opacity_gain = (index(name) for name in ("deform.position", "deform.opacity"))

    def _prepare(self, config: EmbedTalkConfig) -> None:
        net = self.network.deform
        self._unit_octaves = config.unit_octaves
        with torch.no_grad():
            self._motion_weights = net.trunk.weight[:, net.n_embedding_inputs :].cpu().contiguous()
            active = torch.from_numpy(self.active).to(self.device)
            self._live = LiveDeform(net, self.embeddings, self.canonical_means, self.opacity_logits, active,
                                    config.position_scale)  # fmt: skip


class EmbedTalkDriver:
    """Voice to lip coordinates; needs no sound ahead, uses up to 160 ms of it."""

    least_look_ahead_ms = 0.0

    def __init__(self, avatar: EmbedTalkAvatar, history: FeatureHistory) -> None:
        self.schema = avatar.schema
        self._history, self._basis = history, avatar.basis
        self._audio: AudioCoder = avatar.network.audio
        self._device = avatar.device
        self._lips = avatar._lips
        self._rest = avatar.schema.rest().values

    def advance(self, budget_ms: float) -> None:
        """Nothing is pending: every moment is worked out when asked for."""

    def at(self, time: float, inputs: DriverInputs) -> Controls:
        values = self._rest.copy()
        window, known = self._history.window(window_start(time), N_STEPS)
        known &= heard_until(inputs.look_ahead_ms).numpy()
        if known.any():
            with torch.no_grad():
                windows = torch.from_numpy(window)[None].to(self._device)
                code = self._audio(windows, torch.from_numpy(known)[None].to(self._device))[0].cpu().numpy()
            values[self._lips] = self._basis.coordinates(code)
        return Controls(self.schema, values)


@dataclass(frozen=True)
class _Read:
    numbers: EmbedTalkConfig
    units: tuple[str, ...]
    n_features: int


def _config(manifest: Manifest, file: AvatarTensors) -> _Read:
    fields = dict(manifest.config)
    try:
        units, n_features = tuple(fields.pop("units")), int(fields.pop("n_features"))
        numbers = EmbedTalkConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})
        widths = (numbers.n_embedding, numbers.n_code, numbers.n_hidden, n_features, numbers.sh_degree + 1)
        octaves = (numbers.embedding_octaves, numbers.unit_octaves)
        whole = all(isinstance(w, int) and 1 <= w <= 4096 for w in widths)
        whole = whole and all(isinstance(o, int) and 0 <= o <= 16 for o in octaves) and numbers.sh_degree <= 3
        whole = whole and isinstance(numbers.position_scale, float) and manifest.sh_degree == numbers.sh_degree
    except (KeyError, TypeError, ValueError) as error:
        raise file.fault(f"its network's sizes cannot be read ({error})") from error
    if not whole or not all(isinstance(u, str) for u in units):
        raise file.fault("its network's sizes make no sense")
    return _Read(numbers, units, n_features)


def _network(file: AvatarTensors, config: EmbedTalkConfig, n_features: int, n_units: int) -> EmbedTalkNet:
    network = EmbedTalkNet(config, n_features, n_units).requires_grad_(False)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    network.load_state_dict({name: torch.from_numpy(file.array(f"network.{name}", s)) for name, s in shapes.items()})
    return network.eval()


def _hull(file: AvatarTensors, n_code: int) -> CodeHull:
    mean, low, high = (file.array(f"hull.{name}", (n_code,)) for name in ("mean", "low", "high"))
    return CodeHull(mean, file.array("hull.whitening", (n_code, n_code)), float(file.array("hull.radius", (1,))[0]),
                    low, high)  # fmt: skip
