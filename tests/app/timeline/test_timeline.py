"""The timeline: what it keeps, what it draws, and how one moves in it."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.timeline.panel import TimelinePanel, take_bytes_per_second
from app.timeline.strip import HEADER, RULER, Strip, ruler_text, timecode
from app.timeline.track import KEPT_SECONDS, RATE_HZ, LiveTrack, TakeTrack, lip_index, lip_part
from app.timeline.voice_peaks import VoicePeaks
from app.workers.frames import FrameHeader
from engine.audio.ring import SampleRing
from engine.controls import ControlSchema, ControlSpec
from engine.journal import row_width
from engine.take import Take, TakeInfo
from tests.fakes.session import fake_schema


def test_times_are_written_as_editors_write_them():
    assert timecode(12.4) == "00:00:12.40"
    assert timecode(3723.456) == "01:02:03.45"
    assert [ruler_text(s) for s in (0, 4, 72, 0.5)] == ["0:00", "0:04", "1:12", "0:00.5"]


def test_a_track_keeps_the_loudest_of_each_bin():
    track = LiveTrack()
    for time, peak, lips in ((10.00, 0.04, 0.1), (10.01, 0.64, 0.3), (10.02, 0.04, 0.5)):
        track.hear(time, peak)
        track.move(time, lips, lips / 2)
    excerpt = track.excerpt(0, 1)
    assert len(excerpt.loudness) == 1
    assert excerpt.loudness[0] == pytest.approx(0.8)
    assert excerpt.driven[0] == pytest.approx(0.5) and excerpt.result[0] == pytest.approx(0.25)


def test_a_short_gap_of_the_lips_goes_on_evenly_and_a_long_one_stays_empty():
    track = LiveTrack()
    track.move(0.0, 0.0, 0.0)
    track.move(4 / RATE_HZ, 0.4, 0.8)
    assert np.allclose(track.excerpt(0, 1).driven, [0, 0.1, 0.2, 0.3, 0.4], atol=1e-6)
    track.move(2.0, 1.0, 1.0)
    middle = track.excerpt(1.0, 1.5)
    assert np.isnan(middle.driven).all() and (middle.loudness == 0).all()


def test_a_track_that_begins_later_leaves_out_what_was_before():
    track = LiveTrack(origin=5.0)
    track.hear(4.9, 1.0)
    track.hear(5.2, 1.0)
    assert track.seconds == pytest.approx(0.25) and track.excerpt(0, 1).loudness.tolist() == [0, 0, 0, 0, 1.0]
    assert track.newest_time == pytest.approx(5.25)


def test_a_track_forgets_what_is_older_than_it_keeps():
    track = LiveTrack()
    for second in range(0, KEPT_SECONDS + 100, 10):
        track.hear(float(second), 0.1)
    assert track.oldest == pytest.approx(track.seconds - KEPT_SECONDS)
    assert track.excerpt(0, 5).loudness.size == 0
    assert track.excerpt(track.seconds - 1, track.seconds).loudness.size == RATE_HZ


def test_units_of_head_motion_are_named_on_a_lane_of_their_own(qtbot, theme, tmp_path):
    panel = TimelinePanel(theme, tmp_path)
    qtbot.addWidget(panel)
    panel.resize(900, 150)
    panel.show_avatar(fake_schema())
    panel.show()
    for step in range(60):
        panel.show_frame(FrameHeader(shown_time=10 + step * 0.05, motion_sample_time=10 + step * 0.05))
    assert panel.strip._lanes()[2] is None
    panel.show_head_unit(7, 75.2, 10.5)
    panel.show_head_unit(112, 4.0, 11.5)
    panel.show_head_unit(-1, 0.0, 12.5)
    units = panel._live.head_units(0, 10)
    assert [(round(a, 3), round(b, 3), name) for a, b, name in units] == [
        (0.5, 1.5, "7 at 1:15"),
        (1.5, 2.5, "112 at 0:04"),
    ]
    lane = panel.strip._lanes()[2]
    seen = panel.strip.grab().toImage().pixelColor(round(panel.strip._x(0.6)), round(lane.center().y()))
    assert seen.name() == theme.color("voice_soft").name()
    empty = panel.strip.grab().toImage().pixelColor(round(panel.strip._x(0.2)), round(lane.center().y()))
    assert empty != seen


def test_the_waveform_is_read_from_the_ring_of_samples(tmp_path):
    ring = SampleRing.create(tmp_path / "voice.ring", 8000, seconds=4)
    peaks = VoicePeaks(tmp_path / "voice.ring", gain_db=lambda: -6.0206)
    assert peaks.read() == []
    quiet, loud = np.full(400, 0.1, np.float32), np.full(400, -0.8, np.float32)
    ring.write(np.concatenate([quiet, loud, quiet[:100]]), now_ns=10_000_000_000)
    first = peaks.read()
    ring.write(quiet[100:], now_ns=10_037_500_000)
    assert [peak for _, peak in first] == pytest.approx([0.05, 0.4], rel=1e-4)
    assert first[1][0] - first[0][0] == pytest.approx(0.05)
    assert [peak for _, peak in peaks.read()] == pytest.approx([0.05], rel=1e-4)
    assert peaks.read() == []
    peaks.close()
    ring.close()


def test_without_a_ring_nothing_is_read(tmp_path):
    assert not VoicePeaks(tmp_path / "voice.ring").is_there
    assert VoicePeaks(tmp_path / "voice.ring").read() == []


def test_the_lip_curve_is_the_jaw_or_the_first_lip_over_its_range():
    schema = fake_schema()
    assert schema.specs[lip_index(schema)].name == "lip.00"
    with_jaw = ControlSchema((*schema.specs, ControlSpec("jaw.open", "lip", "Jaw", low=0, high=0.5)))
    assert with_jaw.specs[lip_index(with_jaw)].name == "jaw.open"
    assert lip_part(with_jaw, len(schema), 0.25) == pytest.approx(0.5)
    assert lip_index(ControlSchema(())) is None


def test_a_takes_voice_and_curves_fall_into_the_same_bins():
    schema = fake_schema()
    times = np.arange(51) / 25
    curve = np.zeros((51, len(schema)), np.float32)
    curve[:, 0] = np.linspace(0, 0.7, 51)
    voice = np.zeros(32_000, np.float32)
    voice[16_000:] = 0.25
    info = TakeInfo(name="Intro", schema_rows=schema.to_json(), rate_hz=16_000)
    track = TakeTrack(Take(info, times, curve, 0 * curve, curve, np.zeros((51, 8), np.float32), voice))
    excerpt = track.excerpt(0, 2)
    assert len(excerpt.loudness) == 2 * RATE_HZ
    assert excerpt.loudness[5] == 0 and excerpt.loudness[30] == pytest.approx(0.5)
    assert excerpt.driven[20] == pytest.approx(0.5, abs=0.03)


def test_free_space_reckons_with_what_the_recorder_writes():
    assert take_bytes_per_second(52) == 48_000 * 4 + 30 * 8 * row_width(52)


@pytest.fixture
def strip(theme, qtbot):
    strip = Strip(theme)
    qtbot.addWidget(strip)
    strip.resize(HEADER + 600 + 12, 114)
    track = LiveTrack()
    for i in range(100):
        track.hear(i / RATE_HZ, 0.3)
        track.move(i / RATE_HZ, 0.5, 0.7)
    strip.show_track(track)
    strip.show()
    return strip


def test_the_playhead_turns_the_page_near_the_edge(strip):
    strip.move_playhead(5.0)
    assert strip.visible_seconds[0] == 0.0
    strip.move_playhead(9.5)
    first, last = strip.visible_seconds
    assert first > 7.0 and first < 9.5 < last


def test_zoom_keeps_the_playhead_in_its_place(strip):
    strip.move_playhead(4.0)
    before = strip._x(4.0)
    strip.set_zoom(120)
    assert strip._x(4.0) == pytest.approx(before, abs=1)
    strip.set_zoom(9999)
    assert strip.zoom == 240


@pytest.mark.display
def test_voice_and_lips_are_drawn_in_their_colours(strip, theme):
    strip.move_playhead(4.95)
    picture = strip.grab().toImage()
    lane = [picture.pixelColor(x, RULER + 25).name() for x in range(HEADER + 2, HEADER + 200)]
    assert theme.color("wave").name() in lane
    colors = {picture.pixelColor(HEADER + 100, y).name() for y in range(RULER + 50, 113)}
    assert theme.color("voice_bar").name() in colors or theme.color("acc_bar").name() in colors
    strip.show_recording(True)
    red = strip.grab().toImage()
    assert theme.color("rec").name() in [red.pixelColor(x, RULER + 25).name() for x in range(HEADER + 2, HEADER + 200)]


@pytest.fixture
def panel(theme, qtbot, tmp_path):
    panel = TimelinePanel(theme, tmp_path)
    qtbot.addWidget(panel)
    panel.resize(1052, 150)
    panel.show()
    return panel


def header(time: float) -> FrameHeader:
    values = np.full(len(fake_schema()), 0.3, np.float32)
    return FrameHeader(shown_time=time, level_db=-20, driven=values, result=values)


def fill(panel, seconds: float) -> None:
    panel.show_avatar(fake_schema())
    for i in range(int(seconds * 25)):
        panel.show_frame(header(100 + i / 25))
    panel._draw()
    panel._show_time()


def test_an_empty_timeline_says_so_and_its_transport_rests(panel):
    assert panel.is_empty and panel._hint.text() == "The timeline fills as you record."
    assert not panel.play.isEnabled() and not panel.to_start.isEnabled()


def test_it_follows_live_and_can_be_held_and_let_go(panel):
    fill(panel, 5)
    assert not panel.is_empty and panel._chip.text() == "Live"
    assert panel._code.text() == "00:00:05.00"
    QTest.mouseClick(panel.play, Qt.MouseButton.LeftButton)
    assert panel._chip.text() == "Held"
    for i in range(50):
        panel.show_frame(header(105 + i / 25))
    panel._draw()
    assert panel.strip.playhead == pytest.approx(5.0)
    QTest.mouseClick(panel.to_end, Qt.MouseButton.LeftButton)
    panel._draw()
    assert panel._chip.text() == "Live" and panel.strip.playhead == pytest.approx(7.0)


def test_a_click_into_the_strip_holds_there(panel):
    fill(panel, 5)
    QApplication.processEvents()
    QTest.mouseClick(panel.strip, Qt.MouseButton.LeftButton, pos=QPoint(HEADER + 120, 60))
    assert panel._chip.text() == "Held" and panel.strip.playhead == pytest.approx(2.0, abs=0.05)


def test_recording_begins_at_zero_and_is_named(panel):
    fill(panel, 5)
    panel.show_recording(True, "Take 05")
    assert panel._chip.text() == "Recording Take 05" and panel._live.seconds == 0.0
    panel.show_frame(header(105.0))
    panel.show_frame(header(106.0))
    assert panel._live.seconds == pytest.approx(1.05)
    assert not panel.to_start.isEnabled() and not panel.play.isEnabled()
    panel.show_recording(False)
    assert panel._chip.text() == "Live"


def test_a_take_is_shown_whole_and_one_can_go_back_to_live(panel, qtbot):
    fill(panel, 2)
    schema = fake_schema()
    curve = np.zeros((51, len(schema)), np.float32)
    info = TakeInfo(name="Intro, warm", schema_rows=schema.to_json(), rate_hz=16_000)
    take = Take(info, np.arange(51), curve, curve, curve, np.zeros((51, 8), np.float32), np.zeros(1, np.float32))
    panel.show_take(TakeTrack(take))
    assert panel._chip.text() == "Intro, warm" and panel.back.isVisible()
    assert panel.strip.visible_seconds[1] >= 50
    with qtbot.waitSignal(panel.speak_wanted):
        QTest.mouseClick(panel.play, Qt.MouseButton.LeftButton)
    QTest.mouseClick(panel.back, Qt.MouseButton.LeftButton)
    assert panel._chip.text() == "Live" and not panel.back.isVisible()


def test_folded_it_keeps_transport_and_waveform(panel):
    fill(panel, 2)
    panel.set_folded(True)
    assert panel._small.isVisible() and not panel.strip.isVisible() and panel.minimumHeight() == 36
