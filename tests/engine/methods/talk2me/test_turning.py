"""A Talk2Me avatar whose film's head moved: what turns its head is a setting."""

import numpy as np
import pytest

from engine.audio.block import Features
from engine.audio.history import FeatureHistory
from engine.avatar import load_avatar
from engine.controls import Controls, ControlSchema
from engine.errors import AvatarError
from engine.head_motion import HeadMotionDriver, read_head_motion
from engine.methods.base import DriverInputs
from engine.methods.talk2me.turning import OwnMotion, TurningDriver, chosen, turning_settings
from engine.parts.avatar_tensors import AvatarTensors
from engine.parts.head_pose import pose_specs
from engine.parts.pose_units import N_SPAN
from engine.vocabulary import ARKIT_INDEX
from tests.engine.methods.contract import driver_of
from tests.fakes.motion import made_motion
from tests.toy_head import make_toy_dataset, train_toy


class StillDriver:
    """A face that does nothing, and remembers what it was asked."""

    schema = ControlSchema(tuple(pose_specs()))
    least_look_ahead_ms = 0.0

    def __init__(self):
        self.asked = []

    def advance(self, budget_ms):
        pass

    def arkit(self, first):
        self.asked.append(first)
        return np.full((N_SPAN, 52), 0.3, np.float32)

    def at(self, time, inputs):
        return Controls(self.schema, self.schema.rest().values)


@pytest.fixture
def driver():
    history = FeatureHistory(1, 30)
    n = 50 * 12
    sound = 0.1 + 0.2 * np.random.default_rng(1).normal(size=(n, 1))
    history.extend(Features(np.arange(n) / 50, sound.astype(np.float32)))
    track = np.stack([np.linspace(-3, 3, 25)] * 6, axis=1).astype(np.float32) * [1, 1, 1, 0.01, 0.01, 0.01]
    made = TurningDriver(StillDriver(), OwnMotion(made_motion(), track, 25.0), history)
    made.advance(np.inf)
    return made


def poses(driver, **settings) -> np.ndarray:
    return np.stack([driver.at(t, DriverInputs(0.0, settings)).values for t in np.arange(3, 9, 0.2)])


def test_each_source_moves_the_head_in_a_way_of_its_own(driver):
    ways = {source: poses(driver, pose_source=source) for source in ("generated", "retrieved", "track", "user")}
    assert not ways["user"].any()
    others = [ways[name] for name in ("generated", "retrieved", "track")]
    assert all(way[:, :3].std(axis=0).min() > 0.3 for way in others)
    assert np.abs(others[0] - others[2]).max() > 1 and np.abs(others[1] - others[2]).max() > 1


def test_seeds_variety_and_a_pinned_unit_change_the_motion_and_come_back(driver):
    first = poses(driver)
    for settings in ({"pose_seed": 4}, {"pose_temperature": "0", "pose_top_k": 1}, {"pose_unit": 7}):
        assert np.abs(poses(driver, **settings) - first).max() > 0.1, settings
    assert np.array_equal(poses(driver), first)
    poses(driver, pose_unit=7)
    assert driver.unit_at(5.0) == 7


def test_the_films_track_runs_back_and_forth_without_a_jump(driver):
    way = np.stack([driver.at(t, DriverInputs(0.0, {"pose_source": "track"})).values for t in np.arange(0, 5, 0.01)])
    assert np.abs(np.diff(way[:, 0])).max() < 0.1 and np.ptp(way[:, 0]) > 5.5


def test_head_motion_from_a_file_takes_the_heads_place(driver):
    outer = HeadMotionDriver(driver, made_motion(), driver._history)
    outer.advance(np.inf)
    alone = HeadMotionDriver(StillDriver(), made_motion(), driver._history)
    alone.advance(np.inf)
    assert np.array_equal(outer.at(5.0, DriverInputs()).values, alone.at(5.0, DriverInputs()).values)


def test_the_motion_is_fitted_to_the_expressions_of_the_avatars_own_generator(driver):
    assert len(driver._driver.asked) >= 10 and np.allclose(np.diff(driver._driver.asked), 1.0)


def test_settings_are_named_and_read(driver):
    names = [setting.name for setting in turning_settings(10)]
    assert names == ["pose_source", "pose_seed", "pose_top_k", "pose_temperature", "pose_unit"]
    defaults = chosen({setting.name: setting.default for setting in turning_settings(10)})
    assert defaults == chosen({}) and defaults.pinned is None and defaults.is_refined


def test_head_motion_in_an_avatar_file_is_read_with_mistrust(tmp_path):
    motion = made_motion()
    arrays = {f"motion.{name}": tensor.numpy() for name, tensor in motion.tensors().items()}
    file = AvatarTensors(arrays, tmp_path / "x.avatar").beneath("motion.")
    again = read_head_motion(file, motion.row())
    assert np.array_equal(again.units.values, motion.units.values) and again.encoder == motion.encoder
    for row in (None, {}, motion.row() | {"version": 9}, motion.row() | {"lead": -1}, motion.row() | {"encoder": 3}):
        with pytest.raises(AvatarError, match=r"x\.avatar"):
            read_head_motion(file, row)
    for name in ("motion.keys", "motion.values", "motion.refiner.out.weight"):
        spoilt = arrays | {name: arrays[name][:-1]}
        with pytest.raises(AvatarError, match=r"x\.avatar"):
            read_head_motion(AvatarTensors(spoilt, tmp_path / "x.avatar").beneath("motion."), motion.row())


@pytest.fixture(scope="module")
def swaying(tmp_path_factory):
    """An avatar of a film long enough to learn from how its head sways."""
    folder = tmp_path_factory.mktemp("swaying")
    dataset = make_toy_dataset(folder / "toy.dataset", 32, 345, "plate", n=300)
    config = {"n_points": 200, "n_mouth": 20, "motion_steps": 3, "lambda_adversarial": 0.0}
    return train_toy(dataset, folder / "x.avatar", "talk2me", iterations=2, **config), dataset


def test_an_avatar_of_a_film_whose_head_moves_carries_its_motion(swaying):
    path, dataset = swaying
    avatar = load_avatar(path)
    assert avatar.manifest.statistics["head_motion"] == "learned"
    driver = driver_of(avatar, dataset)
    driver.advance(np.inf)
    columns = avatar.schema.indices("pose")
    ways = {
        source: np.stack([driver.at(t, DriverInputs(160.0, {"pose_source": source})).values[columns]
                          for t in np.arange(2, 10, 0.25)])
        for source in ("generated", "retrieved", "track", "user")
    }  # fmt: skip
    assert not ways["user"].any() and all(ways[name][:, 0].std() > 0.5 for name in ("generated", "retrieved", "track"))


def test_the_scores_it_gives_its_head_motion_are_those_of_the_face(swaying):
    path, dataset = swaying
    driver = driver_of(load_avatar(path), dataset)
    scores = driver._driver.arkit(3.0)
    assert scores.shape == (N_SPAN, 52) and scores[:, ARKIT_INDEX["jawOpen"]].std() > 0
    assert not scores[:, ARKIT_INDEX["tongueOut"]].any()
    assert not driver._driver.arkit(-20.0).any()
