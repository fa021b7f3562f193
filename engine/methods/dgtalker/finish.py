"""From a trained DGTalker to what its file holds: generator, directions, ranges of the coefficients, basis strip."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from engine.controls import Combine, ControlSpec, SettingSpec
from engine.methods.dgtalker.basis_strip import basis_strip
from engine.methods.dgtalker.network import AvatarNet
from engine.parts.action_units import unit_specs
from engine.parts.code_basis import CodeBasis, fit_basis
from engine.parts.common_fit import EXPRESSION_WORDS, name_components
from engine.training.coded_avatar import CodedModel, finish_coded, lip_specs
from engine.training.trainable import Finished

if TYPE_CHECKING:
    from engine.methods.dgtalker.training import DGTalkerTraining

RANGE_FRAMES = 24
EYE_UNIT = "au.45"

GAINS = (
    ControlSpec("gain.lip", "motion", "Lip gain", "How far the lip coefficients go from the resting mouth; 0 holds it.",
                0.0, 2.0, 1.0, combine=Combine.SCALE, low=0.0, high=1.5),
    ControlSpec("gain.exp", "motion", "Expression gain",
                "How far the expression coefficients go from the resting face; 0 holds it.",
                0.0, 2.0, 1.0, combine=Combine.SCALE, low=0.0, high=1.5),
)  # fmt: skip

SETTINGS = (
    SettingSpec("hold_expression", "switch", False, "Hold the expression",
                "The expression stays as it was when this was switched on, while the mouth goes on talking."),
    SettingSpec("expression_sound", "text", "", "Expression follows",
                "A sound file the expression listens to in place of the voice, over and over; empty for the voice."),
)  # fmt: skip
VIEW_SETTING = SettingSpec(
    "view_colors", "switch", False, "Colours change with the view",
    "On: as the generator learnt it; off: as its front camera sees them, which one camera's clip can support.", (),
    "deform",
)  # fmt: skip


def finish(training: "DGTalkerTraining", viewmats: Tensor) -> Finished:
    """Everything the avatar file holds, from a training that has ended.

    Args:
        viewmats: the corrected training cameras, `[T, 4, 4]`.
    """
    clip, n = training.clip, training.clip.n_train
    lips, expressions = (c.cpu().numpy() for c in training.coefficients(np.arange(n), with_eyes=False))
    basis = fit_basis(expressions, training.lip_hearing.resting)
    moves = basis.coordinates(expressions)
    eye = training.eye[:n, None]
    rest, motion = _motion(training, basis)
    sizes = {"synthesis": asdict(training.sizes.synthesis), "decoding": asdict(training.sizes.decoding)}
    settings = SETTINGS + ((VIEW_SETTING,) if training.sizes.decoding.sh_degree else ())
    model = CodedModel(
        "dgtalker", asdict(training.config) | sizes, training.sizes.decoding.sh_degree,
        {"means": rest, "template": training.networks.template.cpu(), "grid": torch.from_numpy(training.template.grid)},
        AvatarNet.of(training.networks, training.config, training.sizes, training.template).state_dict(), lips,
        training.lip_hearing.resting,
        [*expression_specs(moves, clip.tracks["arkit"][:n]), *unit_specs((EYE_UNIT,), eye)],
        np.concatenate([moves, eye], axis=1), GAINS, settings, motion, torch.arange(len(rest)),
        None if clip.has_alpha else torch.zeros(len(rest)),
        {"perceptual": training.perceptual.name, "prior": training.prior.name,
         "alignment_px": round(training.alignment.error_px, 2),
         "expression_shares": [round(float(v), 5) for v in basis.shares]},
    )  # fmt: skip
    finished = finish_coded(clip, model, viewmats, training.reference)
    finished.tensors.update({f"expression.{name}": torch.from_numpy(getattr(basis, name))
                             for name in ("rest", "directions", "sigma")})  # fmt: skip
    finished.manifest.basis_strip = basis_strip(finished)
    return finished


def expression_specs(coordinates: np.ndarray, arkit: np.ndarray) -> list[ControlSpec]:
    """A control for each expression coordinate, named by the shape of the upper face it moves with most."""
    names = name_components(coordinates, arkit, EXPRESSION_WORDS, "Expression")
    return [
        ControlSpec(f"exp.{i:02d}", "expression", spec.label,
                    f"Expression direction {i + 1}, by how much the face used it.", spec.minimum, spec.maximum,
                    unit="sigma", low=spec.low, high=spec.high)
        for i, spec in enumerate(lip_specs(coordinates, names))
    ]  # fmt: skip


def _motion(training: "DGTalkerTraining", basis: CodeBasis) -> tuple[Tensor, Tensor]:
    """The face at rest `[N, 3]`, and how far each Gaussian goes from it over some training frames `[N]`."""
    net, n = training.networks, training.clip.n_train
    ids = np.unique(np.linspace(0, n - 1, RANGE_FRAMES).astype(int))
    lips, expressions = training.coefficients(ids)
    rest_lip = training.lip_hearing.at_rest()[None]
    with torch.no_grad():
        directions = net.directions()
        rest_expression = torch.from_numpy(basis.rest)[None].to(training.device)
        rest = net.gaussians(net.generator(net.latent(rest_lip, rest_expression, directions))[0]).means
        reach = torch.zeros(len(rest), device=training.device)
        for lip, expression in zip(lips, expressions, strict=True):
            w = net.latent(lip[None], expression[None], directions)
            reach = torch.maximum(reach, (net.gaussians(net.generator(w)[0]).means - rest).norm(dim=-1))
    return rest.cpu(), reach.cpu()
