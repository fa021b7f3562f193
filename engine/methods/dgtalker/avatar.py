"""DGTalker alive: coefficients in, a new set of Gaussians out of the generator, its style affines folded."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.audio.history import FeatureHistory
from engine.audio.wav import read_sound
from engine.camera import Camera
from engine.controls import Controls
from engine.errors import MouthpieceError
from engine.gaussians import Gaussians
from engine.manifest import Manifest
from engine.methods.base import DriverInputs
from engine.methods.dgtalker.config import DGTalkerConfig
from engine.methods.dgtalker.decoding import Decoding, decoded, front_colors
from engine.methods.dgtalker.network import AvatarNet, NetworkSizes
from engine.methods.dgtalker.prior import check_sizes
from engine.methods.dgtalker.template import Template
from engine.parts.audio_net import N_STEPS, heard_until, window_start
from engine.parts.avatar_tensors import AvatarTensors
from engine.parts.code_basis import CodeBasis
from engine.parts.coded_avatar import CodedAvatar, CodeDriver
from engine.parts.live_coder import LiveCoder
from engine.parts.map_pictures import MapPicture, gray, laid_out, moved_colors
from engine.parts.stylegan import FoldedStyles, FrozenSynthesis, SynthesisSize
from engine.raster.reference import colors_from

MAX_WIDTH = 1024
SOUND_SAMPLE_RATE_HZ = 16_000


@dataclass(frozen=True)
class DGTalkerState:
    """One moment of the face, before the head is posed.

    Attributes:
        splats: in the clip's world, coloured as the front camera sees them.
        bands: the colours' harmonics `[N, K, 3]`, where they are to change with the view; else None.
        pose: the six pose controls.
    """

    splats: Gaussians
    bands: Tensor | None
    pose: np.ndarray


class DGTalkerAvatar(CodedAvatar):
    """See `engine.methods.base.Avatar`."""

    def __init__(self, manifest: Manifest, file: AvatarTensors, device: torch.device) -> None:
        config, sizes = _config(manifest, file)
        super().__init__(manifest, file, device, config.n_lip)
        n, n_out = manifest.n_gaussians, config.n_expression
        self.canonical_means = file.array("means", (n, 3))
        template = Template(file.array("template", (n, 3)), file.array("grid", (n, 2)), np.zeros(n, bool),
                            np.zeros((0, 3), np.float32))  # fmt: skip
        self.network = _network(file, config, sizes, template).to(device)
        self.audio = self.network.lip
        self.expression_basis = CodeBasis(
            file.array("expression.rest", (n_out,)), file.array("expression.directions", (n_out, n_out)),
            file.array("expression.sigma", (n_out,)),
        )  # fmt: skip
        self.expression_columns = self.columns(f"exp.{i:02d}" for i in range(n_out))
        self._blink, self._lip_gain, self._expression_gain = self.columns(("au.45", "gain.lip", "gain.exp"))
        self._has_view_colors = any(setting.name == "view_colors" for setting in self.settings)
        self._cells = template.cells()
        self._styles = FoldedStyles(self.network.generator.synthesis, self.network.canonical, self.network.directions)
        self._synthesis = FrozenSynthesis(self.network.generator.synthesis)

    def driver(self, histories: list[FeatureHistory]) -> "DGTalkerDriver":
        return DGTalkerDriver(self, histories[0])

    def animate(self, controls: Controls, settings: dict[str, Any] | None = None) -> DGTalkerState:
        raw = self.raw_attributes(torch.from_numpy(self.coefficients(controls)).to(self.device))
        with torch.no_grad():
            splats = decoded(raw, self.network.template, self.network.decoding)
            bands = splats.colors if self._has_view_colors and (settings or {}).get("view_colors") else None
            splats = self.network.placement(replace(splats, colors=front_colors(splats), sh_degree=None))
        return DGTalkerState(splats, bands, controls.values[self.pose_columns].astype(np.float64))

    def coefficients(self, controls: Controls) -> np.ndarray:
        """Coefficients of all directions `[n_lip + n_expression]`: lips, and expression with what the lids add."""
        values = controls.values
        lips = self.basis.codes(values[self._lip_gain] * values[self.lip_columns])
        expression = self.expression_basis.codes(values[self._expression_gain] * values[self.expression_columns])
        with torch.no_grad():
            eye = torch.tensor([float(values[self._blink])], device=self.device)
            expression = expression + self.network.expression.of_eye(eye)[0].cpu().numpy()
        return np.concatenate([lips, expression])

    def raw_attributes(self, coefficients: Tensor) -> Tensor:
        """What the generator says of every Gaussian, `[N, C]`, through the folded styles."""
        with torch.no_grad():
            return self.network.generator.sampled(self._synthesis(self._styles(coefficients)))[0]

    def deform(self, state: DGTalkerState, camera: Camera) -> list[Gaussians]:
        splats = state.splats
        means, quats, position = self.posed(splats.means, splats.quats, state.pose, camera)
        colors = splats.colors if state.bands is None else self._seen_from(position, state)
        return [replace(splats, means=means, quats=quats, colors=colors)]

    def maps(self, state: DGTalkerState) -> list[MapPicture]:
        where, splats = self._cells, state.splats
        rest = torch.from_numpy(self.canonical_means).to(self.device)
        return [
            MapPicture("Colours", "The generator's map of colours for the face as it is now.",
                       laid_out(splats.colors, *where)),
            MapPicture("Movement", "How far each splat is from rest: right red, up green, forward blue.",
                       laid_out(moved_colors(splats.means - rest), *where)),
            MapPicture("Opacity", "The generator's map of opacity.", laid_out(gray(splats.opacities), *where)),
        ]  # fmt: skip

    def _seen_from(self, position: np.ndarray, state: DGTalkerState) -> Tensor:
        """Colours from a camera's place: harmonics live in the frame of the template."""
        placement = self.network.placement
        with torch.no_grad():
            turn = placement.rotation()[0]
            inside = self.on_device(position)
            inside = turn.t() @ (inside - placement.shift) / placement.log_scale.exp()
            means = (state.splats.means - placement.shift) @ turn / placement.log_scale.exp()
            return colors_from(self.network.decoding.sh_degree, state.bands, means, inside)


