"""The house head: its topology, its 52 shapes, what must close, and what each joint moves."""

from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest

from engine.errors import ControlError
from engine.heads.base import JointAngles, Kind
from engine.heads.house import UNITS_MM, HouseHead
from engine.heads.sculpt import template as templates
from engine.heads.sculpt.curves import N_EYE
from engine.heads.sculpt.identity import Form, Identity, Look
from engine.heads.sculpt.rings import CONTACT_RING
from engine.synth.population import sample_identity
from engine.vocabulary import ARKIT_52, ARKIT_INDEX

BALD = Look(hair_style="bald")


@pytest.fixture(scope="module")
def head() -> HouseHead:
    return HouseHead(Identity(look=BALD))


def lid_gap_mm(head: HouseHead, blink: float) -> float:
    posed = head.pose({"eyeBlinkLeft": blink, "eyeBlinkRight": blink})
    edge = posed.vertices[head.template.eye[0], 1]
    i = np.arange(1, N_EYE // 2)
    return float((edge[i] - edge[N_EYE - i]).max() * UNITS_MM)


def lip_gap_mm(head: HouseHead, expression: dict[str, float]) -> float:
    contact = head.pose(expression).vertices[head.template.mouth[CONTACT_RING]]
    return float(np.linalg.norm(contact[:16] - contact[17:][::-1], axis=1).max() * UNITS_MM)


def test_it_knows_all_arkit_names_and_has_6_to_20_thousand_vertices(head):
    assert head.expression_names == ARKIT_52
    assert 6_000 <= len(head.vertices) <= 20_000
    assert head.faces.max() < len(head.vertices)
    assert len(head.kinds) == len(head.regions) == len(head.faces)


def test_every_expression_moves_something_and_only_the_tongue_moves_no_skin(head):
    for name in ARKIT_52:
        moved = np.linalg.norm(head.pose({name: 1.0}).vertices - head.vertices, axis=1)
        assert moved.max() * UNITS_MM > 0.5, name
        if name == "tongueOut":
            assert moved[head.parts["face"]].max() < 1e-9


def test_left_shapes_move_the_left_side_more(head):
    rest = head.vertices[head.parts["face"]]
    for name in ("eyeBlinkLeft", "mouthSmileLeft", "browOuterUpLeft", "cheekSquintLeft"):
        moved = np.linalg.norm(head.pose({name: 1.0}).vertices[head.parts["face"]] - rest, axis=1)
        assert moved[rest[:, 0] > 0.03].sum() > 20 * moved[rest[:, 0] < -0.03].sum(), name


@pytest.mark.parametrize("seed", [None, 1, 2, 3, 4])
def test_lids_close_fully_for_everyone(seed):
    identity = sample_identity(seed) if seed else Identity()
    head = HouseHead(replace(identity, look=BALD))
    assert lid_gap_mm(head, 0.0) > 6
    assert lid_gap_mm(head, 1.0) < 0.3


@pytest.mark.parametrize("seed", [None, 1, 2, 3, 4])
def test_lips_seal_over_an_open_jaw_for_everyone(seed):
    identity = sample_identity(seed) if seed else Identity()
    head = HouseHead(replace(identity, look=BALD))
    rest = lip_gap_mm(head, {})
    assert lip_gap_mm(head, {"jawOpen": 1.0}) > 15
    assert lip_gap_mm(head, {"jawOpen": 1.0, "mouthClose": 1.0}) < rest + 0.6


def test_jaw_open_opens_in_proportion(head):
    gaps = [lip_gap_mm(head, {"jawOpen": value}) for value in np.linspace(0, 1, 6)]
    assert np.corrcoef(gaps, np.linspace(0, 1, 6))[0, 1] > 0.99


def test_gaze_turns_the_eyeballs_and_lids_stay_off_them(head):
    posed = head.pose({"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0, "eyeLookUpLeft": 0.5, "eyeLookUpRight": 0.5})
    for eye in posed.eyes:
        assert eye.gaze[0] > 0.35
        assert eye.gaze[1] > 0.1
    ring = head.template.eye[0]
    out = np.linalg.norm(posed.vertices[ring] - posed.eyes[0].centre, axis=1)
    assert out.min() > posed.eyes[0].radius


def test_the_neck_turns_the_head_and_leaves_the_clothes(head):
    posed = head.pose({}, JointAngles(neck=(25.0, 10.0, 0.0)))
    still = posed.vertices[head.parts["torso"]] - head.vertices[head.parts["torso"]]
    assert np.abs(still).max() == 0
    eyes = head.vertices[head.parts["eye_left"]] @ posed.skull[:3, :3].T + posed.skull[:3, 3]
    assert np.allclose(posed.vertices[head.parts["eye_left"]], eyes)
    assert posed.eyes[0].gaze[0] > 0.3


def test_the_jaw_joint_drops_the_lower_teeth(head):
    dropped = head.pose({}, JointAngles(jaw=10.0)).vertices[head.parts["teeth"]] - head.vertices[head.parts["teeth"]]
    assert dropped[:, 1].min() * UNITS_MM < -5
    assert np.abs(dropped[:, 1]).min() == 0  # the upper row stays


def test_landmarks_are_sixty_eight_and_mirror_each_other(head):
    marks = head.landmarks(head.pose({}))
    assert marks.shape == (68, 3)
    assert np.allclose(marks[36] * [-1, 1, 1], marks[45], atol=0.01)  # outer eye corners
    assert np.allclose(marks[48] * [-1, 1, 1], marks[54], atol=0.01)  # mouth corners
    assert marks[8, 1] < marks[57, 1] < marks[33, 1] < marks[27, 1]  # chin, lower lip, nose, bridge


def test_no_edge_is_shared_by_more_than_two_faces(head):
    faces = head.template.faces
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    assert max(Counter(map(tuple, edges)).values()) == 2


def test_the_shipped_template_is_the_one_the_sculpt_builds():
    from safetensors import safe_open

    with safe_open(templates.SHIPPED, "numpy") as shipped:
        version = (shipped.metadata() or {}).get("sculpt")
    assert version == templates.source_hash(), "run python -m engine.heads.sculpt.template"


def test_there_are_twenty_form_parameters_and_each_changes_the_face(head):
    points = head.template.vertices
    neutral = Form(**{f.name: 0.0 for f in fields(Form)})
    assert np.allclose(neutral.bend(points), points)
    assert len(fields(Form)) >= 20
    for f in fields(Form):
        assert np.abs(replace(neutral, **{f.name: 1.0}).bend(points) - points).max() > 1.0, f.name


def test_colours_differ_between_a_light_and_a_dark_skin():
    light, dark = (HouseHead(Identity(look=replace(BALD, skin_tone=tone))) for tone in (0.1, 0.9))
    face = light.parts["face"]
    assert light.materials.albedo[face].mean() > 3 * dark.materials.albedo[face].mean()
    assert set(np.unique(light.kinds)) == {int(kind) for kind in Kind}


def test_a_clamped_expression_is_noted_by_the_pose(head):
    posed = head.pose({"mouthPucker": 2.0})
    assert posed.notes == ("mouthPucker 2 was clamped to 1",)
    assert np.allclose(posed.vertices, head.pose({"mouthPucker": 1.0}).vertices)
    assert ARKIT_INDEX["mouthPucker"] == 20


def test_mediapipe_landmarks_follow_the_lips_and_the_gaze(head):
    rest, opened = (head.landmarks(head.pose(e), "mediapipe") for e in ({}, {"jawOpen": 0.6}))
    assert rest.shape == (478, 3)
    assert rest[13, 1] - rest[14, 1] < 0.01  # inner lips touch
    assert opened[13, 1] - opened[14, 1] > 0.05
    assert rest[33, 0] < rest[133, 0] < 0 < rest[362, 0] < rest[263, 0]  # eye corners, person's right to left
    looking = head.landmarks(head.pose({"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}), "mediapipe")
    assert (looking[[468, 473], 0] > rest[[468, 473], 0] + 0.02).all()


def test_the_measured_landmarks_belong_to_the_shipped_template():
    from safetensors import safe_open

    from engine.heads.sculpt.marks import HOUSE_TABLE

    with safe_open(HOUSE_TABLE, "numpy") as table:
        assert table.metadata()["sculpt"] == templates.source_hash(), "run engine.heads.mediapipe_marks"


def test_an_unknown_landmark_order_is_an_error(head):
    with pytest.raises(ControlError, match="mediapipe"):
        head.landmarks(head.pose({}), "dlib")


def test_the_atlas_lays_the_skin_flat_with_hardly_a_fold(head):
    assert head.uv.min() >= 0
    assert head.uv.max() <= 1
    skin = head.faces[head.faces.max(1) < head.parts["face"].stop]
    a, b, c = head.uv[skin[:, 0]], head.uv[skin[:, 1]], head.uv[skin[:, 2]]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    assert (area > 0).mean() > 0.98
