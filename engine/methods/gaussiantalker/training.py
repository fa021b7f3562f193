"""GaussianTalker in training: a canonical head from a triplane first, then deformed by attention to four tokens."""

import numpy as np
import torch
from torch import Tensor

from engine.device import has_half_products
from engine.gaussians import Gaussians
from engine.methods.gaussiantalker.config import GaussianTalkerConfig, check
from engine.methods.gaussiantalker.finish import finish
from engine.methods.gaussiantalker.live import LiveDeformation
from engine.methods.gaussiantalker.network import GaussianTalkerNet, Offsets, ViewCodes, view_codes
from engine.parts.action_units import MOUTH_UNITS
from engine.parts.harmonics import C0
from engine.training.clip import Clip, Sample
from engine.training.face_zones import face_zones
from engine.training.fitted_start import led_start
from engine.training.hearing import FrameChoice, Hearing
from engine.training.losses import ssim
from engine.training.mesh_motion import ORIGIN, MeshMotion, told_apart
from engine.training.start_points import START_OPACITY, neighbour_distance
from engine.training.trainable import DensityPlan, Finished, Trainable
from engine.training.units import heard_set, heard_units, without_mouth
from engine.training.vgg import vgg_or_stand_in
from engine.training.views import frontal_index

CANONICAL, DEFORMATION = 0, 1
FACE_MARGIN = 1.05  # by which the box of the moving points grows
SEPARATE_ROWS = 768
RANGE_FRAMES = 48
MESH_ROUND_PX = 4.0  # else the voice's token grows until the norms after it leave nothing of where a Gaussian is
EYE_GAIN = 3.0  # spread of a plain unit: a blink twice in ten seconds must be heard beside the voice
LEAST_SPREAD, NO_SPREAD = 0.1, 1e-3  # of a unit, so that one hardly seen is not told louder than all others
EDGE = 0.02  # share of the box that stays between it and the face's at the least


