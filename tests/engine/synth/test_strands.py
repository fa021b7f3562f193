"""Strands are drawn in the order of their distance, and only those that can show."""

import numpy as np
import pytest

from engine.heads.base import Strands
from engine.synth.strands import Bundles, nearest_first, segments

SIDE = 64


@pytest.fixture
def screen() -> np.ndarray:
    """Points of 400 strands of four, on the picture and off it, two of them equally far."""
    rng = np.random.default_rng(5)
    points = np.stack([*rng.uniform(-10, SIDE + 10, (2, 1600)), rng.uniform(0.2, 0.3, 1600)], 1).astype(np.float32)
    points[40:80, 2] = points[80:120, 2]
    return points


def in_order(screen: np.ndarray, nearness: np.ndarray) -> np.ndarray:
    ends = segments(400, 4)
    return nearest_first(ends, np.zeros(len(ends), np.float32), screen, nearness, np.ones((SIDE, SIDE), np.float32))


def test_segments_come_nearest_first_and_equals_in_their_own_order(screen):
    ends = segments(400, 4)
    order = in_order(screen, np.zeros((SIDE, SIDE), np.float32))
    near = screen[ends[:, 0], 2] + screen[ends[:, 1], 2]
    expected = np.argsort(-near, kind="stable")
    assert len(order) > 900
    assert np.array_equal(order, expected[np.isin(expected, order)])


def test_segments_behind_the_solid_parts_are_left_out(screen):
    ends = segments(400, 4)
    wall = np.full((SIDE, SIDE), 0.25, np.float32)
    order = in_order(screen, wall)
    assert 0 < len(order) < 900
    assert (np.maximum(screen[ends[order, 0], 2], screen[ends[order, 1], 2]) >= 0.25).all()
    assert len(in_order(screen, wall + 1)) == 0


def test_a_strand_ends_at_its_own_points():
    def bundle(n: int, k: int, slack: float) -> Strands:
        return Strands("hair", np.zeros((n, k, 3)), np.zeros((n, k, 3)), np.full((n, k, 3), 0.5), np.ones((n, k)),
                       np.ones((n, k)), np.arange(n, dtype=float), slack=slack)  # fmt: skip

    joined = Bundles.of((bundle(2, 3, 0.0), bundle(1, 2, 0.5)))
    assert joined.ends.tolist() == [[0, 1], [1, 2], [3, 4], [4, 5], [6, 7]]
    assert joined.beside.tolist() == [[0, 1], [0, 2], [1, 2], [3, 4], [3, 5], [4, 5], [6, 7], [6, 7]]
    assert joined.slack.tolist() == [0, 0, 0, 0, 0.5]
    assert joined.gloss.tolist() == [0, 0, 0, 1, 1, 1, 0, 0]
    assert np.ptp(joined.jitter[:3]) == 0
    assert joined.jitter[0] == joined.jitter[6] != joined.jitter[3]
    assert len(Bundles.of(()).ends) == 0
