"""Finishing and writing frames on a thread of its own, so that the next one is drawn meanwhile."""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

WAITING = 3
"""Frames that may wait: enough to even out a slow one, few enough that memory stays as it is."""


class WritingThread(Generic[Item]):
    """Hands items, in order, to a function on another thread. Use as a context manager.

    A clean exit waits until all is written; an exit by an exception (a stopped render) drops what still waits.

    Args:
        write: what is done with each item; numba's parallel functions have no place in it, they belong to the thread
            that draws.
    """

    def __init__(self, write: Callable[[Item], None]) -> None:
        self._write = write
        self._items: queue.Queue[Item | None] = queue.Queue(WAITING)
        self._error: BaseException | None = None
        self._is_dropping = False
        self._thread = threading.Thread(target=self._run, name="writing frames", daemon=True)

    def __enter__(self) -> "WritingThread[Item]":
        self._thread.start()
        return self

    def put(self, item: Item) -> None:
        """Queues an item, once there is room. Raises what went wrong with an earlier one."""
        self._raise_error()
        self._items.put(item)

    def __exit__(self, kind, value, trace) -> None:
        self._is_dropping = kind is not None
        self._items.put(None)
        self._thread.join()
        if kind is None:
            self._raise_error()

    def _run(self) -> None:
        """After an error items are still taken, so that nobody waits for room for ever."""
        while (item := self._items.get()) is not None:
            if self._error is not None or self._is_dropping:
                continue
            try:
                self._write(item)
            except BaseException as error:  # the edge of a thread: it is raised again where frames are drawn
                self._error = error

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error
