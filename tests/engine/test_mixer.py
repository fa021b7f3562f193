"""The mixer: who moves the face, in which order, and that nothing moves it when all stand at neutral."""

import numpy as np
import pytest

from engine.controls import Combine, Controls, ControlSchema, ControlSpec, user_side
from engine.errors import ControlError
from engine.guard import RangeGuard, hull_of_ranges
from engine.mixer import CROSSFADE_S, Layer, Mixer
from engine.source_shape import Shape
from tests.fakes.avatar import SCHEMA


@pytest.fixture
def mixer() -> Mixer:
    made = Mixer(SCHEMA, RangeGuard(hull_of_ranges(SCHEMA), SCHEMA.indices("lip"), strength=0.0))
    made.is_idle = False
    return made


def drive(**values: float) -> Controls:
    controls = SCHEMA.rest()
    for name, value in values.items():
        controls[name.replace("_", ".")] = value
    return controls


def value(mixed, name: str) -> float:
    return mixed.controls[name]


def test_all_controls_at_neutral_pass_the_drive_bit_for_bit(mixer):
    driven = drive(lip_00=0.1234567, pose_yaw=3.3)
    assert np.array_equal(mixer.mix(driven, 0.0).controls.values, driven.values)


def test_a_user_may_scale_or_replace_what_is_driven_where_the_avatar_adds(mixer):
    mixer.set_joins({"lip.00": "scale", "lip.01": Combine.REPLACE, "gain": "replace", "nothing": "scale", "au.45": "?"})
    driven = drive(lip_00=0.5, lip_01=0.4)
    mixed = mixer.mix(driven, 0.0)
    assert value(mixed, "lip.00") == pytest.approx(0.5), "a factor of one changes nothing"
    assert value(mixed, "lip.01") == 0.0, "replaced by the user's own, which stands at neutral"
    assert value(mixed, "gain") == value(mixer.mix(drive(), 0.0), "gain"), "what does not add has no choice"
    mixer.set_user({"lip.00": 9, "lip.01": -0.3})
    mixed = mixer.mix(driven, 0.1)
    assert value(mixed, "lip.00") == pytest.approx(1.0) and value(mixed, "lip.01") == pytest.approx(-0.3)
    mixer.set_joins({})
    assert np.array_equal(mixer.mix(driven, 0.2).controls.values, driven.values), "back to neutral with the mode"


def test_a_layer_of_a_take_joins_in_the_ways_it_was_recorded_with(mixer):
    own = user_side(SCHEMA, {"lip.00": "scale", "lip.01": "replace"})
    values = own.neutral()
    values["lip.00"], values["lip.01"] = 0.5, 0.2
    everything = np.ones(len(SCHEMA), bool)
    mixer.layers = [Layer(lambda time: (values.values, everything), own=own)]
    mixer.set_user({"lip.00": 0.1})
    mixed = mixer.mix(drive(lip_00=0.8, lip_01=0.9, au_45=0.3), 0.0)
    assert value(mixed, "lip.00") == pytest.approx(0.8 * 0.5 + 0.1)
    assert value(mixed, "lip.01") == pytest.approx(0.2) and value(mixed, "au.45") == pytest.approx(0.3)


def test_gain_of_source_group_and_control_multiply(mixer):
    mixer.set_shapes({"voice": Shape(0.5), "voice/lip": Shape(0.5), "voice/lip.00": Shape(2.0), "idle": Shape(0)})
    mixed = mixer.mix(drive(lip_00=0.8, lip_01=0.8, au_45=0.8), 0.0)
    assert value(mixed, "lip.00") == pytest.approx(0.4) and value(mixed, "lip.01") == pytest.approx(0.2)
    assert value(mixed, "au.45") == pytest.approx(0.4)
    mixer.set_shapes({})
    driven = drive(lip_00=0.8)
    assert np.array_equal(mixer.mix(driven, 0.1).controls.values, driven.values)


def test_a_delayed_source_acts_later_by_so_much_whatever_the_rate(mixer):
    mixer.set_shapes({"voice/lip.00": Shape(delay_ms=100)})
    seen = []
    for step in range(30):
        now = step / 50
        mixed = mixer.mix(drive(lip_00=now, lip_01=now), now)
        seen.append((now, value(mixed, "lip.00"), value(mixed, "lip.01")))
    assert all(late == pytest.approx(max(0.0, now - 0.1), abs=1e-5) and at_once == pytest.approx(now)
               for now, late, at_once in seen)  # fmt: skip


