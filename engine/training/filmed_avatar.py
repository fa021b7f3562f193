"""From the training of any method to its avatar file: what `engine.parts.filmed_avatar` reads."""

from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from engine.audio.block import AudioEncoder
from engine.camera import Camera
from engine.capture.dataset import DatasetInfo
from engine.controls import ControlSchema, ControlSpec, SettingSpec
from engine.manifest import Manifest
from engine.parts.backdrop import Backdrop, make_backdrop
from engine.parts.code_hull import CodeHull
from engine.parts.common_fit import COMMON_NAMES, common_track, fit_common
from engine.parts.head_pose import pose_specs, pose_weights
from engine.training.trainable import Finished
from engine.training.views import orbit_of, poses_between, view_coverage

CHIN_Y, SHOULDER_Y = -0.55, -1.05  # head heights below the head's centre, where a bust shows no masks to tell


@dataclass(frozen=True)
class FilmedModel:
    """What a method hands in.

    Attributes:
        method, config: its name, and everything its loader needs to build the networks.
        splats: tensors with a row for each Gaussian, in the precision they are kept in.
        networks: parameters and buffers by name, kept as `network.*`; tensors: whatever else, kept as it is named.
        face_specs: controls of the face, lips first, in the order of `face_tracks` `[T, C]`, their values less neutral.
        hull: of the lip controls.
        gains, settings: further controls and settings.
        motion: how far each Gaussian moved in training, head heights `[N]`; active: rows that ever move.
        looseness: how little each follows the head `[N]`; None for a whole bust.
        encoders: manifest rows of what it hears with; None for the clip's own encoder.
        look_ahead_ms: how much sound ahead its driver may use.
    """

    method: str
    config: dict[str, Any]
    sh_degree: int
    splats: dict[str, Tensor]
    networks: dict[str, Tensor]
    tensors: dict[str, Tensor]
    face_specs: list[ControlSpec]
    face_tracks: np.ndarray
    hull: CodeHull
    gains: tuple[ControlSpec, ...]
    settings: tuple[SettingSpec, ...]
    motion: Tensor
    active: Tensor
    looseness: Tensor | None
    statistics: dict[str, Any] = field(default_factory=dict)
    encoders: list[dict[str, Any]] | None = None
    look_ahead_ms: float = 160.0


class Filmed(Protocol):
    """What the avatar file says of the clip it was made from; `engine.training.clip.Clip` is one."""

    info: DatasetInfo
    tracks: dict[str, np.ndarray]
    encoder: AudioEncoder
    n_train: int
    n_features: int
    has_alpha: bool

    def opening(self) -> np.ndarray: ...

    def camera(self, index: int) -> Camera: ...

    def behind(self, index: int) -> np.ndarray: ...

    def plate(self) -> np.ndarray | None: ...


def finish_filmed(clip: Filmed, model: FilmedModel, viewmats: Tensor, reference: int) -> Finished:
    """Everything the avatar file holds.

    Args:
        clip: what was filmed.
        viewmats: the corrected training cameras, `[T, 4, 4]`.
        reference: the training frame whose camera is the avatar's own.
    """
    cameras = viewmats.cpu().numpy().astype(np.float64)
    schema = ControlSchema((
        *model.face_specs, *_pose_specs(clip, poses_between(cameras, cameras[reference])), *model.gains,
    ))  # fmt: skip
    fit, hull = fit_common(model.face_tracks, _common(clip), len(model.gains)), model.hull
    tensors = {
        **model.splats, **_placed(clip, model), **model.tensors,
        **{f"network.{name}": value for name, value in model.networks.items()},
        **{f"hull.{n}": torch.from_numpy(getattr(hull, n)) for n in ("mean", "whitening", "low", "high")},
        "hull.radius": torch.tensor([hull.radius]),
        "training_viewmats": viewmats.cpu().float(),
        "reference_viewmat": viewmats[reference].cpu().float().clone(),  # of its own memory, as the format wants
        **{f"fit.{n}": torch.from_numpy(getattr(fit, n)) for n in ("to_common", "from_common", "explained")},
    }  # fmt: skip
    if not clip.has_alpha:
        tensors |= {k: torch.from_numpy(v) for k, v in _backdrop(clip, cameras, reference).tensors().items()}
    statistics = {
        "common_names": list(COMMON_NAMES),
        "explained": {n: round(float(v), 3) for n, v in zip(COMMON_NAMES, fit.explained, strict=True)},
        "n_active": len(model.active),
        "n_train": clip.n_train,
    }
    camera = clip.camera(reference)
    orbit = orbit_of(Camera(cameras[reference], camera.k, camera.width, camera.height))
    manifest = Manifest(
        name=clip.info.name, method=model.method, n_gaussians=len(model.splats["means"]), sh_degree=model.sh_degree,
        schema_rows=schema.to_json(), settings_rows=[asdict(s) for s in model.settings],
        encoders=model.encoders or [clip.encoder.row()], motion_hz=clip.info.fps, look_ahead_ms=model.look_ahead_ms,
        units={"head_height_mm": clip.info.units_mm}, camera=orbit.to_json(),
        config=model.config | {"n_features": clip.n_features}, statistics=statistics | model.statistics,
        coverage=view_coverage(cameras), background=clip.info.background, licence=clip.info.licence,
        consent=clip.info.consent,
        provenance={"dataset": clip.info.name, "source": clip.info.source, "notes": clip.info.notes},
    )  # fmt: skip
    return Finished(manifest, tensors)


def _pose_specs(clip: Filmed, poses: np.ndarray) -> list[ControlSpec]:
    return pose_specs(None if clip.has_alpha else np.quantile(poses, [0.01, 0.99], axis=0).T)


def _common(clip: Filmed) -> np.ndarray:
    arkit, aus = (clip.tracks[name][: clip.n_train] for name in ("arkit", "aus"))
    return common_track(arkit, {name: aus[:, i] for i, name in enumerate(clip.info.au_names)})


def _placed(clip: Filmed, model: FilmedModel) -> dict[str, Tensor]:
    """What pose, motion overlays and the live line know of each Gaussian."""
    means = model.splats["means"]
    if model.looseness is None:
        weights = torch.from_numpy(pose_weights(means.numpy(), CHIN_Y, SHOULDER_Y))
    else:
        weights = 1 - model.looseness
    return {
        "active": model.active.to(torch.int32), "motion_range": model.motion.half(), "pose_weights": weights.half(),
        "pose_pivot": torch.tensor([0.0, CHIN_Y, -0.1] if clip.has_alpha else [0.0, 0.0, 0.0]),
    }  # fmt: skip


def _backdrop(clip: Filmed, cameras: np.ndarray, front: int) -> Backdrop:
    class Behind:
        def __getitem__(self, index: int) -> np.ndarray:
            return clip.behind(index)

    ks = clip.tracks["ks"][: clip.n_train].astype(np.float64)
    return make_backdrop(Behind(), cameras, ks, front, clip.plate())
