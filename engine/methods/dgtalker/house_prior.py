"""The house prior: the generator trained over made heads, whose surface is known as well as their pictures.

Ours: the paper starts from a GAN of photographs. Here identity and expression are given, so the generator is trained by
regression: `w = mapping(traits) + arkit @ shapes`, pictures from several sides at once, and every Gaussian drawn to the
place its point of the mesh has. What comes out is used as GGHead is: `w_avg`, W space and a generator to tune.
"""

from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from scipy.spatial import cKDTree
from torch import Tensor, nn
from torch.nn import functional as F

from engine.array_file import save_file
from engine.capture.face_shape import INNER_LIPS, LEFT_BROW, LEFT_EYE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE
from engine.gaussians import Gaussians
from engine.heads.base import Region
from engine.heads.house import UNITS_MM, HouseHead
from engine.heads.sculpt import atlas
from engine.heads.sculpt.identity import Form, Identity, Look
from engine.heads.texels import rasterized_uv
from engine.methods.dgtalker.decoding import Decoding, decoded, front_colors
from engine.methods.dgtalker.network import Generator
from engine.methods.dgtalker.prior import Prior, spaced
from engine.methods.dgtalker.template import Template
from engine.parts.stylegan import Dense, SynthesisSize
from engine.paths import atomic_file
from engine.raster import rasterization_for
from engine.synth.portraits import film_portraits, portrait_head
from engine.training.checkpoint import restore_learning, save_learning
from engine.training.losses import GradientSsim

PULL = 0.5  # how far the face is drawn to the middle of the skin's disc, which magnifies it (a Moebius map)
POSITION_RANGE = 0.4  # head heights: hair stands far off the scalp
SPARSE = ("teeth", "tongue", "ear_left", "ear_right")
HAIR_MIDDLE = np.array([0.0, 0.1, 0.0])
HAIR_WEIGHT, SKIN_WEIGHT = 0.2, 1.0
DETAIL = 0.5  # of the mean difference where eyes, brows and lips are
STYLES = ("crop", "quiff", "fringe", "buzz", "curls", "bald", "bob", "bun")


@dataclass(frozen=True)
class HouseTemplate:
    """The template, and which point of the house head's mesh each Gaussian belongs to.

    Attributes:
        corners: vertices of its triangle `[N, 3]`; weights: barycentric `[N, 3]`.
    """

    template: Template
    corners: np.ndarray
    weights: np.ndarray

    def points(self, vertices: np.ndarray) -> np.ndarray:
        """The same points on a posed head `[V, 3]`: `[N, 3]`."""
        return np.einsum("nk,nkc->nc", self.weights, vertices[self.corners])


def house_template(n_grid: int) -> HouseTemplate:
    """Skin, eyes, ears, mouth and torso of the mean house head, sampled on a grid over its atlas."""
    head = HouseHead(Identity())
    uv = head.uv.astype(np.float64).copy()
    face = head.parts["face"]
    uv[face] = atlas.skin(_pulled(head.template.uv))
    face_of, weights = rasterized_uv(uv, head.faces, n_grid)
    rows, columns = np.nonzero((face_of >= 0) & _wanted(head, uv, face_of))
    corners, weights = head.faces[face_of[rows, columns]], weights[rows, columns]
    grid = (np.stack([columns, rows], axis=1) + 0.5) / n_grid * 2 - 1
    points = np.einsum("nk,nkc->nc", weights, head.vertices[corners])
    is_torso = head.regions[face_of[rows, columns]] == Region.TORSO
    anchors = head.landmarks(head.pose(), "mediapipe")
    template = Template(points.astype(np.float32), grid.astype(np.float32), is_torso, anchors.astype(np.float32))
    return HouseTemplate(template, corners, weights)


def standing_for(house: HouseTemplate, films: HouseTemplate) -> np.ndarray:
    """For each Gaussian the nearest of the points that were followed in the films, int64 `[N]`.

    Near in the maps, where the lips lie apart, and in space, where another part's piece of the map does.
    """
    one, other = (np.concatenate([t.grid, t.points], axis=1) for t in (films.template, house.template))
    return cKDTree(one).query(other)[1]


