"""The library shows a frame of each take: drawn once by the performer, kept, and found again."""

import pytest
from PySide6.QtGui import QPixmap

from app.panels.library_files import read_take, takes_dir
from app.panels.take_pictures import SIZE, kept_picture, picture_file, read_look, telling_moment
from engine.take import load_take, rewrite_take_info
from tests.fakes.portraits import answer_portrait, asked_portraits, spoken_take
from tests.fakes.session import fake_schema

pytestmark = pytest.mark.display


def of_takes(session):
    return [row for row in asked_portraits(session) if row["name"].startswith("take ")]


def wait_for(studio, qtbot, n):
    """Answers what is asked until so many takes' pictures have been."""

    def answered():
        asked = asked_portraits(studio.session)
        if asked and not asked[-1]["name"].startswith("take "):
            answer_portrait(studio.session, asked[-1]["name"])
        return len(of_takes(studio.session)) >= n

    qtbot.waitUntil(answered, timeout=60_000)


def test_the_moment_is_one_of_speaking_with_open_eyes(tmp_path):
    take = load_take(spoken_take(tmp_path / "a.take"))
    at = telling_moment(take)
    assert 0.3 < take.result[at, 0] < 0.6
    lid = take.schema.index("au.06")
    take.info.schema_rows[lid]["name"] = "au.45"
    take.result[at - 2 : at + 3, lid] = 1.0
    assert not at - 2 <= telling_moment(take) <= at + 2


def test_a_take_of_other_controls_has_no_look(tmp_path):
    path = spoken_take(tmp_path / "a.take")
    schema = fake_schema()
    look = read_look(path, schema)
    assert len(look.controls) == len(schema) and look.orbit.azimuth_deg == 10
    assert read_look(path, type(schema)(schema.specs[1:])) is None
    (tmp_path / "b.take").write_bytes(b"no take")
    assert read_look(tmp_path / "b.take", schema) is None and kept_picture(tmp_path / "b.take") == b""


def test_a_take_gets_a_frame_of_itself_which_is_kept(studio, qtbot):
    path = spoken_take(takes_dir() / "a.take")
    studio.library.scan()
    wait_for(studio, qtbot, 1)
    request = of_takes(studio.session)[0]
    assert len(request["controls"]) == len(fake_schema()) and request["size"] == list(SIZE)
    answer_portrait(studio.session, request["name"], (10, 200, 10), SIZE)
    row = next(row for row in studio.window.library.takes.rows if row.entry.path == path)
    assert row.entry.has_picture and row._picture.toImage().pixelColor(5, 5).green() == 200
    qtbot.waitUntil(lambda: bool(kept_picture(path)), timeout=20_000)
    assert read_take(path, {}).has_picture
    rewrite_take_info(path, name="Another name", rating=4)
    assert read_take(path, {}).thumbnail == kept_picture(path) != b""


def test_a_take_of_another_avatar_shows_that_avatar_until_it_is_on_stage(studio, qtbot):
    spoken_take(takes_dir() / "a.take", avatar="Iris", seed=1)
    mine = spoken_take(takes_dir() / "b.take", avatar="Noa", seed=2)
    studio.library.scan()
    wait_for(studio, qtbot, 1)
    assert [row["name"] for row in of_takes(studio.session)] == [f"take {mine}"]


def test_a_take_the_avatar_cannot_show_is_tried_once(studio, qtbot):
    spoken_take(takes_dir() / "a.take")
    studio.library.scan()
    wait_for(studio, qtbot, 1)
    answer_portrait(studio.session, of_takes(studio.session)[0]["name"], None)
    spoken_take(takes_dir() / "b.take", seed=3)
    studio.library.scan()
    wait_for(studio, qtbot, 2)
    assert of_takes(studio.session)[1]["name"].endswith("b.take")


def test_pictures_are_known_by_the_samples(tmp_path):
    a, b = spoken_take(tmp_path / "a.take", seed=1), spoken_take(tmp_path / "b.take", seed=2)
    assert picture_file(a) != picture_file(b)
    rewrite_take_info(a, name="A much longer name than before", notes="words " * 40)
    again = picture_file(a)
    c = spoken_take(tmp_path / "c.take", seed=1)
    assert again == picture_file(c)


def test_without_a_picture_the_row_says_that_there_is_none(studio, qtbot):
    spoken_take(takes_dir() / "a.take", avatar="Nobody")
    studio.library.scan()
    qtbot.waitUntil(lambda: bool(studio.window.library.takes.rows), timeout=20_000)
    assert isinstance(studio.window.library.takes.rows[0]._picture, QPixmap)
    assert studio.window.library.takes.rows[0]._picture.isNull()
