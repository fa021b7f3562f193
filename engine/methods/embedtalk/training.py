"""EmbedTalk in training: Gaussians with embeddings, deformed by voice and action units, and its losses (eq. 12)."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from engine.device import has_half_products
from engine.gaussians import Gaussians
from engine.methods.embedtalk.config import EmbedTalkConfig
from engine.methods.embedtalk.finish import finish
from engine.methods.embedtalk.network import (
    EmbedTalkNet,
    embedding_smoothness,
    neighbour_weights,
    spatial_embeddings,
)
from engine.parts.action_units import MOUTH_UNITS
from engine.parts.harmonics import C0
from engine.parts.head_pose import held_back
from engine.training.clip import Clip, Sample
from engine.training.face_zones import LEAST_LOOSE, face_zones, loose_start
from engine.training.fitted_start import led_start
from engine.training.hearing import FrameChoice, Hearing
from engine.training.losses import perceptual_loss, ssim
from engine.training.mesh_motion import ORIGIN, MeshMotion, told_apart
from engine.training.start_points import START_OPACITY, nearest_on_device, neighbour_distance
from engine.training.trainable import DensityPlan, Finished, Trainable
from engine.training.units import heard_set, heard_units, without_mouth
from engine.training.views import frontal_index

SMOOTHNESS_ROWS = 1500  # Gaussians whose neighbours are compared in one iteration
SEPARATE_ROWS = 768
SSIM_SIDE = 224  # pixels of the crop SSIM looks at
LAST = 0.875  # share of a run after which it settles
RANGE_FRAMES = 48
STILL_OPACITY = 0.015  # change of opacity nobody sees


class EmbedTalkTraining(Trainable):
    """See `engine.training.trainable.Trainable`."""

    def __init__(self, clip: Clip, config: EmbedTalkConfig, device: torch.device, seed: int = 0) -> None:
        self.clip, self.config, self.device = clip, config, device
        self.iterations = config.iterations
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        head = config.head if config.mesh_until else "none"
        self.units = heard_set(config.au_set, clip, head != "none", "paper")
        windows, _ = clip.windows(clip.tracks["times"])
        self.unit_tracks = heard_units(self.units, clip.info, clip.tracks, windows)
        self.reference = frontal_index(clip.tracks["viewmats"][: clip.n_train])
        self.networks = EmbedTalkNet(config, clip.voice.n_features, len(self.units)).to(device)
        self.hearing = Hearing(clip, self.networks.audio, device, self.rng)
        points, colors, motion = led_start(clip, config.n_points, head, seed)
        zones = face_zones(clip, points)
        self.splats = self._start(points, colors)
        self.mesh = None
        if config.mesh_until and motion is not None:
            still = config.active_pixels * clip.pixel()
            self.mesh = MeshMotion(clip, motion, points, device, still, config.mesh_until, config.lambda_mesh)
            zones[ORIGIN], zones["active"] = self.mesh.origins.numpy(force=True), self.mesh.moves.numpy(force=True)
        if not clip.has_alpha:
            start = torch.from_numpy(loose_start(clip, points)).to(device)
            zones["loose"] = start.cpu().numpy() > LEAST_LOOSE
            self.splats["looseness"] = start.requires_grad_()
        self.tags = {name: torch.from_numpy(zone).to(device) for name, zone in zones.items()}
        self.perceptual = perceptual_loss(device)
        lids = [i for i, name in enumerate(self.units) if name.startswith("au.45")]
        shut = (self.unit_tracks[: clip.n_train, lids] > 0.6).any(axis=1)
        self._choice = FrameChoice(clip, shut, config.mouth_open_every)
        self.n_picked = 0
        self._half_products = has_half_products(device)
        self._neighbours: tuple[Tensor, Tensor] | None = None
        self._neighbours_at = self._range_at = -1e9
        self._last: tuple[Tensor, Tensor] | None = None
        self._moved_by: tuple[Tensor, Tensor] | None = None

    def splat_rates(self, at: float) -> dict[str, float]:
        c = self.config
        return {
            "means": self._decayed(c.rate_means, at), "quats": c.rate_quat, "scales": c.rate_scale,
            "opacities": c.rate_opacity, "sh0": c.rate_sh, "sh_rest": c.rate_sh / 20, "embeddings": c.rate_embedding,
            "looseness": c.rate_looseness,
        }  # fmt: skip

    def network_groups(self, at: float) -> list[dict]:
        c, net = self.config, self.networks
        fade = self._decayed((1.0, 0.1), at)
        return [
            {"params": list(net.deform.parameters()), "lr": self._decayed(c.rate_network, at), "weight_decay": 0.0},
            {"params": list(net.audio.net.parameters()), "lr": c.rate_audio * fade, "weight_decay": 0.0},
            {"params": list(net.audio.attention.parameters()), "lr": c.rate_attention * fade,
             "weight_decay": c.attention_decay},
        ]  # fmt: skip

    def pose_rate(self, at: float) -> float:
        if self.clip.info.exact or at < self.config.densify_from:
            return 0.0
        return self.config.pose_rate if at < self.config.pose_until else 0.1 * self.config.pose_rate

    def density(self, at: float) -> DensityPlan | None:
        c = self.config
        if not c.densify_from <= at <= c.densify_until:
            return None
        return DensityPlan(c.densify_every, c.densify_gradient, c.prune_opacity, c.max_gaussians, grow=True)

    def pick(self, at: float) -> tuple[int, int]:
        self.n_picked += 1
        coarse = at < self.config.coarse_until * self.iterations
        return self._choice.pick(self.n_picked, self.rng), 2 if coarse else 1

    def tidy(self, at: float) -> None:
        c = self.config
        if at > c.densify_until and at - self._neighbours_at >= c.neighbours_every:
            self._find_neighbours()
            self._neighbours_at = at
        if at > c.active_from and at - self._range_at >= 5 * c.neighbours_every:
            self._still_the_motionless()
            self._range_at = at

    def gaussians(self, sample: Sample, at: float) -> Gaussians:
        return self._with_colors(self._held_back(self._moved(sample, at), sample), at)

    def losses(self, image: Tensor, sample: Sample, at: float) -> dict[str, Tensor]:
        c = self.config
        target = sample.target
        terms = {"l1": (image - target).abs().mean()}
        square = c.square_last if c.square_last and at > LAST * self.iterations else c.lambda_square
        if square:
            terms["square"] = square * (image - target).square().mean()
        y0, y1, x0, x1 = sample.lip_box
        lips, lips_target = image[y0:y1, x0:x1], target[y0:y1, x0:x1]
        terms["lips"] = c.lambda_lips * (lips - lips_target).abs().mean()
        terms["mouth"] = c.lambda_mouth * self.perceptual(lips, lips_target)
        top, bottom, left, right = sample.head_box
        terms["image"] = c.lambda_image * self.perceptual(image[top:bottom, left:right], target[top:bottom, left:right])
        y, x = self._crop(sample)
        crop = slice(y, y + SSIM_SIDE), slice(x, x + SSIM_SIDE)
        terms["ssim"] = c.lambda_ssim * (1 - ssim(image[crop], target[crop]))
        terms["opacity"] = c.lambda_opacity * torch.sigmoid(self.splats["opacities"]).mean()
        if self.mesh is not None:
            terms["mesh"] = self.mesh.distance(at, self.tags, self.hearing, self.rng, self._shifts)
        is_told = self.clip.info.exact or self.mesh is not None
        if at >= c.motion_from and self._moved_by is not None and not is_told:
            terms["motion"] = c.lambda_motion * self._motion()
        if self._neighbours is not None and self._neighbours_at > -1e9:
            terms["embedding"] = c.lambda_embedding * self._smoothness()
        if at >= c.warm_up and self._last is not None:
            if self.n_picked % 2:
                terms["silence"] = 2 * c.lambda_silence * self.hearing.silence()
            else:
                terms["separate"] = 2 * c.lambda_separate * self._separation()
        return terms

    def shown(self, sample: Sample) -> Gaussians:
        with torch.no_grad():
            code = self.hearing.codes(np.array([sample.time]))[0]
            units = torch.from_numpy(self.unit_tracks[sample.index]).to(self.device)
            return self._with_colors(self._held_back(self._deformed(code, units, 1.0), sample), self.iterations)

    def raw_motion(self, code: Tensor, units: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Shift of position in head heights `[M, 3]` and of the opacity logit `[M]` for some Gaussians."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._half_products):
            position, opacity = self.networks.deform(self.splats["embeddings"][rows], code, units)
        return self.config.position_scale * position.float(), opacity.float()

    def motion_range(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Over training frames and slider ends, for the active Gaussians: mean shift `[M, 3]` and `[M]`, greatest
        distance from it in head heights `[M]`, and greatest change of opacity `[M]`."""
        rows = self.tags["active"].nonzero()[:, 0]
        with torch.no_grad():
            moments = self._moments()
            shifts, logits = zip(*(self.raw_motion(code, units, rows) for code, units in moments), strict=True)
            shifts, logits = torch.stack(shifts), torch.stack(logits)  # [F, M, 3], [F, M]
            mean_shift, mean_logit = shifts.mean(dim=0), logits.mean(dim=0)
            distance = (shifts - mean_shift).norm(dim=-1).amax(dim=0)
            base = self.splats["opacities"][rows]
            change = (torch.sigmoid(base + logits) - torch.sigmoid(base + mean_logit)).abs().amax(dim=0)
        return mean_shift, mean_logit, distance, change

    def finish(self, viewmats: Tensor) -> Finished:
        self._still_the_motionless()
        return finish(self, viewmats)

    def _moved(self, sample: Sample, at: float) -> Gaussians:
        c = self.config
        lead = 0.0 if self.mesh is None else self.mesh.lead(at)
        if lead == 1:
            self._last = self._moved_by = None
            rows = self.tags["active"].nonzero()[:, 0]
            still = self._canonical()
            return replace(still, means=still.means.index_add(0, rows, self._mesh_shift(rows, sample.index)))
        if at < c.warm_up and self.mesh is None:
            self._last = self._moved_by = None
            return self._canonical()
        code = self.hearing.by_chance(sample.time)
        units = self._chance_units(sample.index)
        self._last = (code, units)
        if self.mesh is None:
            return self._deformed(code, units, min(1.0, (at - c.warm_up) / max(c.ramp, 1)))
        moved = self._deformed(code, units, 1.0 - lead)
        if not lead:
            return moved
        rows = self.tags["active"].nonzero()[:, 0]
        return replace(moved, means=moved.means.index_add(0, rows, lead * self._mesh_shift(rows, sample.index)))

    def _mesh_shift(self, rows: Tensor, index: int) -> Tensor:
        return self.mesh.shift(self.tags[ORIGIN][rows], index)

    def _shifts(self, rows: Tensor, codes: Tensor, ids: np.ndarray) -> Tensor:
        """Shifts of some Gaussians in some frames, head heights `[F, M, 3]`."""
        deform = self.networks.deform
        embedded = deform.embedding_part(self.splats["embeddings"][rows])
        heard = told_apart(self.clip, self.hearing, self.tags, rows, codes, ids, self._chance_units, self.rng)
        shifts = [
            torch.stack(
                [deform.heads(embedded[own], deform.motion_part(*moment))[0] for moment in zip(c, u, strict=True)]
            )
            for own, c, u in heard
        ]
        together = torch.cat(shifts, dim=1)[:, torch.cat([own for own, _, _ in heard]).argsort()]
        return self.config.position_scale * together

    def _deformed(self, code: Tensor, units: Tensor, gain: float) -> Gaussians:
        """mu' = mu + dmu, alpha' = sigmoid(logit + dalpha); rotations, scales and colours untouched (eq. 10)."""
        rows = self.tags["active"].nonzero()[:, 0]
        shift, logit = self.raw_motion(code, units, rows)
        self._moved_by = shift, logit
        still = self._canonical()
        means = still.means.index_add(0, rows, gain * shift)
        logits = self.splats["opacities"].index_add(0, rows, gain * logit)
        return replace(still, means=means, opacities=torch.sigmoid(logits))

    def _held_back(self, splats: Gaussians, sample: Sample) -> Gaussians:
        """Neck and hanging hair follow the head only in part (ours; a plate avatar's torso is a picture)."""
        if sample.head_pose is None:
            return splats
        rows = self.tags["loose"].nonzero()[:, 0]
        looseness = torch.sigmoid(self.splats["looseness"][rows])
        means, quats = held_back(splats.means[rows], splats.quats[rows], looseness, sample.head_pose)
        return replace(splats, means=splats.means.index_copy(0, rows, means),
                       quats=splats.quats.index_copy(0, rows, quats))  # fmt: skip

    def _canonical(self) -> Gaussians:
        s = self.splats
        return Gaussians(s["means"], s["quats"], torch.exp(s["scales"]), torch.sigmoid(s["opacities"]), s["sh0"], 0)

    def _with_colors(self, splats: Gaussians, at: float) -> Gaussians:
        degree = min(self.config.sh_degree, int(at // self.config.sh_every))
        if degree == 0:
            return splats
        colors = torch.cat([self.splats["sh0"], self.splats["sh_rest"][:, : (degree + 1) ** 2 - 1]], dim=1)
        return replace(splats, colors=colors, sh_degree=degree)

    def _chance_units(self, index: int) -> Tensor:
        units = self.unit_tracks[index]
        if not self.clip.info.exact and self.rng.random() < self.config.unit_dropout:
            units = without_mouth(units, self.units)
        return torch.from_numpy(units).to(self.device)

    def _moments(self) -> list[tuple[Tensor, Tensor]]:
        n = self.clip.n_train
        ids = np.unique(np.linspace(0, n - 1, RANGE_FRAMES).astype(int))
        codes = self.hearing.codes(self.clip.tracks["times"][ids])
        units = torch.from_numpy(self.unit_tracks).to(self.device)
        moments = [(code, units[i]) for code, i in zip(codes, ids, strict=True)]
        rest = self.hearing.at_rest()
        still = torch.zeros_like(units[0])
        for column in range(units.shape[1]):
            pushed = still.clone()
            pushed[column] = units[:n, column].max()
            moments.append((rest, pushed))
        return moments

    def _still_the_motionless(self) -> None:
        """Takes Gaussians that hardly move off the active list; their mean shift becomes part of their place."""
        mean_shift, mean_logit, distance, change = self.motion_range()
        rows = self.tags["active"].nonzero()[:, 0]
        still = (distance < self.config.active_pixels * self.clip.pixel()) & (change < STILL_OPACITY)
        with torch.no_grad():
            self.splats["means"][rows[still]] += mean_shift[still]
            self.splats["opacities"][rows[still]] += mean_logit[still]
        self.tags["active"][rows[still]] = False

    def _smoothness(self) -> Tensor:
        neighbours, weights = self._neighbours
        rows = torch.randint(len(neighbours), (min(SMOOTHNESS_ROWS, len(neighbours)),), device=self.device)
        return embedding_smoothness(self.splats["embeddings"], rows, neighbours[rows], weights[rows])

    def _motion(self) -> Tensor:
        """Mean motion of the active Gaussians in pixels and logits (ours): where a picture gains nothing by it skin and
        hair stay still, or a short clip's frames are learnt by heart. The mouth pays a tenth."""
        shift, logit = self._moved_by
        lower = self.tags["lower"][self.tags["active"]]
        amount = shift.square().sum(dim=-1).add(1e-12).sqrt() / self.clip.pixel() + logit.abs()
        return (amount * torch.where(lower, 0.1, 1.0)).sum() / max(len(amount), 1)  # none may be left that moves

    def _separation(self) -> Tensor:
        """Voice should leave brows and lids alone, brows and lids the mouth (ours): swapped inputs change nothing."""
        code, units = self._last
        index = int(self.rng.integers(self.clip.n_train))
        other_code = self.hearing.codes(self.clip.tracks["times"][index : index + 1])[0]
        other_units = torch.from_numpy(self.unit_tracks[index].copy()).to(self.device)
        mouth = torch.tensor([name in MOUTH_UNITS for name in self.units], device=self.device)
        total = code.new_zeros(())
        for zone, (a, e) in {
            "upper": (other_code, torch.where(mouth, other_units, units)),
            "lower": (code, torch.where(mouth, units, other_units)),
        }.items():
            rows = (self.tags[zone] & self.tags["active"]).nonzero()[:, 0]
            if not len(rows):
                continue
            rows = rows[torch.randint(len(rows), (SEPARATE_ROWS,), device=self.device)]
            embedded = self.networks.deform.embedding_part(self.splats["embeddings"][rows])
            first = self.networks.deform.heads(embedded, self.networks.deform.motion_part(code.detach(), units))
            second = self.networks.deform.heads(embedded, self.networks.deform.motion_part(a.detach(), e))
            total = total + sum((x - y).abs().mean() for x, y in zip(first, second, strict=True))
        return total

    def _find_neighbours(self) -> None:
        means = self.splats["means"].detach()
        indices = nearest_on_device(means, self.config.neighbours)
        rows = torch.arange(len(means), device=self.device)
        self._neighbours = indices, neighbour_weights(means, rows, indices, self.config.neighbour_falloff)

    def _crop(self, sample: Sample) -> tuple[int, int]:
        height, width = sample.target.shape[:2]
        top, bottom, left, right = sample.head_box
        y = self.rng.integers(top, max(bottom - SSIM_SIDE, top) + 1)
        x = self.rng.integers(left, max(right - SSIM_SIDE, left) + 1)
        return int(max(0, min(y, height - SSIM_SIDE))), int(max(0, min(x, width - SSIM_SIDE)))

    def _start(self, points: np.ndarray, colors: np.ndarray) -> dict[str, Tensor]:
        c, n = self.config, len(points)
        scales = np.log(neighbour_distance(points))
        generator = torch.Generator().manual_seed(int(self.rng.integers(2**31)))
        start = {
            "means": torch.from_numpy(points),
            "quats": torch.tensor([1.0, 0, 0, 0]).repeat(n, 1),
            "scales": torch.from_numpy(scales).float()[:, None].repeat(1, 3),
            "opacities": torch.full((n,), float(np.log(START_OPACITY / (1 - START_OPACITY)))),
            "sh0": torch.from_numpy((colors - 0.5) / C0).float()[:, None],
            "sh_rest": torch.zeros(n, (c.sh_degree + 1) ** 2 - 1, 3),
            "embeddings": spatial_embeddings(torch.from_numpy(points), c.n_embedding, generator),
        }
        return {name: value.to(self.device).requires_grad_() for name, value in start.items()}

    @staticmethod
    def _decay(span: tuple[float, float], part: float) -> float:
        return float(np.exp((1 - part) * np.log(span[0]) + part * np.log(span[1])))

    def _decayed(self, span: tuple[float, float], at: float) -> float:
        return self._decay(span, min(1.0, at / self.iterations))
