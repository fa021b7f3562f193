"""The training video beside its avatar: frames by the clock of its sound, pictures by its cameras."""

import numpy as np
import pytest

from app.film_clock import FilmClock
from app.workers.film import Film, FilmLine, nearest
from app.workers.frames import FrameWriter
from app.workers.stage import Stage
from app.workers.voice_line import VoiceLine
from engine.audio.ring import SampleRing
from engine.errors import DatasetError
from engine.performer import Performer
from tests.fakes.avatar import FakeAvatar
from tests.fakes.film import make_film
from tests.fakes.rasterizer import DotRasterizer


class Source:
    def __init__(self, path, clock) -> None:
        self.path, self.film_clock = path, clock


@pytest.fixture
def scene(tmp_path):
    stage = Stage(FrameWriter(tmp_path / "frames"), VoiceLine(SampleRing.create(tmp_path / "voice", 48_000)))
    stage.look.is_idle = False
    stage.enter(Performer(FakeAvatar(), DotRasterizer()), 1)
    said = []
    return stage, FilmLine(stage, lambda event, **fields: said.append((event, fields))), said


def test_a_film_goes_round_with_a_pause():
    clock = FilmClock(100.0, 2.0, 0.6)
    assert [clock.place(wall) for wall in (99.0, 100.5, 102.1, 102.7)] == [None, 0.5, None, pytest.approx(0.1)]
    assert [nearest(np.arange(4) / 25, t) for t in (0.0, 0.019, 0.021, 0.09, 9.0)] == [0, 0, 1, 2, 3]


def test_pictures_are_drawn_by_the_cameras_of_the_film_while_its_sound_is_heard(scene, tmp_path):
    stage, line, said = scene
    folder = make_film(tmp_path / "Noa.dataset")
    moment = stage.performer.moment(0.0)
    wall = stage._voice.clock.wall_at(moment.motion_time)
    stage.performer.picture = lambda moment, camera, *_: (_ for _ in ()).throw(_Seen(camera))
    line.ask({"path": str(folder)}, Source(folder / "audio.wav", FilmClock(wall - 0.12, 0.32, 0.6)))
    with pytest.raises(_Seen) as caught:
        stage._draw(moment, 0.0, (128, 64))
    camera, own = caught.value.camera, stage.look.film.dataset.camera(3)
    assert np.allclose(camera.viewmat, own.viewmat) and (camera.width, camera.height) == (128, 64)
    assert [event for event, _ in said] == ["film", "film_clock"] and said[1][1]["is_heard"]
    line.follow(Source(tmp_path / "other.wav", None))
    assert said[-1] == ("film_clock", {"is_heard": False}) and stage._film_index(moment) is None
    with pytest.raises(_Seen) as caught:
        stage._draw(moment, 0.0, (128, 64))
    assert not np.allclose(caught.value.camera.viewmat, own.viewmat), "the hand's own again"


class _Seen(Exception):
    def __init__(self, camera) -> None:
        super().__init__()
        self.camera = camera


def test_a_folder_that_is_no_dataset_is_told_and_shows_nothing(scene, tmp_path):
    stage, line, said = scene
    line.ask({"path": str(tmp_path)}, None)
    assert "is not a dataset" in said[0][1]["sentence"] and stage.look.film is None
    with pytest.raises(DatasetError):
        Film(tmp_path)
