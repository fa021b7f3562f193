"""Checkpoints of the public GaussianTalker code: its files, its names, and what they are called here.

A trained model is `point_cloud/iteration_N/` with `point_cloud.ply` (raw canonical values) and `deformation.pth` (the
networks). What it was trained on is the data folder of the AD-NeRF line: `transforms_train.json`, `track_params.pt`,
`aud_ds.npy`, `au.csv`, `bc.jpg`, `torso_imgs/` and the sound.
"""

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from torch import Tensor

from engine.camera import Camera
from engine.capture.dataset import read_rgb
from engine.errors import AvatarError, DatasetError
from engine.export.ply import read_ply
from engine.gaussians import Gaussians

MAX_FILE_BYTES = 2 << 30
TO_CAMERA = np.diag([1.0, -1.0, -1.0, 1.0])
FPS = 25.0

HEADS = {"pos": "means", "scales": "log_scales", "rotations": "quats", "opacity": "opacity_logits", "shs": "sh"}
_RULES = (
    (r"transformer\.layers\.(\d+)\.enc_dec_attention\.w_(q|k|v|concat)\.(weight|bias)",
     lambda m: f"deformation.layers.{m[1]}."
               f"{ {'q': 'query', 'k': 'key', 'v': 'value', 'concat': 'out'}[m[2]]}.{m[3]}"),
    (r"transformer\.layers\.(\d+)\.norm([12])\.(gamma|beta|weight|bias)",
     lambda m: f"deformation.layers.{m[1]}.{'attention_norm' if m[2] == '1' else 'norm'}."
               f"{ {'gamma': 'weight', 'beta': 'bias'}.get(m[3], m[3])}"),
    (r"transformer\.layers\.(\d+)\.ffn\.linear([12])\.(weight|bias)",
     lambda m: f"deformation.layers.{m[1]}.{'wide' if m[2] == '1' else 'narrow'}.{m[3]}"),
    (r"(pos|scales|rotations|opacity|shs)_deform\.([13])\.(weight|bias)",
     lambda m: f"deformation.heads.{HEADS[m[1]]}.{m[2]}.{m[3]}"),
    (r"audio_net\.encoder_conv\.([0246])\.(weight|bias)", lambda m: f"audio.net.convolutions.{m[1]}.{m[2]}"),
    (r"audio_net\.encoder_fc1\.([02])\.(weight|bias)", lambda m: f"audio.net.linear.{m[1]}.{m[2]}"),
    (r"audio_att_net\.attentionConvNet\.([02468])\.(weight|bias)",
     lambda m: f"audio.attention.convolutions.{m[1]}.{m[2]}"),
    (r"audio_att_net\.attentionNet\.0\.(weight|bias)", lambda m: f"audio.attention.linear.{m[1]}"),
    (r"(audio|eye|cam)_mlp\.net\.([01])\.weight",
     lambda m: f"tokens.{ {'cam': 'view'}.get(m[1], m[1])}.{2 * int(m[2])}.weight"),
    (r"null_vector", lambda m: "tokens.null"),
)  # fmt: skip
_PLANE = re.compile(r"tri_plane\.grid\.grids\.(\d+)\.([012])")


@dataclass(frozen=True)
class Released:
    """One model as published.

    Attributes:
        splats: raw rotations and colours, activated scales and opacities; in the tracker's world.
        weights: networks under our names, all but the planes and those of the first stage.
        planes: `[3, C, R, R]` for each resolution.
        low, high: the box the planes span, `[3]`.
    """

    splats: Gaussians
    weights: dict[str, Tensor]
    planes: list[Tensor]
    low: Tensor
    high: Tensor


