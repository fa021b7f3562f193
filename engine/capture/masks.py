"""Soft masks of head, torso and person for every frame, without a segmentation network.

Colours and outlines are learnt from the clip itself. GrabCut on a few key frames, seeded by the landmarks, gives first
masks; they become a prior that moves with the head, a model of the empty background and colour models that all frames
share. Every frame is then cut with those fixed models, and its edge is made soft by a guided filter, so that hair
keeps its strands. The head is hair, ears and the face down to the jaw; the neck belongs to the torso.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from engine.capture.face_shape import CHIN, FACE_OVAL, LEFT_EAR, RIGHT_EAR, head_axes
from engine.capture.still_background import StillBackground, find_still_background, revealed_background

WORK_SIZE = 256
"""GrabCut runs at this side; the guided filter brings the edge back to full size."""
PRIOR_SIZE = 256
PRIOR_SPAN = 2.4
"""The head-centred prior map covers this many face heights."""
N_KEYS = 48
N_COLOR_KEYS = 12
DIFFERENT = 18.0
"""A pixel this far from the known background (largest channel, of 255) is covered by the person."""
HEIGHTS_BELOW_CHIN = 0.55
"""Hair hanging further below the chin than this many face heights lies on the shoulders and is torso."""


@dataclass(frozen=True)
class MaskModel:
    """What the key frames taught.

    Attributes:
        head_prior: probability of being person in head-centred coordinates, `[PRIOR_SIZE, PRIOR_SIZE]`.
        body_prior: the same in the picture's coordinates, for what does not follow the head, `[S, S]`.
        person_colors, background_colors: GrabCut's colour mixtures `[1, 65]`.
        background: what is known of the empty scene at `WORK_SIZE`.
    """

    head_prior: np.ndarray
    body_prior: np.ndarray
    person_colors: np.ndarray
    background_colors: np.ndarray
    background: StillBackground

    def prior(self, points: np.ndarray) -> np.ndarray:
        """Probability of being person for one frame, `[S, S]`."""
        size = self.body_prior.shape[0]
        middle, up, height = head_axes(points)
        _, along = _head_coordinates(middle, up, height, size)
        body = np.clip((-0.55 - along) / 0.3, 0, 1)
        return np.maximum(_from_head(self.head_prior, points, size), body * self.body_prior)


def learn_masks(read: Callable[[int], np.ndarray], landmarks: np.ndarray, usable: np.ndarray) -> MaskModel:
    """Learns from up to `N_KEYS` frames spread over the clip.

    Args:
        read: gives frame i, uint8 `[H, W, 3]`.
        landmarks: `[T, 478, 3]` pixels.
        usable: indices of frames with a face.
    """
    keys = usable[np.unique(np.linspace(0, len(usable) - 1, N_KEYS).round().astype(int))]
    pictures, points = [], []
    for index in keys:
        picture, scale = _small(read(index))
        pictures.append(picture)
        points.append(landmarks[index] * scale)
    background = find_still_background(pictures, [_certain(p, WORK_SIZE) for p in points])
    for _ in range(3):  # the outline shows more of the background, which makes the outline better
        cuts = [_first_cut(picture, p, background) for picture, p in zip(pictures, points, strict=True)]
        model = _model(pictures, points, cuts, background)
        background = revealed_background(pictures, [model.prior(p) for p in points], background)
    return model


def _model(
    pictures: list[np.ndarray], points: list[np.ndarray], cuts: list[tuple[np.ndarray, np.ndarray]],
    background: StillBackground,
) -> MaskModel:  # fmt: skip
    some = np.unique(np.linspace(0, len(cuts) - 1, N_COLOR_KEYS).round().astype(int))
    colors = _shared_colors([pictures[i] for i in some], [cuts[i][0] for i in some])
    head_prior = _inward(_votes([_to_head(yes, p) for (yes, _), p in zip(cuts, points, strict=True)],
                        [_to_head(no, p) for (_, no), p in zip(cuts, points, strict=True)]))  # fmt: skip
    body_prior = np.maximum.accumulate(_votes([yes for yes, _ in cuts], [no for _, no in cuts]), axis=0)
    return MaskModel(head_prior, body_prior, *colors, background)


def cut_masks(rgb: np.ndarray, landmarks: np.ndarray, model: MaskModel) -> np.ndarray:
    """Masks of one frame: uint8 `[H, W, 3]`, R head, G torso, B person.

    Args:
        rgb: the frame, uint8 `[H, W, 3]`.
        landmarks: `[478, 3]` in its pixels.
    """
    picture, scale = _small(rgb)
    points = landmarks * scale
    person = _cut_person(picture, points, model)
    head = _cut_head(picture, points, person)
    size = rgb.shape[1], rgb.shape[0]
    soft_person = _softened(rgb, cv2.resize(person.astype(np.float32), size, interpolation=cv2.INTER_LINEAR))
    soft_head = _softened(rgb, cv2.resize(head.astype(np.float32), size, interpolation=cv2.INTER_LINEAR))
    soft_head = np.minimum(_with_face(soft_head, landmarks), 1)
    soft_person = np.maximum(soft_person, soft_head * (soft_person > 0.5))
    soft_head = np.minimum(soft_head, soft_person)
    stack = np.stack([soft_head, soft_person - soft_head, soft_person], axis=2)
    return (np.clip(stack, 0, 1) * 255 + 0.5).astype(np.uint8)


def _small(rgb: np.ndarray) -> tuple[np.ndarray, float]:
    scale = WORK_SIZE / rgb.shape[0]
    return cv2.resize(rgb, (WORK_SIZE, WORK_SIZE), interpolation=cv2.INTER_AREA), scale


def _is_person(seeds: np.ndarray) -> np.ndarray:
    return (seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD)


def _touched(pictures: list[np.ndarray], points: list[np.ndarray]) -> np.ndarray:
    """Where anything ever moves: with a still camera, the person's reach. All True when the background moves too."""
    stack = np.array([cv2.GaussianBlur(picture, (0, 0), 1.0) for picture in pictures], np.float32)
    change = np.percentile(np.abs(stack - np.median(stack, axis=0)).sum(axis=3), 85, axis=0)
    faces = np.zeros(change.shape, np.uint8)
    for p in points:
        cv2.fillPoly(faces, [_oval(p, 1.05)], 1)
    moves = cv2.morphologyEx((change > MOVES).astype(np.uint8) | faces, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    _, labels = cv2.connectedComponents(moves)
    reach = labels == np.bincount(labels[faces == 1]).argmax()
    reach = ~_filled(~reach, reach.size // 50)
    corners = np.concatenate([reach[0, :8], reach[0, -8:], reach[:8, 0], reach[:8, -1]])
    return np.ones_like(reach) if corners.mean() > 0.5 else reach


def _certain(points: np.ndarray, size: int) -> np.ndarray:
    """Where the person is whatever the hair: skull, face and neck, booleans `[S, S]`."""
    across, along = _head_coordinates(*head_axes(points), size)
    skull = (across / 0.46) ** 2 + ((along - 0.14) / 0.58) ** 2 < 1
    neck = (np.abs(across) < 0.2) & (along < -0.4)
    chest = (np.abs(across) < 0.35) & (along < -0.95)
    oval = np.zeros((size, size), np.uint8)
    cv2.fillPoly(oval, [_oval(points)], 1)
    return skull | neck | chest | (oval > 0)


def _first_cut(picture: np.ndarray, points: np.ndarray, background: StillBackground) -> tuple[np.ndarray, np.ndarray]:
    """Where one key frame shows person, and where background; what is in neither is undecided."""
    size = picture.shape[0]
    certain = _certain(points, size)
    if background.known.mean() > 0.05:
        difference = background.difference(picture)
        empty = background.known & (difference < DIFFERENT / 2) & ~certain
        open_ = cv2.morphologyEx((~empty).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
        _, labels = cv2.connectedComponents(open_ | certain.astype(np.uint8))
        joined = np.isin(labels, np.unique(labels[certain]))
        return certain | (background.known & (difference > DIFFERENT) & joined), empty
    across, along = _head_coordinates(*head_axes(points), size)
    seeds = np.full((size, size), cv2.GC_BGD, np.uint8)
    near = (across / 1.15) ** 2 + ((along - 0.1) / 1.25) ** 2 < 1
    seeds[near | ((along < -0.5) & (np.abs(across) < 2.2))] = cv2.GC_PR_BGD
    hair = (across / 0.72) ** 2 + ((along - 0.12) / 0.85) ** 2 < 1
    shoulders = (along < -0.75) & (np.abs(across) < 0.35 + 1.5 * (-0.75 - along))
    seeds[hair | shoulders] = cv2.GC_PR_FGD
    seeds[certain] = cv2.GC_FGD
    cv2.grabCut(picture, seeds, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    person = _tidied(_is_person(seeds))
    return person, ~person


def _votes(yes: list[np.ndarray], no: list[np.ndarray]) -> np.ndarray:
    """Share of `yes` among the votes at each place; 0 without votes."""
    person = cv2.GaussianBlur(np.sum(yes, axis=0, dtype=np.float32), (0, 0), 1.0)
    empty = cv2.GaussianBlur(np.sum(no, axis=0, dtype=np.float32), (0, 0), 1.0)
    return person / (person + empty + 1.0)


def _inward(share: np.ndarray) -> np.ndarray:
    """A head has no holes: seen from the face, what lies before something that is person is person."""
    size = share.shape[0]
    center, radius = (size / 2, size / 2), size * 0.75
    flags = cv2.WARP_POLAR_LINEAR | cv2.INTER_LINEAR | cv2.WARP_FILL_OUTLIERS
    rays = cv2.warpPolar(share, (size, 720), center, radius, flags)
    rays = np.maximum.accumulate(rays[:, ::-1], axis=1)[:, ::-1]
    return cv2.warpPolar(np.ascontiguousarray(rays), (size, size), center, radius, flags | cv2.WARP_INVERSE_MAP)


def _head_coordinates(middle: np.ndarray, up: np.ndarray, height: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel: face heights across (to the picture's right) and along (to the crown) from the face's middle."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    dx, dy = (x - middle[0]) / height, (y - middle[1]) / height
    return -dx * up[1] + dy * up[0], dx * up[0] + dy * up[1]


def _oval(points: np.ndarray, grow: float = 1.0) -> np.ndarray:
    oval = points[list(FACE_OVAL), :2]
    middle = oval.mean(0)
    return np.round((oval - middle) * grow + middle).astype(np.int32)


def _head_warp(points: np.ndarray) -> np.ndarray:
    """Affine matrix `[2, 3]` from pixels to the head-centred prior map."""
    middle, up, height = head_axes(points)
    scale = PRIOR_SIZE / PRIOR_SPAN / height
    turn = scale * np.array([[-up[1], up[0]], [-up[0], -up[1]]])
    return np.column_stack([turn, np.array([PRIOR_SIZE / 2, PRIOR_SIZE / 2]) - turn @ middle])


def _to_head(cut: np.ndarray, points: np.ndarray) -> np.ndarray:
    flags = cv2.INTER_LINEAR
    return cv2.warpAffine(
        cut.astype(np.float32), _head_warp(points), (PRIOR_SIZE, PRIOR_SIZE), flags=flags
    )


def _from_head(prior: np.ndarray, points: np.ndarray, size: int) -> np.ndarray:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(prior, _head_warp(points), (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _shared_colors(pictures: list[np.ndarray], cuts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """GrabCut's colour mixtures of person and background over all key frames."""
    sheet = np.concatenate(pictures, axis=1)
    seeds = np.where(np.concatenate(cuts, axis=1), cv2.GC_FGD, cv2.GC_BGD).astype(np.uint8)
    seeds[0, :2] = cv2.GC_PR_FGD, cv2.GC_PR_BGD  # GrabCut wants something to decide
    background, person = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(sheet, seeds, None, background, person, 1, cv2.GC_INIT_WITH_MASK)
    return person, background


def _cut_person(picture: np.ndarray, points: np.ndarray, model: MaskModel) -> np.ndarray:
    """The person at work size as booleans: prior, background difference and colours together."""
    prior = model.prior(points)
    difference = model.background.difference(picture)
    known = model.background.known
    seeds = np.where(prior > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    hidden = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 3) > 3  # never seen free
    seeds[(prior > 0.85) | (hidden & (prior > 0.1))] = cv2.GC_FGD
    seeds[prior < 0.05] = cv2.GC_BGD
    seeds[known & (difference > DIFFERENT) & (prior > 0.02)] = cv2.GC_FGD
    seeds[known & (difference < DIFFERENT / 2) & (prior < 0.97)] = cv2.GC_BGD
    seeds[_certain(points, picture.shape[0])] = cv2.GC_FGD
    cv2.grabCut(
        picture, seeds, None, model.background_colors.copy(), model.person_colors.copy(), 1,
        cv2.GC_EVAL_FREEZE_MODEL,
    )  # fmt: skip
    return _tidied(_is_person(seeds))


def _cut_head(picture: np.ndarray, points: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Parts the person into head and torso: below the jaw, what has the hair's colours and hangs on the head is head."""
    size = picture.shape[0]
    middle, up, height = head_axes(points)
    across, along = _head_coordinates(middle, up, height, size)
    oval = np.zeros((size, size), np.uint8)
    cv2.fillPoly(oval, [_oval(points)], 1)
    ear = np.mean([_along(points[i], middle, up, height) for i in (RIGHT_EAR, LEFT_EAR)])
    above = along > ear - 0.12
    neck = (np.abs(across) < 0.2) & (along < _along(points[CHIN], middle, up, height) - 0.03) & (oval == 0)
    seeds = np.full((size, size), cv2.GC_BGD, np.uint8)
    below = person & ~above & (oval == 0)
    seeds[below] = cv2.GC_PR_BGD
    seeds[below & (np.abs(across) > 0.38) & (along > -0.5 - HEIGHTS_BELOW_CHIN)] = cv2.GC_PR_FGD
    seeds[neck] = cv2.GC_BGD
    seeds[along < -0.5 - HEIGHTS_BELOW_CHIN] = cv2.GC_BGD
    hair = person & above & (oval == 0)
    seeds[hair] = cv2.GC_FGD
    outside = ~person
    blank = picture.copy()
    blank[outside] = picture[neck & person].mean(0) if (neck & person).any() else 0  # the wall must not teach the torso
    blank[oval == 1] = picture[hair].mean(0) if hair.any() else 0  # nor the face the hair
    seeds[oval == 1] = cv2.GC_FGD
    if (seeds == cv2.GC_PR_FGD).any() and hair.any():
        cv2.grabCut(blank, seeds, None, np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK)
    head = (_is_person(seeds) & person) | (oval == 1)
    return _tidied(head)


def _along(point: np.ndarray, middle: np.ndarray, up: np.ndarray, height: float) -> float:
    return float((point[:2] - middle) @ up / height)


def _tidied(cut: np.ndarray) -> np.ndarray:
    """The largest piece without small holes and specks."""
    n, labels, stats, _ = cv2.connectedComponentsWithStats(cut.astype(np.uint8))
    if n > 1:
        cut = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return ~_filled(~cut, cut.size // 400)


def _filled(holes: np.ndarray, smallest: int) -> np.ndarray:
    """Drops pieces of fewer than `smallest` pixels."""
    n, labels, stats, _ = cv2.connectedComponentsWithStats(holes.astype(np.uint8))
    return np.isin(labels, [i for i in range(1, n) if stats[i, cv2.CC_STAT_AREA] >= smallest])


def _softened(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Edges that follow the picture: guided filter, then a little contrast so that inside is 1 and outside 0."""
    radius = max(2, rgb.shape[0] // 85)
    guided = cv2.ximgproc.guidedFilter(rgb.astype(np.float32) / 255, mask, radius, 1e-3)
    return np.clip((guided - 0.5) * 1.25 + 0.5, 0, 1)


def _with_face(head: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Makes sure that the face itself is head, down to the jaw."""
    oval = np.zeros(head.shape, np.uint8)
    cv2.fillPoly(oval, [_oval(landmarks)], 255, cv2.LINE_AA)
    return np.maximum(head, cv2.GaussianBlur(oval, (0, 0), 1).astype(np.float32) / 255)
