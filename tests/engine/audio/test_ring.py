"""The ring of samples that processes share."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.ring import SampleRing, SourceState
from engine.errors import AudioError, OutputError

MS = 1_000_000


@pytest.fixture
def ring(tmp_path):
    ring = SampleRing.create(tmp_path / "voice.ring", rate_hz=1_000, seconds=0.1)
    yield ring
    ring.close()


def test_a_reader_in_another_process_sees_what_was_written(tmp_path, ring):
    ring.write(np.arange(7, dtype=np.float32))
    ring.state = SourceState.LIVE
    code = (
        "import sys; from engine.audio.ring import SampleRing; r = SampleRing.attach(sys.argv[1]);"
        "s, first = r.read(2, 99); print(r.rate_hz, r.written, first, s.tolist(), r.state.name); r.is_muted = True"
    )
    done = subprocess.run([sys.executable, "-c", code, str(ring.path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1000.0 7 2 [2.0, 3.0, 4.0, 5.0, 6.0] LIVE"
    assert ring.is_muted


def test_ring_keeps_the_newest_samples_when_full(ring):
    for start in range(0, 250, 25):
        ring.write(np.arange(start, start + 25, dtype=np.float32))
    samples, first = ring.read(0, 1_000)
    assert first == ring.oldest == 150
    np.testing.assert_array_equal(samples, np.arange(150, 250))


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(0, 100), max_size=20), start=st.integers(0, 500), n=st.integers(0, 200))
def test_what_is_read_is_what_was_written_under_that_number(tmp_path_factory, sizes, start, n):
    ring = SampleRing.create(tmp_path_factory.mktemp("ring") / "r", rate_hz=1_000, seconds=0.1)
    sound = np.arange(sum(sizes), dtype=np.float32)
    for end, size in zip(np.cumsum(sizes), sizes):
        ring.write(sound[end - size : end])
    samples, first = ring.read(start, n)
    np.testing.assert_array_equal(samples, sound[first : first + len(samples)])
    assert len(samples) == max(0, min(start + n, len(sound)) - max(start, len(sound) - 100))
    ring.close()


def test_samples_overwritten_while_being_copied_are_not_handed_out(ring):
    ring.write(np.zeros(100, dtype=np.float32))

    class Passed(np.ndarray):
        """Samples whose writer is 30 further before the reader, having copied, looks again."""

        def __getitem__(self, key):
            part = np.array(plain[key])
            ring._samples = plain
            ring.write(np.ones(30, dtype=np.float32))
            return part

    plain = ring._samples
    ring._samples = plain.view(Passed)
    samples, first = ring.read(0, 100)
    assert first == 30
    assert len(samples) == 70 and not samples.any()


def test_a_reader_racing_the_writer_never_gets_torn_sound(tmp_path):
    writer = SampleRing.create(tmp_path / "r", rate_hz=1_000, seconds=0.5)
    reader = SampleRing.attach(tmp_path / "r")
    stop = threading.Event()

    def write():
        count = 0
        while not stop.is_set():
            writer.write(np.arange(count, count + 37, dtype=np.float32) % 65_536)
            count += 37

    thread = threading.Thread(target=write)
    thread.start()
    cursor = n_read = 0
    while n_read < 50_000:
        samples, first = reader.read(cursor, 500)
        np.testing.assert_array_equal(samples, np.arange(first, first + len(samples)) % 65_536)
        cursor = first + len(samples)
        n_read += len(samples)
    stop.set()
    thread.join()
    writer.close()
    reader.close()


def test_the_clock_ignores_blocks_that_come_late_by_chance(ring):
    random = np.random.default_rng(1)
    for i in range(1, 300):
        late_ms = random.uniform(0, 8)
        ring.write(np.zeros(10, dtype=np.float32), now_ns=int((1_000 + 10 * i + late_ms) * MS))
    true_end = 1.0 + 0.01 * 299
    assert ring.time_of(ring.written) == pytest.approx(true_end, abs=0.001)
    assert ring.index_at(ring.time_of(123.5)) == pytest.approx(123.5, abs=1e-3)


def test_the_clock_follows_a_device_that_runs_slow(ring):
    for i in range(1, 6_000):
        ring.write(np.zeros(10, dtype=np.float32), now_ns=int(10 * i * MS * 1.0005))  # 500 parts per million
    assert ring.time_of(ring.written) == pytest.approx(5_999 * 0.010005, abs=0.003)


def test_lateness_tells_missing_sound_from_a_late_block(ring):
    ring.write(np.zeros(10, dtype=np.float32), now_ns=10 * MS)
    assert ring.lateness(10, now_ns=20 * MS) == pytest.approx(0, abs=1e-6)
    assert ring.lateness(10, now_ns=65 * MS) == pytest.approx(0.045, abs=1e-6)


def test_the_device_latency_is_taken_off_a_samples_time(ring):
    ring.start_generation(1_000, latency_ms=25)
    ring.write(np.zeros(10, dtype=np.float32), now_ns=5_000 * MS)
    assert ring.time_of(10) == pytest.approx(4.975, abs=1e-6)


def test_another_device_begins_a_generation_with_its_own_rate(ring):
    ring.write(np.zeros(30, dtype=np.float32))
    ring.start_generation(2_000, latency_ms=1)
    assert (ring.generation, ring.first_of_generation, ring.rate_hz) == (1, 30, 2_000)
    assert ring.time_of(30) == -np.inf
    ring.write(np.zeros(20, dtype=np.float32), now_ns=1_000 * MS)
    assert ring.time_of(30) == pytest.approx(0.989, abs=1e-6)


@pytest.mark.parametrize("damage", ["empty", "short", "foreign", "missing", "capacity"])
def test_a_file_that_is_no_ring_is_refused_with_one_sentence(tmp_path, damage):
    path = tmp_path / "r"
    SampleRing.create(path, 1_000, 1).close()
    data = bytearray(path.read_bytes())
    if damage == "capacity":
        data[32:40] = (10**9).to_bytes(8, "little")
    if damage == "foreign":
        data[:8] = b"RIFFWAVE"
    path.write_bytes({"empty": b"", "short": data[:5_000]}.get(damage, data))
    if damage == "missing":
        path.unlink()
    with pytest.raises(AudioError) as raised:
        SampleRing.attach(path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(OutputError, match="nowhere"):
        SampleRing.create(tmp_path / "nowhere" / "r", 16_000, 1)


def test_a_block_larger_than_the_ring_is_refused(ring):
    with pytest.raises(AudioError, match="101 samples"):
        ring.write(np.zeros(101, dtype=np.float32))
    assert ring.written == 0
