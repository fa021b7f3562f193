"""From a trained GGTalker to what its file holds."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from engine.heads.binding import follow
from engine.methods.ggtalker.controls import GAINS, face_specs, settings
from engine.parts.code_hull import CodeHull, fit_hull
from engine.parts.harmonics import C0
from engine.training.filmed_avatar import FilmedModel, finish_filmed
from engine.training.trainable import Finished

if TYPE_CHECKING:
    from engine.methods.ggtalker.training import GGTalkerTraining

N_MOMENTS = 32
UNSEEN = 0.5 / 255  # change of a colour that no screen shows
MOVES = 1e-4  # head heights, from which on a Gaussian counts as moving
LEAST_SPREAD = 0.02  # of a coefficient, where the film hardly used it


def finish(training: "GGTalkerTraining", viewmats: Tensor) -> Finished:
    """Everything the avatar file holds, from a training that has ended.

    Args:
        viewmats: the corrected training cameras, `[T, 4, 4]`.
    """
    clip, config, net, binding = training.clip, training.config, training.networks, training.binding
    names = training.head.face.names
    n = clip.n_train
    with torch.no_grad():
        local = training.local()
        coefficients = torch.stack([training.coefficients(i) for i in range(n)])
        rest, motion = _moves(training, coefficients)
        harmonics, colored = _settled_colors(training, local.harmonics, coefficients)
    voice, used = training.voice, np.unique(binding.corners)
    face = training.head.face.of(used)
    tracks = coefficients.cpu().numpy()
    specs = face_specs(names, tracks, training.head.fitted.rig.name)
    own = np.stack([tracks[:, names.index(s.name)] if s.name in names else np.zeros(n) for s in specs], axis=1)
    has_inpainter = "inpainter" in net
    kept = {name: net[name] for name in ("voice", "colors", *(("inpainter",) if has_inpainter else ()))}
    tensors = {
        **face.tensors(),
        "colored": torch.nonzero(colored.cpu())[:, 0].to(torch.int32),
        "unheard": torch.from_numpy(_unheard(names, voice.names, tracks)),
        "binding.corners": torch.from_numpy(np.searchsorted(used, binding.corners).astype(np.int32)),
        "binding.triangles": torch.from_numpy(binding.triangles),
        "binding.texels": torch.from_numpy(binding.texels),
    }  # fmt: skip
    splats = {
        "means": rest, "offsets": local.offsets.cpu(), "quats": local.quats.cpu().half(),
        "log_scales": local.scales.log().cpu().half(), "opacities": local.opacities.cpu().half(),
        "harmonics": harmonics.cpu().half(),
    }  # fmt: skip
    read = {"names": list(names), "heard": list(voice.names), "voice": asdict(voice.net.size), "n_vertices": len(used),
            "n_triangles": len(binding.corners), "n_steps": voice.diffusion.n_steps}  # fmt: skip
    priors = "made voices" if voice.has_prior else "none: learnt from this film alone"
    looks = training.visual.label if training.visual else "none: this film alone"
    model = FilmedModel(
        "ggtalker", asdict(config) | read, 0, splats,
        {f"{name}.{key}": value for name, part in kept.items() for key, value in halved(part).items()}, tensors, specs,
        own.astype(np.float32), _hull(own[:, [s.group == "lip" for s in specs]]), GAINS,
        settings(voice.speakers, has_inpainter, config.live_steps), motion, torch.nonzero(motion > MOVES)[:, 0],
        None if clip.has_alpha else torch.zeros(len(binding)),
        {"perceptual": training.perceptual.name, "head": training.head.fitted.rig.name, "priors": priors,
         "visual_prior": looks, "head_error_px": round(training.head.error_px, 2)},
    )  # fmt: skip
    return finish_filmed(clip, model, viewmats, training.reference)


def halved(module: nn.Module) -> dict[str, Tensor]:
    """A network's tensors as they are kept: parameters in half precision, statistics whole."""
    parameters = {name for name, _ in module.named_parameters()}
    return {n: v.detach().cpu().half() if n in parameters else v.cpu() for n, v in module.state_dict().items()}


def _moves(training: "GGTalkerTraining", coefficients: Tensor) -> tuple[Tensor, Tensor]:
    """Where each Gaussian lies at rest `[N, 3]`, and how far from there it went in training `[N]`."""
    local, binding = training.local(), training.binding
    ids = np.unique(np.linspace(0, len(coefficients) - 1, N_MOMENTS).astype(int))

    def means(c: Tensor) -> Tensor:
        return follow(binding, training.face(c), local.offsets, local.quats, local.scales)[0]

    rest = means(torch.zeros_like(coefficients[0]))
    gone = torch.stack([(means(coefficients[i]) - rest).norm(dim=1) for i in ids]).amax(dim=0)
    return rest.cpu(), gone.cpu()


def _settled_colors(training: "GGTalkerTraining", harmonics: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
    """The Gaussians' own harmonics `[N, 3]`, and which of them the expression colours visibly, bool `[N]`; the others
    take what it adds to them on average as their own."""
    colors = training.networks["colors"]
    still = colors.still(harmonics)
    ids = np.unique(np.linspace(0, len(coefficients) - 1, N_MOMENTS).astype(int))
    mean = torch.stack([colors(harmonics, coefficients[i], still) for i in ids]).mean(dim=0)
    apart = torch.zeros(len(harmonics), device=harmonics.device)
    for i in ids:
        apart = torch.maximum(apart, (colors(harmonics, coefficients[i], still) - mean).abs().amax(dim=1))
    colored = C0 * apart > UNSEEN
    return torch.where(colored[:, None], harmonics, mean), colored


def _unheard(names: tuple[str, ...], heard: tuple[str, ...], tracks: np.ndarray) -> np.ndarray:
    """What drives coefficients the voice does not move `[E]`: what they were in the film; eyes look ahead."""
    still = [name not in heard and not name.startswith("eyeLook") for name in names]
    return np.where(still, tracks.mean(axis=0), 0).astype(np.float32)


def _hull(lips: np.ndarray) -> CodeHull:
    """The hull of the mouth's coefficients, fitted in their own spreads."""
    spread = np.maximum(lips.std(axis=0), LEAST_SPREAD).astype(np.float32)
    hull = fit_hull(lips / spread)
    return CodeHull(hull.mean * spread, hull.whitening / spread, hull.radius, hull.low * spread, hull.high * spread)
