"""Region weights on a toy cloud."""

import numpy as np
import pytest

from engine.methods.talk2me.regions import FAR, NEAR, region_weights


def test_weights_follow_the_squared_distance_to_the_nearest_landmark():
    landmarks = np.array([[0.0, 0, 0], [1.0, 0, 0]])
    distances = np.array([0.0, 0.9 * NEAR**0.5, ((NEAR + FAR) / 2) ** 0.5, 1.01 * FAR**0.5])
    points = np.stack([1 + distances, 0 * distances, 0 * distances], axis=1)
    assert region_weights(points, landmarks) == pytest.approx([1, 1, 0.5, 0], abs=1e-6)
    halfway = (NEAR**0.5 + FAR**0.5) / 2  # of the distance, not of its square
    assert region_weights(np.array([[0, halfway, 0]]), landmarks)[0] != pytest.approx(0.5, abs=0.01)


def test_a_near_beyond_far_is_refused():
    with pytest.raises(ValueError, match="near 2"):
        region_weights(np.zeros((1, 3)), np.zeros((1, 3)), near=2, far=1)
