"""DGTalker in training: latents, generator tuning, disentangled learning with masked cross-view supervision (3.3)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from engine.errors import TrainingError
from engine.gaussians import Gaussians
from engine.methods.catalog import head_model
from engine.methods.dgtalker.alignment import align
from engine.methods.dgtalker.config import DGTalkerConfig
from engine.methods.dgtalker.finish import finish
from engine.methods.dgtalker.leaks import Halves, Sliders
from engine.methods.dgtalker.network import NetworkSizes, TrainingNet
from engine.methods.dgtalker.prior import Prior, load_prior, no_prior
from engine.methods.dgtalker.regions import face_regions
from engine.methods.dgtalker.warm_start import start_from_latents
from engine.parts.action_units import unit_track
from engine.training.clip import Clip, Sample
from engine.training.clip_head import clip_head
from engine.training.hearing import FrameChoice, Hearing
from engine.training.losses import perceptual_loss
from engine.training.mesh_motion import PointMotion
from engine.training.start_points import start_points
from engine.training.trainable import DensityPlan, Finished, Trainable
from engine.training.views import frontal_index
from engine.vocabulary import ARKIT_52, ARKIT_INDEX

LATENTS, TUNING, LEARNING = range(3)
N_SHELL_POINTS = 20_000
WARM_UP = 200.0  # of the schedule's steps, at the start of the third stage
SHUT = 0.6  # AU45 from which lids count as shut


class DGTalkerTraining(Trainable):
    """See `engine.training.trainable.Trainable`. The generator makes all Gaussians: `splats` is empty."""

    def __init__(self, clip: Clip, config: DGTalkerConfig, device: torch.device, seed: int = 0) -> None:
        if not 0 < config.latents_until <= config.tuning_until < config.iterations:
            raise TrainingError(
                f"latents_until {config.latents_until} and tuning_until {config.tuning_until} must rise to below "
                f"iterations {config.iterations}."
            )
        if config.basis_start not in ("random", "latents"):
            raise TrainingError(f"basis_start cannot be {config.basis_start!r}; use random or latents.")
        self.clip, self.config, self.device = clip, config, device
        self.iterations = config.iterations
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        self.splats: dict[str, Tensor] = {}
        self.tags: dict[str, Tensor] = {}
        self.n_picked = 0
        self.prior = _prior(clip, config, seed)
        self.template = self.prior.template
        self.sizes = NetworkSizes(self.prior.synthesis, self.prior.decoding, clip.voice.n_features)
        names, known = known_expression(clip, config.head)
        self.networks = TrainingNet(
            config, self.sizes, self.template, torch.from_numpy(known[: clip.n_train].astype(np.float32))
        ).to(device)
        self.alignment = align(self.prior, clip)
        self._start(names)
        self.lip_hearing = Hearing(clip, self.networks.lip, device, self.rng)
        self.expression_hearing = Hearing(clip, self.networks.expression, device, self.rng)
        self.eye = unit_track("au.45", clip.info.au_names, clip.tracks["aus"], clip.tracks["arkit"]).astype(np.float32)
        self.eye = np.clip(self.eye, 0, 1)
        self.regions = face_regions(clip)
        self.reference = frontal_index(clip.tracks["viewmats"][: clip.n_train])
        self.perceptual = perceptual_loss(device)
        self._choice = None
        if config.mouth_open_every:
            self._choice = FrameChoice(clip, self.eye[: clip.n_train] > SHUT, config.mouth_open_every)
        self.names, self.halves, self.sliders = names, None, None
        self._raw: Tensor | None = None
        self._leaked: Tensor | None = None
        self._partner: int | None = None
        self._divisor = 1
        self.enter(self.stage(0.0))

    @property
    def n_gaussians(self) -> int:
        return len(self.template)

    def stage(self, at: float) -> int:
        if at < self.config.latents_until and self.prior.weights is not None:
            return LATENTS
        return TUNING if at < self.config.tuning_until else LEARNING

    def enter(self, stage: int) -> None:
        """Thaws what a stage trains. Without a prior, latents and generator learn together until the third stage."""
        net = self.networks
        self._stage = stage
        if stage == LEARNING and self.config.basis_start == "latents":
            start_from_latents(self)
        shared = [net.shapes] if self.config.rate_shapes else []
        latents = [net.canonical, *shared, net.frames, *net.placement.parameters()]
        together = self.prior.weights is None and stage != LEARNING
        for parameter in net.parameters():
            parameter.requires_grad_(False)
        self._trained = {
            LATENTS: latents,
            TUNING: list(net.generator.parameters()) + (latents if together else []),
            LEARNING: [*net.lip.parameters(), *net.expression.parameters(), net.directions.raw],
        }[stage]
        for parameter in self._trained:
            parameter.requires_grad_(True)
        if self.config.lambda_leak:
            self.halves = Halves(self)  # of the face as it stands by now
            knows = stage == LEARNING or bool(self.config.rate_shapes)
            self.sliders = Sliders(self, stage == LEARNING) if knows else None

    def batch(self, at: float) -> int:
        c = self.config
        return (c.batch_latents, c.batch_tuning, c.batch_learning)[self._stage]

    def splat_rates(self, at: float) -> dict[str, float]:
        return {}

    def network_groups(self, at: float) -> list[dict]:
        c, net = self.config, self.networks
        of = {id(p): "placement" for p in net.placement.parameters()}
        of |= {id(net.canonical): "latents", id(net.shapes): "shapes", id(net.frames): "frames"}
        groups = {"rest": [], "latents": [], "shapes": [], "frames": [], "placement": []}
        for parameter in self._trained:
            groups[of.get(id(parameter), "rest")].append(parameter)
        fade = self._fade(at)
        rest = c.rate * fade
        if self._stage == LEARNING:
            rest = c.rate_learning * fade * min(1.0, 0.01 + (at - c.tuning_until) / WARM_UP)
        rates = {"rest": rest, "latents": c.rate_latents * fade, "shapes": c.rate_shapes * fade,
                 "frames": c.rate_frames * fade, "placement": c.rate_placement * fade}  # fmt: skip
        return [{"params": p, "lr": rates[n], "weight_decay": 0.0} for n, p in groups.items() if p]

    def pose_rate(self, at: float) -> float:
        return 0.0 if self.clip.info.exact or self._stage == LEARNING else self.config.pose_rate

    def density(self, at: float) -> DensityPlan | None:
        return None

    def pick(self, at: float) -> tuple[int, int]:
        self.n_picked += 1
        self._divisor = 2 if at < self.config.coarse_until * self.iterations else 1
        if self._choice is not None:
            return self._choice.pick(self.n_picked, self.rng), self._divisor
        return int(self.rng.integers(self.clip.n_train)), self._divisor

    def also_seen(self, at: float) -> list[tuple[int, int]]:
        """The frame whose voice moved the lips, which judges the lower face (eq. 4)."""
        return [] if self._partner is None else [(self._partner, self._divisor)]

    def gaussians(self, sample: Sample, at: float) -> Gaussians:
        net, self._partner, self._leaked = self.networks, None, None
        is_crossed = self.rng.random() < self.config.cross_view
        if self._stage == LEARNING:
            self._partner = self._pair(sample.index) if is_crossed else None
            w = self.mixed_latent(sample.index, sample.index if self._partner is None else self._partner)
        else:
            w = net.of_frame(sample.index)
        if is_crossed and self.sliders is not None:
            lips = bool(self.n_picked % 2)
            raw = net.generator(torch.cat([w, w + self.sliders.push(lips)]))
            self._leaked, differs = self.halves.leak(raw[0], raw[1], is_upper=lips)
            self.sliders.changed(differs)
        else:
            raw = net.generator(w)
        self._raw = raw[0]
        self._judges_upper = True
        return net.gaussians(self._raw)

    def mixed_latent(self, eyes: int, lips: int) -> Tensor:
        """`w_12`: expression from one frame's voice and eyes, lips from another's voice, `[1, n_style]`."""
        times, net = self.clip.tracks["times"], self.networks
        eye = torch.from_numpy(self.eye[eyes : eyes + 1]).to(self.device)
        expression = self.expression_hearing.by_chance(float(times[eyes]))[None] + net.expression.of_eye(eye)
        return net.latent(self.lip_hearing.by_chance(float(times[lips]))[None], expression, net.directions())

    def losses(self, image: Tensor, sample: Sample, at: float) -> dict[str, Tensor]:
        c, net = self.config, self.networks
        mask, sees_lips = None, True
        if self._partner is not None:
            mask = self.regions.mask(sample, self._judges_upper)
            sees_lips, self._judges_upper = not self._judges_upper, False
        terms = self.reconstruction(image, sample, mask, sees_lips)
        if self._stage != LEARNING:
            terms["frame"] = c.lambda_frame * net.frames[sample.index].square().mean()
            distance = (net.canonical - self.prior.w_avg.to(self.device)).square().sum()
            terms["canonical"] = c.lambda_canonical * distance
        if self._stage == TUNING:
            terms["position"] = c.lambda_position * self._raw[:, :3].square().mean()
            terms["scale"] = c.lambda_scale * self._raw[:, 3:6].square().mean()
        if self._leaked is not None:  # once, whichever half's picture comes first
            terms["leak"], self._leaked = c.lambda_leak * self._leaked, None
        if self._stage == LEARNING and sees_lips:
            terms["silence"] = c.lambda_silence * self.lip_hearing.silence(moves_rest=True)
        return terms

    def reconstruction(self, image: Tensor, sample: Sample, mask: Tensor | None, sees_lips: bool) -> dict[str, Tensor]:
        """Squared error and perceptual loss, in a region if a mask is given: outside it both pictures show what stands
        behind."""
        c, target = self.config, sample.target
        if mask is not None:
            image, target = (mask[..., None] * p + (1 - mask[..., None]) * sample.behind for p in (image, target))
        top, bottom, left, right = sample.head_box
        crop = slice(top, bottom), slice(left, right)
        terms = {
            "l2": c.lambda_l2 * (image - target).square().mean(),
            "perceptual": c.lambda_perceptual * self.perceptual(image[crop], target[crop]),
        }
        if c.lambda_lips and sees_lips:
            y0, y1, x0, x1 = sample.lip_box
            terms["lips"] = c.lambda_lips * (image - target)[y0:y1, x0:x1].square().mean()
        return terms

    def tidy(self, at: float) -> None:
        """The encoders' decoupled weight decay, and how far sliders go by now."""
        if self.sliders is not None:
            self.sliders.look()
        if self._stage != LEARNING or not self.config.decay:
            return
        with torch.no_grad():
            for encoder in (self.networks.lip, self.networks.expression):
                for parameter in encoder.parameters():
                    parameter.mul_(1 - self.config.rate_learning * self._fade(at) * self.config.decay)

    def shown(self, sample: Sample) -> Gaussians:
        net = self.networks
        with torch.no_grad():
            if self._stage != LEARNING:
                w = net.of_frame(sample.index)
            else:
                lips, expressions = self.coefficients(np.array([sample.index]))
                w = net.latent(lips, expressions, net.directions())
            return net.gaussians(net.generator(w)[0])

    def coefficients(self, frames: np.ndarray, with_eyes: bool = True) -> tuple[Tensor, Tensor]:
        """Lip and expression coefficients of training frames with all context, `[T, 20]` each, no gradient."""
        times = self.clip.tracks["times"][frames]
        lips, expressions = self.lip_hearing.codes(times), self.expression_hearing.codes(times)
        if with_eyes:
            with torch.no_grad():
                eye = torch.from_numpy(self.eye[frames]).to(self.device)
                expressions = expressions + self.networks.expression.of_eye(eye)
        return lips, expressions

    def finish(self, viewmats: Tensor) -> Finished:
        return finish(self, viewmats)

    def _pair(self, index: int) -> int:
        """Another frame, half of the time one with other lids."""
        n = self.clip.n_train
        if self.rng.random() < 0.5:
            apart = np.flatnonzero(np.abs(self.eye[:n] - self.eye[index]) > self.config.eyes_apart)
            if len(apart):
                return int(self.rng.choice(apart))
        return int(self.rng.integers(n))

    def _fade(self, at: float) -> float:
        """What the rates are times, at a place of the schedule."""
        c = self.config
        starts = (0.0, c.latents_until if self.prior.weights is not None else 0.0, c.tuning_until)
        ends = (c.latents_until, c.tuning_until, c.iterations)
        part = (at - starts[self._stage]) / max(ends[self._stage] - starts[self._stage], 1)
        return float(c.fade ** np.clip(3 * part - 2, 0, 1))

    def _start(self, names: Sequence[str]) -> None:
        """Args:
        names: of the known coefficients of the expression.
        """
        net, prior = self.networks, self.prior
        with torch.no_grad():
            net.canonical.copy_(prior.w_avg)
            if prior.weights is not None:
                net.generator.load_state_dict(prior.weights)
                net.placement.put(self.alignment.scale, self.alignment.turn, self.alignment.shift)
            if prior.shapes is not None:
                for row, name in enumerate(names):
                    if name in ARKIT_INDEX:
                        net.shapes[row] = prior.shapes[ARKIT_INDEX[name]]


def known_expression(clip: Clip, head: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and coefficients `[T, E]` of the expression in every frame: those of a fitted head model, or with `none`,
    and of a studio's film, the dataset's own ARKit weights.

    Raises:
        DatasetError, TrainingError, ModelMissingError: see `engine.training.clip_head.clip_head`.
    """
    head = head_model(head)
    if head == "none" or PointMotion.filmed(clip.tracks) is not None:
        return ARKIT_52, clip.tracks["arkit"]
    fitted = clip_head(clip.dataset, head)
    return fitted.face.names, fitted.expression


def _prior(clip: Clip, config: DGTalkerConfig, seed: int) -> Prior:
    if config.prior == "none":
        points, _ = start_points(clip, N_SHELL_POINTS, seed)
        prior = no_prior(points, config.resolution, config.channel_base, config.grid, clip.info.units_mm)
    else:
        prior = load_prior(config.prior)
    return prior if clip.has_alpha else prior.without_torso()
