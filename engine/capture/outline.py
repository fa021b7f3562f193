"""First knowledge of where person, background, head and torso are in the key frames: certain places, the rest open.

Three kinds of evidence are joined. Landmarks say where face, skull and neck are. The still background says where it
shows and where it is covered. What was covered or free at a place of the head in one frame votes for that place in all.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from engine.capture.face_shape import CHIN, FACE_OVAL, LEFT_EAR, RIGHT_EAR
from engine.capture.head_place import HeadPlace
from engine.capture.still_background import (
    StillBackground,
    find_still_background,
    revealed_background,
    without_clothes,
)

DIFFERENT = 18.0
"""A pixel this far from the known background (largest channel, of 255) is covered by the person."""
ROUNDS = 2
HEIGHTS_BELOW_CHIN = 0.4
"""Hair hanging further below the chin than this many head heights lies on the shoulders and is torso."""


@dataclass(frozen=True)
class Sample:
    """A key frame at work size: picture uint8 `[S, S, 3]`, landmarks `[478, 3]` and head place in its pixels."""

    picture: np.ndarray
    points: np.ndarray
    place: HeadPlace


@dataclass(frozen=True)
class Outline:
    """Chances of being person before a frame is looked at.

    Attributes:
        head: in head-centred maps.
        body: `[S, S]` in the picture, for shoulders, which do not follow the head.
        background: what is known of the empty scene.
    """

    head: np.ndarray
    body: np.ndarray
    background: StillBackground

    def chance(self, place: HeadPlace) -> np.ndarray:
        """`[S, S]` for one frame."""
        size = self.body.shape[0]
        _, along = place.coordinates(size)
        return np.maximum(place.from_map(self.head, size), np.clip((-0.5 - along) / 0.2, 0, 1) * self.body)


def learn_outline(samples: list[Sample]) -> Outline:
    """Learns background and outline from key frames, each round from the better background of the one before."""
    certain = [certain_person(sample) for sample in samples]
    clear = [_clear_of_person(sample) for sample in samples]
    background = find_still_background([sample.picture for sample in samples], certain, clear)
    if background.is_known:
        background = _without_clothes(background, samples)
    for _ in range(ROUNDS):
        votes = [evidence(sample, background) for sample in samples]
        places = [sample.place for sample in samples]
        head = _share([p.to_map(yes) for p, (yes, _) in zip(places, votes, strict=True)],
                      [p.to_map(no) for p, (_, no) in zip(places, votes, strict=True)])  # fmt: skip
        body = _share([yes for yes, _ in votes], [no for _, no in votes])
        outline = Outline(_inward(head), np.maximum.accumulate(body, axis=0), background)
        if background.is_known:
            chances = [outline.chance(place) for place in places]
            background = revealed_background([sample.picture for sample in samples], chances, background)
    return Outline(outline.head, outline.body, background)


def _without_clothes(background: StillBackground, samples: list[Sample]) -> StillBackground:
    """Looks for still clothes below the lowest chin of all samples."""
    size = samples[0].picture.shape[0]
    chin = max(float(s.points[CHIN, 1]) for s in samples)
    height = float(np.median([s.place.height for s in samples]))
    middle = float(np.median([s.place.middle[0] for s in samples]))
    rows, columns = np.arange(size)[:, None], np.arange(size)[None, :]
    below = rows - chin
    body = (below > 0.05 * height) & (np.abs(columns - middle) < np.clip(0.1 * height + 0.3 * below, 0, 0.27 * height))
    perhaps = (below > 0) & (np.abs(columns - middle) < 0.5 * height + 2 * below)
    return without_clothes(background, [s.picture for s in samples], body, perhaps & np.ones((size, size), bool))


def certain_person(sample: Sample) -> np.ndarray:
    """Where the person is whatever the hair: skull, face, neck and chest, booleans `[S, S]`."""
    across, along = sample.place.coordinates(sample.picture.shape[0])
    skull = (across / 0.33) ** 2 + (along / 0.44) ** 2 < 1
    neck = (np.abs(across) < 0.13) & (along < -0.3)
    chest = (np.abs(across) < 0.27) & (along < -0.85)
    return skull | neck | chest | face_area(sample.points, sample.picture.shape[0])


def _clear_of_person(sample: Sample) -> np.ndarray:
    """Beside and above the head, out of the reach of nearly all hair, booleans `[S, S]`."""
    across, along = sample.place.coordinates(sample.picture.shape[0])
    return (along > -0.3) & ((across / 0.62) ** 2 + (along / 0.72) ** 2 > 1)


def face_area(points: np.ndarray, size: int, grow: float = 1.0) -> np.ndarray:
    """Inside of the face oval, booleans `[size, size]`."""
    area = np.zeros((size, size), np.uint8)
    oval = points[list(FACE_OVAL), :2]
    cv2.fillPoly(area, [np.round((oval - oval.mean(0)) * grow + oval.mean(0)).astype(np.int32)], 1)
    return area > 0


def evidence(sample: Sample, background: StillBackground) -> tuple[np.ndarray, np.ndarray]:
    """Where one frame shows the person, and where the background; what is in neither is open."""
    certain = certain_person(sample) | background.still_person
    if not background.is_known:
        person = _cut_by_color(sample, certain)
        return person, ~person
    difference = background.difference(sample.picture)
    empty = (background.known & (difference < DIFFERENT / 2) & ~certain).astype(np.uint8)
    empty = cv2.morphologyEx(empty, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    solid = cv2.morphologyEx((~empty).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, labels = cv2.connectedComponents(solid | certain.astype(np.uint8))
    joined = np.isin(labels, np.unique(labels[certain]))
    return certain | (background.known & (difference > DIFFERENT) & joined), empty


def parts(sample: Sample, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Certain head and certain torso among the person's pixels; hair or clothes beside the neck stay open."""
    size = sample.picture.shape[0]
    across, along = sample.place.coordinates(size)
    face = face_area(sample.points, size)
    ears = min(sample.place.along(sample.points[i]) for i in (RIGHT_EAR, LEFT_EAR))
    chin = min(sample.place.along(sample.points[CHIN]), -0.3)
    chin_across = float(across[tuple(np.clip(sample.points[CHIN, 1::-1].astype(int), 0, size - 1))])
    head = face | (person & (along > ears - 0.03))
    below = person & ~face
    neck = below & (np.abs(across - 0.5 * chin_across) < 0.13) & (along < chin - 0.03)
    shoulders = below & (along < chin - 0.12) & (np.abs(across) > 0.8)
    far = below & (along < chin - HEIGHTS_BELOW_CHIN)
    return head, neck | shoulders | far