@dataclass(frozen=True)
class ReleasedData:
    """What the model was trained on.

    Attributes:
        viewmats: `[T, 4, 4]`, the tracker's world to OpenCV cameras; k: `[3, 3]`; size: width and height.
        ids: number of each training frame in the film, `[T]`.
        features: what the audio net reads for each frame, `[T, W, C]`: windows of DeepSpeech (16 x 29) or pairs of
            HuBERT (2 x 1024) features.
        blinks: AU45 of each frame, 0 to 1, `[T, 1]`.
        sound: the voice, None where it is not there.
    """

    folder: Path
    viewmats: np.ndarray
    k: np.ndarray
    size: tuple[int, int]
    ids: np.ndarray
    features: np.ndarray
    blinks: np.ndarray
    sound: Path | None

    def plate(self) -> np.ndarray:
        """The empty background, float32 `[H, W, 3]`."""
        return self._sized(read_rgb(self.folder / "bc.jpg"))

    def behind(self, index: int) -> np.ndarray:
        """Torso over plate of a training frame; the plate where the torso is not there."""
        path = self.folder / "torso_imgs" / f"{self.ids[index]}.png"
        if not path.is_file():
            return self.plate()
        from PIL import Image

        with Image.open(path) as image:
            torso = self._sized(np.asarray(image.convert("RGBA")))
        return torso[..., :3] * torso[..., 3:] + self.plate() * (1 - torso[..., 3:])

    def camera(self, index: int) -> Camera:
        return Camera(self.viewmats[index], self.k, *self.size)

    def _sized(self, picture: np.ndarray) -> np.ndarray:
        if picture.shape[:2] != self.size[::-1]:
            raise DatasetError(f"{self.folder}: a picture is {picture.shape[1]}x{picture.shape[0]}, "
                               f"not {self.size[0]}x{self.size[1]}.")  # fmt: skip
        return picture.astype(np.float32) / 255


def own_name(key: str) -> str | None:
    """What a parameter of `deformation.pth` is called here; None for what is not needed to perform."""
    for pattern, name in _RULES:
        match = re.fullmatch(pattern, key.removeprefix("deformation_net."))
        if match:
            return name(match)
    return None


def read_released(folder: Path) -> Released:
    """A model folder of the public code, or one `iteration_N` of it; of several, the last.

    Raises:
        AvatarError: if a file is missing, damaged, of another layout or not free of NaN.
    """
    folder = _iteration(Path(folder))
    splats = read_ply(folder / "point_cloud.ply", y_down=False)
    if splats.sh_degree != 3:
        raise AvatarError(f"{folder}: has colours of degree {splats.sh_degree}, the published models have 3.")
    state = _weights(folder / "deformation.pth")
    planes: dict[int, dict[int, Tensor]] = {}
    weights = {}
    for key, value in state.items():
        match = _PLANE.fullmatch(key.removeprefix("deformation_net."))
        if match:
            planes.setdefault(int(match[1]), {})[int(match[2])] = value
        elif (name := own_name(key)) is not None:
            weights[name] = value.float()
    box = state.get("deformation_net.tri_plane.grid.aabb")
    whole = box is not None and box.shape == (2, 3) and planes and all(set(p) == {0, 1, 2} for p in planes.values())
    if not whole:
        raise AvatarError(f"{folder}: holds no triplane of three planes; only models of GaussianTalker can be read.")
    try:
        stacks = [torch.cat([planes[s][i] for i in range(3)]).float() for s in sorted(planes)]
    except RuntimeError as error:
        raise AvatarError(f"{folder}: its planes are not of one size.") from error
    if any(stack.dim() != 4 or stack.shape[2] != stack.shape[3] for stack in stacks):
        raise AvatarError(f"{folder}: its planes are not square.")
    low, high = box.float()
    if (high < low).all():  # as published the box stands upside down: the same planes, mirrored in both axes
        low, high, stacks = high, low, [stack.flip(2, 3) for stack in stacks]
    return Released(splats, weights, stacks, low, high)


def read_released_data(folder: Path) -> ReleasedData:
    """The data folder a model was trained on.

    Raises:
        DatasetError: if a file is missing or does not fit the others.
    """
    folder = Path(folder)
    transforms = _json(folder / "transforms_train.json")
    track = _track(folder / "track_params.pt")
    try:
        frames = [(int(f["img_id"]), int(f["aud_id"])) for f in transforms["frames"]]
        focal, cx, cy = (float(transforms[name]) for name in ("focal_len", "cx", "cy"))
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{folder / 'transforms_train.json'}: has not what is needed ({error}).") from error
    ids, sounds = (np.array(column) for column in zip(*frames, strict=True)) if frames else (np.zeros(0, int),) * 2
    if not len(ids) or ids.min() < 0 or ids.max() >= len(track["euler"]) or not 1 <= 2 * max(cx, cy) <= 4096:
        raise DatasetError(f"{folder}: its frames, cameras and sizes do not fit together.")
    viewmats = np.tile(np.eye(4), (len(ids), 1, 1))
    viewmats[:, :3, :3] = euler_rotations(track["euler"][ids])
    viewmats[:, :3, 3] = track["trans"][ids]
    features = _features(folder)
    heard = features[np.clip(sounds, 0, len(features) - 1)]
    k = np.array([[focal, 0, cx], [0, focal, cy], [0, 0, 1]])
    sound = next((folder / name for name in ("aud.wav", "audio.wav") if (folder / name).is_file()), None)
    size = round(2 * cx), round(2 * cy)
    return ReleasedData(folder, TO_CAMERA @ viewmats, k, size, ids, heard, _blinks(folder, ids), sound)


