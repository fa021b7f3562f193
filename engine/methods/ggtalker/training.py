"""GGTalker in training (section 3.4): the voice network, then the map of Gaussians, the head model's coefficients of
every frame, and last everything together with colours and inpainter."""

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import TrainingError
from engine.gaussians import Gaussians
from engine.heads.base import Region
from engine.heads.binding import bind, triangle_frames
from engine.heads.layout import rig_layout
from engine.heads.linear_face import PosedFace
from engine.methods.ggtalker.colors import ColorNet
from engine.methods.ggtalker.config import GGTalkerConfig, head_of
from engine.methods.ggtalker.decoding import (
    COLOR,
    MOST_SCALE,
    REACH,
    LocalGaussians,
    decoded,
    shape_losses,
    start_scales,
)
from engine.methods.ggtalker.finish import finish
from engine.methods.ggtalker.inpainter import Inpainter, coarse_cut
from engine.methods.ggtalker.start import blended, known_map, looks, seen_map
from engine.methods.ggtalker.visual_prior import prior_of as visual_prior_of
from engine.methods.ggtalker.voice_training import VoiceTraining
from engine.training.clip import Clip, Sample
from engine.training.clip_head import clip_head
from engine.training.hearing import FrameChoice
from engine.training.losses import perceptual_loss, ssim
from engine.training.trainable import DensityPlan, Finished, Trainable
from engine.training.views import frontal_index, view_angles

VOICE, MAP, FIT, JOINT = range(4)
PARTS = {"position": slice(0, 3), "scales": slice(3, 6), "quats": slice(6, 10), "colors": COLOR,
         "opacities": slice(13, 14)}  # fmt: skip
"""The raw map's channels by what they are: each has a learning rate of its own."""
SSIM_SIDE = 224  # pixels of the crop SSIM looks at
SHUT = 0.6
STILL_BEYOND = 0.16  # head heights from all landmarks: hair, neck and clothes, which the mesh does not know well
SCALE_ROOM = 1.5  # a Gaussian may grow to so many times what it starts with


