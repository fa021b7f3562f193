"""Talk2Me in training: resting Gaussians, their deformation by expression and pose, and who makes the expressions."""

import numpy as np
import torch
from torch import Tensor

from engine.audio.encoders import make_encoder
from engine.audio.wav import read_sound
from engine.device import has_half_products
from engine.gaussians import Gaussians
from engine.methods.talk2me.carry import carried_by
from engine.methods.talk2me.config import Talk2MeConfig
from engine.methods.talk2me.controls import group_of, pose_codes
from engine.methods.talk2me.deformation import N_ATTRIBUTES, deformed
from engine.methods.talk2me.expression import in_stretches
from engine.methods.talk2me.expression_training import ExpressionTraining, Heard
from engine.methods.talk2me.finish import finish
from engine.methods.talk2me.hearing import heard_with, silence_with
from engine.methods.talk2me.network import Talk2MeNet, expression_sizes
from engine.methods.talk2me.regions import squared_distances, weights_of
from engine.methods.talk2me.start import Start, start_of
from engine.training.clip import Clip, Sample
from engine.training.face_zones import face_zones
from engine.training.hearing import FrameChoice
from engine.training.losses import perceptual_loss, ssim
from engine.training.start_points import neighbour_distance
from engine.training.trainable import DensityPlan, Finished, Trainable
from engine.training.views import frontal_index, poses_between
from engine.training.voice import hear

START_OPACITY = 0.3
SEPARATE_ROWS = 768
RANGE_FRAMES = 48
PHASES_S = 0.02
"""Altered voices are learned up to so long after the film's own frames: live moments fall between them."""
SHUT = 0.6  # of the way from open to shut lids
MEAN_FROM = 0.5  # share of a run after which the generator's weights are averaged


