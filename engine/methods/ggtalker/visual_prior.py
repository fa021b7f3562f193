"""GGTalker's expression-visual prior (P2): a generator that knows, from one picture, how people look from elsewhere.

The paper learns it from films of many people. Ours learns from portraits of the house's population: made people, and
no real person. Its map lies on the mean house head and says where Gaussians are along the axes of a head at rest, not
along triangles; so it does not know any mesh, and goes to another one through places that correspond.
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional as F

from engine.errors import AvatarError, TrainingError
from engine.heads.base import HeadModel
from engine.heads.binding import Binding, bind, quat_product, rotation_quaternions, triangle_frames
from engine.heads.house import HouseHead
from engine.heads.layout import rig_layout
from engine.methods.ggtalker.decoding import (
    COLOR,
    HARMONIC,
    N_CHANNELS,
    OPACITY,
    POSITION,
    ROTATION,
    SCALE,
    SPACING_SHARE,
    START_LOGIT,
    LocalGaussians,
)
from engine.methods.ggtalker.generator import GeneratorSize, IdentityGenerator, TexelView, first_map, mirrored
from engine.parts.avatar_tensors import AvatarTensors
from engine.paths import ASSETS, atomic_file

HOUSE = ASSETS / "priors" / "ggtalker_visual.safetensors"
FORMAT, VERSION = "mouthpiece-visual-prior", 1
MAX_BYTES = 256 << 20
LABEL = "made people of the house population, filmed by the studio; no real person"
NEAR_REACH, FAR_REACH = 0.02, 0.25  # head heights a Gaussian may leave the mesh: on the face, and where hair grows
FAR_FROM = 0.16  # head heights from all landmarks, from which on it may go farthest
MOST_SIDE, MOST_CHANNELS = 1024, 1024
LAYOUTS_APART = 0.005  # of the number of texels, from which on a prior's map is not of this layout
N_NEAR = 3  # texels a place takes after
NOWHERE = 0.06  # head heights from which on a place has none like it on another head
INSIDE = 0.98  # of a Gaussian's reach: farther out tanh is flat


@dataclass(frozen=True)
class Canvas:
    """The mean house head and where the prior's N texels lie on it.

    Attributes:
        reach: head heights each Gaussian may go, `[N, 1]`; spacing: how far apart texels lie, head heights `[N, 1]`.
        partner: the texel across the face, `[N]`; kinds: of the mesh at each texel, `[N]`.
    """

    head: HouseHead
    binding: Binding
    partner: np.ndarray
    kinds: np.ndarray
    reach: Tensor
    spacing: Tensor

    def points(self) -> np.ndarray:
        """Places of the texels on the mean head, `[N, 3]`."""
        return _points(self.binding, self.head.vertices)


@cache
def canvas(side: int) -> Canvas:
    """The canvas of a map of a side."""
    head = HouseHead()
    binding = bind(head.vertices, head.faces, rig_layout(head), side)
    points = _points(binding, head.vertices)
    marks = head.landmarks(head.pose(), "mediapipe")
    far = np.clip((cKDTree(marks).query(points)[0] - FAR_FROM / 4) / (3 * FAR_FROM / 4), 0, 1)[:, None]
    reach = NEAR_REACH + (FAR_REACH - NEAR_REACH) * far
    sizes = triangle_frames(torch.from_numpy(head.vertices), torch.from_numpy(binding.corners))[2].numpy()
    spacing = binding.spacing * sizes[binding.triangles]
    partner = mirrored(binding, head.vertices)
    return Canvas(head, binding, partner, head.kinds[binding.faces], _floats(reach), _floats(spacing[:, None]))


@dataclass(frozen=True)
class FreeGaussians:
    """Gaussians along the axes of a head at rest, in head heights, about the places of their texels.

    Attributes:
        away: from the texel `[N, 3]`; quats: unit `[N, 4]`; scales: `[N, 3]`; opacities: `[N]`; harmonics: `[N, 3]`.
    """

    away: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    harmonics: Tensor

    def rows(self, near: np.ndarray, shares: np.ndarray) -> "FreeGaussians":
        """Means of K of them for each of M places, by number and share `[M, K]`."""
        weights = torch.from_numpy(shares)

        def mean(values: Tensor) -> Tensor:
            return torch.einsum("mk,mk...->m...", weights, values[torch.from_numpy(near)])

        return FreeGaussians(
            mean(self.away), F.normalize(mean(self.quats), dim=1), mean(self.scales), mean(self.opacities),
            mean(self.harmonics),
        )  # fmt: skip

    def on(self, binding: Binding, rest: Tensor) -> LocalGaussians:
        """In the frames of the triangles of a person's mesh at rest `[V, 3]`."""
        centres, rotations, sizes = triangle_frames(rest, torch.from_numpy(binding.corners))
        row = torch.from_numpy(binding.triangles).long()
        corners = rest[torch.from_numpy(binding.corners).long()[row]]
        places = torch.einsum("nk,nkc->nc", torch.from_numpy(binding.shares), corners)
        size = sizes[row, None].clamp(min=1e-6)
        offsets = torch.einsum("nji,nj->ni", rotations[row], places + self.away - centres[row]) / size
        turns = rotation_quaternions(rotations)[row] * rest.new_tensor([1.0, -1.0, -1.0, -1.0])
        return LocalGaussians(
            offsets, quat_product(turns, self.quats), self.scales / size, self.opacities, self.harmonics
        )


