"""The ring of control records that processes share."""

import threading

import numpy as np
import pytest

from engine.audio.record_ring import RecordRing
from engine.errors import AudioError


@pytest.fixture
def ring(tmp_path):
    ring = RecordRing.create(tmp_path / "controls.ring", n_fields=3, capacity=4)
    yield ring
    ring.close()


def test_each_reader_gets_every_row_once(ring):
    reader = RecordRing.attach(ring.path)
    ring.append([1, 2, 3])
    rows, cursor = reader.read_new()
    assert rows.tolist() == [[1, 2, 3]]
    ring.append([4, 5, 6])
    ring.append([7, 8, 9])
    rows, cursor = reader.read_new(cursor)
    assert rows.tolist() == [[4, 5, 6], [7, 8, 9]]
    rows, cursor = reader.read_new(cursor)
    assert len(rows) == 0 and cursor == 3
    reader.close()


def test_a_reader_that_slept_gets_the_newest_rows_and_sees_the_gap(ring):
    for i in range(10):
        ring.append([i, i, i])
    rows, cursor = ring.read_new(2)
    assert rows[:, 0].tolist() == [6, 7, 8, 9]
    assert cursor - len(rows) == 6
    assert ring.newest().tolist() == [9, 9, 9]


def test_newest_is_none_before_the_first_row(ring):
    assert ring.newest() is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_number_type_is_kept(tmp_path, dtype):
    ring = RecordRing.create(tmp_path / "r", 2, 8, dtype=dtype)
    ring.append([1 / 3, 1e300 if dtype is np.float64 else 1e30])
    reader = RecordRing.attach(tmp_path / "r")
    assert reader.newest().dtype == dtype
    assert reader.newest()[0] == dtype(1 / 3)
    ring.close()
    reader.close()


def test_a_reader_racing_the_writer_never_gets_a_torn_row(tmp_path):
    writer = RecordRing.create(tmp_path / "r", n_fields=50, capacity=8)
    reader = RecordRing.attach(tmp_path / "r")
    stop = threading.Event()

    def write():
        count = 0
        while not stop.is_set():
            writer.append(np.full(50, count))
            count += 1

    thread = threading.Thread(target=write)
    thread.start()
    cursor = n_read = 0
    while n_read < 500:
        rows, cursor = reader.read_new(cursor)
        first = cursor - len(rows)
        np.testing.assert_array_equal(rows, np.arange(first, cursor)[:, None].repeat(50, axis=1))
        n_read += len(rows)
    stop.set()
    thread.join()
    writer.close()
    reader.close()


def test_a_file_whose_size_and_header_disagree_is_refused(tmp_path):
    path = tmp_path / "r"
    RecordRing.create(path, 2, 8).close()
    data = bytearray(path.read_bytes())
    data[32:40] = (1_000_000).to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(AudioError, match="disagree"):
        RecordRing.attach(path)


def test_a_row_of_the_wrong_width_is_refused(ring):
    with pytest.raises(ValueError):
        ring.append([1, 2])
