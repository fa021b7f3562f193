"""The sound process under test: started as the window starts it, its events collected."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.audio.ring import VOICE_RING, SampleRing
from tests.virtual_sound import (  # noqa: F401  (fixtures)
    sound_folder,
    stopped_virtual_sound,
    virtual_microphone,
    virtual_sound,
    wait_until,
)


class SoundChild:
    """A running `_sound` child, its events and its voice ring."""

    def __init__(self, folder: Path) -> None:
        self.events: list[dict[str, Any]] = []
        self.ring = SampleRing.create(folder / VOICE_RING, 48_000, 60)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "_sound", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def ask(self, do: str, **fields: Any) -> None:
        self.process.stdin.write(json.dumps({"do": do, **fields}) + "\n")
        self.process.stdin.flush()

    def wait_for(self, event: str, after: int = 0, **fields: Any) -> dict[str, Any]:
        """The first such event among those from number `after` on, now or when it comes."""

        def found() -> dict[str, Any] | None:
            return next((e for e in self.events[after:] if e["event"] == event and fields.items() <= e.items()), None)

        return wait_until(found, what=f"{event} {fields}, got {[e for e in self.events if e['event'] != 'heartbeat']}")

    def use_microphone(self, name: str | None = None) -> dict[str, Any]:
        """Asks for a microphone and waits until it is live."""
        self.ask("use_input", name=name)
        return self.wait_for("opened", after=len(self.events), kind="input")

    def wait_for_samples(self, n: int) -> None:
        wait_until(lambda: self.ring.written >= n, what=f"sample {n}")

    def close(self) -> int:
        """Closes its standard input, as a window that died would, and gives its exit code."""
        self.process.stdin.close()
        code = self.process.wait(60)
        self._reader.join()
        self.process.stdout.close()
        return code

    def _read(self) -> None:
        for line in self.process.stdout:
            self.events.append(json.loads(line))


@pytest.fixture
def sound_child(tmp_path) -> Iterator[SoundChild]:
    """A sound process that has not been asked for anything yet."""
    child = SoundChild(tmp_path)
    yield child
    if child.process.poll() is None:
        child.close()
    child.ring.close()
