"""GGTalker alive: coefficients pose a mesh, Gaussians follow its triangles, colours follow the face (section 6)."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.audio.history import FeatureHistory
from engine.camera import Camera
from engine.controls import Controls
from engine.gaussians import Gaussians
from engine.heads.binding import Binding, follow_live, growth_limits
from engine.heads.linear_face import PosedFace, read_linear_face
from engine.manifest import Manifest
from engine.methods.ggtalker.colors import ColorNet
from engine.methods.ggtalker.config import ExpressionSize, GGTalkerConfig, checked_size
from engine.methods.ggtalker.controls import BLINK, JAW_GAIN
from engine.methods.ggtalker.driver import VoiceDriver
from engine.methods.ggtalker.expression import ExpressionNet
from engine.methods.ggtalker.inpainter import Inpainter, coarse_cut
from engine.parts.avatar_tensors import AvatarTensors
from engine.parts.diffusion import Diffusion
from engine.parts.filmed_avatar import FilmedAvatar
from engine.parts.harmonics import C0
from engine.parts.map_pictures import MapPicture, gray, laid_out, moved_colors
from engine.raster.base import Rendered

MAX_SIDE, MAX_WIDTH, MAX_STEPS = 4096, 4096, 100_000
SOLID = 0.5  # of alpha, from which on a pixel is the head's


@dataclass(frozen=True)
class GGTalkerState:
    """One moment of the face, before the head is posed.

    Attributes:
        means: `[N, 3]`; quats: `[N, 4]`; scales: `[N, 3]`; colors: `[N, 3]`.
        pose: the six pose controls.
    """

    means: Tensor
    quats: Tensor
    scales: Tensor
    colors: Tensor
    pose: np.ndarray


class GGTalkerAvatar(FilmedAvatar):
    """See `engine.methods.base.Avatar`. What depends on the avatar alone is worked out once, here."""

    def __init__(self, manifest: Manifest, file: AvatarTensors, device: torch.device) -> None:
        self.config, read = _config(manifest, file)
        super().__init__(manifest, file, device)
        n = manifest.n_gaussians
        face = read_linear_face(file, read.names, read.n_vertices)
        self.face = PosedFace(face)
        self.binding = _binding(file, read, n, self.config.side, face.rest)
        self.canonical_means = file.array("means", (n, 3))
        self._local = [file.array("offsets", (n, 3)), file.array("quats", (n, 4)),
                       np.exp(np.clip(file.array("log_scales", (n, 3)), -30, 10))]  # fmt: skip
        self.opacities = torch.from_numpy(file.array("opacities", (n,))).to(device)
        self.harmonics = torch.from_numpy(file.array("harmonics", (n, 3))).to(device)
        self.voice = _loaded(file, "voice", ExpressionNet(read.voice)).to(device)
        self._speakers = next((s.choices for s in self.settings if s.name == "speaker"), ())[: read.voice.n_speakers]
        self.diffusion = Diffusion(self.config.n_steps)
        self.colors = _loaded(file, "colors", ColorNet(n, len(read.names))).to(device)
        self.inpainter = None
        if any(setting.name == "inpainter" for setting in self.settings):
            network = Inpainter(self.config.inpainter_base, shrink=self.config.inpainter_shrink)
            self.inpainter = _loaded(file, "inpainter", network).to(device)
        self._columns = self.columns(read.names)
        self.heard_columns = self.columns(read.heard)
        self.still_values = self._still_values(file.array("unheard", (len(read.names),)))
        self._lids = np.array([i for i, name in enumerate(read.names) if name.startswith("eyeBlink")], dtype=int)
        self._jaw = np.array([i for i, name in enumerate(read.names) if name == "jawOpen"], dtype=int)
        self._blink, self._jaw_gain = self.columns((BLINK, JAW_GAIN))
        self._colored = torch.from_numpy(file.indices("colored", below=n)).to(device)
        with torch.no_grad():
            self._still = self.colors.still(self.harmonics)[self._colored]
        self._overlays = {"none": None, "triangles": _triangle_colors(self.binding), "map": _map_colors(self.binding)}

    def driver(self, histories: list[FeatureHistory]) -> VoiceDriver:
        return VoiceDriver(self, histories[0])

    def speaker(self, settings: dict[str, Any]) -> Tensor:
        """The embedding `[n_speaker]` of who is chosen, or of two mixed."""
        chosen = [str(settings.get(name)) for name in ("speaker", "second_speaker")]
        rows = [self._speakers.index(c) if c in self._speakers else 0 for c in chosen]
        return self.voice.speakers[rows].mean(dim=0)

    def _still_values(self, unheard: np.ndarray) -> np.ndarray:
        """The drive `[C]` before the voice has its say."""
        values = self.schema.rest().values
        values[self._columns] = unheard
        return values

    def coefficients(self, controls: Controls) -> np.ndarray:
        """The head model's coefficients `[E]` of a moment, 0 to 1."""
        values = controls.values
        out = values[self._columns].copy()
        out[self._jaw] *= values[self._jaw_gain]
        out[self._lids] = np.maximum(out[self._lids], values[self._blink])
        return np.clip(out, 0, 1)

    def animate(self, controls: Controls, settings: dict[str, Any] | None = None) -> GGTalkerState:
        settings = settings or {}
        coefficients = torch.from_numpy(self.coefficients(controls))
        with torch.no_grad():
            vertices = self.face(coefficients).numpy()
            harmonics = self.harmonics
            if settings.get("colors", True) and len(self._colored):
                changed = self.colors(harmonics[self._colored], coefficients.to(self.device), self._still)
                harmonics = harmonics.index_copy(0, self._colored, changed)
            overlay = self._overlays.get(str(settings.get("overlay", "none")))
            colors = (0.5 + C0 * harmonics).clamp(min=0) if overlay is None else overlay.to(self.device)
        means, quats, scales = (torch.from_numpy(a).to(self.device) for a in
                                follow_live(self.binding, vertices, *self._local))  # fmt: skip
        return GGTalkerState(means, quats, scales, colors, controls.values[self.pose_columns].astype(np.float64))

    def deform(self, state: GGTalkerState, camera: Camera) -> list[Gaussians]:
        means, quats, _ = self.posed(state.means, state.quats, state.pose, camera)
        return [Gaussians(means, quats, state.scales, self.opacities, state.colors)]

    def maps(self, state: GGTalkerState) -> list[MapPicture]:
        rows, columns = self.binding.texels.T
        side, rest = self.binding.side, torch.from_numpy(self.canonical_means).to(self.device)
        rows = side - 1 - rows  # v goes upwards
        return [
            MapPicture("Colours", "Every splat at its place in the head model's map, as the face is now.",
                       laid_out(state.colors, rows, columns, side)),
            MapPicture("Movement", "How far the mesh carries each from rest: right red, up green, forward blue.",
                       laid_out(moved_colors(state.means - rest), rows, columns, side)),
            MapPicture("Opacity", "How solid each splat is.",
                       laid_out(gray(self.opacities), rows, columns, side)),
        ]  # fmt: skip

    def compose(
        self, rendered: Rendered, controls: Controls, camera: Camera, time: float,
        background: np.ndarray | None = None, settings: dict[str, Any] | None = None,
    ) -> np.ndarray:  # fmt: skip
        if self.lays_over(background, settings):
            return super().compose(rendered, controls, camera, time, background, settings)
        return self._mended(rendered, self.backdrop.behind(camera))

    def lays_over(self, background: np.ndarray | None, settings: dict[str, Any] | None = None) -> bool:
        is_mended = self.inpainter is not None and (settings or {}).get("inpainter", True)
        return background is not None or self.backdrop is None or not is_mended

    def _mended(self, rendered: Rendered, frame: np.ndarray) -> np.ndarray:
        """The head put into a frame of the film, the rim between them mended (eq. 17), `[H, W, 4]`."""
        where = coarse_cut(rendered.alpha > SOLID, step=4 if frame.shape[0] >= 256 else 1)
        pictures = (rendered.color[..., :3], rendered.alpha[..., None], frame)
        tensors = [torch.from_numpy(np.ascontiguousarray(p, np.float32)).movedim(-1, 0)[None] for p in pictures]
        masks = [torch.from_numpy(a)[None, None] for a in (where.hole, where.rim)]
        with torch.no_grad():
            mended = self.inpainter(*(t.to(self.device) for t in (*tensors, *masks)))[0].movedim(0, -1).cpu().numpy()
        out = np.ones((*frame.shape[:2], 4), np.float32)
        np.clip(mended, 0, 1, out=out[..., :3])
        return out


