"""What a workspace needs at its first showing, made ready while nobody touches anything."""

import importlib
from collections.abc import Iterator, Sequence
from functools import partial

from PySide6.QtCore import QObject, QTimer

from app.windows.file_tasks import FileTasks

RESTED_MS, BETWEEN_MS = 2500, 250


class Preparation(QObject):
    """Loads modules on a thread of the pool, then takes steps of work that each hold the window up for a blink.

    Args:
        modules: loaded first, in this order.
        work: goes on by one step at a time.
    """

    def __init__(self, tasks: FileTasks, modules: Sequence[str], work: Iterator[None], parent: QObject) -> None:
        super().__init__(parent)
        self._tasks, self._modules, self._work = tasks, list(modules), work
        self.is_done = False
        self._is_loading = False
        self._rest = QTimer(self, singleShot=True)
        self._rest.timeout.connect(self._go_on)

    def wait(self, *_) -> None:
        """Something moves: what is left waits until it has rested."""
        if not self.is_done and not self._is_loading:
            self._rest.start(RESTED_MS)

    def _go_on(self) -> None:
        if self._modules:
            self._is_loading = True
            self._tasks.run(partial(importlib.import_module, self._modules.pop(0)), self._on_loaded)
        elif next(self._work, self) is self:
            self.is_done = True
        else:
            self._rest.start(BETWEEN_MS)

    def _on_loaded(self, _module: object) -> None:
        self._is_loading = False
        self._rest.start(BETWEEN_MS)
