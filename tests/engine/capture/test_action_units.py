"""Action units from scores and landmarks: lids apart, calibrated on the clip."""

import numpy as np

from engine.capture.action_units import AU_NAMES, action_units, blinks, eye_aspect_ratio, lip_boxes
from engine.capture.face_shape import LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from engine.vocabulary import ACTION_UNITS, ARKIT_INDEX


def clip_with_a_wink(n_frames=100, winks=slice(40, 46)):
    """The person's left eye closes for six frames; the other stays open."""
    arkit = np.full((n_frames, 52), 0.05)
    ear = np.full((n_frames, 2), 0.3) + np.random.default_rng(0).normal(size=(n_frames, 2)) * 0.003
    arkit[winks, ARKIT_INDEX["eyeBlinkLeft"]] = 0.9
    ear[winks, 0] = 0.08
    return arkit, ear


def test_a_wink_closes_one_lid():
    aus = action_units(*clip_with_a_wink())
    left, right, both = (aus[:, AU_NAMES.index(name)] for name in ("au.45l", "au.45r", "au.45"))
    assert left[42] > 0.9 and right[42] < 0.2
    assert abs(both[42] - (left[42] + right[42]) / 2) < 1e-6
    assert left[:38].max() < 0.2


def test_a_clip_without_a_blink_has_none():
    arkit, ear = clip_with_a_wink(winks=slice(0, 0))
    assert blinks(arkit, ear).max() < 0.2


def test_every_action_unit_has_its_column_within_limits():
    arkit, ear = clip_with_a_wink()
    arkit[:, ARKIT_INDEX["mouthSmileLeft"]] = 0.8
    arkit[:, ARKIT_INDEX["mouthSmileRight"]] = 0.4
    aus = action_units(arkit, ear)
    assert aus.shape == (100, len(ACTION_UNITS)) and aus.min() >= 0 and aus.max() <= 1
    assert np.allclose(aus[:, AU_NAMES.index("au.12")], 0.6, atol=1e-6)


def test_the_eye_aspect_ratio_is_height_over_width_person_s_left_first():
    points = np.zeros((1, 478, 3))
    for eye, half_height in ((LEFT_EYE, 3.0), (RIGHT_EYE, 1.0)):
        p1, p2, p3, p4, p5, p6 = eye
        points[0, [p1, p4], 0] = 0, 20
        points[0, [p2, p6], 0], points[0, [p3, p5], 0] = 6, 14
        points[0, [p2, p3], 1], points[0, [p6, p5], 1] = half_height, -half_height
    assert np.allclose(eye_aspect_ratio(points), [[0.3, 0.1]])


def test_the_lip_box_is_a_square_round_the_lips_inside_the_picture():
    points = np.zeros((2, 478, 3))
    lips = list(OUTER_LIPS)
    points[:, lips, 0] = np.linspace(100, 160, len(lips))
    points[:, lips, 1] = np.linspace(300, 320, len(lips))
    points[1, lips, 0] += 340
    boxes = lip_boxes(points, 512)
    assert boxes[0].tolist() == [280, 340, 100, 160]
    assert boxes[1, 3] == 500 and boxes.max() <= 512
