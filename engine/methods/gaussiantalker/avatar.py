"""GaussianTalker alive: controls and a camera in, Gaussians out."""

from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.camera import Camera, pose_matrix
from engine.controls import Controls
from engine.device import has_half_products
from engine.gaussians import Gaussians
from engine.manifest import Manifest
from engine.methods.gaussiantalker.config import EYE_CODES, GaussianTalkerConfig
from engine.methods.gaussiantalker.finish import GAINS
from engine.methods.gaussiantalker.live import LiveDeformation, displaced
from engine.methods.gaussiantalker.network import TOKENS, GaussianTalkerNet, Offsets, ViewCodes, view_codes
from engine.parts.avatar_tensors import AvatarTensors
from engine.parts.coded_avatar import CodedAvatar
from engine.parts.harmonics import seen_colors
from engine.parts.map_pictures import MapPicture
from engine.parts.triplane import plane_pictures


@dataclass
class GaussianTalkerState:
    """One moment of the face; what the camera has a say in is worked out when a camera is known, and kept.

    Attributes:
        code: audio code `[D]`; eye: action units `[U]`; gains: of the five offset heads.
        pose: the six pose controls.
        view_token: which camera the view token stands for.
    """

    code: Tensor
    eye: Tensor
    gains: np.ndarray
    pose: np.ndarray
    view_token: str
    _kept: tuple[bytes, Any] | None = field(default=None, repr=False)


class GaussianTalkerAvatar(CodedAvatar):
    """See `engine.methods.base.Avatar`. What depends on the avatar alone is worked out once, here."""

    def __init__(self, manifest: Manifest, file: AvatarTensors, device: torch.device) -> None:
        config, n_features, units = _config(manifest, file)
        super().__init__(manifest, file, device, config.n_code)
        self.config = config
        n = manifest.n_gaussians
        self.network = _network(file, config, n_features, len(units)).to(device)
        self.audio = self.network.audio
        shapes = {"means": (3,), "quats": (4,), "log_scales": (3,), "opacity_logits": (), "sh": (config.n_harmonics, 3)}
        c = {name: torch.from_numpy(file.array(name, (n, *sides))).to(device) for name, sides in shapes.items()}
        self.canonical = c | {"scales": torch.exp(c["log_scales"]), "opacities": torch.sigmoid(c["opacity_logits"])}
        self.active = file.indices("active", below=n)
        self._eye_columns = self.columns(units)
        self._gain_columns = self.columns(spec.name for spec in GAINS)
        with torch.no_grad():
            self.embeddings = self.network.triplane(self.canonical_means)
            self._active = torch.from_numpy(self.active).to(device)
            half = has_half_products(device)
            self._live = LiveDeformation(self.network.deformation, self.embeddings[self._active], half)
        own = torch.tensor(self.reference_viewmat, dtype=torch.float32, device=device)[None]
        filmed = own if self.training_viewmats is None else _viewmats(file, self.training_viewmats).to(device)
        self._own_code, self._views = view_codes(own)[0], ViewCodes.of(filmed)
        self._still_colors: tuple[bytes, Tensor] | None = None

    @property
    def canonical_means(self) -> Tensor:
        return self.canonical["means"]

    def animate(self, controls: Controls, settings: dict[str, Any] | None = None) -> GaussianTalkerState:
        values = controls.values
        code = torch.from_numpy(self.basis.codes(values[self.lip_columns])).to(self.device)
        eye = torch.from_numpy(values[self._eye_columns]).to(self.device)
        token = str((settings or {}).get("view_token", "camera"))
        pose = values[self.pose_columns].astype(np.float64)
        return GaussianTalkerState(code, eye, values[self._gain_columns].copy(), pose, token)

    def deform(self, state: GaussianTalkerState, camera: Camera) -> list[Gaussians]:
        means, quats, scales, opacities, sh = self._displaced(state, self._view_code(state, camera))
        posed_means, posed_quats, position = self.posed(means, quats, state.pose, camera)
        return [Gaussians(posed_means, posed_quats, scales, opacities, self._colors(means, sh, position))]

    def maps(self, state: GaussianTalkerState) -> list[MapPicture]:
        return [self._triplane_picture]

    @cached_property
    def _triplane_picture(self) -> MapPicture:
        """Worked out once: the planes never change, and the page of the maps asks five times a second."""
        picture = plane_pictures(list(self.network.triplane.planes)).detach().cpu().numpy()
        image = np.full((*picture.shape[:2], 4), 255, np.uint8)
        image[..., :3] = picture * 255 + 0.5
        words = "Front, top and side of its space, coarse above fine: three main directions of the features."
        return MapPicture("Triplane", words, image)

    def attention(self, state: GaussianTalkerState, camera: Camera) -> Tensor:
        """What every Gaussian listens to: audio, eye, view, null, `[N, 4]`, each row sums to one.

        That of the first layer, mean over heads (suppl. B.2). What the network never moves attends to nothing.
        """
        attention = torch.zeros(len(self.canonical_means), len(TOKENS), device=self.device)
        attention[:, -1] = 1
        attention[self._active] = self._live.attention(self.tokens(state, self._view_code(state, camera)))
        return attention

    def tokens(self, state: GaussianTalkerState, view: Tensor) -> Tensor:
        """The four tokens of a moment, `[4, D]`."""
        with torch.no_grad():
            return self.network.tokens(state.code[None], state.eye[None], view[None])[0]

    def offsets(self, state: GaussianTalkerState, camera: Camera) -> Offsets:
        """What the network adds to the canonical values of the moving Gaussians."""
        return self._live.offsets(self.tokens(state, self._view_code(state, camera)))

    def _displaced(self, state: GaussianTalkerState, view: Tensor) -> tuple[Tensor, ...]:
        key = view.cpu().numpy().tobytes()
        kept = state._kept
        if kept is None or kept[0] != key:
            offsets = self._live.offsets(self.tokens(state, view))
            kept = state._kept = (key, displaced(self.canonical, self._active, offsets, state.gains))
        return kept[1]

    def _view_code(self, state: GaussianTalkerState, camera: Camera) -> Tensor:
        if state.view_token == "frozen":
            return self._own_code
        move = np.eye(4)
        if state.pose.any():  # the camera as the unmoved head sees it
            there, back = np.eye(4), np.eye(4)
            there[:3, 3], back[:3, 3] = self.pose_pivot, -self.pose_pivot
            move = there @ pose_matrix(*(float(v) for v in state.pose)) @ back
        viewmat = torch.tensor(camera.viewmat @ move, dtype=torch.float32, device=self.device)
        code = view_codes(viewmat)
        if state.view_token == "nearest":
            return self._views.nearest(code, self.network.tokens.view_scale)
        return self._views.within(code)

    def _colors(self, means: Tensor, sh: Tensor, position: np.ndarray) -> Tensor:
        """Colours `[N, 3]` as a camera position sees them; those of the still Gaussians are kept until it changes."""
        key, degree = np.asarray(position, dtype=np.float32).tobytes(), self.manifest.sh_degree
        if self._still_colors is None or self._still_colors[0] != key:
            self._still_colors = (key, seen_colors(self.canonical_means, self.canonical["sh"], position, degree))
        colors = self._still_colors[1].clone()
        colors[self._active] = seen_colors(means[self._active], sh, position, degree)
        return colors


