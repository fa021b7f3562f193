"""A model of the public GaussianAvatars code becomes an avatar: its Gaussians, the person's numbers, no FLAME."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from engine.audio.encoders import make_encoder
from engine.avatar import save_avatar
from engine.camera import Orbit
from engine.controls import ControlSchema
from engine.errors import AvatarError
from engine.manifest import Manifest
from engine.methods.ggtalker.flame_avatar import (
    GAINS,
    JAW_SHUT,
    KIND,
    common_fit,
    face_specs,
    resting,
    tensors_of,
)
from engine.methods.ggtalker.released import PARAMETERS_FILE, RiggedFlame, read_gaussian_avatar
from engine.parts.code_hull import fit_hull
from engine.parts.common_fit import COMMON_NAMES
from engine.parts.head_pose import pose_specs
from engine.paths import find_flame
from engine.progress import Progress
from engine.training.thumbnail import thumbnail

SPLATS_FILE = "point_cloud.ply"
MAX_FOLDERS = 200  # iterations of one training that are looked through
N_MOMENTS = 24
MOVES = 1e-4  # head heights
CAMERA = Orbit((0.0, -0.05, 0.0), 0.0, 0.0, 4.5, 20.0)
LICENCE = "made from a GaussianAvatars model and the user's FLAME; the licences of both apply"


def find_splats(model: Path) -> Path | None:
    """The newest `point_cloud.ply` of a GaussianAvatars model with its FLAME parameters beside it; None if it is not
    such a model.

    Args:
        model: the file itself, its folder, or the training's folder with `point_cloud/iteration_N` in it.
    """
    model = Path(model)
    if model.is_file():
        return model if (model.parent / PARAMETERS_FILE).is_file() else None
    folders = [model, *sorted((model / "point_cloud").glob("iteration_*"), key=_iteration)[-MAX_FOLDERS:]]
    found = [f / SPLATS_FILE for f in folders if (f / SPLATS_FILE).is_file() and (f / PARAMETERS_FILE).is_file()]
    return found[-1] if found else None


def import_gaussian_avatar(model: Path, out: Path, name: str | None = None) -> Iterator[Progress]:
    """Reads a model and writes `out`; see `find_splats` for what may be given.

    Raises:
        AvatarError: if a file is missing, damaged or of another mesh.
        ModelMissingError: where the user's FLAME (`find_flame`), or its landmarks, are missing; says where to get them.
        OutputError: if `out` cannot be written.
    """
    splats = find_splats(model)
    if splats is None:
        raise AvatarError(f"{model}: holds no {SPLATS_FILE} with {PARAMETERS_FILE} beside it; name the model's folder.")
    yield Progress("Reading the model")
    rigged = read_gaussian_avatar(splats, find_flame())
    parameters = np.load(splats.parent / PARAMETERS_FILE, allow_pickle=False)
    yield Progress("Finding what moves")
    manifest, tensors = _avatar(rigged, parameters, name or Path(model).resolve().stem)
    manifest.thumbnail = thumbnail("ggtalker", manifest, tensors)
    save_avatar(Path(out), manifest, tensors)
    yield Progress("Done", 1, 1, values={
        "avatar": str(out), "splats": manifest.n_gaussians, "left_out": rigged.n_left_out,
        "moving": manifest.statistics["n_active"], "hears": manifest.encoders[0]["name"],
        "size_mb": round(Path(out).stat().st_size / 1e6, 2),
    })  # fmt: skip


def _avatar(rigged: RiggedFlame, parameters, name: str) -> tuple[Manifest, dict[str, torch.Tensor]]:
    head, n = rigged.head, len(rigged.local)
    specs = face_specs(head, rigged.expressions, rigged.jaws)
    schema = ControlSchema((*specs, *pose_specs(None), *GAINS))
    fit, hull = common_fit(head, len(GAINS)), fit_hull(np.clip(rigged.jaws, JAW_SHUT, None))
    encoder = make_encoder({"name": "phones"})
    rest = rigged.posed(resting(head)).means
    ids = np.unique(np.linspace(0, len(rigged.jaws) - 1, N_MOMENTS).astype(int))
    motion = torch.stack([(rigged.posed(rigged.filmed(i)).means - rest).norm(dim=1) for i in ids]).amax(dim=0)
    shape = np.asarray(parameters["shape"], np.float32).ravel()
    offset = np.asarray(parameters["static_offset"], np.float32).reshape(-1, 3)[: len(head.vertices)]
    viewmat = CAMERA.camera(512, 512).viewmat
    tensors = {
        **tensors_of(rigged), "shape": torch.from_numpy(shape), "static_offset": torch.from_numpy(offset.copy()),
        "motion_range": motion.half(), "pose_weights": torch.ones(n).half(), "pose_pivot": torch.zeros(3),
        "active": torch.nonzero(motion > MOVES)[:, 0].to(torch.int32),
        "reference_viewmat": torch.from_numpy(viewmat.astype(np.float32)),
        **{f"hull.{k}": torch.from_numpy(getattr(hull, k)) for k in ("mean", "whitening", "low", "high")},
        "hull.radius": torch.tensor([hull.radius]),
        **{f"fit.{k}": torch.from_numpy(getattr(fit, k)) for k in ("to_common", "from_common", "explained")},
    }  # fmt: skip
    statistics = {
        "common_names": list(COMMON_NAMES), "n_active": len(tensors["active"]), "head": "flame",
        "explained": {k: round(float(v), 3) for k, v in zip(COMMON_NAMES, fit.explained, strict=True)},
        "voice": "jaw and lips as the phones encoder hears them; the model brought no voice of its own",
        "left_out": rigged.n_left_out,
    }  # fmt: skip
    manifest = Manifest(
        name=name, method="ggtalker", n_gaussians=n, sh_degree=rigged.local.sh_degree or 0,
        schema_rows=schema.to_json(), settings_rows=[], encoders=[encoder.row()], motion_hz=25.0,
        look_ahead_ms=20.0, units={"head_height_mm": head.units_mm}, camera=CAMERA.to_json(),
        config={"kind": KIND, "n_shape": len(shape), "n_vertices": len(offset)}, statistics=statistics,
        background="none", licence=LICENCE, provenance={"imported": "GaussianAvatars"},
    )  # fmt: skip
    return manifest, tensors


def _iteration(folder: Path) -> int:
    number = folder.name.rpartition("_")[2]
    return int(number) if number.isdecimal() else -1
