"""The stage: what the window asked to see gets into the frame slots, and only when something has changed."""

import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from app.workers.frames import FrameReader, FrameWriter
from app.workers.stage import Stage, background_of, clamped_size
from app.workers.voice_line import VoiceLine
from engine.audio.block import Block
from engine.audio.ring import SampleRing
from engine.camera import Orbit
from engine.controls import ControlSchema
from engine.edits import Edits
from engine.errors import AvatarError, OutputError
from engine.performer import Performer
from tests.fakes.avatar import FakeAvatar
from tests.fakes.rasterizer import DotRasterizer


class Scene:
    """A stage with the fake avatar on it, and the window's end of the slots."""

    def __init__(self, folder) -> None:
        self.ring = SampleRing.create(folder / "voice.ring", 16_000, 5.0)
        self.voice = VoiceLine(self.ring)
        self.stage = Stage(FrameWriter(folder / "frames.slots"), self.voice)
        self.reader = FrameReader(folder / "frames.slots")
        self.rasterizer = DotRasterizer()
        self.stage.look.is_idle = False
        self.stage.look.width, self.stage.look.height = 64, 48
        self.performer = Performer(FakeAvatar(), self.rasterizer, is_live=True)
        self.stage.enter(self.performer, 1)

    def frame(self):
        self.stage.tick()
        return self.reader.newest()

    def look(self, **changes):
        for name, value in changes.items():
            setattr(self.stage.look, name, value)
        self.stage.apply_look()
        return self.frame()

    def view(self, **changes):
        for name, value in changes.items():
            setattr(self.stage.look, name, value)
        self.stage.apply_view()
        return self.frame()


@pytest.fixture
def scene(tmp_path) -> Scene:
    return Scene(tmp_path)


def test_a_picture_is_drawn_once_while_nothing_changes(scene):
    first = scene.frame()
    for _ in range(5):
        assert scene.frame() is first
    assert scene.rasterizer.n_rendered == 1 and first.image.shape == (48, 64, 4)


def test_controls_marks_and_strengths_of_the_look_reach_the_face(scene):
    before = scene.frame().image.copy()
    moved = scene.look(values={"pose.yaw": 25.0, "nobody": 1.0})
    assert moved.header.result[3] == 25.0 and not np.array_equal(before, moved.image)
    muted = scene.look(muted=["pose.yaw"])
    assert muted.header.result[3] == 0.0 and np.array_equal(before, muted.image)
    assert scene.look(muted=[], soloed=["au.45"]).header.result[3] == 0.0


def test_sound_shows_in_the_next_frame_with_where_its_time_went(scene):
    still = scene.frame().header
    assert not any(still.stages_ms[name] for name in ("capture", "look_ahead", "features"))
    scene.ring.start_generation(16_000, 0.0)
    scene.ring.state = scene.ring.state.LIVE
    start = time.perf_counter() - 0.5
    tone = (0.5 * np.sin(np.arange(8000) * 0.2)).astype(np.float32)
    for i in range(50):
        scene.ring.write(tone[160 * i : 160 * (i + 1)], now_ns=int((start + 0.01 * (i + 1)) * 1e9))
    scene.performer.push(scene.voice.read())
    header = scene.frame().header
    assert header.driven[0] == pytest.approx(4 * 0.5 / np.sqrt(2), rel=0.2)
    assert header.stages_ms["look_ahead"] == pytest.approx(40, abs=21)
    assert header.shown_time - header.motion_sample_time >= 0.04
    total = sum(header.stages_ms.values())
    assert total == pytest.approx(1e3 * (header.shown_time - header.motion_sample_time), abs=2.0)


def test_a_camera_and_a_size_make_a_new_picture(scene):
    first = scene.frame()
    turned = scene.view(orbit=Orbit(azimuth_deg=50.0))
    assert not np.array_equal(first.image, turned.image)
    assert scene.view(width=20, height=30).image.shape == (30, 20, 4)


def test_backgrounds_are_composed_and_cut_to_fill(scene, tmp_path):
    assert scene.frame().image[0, 0, 3] == 0
    assert tuple(scene.view(background=[0.0, 1.0, 0.0]).image[0, 0]) == (0, 255, 0, 255)
    picture = np.zeros((10, 40, 3), np.uint8)
    picture[:, 20:, 0] = 255
    Image.fromarray(picture).save(tmp_path / "wall.png")
    image = scene.view(background=str(tmp_path / "wall.png")).image
    assert tuple(image[0, 2]) == (0, 0, 0, 255) and tuple(image[0, -3]) == (255, 0, 0, 255)
    assert scene.view(width=30, height=60).image.shape == (60, 30, 4)


def test_a_background_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(OutputError, match=r"nothing\.png"):
        background_of(str(tmp_path / "nothing.png"), 8, 8)
    with pytest.raises(OutputError, match="three numbers"):
        background_of([1.0, float("nan"), 0.0], 8, 8)


def test_an_unknown_view_is_refused(scene):
    with pytest.raises(AvatarError, match="upside down"):
        scene.view(mode="upside down")


def test_edits_that_do_not_fit_are_left_out(scene):
    whole = scene.frame().image.copy()
    edits = Edits("hash", 300)
    edits.deleted[:] = True
    assert not scene.look(edits=edits).image[..., 3].any()
    other = Edits("hash", 10)
    other.deleted[:] = True
    assert np.array_equal(scene.look(edits=other).image, whole)