class GGTalkerTraining(Trainable):
    """See `engine.training.trainable.Trainable`. `splats` are the raw map at its texels, not means and quats."""

    def __init__(self, clip: Clip, config: GGTalkerConfig, device: torch.device, seed: int = 0) -> None:
        c = config
        if not 0 < c.voice_until < c.map_until < c.fit_until < c.iterations:
            raise TrainingError(
                f"voice_until {c.voice_until}, map_until {c.map_until} and fit_until {c.fit_until} must rise to below "
                f"iterations {c.iterations}."
            )
        self.clip, self.config, self.device = clip, config, device
        self.iterations = config.iterations
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        self.head = clip_head(clip.dataset, head_of(config))
        person, face = self.head.fitted.head, self.head.face
        keep = None if clip.has_alpha else person.regions == int(Region.HEAD)
        layout = rig_layout(person, config.beside, config.cloth)
        self.binding = bind(face.rest, person.faces, layout, config.side, keep, config.sparsest)
        self.face = PosedFace(face).to(device)
        self.expression = torch.from_numpy(np.clip(self.head.expression[: clip.n_train], 0, 1)).to(device)
        self.base = torch.from_numpy(self.binding.base).to(device)
        self.start_scales = start_scales(self.binding).to(device)
        self.most_scales = (SCALE_ROOM * self.start_scales).clamp(min=MOST_SCALE)
        self.reach = self._reach().to(device)
        self.visual = visual_prior_of(config.visual_prior)
        self.reference = reference_frame(clip, self.head.expression, face.names)
        raw = self._first_map().to(device)
        self.splats = {name: raw[:, part].clone().requires_grad_() for name, part in PARTS.items()}
        self.tags: dict[str, Tensor] = {}
        self.voice = VoiceTraining(clip, config, self.head.expression, face.names, device, seed)
        self.networks = nn.ModuleDict({
            "voice": self.voice.net, "mean": self.voice.mean, "best": self.voice.best,
            "colors": ColorNet(len(self.binding), len(face)), "fits": Fits(clip.n_train, len(face)),
        }).to(device)  # fmt: skip
        if not clip.has_alpha:
            self.networks["inpainter"] = Inpainter(config.inpainter_base, shrink=config.inpainter_shrink).to(device)
        self.perceptual = perceptual_loss(device)
        lids = [i for i, name in enumerate(face.names) if name.startswith("eyeBlink")]
        shut = (self.head.expression[: clip.n_train, lids] > SHUT).any(axis=1)
        self._choice = FrameChoice(clip, shut, config.mouth_open_every) if config.mouth_open_every else None
        self.n_picked = 0
        self._local: LocalGaussians | None = None
        self._stage = VOICE

    @property
    def n_gaussians(self) -> int:
        return len(self.binding)

    def stage(self, at: float) -> int:
        c = self.config
        return sum(int(at >= until) for until in (c.voice_until, c.map_until, c.fit_until))

    def enter(self, stage: int) -> None:
        if self._stage == VOICE and stage != VOICE:
            self.voice.keep_best()
        self._stage = stage

    def blind(self, at: float) -> dict[str, Tensor] | None:
        """A1 looks at no picture."""
        return self.voice.losses(self.rng) if self._stage == VOICE else None

    def batch(self, at: float) -> int:
        return 1 if self._stage == VOICE else self.config.batch

    def splat_rates(self, at: float) -> dict[str, float]:
        c, fade = self.config, self._fade(at)
        rates = {"position": c.rate_position, "scales": c.rate_scale, "quats": c.rate_quat, "colors": c.rate_color,
                 "opacities": c.rate_opacity}  # fmt: skip
        return {name: fade * rate for name, rate in rates.items()}

    def network_groups(self, at: float) -> list[dict]:
        c, net = self.config, self.networks
        if self._stage == VOICE:
            return [{"params": list(net["voice"].parameters()), "lr": self.voice.rate(at), "weight_decay": 0.0}]
        groups = [(list(net["fits"].parameters()), c.rate_expression if self._stage >= FIT else 0.0)]
        if self._stage == JOINT:
            groups.append((list(net["colors"].parameters()), c.rate_network * self._fade(at)))
            if "inpainter" in net:
                groups.append((list(net["inpainter"].parameters()), c.rate_network * self._fade(at)))
        return [{"params": params, "lr": rate, "weight_decay": 0.0} for params, rate in groups]

    def pose_rate(self, at: float) -> float:
        return 0.0 if self.clip.info.exact or self._stage < FIT else self.config.rate_pose

    def density(self, at: float) -> DensityPlan | None:
        return None

    def pick(self, at: float) -> tuple[int, int]:
        self.n_picked += 1
        divisor = 2 if at < self.config.coarse_until * self.iterations else 1
        if self._choice is not None:
            return self._choice.pick(self.n_picked, self.rng), divisor
        return int(self.rng.integers(self.clip.n_train)), divisor

    def tidy(self, at: float) -> None:
        if self._stage == VOICE:
            self.voice.check()

    def gaussians(self, sample: Sample, at: float) -> Gaussians:
        self._local = self.local()
        coefficients = self.coefficients(sample.index)
        with torch.set_grad_enabled(self._stage >= FIT):
            vertices = self.face(coefficients)
        return self.shown_on(self._local, coefficients, vertices)

    def local(self) -> LocalGaussians:
        """The Gaussians in their triangles' frames as the map has them now."""
        raw = torch.cat([self.splats[name] for name in PARTS], dim=1)
        return decoded(raw, self.base, self.start_scales, self.reach)

    def coefficients(self, index: int) -> Tensor:
        """The head model's coefficients of a training frame, `[E]`, as they are fitted by now."""
        return (self.expression[index] + self.networks["fits"].moves[index]).clamp(0, 1)

    def shown_on(self, local: LocalGaussians, coefficients: Tensor, vertices: Tensor) -> Gaussians:
        """Gaussians of a face (eq. 7), coloured by expression from A4 on (eq. 16)."""
        if self._stage == JOINT:
            local = local.with_harmonics(self.networks["colors"](local.harmonics, coefficients))
        return local.on(self.binding, vertices)

    def losses(self, image: Tensor, sample: Sample, at: float) -> dict[str, Tensor]:
        c, target = self.config, sample.target
        terms = {"l1": c.lambda_l1 * (image - target).abs().mean()}
        y, x = self._crop(sample)
        crop = slice(y, y + SSIM_SIDE), slice(x, x + SSIM_SIDE)
        terms["ssim"] = c.lambda_ssim * (1 - ssim(image[crop], target[crop]))
        top, bottom, left, right = sample.head_box
        head = slice(top, bottom), slice(left, right)
        terms["perceptual"] = c.lambda_perceptual * self.perceptual(image[head], target[head])
        if c.lambda_lips:
            y0, y1, x0, x1 = sample.lip_box
            terms["lips"] = c.lambda_lips * (image - target)[y0:y1, x0:x1].abs().mean()
        terms["shape"] = c.lambda_scale * shape_losses(
            self._local, self.base, c.lambda_offset / max(c.lambda_scale, 1e-9), self.most_scales, self.reach
        )
        if self._stage == JOINT and "inpainter" in self.networks and sample.alpha is not None:
            mended = self.mended(image, sample)
            terms["inpainted"] = c.lambda_inpainted * (mended - target).abs().mean()
        return terms

    def mended(self, image: Tensor, sample: Sample) -> Tensor:
        """The head put into the film's own frame (eq. 17), `[H, W, 3]`."""
        alpha = sample.alpha[..., None]
        rendered = image - (1 - alpha) * sample.behind
        where = coarse_cut(sample.mask.cpu().numpy() > 0.5, step=4 if image.shape[0] >= 256 else 1)
        hole, rim = (torch.from_numpy(a)[None, None].to(image.device) for a in (where.hole, where.rim))
        pictures = [p.movedim(-1, 0)[None] for p in (rendered, alpha, sample.target)]
        return self.networks["inpainter"](*pictures, hole, rim)[0].movedim(0, -1)

    def shown(self, sample: Sample) -> Gaussians:
        with torch.no_grad():
            coefficients = self.coefficients(sample.index)
            return self.shown_on(self.local(), coefficients, self.face(coefficients))

    def finish(self, viewmats: Tensor) -> Finished:
        if self._stage == VOICE:
            self.voice.keep_best()
        return finish(self, viewmats)

    def _first_map(self) -> Tensor:
        """What the film's pictures show and, where there is a visual prior, what it knows beyond that."""
        at = self.clip, self.head, self.face, self.expression, self.binding, self.reference
        found = looks(*at)
        seen = seen_map(found, self.binding, self.head.face.rest)
        if self.visual is None:
            return seen
        return blended(seen, known_map(self.visual, *at, self.start_scales.cpu(), self.reach.cpu()), found)

    def _reach(self) -> Tensor:
        """How far each Gaussian may go, sizes of its triangle `[N, 1]`: freer where no landmark pins the mesh."""
        fitted, rest = self.head.fitted, self.head.face.rest
        marks = fitted.head.landmarks(fitted.head.pose(), "mediapipe")[fitted.rig.numbers]
        corners = self.binding.corners[self.binding.triangles]
        places = np.einsum("nk,nkc->nc", self.binding.shares, fitted.head.vertices[corners])
        far = np.clip((cKDTree(marks).query(places)[0] - STILL_BEYOND / 2) / (STILL_BEYOND / 2), 0, 1)
        sizes = triangle_frames(torch.from_numpy(rest), torch.from_numpy(self.binding.corners))[2].numpy()
        freer = self.config.reach * far / np.maximum(sizes[self.binding.triangles], 1e-9)
        return torch.from_numpy(np.maximum(REACH, freer).astype(np.float32))[:, None]

    def _crop(self, sample: Sample) -> tuple[int, int]:
        height, width = sample.target.shape[:2]
        top, bottom, left, right = sample.head_box
        y = self.rng.integers(top, max(bottom - SSIM_SIDE, top) + 1)
        x = self.rng.integers(left, max(right - SSIM_SIDE, left) + 1)
        return int(max(0, min(y, height - SSIM_SIDE))), int(max(0, min(x, width - SSIM_SIDE)))

    def _fade(self, at: float) -> float:
        """What the map's rates are times: a tenth at the end."""
        start = self.config.voice_until
        return float(0.1 ** np.clip((at - start) / (self.iterations - start), 0, 1))