def traits(identity: Identity) -> np.ndarray:
    """A person as numbers about -1 to 1, `[T]`."""
    look = identity.look
    tones = [look.skin_tone, look.hair_color, look.eye_color, look.blush, look.freckles, look.lip_color, look.age,
             look.stubble, look.brow_thickness, look.hair_length, identity.rest_smile]  # fmt: skip
    style = [float(look.hair_style == name) for name in STYLES]
    cloth = [c / 127.5 - 1 for c in look.cloth]
    return np.array([*astuple(identity.form), *(2 * t - 1 for t in tones), *style, *cloth], dtype=np.float32)


N_TRAITS = len(traits(Identity("", Form(), Look())))


def film_person(seed: int, out: Path, house: HouseTemplate, n_moments: int, n_views: int, size: int) -> None:
    """Films a person of the population: some expressions, each from several sides, into one safetensors file."""
    head = portrait_head(seed)
    film = film_portraits(head, seed, n_moments, n_views, size)
    reach, is_hair = _hair_reach(head, house)
    points = [_with_hair(house.points(head.pose(arkit).vertices), reach, is_hair) for arkit in film["arkit"]]
    with atomic_file(Path(out)) as temporary:
        save_file(film | {
            "offsets": (np.stack(points) - house.template.points).astype(np.float16),
            "is_hair": is_hair.astype(np.uint8), "traits": traits(head.identity),
        }, temporary)  # fmt: skip


class HousePriorNet(nn.Module):
    """Mapping from traits, directions of the ARKit shapes, and the generator."""

    def __init__(self, size: SynthesisSize, decoding: Decoding, template: Template) -> None:
        super().__init__()
        n = size.n_style
        self.mapping = nn.Sequential(Dense(N_TRAITS, n, is_active=True), Dense(n, n, is_active=True), Dense(n, n))
        self.shapes = nn.Parameter(0.02 * torch.randn(52, n))
        self.generator = Generator(size, torch.from_numpy(template.grid))
        with torch.no_grad():
            self.generator.position.weight.copy_(0.1 * torch.eye(3)[..., None, None])
        self.decoding = decoding
        self.register_buffer("template", torch.from_numpy(template.points), persistent=False)

    def forward(self, who: Tensor, arkit: Tensor) -> Gaussians:
        """Traits `[T]` and ARKit weights `[52]` -> Gaussians with colours `[N, 3]`."""
        w = self.mapping(who[None]) + (arkit @ self.shapes)[None]
        splats = decoded(self.generator(w)[0], self.template, self.decoding)
        return replace(splats, colors=front_colors(splats), sh_degree=None)


