"""Talk2Me alive: coefficients of the head model in, Gaussians out."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.audio.history import FeatureHistory
from engine.camera import Camera
from engine.controls import Controls
from engine.device import has_half_products
from engine.gaussians import Gaussians
from engine.head_motion import read_head_motion
from engine.manifest import Manifest
from engine.methods.talk2me.carry import Carry
from engine.methods.talk2me.config import Talk2MeConfig
from engine.methods.talk2me.controls import EARS, FACE_PARTS, REGION_WORDS, EyeScale, part_of, pose_codes
from engine.methods.talk2me.deformation import ATTRIBUTE_SCALE, N_ATTRIBUTES, POSITION_SCALE, Deformation
from engine.methods.talk2me.driver import Talk2MeDriver
from engine.methods.talk2me.expression import ExpressionGenerator
from engine.methods.talk2me.live import COLUMNS, LiveDeformation
from engine.methods.talk2me.network import deformation_sizes, expression_sizes
from engine.methods.talk2me.regions import weights_of
from engine.methods.talk2me.turning import OwnMotion, TurningDriver
from engine.parts.avatar_tensors import AvatarTensors
from engine.parts.filmed_avatar import FilmedAvatar

MAX_WIDTH, MAX_COEFFICIENTS, MAX_BEHIND, MAX_STYLES, MAX_LAYERS = 1024, 512, 500, 100_000, 8
MAX_CARRIED = 3 * MAX_COEFFICIENTS
LEAST_GAP = 1e-3  # between near and far, squared head heights


@dataclass(frozen=True)
class Talk2MeState:
    """One moment of the face before the head is posed; `pose` are the six pose controls."""

    splats: Gaussians
    pose: np.ndarray


class Talk2MeAvatar(FilmedAvatar):
    """See `engine.methods.base.Avatar`. What depends on the avatar alone is worked out once, here.

    Attributes:
        names: of the expression's coefficients; rest: their values at rest `[E]`.
        styles: expressions of training frames with their eye aspect ratios, `[S, E + 2]`.
        generator: the Expression Generator.
        own_motion: how the person's head moves; None where it did not in the film.
    """

    def __init__(self, manifest: Manifest, file: AvatarTensors, device: torch.device) -> None:
        super().__init__(manifest, file, device)
        self.config, self.names, n_features, n_carried = _config(manifest, file)
        n, n_expression = manifest.n_gaussians, len(self.names)
        self.rest = file.array("rest", (n_expression,))
        self.eyes = EyeScale(file.array("eyes.open", (2,)), file.array("eyes.span", (2,)))
        if not (self.eyes.span > 0).all():
            raise file.fault("its eyes neither open nor shut")
        n_styles = file.n_rows("styles")
        if not 1 <= n_styles <= MAX_STYLES:
            raise file.fault(f"'styles' has {n_styles} rows")
        self.styles = torch.from_numpy(file.array("styles", (n_styles, n_expression + 2)))
        self._read_splats(file, n)
        self.network = _network(file, "deformation", Deformation(deformation_sizes(self.config, n_expression)), device)
        self.carry = _network(file, "carry", Carry(n, n_expression, n_carried), device)
        sizes = expression_sizes(self.config, n_expression, *n_features)
        self.generator = _network(file, "generator", ExpressionGenerator(sizes), torch.device("cpu"))
        self.own_motion = _own_motion(manifest, file)
        self.coefficient_columns = self.columns(self.names)
        self.eye_columns = self.columns(EARS)
        self._parts = np.array([list(FACE_PARTS).index(part_of(name)) for name in self.names])
        self._gains = {part: self.columns([f"gain.{part}"])[0] for i, part in enumerate(FACE_PARTS) if i in self._parts}
        self._regions = self.columns(REGION_WORDS)
        self._still: tuple[float, ...] | None = None
        self._live = self._reached(1.0, 1.0)

    @property
    def canonical_means(self) -> Tensor:
        return self._resting["means"]

    def driver(self, histories: list[FeatureHistory]) -> Talk2MeDriver | TurningDriver:
        driver = Talk2MeDriver(self, histories)
        return driver if self.own_motion is None else TurningDriver(driver, self.own_motion, histories[0])

    def animate(self, controls: Controls, settings: dict[str, Any] | None = None) -> Talk2MeState:
        values = controls.values
        pose = values[self.pose_columns].astype(np.float64)
        offsets = self._deformation(values)(*self.face(values))
        return Talk2MeState(self._displaced(offsets), pose)

    def face(self, values: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """What control values `[C]` ask of the network: expression `[E]`, eye aspect ratios `[2]`, pose `[6]`.

        A pose beyond those of the film is held at their range: the head turns, but its skin knows no further.
        """
        gains = np.ones(len(FACE_PARTS), np.float32)
        for i, part in enumerate(FACE_PARTS):
            if part in self._gains:
                gains[i] = values[self._gains[part]]
        expression = self.rest + gains[self._parts] * values[self.coefficient_columns]
        ear = self.eyes.ear(values[self.eye_columns])
        pose = pose_codes(values[self.pose_columns].astype(np.float64)[None])[0]
        given = (expression, ear, np.clip(pose, *self._pose_range))
        return tuple(torch.from_numpy(a.astype(np.float32)).to(self.device) for a in given)

    def deform(self, state: Talk2MeState, camera: Camera) -> list[Gaussians]:
        s = state.splats
        means, quats, _ = self.posed(s.means, s.quats, state.pose, camera)
        return [Gaussians(means, quats, s.scales, s.opacities, s.colors)]

    def region_weights_of(self, controls: Controls) -> np.ndarray:
        """The expression's share of each Gaussian `[N]`, as its reach is set."""
        return self.region_weights(*(float(v) for v in controls.values[self._regions]))

    def region_weights(self, near: float = 1.0, far: float = 1.0) -> np.ndarray:
        """The expression's share of each Gaussian `[N]`; `near`, `far`: factors on the radii."""
        inner, outer = near**2 * self.config.near, far**2 * self.config.far
        return weights_of(self._squared, inner, max(outer, inner + LEAST_GAP))

    def _deformation(self, values: np.ndarray) -> LiveDeformation:
        return self._reached(*(float(v) for v in values[self._regions]))

    def _reached(self, near: float, far: float) -> LiveDeformation:
        """The network on what it moves; worked out anew when the reach of the expression changes."""
        if self._still != (near, far):
            self._still = near, far
            weights = self.region_weights(near, far)
            moves = np.zeros(len(weights), dtype=bool)
            moves[self.active] = True
            moves |= (weights > 0) & (self._squared >= self.config.far)
            rows, weights = (torch.from_numpy(a).to(self.device) for a in (np.flatnonzero(moves), weights))
            half = has_half_products(self.device)
            self._live = LiveDeformation(
                self.network, self._place, self._resting["features"], weights, rows, half, self.carry
            )
        return self._live

    def _displaced(self, offsets: Tensor) -> Gaussians:
        """Resting Gaussians with a moment's offsets, as `deformation.deformed` has them."""
        r, shown, rows = self._resting, self._shown, self._live.rows
        position, color, raw = (offsets[:, columns] for columns in COLUMNS.values())
        raw = ATTRIBUTE_SCALE * raw
        return Gaussians(
            r["means"].index_add(0, rows, POSITION_SCALE * position),
            shown.quats.index_copy(0, rows, F.normalize(r["quats"][rows] + raw[:, 3:7], dim=1)),
            shown.scales.index_copy(0, rows, torch.exp(r["scales"][rows] + raw[:, :3])),
            shown.opacities.index_copy(0, rows, torch.sigmoid(r["opacities"][rows] + raw[:, 7])),
            shown.colors.index_copy(0, rows, torch.sigmoid(r["colors"][rows] + color)),
        )

    def _read_splats(self, file: AvatarTensors, n: int) -> None:
        shapes = {"means": (3,), "quats": (4,), "scales": (3,), "opacities": (), "colors": (3,),
                  "features": (self.config.n_code,)}  # fmt: skip
        self._resting = r = {
            name: torch.from_numpy(file.array(name, (n, *sides))).to(self.device) for name, sides in shapes.items()
        }
        self._shown = Gaussians(r["means"], F.normalize(r["quats"], dim=1), torch.exp(r["scales"]),
                                torch.sigmoid(r["opacities"]), torch.sigmoid(r["colors"]))  # fmt: skip
        self._place = torch.from_numpy(file.array("place", (n, self.config.n_code))).to(self.device)
        self._squared = file.array("squared", (n,))
        self._pose_range = file.array("pose_range", (2, 6))
        self.active = file.indices("active", below=n)


