"""The virtual camera's voice through a real sound server: a click in, a click out of the cable, counted in samples.

Mouth and cable are two pairs of channels of one loudspeaker, so one recording of it holds both on one clock.
"""

import os
import subprocess
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from engine.audio.ring import OUTPUT_RING, SampleRing
from tests.virtual_sound import VirtualSound, wait_until

pytestmark = pytest.mark.sound

RATE = 48_000
EAR, CABLE = "Ear", "Cable"
FRONT, REAR = "front-left,front-right", "rear-left,rear-right"


class Room:
    """A loudspeaker of four channels: what is said is in the first two, what leaves by the cable in the others."""

    def __init__(self, sound: VirtualSound) -> None:
        self.sound = sound
        self._recorder: subprocess.Popen | None = None
        sound.pactl("load-module", "module-null-sink", "sink_name=room", f"rate={RATE}", "channels=4",
                    f"channel_map={FRONT},{REAR}", "norewinds=1")  # fmt: skip
        self._pair("mouth", "Mouth", FRONT)
        self._cable = self._pair("cable", CABLE, REAR)
        sound.pactl("load-module", "module-remap-source", "source_name=ear", "master=room.monitor", "remix=no",
                    "channels=1", "channel_map=mono", "master_channel_map=front-left",
                    f"source_properties=\"device.description='{EAR}'\"")  # fmt: skip

    def unplug_cable(self) -> None:
        self.sound.remove(self._cable)

    def plug_cable_in(self) -> None:
        self._cable = self._pair("cable", CABLE, REAR)

    def record(self) -> None:
        command = ["parec", "--device=room.monitor", "--raw", "--format=float32le", f"--rate={RATE}", "--channels=4",
                   f"--channel-map={FRONT},{REAR}", "--latency-msec=5"]  # fmt: skip
        self._recorder = subprocess.Popen(command, stdout=subprocess.PIPE, env=self.sound.environment)
        self._heard = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def recording(self, seconds: float = 4.0) -> tuple[np.ndarray, float]:
        """The newest that the room has heard: `[n, 2]`, mouth and cable, and perf_counter seconds of its beginning."""
        heard = list(self._heard)[-round(seconds / 0.002) :]  # pieces of 2 ms or more
        raw = b"".join(piece for _, piece in heard)
        counts = np.cumsum([len(piece) / 16 for _, piece in heard])
        began = float(
            np.min(np.array([at for at, _ in heard]) - counts / RATE)
        )  # pieces come late by chance, not early
        return np.frombuffer(raw, dtype=np.float32).reshape(-1, 4)[:, [0, 2]], began

    def close(self) -> None:
        if self._recorder is not None:
            self._recorder.terminate()
            self._recorder.wait()
            self._reader.join()
            self._recorder.stdout.close()

    def _read(self) -> None:
        rest = b""
        while piece := os.read(self._recorder.stdout.fileno(), 1 << 16):
            piece = rest + piece
            whole = len(piece) // 16 * 16
            rest = piece[whole:]
            self._heard.append((time.perf_counter(), piece[:whole]))

    def _pair(self, key: str, name: str, channels: str) -> str:
        return self.sound.pactl(
            "load-module", "module-remap-sink", f"sink_name={key}", "master=room", "remix=no", "channels=2",
            f"channel_map={FRONT}", f"master_channel_map={channels}",
            f"sink_properties=\"device.description='{name}'\"",
        )  # fmt: skip


@pytest.fixture
def room(virtual_sound) -> Iterator[Room]:
    room = Room(virtual_sound)
    yield room
    room.close()


def clicks(seconds, every):
    sound = np.zeros(round(seconds * RATE), dtype=np.float32)
    for start in range(round(0.5 * RATE), len(sound) - 200, round(every * RATE)):
        sound[start : start + 96] = 0.9
    return sound


