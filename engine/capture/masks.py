"""Soft masks of head, torso and person for every frame, without a segmentation network.

Everything is learnt from the clip itself: what the still background looks like and where hair and shoulders end
(`engine.capture.outline`), and which colours are hair and which are neck and clothes. A frame is then decided pixel by
pixel, tidied, and its edges made soft by a guided filter, so that hair keeps its strands. The head is hair, ears and
the face down to the jaw; the neck belongs to the torso.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from engine.capture.dataset import read_rgb
from engine.capture.face_shape import CHIN
from engine.capture.head_place import HeadPlace
from engine.capture.outline import HEIGHTS_BELOW_CHIN, Outline, Sample, evidence, face_area, learn_outline, parts
from engine.errors import DatasetError

WORK_SIZE = 256
"""Decisions are made at this side; the guided filter brings the edge back to full size."""
N_KEYS = 48
BINS = 24
"""Colours are counted in a cube of this many cells a side (Lab)."""
COLOR_WEIGHT, PLACE_WEIGHT = 1.5, 1.0
NECK_WIDTH = 0.2
"""Half the width of a neck in head heights: nearer to its middle than this, a doubtful pixel is rather neck."""


@dataclass(frozen=True)
class MaskModel:
    """What the key frames taught: the outline, and how much each colour speaks for head over torso (log odds)."""

    outline: Outline
    head_colors: np.ndarray  # [BINS, BINS, BINS]


def learn_masks(
    read: Callable[[int], np.ndarray], landmarks: np.ndarray, places: list[HeadPlace], usable: np.ndarray
) -> MaskModel:
    """Learns from up to `N_KEYS` frames spread over the clip.

    Args:
        read: gives frame i, uint8 `[H, W, 3]`.
        landmarks: `[T, 478, 3]` pixels.
        places: the head's place in each frame, in pixels of the frames.
        usable: indices of frames with a face.
    """
    keys = usable[np.unique(np.linspace(0, len(usable) - 1, N_KEYS).round().astype(int))]
    samples = [_sample(read(i), landmarks[i], places[i]) for i in keys]
    outline = learn_outline(samples)
    heads, torsos = np.zeros((BINS,) * 3), np.zeros((BINS,) * 3)
    for sample in samples[::3]:
        person = _decide_person(sample, outline)
        head, torso = parts(sample, person)
        face = face_area(sample.points, WORK_SIZE, 1.1)
        _count(heads, sample.picture, head & ~face & cv2.erode(person.astype(np.uint8), np.ones((5, 5))).astype(bool))
        _count(torsos, sample.picture, torso)
    return MaskModel(outline, _log_odds(heads, torsos))


def cut_masks(rgb: np.ndarray, landmarks: np.ndarray, place: HeadPlace, model: MaskModel) -> np.ndarray:
    """Masks of one frame: uint8 `[H, W, 3]`, R head, G torso, B person.

    Args:
        rgb: the frame, uint8 `[H, W, 3]`.
        landmarks: `[478, 3]` in its pixels.
        place: the head's place in its pixels.
    """
    sample = _sample(rgb, landmarks, place)
    person = _decide_person(sample, model.outline)
    return compose_masks(rgb, landmarks, person, _decide_head(sample, person, model.head_colors))


def compose_masks(rgb: np.ndarray, landmarks: np.ndarray, person: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Makes hard decisions at work size into soft masks at full size (see `cut_masks`)."""
    soft_person = _softened(rgb, person, 1e-4)
    soft_part = _softened(rgb, head, 1e-3)
    share = soft_part / np.maximum(soft_part + _softened(rgb, person & ~head, 1e-3), 1e-3)
    share = np.where(soft_part + (1 - soft_person) > 0.02, share, 0)
    face = face_area(landmarks, rgb.shape[0]).astype(np.float32)
    share = np.maximum(share, cv2.GaussianBlur(face, (0, 0), rgb.shape[0] / 512))
    soft_head = soft_person * share
    stack = np.stack([soft_head, soft_person - soft_head, soft_person], axis=2)
    return (np.clip(stack, 0, 1) * 255 + 0.5).astype(np.uint8)


