"""Streaming motion: no seams, the same frames however the sound comes, and never more sound than the plan allows."""

import numpy as np
import pytest

from engine.methods.ggtalker.windows import OFFLINE, MotionStream, WindowPlan, frame_noise, live_plan
from tests.engine.methods.ggtalker.toy_voice import DIFFUSION, learned, voice_and_face

PLANS = {
    "offline": WindowPlan(hop=24, history=8, ahead=8, n_steps=10),
    "live": live_plan(400.0, history=10, n_steps=6),
    "causal": live_plan(0.0, history=10, n_steps=4),
}


def stream(plan: WindowPlan) -> MotionStream:
    net = learned()
    return MotionStream(net, DIFFUSION, net.speakers[0], plan)


def whole(plan: WindowPlan, audio: np.ndarray) -> np.ndarray:
    made = stream(plan)
    made.push(audio)
    made.finish()
    return made.drain()


@pytest.mark.parametrize("name", PLANS)
def test_every_frame_of_sound_gets_motion_that_follows_it(name):
    audio, motion = voice_and_face(130, 7)
    made = whole(PLANS[name], audio)
    assert made.shape == motion.shape
    r = [np.corrcoef(made[:, k], motion[:, k])[0, 1] for k in range(4)]
    assert min(r) > (0.7 if name == "causal" else 0.85), r


def test_motion_made_frame_by_frame_is_not_held_back_by_the_frame_before():
    audio, motion = voice_and_face(130, 7)
    off = np.abs(whole(PLANS["causal"], audio) - motion).mean()
    assert off < 0.33 * np.abs(motion - motion.mean(axis=0)).mean()  # with borders faded it is 0.37


@pytest.mark.parametrize("name", ["offline", "live"])
def test_a_window_border_is_no_faster_than_the_rest_of_the_clip(name):
    plan = PLANS[name]
    made = whole(plan, voice_and_face(160, 8)[0])
    speed = np.linalg.norm(np.diff(made, axis=0), axis=1)
    borders = np.arange(plan.hop, len(made), plan.hop) - 1
    inside = np.setdiff1d(np.arange(len(speed)), borders)
    assert len(borders) >= 4
    assert speed[borders].max() < 1.5 * speed[inside].max()
    assert speed[borders].mean() < 1.3 * speed[inside].mean()


@pytest.mark.parametrize("name", PLANS)
def test_the_same_sound_in_other_pieces_gives_the_same_frames(name):
    audio, _ = voice_and_face(70, 9)
    pieces, made = stream(PLANS[name]), []
    for start in range(0, 70, 7):
        pieces.push(audio[start : start + 7])
        made.append(pieces.drain())
    pieces.finish()
    made.append(pieces.drain())
    assert np.array_equal(np.concatenate(made), whole(PLANS[name], audio))


@pytest.mark.parametrize("name", PLANS)
def test_motion_comes_as_soon_as_the_plan_says_and_ignores_later_sound(name):
    plan, (audio, _) = PLANS[name], voice_and_face(90, 10)
    n_heard = 60
    one, other = stream(plan), stream(plan)
    one.push(audio[:n_heard])
    early = one.drain()
    changed = audio.copy()
    changed[n_heard:] = -5.0
    other.push(changed)
    assert np.array_equal(other.drain()[: len(early)], early)
    assert n_heard - len(early) < plan.delay_ms / 40.0


def test_without_look_ahead_the_newest_frame_of_sound_has_its_motion_at_once():
    made = stream(PLANS["causal"])
    for n, row in enumerate(voice_and_face(12, 11)[0]):
        made.push(row[None])
        assert len(made.drain()) == 1 and made.n_given == n + 1


def test_a_slice_of_work_is_one_step_of_the_sampling():
    plan = PLANS["live"]
    made = stream(plan)
    assert made.advance() is None
    made.push(voice_and_face(plan.hop + plan.ahead, 12)[0])
    lengths = [len(made.advance()) for _ in range(plan.n_steps + 1)]
    assert lengths == [0] * plan.n_steps + [plan.hop]
    assert made.advance() is None


def test_another_seed_moves_another_way_and_the_same_seed_the_same():
    audio, _ = voice_and_face(60, 13)
    plans = [WindowPlan(hop=10, n_steps=4, seed=seed) for seed in (0, 0, 1)]
    one, same, other = (whole(plan, audio) for plan in plans)
    assert np.array_equal(one, same) and not np.allclose(one, other, atol=1e-4)
    half, surest, sure = (whole(WindowPlan(hop=10, n_steps=4, seed=n, variety=v), audio)
                          for n, v in ((1, 0.4), (0, 0.0), (1, 0.0)))  # fmt: skip
    assert np.array_equal(surest, sure) and np.abs(half - sure).mean() < np.abs(other - sure).mean()


def test_a_frame_has_the_same_noise_in_every_window():
    assert (frame_noise(4, 10, 20, 3)[5:] == frame_noise(4, 15, 20, 3)).all()
    assert (frame_noise(4, 10, 12, 3) != frame_noise(5, 10, 12, 3)).any()


@pytest.mark.parametrize(("dial_ms", "hop", "ahead"), [(0, 1, 0), (40, 1, 0), (80, 1, 1), (400, 5, 5), (800, 10, 10)])
def test_the_dial_is_shared_between_filling_a_window_and_looking_ahead(dial_ms, hop, ahead):
    plan = live_plan(dial_ms)
    assert (plan.hop, plan.ahead) == (hop, ahead)
    assert plan.delay_ms <= max(dial_ms, 40)


def test_a_plan_longer_than_the_networks_clips_is_refused():
    with pytest.raises(ValueError, match="windows of 100 frames"):
        stream(OFFLINE)
