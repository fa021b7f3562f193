"""From a trained EmbedTalk to what its file holds."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engine.controls import Combine, ControlSpec, SettingSpec
from engine.parts.action_units import unit_specs
from engine.training.coded_avatar import CodedModel, finish_coded
from engine.training.trainable import Finished

if TYPE_CHECKING:
    from engine.methods.embedtalk.training import EmbedTalkTraining

GAINS = (
    ControlSpec("deform.position", "motion", "Shift of positions", "How far the Gaussians are moved; 0 holds them.",
                0.0, 2.0, 1.0, combine=Combine.SCALE, low=0.0, high=1.5),
    ControlSpec("deform.opacity", "motion", "Change of opacities", "How far opacities change; 0 holds them.",
                0.0, 2.0, 1.0, combine=Combine.SCALE, low=0.0, high=1.5),
)  # fmt: skip

SETTINGS = (
    SettingSpec("overlay", "choice", "none", "Overlay", "Shows what the network does in place of the colours.",
                ("none", "embeddings", "position", "opacity"), "deform"),
)  # fmt: skip


def finish(training: "EmbedTalkTraining", viewmats: Tensor) -> Finished:
    """Everything the avatar file holds, from a training that has ended.

    Args:
        viewmats: the corrected training cameras, `[T, 4, 4]`.
    """
    clip = training.clip
    tracks = training.unit_tracks[: clip.n_train]
    s = {name: value.detach().cpu() for name, value in training.splats.items()}
    active = training.tags["active"].cpu().nonzero()[:, 0]
    motion = torch.zeros(len(s["means"]))
    motion[active] = training.motion_range()[2].cpu()
    looseness = None
    if not clip.has_alpha:
        looseness = torch.where(training.tags["loose"].cpu(), torch.sigmoid(s["looseness"]), 0.0)
    splats = {
        "means": s["means"],
        "quats": torch.nn.functional.normalize(s["quats"], dim=-1).half(),
        "log_scales": s["scales"].half(),
        "opacity_logits": s["opacities"].clamp(-15, 15).half(),
        "sh": torch.cat([s["sh0"], s["sh_rest"]], dim=1).half(),
        "embeddings": s["embeddings"].half(),
    }
    model = CodedModel(
        "embedtalk", asdict(training.config) | {"units": list(training.units)}, training.config.sh_degree, splats,
        training.networks.state_dict(), training.hearing.codes(clip.tracks["times"][: clip.n_train]).cpu().numpy(),
        training.hearing.resting, unit_specs(training.units, tracks), tracks, GAINS, SETTINGS, motion, active,
        looseness, {"perceptual": training.perceptual.name},
    )  # fmt: skip
    return finish_coded(clip, model, viewmats, training.reference)
