"""A fitted head in the clip's own world, and the linear face an avatar keeps of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.camera import pose_matrix
from engine.capture.dataset import Dataset
from engine.errors import AvatarError, TrainingError
from engine.fitting.fitted import fit_path, load_fit
from engine.heads.linear_face import PosedFace, read_linear_face
from engine.parts.avatar_tensors import AvatarTensors
from engine.training.clip_head import clip_head, fit_if_missing
from engine.vocabulary import ARKIT_INDEX
from tests.toy_head import make_toy_dataset, write_toy_fit


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = make_toy_dataset(tmp_path_factory.mktemp("filmed") / "toy.dataset", 64, 22, "alpha", n=300)
    write_toy_fit(path)
    return Dataset(path)


@pytest.fixture(scope="module")
def head(dataset):
    return clip_head(dataset, "house")


def posed(face, **weights) -> np.ndarray:
    coefficients = torch.zeros(len(face))
    for name, value in weights.items():
        coefficients[ARKIT_INDEX[name]] = value
    return PosedFace(face)(coefficients).numpy()


def radius_of(head) -> float:
    """Of the person's left eyeball, head heights."""
    return float(np.linalg.norm(head.face.rest[head.face.eyes == 1] - head.face.centres[0], axis=1).mean())


def test_a_fit_with_the_datasets_own_cameras_stays_where_it_is(head):
    assert head.error_px < 0.01
    assert np.abs(head.face.rest - head.fitted.vertices(np.zeros(52))).max() < 1e-4


def test_a_fit_in_a_world_of_its_own_is_carried_into_the_datasets(dataset, head, tmp_path):
    """Moved, turned and scaled together with its cameras, a fit shows the same pictures; so does what is made of it."""
    shift = pose_matrix(4.0, -3.0, 2.0, 0.02, 0.05, -0.04)
    fitted = load_fit(dataset.path, "house")
    path = fit_path(dataset.path, "house")
    kept = path.read_bytes()
    try:
        replace(fitted, viewmats=fitted.viewmats @ shift).save(path)
        carried = clip_head(dataset, "house")
    finally:
        path.write_bytes(kept)
    assert carried.error_px < 0.05
    expected = head.face.rest @ shift[:3, :3].T + shift[:3, 3]
    assert np.abs(carried.face.rest - expected).max() < 2e-3


def test_the_linear_face_poses_as_the_head_model_does(head):
    for weights in ({"jawOpen": 1.0}, {"mouthSmileLeft": 0.7, "browInnerUp": 0.5}):
        vector = np.zeros(52)
        for name, value in weights.items():
            vector[ARKIT_INDEX[name]] = value
        exact = head.fitted.vertices(vector)
        assert np.abs(posed(head.face, **weights) - exact).max() < 0.004


def test_eyeballs_turn_as_wholes_and_both_ways_add_up_within_two_degrees(head):
    eyes = head.face.eyes
    exact = np.zeros(52)
    exact[[ARKIT_INDEX["eyeLookOutLeft"], ARKIT_INDEX["eyeLookUpLeft"]]] = 0.6, 0.5
    moved = posed(head.face, eyeLookOutLeft=0.6, eyeLookUpLeft=0.5)
    assert np.abs(moved - head.fitted.vertices(exact))[eyes == 1].max() < 0.035 * radius_of(head)
    radius = np.linalg.norm(moved[eyes == 1] - head.face.centres[0], axis=1)
    still = np.linalg.norm(head.face.rest[eyes == 1] - head.face.centres[0], axis=1)
    assert np.allclose(radius, still, atol=1e-5)
    assert np.allclose(moved[eyes == 2], head.face.rest[eyes == 2], atol=1e-6)


def test_gradients_reach_coefficients_at_rest_too(head):
    coefficients = torch.zeros(52, requires_grad=True)
    PosedFace(head.face)(coefficients).square().sum().backward()
    assert torch.isfinite(coefficients.grad).all() and coefficients.grad[ARKIT_INDEX["jawOpen"]] != 0


def test_a_face_survives_its_file_and_a_spoilt_one_is_refused(head, tmp_path):
    arrays = {name: value.numpy() for name, value in head.face.tensors().items()}
    names, n = head.face.names, len(head.face.rest)
    again = read_linear_face(AvatarTensors(arrays, tmp_path / "x.avatar"), names, n)
    assert np.abs(posed(again, jawOpen=1.0) - posed(head.face, jawOpen=1.0)).max() < 1e-3
    for wrong in (arrays | {"face.moves": arrays["face.moves"][:-1]}, arrays | {"face.eyes": arrays["face.eyes"] + 9}):
        with pytest.raises(AvatarError):
            read_linear_face(AvatarTensors(wrong, tmp_path / "x.avatar"), names, n)
    with pytest.raises(AvatarError, match="vertices"):
        read_linear_face(AvatarTensors(arrays, tmp_path / "x.avatar"), names, 1 << 40)


def test_a_fit_of_another_film_is_refused(dataset, head):
    path = fit_path(dataset.path, "house")
    kept, fitted = path.read_bytes(), head.fitted
    try:
        parts = ("viewmats", "expression", "times")
        replace(fitted, **{name: getattr(fitted, name)[:-3] for name in parts}).save(path)
        with pytest.raises(TrainingError, match="is of 19 frames"):
            clip_head(dataset, "house")
        away = np.array([pose_matrix(40.0 * (-1) ** i, 0, 0) for i in range(len(fitted))])
        replace(fitted, viewmats=fitted.viewmats @ away).save(path)
        with pytest.raises(TrainingError, match="pixels from where"):
            clip_head(dataset, "house")
    finally:
        path.write_bytes(kept)


def test_a_film_that_is_fitted_is_not_fitted_again(dataset):
    assert list(fit_if_missing(dataset.path, "house")) == []
