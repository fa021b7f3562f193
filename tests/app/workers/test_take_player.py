"""The playhead's clock, and the voice that follows it."""

import numpy as np
import pytest

from app.edit.track import Performance, write_track
from app.workers.take_player import Playhead, TakePlayer, Track
from engine.errors import TakeError


def test_the_playhead_runs_stops_and_loops():
    assert Playhead(2.0, 0.0, 100.0, 0, 10).where(500.0) == 2.0
    assert Playhead(2.0, 1.0, 100.0, 0, 10).where(103.0) == 5.0
    assert Playhead(2.0, -2.0, 100.0, 0, 10).where(103.0) == 0.0
    assert Playhead(2.0, 1.0, 100.0, 0, 10).where(120.0) == 10.0
    looped = Playhead(2.0, 1.0, 100.0, 1.0, 4.0, is_loop=True)
    assert looped.where(102.5) == pytest.approx(1.5)


def test_a_track_is_read_back_between_its_rows(tmp_path):
    n = 61
    values = np.stack([np.linspace(0, 1, n), np.zeros(n)], axis=1).astype(np.float32)
    orbits = np.tile(np.array([0, 0, 0, 0, 0, 4.5, 20, 0], np.float32), (n, 1))
    orbits[:, 3] = np.linspace(0, 60, n)
    write_track(tmp_path / "t", Performance(np.arange(n) / 60, values, values, orbits, np.arange(n) / 60), True)
    track = Track.read(tmp_path / "t", 2)
    assert track.values_at(0.5)[0] == pytest.approx(0.5, abs=1e-5)
    assert track.orbit_at(0.25).azimuth_deg == pytest.approx(15, abs=1e-4)
    with pytest.raises(TakeError, match="drive it again"):
        Track.read(tmp_path / "t", 3)
    (tmp_path / "t").write_bytes(b"no")
    with pytest.raises(TakeError):
        Track.read(tmp_path / "t", 2)


def test_the_voice_is_heard_at_the_playhead_at_any_speed():
    player = TakePlayer(None)
    rate = 1_000.0
    player._voice = np.arange(2_000, dtype=np.float32)
    player.move(Playhead(0.5, 1.0, 0.0, 0, 10))
    np.testing.assert_allclose(player._block(0.0, 10, rate), np.arange(500, 510))
    player.move(Playhead(0.5, 2.0, 0.0, 0, 10))
    np.testing.assert_allclose(player._block(0.0, 5, rate), np.arange(500, 510, 2))
    player.move(Playhead(0.5, -1.0, 0.0, 0, 10))
    np.testing.assert_allclose(player._block(0.0, 5, rate), np.arange(500, 495, -1))
    player.move(Playhead(5.0, 1.0, 0.0, 0, 10))
    assert not player._block(0.0, 5, rate).any()
    player.stop()
