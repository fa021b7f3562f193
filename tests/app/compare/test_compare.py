"""The Compare workspace through the window: bring B, wipe, measure, swap, leave."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from app.panels.library_files import AvatarEntry
from app.workers.frames import FrameView
from tests.fakes.film import make_film
from tests.fakes.session import fake_manifest

pytestmark = pytest.mark.display
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def comparing(studio, home):
    """The window in Compare, A on stage and an avatar that could be B in the library."""
    window = studio.window
    window.viewport.setFocus()
    QTest.keyClick(window.viewport, Qt.Key.Key_O)
    assert window.workspaces.current == "compare"
    window.library.show_avatars([AvatarEntry(home / "Iris.avatar", "Iris", "embedtalk", 30_000)])
    return studio


@pytest.fixture
def with_rival(comparing, home, monkeypatch):
    """B is there, brighter than A by ten."""
    monkeypatch.setattr("app.compare.workspace.read_manifest", lambda path: fake_manifest("Iris", n_gaussians=30_000))
    comparing.compare.choose_rival(home / "Iris.avatar")
    comparing.session.performer_said.emit({"event": "rival_entered", "number": 1, "backend": "cpu"})
    show_pair(comparing)
    return comparing


def show_pair(studio, apart: int = 10) -> None:
    session = studio.session
    session.step()
    view = session.frames.newest()
    image = view.image.copy()
    image[..., :3] = np.clip(image[..., :3].astype(int) + apart, 0, 255)
    session.rival_view = FrameView(image, replace(view.header, fps=12.0))
    studio.compare._measured_at = studio.compare._tabled_at = 0.0
    session.frame_ready.emit()


def test_o_opens_the_wipe_and_goes_back(comparing):
    window, panes = comparing.window, comparing.compare.panes
    assert panes.isVisible() and not window.viewport.isVisible() and not window.library.isVisible()
    assert [kind for kind, _ in panes.panes()] == ["A|B", "Δ"]
    QTest.keyClick(panes, Qt.Key.Key_O)
    assert window.workspaces.current == "perform" and window.viewport.isVisible()
    assert comparing.session.calls[-1] != ("compare_with", "x")
    assert ("compare_with", None, None, True) in comparing.session.calls


def test_b_is_asked_for_and_named_and_measured(with_rival, home):
    compare = with_rival.compare
    assert ("compare_with", home / "Iris.avatar", None, True) in with_rival.session.calls
    assert compare.sources.b.accessibleName().startswith("B: Iris EmbedTalk, CPU, 30,000 splats")
    row = compare.plot._rows[-1]
    assert row[1] == pytest.approx(28.1, abs=0.5)  # ten of 255
    assert compare.plot._figures["frame_db"].text() == f"{row[1]:.1f}"
    cells = compare.sources.table.cells["Rate"]
    assert [cell.text() for cell in cells] == ["30 fps", "12 fps"]
    assert cells[0].font().weight() > cells[1].font().weight()
    assert "10.0" in compare.sources._differences.text()


def test_the_wipe_line_follows_the_hand_the_arrows_and_a_double_click(with_rival):
    panes = with_rival.compare.panes
    area = panes.picture_rect(panes.panes()[0][1]).toRect()
    middle = area.center()
    image = panes.grab().toImage()
    left = image.pixelColor(area.left() + area.width() // 4, area.bottom() - 60)
    right = image.pixelColor(area.left() + 3 * area.width() // 4, area.bottom() - 60)
    assert right.lightness() > left.lightness()  # B, right of the line, is brighter
    QTest.mousePress(panes, LEFT, NONE, middle)
    QTest.mouseMove(panes, QPoint(area.left() + area.width() // 4, middle.y()))
    panes.set_wipe(0.25)
    QTest.mouseRelease(panes, LEFT, NONE, QPoint(area.left() + area.width() // 4, middle.y()))
    assert panes.wipe == pytest.approx(0.25, abs=0.01)
    panes.setFocus()
    QTest.keyClick(panes, Qt.Key.Key_Right)
    assert panes.wipe == pytest.approx(0.26, abs=0.01)
    at = QPoint(round(area.left() + area.width() * panes.wipe), middle.y())
    QTest.mouseDClick(panes, LEFT, NONE, at)
    assert panes.wipe == 0.5


def test_panes_beside_the_wipe_orbit_the_camera(with_rival):
    panes, controller = with_rival.compare.panes, with_rival.window.viewport.controller
    before = controller.goal.azimuth_deg
    start = panes.picture_rect(panes.panes()[1][1]).toRect().center()
    QTest.mousePress(panes, LEFT, NONE, start)
    QTest.mouseMove(panes, start + QPoint(40, 0))
    QTest.mouseRelease(panes, LEFT, NONE, start + QPoint(40, 0))
    assert controller.goal.azimuth_deg != before


def test_layouts_choose_what_each_pane_shows(with_rival):
    strip, panes = with_rival.compare.strip, with_rival.compare.panes
    strip.modes.chosen.emit("side")
    strip.panes.chosen.emit("3")
    assert [kind for kind, _ in panes.panes()] == ["A", "B", "Δ"]
    sizes = [call for call in with_rival.session.calls if call[0] == "set_view_size"]
    assert panes.gain_rect() is not None and panes.width() // 3 < panes.width() and sizes is not None
    strip.panes.chosen.emit("1")
    assert [kind for kind, _ in panes.panes()] == ["A"] and panes.gain_rect() is None


def test_off_same_camera_asks_for_b_with_its_own(with_rival, home):
    with_rival.compare.strip.same_camera.setChecked(False)
    assert with_rival.session.calls[-1] == ("compare_with", home / "Iris.avatar", None, False) or (
        ("compare_with", home / "Iris.avatar", None, False) in with_rival.session.calls
    )


def test_swap_puts_b_on_stage_and_a_beside_it(with_rival, home):
    with_rival.compare.sources.swap.click()
    calls = with_rival.session.calls
    assert ("open_avatar", home / "Iris.avatar") in calls
    assert ("compare_with", home / "Noa.avatar", None, True) in calls


def test_a_rival_that_cannot_be_opened_is_told_and_leaves(comparing, home):
    comparing.compare.choose_rival(home / "gone.avatar")
    comparing.session.performer_said.emit({"event": "rival_failed", "number": 1, "sentence": "gone.avatar: no file."})
    assert "B cannot be shown" in [toast.notice.title for toast in comparing.window.toasts.shown]
    assert comparing.compare.sources.b.accessibleName().startswith("B: Nobody yet")


@pytest.fixture
def dataset(tmp_path):
    return make_film(tmp_path / "Noa.dataset")


@pytest.fixture
def filmed(comparing, dataset, qtbot):
    """The training video beside A; its sound begins with A's present moment."""
    comparing.compare.show_film(dataset)
    heard(comparing, 0.09)  # nearest to frame 2, whatever the clock's last digit
    film = comparing.compare._film
    qtbot.waitUntil(lambda: film.picture(2) is not None)
    comparing.compare._measured_at = 0.0
    comparing.session.frame_ready.emit()
    return comparing


