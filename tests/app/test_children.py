"""A child of the window: what it is asked reaches it at once."""

import sys
import threading

import pytest

from app.children import IS_POSIX, Child

ECHO = """
import sys
from pathlib import Path

print('{"event": "ready"}', flush=True)
for line in sys.stdin:
    with Path(sys.argv[1]).open("a") as heard:
        heard.write(line)
"""


@pytest.mark.skipif(not IS_POSIX, reason="pipes are written by threads of Qt here")
def test_a_request_leaves_without_the_event_loop(qtbot, tmp_path, monkeypatch):
    heard = tmp_path / "heard"
    monkeypatch.setattr("app.children.program", lambda: (sys.executable, ["-c", ECHO, str(heard)]))
    child = Child("echo", [], tmp_path / "log")
    with qtbot.waitSignal(child.said, timeout=30_000):
        child.start()
    child.ask("look", values={"jaw.open": 0.5})
    for _ in range(30_000):  # the event loop stands still meanwhile
        if heard.exists() and heard.read_text().endswith("\n"):
            break
        threading.Event().wait(0.001)
    assert heard.read_text() == '{"do": "look", "values": {"jaw.open": 0.5}}\n'
    child.close()
    child.wait_closed()