@dataclass(frozen=True)
class _Read:
    names: tuple[str, ...]
    heard: tuple[str, ...]
    voice: ExpressionSize
    n_vertices: int
    n_triangles: int


def _config(manifest: Manifest, file: AvatarTensors) -> tuple[GGTalkerConfig, _Read]:
    given = dict(manifest.config)
    try:
        names, heard = (tuple(given.pop(name)) for name in ("names", "heard"))
        voice = checked_size(given.pop("voice"))
        sizes = {name: int(given.pop(name)) for name in ("n_vertices", "n_triangles")}
        if int(given.pop("n_features")) != voice.n_audio or len(heard) != voice.n_motion:
            raise ValueError("widths of the voice network")
        known = {field.name: field.type for field in fields(GGTalkerConfig)}
        if set(given) - set(known):
            raise ValueError(", ".join(set(given) - set(known)))
        config, read = GGTalkerConfig(**given), _Read(names, heard, voice, **sizes)
        whole = {
            "side": MAX_SIDE, "history": MAX_WIDTH, "n_steps": MAX_STEPS, "live_steps": MAX_STEPS,
            "inpainter_base": 256, "inpainter_shrink": 16,
        }  # fmt: skip
        for name, most in whole.items():
            value = getattr(config, name)
            if not isinstance(value, int) or not 1 <= value <= most:
                raise ValueError(f"{name} {value!r}")
        if config.history + 1 > voice.n_positions:
            raise ValueError(f"history {config.history}")
    except (KeyError, TypeError, ValueError) as error:
        raise file.fault(f"its networks' sizes cannot be read ({error})") from error
    if not all(isinstance(name, str) for name in names) or not heard or not set(heard) <= set(names):
        raise file.fault("its voice moves coefficients that its face has not")
    return config, read