def _cut_by_color(sample: Sample, certain: np.ndarray) -> np.ndarray:
    """GrabCut with nothing but shape and colour, for scenes whose background moves."""
    across, along = sample.place.coordinates(certain.shape[0])
    seeds = np.full(certain.shape, cv2.GC_BGD, np.uint8)
    near = (across / 0.85) ** 2 + (along / 0.9) ** 2 < 1
    seeds[near | ((along < -0.4) & (np.abs(across) < 1.7))] = cv2.GC_PR_BGD
    hair = (across / 0.5) ** 2 + ((along - 0.02) / 0.62) ** 2 < 1
    shoulders = (along < -0.68) & (np.abs(across) < 0.27 + 1.5 * (-0.68 - along))
    seeds[hair | shoulders] = cv2.GC_PR_FGD
    seeds[certain] = cv2.GC_FGD
    cv2.grabCut(sample.picture, seeds, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    return (seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD)


def _share(yes: list[np.ndarray], no: list[np.ndarray]) -> np.ndarray:
    """Share of `yes` among the votes at each place; 0 without votes."""
    person = cv2.GaussianBlur(np.sum(yes, axis=0, dtype=np.float32), (0, 0), 1.0)
    empty = cv2.GaussianBlur(np.sum(no, axis=0, dtype=np.float32), (0, 0), 1.0)
    return person / (person + empty + 0.5)


def _inward(share: np.ndarray) -> np.ndarray:
    """A head has no holes: seen from its middle, what lies before something that is person is person."""
    size = share.shape[0]
    center, radius = (size / 2, size / 2), size * 0.75
    flags = cv2.WARP_POLAR_LINEAR | cv2.INTER_LINEAR | cv2.WARP_FILL_OUTLIERS
    rays = cv2.warpPolar(share, (size, 720), center, radius, flags)
    rays = np.maximum.accumulate(rays[:, ::-1], axis=1)[:, ::-1]
    return cv2.warpPolar(np.ascontiguousarray(rays), (size, size), center, radius, flags | cv2.WARP_INVERSE_MAP)
