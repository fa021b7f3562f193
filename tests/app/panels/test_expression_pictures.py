"""Expression tiles get pictures of the avatar on stage, one request at a time, and keep them."""

import pytest

from tests.fakes.portraits import answer_portrait, asked_portraits

pytestmark = pytest.mark.display


@pytest.fixture
def asking(studio, qtbot):
    qtbot.waitUntil(lambda: bool(asked_portraits(studio.session)), timeout=60_000)
    return studio


def test_pictures_are_asked_one_at_a_time_with_what_the_expression_moves(asking, qtbot):
    first = asked_portraits(asking.session)
    assert len(first) == 1 and first[0]["name"] == "Neutral" and first[0]["values"] == {}
    answer_portrait(asking.session, "Neutral")
    qtbot.waitUntil(lambda: len(asked_portraits(asking.session)) == 2)
    smile = asked_portraits(asking.session)[1]
    assert (smile["name"] == "Smile" and smile["values"].get("au.12", 0) > 0) or smile["values"]


def test_the_answer_stands_on_its_tile_instead_of_the_sketch(asking):
    tiles = asking.window.face.tiles
    rect = tiles.rect_of("Neutral").toRect()
    before = tiles.grab().toImage().pixelColor(rect.center().x(), rect.top() + 20)
    answer_portrait(asking.session, "Neutral")
    after = tiles.grab().toImage().pixelColor(rect.center().x(), rect.top() + 20)
    assert before != after and after.red() > 200 and after.green() < 60


def test_an_avatar_seen_before_has_its_pictures_at_once(asking, home):
    answer_portrait(asking.session, "Neutral")
    n = len(asked_portraits(asking.session))
    asking.library.open_avatar(home / "Iris.avatar")
    asking.library.open_avatar(home / "Noa.avatar")
    assert asking.window.face.tiles._pictures["Neutral"].width() == 252
    assert all(row["name"] != "Neutral" for row in asked_portraits(asking.session)[n:])
