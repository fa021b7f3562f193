"""From a trained EmbedTalk to what its file holds: tensors, control schema, statistics and the fit to common words."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from engine.camera import Camera
from engine.controls import Combine, ControlSchema, ControlSpec, SettingSpec
from engine.manifest import Manifest
from engine.parts.action_units import unit_specs
from engine.parts.backdrop import make_backdrop
from engine.parts.code_basis import CodeBasis, fit_basis, flip_towards
from engine.parts.code_hull import fit_hull
from engine.parts.common_fit import COMMON_NAMES, common_track, fit_common, name_components
from engine.parts.head_pose import pose_specs, pose_weights
from engine.training.clip import Clip
from engine.training.trainable import Finished
from engine.training.views import orbit_of, poses_between, view_coverage

if TYPE_CHECKING:
    from engine.methods.embedtalk.training import EmbedTalkTraining

LIP_LIMIT = 4.0  # sigmas, unless the clip itself went further
CHIN_Y, SHOULDER_Y = -0.55, -1.05  # head heights below the head's centre, where a bust shows no masks to tell

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
    cameras = viewmats.cpu().numpy().astype(np.float64)
    front = training.reference
    basis, coordinates = _lip_basis(training)
    own_units = training.unit_tracks[: clip.n_train]
    poses = poses_between(cameras, cameras[front])
    schema = ControlSchema((
        *_lip_specs(coordinates, name_components(coordinates, clip.tracks["arkit"][: clip.n_train])),
        *unit_specs(training.units, own_units),
        *pose_specs(None if clip.has_alpha else np.quantile(poses, [0.01, 0.99], axis=0).T),
        *GAINS,
    ))  # fmt: skip
    fit = fit_common(np.concatenate([coordinates, own_units], axis=1), _common(clip), len(GAINS))
    hull = fit_hull(coordinates)
    tensors = {
        **_splat_tensors(training),
        **{f"network.{name}": value for name, value in training.networks.state_dict().items()},
        **{f"basis.{n}": torch.from_numpy(getattr(basis, n)) for n in ("rest", "directions", "sigma")},
        **{f"hull.{n}": torch.from_numpy(getattr(hull, n)) for n in ("mean", "whitening", "low", "high")},
        "hull.radius": torch.tensor([hull.radius]),
        "training_viewmats": viewmats.cpu().float(),
        "reference_viewmat": torch.tensor(clip.tracks["viewmats"][front], dtype=torch.float32),
        **{f"fit.{n}": torch.from_numpy(getattr(fit, n)) for n in ("to_common", "from_common", "explained")},
    }
    if not clip.has_alpha:
        tensors |= {k: torch.from_numpy(v) for k, v in _backdrop(clip, cameras, front).tensors().items()}
    statistics = {
        "lip_shares": [round(float(v), 5) for v in basis.shares],
        "common_names": list(COMMON_NAMES),
        "explained": {n: round(float(v), 3) for n, v in zip(COMMON_NAMES, fit.explained, strict=True)},
        "n_active": int(training.tags["active"].sum()),
        "n_train": clip.n_train,
        "perceptual": training.perceptual.name,
    }
    camera = clip.camera(front)
    orbit = orbit_of(Camera(cameras[front], camera.k, camera.width, camera.height))
    manifest = Manifest(
        name=clip.info.name, method="embedtalk", n_gaussians=len(training.splats["means"]),
        sh_degree=training.config.sh_degree, schema_rows=schema.to_json(),
        settings_rows=[asdict(s) for s in SETTINGS], encoders=[clip.encoder.row()], motion_hz=clip.info.fps,
        look_ahead_ms=160.0, units={"head_height_mm": clip.info.units_mm}, camera=orbit.to_json(),
        config=asdict(training.config) | {"units": list(training.units), "n_features": clip.voice.n_features},
        statistics=statistics, coverage=view_coverage(cameras), background=clip.info.background,
        licence=clip.info.licence, consent=clip.info.consent,
        provenance={"dataset": clip.info.name, "source": clip.info.source, "notes": clip.info.notes},
    )  # fmt: skip
    return Finished(manifest, tensors)


def _lip_basis(training: "EmbedTalkTraining") -> tuple[CodeBasis, np.ndarray]:
    clip = training.clip
    codes = training.codes(clip.tracks["times"][: clip.n_train]).cpu().numpy()
    basis = fit_basis(codes, training.resting)
    basis = flip_towards(basis, basis.coordinates(codes), clip.opening()[: clip.n_train])
    return basis, basis.coordinates(codes)


def _lip_specs(coordinates: np.ndarray, names: list[str]) -> list[ControlSpec]:
    low, high = np.quantile(coordinates, [0.005, 0.995], axis=0)
    specs = []
    for i, name in enumerate(names):
        least = -float(np.ceil(max(LIP_LIMIT, -1.5 * low[i])))
        most = float(np.ceil(max(LIP_LIMIT, 1.5 * high[i])))
        words = f"Direction {i + 1} of the audio code, by how much the voice used it."
        specs.append(ControlSpec(f"lip.{i:02d}", "lip", name, words, least, most, unit="sigma",
                                 low=float(low[i]), high=float(high[i])))  # fmt: skip
    return specs


def _common(clip: Clip) -> np.ndarray:
    arkit, aus = (clip.tracks[name][: clip.n_train] for name in ("arkit", "aus"))
    return common_track(arkit, {name: aus[:, i] for i, name in enumerate(clip.info.au_names)})


def _splat_tensors(training: "EmbedTalkTraining") -> dict[str, Tensor]:
    s = {name: value.detach().cpu() for name, value in training.splats.items()}
    active = training.tags["active"].cpu().nonzero()[:, 0]
    motion = torch.zeros(len(s["means"]))
    motion[active] = training.motion_range()[2].cpu()
    if training.clip.has_alpha:
        weights = torch.from_numpy(pose_weights(s["means"].numpy(), CHIN_Y, SHOULDER_Y))
    else:
        weights = torch.where(training.tags["loose"].cpu(), 1 - torch.sigmoid(s["looseness"]), 1.0)
    return {
        "means": s["means"],
        "quats": torch.nn.functional.normalize(s["quats"], dim=-1).half(),
        "log_scales": s["scales"].half(),
        "opacity_logits": s["opacities"].clamp(-15, 15).half(),
        "sh": torch.cat([s["sh0"], s["sh_rest"]], dim=1).half(),
        "embeddings": s["embeddings"].half(),
        "active": active.to(torch.int32),
        "motion_range": motion.half(),
        "pose_weights": weights.half(),
        "pose_pivot": torch.tensor([0.0, CHIN_Y, -0.1] if training.clip.has_alpha else [0.0, 0.0, 0.0]),
    }


def _backdrop(clip: Clip, cameras: np.ndarray, front: int) -> Any:
    class Behind:
        def __getitem__(self, index: int) -> np.ndarray:
            return clip.dataset.behind(index)

    plate = clip.dataset.plate if (clip.dataset.path / "plate.png").is_file() else None
    return make_backdrop(Behind(), cameras, clip.tracks["ks"][: clip.n_train].astype(np.float64), front, plate)
