"""From a trained GaussianTalker to what its file holds."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from engine.controls import Combine, ControlSpec, SettingSpec
from engine.methods.gaussiantalker.config import GaussianTalkerConfig
from engine.methods.gaussiantalker.network import Offsets
from engine.parts.action_units import unit_specs
from engine.training.coded_avatar import CodedModel, finish_coded
from engine.training.trainable import Finished

if TYPE_CHECKING:
    from engine.methods.gaussiantalker.training import GaussianTalkerTraining

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
    rows = training.tags["active"].nonzero()[:, 0]
    with torch.no_grad():
        motion, active, splats = settled(
            {name: value.detach().clone() for name, value in training.splats.items()}, rows,
            lambda: (training.offsets(rows, *moment) for moment in training.moments()),
            config.still_pixels * clip.pixel(),
        )  # fmt: skip
    model = packed(
        config, training.networks.state_dict(), splats, motion, active,
        training.hearing.codes(clip.tracks["times"][: clip.n_train]).cpu().numpy(), training.hearing.resting,
        training.units, training.unit_tracks[: clip.n_train], clip.has_alpha,
        {"perceptual": training.perceptual.name, "extent": round(training.extent, 4)},
    )  # fmt: skip
    return finish_coded(clip, model, viewmats, training.reference)


def packed(
    config: GaussianTalkerConfig, networks: dict[str, Tensor], splats: dict[str, Tensor], motion: Tensor,
    active: Tensor, codes: np.ndarray, resting: np.ndarray, units: tuple[str, ...], tracks: np.ndarray, has_alpha: bool,
    statistics: dict[str, Any],
) -> CodedModel:  # fmt: skip
    """A model in the precision it is kept in, without what only the first stage needs.

    Args:
        splats: raw canonical values as `Trainable.splats` names them; rotations as they are, since offsets are added
            before they are normalised.
        motion, active: of `settled`.
        units: action units the eye token tells; tracks: theirs over the training frames `[T, U]`.
    """
    kept = {name: value.cpu() for name, value in networks.items() if not name.startswith("predictor.")}
    kept |= {name: value.half() for name, value in kept.items() if name.startswith("triplane.planes")}
    s = {name: value.cpu() for name, value in splats.items()}
    tensors = {
        "means": s["means"], "quats": s["quats"].half(), "log_scales": s["scales"].half(),
        "opacity_logits": s["opacities"].clamp(-15, 15).half(),
        "sh": torch.cat([s["sh0"], s["sh_rest"]], dim=1).half(),
    }  # fmt: skip
    return CodedModel(
        "gaussiantalker", asdict(config) | {"units": list(units)}, config.sh_degree, tensors, kept, codes, resting,
        unit_specs(units, tracks), tracks, GAINS, SETTINGS, motion.cpu(), active.cpu(),
        None if has_alpha else torch.zeros(len(motion)), statistics,
    )  # fmt: skip


def settled(
    splats: dict[str, Tensor], rows: Tensor, moments: Callable[[], Iterator[Offsets]], least: float
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Finds what is not seen to change; it keeps its mean offset.

    Args:
        splats: raw canonical values; changed in place.
        rows: those the network moves.
        moments: the rows' offsets over training, asked for twice.
        least: head heights a Gaussian must move to count.

    Returns:
        How far each Gaussian moves in head heights `[N]`, the rows that are seen to change, and the canonical values.
    """
    mean, n = None, 0
    for offsets in moments():
        mean, n = offsets if mean is None else Offsets(*(a + b for a, b in zip(mean, offsets, strict=True))), n + 1
    mean = Offsets(*(value / n for value in mean))
    distance = torch.zeros(len(rows), device=rows.device)
    change = torch.zeros_like(distance)
    logits = splats["opacities"][rows]
    opacity = torch.sigmoid(logits + mean.opacity_logits[:, 0])
    for offsets in moments():
        distance = torch.maximum(distance, (offsets.means - mean.means).norm(dim=1))
        for name, difference in {
            "opacities": (torch.sigmoid(logits + offsets.opacity_logits[:, 0]) - opacity).abs(),
            "colors": 0.5 * (offsets.sh - mean.sh).abs().amax(dim=1),
            "scales": (offsets.log_scales - mean.log_scales).abs().amax(dim=1),
            "quats": (offsets.quats - mean.quats).norm(dim=1),
        }.items():
            change = torch.maximum(change, difference / STILL[name])
    still = (distance < least) & (change < 1)
    if bool(still.all()):
        still[:1] = False  # an avatar whose network moves nothing keeps one row, so that every sum has a term
    sh = mean.sh.unflatten(1, (-1, 3))
    for name, value in {
        "means": mean.means, "quats": mean.quats, "scales": mean.log_scales, "sh0": sh[:, :1], "sh_rest": sh[:, 1:],
        "opacities": mean.opacity_logits[:, 0],
    }.items():  # fmt: skip
        splats[name][rows[still]] += value[still]
    motion = torch.zeros(len(splats["means"]), device=rows.device)
    motion[rows] = distance
    return motion, rows[~still], splats
