"""From a trained Talk2Me to what its file holds."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from engine.errors import TrainingError
from engine.head_motion import HeadMotion
from engine.methods.talk2me.controls import (
    EARS,
    EyeScale,
    arkit_of,
    coefficient_specs,
    driver_settings,
    eye_scale,
    eye_specs,
    gain_specs,
    ordered,
)
from engine.methods.talk2me.deformation import ATTRIBUTE_SCALE, POSITION_SCALE
from engine.methods.talk2me.live import LiveDeformation
from engine.methods.talk2me.turning import turning_settings
from engine.parts.action_units import unit_track
from engine.parts.code_hull import CodeHull, fit_hull
from engine.training.filmed_avatar import FilmedModel, finish_filmed
from engine.training.head_motion import HeadMotionConfig, HeadMotionTraining, heard_frames
from engine.training.trainable import Finished

if TYPE_CHECKING:
    from engine.methods.talk2me.training import Talk2MeTraining

STILL_OPACITY, STILL_COLOR, STILL_SHAPE = 0.015, 0.01, 0.03
"""Largest change from its mean, beside that of its place, that nobody sees of a Gaussian."""
N_STYLES = 2000
LEAST_SIGMA = 0.02  # of a lip coefficient


def finish(training: "Talk2MeTraining", viewmats: Tensor) -> Finished:
    """Everything the avatar file holds, from a training that has ended.

    Args:
        viewmats: the corrected training cameras, `[T, 4, 4]`.
    """
    clip, config, names = training.clip, training.config, training.start.names
    n = clip.n_train
    order = ordered(names)
    shown = tuple(names[i] for i in order)
    expression, ear = training.expression[:n], training.ear[:n]
    rest = np.median(expression[training.resting], axis=0)
    eyes = eye_scale(ear, _blinks(training)[:n])
    tracks = np.concatenate([(expression - rest)[:, order], eyes.shut(ear)], axis=1).astype(np.float32)
    n_lips = sum(spec.group == "lip" for spec in coefficient_specs(shown, tracks))
    with torch.no_grad():
        splats, place, motion, active = settled(training)
        live = LiveDeformation(training.networks.deformation, place, splats["features"], training.tags["weights"],
                               active, carry=training.networks.carry)  # fmt: skip
    steps = np.unique(np.linspace(0, n - 1, min(n, N_STYLES)).astype(int))
    styles = np.concatenate([expression, ear], axis=1)[steps]
    middle = np.abs(styles - np.median(styles, axis=0)) / np.maximum(styles.std(axis=0), 1e-3)
    typical = int(middle.mean(axis=1).argmin())
    networks = {
        f"{part}.{name}": value.cpu()
        for part in ("deformation", "generator", "carry")
        for name, value in getattr(training.networks, part).state_dict().items()
    }
    networks["carry.code"] = networks["carry.code"].half()
    tensors = {
        "place": place.half().cpu(), "squared": training.tags["squared"].cpu(),
        "rest": torch.from_numpy(rest.astype(np.float32)), "styles": torch.from_numpy(styles.astype(np.float32)),
        "eyes.open": torch.from_numpy(eyes.open), "eyes.span": torch.from_numpy(eyes.span),
        "pose_range": torch.stack([side(training._face[2][:n], dim=0) for side in (torch.amin, torch.amax)]).cpu(),
    }  # fmt: skip
    moved = own_motion(training, eyes, torch.from_numpy(styles[typical]))
    n_carried = training.networks.carry.code.shape[1]
    rows = {"names": list(names), "n_emotion": training.emotion_encoder.n_features, "n_carried": n_carried}
    settings = driver_settings(len(styles), typical)
    if isinstance(moved, HeadMotion):
        rows["head_motion"] = moved.row()
        tensors |= {f"motion.{name}": tensor for name, tensor in moved.tensors().items()}
        tensors["pose_track"] = torch.from_numpy(training.poses[:n].astype(np.float32))
        settings += turning_settings(len(moved.units))
    model = FilmedModel(
        "talk2me", asdict(config) | rows, 0,
        {name: value.cpu().half() if name != "means" else value.cpu() for name, value in splats.items()}, networks,
        tensors, [*coefficient_specs(shown, tracks), *eye_specs(eyes, tracks[:, -len(EARS) :])], tracks,
        lip_hull(tracks[:, :n_lips]), gain_specs(shown), settings,
        motion.cpu(), active.cpu(), None if clip.has_alpha else torch.zeros(len(motion)),
        {
            "perceptual": training.perceptual.name, "head": training.start.head,
            "fit_error_px": round(training.start.error_px, 2),
            "head_motion": "learned" if isinstance(moved, HeadMotion) else moved,
            "gmac_per_frame": round(live.n_products() / 1e9, 3),
        },
        [clip.encoder.row(), training.emotion_encoder.row()], 240.0,
    )  # fmt: skip
    return finish_filmed(clip, model, viewmats, training.reference)


def own_motion(training: "Talk2MeTraining", eyes: EyeScale, style: Tensor) -> HeadMotion | str:
    """How the person's head moves with the voice (section 4.3.2), or why that cannot be learned from the film.

    The refiner learns with the expressions that the generator makes in the manner of `style` `[E + 2]`.
    """
    clip, config = training.clip, training.config
    if not config.motion_steps:
        return "not asked for"
    try:
        heard, pose, arkit, row = heard_frames(clip.dataset, config.encoder)
        made = arkit_of(training.start.names, eyes, training.made(len(pose), style.to(training.device)))
        lessons = HeadMotionTraining(heard, pose, arkit, HeadMotionConfig(config.encoder), made=made)
    except TrainingError as error:
        return str(error)
    lessons.motion.encoder = row
    for _ in range(config.motion_steps):
        lessons.step()
    lessons.finish()
    return lessons.motion


def lip_hull(tracks: np.ndarray) -> CodeHull:
    """The hull of lip coefficients `[T, L]`, found in units of their spread."""
    sigma = np.maximum(tracks.std(axis=0), LEAST_SIGMA).astype(np.float32)
    hull = fit_hull(tracks / sigma) if tracks.shape[1] > 1 else _interval(tracks / sigma)
    return CodeHull(hull.mean * sigma, hull.whitening / sigma, hull.radius, hull.low * sigma, hull.high * sigma)


def settled(training: "Talk2MeTraining") -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
    """Finds what is not seen to change over the clip; it keeps its mean offset.

    Returns:
        The resting Gaussians' raw values, their place codes `[N, n_code]`, how far each moves in head heights `[N]`,
        and the rows that are seen to change.
    """
    net, weights = training.networks, training.tags["weights"]
    splats = {name: value.detach().clone() for name, value in training.splats.items()}
    place = net.place(splats["means"])
    rows = torch.arange(len(place), device=place.device)
    live = LiveDeformation(net.deformation, place, splats["features"], weights, rows, carry=net.carry)
    moments = training.moments()
    mean = sum(live(*moment) for moment in moments) / len(moments)
    opacity, color = (torch.sigmoid(splats[n] + m) for n, m in (("opacities", ATTRIBUTE_SCALE * mean[:, 13]),
                                                                ("colors", mean[:, 3:6])))  # fmt: skip
    distance, change = torch.zeros_like(splats["opacities"]), torch.zeros_like(splats["opacities"])
    for moment in moments:
        offsets = live(*moment)
        distance = torch.maximum(distance, POSITION_SCALE * (offsets - mean)[:, :3].norm(dim=1))
        raw = ATTRIBUTE_SCALE * (offsets - mean)[:, 6:]
        for difference in (
            (torch.sigmoid(splats["opacities"] + ATTRIBUTE_SCALE * offsets[:, 13]) - opacity).abs() / STILL_OPACITY,
            (torch.sigmoid(splats["colors"] + offsets[:, 3:6]) - color).abs().amax(dim=1) / STILL_COLOR,
            raw[:, :7].abs().amax(dim=1) / STILL_SHAPE,
        ):
            change = torch.maximum(change, difference)
    still = (distance < training.config.still_pixels * training.clip.pixel()) & (change < 1)
    if bool(still.all()):
        still[:1] = False  # an avatar whose network moves nothing keeps one row, so that every sum has a term
    raw = ATTRIBUTE_SCALE * mean[:, 6:]
    for name, value in (("means", POSITION_SCALE * mean[:, :3]), ("colors", mean[:, 3:6]), ("scales", raw[:, :3]),
                        ("quats", raw[:, 3:7]), ("opacities", raw[:, 7])):  # fmt: skip
        splats[name][still] += value[still]
    return splats, place, distance, (~still).nonzero()[:, 0]


def _blinks(training: "Talk2MeTraining") -> np.ndarray:
    """How far either eye blinks in each frame as the capture tells it, `[T, 2]`."""
    info, tracks = training.clip.info, training.clip.tracks
    return np.stack([unit_track(name, info.au_names, tracks["aus"], tracks["arkit"]) for name in EARS], axis=1)


def _interval(points: np.ndarray) -> CodeHull:
    """The hull of no or one coordinate."""
    n = points.shape[1]
    if not n:
        empty = np.zeros(0, np.float32)
        return CodeHull(empty, np.zeros((0, 0), np.float32), 1.0, empty, empty)
    mean, low, high = (
        a.astype(np.float32) for a in (points.mean(axis=0), *np.quantile(points, [0.005, 0.995], axis=0))
    )
    radius = max(1e-3, float(np.quantile(np.abs(points - mean), 0.995)))
    return CodeHull(mean, np.eye(1, dtype=np.float32), radius, low, high)