def euler_rotations(angles: np.ndarray) -> np.ndarray:
    """Rotations `[T, 3, 3]` of the BFM tracker's three angles `[T, 3]`: Rx Ry Rz, of which Rx and Ry are the transposes
    of the usual ones."""
    a, b, c = angles.T
    one, zero = np.ones_like(a), np.zeros_like(a)
    x = np.stack([one, zero, zero, zero, np.cos(a), np.sin(a), zero, -np.sin(a), np.cos(a)], axis=1)
    y = np.stack([np.cos(b), zero, -np.sin(b), zero, one, zero, np.sin(b), zero, np.cos(b)], axis=1)
    z = np.stack([np.cos(c), -np.sin(c), zero, np.sin(c), np.cos(c), zero, zero, zero, one], axis=1)
    x, y, z = (m.reshape(-1, 3, 3) for m in (x, y, z))
    return x @ y @ z


def _iteration(folder: Path) -> Path:
    if (folder / "deformation.pth").is_file():
        return folder
    found = {}
    for path in (folder / "point_cloud").glob("iteration_*"):
        if path.name.removeprefix("iteration_").isdigit() and (path / "deformation.pth").is_file():
            found[int(path.name.removeprefix("iteration_"))] = path
    if not found:
        raise AvatarError(f"{folder}: holds no point_cloud/iteration_N/deformation.pth; name a GaussianTalker model.")
    return found[max(found)]


def _load(path: Path):
    """What a PyTorch file holds; only tensors and plain containers are let in."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: is not there")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"{path}: is larger than {MAX_FILE_BYTES >> 30} GB")
    return torch.load(path, map_location="cpu", weights_only=True)


_DAMAGE = (OSError, RuntimeError, ValueError, EOFError, KeyError, UnpicklingError)


def _weights(path: Path) -> dict[str, Tensor]:
    try:
        state = _load(path)
    except _DAMAGE as error:
        raise AvatarError(f"{path}: cannot be read ({str(error).splitlines()[0]}); copy the model again.") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise AvatarError(f"{path}: is not a set of weights.")
    bad = [name for name, value in state.items() if value.is_floating_point() and not torch.isfinite(value).all()]
    if bad:
        raise AvatarError(f"{path}: {bad[0]} holds NaN or infinite values.")
    return state


def _track(path: Path) -> dict[str, np.ndarray]:
    try:
        track = _load(path)
        arrays = {name: track[name].detach().double().numpy() for name in ("euler", "trans")}
    except (*_DAMAGE, TypeError, AttributeError) as error:
        raise DatasetError(f"{path}: the tracked cameras cannot be read ({str(error).splitlines()[0]}).") from error
    if any(a.ndim != 2 or a.shape[1] != 3 or not np.isfinite(a).all() for a in arrays.values()):
        raise DatasetError(f"{path}: the tracked cameras are not three angles and three lengths for each frame.")
    return arrays


def _features(folder: Path) -> np.ndarray:
    path = next((folder / name for name in ("aud_ds.npy", "aud_hu.npy") if (folder / name).is_file()), None)
    if path is None:
        raise DatasetError(f"{folder}: has neither aud_ds.npy nor aud_hu.npy, the sound the model was trained with.")
    try:
        features = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}).") from error
    if features.ndim != 3 or not len(features) or not np.isfinite(features).all():
        raise DatasetError(f"{path}: is {features.shape}, not frames of windows of features.")
    return features.astype(np.float32)


def _blinks(folder: Path, ids: np.ndarray) -> np.ndarray:
    """`clip(AU45_r, 0, 2) / 2` of each frame."""
    path = folder / "au.csv"
    try:
        with path.open(newline="") as file:
            rows = [float(row["AU45_r"]) for row in csv.DictReader(file, skipinitialspace=True)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path}: has no column AU45_r that can be read ({error}).") from error
    if ids.max() >= len(rows):
        raise DatasetError(f"{path}: has {len(rows)} rows, frame {ids.max()} is asked for.")
    return (np.clip(np.array(rows)[ids], 0, 2) / 2).astype(np.float32)[:, None]


def _json(path: Path) -> dict:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}).") from error
    if not isinstance(rows, dict):
        raise DatasetError(f"{path}: is not a table of transforms.")
    return rows
