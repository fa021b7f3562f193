"""The sound server of Linux desktops (PulseAudio, or PipeWire in its place) as `pactl` shows it."""

import contextlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

_ANSWER_SECONDS = 2.0
_CONNECT_SECONDS = 0.2  # pactl has given up by then where there is no server
_VARIABLES = {"input": "PULSE_SOURCE", "output": "PULSE_SINK"}
_WATCHED = (" on source #", " on sink #", " on server", " on card #")


def is_installed() -> bool:
    return shutil.which("pactl") is not None


def list_devices() -> list[dict[str, Any]]:
    """Sources and sinks as fields of `AudioDevice`; empty when no server answers."""
    server = _ask("info")
    if not isinstance(server, dict):
        return []
    sources, sinks = _ask("list", "sources"), _ask("list", "sinks")
    if not isinstance(sources, list) or not isinstance(sinks, list):
        return []
    found = []
    for kind, rows, default in (
        ("input", sources, server.get("default_source_name")),
        ("output", sinks, server.get("default_sink_name")),
    ):
        descriptions = [row["description"] for row in rows]
        for row in rows:
            channels, rate_hz = _specification(row["sample_specification"])
            is_twin = descriptions.count(row["description"]) > 1
            found.append(
                {
                    "name": f"{row['description']} ({row['name']})" if is_twin else row["description"],
                    "kind": kind,
                    "channels": channels,
                    "rate_hz": rate_hz,
                    "is_default": row["name"] == default,
                    "is_monitor": kind == "input" and bool(row.get("monitor_source")),
                    "is_muted": bool(row.get("mute")),
                    "key": row["name"],
                }
            )
    return sorted(found, key=lambda row: row["is_monitor"])


def latency_ms(key: str) -> float | None:
    """What the server says lies between the air and a source's sound reaching it, None when it does not know."""
    rows = _ask("list", "sources")
    row = next((row for row in rows if row["name"] == key), None) if isinstance(rows, list) else None
    return row["latency"]["actual"] / 1000 if row is not None else None


def output_latency_ms(key: str) -> float | None:
    """What lies between this process's newest sample for a sink and its leaving, None when the server does not know.

    A sink without hardware, such as a cable, hands on at once what it takes from a stream's buffer.
    """
    sinks, streams = _ask("list", "sinks"), _ask("list", "sink-inputs")
    if not isinstance(sinks, list) or not isinstance(streams, list):
        return None
    sink = next((row for row in sinks if row["name"] == key), None)
    mine = str(os.getpid())
    for row in reversed(streams):
        is_mine = row["properties"].get("application.process.id") == mine
        if sink is not None and is_mine and row["sink"] == sink["index"]:
            beyond = row["sink_latency_usec"] if "HARDWARE" in sink["flags"] else 0.0
            return (row["buffer_latency_usec"] + beyond) / 1000
    return None


@contextlib.contextmanager
def stream_on(kind: str, key: str) -> Iterator[None]:
    """Within this, a stream opened through ALSA's `pulse` device goes to the source or sink `key`."""
    variable = _VARIABLES[kind]
    before = os.environ.get(variable)
    os.environ[variable] = key
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


class ServerWatcher:
    """Notices that devices came, went or changed: `pactl subscribe`, read on a thread of its own."""

    RETRY_SECONDS = 0.5

    def __init__(self) -> None:
        self._changed = threading.Event()
        self._is_stopping = threading.Event()
        self._process: subprocess.Popen | None = None
        self._thread = threading.Thread(target=self._watch, name="sound server", daemon=True)
        self._thread.start()

    def take_change(self) -> bool:
        """Whether anything changed since the last call."""
        has_changed = self._changed.is_set()
        self._changed.clear()
        return has_changed

    def close(self) -> None:
        self._is_stopping.set()
        if self._process is not None:
            self._process.terminate()
        self._thread.join(2.0)

    def _watch(self) -> None:
        while not self._is_stopping.is_set():
            try:
                self._process = subprocess.Popen(
                    ["pactl", "subscribe"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    env=_plain_language(),
                )
            except OSError:
                return
            self._is_stopping.wait(_CONNECT_SECONDS)
            has_server = self._process.poll() is None
            if has_server:
                self._changed.set()
            with self._process:
                for line in self._process.stdout:
                    if any(watched in line for watched in _WATCHED):
                        self._changed.set()
            if has_server:
                self._changed.set()  # the server itself has gone
            self._is_stopping.wait(self.RETRY_SECONDS)


def _ask(*what: str) -> Any:
    try:
        done = subprocess.run(
            ["pactl", "-f", "json", *what],
            capture_output=True,
            timeout=_ANSWER_SECONDS,
            env=_plain_language(),
            stdin=subprocess.DEVNULL,
        )
        return json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None


def _plain_language() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def _specification(text: str) -> tuple[int, float]:
    """Channels and rate of `s16le 2ch 48000Hz`."""
    _, channels, rate = text.split()
    return int(channels.removesuffix("ch")), float(rate.removesuffix("Hz"))
