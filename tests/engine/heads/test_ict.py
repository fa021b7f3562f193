"""ICT-FaceKit behind the head interface: it blinks, seals, turns its eyes, wears hair and stands in its collar."""

import numpy as np
import pytest

from engine.errors import ModelMissingError
from engine.heads.base import JointAngles, Kind, Region
from engine.heads.facekit.kit import EYES, SKIN, TEETH
from engine.heads.ict import FaceIdentity, IctHead
from engine.heads.sculpt.identity import Look
from engine.synth.casting import FACES, face

pytestmark = pytest.mark.shared
EYE_LANDMARKS = {"Left": ((43, 47), (44, 46)), "Right": ((37, 41), (38, 40))}


@pytest.fixture(scope="module")
def head(shared_data) -> IctHead:
    return IctHead(shared_data / "ict-facekit", FaceIdentity(look=Look(hair_style="buzz", stubble=0.5)))


def opening(head: IctHead, expression: dict) -> float:
    """How far the lower lip is below the upper in the middle."""
    marks = head.landmarks(head.pose(expression))
    return float(marks[62, 1] - marks[66, 1])


def test_a_head_is_one_head_high_with_its_eyes_where_the_house_has_them(head):
    crown, chin = head.vertices[SKIN, 1].max(), head.landmarks(head.pose())[8, 1]
    assert crown - chin == pytest.approx(1, abs=0.02)
    assert np.abs(head.joints["eye_left"] - [0.14, 0.02, 0.22]).max() < 0.02


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_a_full_blink_closes_the_lids_of_its_side_only(head, side):
    def gaps(expression, of):
        marks = head.landmarks(head.pose(expression))
        return np.mean([np.linalg.norm(marks[a] - marks[b]) for a, b in EYE_LANDMARKS[of]])

    other = "Right" if side == "Left" else "Left"
    closed = {"eyeBlink" + side: 1.0}
    assert gaps(closed, side) < 0.2 * gaps({}, side)
    assert np.isclose(gaps(closed, other), gaps({}, other), rtol=0.05)


def test_the_jaw_opens_the_mouth_and_mouth_close_seals_it_again(head):
    assert -0.004 < opening(head, {}) < 0
    assert opening(head, {"jawOpen": 0.6}) > 0.06
    for jaw in (0.2, 0.6, 1.0):
        assert -0.004 < opening(head, {"jawOpen": jaw, "mouthClose": jaw}) < 0


def test_the_eyeballs_turn_with_the_gaze_and_keep_their_shape(head):
    posed = head.pose({"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0})
    for eye in posed.eyes:
        assert np.degrees(np.arcsin(eye.gaze[0])) == pytest.approx(28, abs=0.5)
    part = posed.vertices[EYES[0]] - head.joints["eye_left"]
    still = head.vertices[EYES[0]] - head.joints["eye_left"]
    assert np.allclose(np.linalg.norm(part, axis=1), np.linalg.norm(still, axis=1))


def test_the_lower_teeth_go_down_with_the_jaw_and_the_upper_stay(head):
    move = head.pose({"jawOpen": 1.0}).vertices[TEETH] - head.vertices[TEETH]
    rows = move[:, 1]
    assert np.abs(rows[:2200]).max() < 1e-6
    assert rows[2300:].max() < 0.0


def test_the_whole_head_nods_and_the_clothes_do_not(head):
    posed = head.pose({}, JointAngles(neck=(20, 0, 0)))
    cloth = np.unique(head.faces[head.kinds == Kind.CLOTH])
    assert np.array_equal(posed.vertices[cloth], head.vertices[cloth])
    assert np.linalg.norm(posed.vertices[EYES[0]] - head.vertices[EYES[0]], axis=1).min() > 0.05


def test_hair_stays_off_the_ears_and_every_bundle_is_named(head):
    assert [s.name for s in head.strands] == ["hair", "beard", "brows", "lashes"]
    roots = head.strands[0].points[:, 0]
    beside = (roots[:, 1] > -0.2) & (roots[:, 1] < 0.0)
    assert np.abs(roots[beside, 0]).max() < 0.37


def test_landmarks_of_both_orders_lie_on_the_face(head):
    posed = head.pose()
    marks = head.landmarks(posed, "mediapipe")
    assert marks.shape == (478, 3)
    assert np.linalg.norm(marks[1] - head.landmarks(posed)[30]) < 0.06  # the tip of the nose
    assert np.linalg.norm(marks[473] - posed.eyes[0].centre) < 0.09  # the person's left iris
    assert (head.regions == Region.HEAD).any()


def test_the_tongue_comes_out_between_the_teeth_and_nothing_else_moves(head):
    move = head.pose({"tongueOut": 1.0}).vertices - head.vertices
    moved = np.linalg.norm(move, axis=1) > 1e-6
    assert 100 < moved.sum() < 1500
    assert head.pose({"tongueOut": 1.0}).vertices[moved, 2].max() > head.vertices[TEETH, 2].max()


def test_what_was_clamped_is_said(head):
    assert any("clamped" in note for note in head.pose({"jawOpen": 1.5}).notes)


def test_a_folder_without_the_kit_is_said_in_one_sentence(tmp_path):
    with pytest.raises(ModelMissingError, match="holds no ICT-FaceKit"):
        IctHead(tmp_path)


def test_people_differ_and_a_seed_is_always_the_same_person():
    assert face("17") == face("17") != face("18")
    assert len({f.modes for f in FACES.values()}) == len(FACES)
