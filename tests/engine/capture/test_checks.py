"""Checks of a dataset: what is wrong with it is said, what is right is not."""

import numpy as np
import pytest

from engine.audio.wav import write_wav
from engine.camera import Orbit
from engine.capture.checks import BLURRED, FINE, HIDDEN, Check, check_dataset, sound_lag_s
from engine.capture.dataset import Dataset, DatasetInfo, write_picture, write_tracks
from engine.vocabulary import ARKIT_52

FPS, SIDE = 25.0, 32
JAW = ARKIT_52.index("jawOpen")


def make(folder, n=60, turn=20.0, light=None, hidden=(), blurred=(), blinks=(), jaw=0.5, volume=0.3):
    """A dataset of `n` frames whose head is a chequered square."""
    chance = np.random.default_rng(0)
    info = DatasetInfo(name="Noa", width=SIDE, height=SIDE, fps=FPS, n_frames=n, n_train=n - 1, au_names=["au.45"])
    mask = np.zeros((SIDE, SIDE, 3), np.uint8)
    mask[4:28, 4:28] = 255
    board = 40.0 * ((np.indices((SIDE, SIDE)).sum(axis=0) // 2) % 2)
    for i in range(n):
        picture = (100.0 if light is None else light[i]) + (20.0 if i in blurred else board)
        picture = np.broadcast_to(np.asarray(picture), (SIDE, SIDE))
        write_picture(folder / "frames" / f"{i:06d}.png", np.repeat(picture[..., None], 3, 2).astype(np.uint8))
        write_picture(folder / "masks" / f"{i:06d}.png", mask)
    yaw = turn * np.sin(np.linspace(0, 2 * np.pi, n))
    cameras = [Orbit(azimuth_deg=float(a)).camera(SIDE, SIDE) for a in yaw]
    arkit = np.zeros((n, 52), np.float32)
    arkit[:, JAW] = jaw * chance.random(n)
    closed = np.zeros((n, 1), np.float32)
    for i in blinks:
        closed[i : i + 3] = 1
    found = np.ones(n, np.uint8)
    found[list(hidden)] = 0
    arrays = {
        "times": np.arange(n) / FPS, "viewmats": np.stack([c.viewmat for c in cameras]),
        "ks": np.stack([c.k for c in cameras]), "arkit": arkit, "aus": closed, "ear": np.ones((n, 2), np.float32),
        "landmarks": np.zeros((n, 478, 3), np.float32), "lip_boxes": np.zeros((n, 4)), "tracked": found,
    }  # fmt: skip
    write_tracks(folder, info, arrays)
    tone = np.sin(2 * np.pi * 220 * np.arange(int(16_000 * n / FPS)) / 16_000)
    write_wav(folder / "audio.wav", np.clip(volume * tone, -1, 1).astype(np.float32), 16_000)
    return Dataset(folder)


def checks_of(dataset) -> dict[str, Check]:
    return {check.name: check for check in check_dataset(dataset).checks}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "Noa.dataset"
    made.mkdir()
    return made


def test_a_good_film_is_told_only_that_it_is_short(folder):
    quality = check_dataset(make(folder, blinks=(10, 40)))
    assert [check.name for check in quality.checks if not check.is_good] == ["Short"] and quality.n_warnings == 1
    assert (quality.frames == FINE).all() and all(check.remedy for check in quality.checks if not check.is_good)


def test_a_face_that_is_hidden_and_pictures_that_are_blurred_are_found_frame_by_frame(folder):
    quality = check_dataset(make(folder, hidden=(3, 4), blurred=range(20, 30)))
    assert np.flatnonzero(quality.frames == HIDDEN).tolist() == [3, 4]
    assert np.flatnonzero(quality.frames == BLURRED).tolist() == list(range(20, 30))
    named = {check.name: check for check in quality.checks}
    assert named["Face in view"].figure == "58 of 60" and not named["Face in view"].is_good
    assert not named["Pictures are sharp"].is_good


def test_light_that_changes_is_told_only_of_the_front_of_the_face(folder):
    n = 60
    flicker = 100 + 60 * np.sin(np.arange(n))
    assert not checks_of(make(folder, light=flicker))["Light stays even"].is_good
    yaw = 40 * np.sin(np.linspace(0, 2 * np.pi, n))
    aside = np.where(np.abs(yaw) > 15, 40.0, 100.0)
    assert checks_of(make(folder, turn=40.0, light=aside))["Light stays even"].is_good


@pytest.mark.parametrize("turn, name, is_good", [
    (20.0, "Head turns", True), (2.0, "Head hardly turns", False), (0.0, "Head hardly turns", False),
])  # fmt: skip
def test_how_far_the_head_turns(folder, turn, name, is_good):
    assert checks_of(make(folder, turn=turn))[name].is_good is is_good


def test_blinks_are_counted(folder):
    check = checks_of(make(folder, blinks=(10, 30, 45)))["Blinks"]
    assert check.figure == "3 in 2 s" and check.is_good
    assert not checks_of(make(folder, n=500))["Few blinks"].is_good


def test_a_mouth_that_stays_shut_and_a_voice_too_loud_or_too_quiet_are_told(folder):
    assert not checks_of(make(folder, jaw=0.05))["Mouth opens"].is_good
    assert not checks_of(make(folder, volume=3.0))["Voice is clipped"].is_good
    assert not checks_of(make(folder, volume=1e-3))["Voice"].is_good
    assert checks_of(make(folder))["Voice"].is_good


@pytest.mark.parametrize("lag", [-0.2, 0.0, 0.12])
def test_a_sound_that_runs_ahead_or_behind_is_found(lag):
    chance = np.random.default_rng(1)
    n = 30
    times = np.arange(n * 100) / 100
    knots = np.arange(0, n + 1, 0.2)
    loud = np.interp(times, knots, chance.uniform(-60, -10, len(knots)))
    jaw = np.interp(np.arange(n * 25) / 25 - lag, times, loud)
    assert sound_lag_s(loud, jaw, 25.0) == pytest.approx(lag, abs=0.021)


def test_where_mouth_and_sound_have_nothing_in_common_no_lag_is_claimed():
    chance = np.random.default_rng(2)
    assert sound_lag_s(chance.normal(size=3_000), chance.normal(size=750), 25.0) is None
    assert sound_lag_s(np.zeros(3_000), np.zeros(750), 25.0) is None
    assert sound_lag_s(chance.normal(size=500), chance.normal(size=125), 25.0) is None  # too short to tell
