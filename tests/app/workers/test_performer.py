"""The performer process."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.workers.performer import PerformerProcess
from engine.audio.ring import OUTPUT_RING, VOICE_RING, SampleRing
from engine.camera import Orbit
from tests.fakes.avatar import FakeAvatar
from tests.fakes.rasterizer import DotRasterizer

PATIENCE_S = 60.0
CHECKOUT = Path(__file__).resolve().parents[3]
PARTS = ("film", "frames", "head_moving", "inspecting", "performer", "rival", "stage", "voice_line")
OF_FEW = {"av", "PIL", "scipy.signal", "soundfile"}


def test_what_few_performances_need_is_not_loaded_before_an_avatar_moves():
    names = ", ".join(f"app.workers.{part}" for part in PARTS)
    code = f"import sys, {names}; print(sorted({OF_FEW} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class ScriptedLines:
    """A window that asks what a generator yields, round by round, and goes when there is nothing more."""

    def __init__(self, script) -> None:
        self.said: list[dict] = []
        self.is_closed = False
        self._script = script(self.said)

    def take(self) -> list[dict]:
        asked = next(self._script, None)
        self.is_closed = asked is None
        return asked or []

    def has(self, *actions: str) -> bool:
        return False

    def wait(self, seconds: float) -> bool:
        return False

    def say(self, event: str, **fields) -> None:
        self.said.append({"event": event, **fields})

    say_newest = say


def until_said(said: list[dict], event: str):
    """Rounds without requests until an event was said."""
    patient_until = time.monotonic() + PATIENCE_S
    while not any(row["event"] == event for row in said):
        assert time.monotonic() < patient_until, f"{event} was never said"
        yield []


@pytest.fixture
def perform(tmp_path):
    """Runs a performer whose window follows a script."""
    rings = [SampleRing.create(tmp_path / name, 48_000) for name in (VOICE_RING, OUTPUT_RING)]

    def run(script) -> None:
        lines = ScriptedLines(script)
        PerformerProcess(tmp_path, lines, lambda path: FakeAvatar(), lambda *name: DotRasterizer()).run()

    yield run
    for ring in rings:
        ring.close()


def test_a_small_picture_waits_until_the_hand_rests(perform):
    portrait = {"do": "portrait", "name": "smile", "size": [32, 32], "orbit": Orbit().to_json()}
    waited = []

    def script(said):
        yield [{"do": "avatar", "path": "a.avatar", "number": 1}]
        yield from until_said(said, "avatar_entered")
        yield [portrait]
        waited.append(any(row["event"] == "portrait" for row in said))  # with nothing in hand it is drawn at once
        said.clear()
        yield [{"do": "look", "values": {"pose.yaw": 3.0}}, portrait]
        waited.append(any(row["event"] == "portrait" for row in said))
        yield from until_said(said, "portrait")

    perform(script)
    assert waited == [True, False]