def test_a_curve_lifts_small_movements_and_keeps_the_ends(mixer):
    high = SCHEMA.specs[SCHEMA.index("lip.00")].high
    for curve, compare in ((0.5, np.greater), (-0.5, np.less)):
        mixer.set_shapes({"voice": Shape(curve=curve)})
        assert compare(value(mixer.mix(drive(lip_00=0.2 * high), 0.0), "lip.00"), 0.2 * high)
        assert value(mixer.mix(drive(lip_00=high), 0.0), "lip.00") == pytest.approx(high)
        assert value(mixer.mix(drive(lip_00=-0.2 * high), 0.0), "lip.00") < 0


def test_the_users_hand_and_outside_data_are_shaped_too(mixer):
    mixer.set_shapes({"sliders": Shape(0.5), "outside": Shape(0.5)})
    mixer.set_user({"lip.00": 0.6})
    mixer.external = {"lip.01": 0.8}
    mixed = mixer.mix(drive(au_45=0.3), 0.0)
    assert value(mixed, "lip.00") == pytest.approx(0.3) and value(mixed, "au.45") == pytest.approx(0.3)
    assert value(mixed, "lip.01") == pytest.approx(0.4)
    assert mixed.user[SCHEMA.index("lip.00")] == pytest.approx(0.3), "a take records what reached the face"


def test_the_user_adds_scales_and_is_clamped(mixer):
    mixer.set_user({"lip.00": 1.0, "gain": 1.5, "pose.yaw": 99})
    mixed = mixer.mix(drive(lip_00=0.5), 0.0)
    assert value(mixed, "lip.00") == pytest.approx(1.5)
    assert value(mixed, "gain") == pytest.approx(1.5)
    assert value(mixed, "pose.yaw") == 30.0
    assert mixed.driven[0] == pytest.approx(0.5)


def test_an_unknown_control_is_refused_by_name(mixer):
    with pytest.raises(ControlError, match=r"lip\.99"):
        mixer.set_user({"lip.99": 1.0})


def test_one_name_sets_both_sides_where_only_sides_exist():
    schema = ControlSchema((ControlSpec("au.45l", "au", "l"), ControlSpec("au.45r", "au", "r")))
    mixer = Mixer(schema, RangeGuard(hull_of_ranges(schema), schema.indices("lip")))
    mixer.set_user({"au.45": 0.7})
    assert mixer.user.tolist() == pytest.approx([0.7, 0.7])


def test_lip_gain_and_group_strength_scale_only_their_group(mixer):
    mixer.lip_gain = 2.0
    mixer.set_strengths({"pose": 0.25})
    mixed = mixer.mix(drive(lip_00=0.5, pose_yaw=8.0, au_45=0.4), 0.0)
    assert [value(mixed, n) for n in ("lip.00", "pose.yaw", "au.45")] == pytest.approx([1.0, 2.0, 0.4])


def test_mute_rests_a_control_and_solo_rests_the_others(mixer):
    mixer.set_user({"lip.01": 1.0})
    mixer.set_silenced({"lip.00"}, ())
    muted = mixer.mix(drive(lip_00=0.5, au_45=0.4), 0.0)
    assert (value(muted, "lip.00"), value(muted, "lip.01")) == (0.0, 1.0)
    mixer.set_silenced((), {"au.45"})
    soloed = mixer.mix(drive(lip_00=0.5, au_45=0.4), 0.1)
    assert value(soloed, "au.45") == pytest.approx(0.4)
    assert value(soloed, "lip.00") == 0.0 and value(soloed, "lip.01") == 0.0 and value(soloed, "gain") == 1.0


def test_a_solo_of_another_avatars_control_silences_nobody(mixer):
    mixer.set_silenced((), {"exp.77"})
    assert value(mixer.mix(drive(lip_00=0.5), 0.0), "lip.00") == pytest.approx(0.5)