def _binding(file: AvatarTensors, read: _Read, n: int, side: int, rest: np.ndarray) -> Binding:
    if not 1 <= read.n_triangles <= 2 * n:
        raise file.fault(f"its mesh has {read.n_triangles:,} triangles for {n:,} splats")
    corners = file.integers("binding.corners", (read.n_triangles, 3), read.n_vertices).astype(np.int32)
    triangles = file.integers("binding.triangles", (n,), read.n_triangles).astype(np.int32)
    texels = file.integers("binding.texels", (n, 2), side).astype(np.int32)
    nothing = np.zeros((n, 3), np.float32)
    limits = growth_limits(rest, corners)
    return Binding(corners, triangles, triangles, nothing, texels, nothing, np.zeros(n, np.float32), side, limits)


def _loaded(file: AvatarTensors, name: str, network: nn.Module) -> nn.Module:
    """A network with its tensors from the file, for use only."""
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    arrays = {key: torch.from_numpy(file.array(f"network.{name}.{key}", shape)) for key, shape in shapes.items()}
    network.load_state_dict(arrays)
    return network.eval().requires_grad_(False)


def _triangle_colors(binding: Binding) -> Tensor:
    """A colour for each triangle, as unlike its neighbours' as chance makes it, `[N, 3]`."""
    palette = np.random.default_rng(0).uniform(0.15, 1.0, (len(binding.corners), 3)).astype(np.float32)
    return torch.from_numpy(palette[binding.triangles])


def _map_colors(binding: Binding) -> Tensor:
    """Where each Gaussian lies in the map: red to the right, green upwards, `[N, 3]`."""
    row, column = (binding.texels / max(binding.side - 1, 1)).astype(np.float32).T
    return torch.from_numpy(np.stack([column, row, np.full_like(row, 0.4)], axis=1))
