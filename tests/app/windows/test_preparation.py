"""What is made ready while the window rests."""

from PySide6.QtCore import QObject, QTimer

from app.windows import preparation as module
from app.windows.preparation import Preparation


class Tasks:
    """Does the work at once, and answers when asked to."""

    def __init__(self) -> None:
        self.names, self._then = [], None

    def run(self, work, then) -> None:
        self.names.append(work().__name__)
        self._then = then

    def answer(self) -> None:
        self._then(None)


def test_a_window_at_rest_loads_modules_and_then_takes_one_step_at_a_time(qtbot, monkeypatch):
    monkeypatch.setattr(module, "RESTED_MS", 1)
    monkeypatch.setattr(module, "BETWEEN_MS", 1)
    done, tasks, parent = [], Tasks(), QObject()

    def work():
        for name in ("list", "stage"):
            done.append(name)
            yield

    preparation = Preparation(tasks, ["colorsys"], work(), parent)
    assert not parent.findChild(QTimer).isActive()  # nothing has happened yet
    preparation.wait("an avatar")
    qtbot.waitUntil(lambda: tasks.names == ["colorsys"])
    preparation.wait()
    assert not parent.findChild(QTimer).isActive() and done == []  # it is still being loaded
    tasks.answer()
    qtbot.waitUntil(lambda: preparation.is_done)
    assert done == ["list", "stage"]


def test_whatever_moves_puts_the_next_step_off(qtbot, monkeypatch):
    monkeypatch.setattr(module, "RESTED_MS", 600_000)
    parent = QObject()
    preparation = Preparation(Tasks(), [], iter([None]), parent)
    preparation.wait()
    timer = parent.findChild(QTimer)
    timer.start(1000)
    preparation.wait()
    assert timer.remainingTime() > 1000 and not preparation.is_done
