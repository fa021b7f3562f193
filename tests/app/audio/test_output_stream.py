"""What is played of the output ring."""

import numpy as np
import pytest

from app.audio.devices import AudioDevice
from app.audio.output_stream import TARGET_SECONDS, OutputStream
from engine.audio.ring import SampleRing

SPEAKER = AudioDevice("Speaker", "output", 2, 48_000, True, key="speaker")


class FakeSystem:
    def open(self, device, **settings):
        self.settings = settings

        class Stream:
            latency = 0.01

        return Stream()

    def start(self, stream, device):
        pass


class Player:
    """A ring that is written and played in blocks of 10 ms, the clocks of both ends apart by `ppm`."""

    def __init__(self, folder):
        self.ring = SampleRing.create(folder / "output.ring", 48_000, 2)
        self.system = FakeSystem()
        self.stream = OutputStream(self.system, SPEAKER, self.ring)
        self.n_written = 0

    def write(self, n):
        self.ring.write(
            np.sin(2 * np.pi * 300 * np.arange(self.n_written, self.n_written + n) / 48_000).astype(np.float32)
        )
        self.n_written += n

    def play(self):
        out = np.full((480, 2), np.nan, dtype=np.float32)
        self.system.settings["callback"](out, 480, None, None)
        assert np.array_equal(out[:, 0], out[:, 1])
        return out[:, 0]


@pytest.fixture
def player(tmp_path):
    player = Player(tmp_path)
    yield player
    player.ring.close()


def test_before_anything_is_written_it_plays_silence(player):
    assert not player.play().any()


def test_it_plays_the_samples_in_order_and_a_steady_distance_behind(player):
    played = []
    for _ in range(100):
        player.write(480)
        played.append(player.play())
    played = np.concatenate(played)
    begin = np.flatnonzero(played)[0]
    assert begin <= (TARGET_SECONDS + 0.02) * 48_000
    expected = np.sin(2 * np.pi * 300 * np.arange(len(played)) / 48_000)
    np.testing.assert_allclose(played[begin : begin + 40_000], expected[1:40_001], atol=1e-3)


@pytest.mark.parametrize("ppm", [-300, 300])
def test_clocks_that_drift_apart_are_followed_without_a_gap_or_a_click(player, ppm):
    due = 0.0
    played = []
    for _ in range(6_000):
        due += 480 * (1 + ppm * 1e-6)
        player.write(round(due) - player.n_written)
        played.append(player.play())
    sound = np.concatenate(played[50:])
    assert np.abs(np.diff(sound)).max() < 1.3 * 2 * np.pi * 300 / 48_000
    assert player.stream.n_underruns == 0
    behind = player.ring.written - player.stream._cursor + 480  # before the last block was taken
    assert abs(behind - TARGET_SECONDS * 48_000) < 0.01 * 48_000


def test_a_writer_that_stalls_is_waited_for(player):
    for _ in range(20):
        player.write(480)
        player.play()
    for _ in range(20):
        player.play()
    assert not player.play().any()
    player.write(480)
    assert not player.play().any()  # not a crackle of single blocks
    player.write(4_800)
    assert player.play().any()


def test_a_flood_is_cut_to_the_newest(player):
    for _ in range(20):
        player.write(480)
        player.play()
    player.write(48_000)
    player.play()
    assert player.ring.written - player.stream._cursor <= TARGET_SECONDS * 48_000


def test_muted_it_is_silent_and_does_not_fall_behind(player):
    for _ in range(20):
        player.write(480)
        player.play()
    player.ring.is_muted = True
    for _ in range(20):
        player.write(480)
        assert not player.play().any()
    player.ring.is_muted = False
    player.write(480)
    assert player.play().any()