def onsets(samples):
    loud = np.flatnonzero(np.abs(samples) > 0.3)
    return loud[np.append(True, np.diff(loud) > RATE // 20)] if len(loud) else loud


def lateness_ms(room, ring):
    """How late each click of the cable's newest seconds is.

    Returns: against the time the ring gives it, which is what pictures are dated by, and against the mouth by count.
    """
    recording, began = room.recording()
    samples, first = ring.read(ring.written - 5 * RATE, 5 * RATE)
    said = np.array([ring.time_of(first + at) for at in onsets(samples)])
    mouth, cable = (onsets(recording[:, i]) for i in range(2))
    found = []
    for at in cable:
        left = began + at / RATE
        if (said < left).any() and (mouth <= at).any():
            found.append((1e3 * (left - said[said < left].max()), 1e3 * (at - mouth[mouth <= at].max()) / RATE))
    return np.array(found).reshape(-1, 2)


def at_a_beat(child, is_so, what):
    """Looks at each heartbeat until a condition comes true, and gives its value."""
    for _ in range(120):
        n_events = len(child.events)
        child.wait_for("heartbeat", after=n_events)
        if value := is_so():
            return value
    return pytest.fail(f"waited in vain for {what()}")


def wait_until_late(room, child, wanted_ms):
    """Waits until the newest clicks leave as late as that, to a few milliseconds; gives their lateness by count."""

    def settled():
        newest = lateness_ms(room, child.ring)[-4:]
        is_so = len(newest) == 4 and np.abs(newest[:, 0] - wanted_ms).max() < 7
        return is_so and float(np.median(newest[:, 1]))

    return at_a_beat(child, settled, lambda: f"{wanted_ms} ms, now {lateness_ms(room, child.ring)}")


def listen(room, child):
    child.use_microphone(EAR)
    room.record()


def use_cable(child, delay_ms, **fields):
    child.ask("delay_cable", delay_ms=delay_ms)
    n_events = len(child.events)
    child.ask("use_cable", name=CABLE, **fields)
    return child.wait_for("opened", after=n_events, kind="cable")


def test_a_click_leaves_the_cable_as_late_as_its_picture(room, sound_child):
    listen(room, sound_child)
    opened = use_cable(sound_child, 150)
    assert opened["name"] == CABLE
    room.sound.say(clicks(120, 0.5), RATE, into="mouth")
    first = wait_until_late(room, sound_child, 150)
    sound_child.ask("delay_cable", delay_ms=230)
    second = wait_until_late(room, sound_child, 230)
    assert second - first == pytest.approx(80, abs=8)
    newest = lambda: [e["cable"] for e in sound_child.events if e["event"] == "heartbeat"][-1]  # noqa: E731
    assert (newest()["state"], newest()["delay_ms"]) == ("live", 230)
    at_a_beat(sound_child, lambda: abs(newest()["offset_ms"]) < 5, newest)


def test_a_cable_that_is_unplugged_is_said_and_taken_again_when_it_is_back(room, sound_child):
    listen(room, sound_child)
    use_cable(sound_child, 150)
    room.sound.say(clicks(120, 0.5), RATE, into="mouth")
    wait_until_late(room, sound_child, 150)
    n_events = len(sound_child.events)
    room.unplug_cable()
    assert "unplugged" in sound_child.wait_for("lost", after=n_events, kind="cable", name=CABLE)["sentence"]
    assert sound_child.wait_for("error", after=n_events, kind="cable")["sentence"].startswith(f"{CABLE}: ")
    n_events = len(sound_child.events)
    room.plug_cable_in()
    sound_child.wait_for("back", after=n_events, kind="cable", name=CABLE)
    wait_until_late(room, sound_child, 150)


def test_muting_is_immediate_in_the_cable_too(room, sound_child):
    listen(room, sound_child)
    use_cable(sound_child, 1_000)
    room.sound.say(clicks(120, 0.1), RATE, into="mouth")
    at_a_beat(sound_child, lambda: len(onsets(room.recording()[0][:, 1])) > 5, lambda: "clicks")
    sound_child.ring.is_muted = True
    muted_at = time.perf_counter()
    at_a_beat(sound_child, lambda: room.recording()[1] > muted_at - 2, lambda: "what follows")
    recording, began = room.recording()
    left = began + np.flatnonzero(np.abs(recording[:, 1]) > 0.3) / RATE
    assert not len(left) or left[-1] < muted_at + 0.25  # the device's own buffer and the recorder's, not the delay


def test_a_played_take_reaches_the_cable_from_the_output_ring(room, sound_child, tmp_path):
    output = SampleRing.create(tmp_path / OUTPUT_RING, RATE, 10)
    room.record()
    use_cable(sound_child, 20, is_played=True)
    block = clicks(0.6, 1.0)[-4_800:]
    n_events = len(sound_child.events)
    for _ in range(3):  # as a take player keeps it filled, but for the pace
        output.write(np.concatenate([np.zeros(4_800, dtype=np.float32), block]))
        sound_child.wait_for("heartbeat", after=n_events)
        n_events = len(sound_child.events)
    assert sound_child.wait_for("heartbeat", after=n_events)["cable"]["state"] == "live"
    sound_child.ask("stop_cable")
    n_events = len(sound_child.events)
    wait_until(lambda: any(e["event"] == "heartbeat" and e["cable"]["state"] == "none"
                           for e in sound_child.events[n_events:]), what="the stop")  # fmt: skip
    output.close()


def test_a_cable_that_is_not_there_is_said_once_and_the_microphone_goes_on(room, sound_child):
    listen(room, sound_child)
    sound_child.ask("use_cable", name="No such cable")
    sentence = sound_child.wait_for("error", kind="cable")["sentence"]
    assert sentence.startswith("No such cable: ")
    sound_child.wait_for_samples(sound_child.ring.written + 96_000)
    assert len([e for e in sound_child.events if e["event"] == "error"]) == 1
