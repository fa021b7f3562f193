"""Films: an ordinary dataset with exact ground truth, all or nothing on disk."""

import numpy as np
import pytest

from engine.camera import Camera
from engine.capture.dataset import Dataset
from engine.heads.house import HouseHead
from engine.heads.sculpt.identity import Identity, Look
from engine.synth.performance import AUDIO_RATE_HZ, Performance, action_units
from engine.synth.renderer import HeadRenderer
from engine.synth.studio import BACKGROUND, CameraMotion, film, shoot
from engine.vocabulary import ACTION_UNITS, ARKIT_INDEX

FPS, N_FRAMES, SIZE = 25.0, 4, 64


@pytest.fixture(scope="module")
def head() -> HouseHead:
    return HouseHead(Identity(look=Look(hair_style="buzz")))


@pytest.fixture(scope="module")
def performance() -> Performance:
    arkit = np.zeros((N_FRAMES, 52), np.float32)
    arkit[:, ARKIT_INDEX["jawOpen"]] = np.linspace(0, 0.6, N_FRAMES)
    expressive = np.zeros_like(arkit)
    expressive[2:, ARKIT_INDEX["eyeBlinkLeft"]] = 1.0
    arkit = np.maximum(arkit, expressive)
    audio = np.zeros(int(N_FRAMES / FPS * AUDIO_RATE_HZ), np.float32)
    return Performance(np.arange(N_FRAMES) / FPS, arkit, expressive, action_units(expressive), audio, [])


@pytest.fixture(scope="module")
def filmed(head, performance, tmp_path_factory) -> Dataset:
    out = tmp_path_factory.mktemp("film") / "made.dataset"
    steps = list(film(head, performance, out, size=SIZE, fps=FPS, seed=3))
    assert steps[-1].values["path"] == str(out)
    return Dataset(out)


def test_a_film_is_an_exact_dataset_with_the_controls_that_were_commanded(filmed, performance):
    assert filmed.info.exact
    assert filmed.info.background == "alpha"
    assert filmed.info.au_names == [unit.name for unit in ACTION_UNITS]
    assert np.array_equal(filmed.tracks["arkit"], performance.arkit)
    assert filmed.tracks["landmarks"].shape == (N_FRAMES, 478, 3)
    assert len(filmed.tracks["points"]) == len(filmed.tracks["colors"]) == 40_000
    assert filmed.audio_path.is_file()


def test_action_units_hold_only_what_was_added_to_the_speech(filmed):
    names = filmed.info.au_names
    aus = filmed.tracks["aus"]
    assert aus[:, names.index("au.26")].max() == 0  # the jaw here is speech
    assert aus[:, names.index("au.45l")].tolist() == [0, 0, 1, 1]
    assert aus[:, names.index("au.45")].tolist() == [0, 0, 0.5, 0.5]


def test_any_moment_can_be_photographed_again_from_its_camera(filmed, head, performance):
    shot = shoot(head, performance.arkit[1], filmed.camera(1))
    assert np.abs(shot.over(BACKGROUND).astype(int) - filmed.frame(1)).max() <= 1
    assert np.abs(shot.alpha - filmed.masks(1).person).max() < 0.01


def test_landmarks_lie_on_the_face_in_the_picture(filmed):
    marks = filmed.tracks["landmarks"][0, :, :2]
    mask = filmed.masks(0).head
    inside = [mask[int(y), int(x)] > 0.3 for x, y in marks]
    assert np.mean(inside) > 0.95


def test_a_film_that_is_stopped_leaves_nothing(head, performance, tmp_path):
    out = tmp_path / "stopped.dataset"
    work = film(head, performance, out, size=32, fps=FPS)
    next(work)
    next(work)
    work.close()
    assert list(tmp_path.iterdir()) == []


def test_the_camera_stays_where_it_was_told_and_moves_slowly():
    motion = CameraMotion()
    times = np.arange(0, 60, 0.04)
    orbits = [motion.orbit(t, seed=4) for t in times]
    azimuth = np.array([o.azimuth_deg for o in orbits])
    elevation = np.array([o.elevation_deg for o in orbits])
    assert 45 <= np.abs(azimuth).max() <= 60
    assert -26 <= elevation.min() <= -20
    assert 25 <= elevation.max() <= 30
    assert np.abs(np.diff(azimuth)).max() < 2.0
    assert isinstance(orbits[0].camera(SIZE, SIZE), Camera)


def test_the_camera_goes_once_all_the_way_round_when_it_is_asked_to():
    motion = CameraMotion(azimuth_deg=0, turn_at_s=2, turn_s=4)
    azimuths = [motion.orbit(t).azimuth_deg for t in (0, 2, 4, 6, 9)]
    assert azimuths == [0, 0, 180, 360, 360]


def test_start_points_lie_on_the_head(filmed, head):
    from scipy.spatial import cKDTree

    gap, _ = cKDTree(head.vertices).query(filmed.tracks["points"])
    assert np.median(gap) < 0.02
    assert gap.max() < 0.15
    assert filmed.tracks["colors"].min() >= 0
    assert filmed.tracks["colors"].max() <= 1


def test_the_renderer_of_a_film_sees_the_hair(head):
    renderer = HeadRenderer(head)
    shot = renderer.render(head.pose({}), CameraMotion().orbit(0).camera(SIZE, SIZE))
    assert shot.hair.max() > 0.5