def test_an_avatar_with_too_many_controls_is_refused(scene):
    class Many(FakeAvatar):
        schema = ControlSchema(tuple(replace(FakeAvatar.schema.specs[0], name=f"lip.{i:03d}") for i in range(300)))

    with pytest.raises(AvatarError, match="300 controls"):
        scene.stage.enter(Performer(Many(), scene.rasterizer), 2)
    assert scene.stage.number == 1


def test_the_picture_is_drawn_smaller_while_it_is_slow_and_in_full_once_it_is_still(scene, monkeypatch):
    from app.workers import stage as module

    now = [1000.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    slow = scene.performer.picture

    def picture(*arguments):
        now[0] += 0.08 * arguments[2].shape[0] / 48
        return slow(*arguments)

    scene.performer.picture = picture
    sizes = []
    for i in range(60):
        now[0] += 0.01
        sizes.append(scene.look(values={"pose.yaw": 1.0 + i % 2}).image.shape[0])
    assert sizes[0] == 48 and sizes[-1] == 24
    now[0] += 1.0
    assert scene.frame().image.shape[0] == 48
    now[0] += 1.0
    last = scene.frame()
    assert last.image.shape[0] == 48 and scene.frame() is last


def test_what_the_hand_moves_is_due_at_once_and_drawn_smaller_only_while_it_is_dragged(scene, monkeypatch):
    from app.workers import stage as module

    now = [1000.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    slow = scene.performer.picture

    def picture(*arguments):
        now[0] += 0.030
        frame = slow(*arguments)
        frame.stages_ms["raster"] = 25.0
        return frame

    monkeypatch.setattr(scene.performer, "picture", picture)
    shapes = []
    for yaw in (1.0, 2.0, 3.0):
        scene.stage.note_hand()
        shapes.append(scene.look(values={"pose.yaw": yaw}).image.shape[:2])
        scene.stage.pace.began(now[0])
        assert not scene.stage.is_due(now[0])
        scene.stage.redraw()
        assert scene.stage.is_due(now[0])  # the window has taken the one before
        now[0] += 0.02
    assert shapes == [(48, 64), (24, 32), (24, 32)]
    now[0] += 0.3
    assert scene.look(values={"pose.yaw": 4.0}).image.shape[:2] == (48, 64)


def test_a_picture_of_the_voice_is_given_up_for_a_hand_that_moves_but_no_answer_to_one_is(scene):
    scene.frame()
    scene.performer.mixer.set_user({"pose.yaw": 5.0})  # as if the voice had moved the face
    assert scene.stage.tick(lambda: True) is not None
    assert scene.rasterizer.n_rendered == 1 and scene.stage.n_drawn == 1
    scene.stage.look.values = {"pose.yaw": 9.0}
    scene.stage.apply_look()
    scene.stage.tick(lambda: True)
    assert scene.rasterizer.n_rendered == 2 and scene.reader.newest().header.result[3] == 9.0
    scene.performer.mixer.set_user({"pose.yaw": 6.0})
    scene.stage.tick(lambda: False)
    assert scene.reader.newest().header.result[3] == 6.0


def test_a_frame_begins_with_the_sound_that_is_about_to_come_and_a_hand_waits_for_none(scene):
    scene.frame()
    scene.ring.start_generation(16_000, 0.0)
    scene.ring.state = scene.ring.state.LIVE
    came = time.perf_counter()
    scene.ring.write(np.zeros(160, np.float32), now_ns=int(came * 1e9))
    scene.voice.read()
    scene.stage.pace.began(came - 1.0)
    assert scene.stage.is_due(came + 0.004)
    assert not scene.stage.is_due(came + 0.008)
    scene.ring.write(np.zeros(160, np.float32), now_ns=int((came + 0.01) * 1e9))
    scene.voice.read()
    assert scene.stage.is_due(came + 0.0101)
    assert not scene.stage.is_due(came + 0.018)
    scene.stage.redraw()
    assert scene.stage.is_due(came + 0.018)


def test_the_meter_goes_on_while_the_picture_stands_still(scene):
    scene.ring.start_generation(16_000, 0.0)
    scene.ring.state = scene.ring.state.LIVE
    first = scene.frame().header
    scene.ring.write(np.zeros(1600, np.float32))
    scene.performer.push(scene.voice.read() or Block(np.zeros(1, np.float32), 0.0))
    scene.stage._published_at = -np.inf
    again = scene.frame().header
    assert again.sequence == first.sequence + 1 and again.picture_sequence == first.picture_sequence
    assert scene.rasterizer.n_rendered == 1


def test_frames_that_nobody_takes_are_drawn_seldom(scene, monkeypatch):
    from app.workers import stage as module

    now = [1000.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    for i in range(100):
        now[0] += 0.01
        scene.stage.look.values = {"pose.yaw": 1.0 + i % 2}
        scene.stage.apply_look()
        scene.stage.tick()
    assert 9 <= scene.rasterizer.n_rendered <= 13
    newest = scene.reader.newest()
    now[0] += 0.01
    assert scene.look(values={"pose.yaw": 7.0}).header.sequence == newest.header.sequence + 1


def test_sizes_beyond_a_frame_are_clamped():
    assert clamped_size(100_000, 0) == (4096, 16)
