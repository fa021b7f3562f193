"""The training of GGTalker's visual prior (P2, eq. 9 to 11): a person's map from one picture, judged by others of them.

A step looks at one portrait of a person, makes their map, rigs it to the mesh of their other portraits, with other
expressions, and draws it from the cameras of those.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional as F

from engine.array_file import save_file
from engine.camera import Camera
from engine.gaussians import Gaussians
from engine.heads.house import HouseHead
from engine.heads.sculpt.identity import Look
from engine.methods.ggtalker.generator import GeneratorSize, TexelView, first_map, texel_view
from engine.methods.ggtalker.visual_prior import VisualPrior, freed
from engine.parts.harmonics import C0
from engine.paths import atomic_file
from engine.raster import rasterization_for
from engine.synth.population import sample_identity
from engine.training.checkpoint import restore_learning, save_learning
from engine.training.losses import GradientSsim, ssim
from engine.training.views import view_angles

SQUARE_ON_DEG = 20.0  # how far from the front a picture to look at usually is
N_TARGETS = 3
LAMBDA_L1, LAMBDA_SSIM, LAMBDA_PERCEPTUAL, LAMBDA_AWAY, LAMBDA_SCALE = 0.8, 0.2, 0.05, 0.01, 0.01
MOST_GROWTH = 1.0  # of the logarithm of a scale, from which on it is held back
STYLE_RATE = 3.0  # StyleGAN's layers, whose weights are of size 1, learn so many times faster
FINAL_RATE, WARM_STEPS = 0.03, 200
GREY = 0.4


def rig_portraits(film: Path, out: Path) -> None:
    """The meshes of a filmed person, at rest `[V, 3]` and in each expression of the film `[M, V, 3]`, into a file."""
    person = sample_identity(int(film.stem))
    head = HouseHead(replace(person, look=Look(hair_style="bald")))  # hair takes time and is not of the mesh
    with safe_open(film, "np") as file:
        arkit = file.get_tensor("arkit")
    posed = np.stack([head.pose(weights).vertices for weights in arkit])
    with atomic_file(Path(out)) as temporary:
        save_file({"rest": head.vertices.astype(np.float32), "posed": posed.astype(np.float32)}, temporary)


class FilmedPerson:
    """A person's portraits and meshes; they stay on disk until they are asked for."""

    def __init__(self, film: Path, meshes: Path) -> None:
        self._film, self._meshes = safe_open(film, "pt"), safe_open(meshes, "pt")
        self.viewmats, self._ks = self._film.get_tensor("viewmats"), self._film.get_tensor("ks")
        self.rest = self._meshes.get_tensor("rest")
        self.n_moments, self.n_views = self.viewmats.shape[:2]
        azimuth, elevation = view_angles(self.viewmats.flatten(0, 1).numpy().astype(np.float64))
        self.turned = np.hypot(azimuth, elevation)  # degrees from the front, of each portrait

    def portrait(self, index: int) -> tuple[Tensor, Camera]:
        """Picture `[S, S, 4]`, premultiplied, and camera of one of all portraits."""
        moment, view = divmod(index, self.n_views)
        picture = self._film.get_slice("pictures")[moment, view].float() / 255
        side = picture.shape[0]
        camera = Camera(self.viewmats[moment, view].double().numpy(), self._ks[moment, view].double().numpy(), side,
                        side)  # fmt: skip
        return picture, camera

    def mesh(self, index: int) -> Tensor:
        """Vertices of the person in a portrait, `[V, 3]`."""
        return self._meshes.get_slice("posed")[index // self.n_views]


class VisualTraining:
    """Learns a visual prior; the last of the people are only judged by.

    Attributes:
        iteration: steps done.
    """

    def __init__(
        self, people: list[FilmedPerson], size: GeneratorSize, rate: float = 1e-3, n_held: int = 0, seed: int = 0
    ) -> None:
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        self._people, self._held = people[: len(people) - n_held], people[len(people) - n_held :]
        self.prior, self._rate = VisualPrior(size, len(self._people)), rate
        net = self.prior.net
        styled = [p for part in (net.grow, net.shape, net.first) for p in part.parameters()] + [net.start, net.usual]
        known = {id(p) for p in styled}
        plain = [p for p in net.parameters() if id(p) not in known]
        self._optimizer = torch.optim.Adam([{"params": plain}, {"params": styled}], rate, betas=(0.9, 0.99), fused=True)
        self.iteration = 0
        self._perceptual = GradientSsim()
        self._rasterization = rasterization_for("cpu")

    def step(self, part: float) -> dict[str, float]:
        """One step at a part 0 to 1 of the run; gives the loss terms and how many dB the portraits are off."""
        person = self._people[int(self.rng.integers(len(self._people)))]
        chance = np.exp(-((person.turned / SQUARE_ON_DEG) ** 2)) + 0.02
        source = int(self.rng.choice(len(chance), p=chance / chance.sum()))
        raw = self.prior.looked_at(*self._look(person, source))
        free = freed(raw, self.prior.canvas)
        local = free.on(self.prior.canvas.binding, person.rest)
        others = np.delete(np.arange(len(chance)), source)
        terms = {
            "away": LAMBDA_AWAY * (free.away / self.prior.canvas.reach).square().sum(dim=1).mean(),
            "scale": LAMBDA_SCALE * F.relu(raw[:, 3:6] - MOST_GROWTH).mean(),
        }
        mse = 0.0
        for index in self.rng.choice(others, min(N_TARGETS, len(others)), replace=False):
            behind = torch.from_numpy(self.rng.random(3).astype(np.float32))
            picture, camera = person.portrait(int(index))
            target = picture[..., :3] + (1 - picture[..., 3:]) * behind
            image = self._drawn(local.on(self.prior.canvas.binding, person.mesh(int(index))), camera, behind)
            found = {
                "l1": LAMBDA_L1 * (image - target).abs().mean(), "ssim": LAMBDA_SSIM * (1 - ssim(image, target)),
                "perceptual": LAMBDA_PERCEPTUAL * self._perceptual(image, target),
            }  # fmt: skip
            for name, value in found.items():
                terms[name] = terms.get(name, 0.0) + value / N_TARGETS
            mse += float((image - target).detach().square().mean()) / N_TARGETS
        sum(terms.values()).backward()
        rate = self._rate * (FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + np.cos(np.pi * min(part, 1.0))))
        rate *= min(1.0, (self.iteration + 1) / WARM_STEPS)
        for group, times in zip(self._optimizer.param_groups, (1.0, STYLE_RATE), strict=True):
            group["lr"] = rate * times
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.iteration += 1
        self.prior.steps = self.iteration
        return {n: float(v.detach()) for n, v in terms.items()} | {"psnr": _psnr(mse)}

    def judged(self, n_targets: int = 6) -> dict[str, float]:
        """Mean dB over other portraits of people it never saw, from the most frontal one of each: with the generator,
        and with what is seen alone."""
        sums = {"with": 0.0, "without": 0.0}
        for person in self._held:
            source = int(np.argmin(person.turned))
            others = np.delete(np.arange(len(person.turned)), source)
            chosen = others[np.unique(np.linspace(0, len(others) - 1, n_targets).astype(int))]
            for name, raw in self._maps(person, source).items():
                found = [_psnr(self._error(person, raw, int(i))) for i in chosen]
                sums[name] += float(np.mean(found)) / len(self._held)
        return sums

    def save(self, path: Path) -> None:
        """Writes where the training stands; the file is replaced whole."""
        state = {"iteration": self.iteration, "rng": self.rng.bit_generator.state}
        save_learning(path, self.prior.net, self._optimizer, state)

    def restore(self, path: Path) -> None:
        """Goes on from a file of `save`. Raises RuntimeError if it is of another size."""
        state = restore_learning(path, self.prior.net, self._optimizer)
        self.iteration = self.prior.steps = int(state["iteration"])
        self.rng.bit_generator.state = state["rng"]

    def preview(self, persons: int = 4) -> np.ndarray:
        """Of some people, judged ones if there are: what is looked at, another portrait, what is made of it with the
        generator and without; uint8 `[4 S, S * persons, 3]`."""
        columns = []
        for person in (self._held or self._people)[:persons]:
            source = int(np.argmin(person.turned))
            wide = int(np.argmax(person.turned))
            shown = [p[..., :3] + (1 - p[..., 3:]) * GREY for p in (person.portrait(i)[0] for i in (source, wide))]
            shown += [self._portrayed(person, raw, wide) for raw in self._maps(person, source).values()]
            columns.append(torch.cat(shown))
        return (torch.cat(columns, dim=1).clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()

    def _maps(self, person: FilmedPerson, source: int) -> dict[str, Tensor]:
        picture, view = self._look(person, source)
        with torch.no_grad():
            return {"with": self.prior.looked_at(picture, view),
                    "without": first_map([(picture, view)], self.prior.canvas.partner)}  # fmt: skip

    def _look(self, person: FilmedPerson, index: int) -> tuple[Tensor, TexelView]:
        picture, camera = person.portrait(index)
        faces = self.prior.canvas.head.faces
        view = texel_view(self.prior.canvas.binding, person.mesh(index).numpy(), faces, camera)
        return picture[..., :3].movedim(-1, 0).contiguous(), view

    def _error(self, person: FilmedPerson, raw: Tensor, index: int) -> float:
        picture, _ = person.portrait(index)
        target = picture[..., :3] + (1 - picture[..., 3:]) * GREY
        return float((self._portrayed(person, raw, index) - target).square().mean())

    def _portrayed(self, person: FilmedPerson, raw: Tensor, index: int) -> Tensor:
        binding = self.prior.canvas.binding
        with torch.no_grad():
            local = freed(raw, self.prior.canvas).on(binding, person.rest)
            splats = local.on(binding, person.mesh(index))
            return self._drawn(splats, person.portrait(index)[1], torch.full((3,), GREY))

    def _drawn(self, splats: Gaussians, camera: Camera, behind: Tensor) -> Tensor:
        viewmat, k = (torch.from_numpy(a).float()[None] for a in (camera.viewmat, camera.k))
        colors, alphas, _ = self._rasterization(
            splats.means, splats.quats, splats.scales, splats.opacities, 0.5 + C0 * splats.colors[:, 0], viewmat, k,
            camera.width, camera.height, packed=False,
        )  # fmt: skip
        return colors[0] + (1 - alphas[0]) * behind


def _psnr(mse: float) -> float:
    return float(-10 * np.log10(max(mse, 1e-10)))
