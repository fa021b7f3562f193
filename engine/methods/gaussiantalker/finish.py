"""From a trained GaussianTalker to what its file holds."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engine.controls import Combine, ControlSpec, SettingSpec
from engine.parts.action_units import unit_specs
from engine.training.coded_avatar import CodedModel, finish_coded
from engine.training.trainable import Finished

if TYPE_CHECKING:
    from engine.methods.gaussiantalker.training import GaussianTalkerTraining

BLINK = "au.45"
STILL = {"opacities": 0.015, "colors": 0.01, "scales": 0.03, "quats": 0.02}
"""Largest change from its mean, beside that of its place, that nobody sees of a Gaussian."""

GAINS = tuple(
    ControlSpec(name, "motion", label, words, 0.0, 1.5, 1.0, combine=Combine.SCALE, low=0.0, high=1.5)
    for name, label, words in (
        ("deform.position", "Shift of positions", "How far the Gaussians are moved; 0 holds them."),
        ("deform.rotation", "Turn of Gaussians", "How far each Gaussian turns; 0 holds them."),
        ("deform.scale", "Change of sizes", "How far sizes change; 0 holds them."),
        ("deform.color", "Change of colours", "How far colours change; 0 holds them: lips and teeth then blur."),
        ("deform.opacity", "Change of opacities", "How far opacities change; 0 holds them."),
    )
)
"""Gains of the five offset heads: the ablation of the supplement's D.3 as sliders (ours)."""

SETTINGS = (
    SettingSpec("view_token", "choice", "camera", "View token",
                "Which camera the face answers to: the picture's own (held inside what training saw), the nearest one "
                "of training, or always the avatar's own.", ("camera", "nearest", "frozen"), "deform"),
)  # fmt: skip


def finish(training: "GaussianTalkerTraining", viewmats: Tensor) -> Finished:
    """Everything the avatar file holds, from a training that has ended.

    Args:
        viewmats: the corrected training cameras, `[T, 4, 4]`.
    """
    clip, config = training.clip, training.config
    with torch.no_grad():
        motion, active, s = _settled(training)
    blinks = training.blinks[: clip.n_train]
    networks = {name: value for name, value in training.networks.state_dict().items() if "predictor." not in name}
    networks |= {name: value.half() for name, value in networks.items() if "triplane.planes" in name}
    splats = {
        "means": s["means"],
        "quats": torch.nn.functional.normalize(s["quats"], dim=-1).half(),
        "log_scales": s["scales"].half(),
        "opacity_logits": s["opacities"].clamp(-15, 15).half(),
        "sh": torch.cat([s["sh0"], s["sh_rest"]], dim=1).half(),
    }
    model = CodedModel(
        "gaussiantalker", asdict(config), config.sh_degree, {name: value.cpu() for name, value in splats.items()},
        {name: value.cpu() for name, value in networks.items()},
        training.hearing.codes(clip.tracks["times"][: clip.n_train]).cpu().numpy(), training.hearing.resting,
        unit_specs((BLINK,), blinks), blinks, GAINS, SETTINGS, motion.cpu(), active.cpu(),
        None if clip.has_alpha else torch.zeros(len(motion)),
        {"perceptual": training.perceptual.name, "extent": round(training.extent, 4)},
    )  # fmt: skip
    return finish_coded(clip, model, viewmats, training.reference)


def _settled(training: "GaussianTalkerTraining") -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """How far each Gaussian moves over training in head heights `[N]`, the rows that are seen to change, and the
    canonical values; what is not seen to change keeps its mean offset."""
    s = {name: value.detach().clone() for name, value in training.splats.items()}
    rows = training.tags["active"].nonzero()[:, 0]
    moments = [training.offsets(rows, *moment) for moment in training.moments()]
    total = [torch.zeros_like(value) for value in moments[0]]
    for offsets in moments:
        total = [t + value / len(moments) for t, value in zip(total, offsets, strict=True)]
    means, quats, scales, sh, logits = total
    distance = torch.zeros(len(rows), device=rows.device)
    change = torch.zeros_like(distance)
    opacity = torch.sigmoid(s["opacities"][rows] + logits[:, 0])
    for offsets in moments:
        distance = torch.maximum(distance, (offsets.means - means).norm(dim=1))
        now = torch.sigmoid(s["opacities"][rows] + offsets.opacity_logits[:, 0])
        for name, difference in {
            "opacities": (now - opacity).abs(), "colors": 0.5 * (offsets.sh - sh).abs().amax(dim=1),
            "scales": (offsets.log_scales - scales).abs().amax(dim=1), "quats": (offsets.quats - quats).norm(dim=1),
        }.items():  # fmt: skip
            change = torch.maximum(change, difference / STILL[name])
    still = (distance < training.config.still_pixels * training.clip.pixel()) & (change < 1)
    harmonics = sh.unflatten(1, (-1, 3))
    baked = {"means": means, "quats": quats, "scales": scales, "opacities": logits[:, 0],
             "sh0": harmonics[:, :1], "sh_rest": harmonics[:, 1:]}  # fmt: skip
    for name, value in baked.items():
        s[name][rows[still]] += value[still]
    if bool(still.all()):
        still[:1] = False  # an avatar whose network moves nothing keeps one row, so that every sum has a term
    motion = torch.zeros(len(s["means"]), device=rows.device)
    motion[rows] = distance
    return motion, rows[~still], s
