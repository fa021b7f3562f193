"""What a still camera shows behind a moving person, found before anyone knows where the person is.

A background pixel looks the same whenever it is free, hair and clothes look different in every frame. So for each
pixel the colour it returns to most often is sought; where that colour is steady and joined to the picture's rim by
other steady pixels, it is background. With a moving camera nothing is found, and masks rest on colour and shape alone.
"""

from dataclasses import dataclass

import cv2
import numpy as np

SAME = 9
"""Colours closer than this in every channel (of 255) are one colour; video codecs leave 2 to 4."""
STEADY = 0.34
"""The least part of the frames in which a background pixel is seen free."""
STILL = 0.8
"""Away from the person at least this part of all pixels looks the same in all frames when the camera stands still."""
SEEN = 0.08
"""The least part of the frames for background that is found with the help of a first outline."""
ALIKE = 26
"""Neighbouring background pixels differ by less than this in every channel (but for a few edges, gone round)."""
MOVES = 18.0
"""A pixel whose channels change by more than this altogether is touched by the person."""


@dataclass(frozen=True)
class StillBackground:
    """What stays the same.

    Attributes:
        colors: `[S, S, 3]` uint8.
        known: where they are background, booleans `[S, S]`.
        still_person: where they are clothes that never move, booleans `[S, S]`.
    """

    colors: np.ndarray
    known: np.ndarray
    still_person: np.ndarray

    @property
    def is_known(self) -> bool:
        """False when (nearly) nothing stays still: the camera moves."""
        return bool(self.known.mean() > 0.05)

    def difference(self, picture: np.ndarray) -> np.ndarray:
        """Largest channel difference, slightly smoothed, float32 `[S, S]`."""
        return cv2.GaussianBlur(cv2.absdiff(picture, self.colors).max(axis=2).astype(np.float32), (0, 0), 0.8)


def find_still_background(
    pictures: list[np.ndarray], covered: list[np.ndarray], clear: list[np.ndarray]
) -> StillBackground:
    """Looks for steady colours.

    Args:
        pictures: frames spread over the clip, uint8 `[S, S, 3]`.
        covered: for each, booleans `[S, S]` where the person certainly is.
        clear: for each, where the person hardly can be; it must look the same in most frames, or nothing is still.
    """
    smooth = [cv2.GaussianBlur(picture, (0, 0), 0.7) for picture in pictures]
    size = pictures[0].shape[0]
    free = [(~c).astype(np.uint8) for c in covered]
    most = np.zeros((size, size), np.int32)
    colors = np.zeros_like(smooth[0])
    for j, candidate in enumerate(smooth):
        low = cv2.subtract(candidate, np.full_like(candidate, SAME))
        high = cv2.add(candidate, np.full_like(candidate, SAME))
        count = np.zeros((size, size), np.int32)
        for picture, is_free in zip(smooth, free, strict=True):
            count += (cv2.inRange(picture, low, high) > 0) & (is_free > 0)
        count *= free[j]
        better = count > most
        most[better] = count[better]
        colors[better] = candidate[better]
    steady = (most >= STEADY * len(pictures)) | ~touched(smooth, covered)
    steady = cv2.morphologyEx(steady.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    same = [np.abs(picture.astype(np.int16) - colors).max(axis=2) < 2 * SAME for picture in smooth]
    n_clear, n_same = np.sum(clear), np.sum([s & c for s, c in zip(same, clear, strict=True)])
    known = _joined_to_rim(steady, np.any(clear, axis=0), colors) & (n_same >= STILL * n_clear)
    return StillBackground(colors, known, np.zeros((size, size), bool))


def revealed_background(
    pictures: list[np.ndarray], likely: list[np.ndarray], before: StillBackground
) -> StillBackground:
    """Adds colours that show when the person is likely elsewhere and give way when the person comes.

    Args:
        pictures: frames, uint8 `[S, S, 3]`.
        likely: probability of being person for each, `[S, S]`.
        before: what is known already; it stays.
    """
    rows, columns = np.nonzero(~before.known & (np.min(likely, axis=0) < 0.97))
    chance = np.array([p[rows, columns] for p in likely], np.float32)
    samples = np.array([picture[rows, columns] for picture in pictures], np.float32)
    order = np.argsort(chance, axis=0, kind="stable")
    few = order[: max(3, round(SEEN * len(pictures)))]
    middle = np.median(np.take_along_axis(samples, few[..., None], axis=0), axis=0)
    shows = np.abs(samples - middle).max(axis=2) < SAME
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(len(pictures))[:, None], axis=0)
    n_shows = shows.sum(0)
    when_shown = (rank * shows).sum(0) / np.maximum(n_shows, 1) / len(pictures)
    steady = np.take_along_axis(shows, few, axis=0).mean(axis=0) > 0.7
    candidate = np.zeros(before.known.shape, bool)
    candidate[rows, columns] = steady & (when_shown < 0.35)
    colors = before.colors.copy()
    colors[rows, columns] = middle.astype(np.uint8)
    return StillBackground(colors, _grown(before.known, candidate, colors), before.still_person)


