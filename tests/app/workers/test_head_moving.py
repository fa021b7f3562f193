"""Head motion of the avatar on stage as the window asks for it: opened, switched, shaped, named."""

import pytest

from app.workers.frames import FrameWriter
from app.workers.head_moving import HeadMoving
from app.workers.stage import Stage
from app.workers.voice_line import VoiceLine
from engine.audio.ring import SampleRing
from engine.performer import Performer
from tests.engine.test_head_motion import voice
from tests.fakes.avatar import FakeAvatar
from tests.fakes.motion import made_motion
from tests.fakes.rasterizer import DotRasterizer


@pytest.fixture
def scene(tmp_path):
    stage = Stage(FrameWriter(tmp_path / "frames"), VoiceLine(SampleRing.create(tmp_path / "voice", 48_000)))
    stage.look.is_idle = False
    stage.look.guard = 0.0
    stage.enter(Performer(FakeAvatar(), DotRasterizer()), 1)
    made_motion().save(tmp_path / "nods.motion")
    said = []
    head = HeadMoving(stage, lambda event, **fields: said.append((event, fields)))
    return stage, head, said


def opened(head):
    head._opening.join()
    head.take_news()


def turn(stage, time: float) -> float:
    return stage.performer.moment(time).controls["pose.yaw"]


def test_a_file_moves_the_head_while_it_is_on_and_as_strongly_as_asked(scene, tmp_path):
    stage, head, said = scene
    head.ask({"path": str(tmp_path / "nods.motion"), "is_on": True})
    opened(head)
    assert said[0][0] == "head_motion" and said[0][1]["n_units"] > 0 and said[0][1]["sentence"] == ""
    stage.performer.hear(voice(6.0))
    driver = stage.performer.driver
    full = turn(stage, 3.2)
    assert full != 0
    head.ask({"strength": 0.5})
    assert stage.performer.driver is driver, "another strength begins nothing anew"
    assert turn(stage, 3.2) == pytest.approx(0.5 * full, abs=1e-4)
    head.ask({"is_on": False})
    stage.performer.hear(voice(6.0))
    turn(stage, 3.2)
    assert turn(stage, 9.2) == 0


def test_the_unit_that_is_shown_is_named_once_each_time_it_changes(scene, tmp_path):
    stage, head, said = scene
    head.ask({"path": str(tmp_path / "nods.motion"), "is_on": True})
    opened(head)
    stage.performer.hear(voice(6.0))
    said.clear()
    for step in range(100):
        head.name_unit(stage.performer.moment(1.0 + step * 0.04), lambda time: time + 100)
    units = [fields for event, fields in said if event == "head_unit"]
    assert len(units) == 4 and all(101 <= fields["time"] <= 105 and fields["film_s"] >= 0 for fields in units)
    head.ask({"is_on": False})
    head.name_unit(stage.performer.moment(5.0), lambda time: time)
    assert said[-1][1]["unit"] == -1


def test_a_file_that_is_none_is_told_in_a_sentence_and_moves_nothing(scene, tmp_path):
    stage, head, said = scene
    (tmp_path / "bad.motion").write_bytes(b"nothing")
    head.ask({"path": str(tmp_path / "bad.motion"), "is_on": True})
    opened(head)
    assert "bad.motion" in said[0][1]["sentence"] and said[0][1]["n_units"] == 0
    assert stage.look.head_motion is None


def test_an_avatar_that_enters_later_has_the_motion_too(scene, tmp_path):
    stage, head, _ = scene
    head.ask({"path": str(tmp_path / "nods.motion"), "is_on": True})
    opened(head)
    stage.enter(Performer(FakeAvatar(), DotRasterizer()), 2)
    stage.performer.hear(voice(6.0))
    assert turn(stage, 3.2) != 0
