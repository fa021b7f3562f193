"""Figures of two pictures of one moment."""

import numpy as np
import pytest

from app.compare.measure import PEAK_DB, face_boxes, heat_picture, measured, psnr
from engine.camera import Orbit


def picture(value: int, alpha: int = 255, size: int = 64) -> np.ndarray:
    image = np.full((size, size, 4), value, np.uint8)
    image[..., 3] = alpha
    return image


def test_equal_pictures_reach_the_peak_and_known_noise_its_decibels():
    same = measured(picture(90), picture(90), Orbit())
    assert same.frame_db == same.mouth_db == same.eyes_db == PEAK_DB and same.rest == 0
    apart = measured(picture(90), picture(100), Orbit())
    assert apart.frame_db == pytest.approx(20 * np.log10(25.5), abs=1e-3) and apart.rest == pytest.approx(10)
    assert psnr(np.full((2, 2, 3), 255.0)) == pytest.approx(0)


def test_what_is_transparent_on_both_sides_is_no_difference():
    assert measured(picture(10, alpha=0), picture(240, alpha=0), Orbit()).frame_db == PEAK_DB


def test_a_difference_at_the_mouth_shows_there_and_not_at_the_eyes():
    a, b = picture(90), picture(90)
    left, top, right, bottom = face_boxes(Orbit(), 64, 64)["mouth"]
    b[top:bottom, left:right, :3] = 140
    difference = measured(a, b, Orbit())
    assert difference.mouth == pytest.approx(50) and difference.eyes == 0 and difference.eyes_db == PEAK_DB
    assert difference.mouth_db < difference.frame_db


def test_the_mouth_lies_below_the_eyes_and_both_leave_a_picture_of_the_chest():
    boxes = face_boxes(Orbit(), 200, 200)
    assert boxes["eyes"][3] < boxes["mouth"][1]
    assert face_boxes(Orbit(target=(0.0, -3.0, 0.0)), 200, 200) == {"mouth": None, "eyes": None}


def test_heat_grows_with_the_difference_and_the_gain_and_sizes_must_agree():
    a, b = picture(90), picture(100)
    cold, hot = (heat_picture(a, b, gain)[0, 0].astype(int) for gain in (1, 16))
    assert hot[0] > cold[0] and heat_picture(a, a, 16)[0, 0].tolist() == [11, 15, 34]
    assert heat_picture(a, picture(90, size=32), 1) is None and measured(a, picture(90, size=32), Orbit()) is None
