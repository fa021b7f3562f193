"""The library finds, shows, searches and renames what lies on disk."""

import io
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from safetensors.numpy import save_file

from app.panels import library_files
from app.panels.library_files import (
    AvatarEntry,
    TakeEntry,
    flac_seconds,
    length_text,
    next_take_name,
    read_avatar,
    read_take,
    short_count,
    take_seconds,
    when_words,
)
from engine.take import Take, TakeInfo, save_take
from tests.fakes.session import fake_manifest, fake_schema


def make_take(path: Path, seconds: float = 2.0, voice_seconds: float = 2.5, **info) -> None:
    schema = fake_schema()
    times = np.arange(int(seconds * 25) + 1) / 25
    zeros = np.zeros((len(times), len(schema)), np.float32)
    camera, voice = np.zeros((len(times), 8), np.float32), np.zeros(int(voice_seconds * 16_000), np.float32)
    fields = TakeInfo(schema_rows=schema.to_json(), rate_hz=16_000, **info)
    save_take(path, Take(fields, times, zeros, zeros, zeros, camera, voice))


def make_avatar(path: Path, name: str = "Noa") -> None:
    metadata = {"format": "mouthpiece-avatar", "manifest": fake_manifest(name).model_dump_json()}
    save_file({"means": np.zeros((2, 3), np.float32)}, path, metadata)


def test_an_avatar_is_read_without_its_tensors(tmp_path):
    make_avatar(tmp_path / "Noa.avatar")
    entry = read_avatar(tmp_path / "Noa.avatar")
    assert (entry.name, entry.meta, entry.problem) == ("Noa", "EmbedTalk, 30k", "")
    assert entry.thumbnail[:4] == b"\x89PNG"


def test_a_broken_avatar_stays_in_the_list_with_its_problem(tmp_path):
    (tmp_path / "Old.avatar").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    entry = read_avatar(tmp_path / "Old.avatar")
    assert entry.name == "Old" and "incomplete" in entry.problem and entry.meta == "Cannot be opened"


def test_a_take_says_how_long_it_is_by_a_few_bytes(tmp_path):
    make_take(tmp_path / "a.take", seconds=2.0, voice_seconds=2.5)
    assert take_seconds(tmp_path / "a.take") == pytest.approx(2.5)
    make_take(tmp_path / "b.take", seconds=4.0, voice_seconds=2.5)
    assert take_seconds(tmp_path / "b.take") == pytest.approx(4.0)


def test_a_take_shows_the_picture_of_its_avatar(tmp_path):
    make_take(tmp_path / "a.take", name="Intro", avatar={"name": "Noa"}, rating=4, created="2026-03-01T14:02:00+00:00")
    entry = read_take(tmp_path / "a.take", {"Noa": b"png"})
    assert (entry.name, entry.avatar, entry.rating, entry.thumbnail) == ("Intro", "Noa", 4, b"png")
    (tmp_path / "c.take").write_bytes(b"nothing of the kind")
    assert read_take(tmp_path / "c.take", {}) is None


@pytest.mark.parametrize("rate, n", [(16_000, 8000), (48_000, 1), (44_100, 441_000)])
def test_flac_length_is_read_from_its_first_block(rate, n):
    stream = io.BytesIO()
    soundfile.write(stream, np.zeros(n, np.float32), rate, format="FLAC")
    assert flac_seconds(stream.getvalue()[:42]) == pytest.approx(n / rate)
    assert flac_seconds(b"RIFF") == 0.0


def test_words_of_lists():
    assert [short_count(n) for n in (850, 30_118, 1_250_000)] == ["850", "30k", "1.2M"]
    assert [length_text(s) for s in (9.9, 42, 3723)] == ["0:09", "0:42", "1:02:03"]
    now = datetime(2026, 3, 2, 14, 2)
    assert when_words(now, date(2026, 3, 2)) == "Today 14:02"
    assert when_words(now - timedelta(days=1), date(2026, 3, 2)) == "Yesterday"
    assert when_words(now - timedelta(days=2), date(2026, 3, 2)) == "28 February"
    assert when_words(now - timedelta(days=400), date(2026, 3, 2)) == "26 January 2025"
    assert next_take_name([]) == "Take 01"
    assert next_take_name(["Intro", "Take 04", "Take 11", "Take two"]) == "Take 12"


AVATARS = [AvatarEntry(Path("/a/Noa.avatar"), "Noa", "dgtalker", 30_118),
           AvatarEntry(Path("/a/Iris.avatar"), "Iris", "embedtalk", 30_000),
           AvatarEntry(Path("/a/Old.avatar"), "Old", problem="It stops at byte 4.")]  # fmt: skip
TAKES = [TakeEntry(Path("/t/1.take"), "Intro, warm", 42.0, datetime(2026, 3, 1, 12), "Noa", 4),
         TakeEntry(Path("/t/2.take"), "Outro", 25.0, datetime(2026, 3, 2, 12), "Iris", 5)]  # fmt: skip


