"""The dataset a video or the studio becomes: pictures, masks, plate, cameras, tracks and sound in one folder.

    name.dataset/
      dataset.json             size, rate, source, split, camera kind, notes (`DatasetInfo`)
      frames/000000.png|jpg    the picture, RGB
      masks/000000.png         soft masks as RGB: R head, G torso (neck and clothes), B person
      torso/000000.png         optional: what stands behind the head (torso over plate), RGB
      plate.png                optional: the empty background, RGB
      audio.wav                the voice as recorded (mono, its own rate)
      tracks.safetensors       per-frame arrays (`TRACKS`)

The world is head-centred (`engine.camera`); the head stays and the camera moves, so `viewmats[t]` holds head pose.
"""

import json
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file

from engine.array_file import save_file
from engine.camera import Camera
from engine.errors import DatasetError
from engine.vocabulary import ARKIT_52

VERSION = 1

TRACKS = {
    "times": ("T",),  # seconds, float64
    "viewmats": ("T", 4, 4),  # world (head) to camera
    "ks": ("T", 3, 3),  # intrinsics in pixels
    "arkit": ("T", 52),  # ARKit-52 scores, ARKIT_52 order, 0 to 1
    "aus": ("T", "A"),  # action units named by DatasetInfo.au_names, 0 to 1
    "ear": ("T", 2),  # eye aspect ratio: person's left eye, right eye
    "landmarks": ("T", "L", 3),  # pixels x, y and relative depth (MediaPipe's 478, or the studio's)
    "lip_boxes": ("T", 4),  # square round the lips: y0, y1, x0, x1 in pixels
    "tracked": ("T",),  # 1 where a face was found, 0 where the values are interpolated
}
"""Arrays of `tracks.safetensors`; a letter is a free size. Optional: `points` [P, 3], head-surface start points, their
`colors` [P, 3] and `point_shapes` [52, P, 3], how far each moves with each ARKit shape; `gaze` [T, 4]; `pose` [T, 6] in
`POSE_NAMES` order."""

OPTIONAL_TRACKS = {
    "points": ("P", 3), "colors": ("P", 3), "point_shapes": (52, "P", 3), "gaze": ("T", 4), "pose": ("T", 6),
}  # fmt: skip


class DatasetInfo(BaseModel):
    """What `dataset.json` says.

    Attributes:
        background: "plate" (a real video: head over torso and plate) or "alpha" (a studio film: the whole person in
            splats, the person mask is exact alpha and the picture stands on `background_color`).
        au_names: columns of the `aus` track.
        exact: True when cameras and controls are ground truth (studio), False when tracked.
        units_mm: millimetres in one world unit (one head height).
        n_train: frames before this index are for training, the rest is held out (10 : 1).
    """

    model_config = ConfigDict(extra="forbid")

    version: int = VERSION
    name: str
    width: int
    height: int
    fps: float
    n_frames: int
    n_train: int
    background: str = "plate"
    background_color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    au_names: list[str] = []
    expression_backend: str = "mp52"
    exact: bool = False
    units_mm: float = 240.0
    frame_format: str = "png"
    source: dict = {}
    licence: str = ""
    consent: str = ""
    notes: list[str] = []


@dataclass(frozen=True)
class Masks:
    """Soft masks of one frame, float32 0 to 1, `[H, W]` each."""

    head: np.ndarray
    torso: np.ndarray
    person: np.ndarray


