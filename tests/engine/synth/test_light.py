"""The blurred moments of a shadow map."""

import numpy as np
from scipy.ndimage import uniform_filter

from engine.synth.light import FLOOR, SHADOW_SIDE, moments

RADIUS = 5


def test_moments_are_the_heights_and_their_squares_blurred_twice_by_a_box():
    heights = np.random.default_rng(2).uniform(FLOOR, 11, (SHADOW_SIDE, SHADOW_SIDE)).astype(np.float32)
    from_middle = heights.astype(float) - 10
    for channel, values in enumerate((from_middle, from_middle**2)):
        for _ in range(2):  # a box of each axis at a time, edges go on outside
            values = uniform_filter(values, 2 * RADIUS + 1, mode="nearest")
        assert np.abs(moments(heights, RADIUS)[..., channel] - values).max() < 1e-5


def test_moments_know_across_from_down():
    heights = np.full((SHADOW_SIDE, SHADOW_SIDE), FLOOR, np.float32)
    heights[100:140, 300:500] = 10.5
    raised = moments(heights, RADIUS)[..., 0] > -0.99
    rows, columns = np.nonzero(raised.any(1))[0], np.nonzero(raised.any(0))[0]
    assert abs(rows[0] - (100 - 2 * RADIUS)) <= 1
    assert abs(columns[-1] - (499 + 2 * RADIUS)) <= 1