def read_ready_masks(folder: Path, n_frames: int, size: int, frame: Callable[[np.ndarray], np.ndarray]) -> list[Path]:
    """Checks a folder of masks made elsewhere: one picture a frame, in the order of their names.

    Each is RGB as in a dataset (R head, G torso, B person), of the dataset's size or of the video's (then it is cut
    and scaled as the frames are).

    Returns:
        The pictures' paths.

    Raises:
        DatasetError: if there are none, or fewer than frames.
    """
    paths = sorted(p for p in Path(folder).glob("*") if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    if len(paths) < n_frames:
        raise DatasetError(f"{folder}: holds {len(paths)} masks, the video has {n_frames} frames; make one a frame.")
    first = read_ready_mask(paths[0], size, frame)
    if first[..., 0].max() < 128:
        raise DatasetError(f"{paths[0]}: shows no head; masks are RGB pictures, red head, green torso, blue person.")
    return paths


def read_ready_mask(path: Path, size: int, frame: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """One mask at the dataset's size, uint8 `[size, size, 3]`."""
    picture = read_rgb(path)
    if picture.shape[:2] != (size, size):
        picture = frame(picture)
    if picture.shape[:2] != (size, size):
        raise DatasetError(
            f"{path}: is {picture.shape[1]}x{picture.shape[0]}, neither the dataset's size nor the video's."
        )
    return picture


def _sample(rgb: np.ndarray, landmarks: np.ndarray, place: HeadPlace) -> Sample:
    scale = WORK_SIZE / rgb.shape[0]
    small = cv2.resize(rgb, (WORK_SIZE, WORK_SIZE), interpolation=cv2.INTER_AREA)
    return Sample(small, landmarks * scale, place.scaled(scale))


def _decide_person(sample: Sample, outline: Outline) -> np.ndarray:
    """The person at work size, booleans: what is evident, and elsewhere what the outline expects."""
    person, empty = evidence(sample, outline.background)
    chance = outline.chance(sample.place)
    if not outline.background.is_known:
        return _tidied(person)
    open_ = ~person & ~empty
    covered = cv2.distanceTransform((~outline.background.known).astype(np.uint8), cv2.DIST_L2, 3) > WORK_SIZE / 32
    person = person & (chance > 0.02) | (open_ & ((chance > 0.5) | (covered & (chance > 0.05))))
    return _tidied(cv2.medianBlur(person.astype(np.uint8), 3) > 0)


def _decide_head(sample: Sample, person: np.ndarray, head_colors: np.ndarray) -> np.ndarray:
    """The head's share of the person: certain parts, and below the jaw what has the hair's colours."""
    head, torso = parts(sample, person)
    across, along = sample.place.coordinates(WORK_SIZE)
    chin = sample.points[CHIN]
    beside = np.abs(across - 0.5 * _across(sample.place, chin)) / NECK_WIDTH - 1
    drop = (sample.place.along(chin) - along) / HEIGHTS_BELOW_CHIN
    place = 2.5 * np.clip(beside, -1, 1) - 2 * np.clip(drop, 0, 1) + 0.5
    odds = COLOR_WEIGHT * head_colors[_cells(sample.picture)] + PLACE_WEIGHT * place
    odds = np.where(head, 6.0, np.where(torso, -6.0, np.clip(odds, -6, 6))).astype(np.float32)
    guide = sample.picture.astype(np.float32) / 255
    odds = cv2.ximgproc.guidedFilter(guide, odds, 4, 1e-3)
    decided = ((odds > 0) | head) & ~torso & (person | head)
    return _joined(decided, head)


def _across(place: HeadPlace, point: np.ndarray) -> float:
    right = np.array([-place.up[1], place.up[0]])
    return float((point[:2] - place.middle) @ right / place.height)


def _cells(picture: np.ndarray) -> tuple[np.ndarray, ...]:
    lab = cv2.cvtColor(cv2.GaussianBlur(picture, (0, 0), 1.0), cv2.COLOR_RGB2LAB)
    cells = lab.astype(np.int32) * BINS // 256
    return cells[..., 0], cells[..., 1], cells[..., 2]


def _count(counts: np.ndarray, picture: np.ndarray, where: np.ndarray) -> None:
    np.add.at(counts, tuple(cell[where] for cell in _cells(picture)), 1)


def _log_odds(heads: np.ndarray, torsos: np.ndarray) -> np.ndarray:
    """How much a colour speaks for head: log of its smoothed share, 0 where neither was seen."""
    shares = []
    for counts in (heads, torsos):
        smooth = gaussian_filter(counts, 0.8)
        shares.append(smooth / max(smooth.sum(), 1e-9))
    floor = 2e-4
    return np.clip(np.log((shares[0] + floor) / (shares[1] + floor)), -4, 4)


def _joined(cut: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Pieces that hold some of `seed`, without small holes."""
    _, labels = cv2.connectedComponents(cut.astype(np.uint8))
    return ~_large(~np.isin(labels, np.setdiff1d(np.unique(labels[seed & cut]), [0])), cut.size // 500)


def _tidied(cut: np.ndarray) -> np.ndarray:
    """The largest piece without small holes and specks."""
    n, labels, stats, _ = cv2.connectedComponentsWithStats(cut.astype(np.uint8))
    if n > 1:
        cut = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return ~_large(~cut, cut.size // 250)


def _large(pieces: np.ndarray, smallest: int) -> np.ndarray:
    """Pieces of at least so many pixels."""
    n, labels, stats, _ = cv2.connectedComponentsWithStats(pieces.astype(np.uint8))
    return np.isin(labels, [i for i in range(1, n) if stats[i, cv2.CC_STAT_AREA] >= smallest])


def _softened(rgb: np.ndarray, decided: np.ndarray, epsilon: float) -> np.ndarray:
    """Full-size soft edges that follow the picture: guided filter, then contrast so that inside is 1 and outside 0."""
    size = rgb.shape[0]
    rough = cv2.resize(decided.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    guided = cv2.ximgproc.guidedFilter(rgb.astype(np.float32) / 255, rough, max(2, size // 100), epsilon)
    return np.clip((guided - 0.5) * 1.3 + 0.5, 0, 1)
