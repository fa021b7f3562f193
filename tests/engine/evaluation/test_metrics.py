"""Figures on pictures whose answers are known."""

import numpy as np
import pytest

from engine.capture.face_shape import LEFT_EYE, RIGHT_EYE
from engine.evaluation.metrics import MOUTH_LANDMARKS, ms_ssim, on_white, psnr, ssim


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    a = rng.uniform(size=(200, 200, 3)).astype(np.float32)
    return a, np.clip(a + 0.1 * rng.normal(size=a.shape), 0, 1).astype(np.float32)


def test_psnr_of_a_known_error():
    a = np.full((8, 8, 3), 0.5)
    assert psnr(a, a + 0.1) == pytest.approx(20.0, abs=1e-6)
    assert psnr(a, a) == pytest.approx(100.0)


def test_psnr_inside_a_mask_ignores_what_is_outside():
    a, b = np.zeros((8, 8, 3)), np.zeros((8, 8, 3))
    b[:4], b[4:] = 0.1, 0.9
    mask = np.zeros((8, 8))
    mask[:4] = 1
    assert psnr(a, b, mask) == pytest.approx(20.0, abs=1e-6)


def test_cut_out_on_white_leaves_the_rest_white():
    picture = np.zeros((4, 4, 3))
    mask = np.eye(4)
    cut = on_white(picture, mask)
    assert np.array_equal(cut[..., 0], 1 - mask)


def test_structural_similarities_fall_with_noise_and_forgive_it_at_coarse_scales(pair):
    a, b = pair
    assert ssim(a, a) == pytest.approx(1, abs=1e-6) and ms_ssim(a, a) == pytest.approx(1, abs=1e-5)
    assert ssim(a, b) < 0.99 and ssim(a, b) < ms_ssim(a, b) < 1
    assert 0 < ms_ssim(a[:40, :40], b[:40, :40]) < 1  # fewer scales on a small picture


def test_twenty_different_mouth_points():
    assert len(set(MOUTH_LANDMARKS)) == 20


@pytest.mark.shared
def test_landmark_distance_is_zero_for_a_face_and_itself_and_grows_with_the_mouth(shared_data):
    import av

    from engine.evaluation.metrics import MouthDistance

    with av.open(str(shared_data / "clips" / "WDA_KatieHill_000.mp4")) as file:
        frames = [f.to_ndarray(format="rgb24") / 255 for f, _ in zip(file.decode(video=0), range(40), strict=False)]
    with MouthDistance(shared_data / "models" / "face_landmarker.task") as distance:
        assert distance(frames[0], frames[0]) == pytest.approx(0, abs=1e-6)
        assert max(distance(frames[0], frames[i]) for i in (10, 20, 39)) > 0.5
        assert np.isnan(distance(frames[0], np.zeros_like(frames[0])))


def faces(openings, eyes) -> np.ndarray:
    """Made-up landmarks `[T, 478, 2]` whose mouth and lids stand as far open as asked."""
    points = np.zeros((len(openings), 478, 2))
    points[:, 152, 1] = 100.0  # forehead to chin
    points[:, 14, 1] = np.asarray(openings) * 100
    for _, _, _, other, *lower in (LEFT_EYE, RIGHT_EYE):
        points[:, other, 0] = 30.0
        points[:, lower, 1] = np.asarray(eyes)[:, None] * 30
    return points


def test_openings_of_mouth_and_eyes_are_what_they_are_whatever_the_size():
    from engine.capture.action_units import eye_aspect_ratio
    from engine.evaluation.metrics import mouth_opening

    openings, eyes = np.array([0.0, 0.05, 0.1]), np.array([0.3, 0.02, 0.25])
    for size in (1.0, 2.5):
        assert np.allclose(mouth_opening(size * faces(openings, eyes)), openings)
        assert np.allclose(eye_aspect_ratio(size * faces(openings, eyes)).mean(axis=1), eyes, atol=1e-6)


def test_correlation_needs_a_truth_that_moves_and_frames_in_which_faces_were_found():
    from engine.evaluation.metrics import correlation

    truth = np.sin(np.arange(60.0))
    assert correlation(3 * truth + 1, truth, 0.1) == pytest.approx(1)
    assert correlation(-truth, truth, 0.1) == pytest.approx(-1)
    assert correlation(np.zeros(60), truth, 0.1) == 0
    assert np.isnan(correlation(truth, 0.01 * truth, 0.1))
    lost = np.where(np.arange(60) % 5 == 0, np.nan, truth)
    assert correlation(lost, truth, 0.1) == pytest.approx(1)
    assert np.isnan(correlation(np.where(np.arange(60) > 10, np.nan, truth), truth, 0.1))
