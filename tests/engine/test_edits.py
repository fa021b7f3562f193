"""Edits: packed bits over an avatar's layers, applied without touching the avatar."""

import json

import numpy as np
import pytest

from engine.camera import Orbit
from engine.edits import EditLayer, Edits
from engine.errors import ProjectError
from tests.fakes.avatar import FakeAvatar


def layers():
    avatar = FakeAvatar()
    return avatar.deform(avatar.animate(avatar.schema.neutral()), Orbit().camera(8, 8)) * 2


def test_no_edits_give_the_very_same_layers():
    given = layers()
    assert Edits("h", 600).apply(given) is given


def test_hidden_and_deleted_splats_become_invisible_in_their_layer():
    given = layers()
    edits = Edits("h", 600)
    edits.hidden[5] = edits.deleted[300] = True
    first, second = edits.apply(given)
    assert first.opacities[5] == 0 and first.opacities[4] > 0
    assert second.opacities[0] == 0 and (second.opacities[1:] > 0).all()
    assert (given[0].opacities > 0).all()


def test_edits_survive_a_round_trip():
    rng = np.random.default_rng(0)
    edits = Edits("abc", 1001)
    edits.hidden[:] = rng.random(1001) > 0.5
    edits.deleted[:] = rng.random(1001) > 0.9
    read = Edits.from_json(edits.to_json())
    assert read.avatar_hash == "abc"
    assert np.array_equal(read.hidden, edits.hidden) and np.array_equal(read.deleted, edits.deleted)


@pytest.mark.parametrize("damage", [{"n_gaussians": 10}, {"hidden": "%%%"}, {"n_gaussians": 10**12}, {"deleted": None}])
def test_damaged_edits_are_refused(damage):
    with pytest.raises(ProjectError, match="reset"):
        Edits.from_json({**Edits("a", 1001).to_json(), **damage})


def test_edits_of_another_size_are_refused():
    edits = Edits("h", 10)
    edits.hidden[0] = True
    with pytest.raises(ProjectError, match="reset"):
        edits.apply(layers())


def test_layers_count_while_they_are_on_and_survive_as_json():
    edits = Edits("abc", 4)
    none = np.zeros(4, bool)
    edits.layers = (
        EditLayer("Collar", np.array([True, False, False, False]), none),
        EditLayer("Hair", none, np.array([False, True, False, False]), is_on=False),
    )
    again = Edits.from_json(json.loads(json.dumps(edits.to_json())))
    assert again.gone.tolist() == [True, False, False, False]
    assert [(a.name, a.is_on) for a in again.layers] == [("Collar", True), ("Hair", False)]
    broken = edits.to_json()
    broken["layers"][0]["hidden"] = "AAAAAAAA"
    with pytest.raises(ProjectError, match="cannot be read"):
        Edits.from_json(broken)