def freed(raw: Tensor, on: Canvas) -> FreeGaussians:
    """What the prior's map `[N, 14]` means: channels as in `decoding`, lengths in head heights, axes of the head."""
    upright = raw.new_tensor([1.0, 0.0, 0.0, 0.0])
    return FreeGaussians(
        on.reach * torch.tanh(raw[:, POSITION]),
        F.normalize(raw[:, ROTATION] + upright, dim=1),
        SPACING_SHARE * on.spacing * torch.exp(raw[:, SCALE].clamp(-4, 2)),
        torch.sigmoid(raw[:, OPACITY][:, 0] + START_LOGIT),
        HARMONIC * torch.tanh(raw[:, COLOR]),
    )


class VisualPrior:
    """A generator that knows how the population looks.

    Attributes:
        people, steps: how many people it saw, and how often it learnt.
    """

    def __init__(self, size: GeneratorSize, people: int = 0, steps: int = 0) -> None:
        self.canvas = canvas(size.side)
        self.net = IdentityGenerator(size, self.canvas.binding, self.canvas.partner)
        self.people, self.steps = people, steps

    @property
    def label(self) -> str:
        """What it knows, for manifests."""
        return f"{self.people} {LABEL}"

    def looked_at(self, picture: Tensor, view: TexelView) -> Tensor:
        """The map `[N, 14]` of a person from one matted picture `[3, H, W]`: what is seen is copied, and the generator
        adds what it knows."""
        start = first_map([(picture, view)], self.canvas.partner)
        made = self.net(picture[None], view.places[None], view.visible[None])[0]
        return start + self.canvas.binding.gathered(made)


@dataclass(frozen=True)
class Correspondence:
    """Which texels of a canvas and of another head's binding lie at the same places.

    Attributes:
        near: for each of the binding's M texels some of the canvas `[M, K]`; shares: weights of these, `[M, K]`.
        back: for each of the canvas's N texels one of the binding, `[N]`; is_near: 0 where none is, `[N]`.
    """

    near: np.ndarray
    shares: np.ndarray
    back: np.ndarray
    is_near: np.ndarray


def corresponding(on: Canvas, head: HeadModel, binding: Binding, numbers: np.ndarray) -> Correspondence:
    """Places of another head model on the mean house head, carried there by MediaPipe's landmarks that both know.

    Args:
        numbers: MediaPipe's numbers of the landmarks that `head` knows.
    """
    house = on.head.landmarks(on.head.pose(), "mediapipe")[numbers]
    other = head.landmarks(head.pose(), "mediapipe")[numbers]
    sound = np.isfinite(house).all(axis=1) & np.isfinite(other).all(axis=1)
    _, first = np.unique(other[sound].round(5), axis=0, return_index=True)
    carried = RBFInterpolator(other[sound][first], house[sound][first], kernel="linear", smoothing=1e-3, degree=1)
    places, mine = carried(_points(binding, head.vertices)), on.points()
    kinds = head.kinds[binding.faces]
    gaps, near = cKDTree(mine).query(places, k=N_NEAR)
    far, back = cKDTree(places).query(mine)
    for kind in np.unique(kinds):
        here, there = np.flatnonzero(kinds == kind), np.flatnonzero(on.kinds == kind)
        if len(there) >= N_NEAR:
            gaps[here], rows = cKDTree(mine[there]).query(places[here], k=N_NEAR)
            near[here] = there[rows]
            far[there], rows = cKDTree(places[here]).query(mine[there])
            back[there] = here[rows]
    weights = 1 / np.maximum(gaps, 1e-4)
    shares = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return Correspondence(near, shares, back, (far < NOWHERE).astype(np.float32))