class Dataset:
    """A dataset on disk; pictures are read when asked for, tracks once.

    Raises:
        DatasetError: when the folder is missing, incomplete or inconsistent.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.info = self._read_info()

    def __len__(self) -> int:
        return self.info.n_frames

    @cached_property
    def tracks(self) -> dict[str, np.ndarray]:
        path = self.path / "tracks.safetensors"
        try:
            arrays = load_file(path)
        except (OSError, SafetensorError) as error:
            raise DatasetError(f"{path}: cannot be read ({error}); capture the video again.") from error
        check_tracks(arrays, self.info, path)
        return arrays

    @property
    def times(self) -> np.ndarray:
        return self.tracks["times"]

    @property
    def train_ids(self) -> np.ndarray:
        return np.arange(self.info.n_train)

    @property
    def test_ids(self) -> np.ndarray:
        return np.arange(self.info.n_train, self.info.n_frames)

    @property
    def audio_path(self) -> Path:
        return self.path / "audio.wav"

    def frame(self, index: int) -> np.ndarray:
        """Picture as uint8 `[H, W, 3]`."""
        return self._picture("frames", index, self.info.frame_format)

    def masks(self, index: int) -> Masks:
        rgb = self._picture("masks", index, "png").astype(np.float32) / 255
        return Masks(head=rgb[..., 0], torso=rgb[..., 1], person=rgb[..., 2])

    def behind(self, index: int) -> np.ndarray:
        """What stands behind the head: torso over plate, the plate, or the flat background; float32 `[H, W, 3]`."""
        if self.has_torso:
            return self._picture("torso", index, "png").astype(np.float32) / 255
        if (self.path / "plate.png").is_file():
            return self.plate
        flat = np.array(self.info.background_color, dtype=np.float32)
        return np.broadcast_to(flat, (self.info.height, self.info.width, 3)).copy()

    @cached_property
    def has_torso(self) -> bool:
        return (self.path / "torso" / "000000.png").is_file()

    @cached_property
    def plate(self) -> np.ndarray:
        return read_rgb(self.path / "plate.png").astype(np.float32) / 255

    def camera(self, index: int) -> Camera:
        return Camera(self.tracks["viewmats"][index], self.tracks["ks"][index], self.info.width, self.info.height)

    def _picture(self, kind: str, index: int, suffix: str) -> np.ndarray:
        path = self.path / kind / f"{index:06d}.{suffix}"
        picture = read_rgb(path)
        if picture.shape != (self.info.height, self.info.width, 3):
            raise DatasetError(
                f"{path}: is {picture.shape[1]}x{picture.shape[0]}, not {self.info.width}x{self.info.height}."
            )
        return picture

    def _read_info(self) -> DatasetInfo:
        path = self.path / "dataset.json"
        if not path.is_file():
            raise DatasetError(f"{self.path}: is not a dataset; make one with mouthpiece capture or mouthpiece studio.")
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields.get("version") != VERSION:
                raise DatasetError(f"{path}: is of version {fields.get('version')!r}, this program reads {VERSION}.")
            info = DatasetInfo(**fields)
        except (OSError, ValueError, TypeError, AttributeError, ValidationError) as error:
            raise DatasetError(f"{path}: cannot be read ({str(error).splitlines()[0]}).") from error
        if not 0 < info.n_train <= info.n_frames:
            raise DatasetError(f"{path}: {info.n_train} training frames of {info.n_frames} make no sense.")
        return info


def write_tracks(folder: Path, info: DatasetInfo, arrays: dict[str, np.ndarray]) -> None:
    """Writes `dataset.json` and `tracks.safetensors` into a folder that is being made (see `paths.atomic_folder`)."""
    arrays = {name: np.ascontiguousarray(a) for name, a in arrays.items()}
    check_tracks(arrays, info, folder)
    save_file(arrays, folder / "tracks.safetensors")
    (folder / "dataset.json").write_text(info.model_dump_json(indent=2), encoding="utf-8")


def write_picture(path: Path, rgb: np.ndarray) -> None:
    """Writes a uint8 or 0-to-1 float picture `[H, W, 3]`; the suffix decides the format (png, or jpg at quality 95)."""
    if rgb.dtype != np.uint8:
        rgb = (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    options = (
        {"quality": 95, "subsampling": 0}
        if path.suffix == ".jpg"
        else {"compress_level": 1, "compress_type": zlib.Z_RLE}
    )
    Image.fromarray(rgb).save(path, **options)


def read_rgb(path: Path) -> np.ndarray:
    """A picture as uint8 `[H, W, 3]`. Raises DatasetError if it cannot be read."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}).") from error


def check_tracks(arrays: dict[str, np.ndarray], info: DatasetInfo, where: Path) -> None:
    """Checks names, shapes and finiteness of the per-frame arrays. Raises DatasetError naming the first fault."""
    free = {"T": info.n_frames, "A": len(info.au_names)}
    for name, shape in {**TRACKS, **{n: s for n, s in OPTIONAL_TRACKS.items() if n in arrays}}.items():
        if name not in arrays:
            raise DatasetError(f"{where}: the track {name!r} is missing; capture the video again.")
        wanted = tuple(free.get(side, side) for side in shape)
        got = arrays[name].shape
        if len(got) != len(wanted) or any(isinstance(w, int) and w != g for w, g in zip(wanted, got, strict=True)):
            raise DatasetError(f"{where}: the track {name!r} is {got}, not {wanted}; capture the video again.")
        if not np.isfinite(arrays[name]).all():
            raise DatasetError(f"{where}: the track {name!r} holds NaN or infinite values; capture the video again.")
    assert arrays["arkit"].shape[1] == len(ARKIT_52)
