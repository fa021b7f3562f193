"""The live line in process: sound and sliders in, pictures and their bookkeeping out."""

import numpy as np
import pytest

from engine.audio.block import SAMPLE_RATE_HZ, Block
from engine.camera import Orbit
from engine.edits import Edits
from engine.performer import Performer
from tests.fakes.avatar import FakeAvatar
from tests.fakes.rasterizer import DotRasterizer

CAMERA = Orbit().camera(64, 64)


@pytest.fixture
def performer() -> Performer:
    made = Performer(FakeAvatar(), DotRasterizer())
    made.mixer.is_idle = False
    made.mixer.guard.strength = 0.0
    return made


def live() -> Performer:
    made = Performer(FakeAvatar(), DotRasterizer(), is_live=True)
    made.mixer.is_idle = False
    made.mixer.guard.strength = 0.0
    return made


def tone(seconds: float, amplitude: float = 0.5) -> np.ndarray:
    t = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (amplitude * np.sin(2 * np.pi * 220 * t)).astype(np.float32)


def talk(
    performer: Performer, samples: np.ndarray, fps: float = 60.0, late: float = 0.0, each=lambda time: None
) -> list:
    """Moments of a stream at `fps`, 10 ms blocks arriving as they end, `late` seconds behind the clock."""
    moments, pushed, step = [], 0, SAMPLE_RATE_HZ // 100
    for i in range(int(len(samples) / SAMPLE_RATE_HZ * fps)):
        time = i / fps
        while (pushed + step) / SAMPLE_RATE_HZ <= time - late:
            performer.push(Block(samples[pushed : pushed + step], pushed / SAMPLE_RATE_HZ))
            pushed += step
        each(time)
        moments.append(performer.moment(time))
    return moments


def test_a_frame_carries_picture_times_and_controls(performer):
    performer.hear(tone(1.0))
    frame = performer.frame(0.5, CAMERA)
    assert frame.image.shape == (64, 64, 4) and frame.image.dtype == np.uint8 and frame.image[..., 3].any()
    assert frame.time == 0.5 and frame.motion_sample_time == 0.5 and frame.newest_sample_time == 1.0
    assert frame.driven[0] == pytest.approx(4 * 0.5 / np.sqrt(2), rel=0.05)
    assert set(frame.stages_ms) == {"drive", "deform", "raster", "present"} and frame.n_gaussians == 300


def test_sound_moves_the_face_and_silence_does_not(performer):
    performer.hear(np.concatenate([np.zeros(SAMPLE_RATE_HZ, np.float32), tone(1.0)]))
    silent, silent_too, loud = (performer.frame(t, CAMERA).image for t in (0.3, 0.6, 1.5))
    assert np.array_equal(silent, silent_too)
    assert not np.array_equal(silent, loud)


def test_a_slider_moves_the_face_and_reset_restores_it(performer):
    before = performer.frame(0.0, CAMERA).image
    performer.mixer.set_user({"pose.yaw": 20.0})
    assert not np.array_equal(before, performer.frame(0.0, CAMERA).image)
    performer.mixer.reset_user()
    assert np.array_equal(before, performer.frame(0.0, CAMERA).image)


def test_the_state_is_kept_while_nothing_changes(performer):
    performer.frame(0.0, CAMERA)
    performer.frame(0.1, CAMERA)
    assert performer.avatar.n_animated == 1
    performer.mixer.set_user({"au.45": 1.0})
    performer.frame(0.2, CAMERA)
    assert performer.avatar.n_animated == 2


def test_a_setting_shows_at_once(performer):
    performer.set_setting("is_red", True)
    image = performer.frame(0.0, CAMERA).image
    shown = image[image[..., 3] == 255]
    assert (shown[:, 0] == 255).all() and (shown[:, 1] == 0).all()


def test_live_motion_stays_behind_the_newest_sound_by_the_look_ahead():
    performer = live()
    moments = talk(performer, tone(2.0))[30:]
    ahead = np.array([m.features_time - m.motion_time for m in moments])
    assert ahead.min() >= 0.040 - 1e-6  # what the driver may look ahead to is always known
    assert ahead.max() <= 0.040 + 0.0201  # and never waits for more than one feature longer