def without_clothes(
    background: StillBackground, pictures: list[np.ndarray], body: np.ndarray, perhaps: np.ndarray
) -> StillBackground:
    """Takes clothes that never move out of what is known as background.

    Args:
        background: found so far.
        pictures: the frames it was found in.
        body: where neck and chest certainly are, booleans `[S, S]`.
        perhaps: where shoulders may be.
    """
    middle = np.median(pictures, axis=0).astype(np.uint8)
    seeds = np.where(perhaps, cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
    size = len(seeds)
    y, x = np.nonzero(body)
    if len(x) == 0 or not (background.known & perhaps).any():
        return background
    spread = np.abs(np.arange(size)[None, :] - x.mean()) < 0.9 * (np.arange(size)[:, None] - y.min())
    seeds[perhaps & spread] = cv2.GC_PR_FGD
    seeds[body] = cv2.GC_FGD
    cv2.grabCut(middle, seeds, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    clothes = (seeds == cv2.GC_PR_FGD) | (seeds == cv2.GC_FGD)
    _, labels = cv2.connectedComponents(clothes.astype(np.uint8))
    clothes = np.isin(labels, np.unique(labels[body])) & perhaps
    near = cv2.dilate(clothes.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return StillBackground(background.colors, background.known & ~near, background.known & clothes)


def _grown(known: np.ndarray, candidate: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Takes in candidates that touch the known region and go on in its colours, ring by ring."""
    known = known.copy()
    for _ in range(known.shape[0] // 6):
        weight = cv2.GaussianBlur(known.astype(np.float32), (7, 7), 0)
        around = cv2.GaussianBlur(colors.astype(np.float32) * known[..., None], (7, 7), 0)
        around /= np.maximum(weight[..., None], 1e-6)
        alike = np.abs(colors - around).max(axis=2) < ALIKE
        ring = cv2.dilate(known.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        new = candidate & ring & alike & ~known
        if not new.any():
            break
        known |= new
    holes = cv2.morphologyEx(known.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0
    return known | (holes & candidate)


def touched(pictures: list[np.ndarray], covered: list[np.ndarray]) -> np.ndarray:
    """Where anything ever moves: with a still camera, the person's reach, booleans `[S, S]`."""
    stack = np.array(pictures, np.float32)
    change = np.percentile(np.abs(stack - np.median(stack, axis=0)).sum(axis=3), 85, axis=0)
    moves = (change > MOVES) | np.any(covered, axis=0)
    return cv2.morphologyEx(moves.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0


def _joined_to_rim(steady: np.ndarray, ever_clear: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Steady pieces that reach the top, or the sides above the shoulders, and are not the person's all the while.

    Plain dark hair is as steady as a wall and touches it, so pieces end where the colour changes; one that hair may
    cover in every frame is not taken, whatever it is.
    """
    size = steady.shape[0]
    span = cv2.subtract(cv2.dilate(colors, np.ones((3, 3), np.uint8)), cv2.erode(colors, np.ones((3, 3), np.uint8)))
    edge = span.max(axis=2) > ALIKE
    _, labels = cv2.connectedComponents(steady)
    _, pieces = cv2.connectedComponents((steady > 0).astype(np.uint8) * ~edge)
    side = size * 2 // 3
    rim = np.concatenate([labels[0], labels[:side, 0], labels[:side, -1]])
    joined = np.isin(labels, np.setdiff1d(rim, [0]))
    inner = np.setdiff1d(np.unique(pieces), np.append(np.unique(pieces[ever_clear]), 0))
    never = np.isin(pieces, inner[np.bincount(pieces.ravel())[inner] > size])
    return joined & ~(cv2.dilate(never.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