def heard(studio, place: float) -> None:
    """The film's sound is heard; the newest frame stands for this second of it."""
    moment = studio.session.frames.newest().header.motion_sample_time
    studio.session._timer.stop()
    studio.session.performer_said.emit({"event": "film_clock", "is_heard": True, "started_at": moment - place,
                                        "seconds": 0.32, "pause_s": 0.6})  # fmt: skip


def test_the_training_video_stands_beside_the_avatar_frame_by_frame(filmed, dataset):
    compare, panes = filmed.compare, filmed.compare.panes
    assert ("show_film", dataset) in filmed.session.calls
    assert compare.sources.film.accessibleName().startswith("T: Noa , Training video, 8 frames")
    assert [kind for kind, _ in panes.panes()] == ["A|T", "Δ"]
    click_segment(compare.strip.modes, "side")
    click_segment(compare.strip.panes, "3")
    assert [kind for kind, _ in panes.panes()] == ["A", "T", "Δ"]
    area = panes.picture_rect(panes.panes()[1][1])
    seen = panes.grab().toImage().pixelColor(area.center().toPoint())
    assert seen.red() == pytest.approx(40, abs=3), "frame 2 of the film"


def test_avatar_and_b_are_measured_against_the_video(filmed, home, monkeypatch):
    compare = filmed.compare
    row = compare.plot._rows[-1]
    assert compare.sources.against.isVisible() and compare.plot.title.text() == "Live PSNR, A against T"
    assert compare.sources.against.cells["PSNR"][0].text() == f"{row[1]:.1f} dB"
    view = compare._film_view(filmed.session.frames.newest())
    mine, film = view.pair()
    assert mine.shape == film.shape and view.right - view.left == min(view.frame.image.shape[:2])
    assert film[..., 3].max() == 255
    monkeypatch.setattr("app.compare.workspace.read_manifest", lambda path: fake_manifest("Iris", n_gaussians=30_000))
    compare.choose_rival(home / "Iris.avatar")
    filmed.session.performer_said.emit({"event": "rival_entered", "number": 1, "backend": "cpu"})
    newest = filmed.session.frames.newest()
    image = newest.image.copy()
    image[..., :3] = 40
    filmed.session.rival_view = FrameView(image, newest.header)
    compare._measured_at = 0.0
    filmed.session.frame_ready.emit()
    a, b = (cell.text() for cell in compare.sources.against.cells["PSNR"])
    assert b != "–" and float(b.split()[0]) > float(a.split()[0])
    assert compare.sources.against.cells["PSNR"][1].font().weight() > 500