def raw_local(
    free: FreeGaussians, binding: Binding, rest: Tensor, start_scales: Tensor, reach: Tensor,
    scale: float = 1.0, turn: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The channels `[N, 14]` that `decoded` makes these Gaussians of, one for each texel of a binding.

    Args:
        rest: the mesh at rest `[V, 3]`; start_scales, reach: see `decoded`.
        scale, turn: of the mesh's world against the head's own, `[3, 3]`.
    """
    turn = torch.eye(3) if turn is None else turn
    _, rotations, sizes = triangle_frames(rest, torch.from_numpy(binding.corners))
    row = torch.from_numpy(binding.triangles).long()
    size = sizes[row, None].clamp(min=1e-6)
    away = torch.einsum("nji,nj->ni", rotations[row], scale * free.away @ turn.t()) / size
    length = away.norm(dim=1, keepdim=True)
    away = away * (INSIDE * reach / length.clamp(min=1e-9)).clamp(max=1)
    turned = rotation_quaternions(rotations.transpose(1, 2) @ turn)[row]
    quats = F.normalize(quat_product(turned, free.quats), dim=1)
    quats = quats * torch.where(quats[:, :1] < 0, -1.0, 1.0)
    raw = rest.new_zeros(len(binding), N_CHANNELS)
    raw[:, POSITION] = torch.atanh(away / reach)
    raw[:, SCALE] = torch.log((scale * free.scales / size / start_scales).clamp(min=1e-3))
    raw[:, ROTATION] = quats - rest.new_tensor([1.0, 0.0, 0.0, 0.0])
    raw[:, COLOR] = torch.atanh((free.harmonics / HARMONIC).clamp(-INSIDE, INSIDE))
    raw[:, OPACITY] = torch.logit(free.opacities.clamp(0.005, 0.995))[:, None] - START_LOGIT
    return raw


def save_prior(path: Path, prior: VisualPrior) -> None:
    """Writes a prior in half precision; the file appears whole or not at all."""
    about = {"version": VERSION, "size": asdict(prior.net.size), "people": prior.people, "steps": prior.steps,
             "texels": len(prior.canvas.binding), "of": LABEL}  # fmt: skip
    tensors = {name: value.detach().half().contiguous() for name, value in prior.net.state_dict().items()}
    with atomic_file(Path(path)) as temporary:
        save_file(tensors, temporary, {"format": FORMAT, "about": json.dumps(about)})


def load_prior(path: Path) -> VisualPrior:
    """Reads a prior.

    Raises:
        TrainingError: one sentence, if it is missing, damaged or foreign.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TrainingError(f"{path}: is {path.stat().st_size >> 20} MB large; no visual prior is.")
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise TrainingError(f"{path}: is no visual prior; make one with packaging/ggtalker_visual.py.")
            about = json.loads(metadata["about"])
            arrays = AvatarTensors({name: file.get_tensor(name) for name in file.keys()}, path)  # noqa: SIM118
        if about.get("version") != VERSION:
            raise TrainingError(f"{path}: is of version {about.get('version')!r}, this program reads {VERSION}.")
        prior = VisualPrior(_checked_size(about["size"]), int(about["people"]), int(about["steps"]))
        if abs(int(about["texels"]) / len(prior.canvas.binding) - 1) > LAYOUTS_APART:
            raise ValueError("the house head's layout is another one now")
        shapes = {name: tuple(value.shape) for name, value in prior.net.state_dict().items()}
        prior.net.load_state_dict({n: torch.from_numpy(arrays.array(n, shape)) for n, shape in shapes.items()})
        prior.net.eval()
        return prior
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, AvatarError) as error:
        raise TrainingError(f"{path}: cannot be read ({str(error).splitlines()[0]}); make it again.") from error


def prior_of(name: str) -> VisualPrior | None:
    """The prior a config names: `none`, a file, or `auto`, the house's where it is there; None for none.

    Raises:
        TrainingError: if a file that was named cannot be read.
    """
    if name == "none" or (name == "auto" and not HOUSE.is_file()):
        return None
    return load_prior(HOUSE if name == "auto" else Path(name))


def _checked_size(row: dict[str, Any]) -> GeneratorSize:
    size = GeneratorSize(
        int(row["side"]), *(tuple(int(n) for n in row[k]) for k in ("channels", "widths", "blocks")),
        int(row["n_texel"]),
    )  # fmt: skip
    numbers = (*size.channels, *size.widths, *size.blocks, size.n_texel)
    if size.side > MOST_SIDE or len(size.widths) != 4 or len(size.blocks) != 4:
        raise ValueError(f"a map of side {size.side}, {len(size.widths)} levels")
    if min(numbers) < 1 or max(numbers) > MOST_CHANNELS:
        raise ValueError(f"channels from {min(numbers)} to {max(numbers)}")
    return size


def _points(binding: Binding, vertices: np.ndarray) -> np.ndarray:
    return np.einsum("nk,nkc->nc", binding.shares, np.asarray(vertices)[binding.corners[binding.triangles]])


def _floats(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
