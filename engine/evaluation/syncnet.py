"""Sync-C and Sync-D (LSE-C, LSE-D): how well lips and sound fit to SyncNet (Chung and Zisserman 2016).

Windows of five frames of the face and of 20 steps of cepstra are embedded; the distance of the two is taken at shifts
of up to 15 frames. D is the least of the mean distances, C how far it lies under their median.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import ModelMissingError
from engine.training.losses import read_weights

SYNCNET_FILE = "syncnet_v2.model"
SYNCNET_URL = f"http://www.robots.ox.ac.uk/~vgg/software/lipsync/data/{SYNCNET_FILE}"
SIDE, N_FRAMES, N_STEPS = 224, 5, 20
MAX_SHIFT = 15
CROP_ROOM = 0.4
RATE_HZ, FPS, STEPS_PER_FRAME = 16_000, 25.0, 4
BATCH = 16


class SyncNet(nn.Module):
    """Both towers of SyncNet v2.

    Raises:
        ModelMissingError: if the weights are missing or not the genuine ones; says where to get them.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        weights = read_weights(folder / SYNCNET_FILE, SYNCNET_URL)
        self.netcnnaud = nn.Sequential(
            *_layer2d(1, 64, 3, 1), nn.MaxPool2d(1, 1), *_layer2d(64, 192, 3, 1), nn.MaxPool2d(3, (1, 2)),
            *_layer2d(192, 384, 3, 1), *_layer2d(384, 256, 3, 1), *_layer2d(256, 256, 3, 1), nn.MaxPool2d(3, 2),
            *_layer2d(256, 512, (5, 4), 0),
        )  # fmt: skip
        self.netcnnlip = nn.Sequential(
            *_layer3d(3, 96, (5, 7, 7), 2, 0), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_layer3d(96, 256, (1, 5, 5), 2, 1), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_layer3d(256, 256, (1, 3, 3), 1, 1), *_layer3d(256, 256, (1, 3, 3), 1, 1),
            *_layer3d(256, 256, (1, 3, 3), 1, 1), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_layer3d(256, 512, (1, 6, 6), 1, 0),
        )  # fmt: skip
        self.netfcaud, self.netfclip = (
            nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024)) for _ in range(2)
        )
        try:
            self.load_state_dict(weights, strict=False)
            missing = [n for n in self.state_dict() if n not in weights and not n.endswith("num_batches_tracked")]
            if missing:
                raise KeyError(missing[0])
        except (KeyError, RuntimeError, AttributeError, TypeError) as error:
            raise ModelMissingError(
                f"{folder / SYNCNET_FILE}: are not SyncNet's weights ({str(error).splitlines()[-1].strip()}); fetch "
                f"them from {SYNCNET_URL}."
            ) from error
        self.requires_grad_(False).eval()

    def lips(self, faces: Tensor) -> Tensor:
        """`[B, 3, 5, 224, 224]`, BGR 0 to 255 -> `[B, 1024]`."""
        return self.netfclip(self.netcnnlip(faces).flatten(1))

    def sounds(self, cepstra: Tensor) -> Tensor:
        """`[B, 1, 13, 20]` -> `[B, 1024]`."""
        return self.netfcaud(self.netcnnaud(cepstra).flatten(1))

    def scores(self, faces: np.ndarray, sound: np.ndarray) -> dict[str, float]:
        """`sync_c`, `sync_d` and `sync_offset_frames` of a clip at 25 frames a second.

        Args:
            faces: crops as uint8 RGB `[T, 224, 224, 3]` (see `face_crop`).
            sound: the same stretch of sound at 16 kHz, `[n]`.
        """
        n = min(len(faces), int(len(sound) / RATE_HZ * FPS)) - N_FRAMES
        steps = cepstra(sound)
        n = min(n, (len(steps) - N_STEPS) // STEPS_PER_FRAME + 1)
        if n < 2:
            return {"sync_c": float("nan"), "sync_d": float("nan"), "sync_offset_frames": float("nan")}
        pictures = torch.from_numpy(np.ascontiguousarray(faces[..., ::-1])).permute(3, 0, 1, 2)  # [3, T, H, W], BGR
        sounds = torch.from_numpy(steps.astype(np.float32)).t()
        seen, heard = [], []
        for start in range(0, n, BATCH):
            rows = range(start, min(start + BATCH, n))
            seen.append(self.lips(torch.stack([pictures[:, i : i + N_FRAMES] for i in rows]).float()))
            heard.append(self.sounds(torch.stack([
                sounds[None, :, STEPS_PER_FRAME * i : STEPS_PER_FRAME * i + N_STEPS] for i in rows
            ])))  # fmt: skip
        return sync_scores(torch.cat(seen), torch.cat(heard))


def sync_scores(seen: Tensor, heard: Tensor) -> dict[str, float]:
    """The three figures from features of lips and sounds, `[T, F]` each."""
    padded = F.pad(heard, (0, 0, MAX_SHIFT, MAX_SHIFT))
    means = torch.stack([
        F.pairwise_distance(seen, padded[shift : shift + len(seen)]).mean() for shift in range(2 * MAX_SHIFT + 1)
    ])  # fmt: skip
    least, at = means.min(dim=0)
    return {"sync_c": float(means.median() - least), "sync_d": float(least),
            "sync_offset_frames": float(MAX_SHIFT - int(at))}  # fmt: skip


def face_crop(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The square SyncNet's pipeline cuts round a face, uint8 `[224, 224, 3]`.

    The box is that of the tracked landmarks `[L, 2 or 3]`, where the published pipeline runs a face detector.
    """
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    (x, y), half = (low + high) / 2, float((high - low).max()) / 2
    room = half * (1 + CROP_ROOM)
    top, bottom = y - half, y + half * (1 + 2 * CROP_ROOM)
    rows = np.linspace(top, bottom, SIDE + 1)[:-1] + (bottom - top) / SIDE / 2
    columns = np.linspace(x - room, x + room, SIDE + 1)[:-1] + room / SIDE
    height, width = picture.shape[:2]
    grid = np.stack(np.meshgrid(2 * columns / width - 1, 2 * rows / height - 1), axis=-1).astype(np.float32)
    source = torch.from_numpy(np.ascontiguousarray(picture, dtype=np.float32)).movedim(-1, 0)[None]
    cut = F.grid_sample(source, torch.from_numpy(grid)[None], align_corners=False)[0].movedim(0, -1)
    return (cut.clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()


def cepstra(sound: np.ndarray) -> np.ndarray:
    """Mel cepstra at 100 Hz as SyncNet heard them in training, `[T, 13]`.

    Of the 16-bit sound: pre-emphasis 0.97, windows of 25 ms without taper, 512-point power spectra, 26 mel bands over 0
    to 8 kHz, orthonormal cosine transform, liftering with 22, the first cepstrum replaced by the log energy.

    Args:
        sound: `[n]` at 16 kHz, -1 to 1.
    """
    from scipy.fft import dct

    samples = np.round(np.asarray(sound, dtype=np.float64) * 32768)
    samples = np.append(samples[:1], samples[1:] - 0.97 * samples[:-1])
    length, step = 400, 160
    n = 1 if len(samples) <= length else 1 + int(np.ceil((len(samples) - length) / step))
    padded = np.concatenate([samples, np.zeros(max(0, (n - 1) * step + length - len(samples)))])
    frames = np.stack([padded[i * step : i * step + length] for i in range(n)])
    power = np.square(np.abs(np.fft.rfft(frames, 512))) / 512
    energy = np.maximum(power.sum(axis=1), np.finfo(float).eps)
    bands = np.maximum(power @ _mel_bands().T, np.finfo(float).eps)
    values = dct(np.log(bands), type=2, axis=1, norm="ortho")[:, :13]
    values *= 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    values[:, 0] = np.log(energy)
    return values


def _mel_bands(n_bands: int = 26, n_fft: int = 512) -> np.ndarray:
    top = 2595 * np.log10(1 + RATE_HZ / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, n_bands + 2) / 2595) - 1)
    edges = np.floor((n_fft + 1) * hertz / RATE_HZ).astype(int)
    bands = np.zeros((n_bands, n_fft // 2 + 1))
    for j in range(n_bands):
        low, middle, high = edges[j : j + 3]
        bands[j, low:middle] = (np.arange(low, middle) - low) / max(middle - low, 1)
        bands[j, middle:high] = (high - np.arange(middle, high)) / max(high - middle, 1)
    return bands


def _layer2d(n_in: int, n_out: int, size, padding: int) -> list[nn.Module]:
    return [nn.Conv2d(n_in, n_out, size, 1, padding), nn.BatchNorm2d(n_out), nn.ReLU()]


def _layer3d(n_in: int, n_out: int, size, stride: int, padding: int) -> list[nn.Module]:
    convolution = nn.Conv3d(n_in, n_out, size, (1, stride, stride), (0, padding, padding))
    return [convolution, nn.BatchNorm3d(n_out), nn.ReLU()]