def test_a_frame_that_is_read_late_is_shown_without_another_picture_of_the_avatar(filmed, qtbot):
    compare = filmed.compare
    film, compare._film_shown = compare._film, None
    film._cache.clear()
    filmed.session.frame_ready.emit()
    qtbot.waitUntil(lambda: compare.panes._film is not None)


def test_four_panes_stand_in_two_rows(filmed, home, monkeypatch):
    monkeypatch.setattr("app.compare.workspace.read_manifest", lambda path: fake_manifest("Iris", n_gaussians=30_000))
    compare, panes = filmed.compare, filmed.compare.panes
    compare.choose_rival(home / "Iris.avatar")
    click_segment(compare.strip.panes, "4")
    assert [kind for kind, _ in panes.panes()] == ["A|T", "Δ", "T", "B"]
    rects = [rect for _, rect in panes.panes()]
    assert rects[0].left() == rects[2].left() and rects[2].top() > rects[0].bottom()
    assert not any(a.intersects(b) for i, a in enumerate(rects) for b in rects[:i])
    assert panes.rect().contains(rects[3].toAlignedRect().adjusted(1, 1, -1, -1))


def test_without_its_sound_the_video_is_not_shown_and_it_can_leave(filmed):
    compare, panes = filmed.compare, filmed.compare.panes
    filmed.session.performer_said.emit({"event": "film_clock", "is_heard": False})
    filmed.session.frame_ready.emit()
    assert panes._film is None and panes.film_words.startswith("Not shown")
    compare.remove_film()
    assert ("show_film", None) in filmed.session.calls and not compare.sources.against.isVisible()
    assert [kind for kind, _ in panes.panes()] == ["A|B", "Δ"]


def test_a_folder_that_is_no_dataset_is_told(comparing, tmp_path):
    notes = []
    comparing.session.note.connect(lambda *words: notes.append(words))
    comparing.compare.show_film(tmp_path)
    assert "is not a dataset" in notes[0][2] and comparing.compare._film is None


def click_segment(segments, item: str) -> None:
    QTest.mouseClick(segments, LEFT, NONE, segments.segment_rect(item).center().toPoint())
