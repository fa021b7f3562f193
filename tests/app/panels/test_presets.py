"""Expression presets: files, what they ask of an avatar, and putting them on and off."""

import numpy as np
import pytest

from app.panels.face_expressions import ExpressionBlend
from app.panels.presets import (
    Expression,
    offsets,
    own_folder,
    read_expression,
    read_expressions,
    remove_expression,
    shapes_of,
    shipped_folder,
    store_expression,
)
from engine.controls import ControlSchema, ControlSpec
from engine.errors import ControlError
from engine.vocabulary import ACTION_UNIT, ARKIT_INDEX, AU_PRESETS


def au_spec(name: str) -> ControlSpec:
    unit = ACTION_UNIT[name]
    return ControlSpec(name, "au", unit.label, unit.description, mirror=unit.mirror)


SCHEMA = ControlSchema(
    (
        ControlSpec("lip.00", "lip", "Jaw opens", minimum=-3, maximum=3, low=-2, high=2),
        ControlSpec("lip.01", "lip", "Lips pucker", minimum=-3, maximum=3, low=-2, high=2),
        *(au_spec(name) for name in AU_PRESETS["shipped"]),
        ControlSpec("pose.yaw", "pose", "Turn", minimum=-30, maximum=30, unit="deg"),
    )
)
FIT = np.zeros((len(ARKIT_INDEX), len(SCHEMA)))
FIT[ARKIT_INDEX["mouthPucker"], SCHEMA.index("lip.01")] = 2.0
FIT[ARKIT_INDEX["jawOpen"], SCHEMA.index("lip.00")] = 2.0
FIT[ARKIT_INDEX["mouthPucker"], SCHEMA.index("pose.yaw")] = 9.0


def shipped() -> dict[str, Expression]:
    expressions, faults = read_expressions((shipped_folder(),))
    assert not faults
    return {e.name: e for e in expressions}


def test_the_shipped_presets_stand_in_the_order_of_their_keys():
    expressions, _ = read_expressions((shipped_folder(),))
    assert [(e.name, e.key) for e in expressions if e.has_tile] == [
        ("Neutral", "N"), ("Smile", "F2"), ("Shock", "F3"), ("Sad", "F4"), ("Wink", "F5"), ("Ah", "F6"), ("Ee", "F7"),
        ("Oh", "F8"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["Smile", "Shock", "Sad", "Wink", "Ah", "Ee", "Blink"])
def test_every_shipped_expression_moves_an_avatar_that_has_only_action_units(name):
    assert offsets(shipped()[name], SCHEMA)


def test_a_wink_closes_only_the_persons_left_eye():
    wink = offsets(shipped()["Wink"], SCHEMA)
    assert wink["au.45l"] == 1.0 and "au.45r" not in wink


def test_shapes_without_an_action_unit_go_through_the_fit_and_jaw_is_not_opened_twice():
    oh = offsets(shipped()["Oh"], SCHEMA, FIT)
    assert oh["lip.01"] == pytest.approx(0.7)
    assert oh["au.26"] == pytest.approx(0.38) and "lip.00" not in oh
    assert "pose.yaw" not in oh, "an expression never turns the head"


def test_the_avatars_own_controls_go_before_shapes():
    own = Expression(name="Mine", controls={"au.12": 0.3, "gone.07": 1.0}, shapes={"mouthSmileLeft": 1.0})
    assert offsets(own, SCHEMA) == {"au.12": pytest.approx(0.3)}


def test_putting_expressions_on_and_off_gives_the_users_values_back():
    blend, presets = ExpressionBlend(SCHEMA, FIT), shipped()
    values = {spec.name: spec.neutral for spec in SCHEMA} | {"au.12": 0.4, "lip.01": -0.2}
    start = dict(values)
    for name, amount in [("Smile", 1.0), ("Oh", 0.5), ("Smile", 0.3), ("Wink", 1.0)]:
        values |= blend.set_blend(presets[name], amount, values)
    assert blend.touches("au") == ["Smile", "Oh", "Wink"]
    assert values["au.12"] > 0.4
    for name in ("Oh", "Wink", "Smile"):
        values |= blend.set_blend(presets[name], 0.0, values)
    assert values == pytest.approx(start) and not blend.blends
    assert values["au.45l"] == 0.0, "back at neutral bit for bit"


def test_a_control_at_its_limit_comes_back_too():
    blend, smile = ExpressionBlend(SCHEMA), shipped()["Smile"]
    values = {"au.12": 0.9}
    values |= blend.set_blend(smile, 1.0, values)
    assert values["au.12"] == 1.0
    values |= blend.set_blend(smile, 0.0, values)
    assert values["au.12"] == pytest.approx(0.9)


def test_a_control_the_user_moves_meanwhile_stays_the_users():
    blend, smile = ExpressionBlend(SCHEMA), shipped()["Smile"]
    values = {name: 0.0 for name in SCHEMA.names}
    values |= blend.set_blend(smile, 1.0, values)
    values["au.12"] = 0.1
    blend.forget({"au.12"})
    values |= blend.set_blend(smile, 0.5, values)
    assert values["au.12"] == 0.1
    values |= blend.set_blend(smile, 0.0, values)
    assert values["au.12"] == 0.1 and values["au.06"] == 0.0


def test_locked_controls_are_left_alone():
    blend = ExpressionBlend(SCHEMA)
    changes = blend.set_blend(shipped()["Smile"], 1.0, {}, frozenset({"au.12"}))
    assert "au.12" not in changes and "au.06" in changes


def test_a_snapshot_restores_what_was_on():
    blend, smile = ExpressionBlend(SCHEMA), shipped()["Smile"]
    values = blend.set_blend(smile, 0.6, {})
    before = blend.snapshot()
    blend.set_blend(smile, 0.0, values)
    blend.restore(before)
    assert blend.snapshot() == before and blend.blends == {"Smile": 0.6}


def test_a_stored_preset_is_read_again_and_takes_the_key_from_the_shipped_one(tmp_path):
    mine = Expression(name="Grin: wide", key="F2", order=200, controls={"au.12": 1.0})
    path = store_expression(mine, tmp_path)
    assert read_expression(path) == mine
    expressions, _ = read_expressions((shipped_folder(), tmp_path))
    keys = {e.name: e.key for e in expressions}
    assert keys["Grin: wide"] == "F2" and keys["Smile"] == ""
    assert remove_expression("Grin: wide", tmp_path) and not remove_expression("Grin: wide", tmp_path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"name": "x", "shapes": {"nose": 1}}', '{"name":"x","shapes":{"jawOpen":7}}',
             '{"name": "x", "controls": {"a": NaN}}', '{"name": "x", "version": 9}', '{"name": "x", "more": 1}']
)  # fmt: skip
def test_a_file_that_is_no_preset_is_said_and_left_out(tmp_path, text):
    (tmp_path / "bad.json").write_text(text)
    expressions, faults = read_expressions((tmp_path,))
    assert not expressions and len(faults) == 1 and "bad.json" in faults[0] and "\n" not in faults[0]
    with pytest.raises(ControlError):
        read_expression(tmp_path / "none.json")


def test_action_units_are_told_as_shapes_for_other_avatars():
    assert shapes_of({"au.12": 0.5, "au.45l": 1.0, "lip.00": 2.0}, SCHEMA) == {
        "mouthSmileLeft": 0.5, "mouthSmileRight": 0.5, "eyeBlinkLeft": 1.0,
    }  # fmt: skip


def test_the_users_presets_lie_in_the_users_data():
    assert own_folder().name == "presets"
