"""EmbedTalk alive: controls in, Gaussians out, a few milliseconds on two processor cores."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.camera import Camera
from engine.controls import Controls
from engine.gaussians import Gaussians
from engine.manifest import Manifest
from engine.methods.embedtalk.config import EmbedTalkConfig
from engine.methods.embedtalk.live import LiveDeform, best_precision
from engine.methods.embedtalk.network import EmbedTalkNet
from engine.parts.avatar_tensors import AvatarTensors
from engine.parts.coded_avatar import CodedAvatar
from engine.parts.encoding import encoded
from engine.parts.harmonics import seen_colors
from engine.parts.head_pose import posed_camera_position
from engine.replayed import Replayed

HEAT = np.array([[0.05, 0.03, 0.2], [0.55, 0.1, 0.45], [0.95, 0.45, 0.15], [1.0, 0.95, 0.6]], dtype=np.float32)


@dataclass(frozen=True)
class EmbedTalkState:
    """One moment of the face, before the head is posed.

    Attributes:
        motion: the part of the first layer that is one for each moment `[H]`, then the gains of position and opacity.
        pose: the six pose controls; all 0 where the head is not posed.
        splats: means `[N, 3]` and opacities `[N]`; None on a GPU, which works them out with what the camera sees.
        overlay: what is shown in place of the colours.
    """

    motion: np.ndarray
    pose: np.ndarray
    splats: tuple[Tensor, Tensor] | None
    overlay: str = "none"


class EmbedTalkAvatar(CodedAvatar):
    """See `engine.methods.base.Avatar`. What depends on the avatar alone is worked out once, here."""

    def __init__(self, manifest: Manifest, file: AvatarTensors, device: torch.device) -> None:
        config = _config(manifest, file)
        super().__init__(manifest, file, device, config.numbers.n_code)
        self.units = config.units
        self._read_splats(file, manifest.n_gaussians, config.numbers)
        self.network = _network(file, config.numbers, config.n_features, len(config.units)).to(device)
        self.audio = self.network.audio
        self._unit_columns = self.columns(self.units)
        self._gain_columns = self.columns(("deform.position", "deform.opacity"))
        self._prepare(config.numbers)
        self._colors: tuple[bytes, Tensor] | None = None
        self._looked_at = Replayed(self._moved_and_colored, device)

    def animate(self, controls: Controls, settings: dict[str, Any] | None = None) -> EmbedTalkState:
        values = controls.values
        code = self.basis.codes(values[self.lip_columns])
        units = values[self._unit_columns]
        motion = np.concatenate([self.motion_part(code, units), values[self._gain_columns]])
        splats = self._live.deformed(motion) if self.device.type == "cpu" else None
        overlay = (settings or {}).get("overlay", "none")
        return EmbedTalkState(motion, values[self.pose_columns].astype(np.float64), splats, overlay)

    def motion_part(self, code: np.ndarray, units: np.ndarray) -> np.ndarray:
        """The part of the first layer that is one for each moment, `[H]`: numpy has less to begin than torch."""
        return self._motion_weights @ np.concatenate([code, encoded(units, self._unit_octaves)])

    def deform(self, state: EmbedTalkState, camera: Camera) -> list[Gaussians]:
        if state.splats is None and state.overlay == "none":
            position = posed_camera_position(camera.position, state.pose, self.pose_pivot)
            numbers = np.concatenate([state.motion, self.motion(state.pose), position]).astype(np.float32)
            means, quats, opacities, colors = self._looked_at(torch.from_numpy(numbers))
            return [Gaussians(means, quats, self.scales, opacities, colors)]
        means, opacities = state.splats or self._live.deformed(state.motion)
        posed, quats, position = self.posed(means, self.quats, state.pose, camera)
        colors = self._colors_from(position) if state.overlay == "none" else self._overlay(state, means, opacities)
        return [Gaussians(posed, quats, self.scales, opacities, colors)]

    def _moved_and_colored(self, numbers: Tensor) -> tuple[Tensor, ...]:
        """On a GPU: `numbers` are a state's motion, the head's `[38]`, and where the camera is to it `[3]`."""
        means, opacities = self._live.displaced(numbers[:-41])
        colors = seen_colors(self.canonical_means, self.sh, numbers[-3:], self.manifest.sh_degree)
        means, quats = self.moved(means, self.quats, numbers[-41:-3])
        return means, quats, opacities, colors

    def _colors_from(self, position: np.ndarray) -> Tensor:
        key = np.asarray(position, dtype=np.float32).tobytes()
        if self._colors is None or self._colors[0] != key:
            self._colors = (key, seen_colors(self.canonical_means, self.sh, position, self.manifest.sh_degree))
        return self._colors[1]

    def _overlay(self, state: EmbedTalkState, means: Tensor, opacities: Tensor) -> Tensor:
        if state.overlay == "embeddings":
            centred = self.embeddings - self.embeddings.mean(dim=0)
            _, _, directions = torch.linalg.svd(centred, full_matrices=False)
            return torch.sigmoid(centred @ directions[:3].T / (centred @ directions[:3].T).std(dim=0).clamp(min=1e-6))
        if state.overlay == "position":
            amount = (means - self.canonical_means).norm(dim=-1) / 0.02
        else:
            amount = (opacities - torch.sigmoid(self.opacity_logits)).abs() / 0.5
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
        self.active = file.indices("active", below=n)

    def _prepare(self, config: EmbedTalkConfig) -> None:
        net = self.network.deform
        self._unit_octaves = config.unit_octaves
        with torch.no_grad():
            self._motion_weights = net.trunk.weight[:, net.n_embedding_inputs :].cpu().contiguous().numpy()
            active = torch.from_numpy(self.active).to(self.device)
            self._live = LiveDeform(net, self.embeddings, self.canonical_means, self.opacity_logits, active,
                                    config.position_scale, best_precision(net, self.device))  # fmt: skip


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
