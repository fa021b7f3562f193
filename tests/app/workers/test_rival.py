"""The second avatar: it draws the very moment, camera and size that the stage drew."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.workers.frames import FrameReader
from app.workers.rival import RIVAL_FRAMES, Rival
from engine.camera import Orbit
from engine.errors import AvatarError
from tests.app.workers.test_stage import Scene
from tests.fakes.avatar import FakeAvatar
from tests.fakes.rasterizer import DotRasterizer


class Compared:
    """A scene with a rival whose avatar is opened at once."""

    def __init__(self, folder) -> None:
        self.scene = Scene(folder)
        self.said: list[dict] = []
        self.rival = Rival(folder, self.scene.voice, self.open, DotRasterizer, self.say)
        self.reader = FrameReader(folder / RIVAL_FRAMES)

    def open(self, path, number):
        failure = AvatarError(f"{path}: is broken.") if path.stem == "broken" else None
        return SimpleNamespace(is_done=True, failure=failure, avatar=FakeAvatar(200, "Rival"), number=number)

    def say(self, event, **fields):
        self.said.append({"event": event, **fields})

    def bring(self, path="rival.avatar", **more):
        self.rival.ask({"path": path, "number": 1, **more})
        self.rival.let_enter(self.scene.stage, self.scene.rasterizer)

    def draw(self):
        before = self.scene.stage.n_drawn
        a = self.scene.frame()
        self.rival.follow(self.scene.stage, self.scene.stage.n_drawn > before)
        return a, self.reader.newest()


@pytest.fixture
def compared(tmp_path) -> Compared:
    made = Compared(tmp_path)
    made.scene.frame()
    return made


def test_both_show_one_moment_in_one_size_with_the_same_sliders(compared):
    compared.bring()
    assert compared.said[-1] == {"event": "rival_entered", "number": 1, "backend": "dots"}
    compared.scene.look(values={"pose.yaw": 20.0})
    compared.rival.apply(compared.scene.stage)
    a, b = compared.draw()
    assert b.image.shape == a.image.shape and b.header.result[3] == 20.0
    assert b.header.motion_sample_time == pytest.approx(a.header.motion_sample_time, abs=1e-6)
    assert b.header.n_gaussians == 200


def test_nothing_is_drawn_while_the_stage_rests(compared):
    compared.bring()
    _, first = compared.draw()
    for _ in range(4):
        _, again = compared.draw()
    assert again.header.sequence == first.header.sequence


def test_another_backend_draws_only_the_rival(compared):
    compared.bring(backend="smaller dots")
    assert compared.said[-1]["backend"] == "smaller dots"
    n = compared.scene.rasterizer.n_rendered
    compared.draw()
    assert compared.scene.rasterizer.n_rendered == n and compared.scene.stage.performer.rasterizer.name == "dots"


def test_its_own_camera_stays_where_it_was_when_the_stages_moves(compared):
    compared.bring(has_same_camera=False)
    _, before = compared.draw()
    still = before.image.copy()
    compared.scene.stage.look.orbit = Orbit(azimuth_deg=60.0)
    compared.scene.stage.apply_look()
    compared.rival.apply(compared.scene.stage)
    a, b = compared.draw()
    assert np.array_equal(b.image, still) and not np.array_equal(a.image, b.image)


def test_what_cannot_be_opened_or_drawn_is_said_and_leaves_the_stage_alone(compared):
    compared.bring("broken.avatar")
    assert compared.said[-1]["event"] == "rival_failed" and "broken" in compared.said[-1]["sentence"]
    compared.bring(backend="cuda")
    assert compared.said[-1]["event"] == "rival_failed"
    assert compared.scene.frame() is not None and compared.reader.newest() is None
