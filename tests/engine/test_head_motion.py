"""Head motion on stage: added to any avatar's pose, live as in renders, smooth over the borders of its seconds."""

import numpy as np
import pytest
import torch

from engine.audio.block import SAMPLE_RATE_HZ, Block
from engine.errors import AvatarError
from engine.head_motion import WIDEST, HeadMotion, HeadMotionChoice, generated, load_head_motion, within
from engine.parts.pose_refiner import PoseRefiner
from engine.parts.pose_units import N_SPAN, build_units
from engine.performer import Performer
from tests.fakes.avatar import FakeAvatar
from tests.fakes.motion import made_motion
from tests.fakes.rasterizer import DotRasterizer


@pytest.fixture
def motion() -> HeadMotion:
    return made_motion()


def voice(seconds: float) -> np.ndarray:
    t = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (0.4 * np.sin(2 * np.pi * 220 * t) * (0.5 + 0.5 * np.sin(2 * np.pi * 1.3 * t))).astype(np.float32)


def stage(motion: HeadMotion | None, is_live: bool = False, **choice) -> Performer:
    performer = Performer(FakeAvatar(), DotRasterizer(), is_live=is_live)
    performer.mixer.is_idle = False
    performer.mixer.guard.strength = 0.0
    if motion is not None:
        performer.set_head_motion(motion, HeadMotionChoice(**choice))
    return performer


def yaw(performer: Performer, times: np.ndarray) -> np.ndarray:
    return np.array([performer.moment(float(t)).controls["pose.yaw"] for t in times])


def test_the_voice_turns_the_head_and_leaves_the_mouth_alone(motion):
    times = np.arange(2.0, 6.0, 0.02)
    moved, still = stage(motion), stage(None)
    for performer in (moved, still):
        performer.hear(voice(6))
    a, b = ([performer.moment(float(t)).controls for t in times] for performer in (moved, still))
    assert np.std([c["pose.yaw"] for c in a]) > 0.5 and all(c["pose.yaw"] == 0 for c in b)
    assert [c["lip.00"] for c in a] == [c["lip.00"] for c in b]


def test_sound_pushed_in_blocks_moves_as_sound_heard_at_once(motion):
    sound, times = voice(5), np.arange(0.5, 4.9, 0.1)
    whole, pushed = stage(motion), stage(motion)
    whole.hear(sound)
    for start in range(0, len(sound), 320):
        pushed.push(Block(sound[start : start + 320], start / SAMPLE_RATE_HZ))
    assert np.allclose(yaw(pushed, times), yaw(whole, times), atol=1e-5)


def test_motion_has_no_seam_where_seconds_meet(motion):
    performer = stage(motion)
    performer.hear(voice(12))
    path = yaw(performer, np.arange(0, 12, 0.04))
    speed = np.abs(np.diff(path))
    jolt = np.abs(np.diff(path, 2))
    at_borders = jolt[np.arange(1, 12) * 25 - 1]
    assert speed.max() < 1.5 and at_borders.max() <= jolt.max() and jolt.max() < 0.35


def test_live_motion_needs_no_sound_ahead(motion):
    performer, sound = stage(motion, is_live=True), voice(5)
    seen = []
    for start in range(0, len(sound), 160):
        performer.push(Block(sound[start : start + 160], start / SAMPLE_RATE_HZ))
        seen.append(performer.moment((start + 160) / SAMPLE_RATE_HZ).controls["pose.yaw"])
    assert performer.driver.least_look_ahead_ms == 0
    assert np.std(seen[250:]) > 0.3 and np.abs(np.diff(seen)).max() < 1.0


