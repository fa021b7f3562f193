"""A dataset as training reads it: pictures, masks, cameras, tracks and the heard voice, all in memory."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from engine.audio.block import SAMPLE_RATE_HZ, AudioEncoder
from engine.audio.loudness import loudness
from engine.audio.wav import read_sound
from engine.camera import Camera
from engine.capture.dataset import Dataset
from engine.errors import TrainingError
from engine.parts.audio_net import N_STEPS, window_start
from engine.training.voice import Voice, hear
from engine.vocabulary import ARKIT_INDEX

LEAST_FRAMES = 20
PICTURE_BUDGET_BYTES = 6 << 30
RIM = 0.1
"""Head masks from here on show the picture itself: it holds hair and what is behind as they mix in truth, which splats
over what stands behind can learn; the mask's own mixture would lay what is behind over the hair once more."""


@dataclass
class Sample:
    """One training frame at one size.

    Attributes:
        target: `[H, W, 3]` what the picture should be; behind: `[H, W, 3]` or `[3]` what stands behind the splats.
        mask: `[H, W]`, 1 where the splats should be: the head over a plate, the whole person otherwise.
        lip_box, head_box: y0, y1, x0, x1 in pixels of this size.
        viewmat, k: float32 `[4, 4]`, `[3, 3]`.
        head_pose: `[6]` in `POSE_NAMES` order, what the head's pose is with cameras corrected as they are by now; None
            where a camera went round a head that stayed.
        alpha: `[H, W]`, what the splats covered: known to losses, once the frame is drawn.
    """

    index: int
    time: float
    target: Tensor
    behind: Tensor
    mask: Tensor
    lip_box: tuple[int, int, int, int]
    head_box: tuple[int, int, int, int]
    viewmat: Tensor
    k: Tensor
    head_pose: np.ndarray | None = None
    alpha: Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.target.shape[0], self.target.shape[1]

    def head_crop(self, side: int, rng: np.random.Generator) -> tuple[slice, slice]:
        """Rows and columns of a random square of the head; all of the picture if it is no larger, or `side` is 0."""
        height, width = self.size
        if not side or side >= min(height, width):
            return slice(0, height), slice(0, width)
        top, bottom, left, right = self.head_box
        y = min(rng.integers(top, max(bottom - side, top) + 1), height - side)
        x = min(rng.integers(left, max(right - side, left) + 1), width - side)
        return slice(int(y), int(y) + side), slice(int(x), int(x) + side)

    def over(self, color: Tensor) -> "Sample":
        """The same frame of a whole person on another flat colour `[3]`: teaches the splats where they end."""
        beyond = (1 - self.mask)[..., None]
        return replace(self, target=self.target + beyond * (color - self.behind), behind=color)