class GaussianTalkerTraining(Trainable):
    """See `engine.training.trainable.Trainable`; two stages (suppl. A.1), each with optimizers of its own."""

    def __init__(self, clip: Clip, config: GaussianTalkerConfig, device: torch.device, seed: int = 0) -> None:
        self.clip, self.config, self.device = clip, config, device
        self.iterations = config.iterations
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        self.entered = CANONICAL
        self.n_picked = 0
        windows, _ = clip.windows(clip.tracks["times"])
        head = config.head if config.mesh_until else "none"
        self.units = heard_set(config.au_set, clip, head != "none", "au.45")
        check(config, len(self.units))
        self.unit_tracks = heard_units(self.units, clip.info, clip.tracks, windows)  # [T, U]
        viewmats = clip.tracks["viewmats"][: clip.n_train]
        self.reference = frontal_index(viewmats)
        self.extent = config.extent or camera_extent(viewmats)
        points, colors, motion = led_start(clip, config.n_points, head, seed)
        zones = face_zones(clip, points)
        low, high = _box(points, config.box_margin)
        near = _box(points[zones["active"]], FACE_MARGIN)
        near = torch.maximum(near[0], low + EDGE * (high - low)), torch.minimum(near[1], high - EDGE * (high - low))
        self.networks = GaussianTalkerNet(config, clip.voice.n_features, low, high, len(self.units), near).to(device)
        self.hearing = Hearing(clip, self.networks.audio, device, self.rng)
        self.views = ViewCodes.of(torch.tensor(viewmats, dtype=torch.float32, device=device))
        self.networks.tokens.view_mean.copy_(self.views.codes.mean(dim=0))
        self.networks.tokens.view_scale.copy_(1 / self.views.codes.std(dim=0).clamp(min=1e-3))
        if config.eye_pe == "plain":
            told = torch.from_numpy(self.unit_tracks[: clip.n_train])
            spread = told.std(dim=0)
            self.networks.tokens.eye_mean.copy_(told.mean(dim=0))
            self.networks.tokens.eye_scale.copy_(EYE_GAIN / spread.clamp(min=LEAST_SPREAD) * (spread > NO_SPREAD))
        self.mesh = None
        if config.mesh_until and motion is not None:
            still = config.still_pixels * clip.pixel()
            self.mesh = MeshMotion(
                clip, motion, points, device, still, config.mesh_until, config.lambda_mesh, MESH_ROUND_PX, is_fair=True
            )
            zones[ORIGIN], zones["active"] = self.mesh.origins.numpy(force=True), self.mesh.moves.numpy(force=True)
        if config.deform_all:
            zones["active"][:] = True
        self.splats = self._start(points, colors)
        self.tags = {name: torch.from_numpy(zone).to(device) for name, zone in zones.items()}
        start = (colors - 0.5) / C0 if config.colors_from_points else np.zeros_like(colors)
        self.tags["start_color"] = torch.from_numpy(start.astype(np.float32)).to(device)
        self.log_scale = float(self.splats["scales"].detach().mean())  # what predicted scales are added to
        self.perceptual = vgg_or_stand_in(device)
        lids = [i for i, name in enumerate(self.units) if name.startswith("au.45")]
        shut = (self.unit_tracks[: clip.n_train, lids] > 0.6).any(axis=1)
        self._choice = FrameChoice(clip, shut, config.open_every or clip.info.n_frames)
        self._half_products = has_half_products(device)
        self._mesh_alone = config.mesh_alone if self.mesh is not None else 0
        self._last: tuple[Tensor, Tensor, Tensor] | None = None
        self._attention: Tensor | None = None

    def stage(self, at: float) -> int:
        return CANONICAL if self._seen(at) < self.config.canonical_until else DEFORMATION

    def enter(self, stage: int) -> None:
        """The deformation stage takes over what the predictor has made of opacities and colours, and leaves it."""
        if stage == DEFORMATION and self.entered == CANONICAL:
            with torch.no_grad():
                self._write_predicted(self._predicted())
        self.entered = stage

    def blind(self, at: float) -> dict[str, Tensor] | None:
        if self.mesh is None:
            return None
        if at >= self._mesh_alone:
            if not self.config.mesh_apart or self.n_picked % 2 == 0:
                return None
            self.n_picked += 1
        terms = {"mesh": self._mesh_distance(at)}
        if self.config.lambda_silence:
            terms["silence"] = self.config.lambda_silence * self._silence()
        return terms

    def batch(self, at: float) -> int:
        return self.config.batch if self.stage(at) == DEFORMATION else 1

    def splat_rates(self, at: float) -> dict[str, float]:
        c = self.config
        return {
            "means": self.extent * self._decayed(c.rate_means, at), "quats": c.rate_quat, "scales": c.rate_scale,
            "opacities": c.rate_opacity, "sh0": c.rate_sh, "sh_rest": c.rate_sh / 20,
        }  # fmt: skip

    def network_groups(self, at: float) -> list[dict]:
        c, net = self.config, self.networks
        own = [net.predictor] if self.entered == CANONICAL else []
        if self.entered == DEFORMATION or self.mesh is not None:
            own += [net.audio, net.tokens, net.deformation]
        planes, others = (self.extent * self._decayed(rate, at) for rate in (c.rate_planes, c.rate_network))
        return [
            {"params": list(net.triplane.parameters()), "lr": planes, "weight_decay": 0.0},
            {"params": [p for module in own for p in module.parameters()], "lr": others, "weight_decay": 0.0},
        ]

    def pose_rate(self, at: float) -> float:
        return 0.0 if self.clip.info.exact or at < self.config.densify_from else self.config.pose_rate

    def density(self, at: float) -> DensityPlan | None:
        """Clones, splits and prunes in the canonical stage only; opacities are never reset (suppl. A.2)."""
        c = self.config
        at = self._seen(at)
        if at >= c.canonical_until or not min(c.densify_from, c.prune_from) <= at <= c.densify_until:
            return None
        large = (c.prune_scale, c.prune_radius_px) if at > c.prune_large_from else ()
        return DensityPlan(c.densify_every, c.densify_gradient, c.prune_opacity, c.max_gaussians,
                           at >= c.densify_from and self.n_gaussians < c.max_gaussians, *large)  # fmt: skip

    def pick(self, at: float) -> tuple[int, int]:
        self.n_picked += 1
        divisor = 2 if at < self.config.coarse_until * self.iterations else 1
        if not self.config.open_every:
            return int(self.rng.integers(self.clip.n_train)), divisor
        return self._choice.pick(self.n_picked, self.rng), divisor

    def tidy(self, at: float) -> None:
        """Nothing to keep: what is still is found at the end."""

    def gaussians(self, sample: Sample, at: float) -> Gaussians:
        if self.entered == CANONICAL:
            predicted = self._predicted()
            with torch.no_grad():
                self._write_predicted(predicted)
            return self._made(self._led({**self.splats, **predicted}, sample.index, 1.0), at)
        learns = self._learns_motion()
        with torch.set_grad_enabled(learns):
            code = self.hearing.by_chance(sample.time)
        eye = self._chance_units(sample.index)
        view = view_codes(sample.viewmat)
        if self.config.view_swap and self.rng.random() < self.config.view_swap:
            view = self._any_view()
        self._last = (code, eye, view) if learns else None
        lead = 0.0 if self.mesh is None else self.mesh.lead(at)
        return self._made(self._led(self._deformed(code, eye, view, 1 - lead), sample.index, lead), at)

    def losses(self, image: Tensor, sample: Sample, at: float) -> dict[str, Tensor]:
        c, target = self.config, sample.target
        y0, y1, x0, x1 = sample.lip_box
        y, x = sample.head_crop(self.config.ssim_side, self.rng)
        top, bottom, left, right = sample.head_box if c.ssim_side else (0, image.shape[0], 0, image.shape[1])
        head = slice(top, bottom), slice(left, right)
        deforms = self.entered == DEFORMATION
        listens = deforms and self._last is not None
        lips = c.lambda_lips if deforms else c.lambda_lips_canonical
        terms = {
            "l1": c.lambda_l1 * (image - target).abs().mean(),
            "image": c.lambda_image * self.perceptual(image[head], target[head]),
            "ssim": c.lambda_ssim * (1 - ssim(image[y, x], target[y, x])),
            "lips": lips * (image[y0:y1, x0:x1] - target[y0:y1, x0:x1]).abs().mean(),
        }
        if sample.alpha is not None:
            # ours: the occupancy itself; the code's 2 sigmoid(depth) - 1 is the same loss, saturated by its units
            terms["mask"] = c.lambda_mask * (sample.alpha - sample.mask).abs().mean()
        if c.lambda_square:
            terms["square"] = c.lambda_square * (image - target).square().mean()
        if c.lambda_tv:
            terms["tv"] = c.lambda_tv * self._variation()
        if self.mesh is not None and not c.mesh_apart:
            terms["mesh"] = self._mesh_distance(at)
        if listens and c.lambda_null:
            terms["null"] = c.lambda_null * (1 - self._attention[..., -1]).mean()
        if (listens or (self.mesh is not None and not c.mesh_apart)) and c.lambda_silence:
            terms["silence"] = c.lambda_silence * self._silence()
        if listens and c.lambda_separate and self._n_pictures() % 2:
            terms["separate"] = 2 * c.lambda_separate * self._separation()
        return terms

    def shown(self, sample: Sample) -> Gaussians:
        with torch.no_grad():
            if self.entered == CANONICAL:
                return self._made({**self.splats, **self._predicted()}, self.iterations)
            self.networks.eval()
            code = self.hearing.codes(np.array([sample.time]))[0]
            eye = torch.from_numpy(self.unit_tracks[sample.index]).to(self.device)
            self._last = None
            made = self._made(self._deformed(code, eye, view_codes(sample.viewmat)), self.iterations)
            self.networks.train()
            return made

    def offsets(self, rows: Tensor, code: Tensor, eye: Tensor, view: Tensor) -> Offsets:
        """Offsets of some Gaussians in one moment, `[M, k]` each."""
        return self._heard(rows, code, eye, view)[0]

    def finish(self, viewmats: Tensor) -> Finished:
        if self.entered == CANONICAL:
            self.enter(DEFORMATION)  # a run that ended early: the head as it is, moved by an untrained network
        self.networks.eval()
        return finish(self, viewmats)

    def moments(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Conditions over the training frames and at the ends of the blink, for the range of motion."""
        n = self.clip.n_train
        ids = np.unique(np.linspace(0, n - 1, RANGE_FRAMES).astype(int))
        codes = self.hearing.codes(self.clip.tracks["times"][ids])
        units = torch.from_numpy(self.unit_tracks).to(self.device)
        moments = [(code, units[i], self.views.codes[i]) for code, i in zip(codes, ids, strict=True)]
        rest, front = self.hearing.at_rest(), self.views.codes[self.reference]
        ends = torch.diag(torch.where(units[:n].amax(dim=0) > 0, units[:n].amax(dim=0), 1.0))
        for column in (i for i, name in enumerate(self.units) if name.startswith("au.45")):
            ends[column, column] = 1.0  # a slider shuts lids however briefly they were shut in the film
        return [*moments, *((rest, pushed, front) for pushed in ends)]

    def _predicted(self) -> dict[str, Tensor]:
        """What F_can says of the canonical head, raw, under the names of `splats` (suppl. A.1.2)."""
        raw = self.networks.predictor(self.networks.triplane(self.splats["means"]))
        values: dict[str, Tensor] = {}
        if "sh" in raw:
            sh = raw["sh"].unflatten(1, (-1, 3))
            values |= {"sh0": sh[:, :1] + self.tags["start_color"][:, None], "sh_rest": sh[:, 1:]}
        if "opacity" in raw:
            values["opacities"] = raw["opacity"][:, 0]
        if "scale" in raw:
            values["scales"] = raw["scale"] + self.log_scale  # the code takes 2 off, which is in its own units
        if "rotation" in raw:
            values["quats"] = raw["rotation"] + raw["rotation"].new_tensor([1.0, 0, 0, 0])
        return values

    def _write_predicted(self, predicted: dict[str, Tensor]) -> None:
        """Into the Gaussians' own tensors: density control and the second stage go on from them."""
        for name, value in predicted.items():
            self.splats[name].copy_(value)

    def _heard(self, rows: Tensor, code: Tensor, eye: Tensor, view: Tensor) -> tuple[Offsets, Tensor]:
        """Offsets of some Gaussians in one moment, `[M, k]` each, and attention `[L, M, 4]`."""
        net = self.networks
        features = net.triplane(self.splats["means"][rows])
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._half_products):
            offsets, attention = net.deformation(features, net.tokens(code[None], eye[None], view[None]))
        return Offsets(*(value[0].float() for value in offsets)), attention[0].float()

    @torch.no_grad()
    def _told(self, rows: Tensor, code: Tensor, eye: Tensor, view: Tensor) -> Offsets:
        """Offsets as the avatar will work them out: no gradient, a quarter of the time."""
        net = self.networks
        live = LiveDeformation(net.deformation, net.triplane(self.splats["means"][rows]), self._half_products)
        return live.offsets(net.tokens(code[None], eye[None], view[None])[0])

    def _seen(self, at: float) -> float:
        """A place of the schedule counted from where the first picture is looked at."""
        return at - self._mesh_alone

    def _n_pictures(self) -> int:
        return self.n_picked // 2 if self.mesh is not None and self.config.mesh_apart else self.n_picked

    def _learns_motion(self) -> bool:
        """Whether the networks learn from this picture; where a mesh teaches them, one picture in some is enough."""
        return self.mesh is None or self._n_pictures() % self.config.motion_every == 0

    def _mesh_distance(self, at: float) -> Tensor:
        at = 0.0 if self.config.mesh_apart else at  # no picture in its step that it could outshout
        return self.mesh.distance(at, self.tags, self.hearing, self.rng, self._shifts)

    def _shifts(self, rows: Tensor, codes: Tensor, ids: np.ndarray) -> Tensor:
        """Shifts of some Gaussians in some frames, head heights `[F, M, 3]`, whichever camera is asked; their own rest
        is not what should give way."""
        net = self.networks
        views = torch.stack([self._any_view() for _ in ids])
        features = net.triplane(self.splats["means"].detach()[rows])
        heard = told_apart(self.clip, self.hearing, self.tags, rows, codes, ids, self._chance_units, self.rng)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._half_products):
            shifts = [net.deformation.shifts(features[own], net.tokens(c, e, views)).float() for own, c, e in heard]
        return torch.cat(shifts, dim=1)[:, torch.cat([own for own, _, _ in heard]).argsort()]

    def _silence(self) -> Tensor:
        """Of a captured film the code at rest learns, too: there silence drove it before itself until the codes were so
        long that the norms after them left nothing of what is said."""
        return self.hearing.silence(moves_rest=not self.clip.info.exact)

    def _chance_units(self, index: int) -> Tensor:
        units = self.unit_tracks[index]
        if not self.clip.info.exact and self.rng.random() < self.config.unit_dropout:
            units = without_mouth(units, self.units)
        return torch.from_numpy(units).to(self.device)

    def _any_view(self) -> Tensor:
        return self.views.codes[int(self.rng.integers(self.clip.n_train))]

    def _led(self, raw: dict[str, Tensor], index: int, share: float) -> dict[str, Tensor]:
        """Raw values with a share of the mesh's own motion in a frame."""
        if self.mesh is None or not share:
            return raw
        rows = self.tags["active"].nonzero()[:, 0]
        shift = self.mesh.shift(self.tags[ORIGIN][rows], index)
        return raw | {"means": raw["means"].index_add(0, rows, share * shift)}

    def _deformed(self, code: Tensor, eye: Tensor, view: Tensor, gain: float = 1.0) -> dict[str, Tensor]:
        """Raw values with their offsets (before activation), under the names of `splats`; `gain` is of the places."""
        s, rows = self.splats, self.tags["active"].nonzero()[:, 0]
        if self._last is None:
            offsets = self._told(rows, code, eye, view)
        else:
            offsets, self._attention = self._heard(rows, code, eye, view)
        sh = offsets.sh.unflatten(1, (-1, 3))
        added = {"means": gain * offsets.means, "quats": offsets.quats, "scales": offsets.log_scales, "sh0": sh[:, :1],
                 "sh_rest": sh[:, 1:], "opacities": offsets.opacity_logits[:, 0]}  # fmt: skip
        if len(rows) == len(s["means"]):
            return {name: value + added[name] for name, value in s.items()}
        return {name: value.index_add(0, rows, added[name]) for name, value in s.items()}

    def _made(self, raw: dict[str, Tensor], at: float) -> Gaussians:
        degree = min(self.config.sh_degree, int(at // self.config.sh_every))
        colors = raw["sh0"]
        if degree:
            colors = torch.cat([colors, raw["sh_rest"][:, : (degree + 1) ** 2 - 1]], dim=1)
        return Gaussians(
            raw["means"], raw["quats"], torch.exp(raw["scales"]), torch.sigmoid(raw["opacities"]), colors, degree
        )

    def _separation(self) -> Tensor:
        """Voice should leave the upper face alone, lids and brows the lower one (ours): swapped inputs change
        nothing."""
        code, eye, view = (value.detach() for value in self._last)
        index = int(self.rng.integers(self.clip.n_train))
        other_code = self.hearing.codes(self.clip.tracks["times"][index : index + 1])[0]
        other_eye = torch.from_numpy(self.unit_tracks[index]).to(self.device)
        mouth = torch.tensor([name in MOUTH_UNITS for name in self.units], device=self.device)
        total = code.new_zeros(())
        for zone, (a, e) in {
            "upper": (other_code, torch.where(mouth, other_eye, eye)),
            "lower": (code, torch.where(mouth, eye, other_eye)),
        }.items():
            rows = (self.tags[zone] & self.tags["active"]).nonzero()[:, 0]
            if not len(rows):
                continue
            rows = rows[torch.randint(len(rows), (SEPARATE_ROWS,), device=self.device)]
            one, two = (self.offsets(rows, *inputs) for inputs in ((code, eye, view), (a, e, view)))
            total = total + sum((x - y).abs().mean() for x, y in zip(one, two, strict=True))
        return total

    def _variation(self) -> Tensor:
        """Total variation of the planes: mean squared difference of neighbouring cells."""
        terms = []
        for planes in self.networks.triplane.planes:
            terms += [(planes[..., 1:, :] - planes[..., :-1, :]).square().mean(),
                      (planes[..., 1:] - planes[..., :-1]).square().mean()]  # fmt: skip
        return sum(terms)

    def _start(self, points: np.ndarray, colors: np.ndarray) -> dict[str, Tensor]:
        c, n = self.config, len(points)
        scales = np.log(neighbour_distance(points))
        start = {
            "means": torch.from_numpy(points),
            "quats": torch.tensor([1.0, 0, 0, 0]).repeat(n, 1),
            "scales": torch.from_numpy(scales).float()[:, None].repeat(1, 3),
            "opacities": torch.full((n,), float(np.log(START_OPACITY / (1 - START_OPACITY)))),
            "sh0": torch.from_numpy((colors - 0.5) / C0).float()[:, None],
            "sh_rest": torch.zeros(n, c.n_harmonics - 1, 3),
        }
        return {name: value.to(self.device).requires_grad_() for name, value in start.items()}

    def _decayed(self, span: tuple[float, float], at: float) -> float:
        """Exponentially from the first to the second over `rate_steps`, longer than the run as published."""
        part = min(1.0, at / self.config.rate_steps)
        return float(np.exp((1 - part) * np.log(span[0]) + part * np.log(span[1])))


def camera_extent(viewmats: np.ndarray) -> float:
    """1.1 times the largest distance of a camera from their mean, head heights: what the published code multiplies
    its rates with."""
    centres = -np.einsum("tji,tj->ti", viewmats[:, :3, :3], viewmats[:, :3, 3])
    return max(1e-2, 1.1 * float(np.linalg.norm(centres - centres.mean(axis=0), axis=1).max()))


def _box(points: np.ndarray, margin: float) -> tuple[Tensor, Tensor]:
    low, high = torch.from_numpy(points.min(axis=0)), torch.from_numpy(points.max(axis=0))
    middle, half = (low + high) / 2, (high - low).clamp(min=1e-3) / 2 * margin
    return middle - half, middle + half