class Fits(nn.Module):
    """What training adds to the fitted coefficients of each frame."""

    def __init__(self, n_frames: int, n_coefficients: int) -> None:
        super().__init__()
        self.moves = nn.Parameter(torch.zeros(n_frames, n_coefficients))


def reference_frame(clip: Clip, expression: np.ndarray, names: tuple[str, ...]) -> int:
    """I_ref: the training frame that faces the camera with open eyes, a closed resting mouth, and is sharp."""
    n = clip.n_train
    azimuth, elevation = view_angles(clip.tracks["viewmats"][:n])
    turned = np.hypot(azimuth - azimuth[frontal_index(clip.tracks["viewmats"][:n])], elevation) / 10
    lids = expression[:n, [i for i, name in enumerate(names) if name.startswith("eyeBlink")]].sum(axis=1)
    mouth = np.abs(expression[:n, [i for i, name in enumerate(names) if name.startswith(("mouth", "jaw"))]]).sum(axis=1)
    penalty = turned + lids + 0.5 * mouth
    best = np.argsort(penalty, kind="stable")[: max(1, min(8, n))]
    return int(max(best, key=lambda i: _sharpness(clip.sample(int(i), 2))))


def _sharpness(sample: Sample) -> float:
    top, bottom, left, right = sample.head_box
    grey = sample.target[top:bottom, left:right].mean(dim=-1)[None, None]
    laplacian = grey.new_tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    return float(F.conv2d(grey, laplacian).square().mean())