class Talk2MeTraining(Trainable):
    """See `engine.training.trainable.Trainable`.

    Attributes:
        start: where the Gaussians came from.
        face: the expression `[T, E]` and the eye aspect ratios `[T, 2]` of every frame; pose: rotation vector and
            translation of the head `[T, 6]`.
    """

    def __init__(self, clip: Clip, config: Talk2MeConfig, device: torch.device, seed: int = 0) -> None:
        self.clip, self.config, self.device = clip, config, device
        self.iterations = config.iterations
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        self.start: Start = start_of(clip, config, seed)
        viewmats = clip.tracks["viewmats"]
        self.reference = frontal_index(viewmats[: clip.n_train])
        self.poses = poses_between(viewmats, viewmats[self.reference])
        if clip.has_alpha:
            self.poses = np.zeros_like(self.poses)  # the camera went round a head that stayed
        self.expression, self.ear = self.start.expression, self.start.ear
        self._face = tuple(torch.from_numpy(a).to(device) for a in (self.expression, self.ear, pose_codes(self.poses)))
        self.emotion_encoder = make_encoder({"name": config.emotion_encoder})
        self.lessons = self._lessons(seed)
        n, n_expression = len(self.start.points), len(self.start.names)
        mesh = self.start.mesh
        carry = mesh and carried_by(mesh.moves, mesh.weight, mesh.bias, mesh.expression[: clip.n_train])
        self.networks = Talk2MeNet(config, n, n_expression, self.lessons.generator, carry).to(device)
        self.networks.deformation.standardise(*(track[: clip.n_train] for track in self._face[:2]))
        if not self.poses.any():
            self.networks.deformation.leave_pose()
        self.splats = self._start_splats()
        zones = face_zones(clip, self.start.points)
        self.tags = {name: torch.from_numpy(zones[name]).to(device) for name in ("upper", "lower")}
        squared = squared_distances(self.start.points, self.start.landmarks)
        self.tags["squared"] = torch.from_numpy(squared).to(device)
        self.tags["weights"] = torch.from_numpy(weights_of(squared, config.near, config.far)).to(device)
        self.perceptual = perceptual_loss(device)
        self._choice = None
        if config.open_every:
            open_, shut = np.quantile(self.ear[: clip.n_train], (0.95, 0.02), axis=0)
            lids = (open_ - self.ear[: clip.n_train]) / np.maximum(open_ - shut, 1e-3)
            self._choice = FrameChoice(clip, (lids > SHUT).any(axis=1), config.open_every)
        lips = torch.tensor([group_of(name) == "lip" for name in self.start.names], device=device)
        self._is_lip = lips
        self.n_picked = 0
        self._half_products = has_half_products(device)
        self._last: int | None = None
        self._own: Tensor | None = None

    def splat_rates(self, at: float) -> dict[str, float]:
        c = self.config
        return {
            "means": self._decayed(c.rate_means, at), "quats": c.rate_quat, "scales": c.rate_scale,
            "opacities": c.rate_opacity, "colors": c.rate_color, "features": c.rate_features,
        }  # fmt: skip

    def network_groups(self, at: float) -> list[dict]:
        c, net = self.config, self.networks
        groups = [(net.deformation, c.rate_network), (net.place, c.rate_place), (net.generator, c.rate_expression)]
        if c.lambda_adversarial:
            groups.append((net.critic, (c.rate_critic, c.rate_critic)))
        return [
            {"params": list(part.parameters()), "lr": self._decayed(span, at), "weight_decay": 0.0}
            for part, span in groups
        ]

    def pose_rate(self, at: float) -> float:
        return 0.0 if self.clip.info.exact else self.config.pose_rate

    def density(self, at: float) -> DensityPlan | None:
        """None: an index means a place, see `PlaceCode`."""

    def pick(self, at: float) -> tuple[int, int]:
        self.n_picked += 1
        divisor = 2 if at < self.config.coarse_until * self.iterations else 1
        if self._choice is None:
            return int(self.rng.integers(self.clip.n_train)), divisor
        return self._choice.pick(self.n_picked, self.rng), divisor

    def tidy(self, at: float) -> None:
        """Late in a run the generator's weights begin to be averaged."""
        if at >= MEAN_FROM * self.iterations:
            self.networks.settled.see(self.networks.generator)

    def gaussians(self, sample: Sample, at: float) -> Gaussians:
        self._last, self._own = sample.index, None
        return self._shown(sample.index, at >= self.config.mesh_until * self.iterations)

    def shown(self, sample: Sample) -> Gaussians:
        with torch.no_grad():
            return self._shown(sample.index)

    def losses(self, image: Tensor, sample: Sample, at: float) -> dict[str, Tensor]:
        """Eq. 10, the generator's eq. 11, and our own terms."""
        c, target = self.config, sample.target
        crop = sample.head_crop(self.config.ssim_side, self.rng)
        top, bottom, left, right = sample.head_box
        terms = {
            "l1": c.lambda_l1 * (image - target).abs().mean(),
            "ssim": c.lambda_ssim * (1 - ssim(image[crop], target[crop])),
            "image": c.lambda_image * self.perceptual(image[top:bottom, left:right], target[top:bottom, left:right]),
        }
        if c.lambda_offset and self._own is not None:
            terms["offset"] = c.lambda_offset * self._own
        if c.lambda_lips:
            y0, y1, x0, x1 = sample.lip_box
            terms["lips"] = c.lambda_lips * (image - target)[y0:y1, x0:x1].abs().mean()
        if c.lambda_adversarial and at >= c.adversarial_from:
            fools, terms["critic"] = self.networks.critic.losses(image[crop], target[crop])
            terms["adversarial"] = c.lambda_adversarial * fools
        terms["expression"] = c.lambda_expression * self.lessons.loss()
        if (
            c.lambda_separate and self._own is not None and self.n_picked % 4 == 0
        ):  # it costs half of what a picture does
            terms["separate"] = 4 * c.lambda_separate * self._separation(self._last)
        return terms

    def offsets(self, face: tuple[Tensor, Tensor, Tensor], rows: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """What the networks make of a moment for the Gaussians, or for some of them, before `deformed`, beside what the
        mesh does; products in half precision."""
        net, weights = self.networks, self.tags["weights"]
        means, features = self.splats["means"], self.splats["features"]
        if rows is not None:
            means, features, weights = (values.index_select(0, rows) for values in (means, features, weights))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._half_products):
            return net.deformation(net.place(means, rows), features, weights, *face)

    def moments(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Faces over the training frames and at the ends of single coefficients, for the range of motion."""
        n = self.clip.n_train
        ids = np.unique(np.linspace(0, n - 1, RANGE_FRAMES).astype(int))
        expression, ear, pose = (track[:n] for track in self._face)
        moments = [(expression[i], ear[i], pose[i]) for i in ids]
        rest = expression.median(dim=0).values
        for column in range(expression.shape[1]):
            pushed = rest.clone()
            pushed[column] = expression[:, column].max()
            moments.append((pushed, ear.median(dim=0).values, pose[self.reference]))
        return [*moments, (rest, ear.amin(dim=0), pose[self.reference])]

    def made(self, n: int, style: Tensor) -> np.ndarray:
        """What the generator makes of the clip's own voice, for `n` frames at 25 a second, `[n, E + 2]`."""
        clean = self.lessons.clean
        with torch.no_grad():
            made = in_stretches(self.networks.generator, *(c.to(self.device) for c in (clean.phonetic, clean.emotion)),
                                style)  # fmt: skip
        rows = np.minimum(np.arange(n), len(made) - 1)
        return made.cpu().numpy()[rows]

    def finish(self, viewmats: Tensor) -> Finished:
        self.networks.settled.put_into(self.networks.generator)
        self.networks.eval()
        return finish(self, viewmats)

    def _shown(self, index: int, with_networks: bool = True) -> Gaussians:
        s, net = self.splats, self.networks
        face = tuple(track[index] for track in self._face)
        if with_networks:
            offsets = self.offsets(face)
            self._own = offsets[0].abs().mean()
        else:
            offsets = tuple(s["means"].new_zeros(len(s["means"]), n) for n in (3, 3, N_ATTRIBUTES))
        means = s["means"] + self.tags["weights"][:, None] * net.carry(*face[:2])
        made = deformed(means, s["quats"], s["scales"], s["opacities"], s["colors"], offsets)
        return Gaussians(made.means, made.quats, made.scales, made.opacities, made.colors)

    def _separation(self, index: int) -> Tensor:
        """Lips should leave the upper face alone, lids and brows the lower one (ours): a swap changes nothing."""
        other = int(self.rng.integers(self.clip.n_train))
        expression, ear, pose = (track[index] for track in self._face)
        swapped, other_ear, _ = (track[other] for track in self._face)
        faces = {
            "upper": (torch.where(self._is_lip, swapped, expression), ear, pose),
            "lower": (torch.where(self._is_lip, expression, swapped), other_ear, pose),
        }
        total = expression.new_zeros(())
        for zone, face in faces.items():
            rows = self.tags[zone].nonzero()[:, 0]
            if not len(rows):
                continue
            rows = rows[torch.randint(len(rows), (SEPARATE_ROWS,), device=self.device)]
            one, two = (self.offsets(given, rows) for given in ((expression, ear, pose), face))
            total = total + sum((x - y).abs().mean() for x, y in zip(one, two, strict=True))
        return total

    def _lessons(self, seed: int) -> ExpressionTraining:
        clip, config, n = self.clip, self.config, self.clip.n_train
        samples, _ = read_sound(clip.dataset.audio_path)
        said, meant = clip.voice, hear(self.emotion_encoder, samples, config.sound_variants, seed)
        times = clip.tracks["times"][:n].astype(np.float64)
        shown = np.concatenate([self.expression, self.ear], axis=1)[:n]
        phases = [0.0, *self.rng.uniform(0, PHASES_S, len(said.histories) - 1)]
        voices: list[Heard] = [
            heard_with(a, b, times, shown, phase)
            for a, b, phase in zip(said.histories, meant.histories, phases, strict=True)
        ]
        n_features = clip.voice.n_features, self.emotion_encoder.n_features
        sizes = expression_sizes(config, len(self.start.names), 2 * n_features[0], n_features[1])
        silence = None
        if config.silent_share:
            resting = np.median(shown[self.resting], axis=0)
            rooms = zip(said.silences, meant.silences, strict=True)
            parts = [silence_with(a, b, resting, sizes.n_frames) for a, b in rooms]
            silence = Heard(*(torch.cat([getattr(p, k) for p in parts]) for k in ("phonetic", "emotion", "expression")))
        return ExpressionTraining(
            voices, sizes, self.rng, config.batch_expression, config.eye_weight, silence, config.silent_share
        )

    @property
    def resting(self) -> np.ndarray:
        """Frames whose mouth is at rest, bool `[n_train]`."""
        opening = self.clip.opening()[: self.clip.n_train]
        return opening <= np.quantile(opening, 0.1)

    def _start_splats(self) -> dict[str, Tensor]:
        points, colors = self.start.points, self.start.colors
        n = len(points)
        colors = np.clip(colors, 0.02, 0.98)
        scales = torch.from_numpy(np.log(neighbour_distance(points))).float()
        start = {
            "means": torch.from_numpy(points.copy()),
            "quats": torch.tensor([1.0, 0, 0, 0]).repeat(n, 1),
            "scales": scales[:, None].repeat(1, 3),
            "opacities": torch.full((n,), float(np.log(START_OPACITY / (1 - START_OPACITY)))),
            "colors": torch.from_numpy(np.log(colors / (1 - colors))).float(),
            "features": 0.1 * torch.randn(n, self.config.n_code),
        }
        return {name: value.to(self.device).requires_grad_() for name, value in start.items()}

    def _decayed(self, span: tuple[float, float], at: float) -> float:
        part = min(1.0, at / self.iterations)
        return float(np.exp((1 - part) * np.log(span[0]) + part * np.log(span[1])))