def test_late_sound_delays_motion_by_as_much():
    delays = []
    for late in (0.0, 0.05):
        moments = talk(live(), tone(1.5), late=late)[30:]
        delays.append(np.mean([m.time - m.motion_time for m in moments]))
    assert delays[1] - delays[0] == pytest.approx(0.05, abs=0.011)


def test_turning_the_look_ahead_dial_while_talking_bends_time_and_never_tears_it():
    performer = live()

    def dial(time: float) -> None:
        performer.mixer.look_ahead_ms = 160.0 if 1.0 <= time < 2.0 else 0.0

    moments = talk(performer, tone(3.0), each=dial)
    motion = np.array([m.motion_time for m in moments])[30:]
    steps = np.diff(motion) * 60
    assert steps.min() >= 0.49 and steps.max() <= 1.51
    settled = {t: moments[int(t * 60)] for t in (0.9, 1.9, 2.9)}
    delays = [m.time - m.motion_time for m in settled.values()]
    assert delays[1] - delays[0] == pytest.approx(0.16, abs=0.01)
    assert delays[2] == pytest.approx(delays[0], abs=0.01)
    driven = np.stack([m.driven for m in moments[30:]])
    assert np.abs(np.diff(driven[:, :2], axis=0)).max() < 0.2  # a steady tone stays steady through all of it


def test_a_gap_in_the_sound_starts_afresh_without_a_jump_in_the_face():
    performer = live()
    performer.mixer.look_ahead_ms = 0.0
    sound = tone(0.5, 0.8)
    talk(performer, sound)
    before = performer.moment(0.5).driven
    performer.push(Block(np.zeros(1600, np.float32), 5.0))
    assert len(performer.histories[0]) == 5 and performer.histories[0].oldest == 5.0
    after = [performer.moment(5.1 + i / 60).driven[0] for i in range(15)]
    assert after[0] == pytest.approx(before[0], rel=0.1) and after[-1] == pytest.approx(0.0, abs=1e-3)
    assert np.diff(after).max() <= 1e-6


def test_smoothing_lags_and_the_frame_says_by_how_much():
    performer = live()
    performer.mixer.smoothing_ms = 60.0
    sound = np.concatenate([np.zeros(SAMPLE_RATE_HZ // 2, np.float32), tone(1.0)])
    moments = talk(performer, sound)
    quick = talk(live(), sound)
    assert moments[35].driven[0] < quick[35].driven[0]
    assert moments[80].driven[0] == pytest.approx(quick[80].driven[0], rel=0.02)
    assert quick[80].motion_time - moments[80].motion_time == pytest.approx(0.06)


def test_edits_take_splats_out_of_the_picture(performer):
    n = performer.avatar.manifest.n_gaussians
    performer.edits = Edits("hash", n)
    whole = performer.frame(0.0, CAMERA).image
    performer.edits.hidden[: n // 2] = True
    half = performer.frame(0.0, CAMERA).image
    performer.edits.deleted[n // 2 :] = True
    none = performer.frame(0.0, CAMERA).image
    assert whole[..., 3].sum() > half[..., 3].sum() > 0 and not none[..., 3].any()


def test_the_picture_can_be_written_straight_into_given_bytes(performer):
    out = np.zeros((64, 64, 4), dtype=np.uint8)
    frame = performer.frame(0.0, CAMERA, out)
    assert frame.image is out and out[..., 3].any()


def test_the_same_sound_in_any_blocks_gives_the_same_frames():
    sound, images = tone(0.6), []
    for step in (160, 777, 9600):
        performer = Performer(FakeAvatar(), DotRasterizer())
        for start in range(0, len(sound), step):
            performer.push(Block(sound[start : start + step], start / SAMPLE_RATE_HZ))
        images.append(performer.frame(0.3, CAMERA).image)
    assert np.array_equal(images[0], images[1]) and np.array_equal(images[0], images[2])
