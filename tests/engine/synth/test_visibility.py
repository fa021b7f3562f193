"""Triangles in a z-buffer: the nearest is seen, whichever way it faces and whenever it comes."""

import numpy as np

from engine.synth.visibility import EMPTY, rasterize

SIDE = 40


def draw(screen: np.ndarray, faces: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    nearness, ids = np.zeros((SIDE, SIDE), np.float32), np.full((SIDE, SIDE), EMPTY, np.int32)
    rasterize(screen.astype(np.float32), np.array(faces, np.int32), nearness, ids)
    return nearness, ids


def test_the_nearest_of_many_triangles_is_seen_at_each_sample():
    rng = np.random.default_rng(4)
    corners = np.concatenate([rng.uniform(-8, SIDE + 8, (90, 2)), rng.uniform(0.1, 1, (90, 1))], 1)
    faces = np.arange(90).reshape(30, 3)
    nearness, ids = draw(corners, faces.tolist())
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    best, owner = np.zeros((SIDE, SIDE)), np.full((SIDE, SIDE), EMPTY)
    for f, (a, b, c) in enumerate(corners[faces]):
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        w0 = ((b[0] - x) * (c[1] - y) - (c[0] - x) * (b[1] - y)) / area
        w1 = ((c[0] - x) * (a[1] - y) - (a[0] - x) * (c[1] - y)) / area
        near = w0 * a[2] + w1 * b[2] + (1 - w0 - w1) * c[2]
        wins = (np.minimum(w0, w1) >= 0) & (w0 + w1 <= 1) & (near > best)
        best, owner = np.where(wins, near, best), np.where(wins, f, owner)
    assert (owner != EMPTY).mean() > 0.8
    assert np.array_equal(ids, owner)
    assert np.abs(nearness - best).max() < 1e-5


def test_a_triangle_that_turns_its_back_is_seen_where_nothing_is_before_it():
    wall = np.array([[0, 0, 0.5], [SIDE, 0, 0.5], [0, SIDE, 0.5], [SIDE, SIDE, 0.5]])
    small = np.array([[10, 10, 0.4], [30, 10, 0.4], [10, 30, 0.4]])
    screen = np.concatenate([wall, small])
    front, back = [[0, 2, 1], [1, 2, 3]], [[4, 5, 6]]
    assert set(np.unique(draw(screen, back + front)[1])) == {1, 2}
    screen[4:, 2] = 0.6
    assert set(np.unique(draw(screen, back + front)[1])) == {0, 1, 2}
    assert set(np.unique(draw(screen, back)[1])) == {EMPTY, 0}