class Population:
    """The filmed people of a folder; files stay on disk and are read a moment at a time.

    Args:
        rows: where the Gaussians are others than the points that were followed in the films: which point stands for
            each, int64 `[N]`.
    """

    def __init__(self, files: list[Path], rows: np.ndarray | None = None) -> None:
        self._files = [safe_open(path, "pt") for path in files]
        self.traits = torch.stack([file.get_tensor("traits") for file in self._files])
        self._rows = None if rows is None else torch.from_numpy(rows)
        self.is_hair = [self._of_gaussians(file.get_tensor("is_hair").bool()) for file in self._files]

    def __len__(self) -> int:
        return len(self._files)

    def moment(self, person: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """One expression of a person: pictures `[V, S, S, 4]` (premultiplied), cameras, ARKit weights, offsets."""
        file = self._files[person]
        number = int(rng.integers(file.get_slice("arkit").get_shape()[0]))
        row = {name: file.get_slice(name)[number] for name in ("pictures", "viewmats", "ks", "arkit", "offsets")}
        offsets = self._of_gaussians(row["offsets"].float())
        return row | {"pictures": row["pictures"].float() / 255, "offsets": offsets}

    def _of_gaussians(self, values: Tensor) -> Tensor:
        return values if self._rows is None else values[self._rows]


class HousePriorTraining:
    """Regression over a population, one moment of one person in a step.

    Attributes:
        iteration: steps done.
    """

    def __init__(
        self, population: Population, house: HouseTemplate, size: SynthesisSize, rate: float = 2e-3, seed: int = 0
    ) -> None:
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        self.population, self.house, self.rate = population, house, rate
        self.net = HousePriorNet(size, house_decoding(house.template), house.template)
        self.optimizer = torch.optim.Adam(self.net.parameters(), rate, betas=(0.9, 0.99), fused=True)
        self.iteration = 0
        marks = house.template.anchors[[*LEFT_EYE, *RIGHT_EYE, *LEFT_BROW, *RIGHT_BROW, *OUTER_LIPS, *INNER_LIPS]]
        near = cKDTree(house.template.points).query(marks, k=8)[1]
        self._detail_rows = torch.from_numpy(np.unique(near))
        self._perceptual = GradientSsim()
        self._rasterization = rasterization_for("cpu")

    def step(self, part: float) -> dict[str, float]:
        """One step at a part 0 to 1 of the run; gives the loss terms."""
        person = int(self.rng.integers(len(self.population)))
        row = self.population.moment(person, self.rng)
        splats = self.net(self.population.traits[person], row["arkit"])
        weight = torch.where(self.population.is_hair[person], HAIR_WEIGHT, SKIN_WEIGHT)
        away = (splats.means - self.net.template - row["offsets"]).square().sum(dim=1)
        terms = {"place": (weight * torch.sqrt(away + 1e-6)).mean()}
        terms |= {name: away.new_zeros(()) for name in ("color", "detail", "perceptual")}
        n_views, mse = len(row["pictures"]), 0.0
        for picture, viewmat, k in zip(row["pictures"], row["viewmats"], row["ks"], strict=True):
            behind = torch.from_numpy(self.rng.random(3).astype(np.float32))
            target = picture[..., :3] + (1 - picture[..., 3:]) * behind
            image = self.rendered(splats, viewmat, k, len(picture), behind)
            off = image - target
            detail = self.detail(splats.means.detach(), viewmat, k, len(picture))
            share = (detail[..., None] * off).abs().sum() / (3 * detail.sum().clamp(min=1))
            terms["detail"] = terms["detail"] + DETAIL * share / n_views
            terms["color"] = terms["color"] + (off.abs().mean() + 4 * off.square().mean()) / n_views
            terms["perceptual"] = terms["perceptual"] + 0.1 * self._perceptual(image, target) / n_views
            mse += float(off.detach().square().mean()) / n_views
        sum(terms.values()).backward()
        cosine = 0.5 * (1 + np.cos(np.pi * min(part, 1.0)))
        self.optimizer.param_groups[0]["lr"] = self.rate * (0.05 + 0.95 * cosine) * min(1.0, (self.iteration + 1) / 100)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.iteration += 1
        return {n: float(v.detach()) for n, v in terms.items()} | {"psnr": float(-10 * np.log10(max(mse, 1e-10)))}

    def detail(self, means: Tensor, viewmat: Tensor, k: Tensor, side: int) -> Tensor:
        """Where eyes, brows and lips are in a picture, 0 or 1 `[side, side]`: a tenth of it, and what a face says."""
        seen = (means[self._detail_rows] @ viewmat[:3, :3].T + viewmat[:3, 3]) @ k.T
        at = (seen[:, :2] / seen[:, 2:]).long().clamp(0, side - 1)
        mask = means.new_zeros(1, side, side)
        mask[0, at[:, 1], at[:, 0]] = 1
        reach = side // 48
        return F.max_pool2d(mask, 2 * reach + 1, 1, reach)[0]

    def rendered(self, splats: Gaussians, viewmat: Tensor, k: Tensor, side: int, behind: Tensor) -> Tensor:
        colors, alphas, _ = self._rasterization(
            splats.means, splats.quats, splats.scales, splats.opacities, splats.colors, viewmat[None], k[None], side,
            side, packed=False,
        )  # fmt: skip
        return colors[0] + (1 - alphas[0]) * behind

    def save(self, path: Path) -> None:
        """Writes where the training stands; the file is replaced whole."""
        state = {"iteration": self.iteration, "rng": self.rng.bit_generator.state}
        save_learning(path, self.net, self.optimizer, state)

    def restore(self, path: Path) -> None:
        """Goes on from a file of `save`. Raises RuntimeError if it is of another size."""
        state = restore_learning(path, self.net, self.optimizer)
        self.iteration, self.rng.bit_generator.state = int(state["iteration"]), state["rng"]

    def preview(self, persons: int = 4) -> np.ndarray:
        """Films above, what is made of them below, uint8 `[2 S, S * persons, 3]`."""
        rng, columns = np.random.default_rng(0), []
        for person in np.unique(np.linspace(0, len(self.population) - 1, persons).astype(int)):
            row = self.population.moment(int(person), rng)
            grey = torch.full((3,), 0.4)
            with torch.no_grad():
                splats = self.net(self.population.traits[int(person)], row["arkit"])
                made = self.rendered(splats, row["viewmats"][0], row["ks"][0], row["pictures"].shape[1], grey)
            picture = row["pictures"][0]
            columns.append(torch.cat([picture[..., :3] + (1 - picture[..., 3:]) * grey, made]))
        return (torch.cat(columns, dim=1).clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()

    def prior(self) -> Prior:
        """What has been learnt, as the methods use it."""
        net = self.net
        with torch.no_grad():
            w_avg = net.mapping(self.population.traits).mean(dim=0)
        weights = {name: value.detach().clone() for name, value in net.generator.state_dict().items()}
        return Prior("house", UNITS_MM, net.generator.synthesis.size, net.decoding, self.house.template, weights, w_avg,
                     net.shapes.detach().clone())  # fmt: skip


def house_decoding(template: Template) -> Decoding:
    """Ours: plain colours, places up to hair's distance, sizes fitted to how far the Gaussians lie apart."""
    gaps, _ = cKDTree(template.points).query(template.points, k=2)
    decoding = Decoding(position_range=POSITION_RANGE, sh_degree=0, rolls_quaternions=False)
    return spaced(decoding, float(np.median(gaps[:, 1])))


def _pulled(disc: np.ndarray) -> np.ndarray:
    """The skin's disc `[V, 2]` mapped onto itself so that the face comes to its middle: `(z - a) / (1 - conj(a) z)`."""
    z, a = disc[:, 0] + 1j * disc[:, 1], 1j * PULL
    z = (z - a) / (1 - np.conj(a) * z)
    return np.stack([z.real, z.imag], axis=1)


def _wanted(head: HouseHead, uv: np.ndarray, face_of: np.ndarray) -> np.ndarray:
    """Which texels get a Gaussian: all of the head's skin, the visible half of the eyes, every other one elsewhere."""
    part_of = np.zeros(len(head.vertices), int)
    names = list(head.parts)
    for number, name in enumerate(names):
        part_of[head.parts[name]] = number
    part = part_of[head.faces[np.maximum(face_of, 0)][..., 0]]
    rows, columns = np.indices(face_of.shape)
    wanted = np.ones(face_of.shape, bool)
    thinned = head.regions[np.maximum(face_of, 0)] == Region.TORSO
    for name in SPARSE:
        thinned |= part == names.index(name)
    wanted &= ~thinned | ((rows + columns) % 2 == 0)
    n = len(face_of)
    for name in ("eye_left", "eye_right"):
        left, bottom, width, height = atlas.TILES[name]
        x, y = (columns + 0.5) / n - left - width / 2, (rows + 0.5) / n - bottom - height / 2
        wanted &= (part != names.index(name)) | (np.hypot(x / width, y / height) < 0.3)
    return wanted


def _hair_reach(head: HouseHead, house: HouseTemplate) -> tuple[np.ndarray, np.ndarray]:
    """How far the hair reaches from the middle of the head towards each Gaussian `[N]`, and where there is any."""
    rest = house.points(head.vertices) - HAIR_MIDDLE
    distance = np.linalg.norm(rest, axis=1)
    hair = [s.points.reshape(-1, 3) for s in head.strands if s.name == "hair"]
    if not hair:
        return distance, np.zeros(len(rest), bool)
    out = np.concatenate(hair) - HAIR_MIDDLE
    length = np.linalg.norm(out, axis=1)
    gaps, near = cKDTree(out / length[:, None]).query(rest / distance[:, None], k=24)
    reach = np.quantile(length[near], 0.85, axis=1)
    is_hair = (gaps[:, 11] < 0.06) & (reach > distance) & ~house.template.is_torso
    return np.maximum(reach, distance), is_hair


def _with_hair(points: np.ndarray, reach: np.ndarray, is_hair: np.ndarray) -> np.ndarray:
    out = points[is_hair] - HAIR_MIDDLE
    points = points.copy()
    points[is_hair] = HAIR_MIDDLE + out / np.linalg.norm(out, axis=1, keepdims=True) * reach[is_hair, None]
    return points
