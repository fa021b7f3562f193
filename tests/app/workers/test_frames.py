"""Frame slots: newest wins, no frame is torn, pictures may grow, a restarted writer goes on."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.workers.frames import STAGES, FrameHeader, FrameReader, FrameWriter


def publish(writer: FrameWriter, value: int, size=(8, 6), header: FrameHeader | None = None) -> int:
    writer.claim(*size)[:] = value
    return writer.commit(header or FrameHeader())


def test_a_reader_without_a_writer_has_no_frame(tmp_path):
    assert FrameReader(tmp_path / "frames.slots").newest() is None


def test_the_newest_frame_wins_and_is_read_once(tmp_path):
    writer, reader = FrameWriter(tmp_path / "f"), FrameReader(tmp_path / "f")
    for value in range(1, 6):
        publish(writer, value)
    view = reader.newest()
    assert view.header.sequence == 5 and (view.image == 5).all() and view.image.shape == (6, 8, 4)
    assert reader.newest() is view


def test_a_header_comes_through_whole(tmp_path):
    rng = np.random.default_rng(0)
    stages = {name: float(i + 1) for i, name in enumerate(STAGES)}
    header = FrameHeader(
        shown_time=12.5, newest_sample_time=12.4, motion_sample_time=12.3, range_inside=0.75, level_db=-20.5,
        driven=rng.normal(size=40).astype(np.float32), result=rng.normal(size=40).astype(np.float32), stages_ms=stages,
        stages_p50_ms=stages, stages_p95_ms=stages, total_p50_ms=50, total_p95_ms=80, peak_db=-3, clipped=True,
        is_talking=True, fps=59.5, look_ahead_ms=40, voice_offset_ms=1.5, lost_samples=7, n_gaussians=30_000,
        backend="cpu", avatar_number=2,
    )  # fmt: skip
    writer, reader = FrameWriter(tmp_path / "f"), FrameReader(tmp_path / "f")
    publish(writer, 1, header=header)
    read = reader.newest().header
    assert np.array_equal(read.driven, header.driven) and np.array_equal(read.result, header.result)
    want = replace(header, sequence=1, picture_sequence=1, width=8, height=6)
    for name, value in vars(want).items():
        assert np.array_equal(getattr(read, name), value), name


def test_a_larger_picture_starts_a_new_generation_and_the_old_file_goes(tmp_path):
    writer, reader = FrameWriter(tmp_path / "f"), FrameReader(tmp_path / "f")
    publish(writer, 1)
    assert reader.newest().image.shape == (6, 8, 4)
    publish(writer, 2, size=(400, 300))
    view = reader.newest()
    assert view.image.shape == (300, 400, 4) and (view.image == 2).all()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f", "f.2"]


def test_a_restarted_writer_goes_on_counting(tmp_path):
    reader = FrameReader(tmp_path / "f")
    writer = FrameWriter(tmp_path / "f")
    publish(writer, 1)
    publish(writer, 2)
    reader.newest()
    assert publish(FrameWriter(tmp_path / "f"), 9) == 3
    view = reader.newest()
    assert view.header.sequence == 3 and (view.image == 9).all()


def test_repeating_a_frame_keeps_its_pixels_and_says_so(tmp_path):
    writer, reader = FrameWriter(tmp_path / "f"), FrameReader(tmp_path / "f")
    publish(writer, 7)
    before = reader.newest()
    writer.repeat(FrameHeader(level_db=-10))
    after = reader.newest()
    assert after.header.sequence == 2 and after.header.picture_sequence == 1 and after.header.level_db == -10
    assert after.image is before.image
    late = FrameReader(tmp_path / "f").newest()
    assert (late.image == 7).all()


def test_the_writer_knows_how_far_behind_the_reader_is(tmp_path):
    writer, reader = FrameWriter(tmp_path / "f"), FrameReader(tmp_path / "f")
    assert writer.n_unread == 0
    for value in range(3):
        publish(writer, value)
    assert writer.n_unread == 3
    reader.newest()
    assert writer.n_unread == 0


def test_a_frame_larger_than_a_slot_can_be_is_refused(tmp_path):
    with pytest.raises(ValueError, match="4096"):
        FrameWriter(tmp_path / "f").claim(5000, 10)


WRITER = """
import sys
from app.workers.frames import FrameHeader, FrameWriter
writer = FrameWriter(sys.argv[1])
value = 0
while True:
    value = value % 250 + 1
    size = (160, 120) if value % 50 else (320, 240)
    writer.claim(*size)[:] = value
    writer.commit(FrameHeader(peak_db=value))
"""


def test_no_frame_is_torn_while_another_process_writes_as_fast_as_it_can(tmp_path):
    checkout = Path(__file__).resolve().parents[3]
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "f")], cwd=checkout)
    try:
        reader, last, seen = FrameReader(tmp_path / "f"), 0, 0
        end = time.monotonic() + 120
        while seen < 300 and time.monotonic() < end:
            view = reader.newest()
            if view is None or view.header.sequence == last:
                continue
            assert view.header.sequence > last
            last, seen = view.header.sequence, seen + 1
            assert (view.image == int(view.header.peak_db)).all(), f"frame {last} is torn"
        assert seen == 300
    finally:
        child.kill()
        child.wait()
