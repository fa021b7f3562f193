"""Cuts, layers, lids and eyes over a raw performance."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.camera import Orbit
from engine.controls import ControlSchema, ControlSpec
from engine.errors import ProjectError
from engine.performance import clips as cuts
from engine.performance.camera_path import CameraKey, CameraPath
from engine.performance.clips import Clip
from engine.performance.curve import Curve, Key
from engine.performance.eyes import Blink, Gaze, found_blinks
from engine.performance.layers import EditLayer, LayerKind
from engine.performance.take_edit import TakeEdit

SCHEMA = ControlSchema(
    (
        ControlSpec("lip.00", "lip", "Jaw", minimum=-4, maximum=4, low=-2, high=2),
        ControlSpec("lip.01", "lip", "Wide", minimum=-4, maximum=4, low=-2, high=2),
        ControlSpec("au.01", "au", "Brow"),
        ControlSpec("au.45l", "au", "Blink left"),
        ControlSpec("au.45r", "au", "Blink right"),
        ControlSpec("gaze.yaw", "pose", "Eyes", minimum=-30, maximum=30, low=-10, high=10, unit="deg"),
    )
)
TIMES = np.arange(0, 10, 0.04)
RAW = np.stack([np.sin(TIMES * k) * 0.4 for k in range(1, 7)], axis=1).astype(np.float32)


def layer(kind=LayerKind.ADD, **fields) -> EditLayer:
    given = {"id": "a", "name": "A", "kind": kind, "start": 2.0, "end": 6.0, **fields}
    return EditLayer(**given)


def flat(value: float) -> dict[str, Curve]:
    return {"lip.00": Curve((Key(0, value),))}


def test_no_edit_leaves_the_raw_take_bit_for_bit():
    assert np.array_equal(TakeEdit().apply(SCHEMA, TIMES, RAW), RAW)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (LayerKind.ADD, lambda v: v + 0.5),
        (LayerKind.OVERRIDE, lambda v: 0 * v + 0.5),
        (LayerKind.SCALE, lambda v: v * 0.5),
    ],
)
def test_a_layer_acts_inside_its_stretch_and_nowhere_else(kind, expected):
    made = TakeEdit(layers=(layer(kind, curves=flat(0.5)),)).apply(SCHEMA, TIMES, RAW)
    inside = (TIMES >= 2) & (TIMES <= 6)
    np.testing.assert_allclose(made[inside, 0], expected(RAW[inside, 0]), atol=1e-6)
    assert np.array_equal(made[~inside], RAW[~inside])
    assert np.array_equal(made[:, 1:], RAW[:, 1:])


def test_a_layer_fades_without_a_jump():
    still = np.zeros_like(RAW)
    made = TakeEdit(layers=(layer(curves=flat(1.0), fade_in=1.0, fade_out=1.0),)).apply(SCHEMA, TIMES, still)[:, 0]
    assert np.abs(np.diff(made)).max() < 0.1
    assert made.max() == pytest.approx(1.0)
    assert made[TIMES < 2].max() == 0


def test_layers_pile_up_in_order():
    both = (layer(curves=flat(1.0)), layer(LayerKind.SCALE, id="b", curves=flat(0.0)))
    at = np.searchsorted(TIMES, 4.0)
    assert TakeEdit(layers=both).apply(SCHEMA, TIMES, RAW)[at, 0] == pytest.approx(0)
    assert TakeEdit(layers=both[::-1]).apply(SCHEMA, TIMES, RAW)[at, 0] == pytest.approx(1.0)


def test_muted_layers_rest_and_a_soloed_one_is_alone():
    edit = TakeEdit(layers=(layer(curves=flat(1.0), is_muted=True),))
    assert np.array_equal(edit.apply(SCHEMA, TIMES, RAW), RAW)
    alone = TakeEdit(
        layers=(layer(curves=flat(1.0)), layer(id="b", curves={"lip.01": Curve((Key(0, 1),))}, is_soloed=True))
    )
    assert np.array_equal(alone.apply(SCHEMA, TIMES, RAW)[:, 0], RAW[:, 0])


def test_smoothing_calms_what_it_names_and_leaves_the_rest():
    noisy = RAW + np.random.default_rng(0).normal(0, 0.2, RAW.shape).astype(np.float32)
    edit = TakeEdit(layers=(layer(LayerKind.SMOOTH, start=0.0, end=10.0, controls=("lip.00",), smooth_ms=120),))
    made = edit.apply(SCHEMA, TIMES, noisy)
    assert np.abs(np.diff(made[:, 0])).mean() < 0.3 * np.abs(np.diff(noisy[:, 0])).mean()
    assert np.array_equal(made[:, 1:], noisy[:, 1:])


def test_a_region_comes_from_another_take():
    other = RAW + 1
    edit = TakeEdit(layers=(layer(LayerKind.REGION, region="lips", source="x", start=0.0, end=10.0),))
    made = edit.apply(SCHEMA, TIMES, RAW, {"a": other})
    np.testing.assert_allclose(made[:, :2], other[:, :2], atol=1e-6)
    assert np.array_equal(made[:, 2], RAW[:, 2])
    assert np.array_equal(edit.apply(SCHEMA, TIMES, RAW)[:, :2], RAW[:, :2])


def test_values_stay_within_the_controls_limits():
    made = TakeEdit(layers=(layer(curves=flat(100.0)),)).apply(SCHEMA, TIMES, RAW)
    assert made[:, 0].max() == 4


def test_a_control_another_avatar_lacks_is_passed_over():
    edit = TakeEdit(layers=(layer(curves={"exp.99": Curve((Key(0, 1),))}),))
    assert np.array_equal(edit.apply(SCHEMA, TIMES, RAW), RAW)


def test_blinks_are_found_where_the_lids_closed():
    lids = np.zeros_like(RAW)
    for at in (1.0, 4.0, 7.5):
        lids[:, 3:5] = np.maximum(lids[:, 3:5], np.clip(1 - np.abs(TIMES - at) / 0.12, 0, 1)[:, None])
    assert [round(blink.time, 2) for blink in found_blinks(SCHEMA, TIMES, lids)] == pytest.approx(
        [1.0, 4.0, 7.5], abs=0.03
    )
    moved = TakeEdit(blinks=(Blink(3.0),)).apply(SCHEMA, TIMES, lids)
    assert [round(blink.time, 2) for blink in found_blinks(SCHEMA, TIMES, moved)] == pytest.approx([3.0], abs=0.03)
    none = TakeEdit(blinks=()).apply(SCHEMA, TIMES, lids)
    assert none[:, 3:5].max() < 0.05


def test_eyes_jump_to_a_look_and_stay():
    edit = TakeEdit(gazes=(Gaze(2.0, 1.0, 0.0), Gaze(5.0, -1.0, 0.0)))
    made = edit.apply(SCHEMA, TIMES, RAW)[:, 5]
    assert made[TIMES > 2.1][0] == pytest.approx(6.0)
    assert made[np.searchsorted(TIMES, 4.9)] == pytest.approx(6.0)
    assert made[np.searchsorted(TIMES, 5.2)] == pytest.approx(-6.0)
    assert Gaze(0, -0.6, -0.8).words == "Down left"


# Cuts

spans = st.tuples(st.floats(0, 10), st.floats(0, 10)).filter(lambda s: abs(s[0] - s[1]) > 0.1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["cut", "lift", "split", "retime", "trim"]), spans), max_size=6))
def test_after_any_cuts_each_moment_shows_the_raw_moment_it_came_from(steps):
    edit = TakeEdit(layers=(layer(curves={"lip.00": Curve(tuple(Key(t, t) for t in np.arange(0, 10, 0.5)))}),))
    for name, (a, b) in steps:
        before = edit
        try:
            edit = {
                "cut": lambda e, a, b: e.ripple_cut(10, a, b), "lift": lambda e, a, b: e.lift(10, a, b),
                "split": lambda e, a, b: e.split(10, a), "retime": lambda e, a, b: e.retime(10, a, b, 2.0),
                "trim": lambda e, a, b: e.trim(10, a, b),
            }[name](before, a, b)  # fmt: skip
        except ProjectError as error:
            assert str(error).endswith(".")
            continue
        length = edit.seconds(10)
        assert 0 < length <= before.seconds(10) + 1e-6 or name == "retime"
    at = np.linspace(0, edit.seconds(10), 200)
    source = cuts.source_times(edit.clips, at, 10)
    there = source[~np.isnan(source)]
    assert ((there >= 0) & (there <= 10)).all()
    assert (np.diff(there) >= -1e-9).all()
    for made in edit.layers:
        assert 0 <= made.start < made.end
    assert TakeEdit.from_json(edit.to_json()) == edit


def test_ripple_moves_everything_after_the_cut():
    edit = TakeEdit(
        layers=(layer(curves={"lip.00": Curve((Key(2.5, 1), Key(5.0, 2)))}),),
        blinks=(Blink(1.0), Blink(3.5), Blink(8.0)),
        camera=CameraPath((CameraKey(9.0, Orbit()),)), last=9.5,
    )  # fmt: skip
    made = edit.ripple_cut(10, 3.0, 4.0)
    assert made.seconds(10) == pytest.approx(9.0)
    assert [blink.time for blink in made.blinks] == pytest.approx([1.0, 7.0])
    assert [key.time for key in made.layers[0].curves["lip.00"].keys] == pytest.approx([2.5, 4.0])
    assert made.layers[0].end == pytest.approx(5.0)
    assert made.camera.keys[0].time == pytest.approx(8.0)
    assert made.last == pytest.approx(8.5)


def test_a_layer_whose_edge_was_cut_away_ends_at_the_cut():
    edit = TakeEdit(layers=(layer(),))
    assert edit.ripple_cut(10, 5.0, 7.0).layers[0].end == pytest.approx(5.0)
    assert edit.ripple_cut(10, 1.0, 3.0).layers[0].start == pytest.approx(1.0)
    assert edit.trim(10, 7.0, 9.0).layers == ()


def test_retiming_keeps_keys_on_what_they_were_set_on():
    edit = TakeEdit(blinks=(Blink(5.0),)).retime(10, 4.0, 6.0, 2.0)
    assert edit.seconds(10) == pytest.approx(9.0)
    at = edit.blinks[0].time
    assert cuts.source_times(edit.clips, np.array([at]), 10)[0] == pytest.approx(5.0)


def test_lifting_rests_in_place_and_splitting_changes_nothing_seen():
    lifted = TakeEdit().lift(10, 2, 3)
    source = cuts.source_times(lifted.clips, np.array([1.0, 2.5, 4.0]), 10)
    assert np.isnan(source[1])
    np.testing.assert_allclose(source[[0, 2]], [1, 4])
    parted = TakeEdit().split(10, 4.0)
    assert len(parted.clips) == 2
    np.testing.assert_allclose(cuts.source_times(parted.clips, TIMES, 10), TIMES, atol=1e-9)


def test_layers_have_names_of_their_own():
    edit = TakeEdit(layers=(layer(),))
    assert edit.free_id() not in {"a"}
    assert edit.with_layer(replace(edit.layers[0], name="B")).layers[0].name == "B"
    assert edit.without_layer("a").layers == ()
    with pytest.raises(ProjectError, match="no such layer"):
        edit.layer("z")


@pytest.mark.parametrize("change", [{"clips": 3}, {"layers": [{"id": "a"}]}, {"blinks": [{"time": 1}]}, {"first": "x"},
                                    {"camera": [{"time": 0}]},
                                    {"clips": [{"start": 2, "end": 1, "speed": 1, "is_gap": False}]}])  # fmt: skip
def test_a_damaged_edit_is_refused_in_one_sentence(change):
    with pytest.raises(ProjectError, match=r"\.$"):
        TakeEdit.from_json({**TakeEdit().to_json(), **change})


def test_a_stretch_of_no_length_is_refused():
    with pytest.raises(ProjectError, match="too short"):
        TakeEdit().ripple_cut(10, 3, 3)
    with pytest.raises(ProjectError, match="nothing"):
        TakeEdit().ripple_cut(10, 0, 10)
    with pytest.raises(ProjectError, match="speed"):
        Clip(0, 1, 100)
