"""The studio ground: light in the middle, dark in the corners, and cheap while the viewport is being resized."""

import numpy as np
import pytest

from app.theme.tokens import DARK
from app.viewport import ground
from app.viewport.ground import Ground, ground_image


def pixels(image) -> np.ndarray:
    return np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (801, 603), (64, 128)])
def test_it_has_the_size_asked_for_whatever_that_is(size):
    image = ground_image(Ground(), *size, 1.0, DARK)
    assert (image.width(), image.height()) == size


def test_it_is_lightest_in_the_middle_and_darkest_in_the_far_corners():
    image = pixels(ground_image(Ground(), 801, 603, 1.0, DARK))[..., :3].astype(float).mean(axis=2)
    places = {"middle": (233, 380), "left": (233, 0), "corner": (560, 0), "other corner": (560, 760)}
    blocks = {name: image[y : y + 40, x : x + 40].mean() for name, (y, x) in places.items()}
    assert blocks["middle"] > blocks["left"] > blocks["corner"]
    assert blocks["corner"] == pytest.approx(blocks["other corner"], abs=1.0)


def test_a_viewport_that_is_dragged_pixel_by_pixel_makes_it_anew_twice_at_most():
    ground._whole_radial.cache_clear()
    for width in range(800, 850):
        ground_image(Ground(), width, 600, 1.0, DARK)
    assert ground._whole_radial.cache_info().misses <= 2
