"""FLAME from a pickle of its genuine layout, made here: read without running anything, posed by shapes and joints."""

import os
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csc_matrix
from scipy.spatial.transform import Rotation

from engine.errors import ControlError, ModelMissingError
from engine.heads.base import JointAngles, Kind
from engine.heads.flame import EMBEDDING_FILE, JAW, FlameHead, FlameParameters
from engine.heads.flame_file import read_flame
from tests.flame_model import embed, house, layout


@pytest.fixture
def chumpy(monkeypatch):
    """A module of the name that FLAME's pickle refers to."""
    module, inner = types.ModuleType("chumpy"), types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x):
            self.x = x

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    inner.Ch = module.Ch = Ch
    monkeypatch.setitem(sys.modules, "chumpy", module)
    monkeypatch.setitem(sys.modules, "chumpy.ch", inner)
    return Ch


@pytest.fixture
def model(tmp_path, chumpy, monkeypatch) -> Path:
    """The model file as FLAME 2020 ships it: protocol 2, chumpy arrays, a sparse regressor, strings; and embedding."""
    arrays = layout()
    content = {**arrays, "bs_style": "lbs", "bs_type": "lrotmin", "J_regressor": csc_matrix(arrays["J_regressor"])}
    for name in ("v_template", "shapedirs"):
        content[name] = chumpy(arrays[name])
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(pickle.dumps(content, protocol=2))
    monkeypatch.delitem(sys.modules, "chumpy.ch")
    monkeypatch.delitem(sys.modules, "chumpy")
    embed(path.parent, arrays)
    return path


def resting(head: FlameHead, **changes) -> FlameParameters:
    values = {
        "expression": np.zeros(head.n_expression),
        "jaw": np.zeros(3),
        "neck": np.zeros(3),
        "eyes": np.zeros((2, 3)),
    }
    return FlameParameters(**{**values, **changes})


def test_all_arrays_come_out_of_the_pickle_as_they_went_in(model):
    arrays, expected = read_flame(model), layout()
    for name in ("v_template", "shapedirs", "posedirs", "J_regressor", "weights"):
        assert np.array_equal(arrays[name], expected[name]), name
    assert np.array_equal(arrays["faces"], expected["f"])
    assert "chumpy" not in sys.modules


def test_a_model_of_plain_arrays_is_read_too(tmp_path):
    path = tmp_path / "flame2023.pkl"
    path.write_bytes(pickle.dumps(layout(), protocol=4))
    assert np.array_equal(read_flame(path)["v_template"], layout()["v_template"])


class Hostile:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self):
        return os.mkdir, (str(self.proof),)


def test_a_pickle_that_would_run_something_runs_nothing(tmp_path):
    path, proof = tmp_path / "hostile.pkl", tmp_path / "ran"
    path.write_bytes(pickle.dumps({**layout(), "extra": Hostile(proof)}, protocol=2))
    with pytest.raises(ModelMissingError, match="mkdir"):
        read_flame(path)
    assert not proof.exists()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("weights", np.zeros((3, 5)), "weights"),
        ("shapedirs", np.full((3, 3, 2), np.nan), "shapedirs"),
        ("f", np.array([[0, 1, 10**6]], np.uint32), "face"),
        ("posedirs", "text", "posedirs"),
        ("v_template", np.array([[None] * 3] * 20, object), "not a FLAME model"),
    ],
)
def test_a_model_that_does_not_add_up_is_refused_in_one_sentence(tmp_path, name, value, said):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({**layout(), name: value}, protocol=2))
    with pytest.raises(ModelMissingError, match=said):
        read_flame(path)


def test_a_truncated_model_is_refused(model):
    model.write_bytes(model.read_bytes()[:-5000])
    with pytest.raises(ModelMissingError, match="not a FLAME model"):
        read_flame(model)


def test_shape_and_expression_are_linear_in_their_coefficients(model):
    arrays, head = layout(), FlameHead(model, shape=[0.5, -1.0])
    code = np.zeros(head.n_expression)
    code[1] = 2.0
    expected = arrays["v_template"] + arrays["shapedirs"][:, :, :2] @ [0.5, -1.0]
    expected = expected + 2.0 * arrays["shapedirs"][:, :, head.n_shape + 1]
    assert np.allclose(head.pose_native(resting(head, expression=code)).vertices, head.to_world(expected))


def test_a_vertex_of_the_jaw_turns_about_its_joint(model):
    arrays, head = layout(), FlameHead(model)
    head._arrays["posedirs"] = np.zeros_like(head._arrays["posedirs"])
    turn = np.array([0.3, 0.0, 0.0])
    posed = head.pose_native(resting(head, jaw=turn)).vertices
    row = int(np.argmax(arrays["weights"][:, JAW]))
    joint = (arrays["J_regressor"] @ arrays["v_template"])[JAW]
    expected = Rotation.from_rotvec(turn).apply(arrays["v_template"][row] - joint) + joint
    assert np.allclose(posed[row], head.to_world(expected))


def test_neck_turns_everything_with_the_eyes_and_the_skull(model):
    head = FlameHead(model)
    head._arrays["posedirs"] = np.zeros_like(head._arrays["posedirs"])
    posed = head.pose({}, JointAngles(neck=(20.0, 0.0, 0.0)))
    rigid = head.vertices @ posed.skull[:3, :3].T + posed.skull[:3, 3]
    still = head._arrays["weights"][:, JAW] == 0
    assert np.allclose(posed.vertices[still], rigid[still], atol=1e-9)
    assert posed.eyes[0].gaze[0] == pytest.approx(np.sin(np.radians(20)))


def test_gaze_turns_the_eyeballs_only(model):
    head = FlameHead(model)
    head._arrays["posedirs"] = np.zeros_like(head._arrays["posedirs"])
    moved = head.pose_native(head.from_arkit(np.zeros(52), JointAngles(eye_left=(15.0, 0.0)))).vertices - head.vertices
    part = np.unique(head.faces[head.kinds == Kind.EYE_LEFT])
    assert np.abs(moved[part]).max() > 0.003
    assert np.abs(np.delete(moved, part, axis=0)).max() < 1e-9


def test_arkit_coefficients_move_the_landmarks_as_near_to_the_house_head_as_its_shapes_can(model):
    head = FlameHead(model)
    numbers, moves = head.landmark_moves()
    row = head.arkit_matrix()[17]  # jawOpen
    rest = house().landmarks(house().pose(), "mediapipe")
    wished = (house().landmarks(house().pose({"jawOpen": 1.0}), "mediapipe") - rest)[numbers]
    reached = np.einsum("e,elc->lc", row, moves)
    assert np.linalg.norm(wished - reached) < 0.75 * np.linalg.norm(wished)
    assert row[head.n_expression] > 0.03  # the jaw itself opens


def test_without_the_embedding_it_is_said_what_is_missing(model):
    (model.parent / EMBEDDING_FILE).unlink()
    head = FlameHead(model)
    with pytest.raises(ModelMissingError, match=EMBEDDING_FILE):
        head.pose({"jawOpen": 1.0})
    assert np.allclose(head.pose({}).vertices, head.vertices)


def test_more_coefficients_than_the_file_has_are_refused(model):
    with pytest.raises(ControlError, match="30 shape coefficients"):
        FlameHead(model, shape=np.ones(31))
