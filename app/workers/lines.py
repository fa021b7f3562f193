"""How a child process talks with the window: JSON lines in and out, neither of which ever blocks its work."""

import contextlib
import io
import json
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, BinaryIO

MAX_LINE_BYTES = 64 << 20
MAX_WAITING = 10_000


class Lines:
    """Requests in, events out, each on a thread of its own.

    A window that is too busy to read must not stop the child: events wait here, and of those said with a key only the
    newest is kept. When the window closes its end, `is_closed` turns true and the child should end.
    """

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._requests: deque[dict[str, Any]] = deque()
        self._events: deque[dict[str, Any]] = deque()
        self._newest: dict[str, dict[str, Any]] = {}
        self._something_in = threading.Event()
        self._out = threading.Condition()
        self._is_writing = self._is_ending = False
        self._has_room = _room_of(sink)
        self.is_closed = False
        self._reader = threading.Thread(target=self._read, name="requests", daemon=True)
        self._writer = threading.Thread(target=self._write, name="events", daemon=True)
        self._reader.start()
        self._writer.start()

    @classmethod
    def of_process(cls) -> "Lines":
        """The lines of this process; what any library prints goes to standard error from now on."""
        sink = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        return cls(os.fdopen(os.dup(0), "rb", buffering=0), sink)

    def take(self) -> list[dict[str, Any]]:
        """All requests that came since the last call."""
        self._something_in.clear()
        taken = []
        while self._requests:
            taken.append(self._requests.popleft())
        return taken

    def has(self, *actions: str) -> bool:
        """Whether a request of one of these kinds waits to be taken."""
        return any(request.get("do") in actions for request in tuple(self._requests))

    def wait(self, seconds: float) -> bool:
        """Sleeps until a request comes or the time is over; True when there is something to take (or the end)."""
        return self._something_in.wait(max(0.0, seconds))

    def say(self, event: str, **fields: Any) -> None:
        """Sends an event, in order."""
        with self._out:
            if len(self._events) < MAX_WAITING:
                self._events.append({"event": event, **fields})
            self._out.notify()

    def say_newest(self, event: str, **fields: Any) -> None:
        """Sends an event that replaces an unsent one of the same name; at once where the pipe has room for it.

        The thread that writes would first have to be woken and be given the interpreter, for which a picture that is
        ready should not wait.
        """
        row = {"event": event, **fields}
        with self._out:
            if not (self._events or self._newest or self._is_writing) and self._has_room():
                text = _text([row])
                if len(text) <= select.PIPE_BUF:
                    self._write_out(text)
                    return
            self._newest[event] = row
            self._out.notify()

    def close(self) -> None:
        """Sends what is waiting, for at most a second."""
        with self._out:
            self._is_ending = True
            self._out.notify()
        self._writer.join(1.0)

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            buffered = self._source if hasattr(self._source, "peek") else io.BufferedReader(self._source)
            while line := buffered.readline(MAX_LINE_BYTES):
                request = _parsed(line)
                if request is not None:
                    self._requests.append(request)
                    self._something_in.set()
        self.is_closed = True
        self._something_in.set()

    def _write(self) -> None:
        while True:
            with self._out:
                self._is_writing = False
                while not (self._events or self._newest or self._is_ending):
                    self._out.wait()
                batch = [*self._events, *self._newest.values()]
                self._events.clear()
                self._newest.clear()
                if not batch:
                    return
                self._is_writing = True
            if not self._write_out(_text(batch)):
                return

    def _write_out(self, text: bytes) -> bool:
        try:
            _write_all(self._sink, text)
        except OSError:
            self.is_closed = True
            self._something_in.set()
            return False
        return True


def _text(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _room_of(sink: BinaryIO) -> Callable[[], bool]:
    """What tells whether a pipe takes a short line without blocking; nothing does on Windows."""
    if not hasattr(select, "poll") or not hasattr(select, "PIPE_BUF"):
        return lambda: False
    poll = select.poll()
    poll.register(sink, select.POLLOUT)
    return lambda: any(events & select.POLLOUT for _, events in poll.poll(0))


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        request = json.loads(line)
    except ValueError:
        print(f"a line that is not JSON was left out: {line[:80]!r}", file=sys.stderr)
        return None
    return request if isinstance(request, dict) else None


def _write_all(sink: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        n = sink.write(view)
        view = view[n:] if n is not None else view