class Clip:
    """The pictures of a dataset at full and half size, ready for `sample`, and everything tracked in them.

    Pictures stay bytes in memory. The target of a plate avatar is the picture wherever the head mask covers
    anything, its soft rim included, and what stands behind elsewhere; of a whole person it is the picture as filmed.

    Raises:
        TrainingError: if the clip is too short or does not fit into memory.
    """

    def __init__(self, dataset: Dataset, encoder: AudioEncoder, n_variants: int, seed: int = 0) -> None:
        info = dataset.info
        if info.n_train < LEAST_FRAMES:
            raise TrainingError(
                f"{dataset.path.name}: {info.n_train} frames to train on, at least {LEAST_FRAMES} are needed; "
                "capture a longer video."
            )
        n_channels = 4 if info.background == "alpha" else 7
        needed = info.n_train * info.width * info.height * n_channels * 1.25  # full and half size
        if needed > PICTURE_BUDGET_BYTES:
            raise TrainingError(
                f"{dataset.path.name}: {info.n_train} pictures need {needed / 2**30:.1f} GB of memory, "
                f"{PICTURE_BUDGET_BYTES >> 30} are allowed; cut the video to "
                f"{PICTURE_BUDGET_BYTES / needed * info.n_train / info.fps:.0f} s."
            )
        self.dataset = dataset
        self.info = info
        self.encoder = encoder
        self.tracks = dataset.tracks
        self.n_train = info.n_train
        self.has_alpha = info.background == "alpha"
        self._sound, _ = read_sound(dataset.audio_path)
        self.voice: Voice = hear(encoder, self._sound, n_variants, seed)
        self._pictures: dict[int, list[np.ndarray]] = {1: [], 2: []}  # by size divisor: target, behind, mask
        self._loaded = False

    def load(self):
        """Reads all training pictures; a generator of how many are done."""
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as readers:
            for index, (whole, half) in enumerate(readers.map(self._both_sizes, range(self.n_train))):
                self._pictures[1].append(whole)
                self._pictures[2].append(half)
                yield index + 1
        self._loaded = True

    def sample(self, index: int, divisor: int = 1, device: torch.device | str = "cpu") -> Sample:
        """A training frame at full (1) or half (2) size; a GPU is sent bytes and makes numbers of them itself."""
        bytes_ = self._pictures[divisor][index]
        values = torch.from_numpy(bytes_).to(device).to(torch.float32).mul_(1 / 255)
        camera = self.camera(index, divisor)
        behind = torch.tensor(self.info.background_color) if self.has_alpha else values[..., 3:6]
        return Sample(
            index, float(self.tracks["times"][index]), values[..., :3].contiguous(), behind, values[..., -1],
            self._box(self.tracks["lip_boxes"][index] / divisor, values.shape[:2]),
            _mask_box(bytes_[..., -1]), torch.tensor(camera.viewmat, dtype=torch.float32),
            torch.tensor(camera.k, dtype=torch.float32),
        )  # fmt: skip

    def camera(self, index: int, divisor: int = 1) -> Camera:
        whole = self.dataset.camera(index)
        if divisor == 1:
            return whole
        return whole.resized(whole.width // divisor, whole.height // divisor)

    @property
    def n_features(self) -> int:
        return self.voice.n_features

    def behind(self, index: int) -> np.ndarray:
        """What stands behind the head in a frame, float32 `[H, W, 3]`."""
        return self.dataset.behind(index)

    def plate(self) -> np.ndarray | None:
        """The empty background `[H, W, 3]`, where it is known."""
        return self.dataset.plate if (self.dataset.path / "plate.png").is_file() else None

    def pixel(self) -> float:
        """Head heights in a pixel of a 512 picture, at the head."""
        camera = self.camera(0)
        return float(camera.viewmat[2, 3] / camera.k[1, 1]) * camera.height / 512

    def windows(self, times: np.ndarray, variant: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Raw feature windows `[T, 16, F]` round shown moments and which steps are known `[T, 16]`."""
        pairs = [self.voice.window(window_start(float(t)), N_STEPS, variant) for t in times]
        return np.stack([v for v, _ in pairs]), np.stack([k for _, k in pairs])

    def opening(self) -> np.ndarray:
        """How far the mouth is open in every frame, `[T]`: the jaw, less what the lips close again."""
        arkit = self.tracks["arkit"]
        return arkit[:, ARKIT_INDEX["jawOpen"]] - arkit[:, ARKIT_INDEX["mouthClose"]]

    def loudness(self) -> np.ndarray:
        """Loudness of the voice round every frame, dB, `[T]`."""
        return loudness(self.tracks["times"], self._sound, SAMPLE_RATE_HZ)

    def _both_sizes(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        whole = self._picture(index)
        return whole, _halved(whole)

    def _picture(self, index: int) -> np.ndarray:
        picture = self.dataset.frame(index)
        masks = self.dataset.masks(index)
        if self.has_alpha:
            return np.concatenate([picture, _bytes(masks.person)[..., None]], axis=-1)
        behind = self.dataset.behind(index)
        head = masks.head[..., None]
        shown = np.clip(head / RIM, 0, 1)
        target = picture.astype(np.float32) * (shown / 255) + behind * (1 - shown)
        return np.concatenate([_bytes(target), _bytes(behind), _bytes(head)], axis=-1)

    def _box(self, box: np.ndarray, size: tuple[int, ...]) -> tuple[int, int, int, int]:
        return padded_box(box, size[0], size[1], part=0.25)


def padded_box(box: np.ndarray, height: int, width: int, part: float) -> tuple[int, int, int, int]:
    """A box (y0, y1, x0, x1) grown by a part of its side on every side, inside the picture and never empty."""
    y0, y1, x0, x1 = (float(v) for v in box)
    grow_y, grow_x = (y1 - y0) * part, (x1 - x0) * part
    top, left = int(np.clip(y0 - grow_y, 0, height - 8)), int(np.clip(x0 - grow_x, 0, width - 8))
    bottom, right = int(np.clip(y1 + grow_y, top + 8, height)), int(np.clip(x1 + grow_x, left + 8, width))
    return top, bottom, left, right


def _mask_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero((mask > 25).any(axis=1)), np.flatnonzero((mask > 25).any(axis=0))
    if not len(rows):
        return 0, mask.shape[0], 0, mask.shape[1]
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _halved(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    four = picture[: height * 2, : width * 2].astype(np.uint16).reshape(height, 2, width, 2, -1)
    return ((four.sum(axis=(1, 3)) + 2) // 4).astype(np.uint8)


def _bytes(values: np.ndarray) -> np.ndarray:
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
