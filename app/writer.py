"""Work with the user's files off the GUI thread, one thing after the other."""

import contextlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from PySide6.QtCore import QObject, Qt, Signal

from engine.errors import MouthpieceError, OutputError


class Writer(QObject):
    """Carries out work on one thread, in the order it was asked for; the answers come in that order, too.

    So a save follows the autosave before it, and nobody waits for the disk but who calls `wait`. What was asked for is
    carried out even if the program ends meanwhile: Python waits for the thread.
    """

    _done = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._asked: deque[tuple[Future, Callable[[object], None]]] = deque()
        self._done.connect(self._answer, Qt.ConnectionType.QueuedConnection)

    def run(self, work: Callable[[], object], then: Callable[[object], None]) -> None:
        """Calls `then` on the GUI thread with what `work` gave, or with the MouthpieceError that ended it."""
        future = self._thread.submit(_carried_out, work)
        self._asked.append((future, then))
        future.add_done_callback(self._say_done)

    def wait(self) -> None:
        """Returns when all is done and answered, also what the answers ask for."""
        while self._asked:
            wait([self._asked[0][0]])
            self._answer()

    def close(self) -> None:
        """Waits for all that was asked for, and ends the thread."""
        self.wait()
        self._thread.shutdown()

    def _say_done(self, _future: Future) -> None:
        with contextlib.suppress(RuntimeError):  # the window is gone; what was to be written is written
            self._done.emit()

    def _answer(self) -> None:
        while self._asked and self._asked[0][0].done():
            future, then = self._asked.popleft()
            then(future.result())


def _carried_out(work: Callable[[], object]) -> object:
    try:
        return work()
    except MouthpieceError as error:
        return error
    except OSError as error:
        return OutputError(f"{error.filename or 'A file'}: {error.strerror or error}.")