def test_strength_scales_and_seeds_differ_and_nothing_stays_when_it_is_off(motion):
    times = np.arange(2.0, 8.0, 0.05)
    paths = {}
    for name, choice in {"a": {}, "half": {"strength": 0.5}, "b": {"seed": 1}, "none": {"strength": 0.0}}.items():
        performer = stage(motion, temperature=1.0, **choice)
        performer.hear(voice(8))
        paths[name] = yaw(performer, times)
    assert np.allclose(paths["half"], 0.5 * paths["a"], atol=1e-5) and not paths["none"].any()
    assert np.abs(paths["a"] - paths["b"]).mean() > 0.3
    performer.set_head_motion(None)
    performer.hear(voice(8))
    assert not yaw(performer, times).any()


def test_a_pinned_unit_is_shown_and_named(motion):
    performer = stage(motion, pinned=17)
    performer.hear(voice(4))
    assert [performer.driver.unit_at(t) for t in (0.5, 2.2, 3.9)] == [17, 17, 17]


def test_no_sound_however_foreign_turns_the_head_beyond_what_it_learned(motion):
    torch.nn.init.normal_(motion.refiner.out.weight, std=3.0)  # a network gone astray
    heard = np.random.default_rng(0).normal(size=(500, 1)).astype(np.float32) * 20
    spread = np.abs(generated(motion, heard) - motion.pose_mean) / motion.pose_scale
    assert 3.0 < spread.max() <= WIDEST
    assert np.allclose(within(np.linspace(-1.5, 1.5, 9)), np.linspace(-1.5, 1.5, 9), rtol=0.006)


def test_another_stretch_of_sound_begins_anew(motion):
    performer, sound = stage(motion), voice(4)
    for first in (0.0, 100.0, 20.0):
        for start in range(0, len(sound), 320):
            performer.push(Block(sound[start : start + 320], first + start / SAMPLE_RATE_HZ))
        assert np.std(yaw(performer, first + np.arange(2.0, 3.9, 0.05))) > 0.1


def test_an_encoder_only_the_motion_hears_with_is_added_and_goes_again(motion):
    from engine.audio.encoders import make_encoder

    performer = stage(None)
    encoder = make_encoder({"name": "mel"})
    n = encoder.n_features
    motion.units = build_units(np.ones((300, n), np.float32), np.random.default_rng(0).normal(size=(300, 6)), N_SPAN)
    motion.refiner, motion.to_expression = PoseRefiner(n, 52).eval(), np.zeros((n + 1, 52), np.float32)
    motion.feature_mean, motion.feature_scale, motion.encoder = np.zeros(n), np.ones(n), encoder.row()
    performer.set_head_motion(motion)
    performer.hear(voice(4))
    assert len(performer.encoders) == 2 and np.std(yaw(performer, np.arange(2, 4, 0.1))) > 0
    kept = performer.encoders[1]
    performer.set_head_motion(motion, HeadMotionChoice(seed=1))
    assert performer.encoders[1] is kept
    performer.set_head_motion(made_motion())
    assert len(performer.encoders) == len(performer.histories) == 1
    performer.set_head_motion(motion)
    performer.set_head_motion(None)
    assert len(performer.encoders) == len(performer.histories) == 1


def test_a_file_keeps_everything_and_damaged_ones_are_refused_in_a_sentence(motion, tmp_path):
    path = tmp_path / "a.motion"
    torch.nn.init.normal_(motion.refiner.out.weight)
    motion.save(path)
    read = load_head_motion(path)
    pose, heard = np.random.default_rng(1).normal(size=(N_SPAN, 6)), np.ones((N_SPAN, 1), np.float32)
    assert np.array_equal(read.refined(pose, heard), motion.refined(pose, heard))
    assert np.array_equal(read.units.values, motion.units.values) and read.encoder == motion.encoder
    whole = path.read_bytes()
    for cut in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(AvatarError, match=r"a\.motion"):
            load_head_motion(path)
    motion.gain[2] = np.nan
    motion.save(path)
    with pytest.raises(AvatarError, match="gain"):
        load_head_motion(path)
    with pytest.raises(AvatarError, match="head-motion"):
        load_head_motion(tmp_path / "none.motion")