class DGTalkerDriver(CodeDriver):
    """Voice to lip and expression coordinates, each through an audio net of its own.

    The expression may listen to another sound (`expression_sound`) or stay where it is (`hold_expression`).
    """

    def __init__(self, avatar: DGTalkerAvatar, history: FeatureHistory) -> None:
        super().__init__(avatar, history)
        self._avatar, self._expression = avatar, LiveCoder(avatar.network.expression)
        self._held: np.ndarray | None = None
        self._other: tuple[str, FeatureHistory, float] | None = None

    def at(self, time: float, inputs: DriverInputs) -> Controls:
        """Raises MouthpieceError if the sound the expression is to follow cannot be read."""
        controls = super().at(time, inputs)
        columns = self._avatar.expression_columns
        if inputs.settings.get("hold_expression") and self._held is not None:
            controls.values[columns] = self._held
            return controls
        history, heard = self._source(str(inputs.settings.get("expression_sound") or ""))
        at, look_ahead_ms = (time, inputs.look_ahead_ms) if heard is None else (time % heard, 160.0)
        window, known = history.window(window_start(at), N_STEPS)
        known &= heard_until(look_ahead_ms).numpy()
        if known.any():
            controls.values[columns] = self._avatar.expression_basis.coordinates(self._expression(window, known))
        self._held = controls.values[columns].copy()
        return controls

    def _source(self, path: str) -> tuple[FeatureHistory, float | None]:
        """What the expression listens to, and its length in seconds where that is not the voice."""
        if not path:
            return self._history, None
        if self._other is None or self._other[0] != path:
            samples, _ = read_sound(Path(path))
            seconds = len(samples) / SOUND_SAMPLE_RATE_HZ
            if seconds < 0.5:
                raise MouthpieceError(f"{path}: lasts {seconds:.2f} s, half a second is needed; choose a longer sound.")
            encoder = self._avatar.encoders()[0]
            history = FeatureHistory(encoder.n_features, seconds + 1)
            history.extend(encoder.encode(samples))
            self._other = (path, history, seconds)
        return self._other[1], self._other[2]


def _config(manifest: Manifest, file: AvatarTensors) -> tuple[DGTalkerConfig, NetworkSizes]:
    fields = dict(manifest.config)
    try:
        size, decoding = SynthesisSize(**fields.pop("synthesis")), Decoding(**fields.pop("decoding"))
        n_features = int(fields.pop("n_features"))
        config = DGTalkerConfig(**fields)
        check_sizes(size, decoding, manifest.n_gaussians)
        widths = (config.n_lip, config.n_expression, config.n_hidden, n_features, config.eye_octaves)
        if not all(isinstance(w, int) and 1 <= w <= MAX_WIDTH for w in widths) or config.eye_octaves > 16:
            raise ValueError("widths of its encoders")
    except (KeyError, TypeError, ValueError) as error:
        raise file.fault(f"its networks' sizes cannot be read ({error})") from error
    return config, NetworkSizes(size, decoding, n_features)


def _network(file: AvatarTensors, config: DGTalkerConfig, sizes: NetworkSizes, template: Template) -> AvatarNet:
    network = AvatarNet(config, sizes, template).requires_grad_(False)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    network.load_state_dict({name: torch.from_numpy(file.array(f"network.{name}", s)) for name, s in shapes.items()})
    return network.eval()
