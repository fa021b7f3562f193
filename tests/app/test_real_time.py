"""Real-time scheduling: asked for where the system knows it, and never an error where it says no."""

import os
import subprocess
import sys

import pytest

from app import real_time

ASK = """
import os
from app.real_time import ask_for_real_time
print(ask_for_real_time(), os.sched_getscheduler(0) == os.SCHED_RR)
"""


@pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="this system has no such scheduling")
def test_what_is_answered_is_what_the_process_got() -> None:
    said = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.split() in (["True", "True"], ["False", "False"])


def test_a_refusal_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse, raising=False)
    monkeypatch.setattr(os, "SCHED_RR", 2, raising=False)
    monkeypatch.setattr(os, "sched_param", int, raising=False)
    assert real_time.ask_for_real_time() is False


def test_a_system_without_it_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setscheduler", raising=False)
    assert real_time.ask_for_real_time() is False
