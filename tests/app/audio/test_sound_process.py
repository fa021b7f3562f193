"""The sound process with a real sound server, real faults, and the memory-mapped rings others read."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from scipy.signal import correlate

from app.audio.devices import AudioDevice
from engine.audio.resample import resample
from engine.audio.ring import OUTPUT_RING, SampleRing, SourceState
from engine.audio.wav import read_sound
from tests.engine.audio.contract import speech_like
from tests.virtual_sound import MICROPHONE_NAME, SINK_NAME, PipeMicrophone, wait_until

pytestmark = pytest.mark.sound


def heard(child, begin, seconds):
    """Waits for `seconds` from sample `begin` on and gives them."""
    n = round(seconds * child.ring.rate_hz)
    child.wait_for_samples(begin + n)
    samples, first = child.ring.read(begin, n)
    assert first == begin
    return samples


def heard_once_it_sounds(child, seconds):
    """Waits for the first sound from now on, and gives the time from two seconds before it to `seconds` after it."""
    ring, begin = child.ring, child.ring.written

    def onset():
        samples, first = ring.read(begin, ring.written - begin)
        loud = np.flatnonzero(np.abs(samples) > 0.01)
        return first + loud[0] if len(loud) else 0

    began = max(begin, wait_until(onset, what="a sound") - round(2 * ring.rate_hz))
    return heard(child, began, seconds + 2.0)


def likeness(recording, sound):
    """Greatest normalised correlation of `sound` with any stretch of `recording`."""
    products = correlate(recording.astype(np.float64), sound, mode="valid")
    energy = correlate(np.square(recording.astype(np.float64)), np.ones(len(sound)), mode="valid")
    return float(np.max(products / np.sqrt(np.maximum(energy, 1e-9) * np.sum(np.square(sound, dtype=np.float64)))))


def tone(hz, seconds, rate_hz=48_000):
    return (0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def rms(samples):
    return float(np.sqrt(np.mean(np.square(samples))))


def test_what_is_said_into_the_microphone_is_in_the_ring(virtual_sound, sound_child):
    sound_child.use_microphone()
    said = speech_like(2.0)
    virtual_sound.say(said, latency_ms=2_000)
    recording = resample(heard_once_it_sounds(sound_child, 2.5), 48_000)
    assert likeness(recording, said) > 0.97
    assert sound_child.ring.lost_samples == 0


@pytest.mark.shared
def test_real_speech_is_captured_as_it_is(virtual_sound, sound_child, shared_data):
    speech, _ = read_sound(shared_data / "speech" / "RD_Radio31_000.wav")
    sound_child.use_microphone()
    virtual_sound.say(shared_data / "speech" / "RD_Radio31_000.wav", latency_ms=5_000)
    recording = resample(heard_once_it_sounds(sound_child, 4.5), 48_000)
    assert likeness(recording, speech[:64_000]) > 0.98
    for second in range(4):
        assert likeness(recording, speech[16_000 * second : 16_000 * (second + 1)]) > 0.95
    assert sound_child.ring.lost_samples == 0


def test_every_sample_carries_the_time_it_was_in_the_air(virtual_sound, sound_child):
    burst, silence = tone(1_000, 0.01), np.zeros(480, dtype=np.float32)
    microphone = PipeMicrophone(virtual_sound, lambda number: burst if number % 50 == 20 else silence)
    try:
        sound_child.use_microphone()
        samples = heard(sound_child, sound_child.ring.written, 6.0)[4 * 48_000 :]
        first = sound_child.ring.written - len(samples)
        samples, first = sound_child.ring.read(first, len(samples))
        times = [sound_child.ring.time_of(first + i) for i in _beginnings(samples)]
    finally:
        microphone.close()
    happened = np.array(microphone.written[20::50]) - 0.01  # a block is handed over when its last sample has happened
    errors = [time_ - happened[np.abs(happened - time_).argmin()] for time_ in times]
    assert len(times) >= 3 and abs(np.median(errors)) < 0.02


def _beginnings(samples):
    loud = np.flatnonzero(np.abs(samples) > 0.1)
    return loud[np.append(True, np.diff(loud) > 4_800)]


def test_the_ring_keeps_pace_with_the_clock(virtual_sound, sound_child):
    sound_child.use_microphone()
    ring = sound_child.ring
    sound_child.wait_for_samples(ring.written + 24_000)
    begin, began = ring.written, ring.time_of(ring.written)
    sound_child.wait_for_samples(begin + 2 * 48_000)
    assert ring.written - begin == pytest.approx((ring.time_of(ring.written) - began) * 48_000, abs=1_200)


def test_mute_silences_the_ring_at_once_and_comes_off_again(virtual_sound, sound_child):
    sound_child.use_microphone()
    virtual_sound.say(tone(440, 60), 48_000)
    ring = sound_child.ring
    wait_until(lambda: rms(ring.read(ring.written - 4_800, 4_800)[0]) > 0.1, what="the tone")
    ring.is_muted = True
    sound_child.wait_for_samples(ring.written + 1)  # the block that was on its way; all that follow know
    assert not heard(sound_child, ring.written, 0.2).any()
    sound_child.ask("mute", is_muted=False)
    wait_until(lambda: rms(ring.read(ring.written - 4_800, 4_800)[0]) > 0.1, what="the tone after unmuting")
    assert ring.lost_samples == 0


def test_a_microphone_muted_in_the_system_is_said(virtual_sound, sound_child):
    sound_child.use_microphone()
    virtual_sound.mute_microphone(True)
    event = sound_child.wait_for("silent", is_silent=True)
    assert "muted in the system" in event["sentence"]
    n_events = len(sound_child.events)
    virtual_sound.mute_microphone(False)
    sound_child.wait_for("silent", after=n_events, is_silent=False)


def test_a_suspended_microphone_is_lost_and_comes_back_while_the_rings_time_goes_on(virtual_sound, sound_child):
    opened = sound_child.use_microphone()
    assert opened["name"] == MICROPHONE_NAME and opened["rate_hz"] == 48_000
    ring = sound_child.ring
    virtual_sound.suspend_microphone(True)
    lost = sound_child.wait_for("lost", kind="input")
    assert MICROPHONE_NAME in lost["sentence"] and ring.state == SourceState.LOST
    begin = ring.written
    assert not heard(sound_child, begin + 4_800, 0.5).any()
    n_events = len(sound_child.events)
    virtual_sound.suspend_microphone(False)
    sound_child.wait_for("back", after=n_events, kind="input", name=MICROPHONE_NAME)
    assert ring.state == SourceState.LIVE
    _assert_hears(virtual_sound, sound_child)


def test_an_unplugged_microphone_is_lost_and_taken_again_when_plugged_in(virtual_sound, sound_child):
    sound_child.use_microphone(MICROPHONE_NAME)
    virtual_sound.remove_microphone()
    assert "unplugged" in sound_child.wait_for("lost", kind="input")["sentence"]
    sound_child.wait_for("error", kind="input")
    n_events = len(sound_child.events)
    virtual_sound.add_microphone()
    sound_child.wait_for("back", after=n_events, kind="input", name=MICROPHONE_NAME)
    _assert_hears(virtual_sound, sound_child)


def test_a_killed_sound_server_is_survived(virtual_sound, sound_child):
    sound_child.use_microphone()
    virtual_sound.stop()
    sound_child.wait_for("lost", kind="input")
    begin = sound_child.ring.written
    sound_child.wait_for_samples(begin + 24_000)  # time goes on without a server
    n_events = len(sound_child.events)
    virtual_sound.start()
    sound_child.wait_for("back", after=n_events, kind="input", name=MICROPHONE_NAME)
    _assert_hears(virtual_sound, sound_child)


def test_without_any_device_it_says_so_once_and_takes_one_that_appears_later(stopped_virtual_sound, sound_child):
    sound_child.ask("use_input", name=None)
    error = sound_child.wait_for("error", kind="input")
    assert "No microphone was found" in error["sentence"]
    sound_child.wait_for_samples(72_000)
    assert [e["event"] for e in sound_child.events].count("error") == 1
    stopped_virtual_sound.start()
    sound_child.wait_for("opened", kind="input", name=MICROPHONE_NAME)
    sound_child.wait_for("devices")
    _assert_hears(stopped_virtual_sound, sound_child)


def test_what_other_programs_play_is_no_microphone_unless_asked_for(virtual_sound, sound_child):
    virtual_sound.remove_microphone()
    sound_child.ask("use_input", name=None)
    sound_child.wait_for("error", kind="input")
    opened = sound_child.use_microphone(f"Monitor of {SINK_NAME}")
    assert opened["name"] == f"Monitor of {SINK_NAME}"
    _assert_hears(virtual_sound, sound_child)


def test_it_follows_the_systems_default_microphone(virtual_sound, sound_child):
    sound_child.use_microphone()
    n_events = len(sound_child.events)
    virtual_sound.add_microphone("second", "Second microphone")
    sound_child.wait_for("opened", after=n_events, name="Second microphone")


def test_a_microphone_chosen_by_name_stays_when_the_default_changes(virtual_sound, sound_child):
    sound_child.use_microphone(MICROPHONE_NAME)
    n_events = len(sound_child.events)
    virtual_sound.add_microphone("second", "Second microphone")
    sound_child.wait_for("devices", after=n_events)
    _assert_hears(virtual_sound, sound_child)
    assert not any(e["event"] in ("opened", "lost", "back") for e in sound_child.events[n_events:])


@pytest.mark.parametrize(("rate_hz", "channels"), [(44_100, 2), (48_000, 1), (96_000, 2), (48_000, 8)])
def test_devices_are_captured_at_their_own_rate_whatever_their_channels(virtual_sound, sound_child, rate_hz, channels):
    virtual_sound.add_loudspeaker("room", "Room", rate_hz, channels, is_default=False)
    virtual_sound.add_microphone("own", "Own microphone", hears="room", is_default=False)
    opened = sound_child.use_microphone("Own microphone")
    assert (opened["rate_hz"], opened["channels"]) == (rate_hz, channels)
    ring = sound_child.ring
    assert ring.rate_hz == rate_hz
    virtual_sound.say(np.repeat(tone(1_000, 30)[:, None], channels, axis=1), 48_000, into="room")
    wait_until(lambda: rms(ring.read(ring.written - 4_800, 4_800)[0]) > 0.2, what="the tone")
    samples = heard(sound_child, ring.written, 0.5)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert np.argmax(spectrum) * rate_hz / len(samples) == pytest.approx(1_000, abs=3)
    assert rms(samples) == pytest.approx(0.4 / np.sqrt(2), rel=0.05)


def test_another_rate_begins_a_generation(virtual_sound, sound_child):
    virtual_sound.add_loudspeaker("room", "Room", 44_100, is_default=False)
    virtual_sound.add_microphone("own", "Own microphone", hears="room", is_default=False)
    sound_child.use_microphone()
    before = sound_child.ring.generation
    sound_child.use_microphone("Own microphone")
    assert sound_child.ring.generation == before + 1 and sound_child.ring.rate_hz == 44_100
    assert sound_child.ring.first_of_generation <= sound_child.ring.written


def test_sound_the_device_did_not_give_is_counted_and_its_place_kept(virtual_sound, sound_child):
    block, nothing = tone(500, 0.01), np.zeros(0, dtype=np.float32)
    microphone = PipeMicrophone(virtual_sound, lambda number: nothing if number % 400 in range(380, 395) else block)
    ring = sound_child.ring
    try:
        sound_child.use_microphone()
        wait_until(lambda: ring.lost_samples, what="the loss")
        wait_until(lambda: ring.lost_samples > 1.5 * 7_200, what="the second loss")
    finally:
        microphone.close()
    assert ring.lost_samples == pytest.approx(2 * 7_200, rel=0.15)  # 150 ms each


def test_a_process_that_stood_still_goes_on_with_the_present(virtual_sound, sound_child):
    sound_child.use_microphone()
    ring = sound_child.ring
    sound_child.wait_for_samples(ring.written + 48_000)
    frozen_at = time.perf_counter()
    os.kill(sound_child.process.pid, signal.SIGSTOP)
    wait_until(lambda: time.perf_counter() - frozen_at > 1.0)
    os.kill(sound_child.process.pid, signal.SIGCONT)
    sound_child.wait_for_samples(ring.written + 72_000)
    wait_until(lambda: abs(ring.time_of(ring.written) - time.perf_counter()) < 0.3, what="the present")
    _assert_hears(virtual_sound, sound_child)


def test_what_is_written_to_the_output_ring_is_played(virtual_sound, sound_child, tmp_path):
    output = SampleRing.create(tmp_path / OUTPUT_RING, 48_000, 10)
    sound_child.use_microphone(f"Monitor of {SINK_NAME}")
    sound_child.ask("use_output", name=None)
    opened = sound_child.wait_for("opened", kind="output")
    assert opened["name"] == SINK_NAME and 0 < opened["latency_ms"] < 500
    said = tone(300, 2.0) * np.clip(np.sin(2 * np.pi * np.cumsum(np.linspace(2, 7, 96_000)) / 48_000), 0, 1)
    ring = sound_child.ring
    begin, n_written = ring.written, 0
    while n_written < len(said):  # kept 150 ms ahead, as a busy writer would
        if n_written < ring.written - begin + 7_200:
            output.write(said[n_written : n_written + 480].astype(np.float32))
            n_written += 480
        else:
            sound_child.wait_for_samples(ring.written + 1)
    recording = heard(sound_child, begin, 3.0)
    pieces = np.split(said[19_200:], 8)  # it begins at once with the newest, and may stretch time by a fiftieth
    assert np.median([likeness(recording, piece) for piece in pieces if rms(piece) > 0.01]) > 0.9
    output.close()


def test_the_loudspeaker_comes_back_with_the_server(virtual_sound, sound_child, tmp_path):
    SampleRing.create(tmp_path / OUTPUT_RING, 48_000, 10).close()
    sound_child.ask("use_output", name=SINK_NAME)
    sound_child.wait_for("opened", kind="output")
    virtual_sound.stop()
    sound_child.wait_for("lost", kind="output")
    n_events = len(sound_child.events)
    virtual_sound.start()
    sound_child.wait_for("back", after=n_events, kind="output", name=SINK_NAME)


def test_devices_are_listed_by_name(virtual_sound, sound_child):
    sound_child.ask("list")
    rows = sound_child.wait_for("devices")["devices"]
    devices = [AudioDevice.from_json(row) for row in rows]
    assert [(d.name, d.kind, d.is_default, d.is_monitor) for d in devices] == [
        (MICROPHONE_NAME, "input", True, False),
        (SINK_NAME, "output", True, False),
        (f"Monitor of {SINK_NAME}", "input", False, True),
    ]
    done = subprocess.run([sys.executable, "-m", "app", "_sound", "--list"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == rows


def test_stopping_the_input_stops_the_writing(virtual_sound, sound_child):
    sound_child.use_microphone()
    sound_child.ask("stop_input")
    ring = sound_child.ring
    wait_until(lambda: ring.state == SourceState.NONE, what="the stop")
    written = ring.written
    n_events = len(sound_child.events)
    for _ in range(2):
        sound_child.wait_for("heartbeat", after=n_events)
        n_events = len(sound_child.events)
    assert ring.written == written


def test_the_heartbeat_counts(virtual_sound, sound_child):
    sound_child.use_microphone()
    beat = sound_child.wait_for("heartbeat", after=len(sound_child.events))["input"]
    assert beat["state"] == "live" and beat["name"] == MICROPHONE_NAME and beat["lost_samples"] == 0
    later = sound_child.wait_for("heartbeat", after=len(sound_child.events))["input"]
    assert later["samples"] > beat["samples"]


@pytest.mark.parametrize("how", ["stdin closes", "quit", "terminate"])
def test_it_ends_when_its_parent_does(virtual_sound, sound_child, how):
    sound_child.use_microphone()
    if how == "quit":
        sound_child.ask("quit")
    elif how == "terminate":
        sound_child.process.terminate()
    if how != "stdin closes":
        wait_until(lambda: sound_child.process.poll() is not None, what="its end")
    assert sound_child.close() == 0


def test_lines_it_does_not_understand_are_left_out(virtual_sound, sound_child):
    sound_child.process.stdin.write("this is not JSON\n[1, 2]\n")
    sound_child.ask("sing", loud=True)
    sound_child.use_microphone()


def _assert_hears(sound, child):
    """Whatever happened before, what is said now is captured."""
    player = sound.say(tone(700, 40), 48_000)
    ring = child.ring
    wait_until(lambda: rms(ring.read(ring.written - 4_800, 4_800)[0]) > 0.1, what="the voice")
    player.terminate()