def _config(manifest: Manifest, file: AvatarTensors) -> tuple[Talk2MeConfig, tuple[str, ...], tuple[int, int], int]:
    """The settings of training, the coefficients' names, the widths of the two cues and of what the mesh carries."""
    given = dict(manifest.config)
    given.pop("head_motion", None)
    try:
        names, n_said, n_meant = tuple(given.pop("names")), int(given.pop("n_features")), int(given.pop("n_emotion"))
        n_carried = int(given.pop("n_carried"))
        known = {f.name for f in fields(Talk2MeConfig)}
        c = Talk2MeConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items() if k in known})
        widths = (c.n_code, c.width, c.pose_width, c.n_hidden, c.n_sound_code, c.n_fused, n_meant, 2 * n_said)
        whole = all(isinstance(w, int) and 1 <= w <= 2 * MAX_WIDTH for w in widths) and c.n_code % 2 == 0
        whole = whole and all(isinstance(w, int) and 1 <= w <= 64 for w in (c.n_factor, c.n_heads))
        whole = whole and isinstance(c.n_layers, int) and 1 <= c.n_layers <= MAX_LAYERS
        whole = whole and c.n_fused % c.n_heads == 0 and isinstance(c.n_behind, int) and 1 <= c.n_behind <= MAX_BEHIND
        whole = whole and isinstance(c.n_around, int) and 0 <= c.n_around <= c.n_behind
        whole = (
            whole and 0 <= float(c.near) < float(c.far) and 0 <= float(c.dropout) < 1 and len(manifest.encoders) == 2
        )
        whole = whole and 1 <= n_carried <= MAX_CARRIED
        whole = whole and 1 <= len(names) <= MAX_COEFFICIENTS and all(isinstance(name, str) for name in names)
    except (KeyError, TypeError, ValueError) as error:
        raise file.fault(f"its network's sizes cannot be read ({error})") from error
    if not whole:
        raise file.fault("its network's sizes make no sense")
    for name, shape in {
        "carry.code": (manifest.n_gaussians, n_carried),
        "generator.fuse.weight": (c.n_fused, 2 * c.n_fused),
        "generator.from_products.weight": (c.n_fused, 3 * c.n_factor**2),
        "generator.phonetic.0.weight": (c.n_hidden, (2 * c.n_around + 1) * 2 * n_said),
        "generator.phonetic.4.weight": (c.n_sound_code, c.n_hidden),
        "deformation.heads.exp_attributes.out.weight": (N_ATTRIBUTES, c.width),
        "deformation.heads.pose_attributes.out.weight": (N_ATTRIBUTES, c.pose_width),
    }.items():  # nothing larger is built than the file holds
        file.array(f"network.{name}", shape)
    return c, names, (2 * n_said, n_meant), n_carried


def _network(file: AvatarTensors, part: str, network: torch.nn.Module, device: torch.device) -> Any:
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    network.load_state_dict({
        name: torch.from_numpy(file.array(f"network.{part}.{name}", shape)) for name, shape in shapes.items()
    })  # fmt: skip
    return network.requires_grad_(False).eval().to(device)


def _own_motion(manifest: Manifest, file: AvatarTensors) -> OwnMotion | None:
    row = manifest.config.get("head_motion")
    if row is None:
        return None
    motion = read_head_motion(file.beneath("motion."), row)
    if motion.encoder != manifest.encoders[0]:
        raise file.fault("its head motion hears with another encoder than its face")
    n = file.n_rows("pose_track")
    if not 1 <= n <= MAX_STYLES or not manifest.motion_hz > 0:
        raise file.fault(f"'pose_track' has {n} rows")
    return OwnMotion(motion, file.array("pose_track", (n, 6)), manifest.motion_hz)