def _viewmats(file: AvatarTensors, array: np.ndarray) -> Tensor:
    if array.ndim != 3 or array.shape[1:] != (4, 4) or not 1 <= len(array) <= 1_000_000:
        raise file.fault("its training cameras are not matrices")
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _config(manifest: Manifest, file: AvatarTensors) -> tuple[GaussianTalkerConfig, int, list[str]]:
    given = dict(manifest.config)
    try:
        n_features, units = int(given.pop("n_features")), given.pop("units")
        known = {f.name for f in fields(GaussianTalkerConfig)}
        c = GaussianTalkerConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items() if k in known})
        sizes = (c.n_channels, *c.resolutions, c.n_code, c.n_heads, c.n_hidden, n_features)
        whole = all(isinstance(v, int) and 1 <= v <= 4096 for v in sizes) and c.width % c.n_heads == 0
        whole = whole and c.n_layers in (1, 2) and len(c.resolutions) <= 4 and max(c.resolutions) <= 1024
        whole = whole and c.sh_degree in (0, 1, 2, 3) and manifest.sh_degree == c.sh_degree
        whole = whole and isinstance(c.position_scale, float) and c.eye_pe in EYE_CODES
        whole = whole and isinstance(c.predicted, str) and isinstance(c.eye_octaves, int) and 1 <= c.eye_octaves <= 16
        whole = whole and isinstance(c.face_share, float) and 0 <= c.face_share < 1
        whole = whole and isinstance(units, list) and units and all(isinstance(u, str) for u in units)
        whole = whole and (c.eye_pe != "code" or len(units) == 1)
    except (KeyError, TypeError, ValueError) as error:
        raise file.fault(f"its network's sizes cannot be read ({error})") from error
    if not whole:
        raise file.fault("its network's sizes make no sense")
    return c, n_features, units


def _network(file: AvatarTensors, config: GaussianTalkerConfig, n_features: int, n_units: int) -> GaussianTalkerNet:
    network = GaussianTalkerNet(config, n_features, -torch.ones(3), torch.ones(3), n_units).requires_grad_(False)
    del network.predictor  # of the first stage only
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    network.load_state_dict({name: torch.from_numpy(file.array(f"network.{name}", s)) for name, s in shapes.items()})
    if not all((b > a).all() for a, b in pairwise(network.triplane.edges)):
        raise file.fault("the box of its triplane is empty")
    return network.eval()
