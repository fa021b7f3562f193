"""Pictures are asked of the performer one at a time, and whoever asked hears of his own."""

from types import SimpleNamespace

import pytest
from PySide6.QtCore import QObject, Signal

from app.portraits import Portraits
from tests.fakes.portraits import answer_portrait, asked_portraits


class Session(QObject):
    performer_said = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self.calls = []
        self.frames = SimpleNamespace(newest=lambda: "a frame")

    def ask(self, do, **fields):
        self.calls.append(("ask", do, fields))


@pytest.fixture
def session(qapp):
    return Session()


@pytest.fixture
def portraits(session):
    return Portraits(session)


def names(session):
    return [row["name"] for row in asked_portraits(session)]


def test_one_picture_is_asked_at_a_time_and_each_owner_told_of_his(portraits, session, qtbot):
    told = []
    for name in ("a", "b", "c"):
        portraits.ask(self := object(), name, lambda image, png, name=name: told.append((name, image.width(), png[:4])),
                      values={name: 1.0})  # fmt: skip
    assert self is not None
    for i, name in enumerate(("a", "b", "c")):
        qtbot.waitUntil(lambda i=i: len(names(session)) == i + 1, timeout=10_000)
        assert asked_portraits(session)[-1] == {"name": name, "values": {name: 1.0}}
        answer_portrait(session, name)
    assert told == [(name, 252, b"\x89PNG") for name in ("a", "b", "c")]


def test_what_an_owner_dropped_is_not_asked_nor_told(portraits, session, qtbot):
    mine, yours, told = object(), object(), []
    portraits.ask(mine, "a", lambda *_: told.append("a"))
    portraits.ask(mine, "b", lambda *_: told.append("b"))
    portraits.ask(yours, "c", lambda *_: told.append("c"))
    qtbot.waitUntil(lambda: names(session) == ["a"], timeout=10_000)
    portraits.drop(mine)
    answer_portrait(session, "a")
    qtbot.waitUntil(lambda: names(session) == ["a", "c"], timeout=10_000)
    answer_portrait(session, "c")
    assert told == ["c"]


def test_an_avatar_that_cannot_look_so_gives_an_empty_picture(portraits, session, qtbot):
    told = []
    portraits.ask(object(), "a", lambda image, png: told.append((image.isNull(), png)))
    qtbot.waitUntil(lambda: names(session) == ["a"], timeout=10_000)
    answer_portrait(session, "a", color=None)
    assert told == [(True, b"")]