@pytest.fixture
def library(theme, qtbot):
    from app.panels.library import LibraryPanel

    panel = LibraryPanel(theme)
    qtbot.addWidget(panel)
    panel.resize(240, 670)
    panel.show_avatars(AVATARS)
    panel.show_takes(TAKES)
    panel.show()
    QApplication.processEvents()
    return panel


pytestmark = pytest.mark.display


def test_a_click_on_a_tile_asks_for_that_avatar_and_the_stage_is_marked(library, qtbot):
    with qtbot.waitSignal(library.avatar_chosen) as chosen:
        QTest.mouseClick(library.avatars.tiles[1], Qt.MouseButton.LeftButton)
    assert chosen.args == [AVATARS[1]]
    library.show_stage(AVATARS[1].path)
    assert [tile.accessibleDescription() for tile in library.avatars.tiles] == ["", "on stage", ""]


def test_search_narrows_avatars_and_takes_alike(library):
    QTest.keyClicks(library.search, "iris")
    assert [tile.entry.name for tile in library.avatars.tiles] == ["Iris"]
    assert [row.entry.name for row in library.takes.rows] == ["Outro"]
    library.search.setText("nobody")
    assert not library.avatars.isVisible() and "nobody" in library._no_avatars.text()


def test_empty_lists_say_what_to_do(library):
    library.show_avatars([])
    library.show_takes([])
    assert library._no_avatars.isVisible() and "drop it here" in library._no_avatars.text()
    assert library._no_takes.isVisible()


def test_f2_renames_in_place_and_escape_does_not(library, qtbot):
    row = library.takes.rows[0]
    row.setFocus()
    QTest.keyClick(row, Qt.Key.Key_F2)
    row._editor.setText("Closing words")
    with qtbot.waitSignal(library.take_renamed) as renamed:
        QTest.keyClick(row._editor, Qt.Key.Key_Return)
    assert renamed.args == [row.entry, "Closing words"]
    QTest.keyClick(row, Qt.Key.Key_F2)
    row._editor.setText("Something else")
    told = []
    library.take_renamed.connect(lambda *args: told.append(args))
    QTest.keyClick(row._editor, Qt.Key.Key_Escape)
    assert row._editor is None and told == []


def test_a_click_on_a_star_rates_and_a_second_one_takes_it_back(library, qtbot):
    row = next(row for row in library.takes.rows if row.entry.rating == 4)
    with qtbot.waitSignal(library.take_rated) as rated:
        QTest.mouseClick(row, Qt.MouseButton.LeftButton, pos=QPoint(80 + 13 + 6, 42))
    assert rated.args == [row.entry, 2]
    with qtbot.waitSignal(library.take_rated) as rated:
        QTest.mouseClick(row, Qt.MouseButton.LeftButton, pos=QPoint(80 + 3 * 13 + 6, 42))
    assert rated.args == [row.entry, 0]


def test_arrows_walk_through_the_takes(library, qtbot):
    first, second = library.takes.rows
    QTest.mouseClick(first, Qt.MouseButton.LeftButton, pos=QPoint(150, 10))
    with qtbot.waitSignal(library.take_chosen) as chosen:
        QTest.keyClick(first, Qt.Key.Key_Down)
    assert chosen.args == [second.entry] and second.isChecked() and not first.isChecked()


def test_takes_can_be_sorted(library):
    assert [row.entry.name for row in library.takes.rows] == ["Outro", "Intro, warm"]
    library._set_sort("name")
    assert [row.entry.name for row in library.takes.rows] == ["Intro, warm", "Outro"]
    library._set_sort("rating")
    assert library.takes.rows[0].entry.rating == 5


def test_a_section_folds_and_unfolds(library):
    library._avatars_fold._button.click()
    assert not library.avatars.isVisible()
    library._avatars_fold._button.click()
    assert library.avatars.isVisible()


def test_the_scan_finds_files_and_notices_new_ones(tmp_path, monkeypatch, qtbot, qapp):
    monkeypatch.setenv("MOUTHPIECE_DATA", str(tmp_path))
    monkeypatch.setattr(library_files, "ASSETS", tmp_path / "assets")
    make_avatar(library_files.avatars_dir() / "Noa.avatar")
    scan = library_files.LibraryScan(lambda: [tmp_path / "gone.avatar"])
    avatars = []
    scan.avatars_found.connect(avatars.extend)
    with qtbot.waitSignal(scan.takes_found, timeout=20_000):
        scan.scan()
    assert [entry.name for entry in avatars] == ["Noa"]
    with qtbot.waitSignal(scan.takes_found, timeout=20_000, check_params_cb=lambda takes: bool(takes)) as found:
        make_take(library_files.takes_dir() / "1.take", name="Take 01")
    assert [take.name for take in found.args[0]] == ["Take 01"]
