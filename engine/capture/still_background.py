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
SEEN = 0.08
"""The least part of the frames for background that is found with the help of a first outline."""
MOVES = 18.0
"""A pixel whose channels change by more than this altogether is touched by the person."""


@dataclass(frozen=True)
class StillBackground:
    """Background colours `[S, S, 3]` and where they are known, booleans `[S, S]`."""

    colors: np.ndarray
    known: np.ndarray

    def difference(self, picture: np.ndarray) -> np.ndarray:
        """Largest channel difference, slightly smoothed, float32 `[S, S]`."""
        return cv2.GaussianBlur(cv2.absdiff(picture, self.colors).max(axis=2).astype(np.float32), (0, 0), 0.8)


def find_still_background(pictures: list[np.ndarray], covered: list[np.ndarray]) -> StillBackground:
    """Looks for steady colours.

    Args:
        pictures: frames spread over the clip, uint8 `[S, S, 3]`.
        covered: for each, booleans `[S, S]` where the person certainly is.
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
    return StillBackground(colors, _joined_to_rim(steady))


def revealed_background(
    pictures: list[np.ndarray], likely: list[np.ndarray], before: StillBackground
) -> StillBackground:
    """Adds colours that show when the person is likely elsewhere and give way when the person comes.

    Args:
        pictures: frames, uint8 `[S, S, 3]`.
        likely: probability of being person for each, `[S, S]`.
        before: what is known already; it stays.
    """
    rows, columns = np.nonzero(~before.known & (np.min(likely, axis=0) < 0.45))
    chance = np.array([p[rows, columns] for p in likely], np.float32)
    samples = np.array([picture[rows, columns] for picture in pictures], np.float32)
    clear = (chance < 0.45) & (chance < chance.min(axis=0) + 0.15)
    middle = np.nanmedian(np.where(clear[..., None], samples, np.nan), axis=0)
    shows = np.abs(samples - middle).max(axis=2) < SAME
    n_shows = shows.sum(0)
    when_shown = (chance * shows).sum(0) / np.maximum(n_shows, 1)
    when_not = (chance * ~shows).sum(0) / np.maximum(len(pictures) - n_shows, 1)
    gives_way = (n_shows >= max(3, SEEN * len(pictures))) & (when_shown < 0.4) & (when_shown < when_not - 0.1)
    colors, known = before.colors.copy(), before.known.astype(np.uint8)
    colors[rows[gives_way], columns[gives_way]] = middle[gives_way].astype(np.uint8)
    known[rows[gives_way], columns[gives_way]] = 1
    known = cv2.morphologyEx(known, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return StillBackground(colors, before.known | _joined_to_rim(known))


def touched(pictures: list[np.ndarray], covered: list[np.ndarray]) -> np.ndarray:
    """Where anything ever moves: with a still camera, the person's reach, booleans `[S, S]`."""
    stack = np.array(pictures, np.float32)
    change = np.percentile(np.abs(stack - np.median(stack, axis=0)).sum(axis=3), 85, axis=0)
    moves = (change > MOVES) | np.any(covered, axis=0)
    return cv2.morphologyEx(moves.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0


def _joined_to_rim(steady: np.ndarray) -> np.ndarray:
    """Steady pieces that reach the top, or the sides above the shoulders."""
    size = steady.shape[0]
    _, labels = cv2.connectedComponents(steady)
    side = size * 2 // 3
    rim = np.concatenate([labels[0], labels[:side, 0], labels[:side, -1]])
    return np.isin(labels, np.setdiff1d(rim, [0]))
