"""Work off the GUI thread: one after the other, answered in order on the GUI thread, and never left out."""

from pathlib import Path
from threading import Event, current_thread, main_thread

import pytest

from app.writer import Writer
from engine.errors import MouthpieceError, ProjectError


@pytest.fixture
def writer(qapp) -> Writer:
    writer = Writer()
    yield writer
    writer.close()


def test_answers_come_on_the_gui_thread_in_the_order_of_the_asking(writer, qtbot):
    worked, answers = [], []
    for i in range(20):
        writer.run(lambda i=i: worked.append(current_thread()) or i, lambda answer: answers.append((answer, here())))

    def here():
        return current_thread() is main_thread()

    qtbot.waitUntil(lambda: len(answers) == 20)
    assert answers == [(i, True) for i in range(20)]
    assert len(set(worked)) == 1 and main_thread() not in worked


def test_errors_come_as_answers_and_what_follows_is_done(writer):
    answers = []

    def damaged():
        raise ProjectError("It is damaged; open another.")

    def missing():
        Path("/nowhere/at all").read_bytes()

    for work in (damaged, missing, lambda: "done"):
        writer.run(work, answers.append)
    writer.wait()
    assert str(answers[0]) == "It is damaged; open another."
    assert isinstance(answers[1], MouthpieceError) and "/nowhere/at all: No such file" in str(answers[1])
    assert answers[2] == "done"


def test_waiting_includes_what_the_answers_ask_for(writer):
    answers = []
    writer.run(lambda: 1, lambda one: writer.run(lambda: one + 1, answers.append))
    writer.wait()
    assert answers == [2]


def test_work_is_done_even_if_nobody_is_left_to_hear_of_it(qapp):
    import shiboken6

    writer, may_go_on, done = Writer(), Event(), Event()
    thread = writer._thread
    writer.run(lambda: may_go_on.wait(60) and done.set(), lambda _: None)
    shiboken6.delete(writer)
    may_go_on.set()
    thread.shutdown(wait=True)
    assert done.is_set()
