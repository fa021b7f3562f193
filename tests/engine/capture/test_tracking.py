"""Choosing and following one face, with a stand-in for the landmarker that says where faces are."""

import numpy as np
import pytest

from engine.capture import framing as framing_module
from engine.capture import tracking as tracking_module
from engine.capture.framing import Framing, find_framing
from engine.capture.landmarks import N_LANDMARKS, Face, FaceLandmarker, arkit_scores, canonical_face
from engine.capture.tracking import interpolated, track_face
from engine.errors import ModelMissingError, VideoError
from engine.vocabulary import ARKIT_INDEX


def face_at(x, y, height) -> Face:
    """A face whose points fill a box round x, y."""
    turn = np.linspace(0, 2 * np.pi, N_LANDMARKS)
    points = np.column_stack([x + 0.4 * height * np.sin(turn), y + 0.5 * height * np.cos(turn), 0 * turn])
    return Face(points, np.full(52, 0.1), np.eye(4))


class StandIn:
    """Says what `script` says for picture number n."""

    def __init__(self, script):
        self.script, self.n = script, 0

    def __call__(self, *_, **__):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def faces(self, rgb, time_ms=0):
        self.n += 1
        return self.script(self.n - 1)


def frame_with(monkeypatch, script, shape=(720, 1280), n_frames=100):
    pictures = ((i, np.zeros((*shape, 3), np.uint8)) for i in range(n_frames))
    monkeypatch.setattr(framing_module, "FaceLandmarker", StandIn(script))
    monkeypatch.setattr(framing_module, "read_pictures", lambda path, fps: pictures)
    return list(find_framing("film.mp4", "model", 512, 25, n_frames))[-1]


def test_the_crop_holds_the_head_with_room_for_hair_and_shoulders(monkeypatch):
    framing = frame_with(monkeypatch, lambda n: [face_at(600 + 4 * n, 300, 200)]).values["framing"]
    assert framing.x <= 600 - 180 and framing.x + framing.side >= 640 + 180
    assert framing.y <= 300 - 200 and framing.y + framing.side >= 300 + 160
    assert framing.x >= 0 and framing.y >= 0 and framing.y + framing.side <= 720
    assert framing.apply(np.zeros((720, 1280, 3), np.uint8)).shape == (512, 512, 3)


def test_a_square_video_that_is_all_head_keeps_every_pixel(monkeypatch):
    framing = frame_with(monkeypatch, lambda n: [face_at(256, 290, 300)], shape=(512, 512)).values["framing"]
    assert (framing.x, framing.y, framing.side) == (0, 0, 512)
    picture = np.random.default_rng(0).integers(0, 255, (512, 512, 3), np.uint8)
    assert np.array_equal(framing.apply(picture), picture)


def test_of_several_faces_the_largest_is_used_with_a_note(monkeypatch):
    step = frame_with(monkeypatch, lambda n: [face_at(250, 300, 120), face_at(900, 300, 240)])
    framing = step.values["framing"]
    assert framing.x > 500
    assert "2 faces were seen" in step.message


def test_a_video_without_a_face_is_refused(monkeypatch):
    with pytest.raises(VideoError, match="no face was found"):
        frame_with(monkeypatch, lambda n: [])


def follow(monkeypatch, script, n_frames=80, n_faces=1):
    monkeypatch.setattr(tracking_module, "FaceLandmarker", StandIn(script))
    framing = Framing(0, 0, 512, 512, (176, 140, 336, 340), n_faces)
    blank = np.zeros((512, 512, 3), np.uint8)
    return list(track_face(lambda i: blank, n_frames, 25, "model", framing, "film.mp4"))[-1]


def test_frames_without_a_face_are_interpolated_and_counted(monkeypatch):
    step = follow(monkeypatch, lambda n: [] if 30 <= n < 34 else [face_at(256 + n, 240, 200)])
    track = step.values["track"]
    assert track.found.sum() == 76 and not track.found[31]
    assert np.allclose(track.landmarks[32, 0, 0] - track.landmarks[31, 0, 0], 1)
    assert "4 of 80 frames had no face" in step.message


def test_a_face_in_only_a_few_frames_is_refused(monkeypatch):
    with pytest.raises(VideoError, match=r"seen in 49 of 80 frames, at least 50"):
        follow(monkeypatch, lambda n: [face_at(256, 240, 200)] if n < 49 else [])


def test_the_chosen_face_is_followed_past_another(monkeypatch):
    step = follow(
        monkeypatch, lambda n: [face_at(60, 240, 150), face_at(256, 240, 200)] if n % 9 else [face_at(60, 240, 150)],
        n_faces=2,
    )  # fmt: skip
    track = step.values["track"]
    assert track.landmarks[..., 0].mean(axis=1).min() > 200
    assert not track.found[9] and track.found[10]


def test_gaps_at_the_ends_take_the_nearest_value():
    values = np.array([[np.nan], [2.0], [np.nan], [4.0], [np.nan]])
    found = np.array([False, True, False, True, False])
    assert interpolated(values, found)[:, 0].tolist() == [2, 2, 3, 4, 4]


def test_scores_are_read_by_name():
    class Category:
        def __init__(self, category_name, score):
            self.category_name, self.score = category_name, score

    scores = arkit_scores([Category("_neutral", 0.9), Category("jawOpen", 0.4), Category("eyeBlinkRight", 0.7)])
    assert scores[ARKIT_INDEX["jawOpen"]] == np.float32(0.4)
    assert scores[ARKIT_INDEX["eyeBlinkRight"]] == np.float32(0.7)
    assert np.count_nonzero(scores) == 2


def test_a_file_that_is_no_landmarker_is_refused_in_one_sentence(tmp_path):
    foreign = tmp_path / "face_landmarker.task"
    foreign.write_bytes(b"PK nothing of the kind")
    with pytest.raises(ModelMissingError, match="fetch") as caught:
        FaceLandmarker(foreign)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelMissingError, match="no canonical face"):
        canonical_face(foreign)


@pytest.mark.shared
def test_the_canonical_face_is_read_from_the_model_file(landmarker_model):
    face = canonical_face(landmarker_model)
    assert face.vertices.shape == (468, 3) and face.triangles.shape == (898, 3)
    assert face.vertices[10, 1] > 5 > -5 > face.vertices[152, 1]  # forehead above, chin below
    assert face.vertices[454, 0] > 5 > -5 > face.vertices[234, 0]  # the person's left ear on the picture's right
    assert face.vertices[1, 2] == pytest.approx(face.vertices[:, 2].max(), abs=0.5)  # the nose in front
