"""What the performer answers to the window: selections where splats are now, marks, portraits, outside data."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from app.workers.inspecting import Inspecting, packed, unpacked
from engine.camera import Orbit
from engine.edits import EditLayer, Edits
from tests.app.workers.test_stage import Scene

WHOLE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
N = 300


@pytest.fixture
def scene(tmp_path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def said() -> list[dict]:
    return []


@pytest.fixture
def inspecting(scene, said, tmp_path) -> Inspecting:
    scene.frame()
    return Inspecting(tmp_path, scene.stage, lambda event, **fields: said.append({"event": event, **fields}))


def bits(said) -> np.ndarray:
    answer = next(row for row in reversed(said) if row["event"] == "selected")
    return unpacked(answer["bits"], answer["n"])


def test_an_outline_round_everything_takes_the_near_side_and_through_takes_all(inspecting, said):
    inspecting.select({"id": 1, "points": WHOLE, "through": True})
    everything = bits(said)
    inspecting.select({"id": 2, "points": WHOLE})
    near = bits(said)
    assert everything.all() and 0 < near.sum() < N and said[-1]["id"] == 2


def test_a_selection_holds_in_another_pose_and_hidden_splats_cannot_be_selected(inspecting, said, scene):
    lower = [[0.0, 0.5], [1.0, 0.5], [1.0, 1.0], [0.0, 1.0]]
    inspecting.select({"id": 1, "points": lower, "through": True})
    chosen = bits(said)
    edits = Edits("", N)
    edits.layers = (EditLayer("Clean-up", chosen, np.zeros(N, bool)),)
    for pose in (0.0, 25.0, -25.0):
        picture = scene.look(values={"pose.yaw": pose, "lip.00": 1.5}, edits=edits).image
        layers = scene.stage.posed_layers(Orbit().camera(64, 48))
        assert (layers[0].opacities.numpy()[chosen] == 0).all() and picture[..., 3].any()
    inspecting.select({"id": 2, "points": WHOLE, "through": True})
    assert not (bits(said) & chosen).any()


def test_marks_colour_and_hide_splats_and_ones_of_another_avatar_do_not_count(inspecting, scene):
    plain = scene.view().image.copy()
    half = np.arange(N) < N // 2
    inspecting.marks({"n": N, "shown": packed(half)})
    scene.stage.apply_view(inspecting.options())
    fewer = scene.frame().image
    assert 0 < (fewer[..., 3] > 0).sum() < (plain[..., 3] > 0).sum()
    inspecting.marks({"n": 7, "shown": packed(half[:7])})
    scene.stage.apply_view(inspecting.options())
    assert np.array_equal(scene.frame().image, plain)
    with pytest.raises(ValueError, match="bytes of marks"):
        inspecting.marks({"n": N, "selected": packed(half[:20])})


def test_a_portrait_is_the_avatar_with_some_values_and_leaves_the_face_alone(inspecting, said, scene):
    before = scene.frame().header.result.copy()
    orbit = Orbit().to_json()
    for name, values in (("rest", {}), ("open", {"lip.00": 3.0, "nobody": 1.0})):
        inspecting.portrait({"name": name, "values": values, "size": [60, 40], "orbit": orbit})
    pictures = [np.asarray(Image.open(io.BytesIO(base64.b64decode(row["png"])))) for row in said]
    assert [row["name"] for row in said] == ["rest", "open"] and pictures[0].shape == (40, 60, 4)
    assert not np.array_equal(*pictures) and pictures[0][0, 0, 3] == 0
    assert np.array_equal(scene.frame().header.result, before)


def test_a_portrait_of_a_moment_is_that_moment_and_none_of_another_avatars(inspecting, said, scene):
    orbit, schema = Orbit().to_json(), scene.stage.performer.avatar.schema
    moment = schema.rest().values.copy()
    moment[schema.index("lip.00")] += 3.0
    inspecting.portrait({"name": "by name", "values": {"lip.00": 3.0}, "size": [60, 40], "orbit": orbit})
    inspecting.portrait({"name": "whole", "controls": moment.tolist(), "size": [60, 40], "orbit": orbit})
    inspecting.portrait({"name": "other", "controls": [0.0] * 99, "size": [60, 40], "orbit": orbit})
    assert said[0]["png"] == said[1]["png"] and said[2]["png"] == ""


def test_the_splats_are_looked_over_once_and_found_facts_are_said_again(inspecting, said, monkeypatch):
    inspecting.inspect()
    inspecting._thread.join(120)
    assert said[-1]["event"] == "inspected" and inspecting.take_news() and not inspecting.take_news()
    inspecting.inspect()
    assert [row["event"] for row in said].count("inspected") == 2
    assert len(inspecting.options().seen) == N and not inspecting.must_wait("coverage")


def test_outside_data_stands_in_place_of_the_voice_and_goes_again(scene):
    scene.stage.external = {"pose.yaw": 12.0}
    scene.stage.apply_external()
    seen = [scene.stage.performer.moment(0.05 * i).controls.values[3] for i in range(8)]
    assert seen[-1] == pytest.approx(12.0)
    scene.stage.external = {}
    scene.stage.apply_external()
    later = [scene.stage.performer.moment(0.4 + 0.05 * i).controls.values[3] for i in range(8)]
    assert later[0] > 5.0 and later[-1] == pytest.approx(0.0)


def test_maps_are_those_of_the_moment_drawn_last_and_wait_while_a_hand_moves_something(inspecting, said, scene):
    for value, red in ((1.0, 100), (2.0, 200)):
        scene.look(values={"lip.00": value})
        inspecting.maps()
        (row,) = said[-1]["maps"]
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(row["png"]))))
        assert row["title"] == "Jaw" and picture.shape == (20, 30, 4) and (picture[..., 0] == red).all()
    scene.stage.note_hand()
    inspecting.maps()
    assert said[-1]["event"] == "maps" and said[-1]["maps"] is None