def test_a_change_of_source_is_crossfaded_without_a_jump(mixer):
    mixer.mix(drive(lip_00=2.0), 1.0)
    mixer.crossfade_soon()
    times = 1.01 + np.arange(30) / 120
    path = np.array([value(mixer.mix(drive(lip_00=-1.0), t), "lip.00") for t in times])
    assert path[0] == pytest.approx(2.0) and path[-1] == pytest.approx(-1.0)
    assert (np.diff(path) <= 1e-6).all() and np.abs(np.diff(path)).max() < 3.0 * 0.15
    assert path[times > 1.01 + CROSSFADE_S] == pytest.approx(-1.0)


def test_smoothing_is_the_same_at_any_frame_rate(mixer):
    ends = []
    for fps in (30, 120):
        mixer.smoothing_ms = 80.0
        mixer.crossfade_soon()
        mixer.mix(drive(lip_00=0.0), 0.0)
        mixer.mix(drive(lip_00=0.0), 1.0)
        for i in range(1, fps // 10 + 1):
            mixed = mixer.mix(drive(lip_00=1.0), 1.0 + i / fps)
        ends.append(value(mixed, "lip.00"))
    assert ends[0] == pytest.approx(1 - np.exp(-100 / 80), abs=1e-3) and ends[1] == pytest.approx(ends[0], abs=1e-3)


def test_external_data_stands_in_place_of_the_drive_by_its_strength(mixer):
    mixer.external = {"lip.00": -1.0, "nobody": 3.0}
    mixer.external_strength = 0.5
    assert value(mixer.mix(drive(lip_00=1.0), 0.0), "lip.00") == pytest.approx(0.0)


def test_outside_data_that_comes_later_eases_in(mixer):
    mixer.mix(drive(lip_00=1.0), 0.0)
    mixer.external = {"lip.00": -1.0}
    seen = [value(mixer.mix(drive(lip_00=1.0), 0.02 * i), "lip.00") for i in range(1, 9)]
    assert seen[0] > 0.5 and seen[-1] == pytest.approx(-1.0) and all(np.diff(seen) <= 1e-6)


def test_a_layer_adds_to_the_user_or_replaces_the_drive(mixer):
    has_say = np.array([True, False, False, False, False])
    mixer.set_user({"lip.00": 0.5})
    mixer.layers = [Layer(lambda t: (np.full(5, t, np.float32), has_say))]
    mixed = mixer.mix(drive(lip_00=0.25, lip_01=0.75), 1.0)
    assert value(mixed, "lip.00") == pytest.approx(1.75) and value(mixed, "lip.01") == pytest.approx(0.75)
    assert mixed.user[0] == pytest.approx(1.5)
    mixer.layers = [Layer(lambda t: (np.full(5, t, np.float32), has_say), replaces=True, strength=0.5)]
    assert value(mixer.mix(drive(lip_00=0.0), 2.0), "lip.00") == pytest.approx(1.5)


def test_idle_life_moves_a_resting_face_and_yields_to_the_drive(mixer):
    mixer.is_idle = True
    resting = np.stack([mixer.mix(SCHEMA.rest(), t).controls.values for t in np.arange(0, 20, 0.02)])
    yaw, blink = resting[:, 3], resting[:, 2]
    assert yaw.std() > 0.1 and blink.max() > 0.95 and (blink < 0.01).mean() > 0.8
    driven = np.array([value(mixer.mix(drive(pose_yaw=8.0), t), "pose.yaw") for t in np.arange(20, 30, 0.02)])
    assert driven == pytest.approx(8.0)
    closed = [value(mixer.mix(drive(au_45=0.6), t), "au.45") for t in np.arange(30, 40, 0.02)]
    assert min(closed) == pytest.approx(0.6) and max(closed) <= 1.0


def test_idle_life_fades_when_it_is_switched_off(mixer):
    mixer.is_idle = True
    times = np.arange(0, 12, 1 / 60)
    moving = [value(mixer.mix(SCHEMA.rest(), t), "pose.yaw") for t in times]
    assert abs(moving[-1]) > 0.05
    mixer.is_idle = False
    after = [value(mixer.mix(SCHEMA.rest(), 12 + t), "pose.yaw") for t in np.arange(0, 0.5, 1 / 60)]
    assert abs(after[0]) > 0.5 * abs(moving[-1]) and after[-1] == 0.0
