"""Garbage with Qt's objects in it ends on the GUI thread, whoever allocates."""

import gc
import threading

import pytest
from PySide6.QtCore import QObject, QThread
from PySide6.QtWidgets import QApplication

from app.collecting import Collector, collect_due


class Knot(QObject):
    """An object in a cycle: only a collection ends it."""

    def __init__(self, ends: list[int]) -> None:
        super().__init__()
        self.me = self
        self.destroyed.connect(lambda: ends.append(threading.get_ident()))


@pytest.fixture
def collector(qapp):
    gc.collect()
    made = Collector(qapp)
    yield made
    made.deleteLater()


def allocate() -> None:
    for _ in range(100):
        kept = [[] for _ in range(1000)]
        del kept


def test_a_thread_that_allocates_ends_no_object_of_the_window(collector):
    ends: list[int] = []
    Knot(ends)
    other = threading.Thread(target=allocate)
    other.start()
    other.join()
    assert ends == []


def test_the_window_ends_it_while_its_events_run(collector, qtbot):
    ends: list[int] = []
    Knot(ends)
    kept = [[] for _ in range(gc.get_threshold()[0] + 1)]
    qtbot.waitUntil(lambda: ends == [threading.get_ident()])
    assert kept
    assert QThread.currentThread() is QApplication.instance().thread()


def test_what_lives_long_is_looked_through_seldom(collector, monkeypatch):
    asked = []
    monkeypatch.setattr(gc, "collect", asked.append)
    for count in ((10, 0, 0), (701, 3, 0), (701, 11, 2), (701, 11, 11)):
        monkeypatch.setattr(gc, "get_count", lambda count=count: count)
        collect_due()
    assert asked == [0, 1, 2]


def test_the_opened_program_leaves_python_none_to_do(home, qapp, monkeypatch):
    from app import application
    from tests.fakes.session import FakeSession

    made = application.Studio
    monkeypatch.setattr(application, "Studio", lambda app, options: made(app, options, lambda _: FakeSession(home)))
    gc.enable()
    studio = application.opened(qapp, application.parse([]))
    assert not gc.isenabled()
    studio.window.close()
    studio.close()
    gc.unfreeze()
