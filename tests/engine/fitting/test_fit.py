"""Head models fitted to clips: to a film whose truth is known, and to a real one."""

from collections import deque

import numpy as np
import pytest

from engine.capture.capture import capture_video
from engine.capture.dataset import Dataset
from engine.errors import DatasetError, ModelMissingError, MouthpieceError
from engine.fitting.fit import fit, spread
from engine.fitting.fitted import fit_path, load_fit
from engine.heads.house import HouseHead
from engine.heads.sculpt.identity import Form, Identity, Look
from engine.synth.performance import AUDIO_RATE_HZ, Performance, action_units
from engine.synth.studio import CameraMotion, film
from engine.vocabulary import ARKIT_INDEX

N_FRAMES, SIZE = 24, 96
ACTED = ("jawOpen", "mouthSmileLeft", "browInnerUp", "eyeBlinkLeft")


def last(steps):
    return deque(steps, maxlen=1).pop()


@pytest.fixture(scope="module")
def filmed(tmp_path_factory) -> Dataset:
    """A person of the house with a form of their own, filmed small; landmarks are exact."""
    arkit = np.zeros((N_FRAMES, 52), np.float32)
    for k, name in enumerate(ACTED):
        arkit[:, ARKIT_INDEX[name]] = 0.4 + 0.35 * np.sin(np.arange(N_FRAMES) * (0.3 + 0.1 * k) + k)
    sound = np.zeros(int(N_FRAMES / 25 * AUDIO_RATE_HZ), np.float32)
    acting = Performance(np.arange(N_FRAMES) / 25, arkit, arkit, action_units(arkit), sound, [])
    head = HouseHead(Identity("someone", Form(face_width=0.6, jaw_width=0.5, nose_length=0.5), Look(hair_style="bald")))
    out = tmp_path_factory.mktemp("fit") / "someone.dataset"
    last(film(head, acting, out, size=SIZE, motion=CameraMotion(azimuth_deg=25, speed=8)))
    return Dataset(out)


@pytest.fixture(scope="module")
def values(filmed) -> dict:
    return last(fit(filmed.path, "house")).values


def test_the_house_head_fits_a_film_of_itself(filmed, values):
    assert values["error_px"] < 1.0
    fitted = load_fit(filmed.path, "house")
    for name in ACTED:
        truth = filmed.tracks["arkit"][:, ARKIT_INDEX[name]]
        assert np.corrcoef(fitted.expression[:, ARKIT_INDEX[name]], truth)[0, 1] > 0.9, name


def test_a_fit_is_read_again_with_the_same_mesh_and_cameras(filmed, values):
    fitted = load_fit(filmed.path, "house")
    assert len(fitted) == N_FRAMES
    assert fitted.vertices(fitted.expression[3]).shape == fitted.head.vertices.shape
    assert np.allclose(fitted.posed(3).vertices, fitted.vertices(fitted.expression[3]))
    gap = np.linalg.norm(fitted.landmarks(3) - filmed.tracks["landmarks"][3, :, :2], axis=1)
    assert gap.mean() * 512 / SIZE < 1.5
    assert fitted.camera(3).width == SIZE


def test_the_overlay_film_lies_beside_the_fit(filmed, values):
    import av

    with av.open(values["overlay"]) as file:
        frames = sum(1 for _ in file.decode(video=0))
    assert frames == N_FRAMES


def test_a_fit_of_another_model_is_refused(filmed, values):
    path = fit_path(filmed.path, "house")
    kept = path.read_bytes()
    path.write_bytes(kept[:-40])
    with pytest.raises(DatasetError, match="run mouthpiece fit"):
        load_fit(filmed.path, "house")
    path.write_bytes(kept)


def test_models_that_are_missing_or_unknown_are_said(filmed, tmp_path):
    with pytest.raises(MouthpieceError, match="house, ict, flame"):
        next(s for s in fit(filmed.path, "bfm") if s.done)
    with pytest.raises(ModelMissingError, match="flame"):
        next(s for s in fit(filmed.path, "flame", tmp_path / "none.pkl") if s.done)


def test_offsets_spread_smoothly_over_the_face_and_stop_at_the_clothes():
    head = HouseHead(Identity(look=Look(hair_style="bald")))
    marks = head.landmarks(head.pose(), "mediapipe")[:468]
    offsets = spread(head, marks, np.tile([0.0, 0.0, 0.01], (468, 1)))
    front = (head.vertices[:, 2] > 0.3) & (np.abs(head.vertices[:, 1]) < 0.3)
    assert offsets[front, 2].min() > 0.007
    assert np.ptp(offsets[head.parts["teeth"]], axis=0).max() < 0.006
    assert np.abs(offsets[head.parts["torso"]]).max() == 0
    assert np.ptp(offsets[head.parts["eye_left"]], axis=0).max() < 1e-12


@pytest.mark.shared
@pytest.mark.long
@pytest.mark.parametrize("head", ["ict", "house"])
def test_a_real_clip_is_fitted_within_three_pixels(shared_data, tmp_path, head):
    out = tmp_path / "real.dataset"
    model = shared_data / "models" / "face_landmarker.task"
    last(capture_video(shared_data / "clips" / "WDA_KatieHill_000.mp4", out, face_landmarker=model))
    done = last(fit(out, head, shared_data / "ict-facekit" if head == "ict" else None))
    assert done.values["error_px"] < 3.0
