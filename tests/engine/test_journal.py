"""Takes and the recording journal: round trips, crashes, hostile files."""

import numpy as np
import pytest

from engine.camera import Orbit
from engine.controls import ControlSchema, ControlSpec
from engine.errors import TakeError
from engine.journal import JournalWriter, finish_journal, recover_journals, row_width, take_of_journal
from engine.take import TakeInfo, load_take, orbit_of_row, read_take_info, rewrite_take_info, row_of_orbit, save_take

RATE = 8_000


@pytest.fixture
def info() -> TakeInfo:
    schema = ControlSchema((ControlSpec("lip.00", "lip", "Jaw opens"), ControlSpec("au.45l", "au", "Blink left")))
    return TakeInfo(name="Take 1", schema_rows=schema.to_json(), rate_hz=RATE)


def record(path, info, seconds=2.0, close=True) -> np.ndarray:
    """A performance of a sine in tenths of a second, one control record each; returns the voice."""
    voice = (0.5 * np.sin(np.arange(int(seconds * RATE)) * 0.05)).astype(np.float32)
    writer = JournalWriter(path, info, origin_time=100.0, origin_index=5_000)
    for start in range(0, len(voice), RATE // 10):
        writer.voice(voice[start : start + RATE // 10], 5_000 + start)
        row = np.zeros((1, row_width(2)))
        row[0, 0] = 100.0 + start / RATE
        row[0, 1:3] = 0.25
        row[0, -8:] = row_of_orbit(Orbit(azimuth_deg=10.0))
        writer.controls(row)
    if close:
        writer.close()
    return voice


def test_a_journal_becomes_a_take_that_loads_with_the_same_voice_and_moves(tmp_path, info):
    voice = record(tmp_path / "a.journal", info)
    finish_journal(tmp_path / "a.journal", tmp_path / "a.take")
    take = load_take(tmp_path / "a.take")
    assert np.abs(take.voice - voice).max() < 1e-6
    assert take.driven.shape == (20, 2) and np.allclose(take.driven, 0.25)
    assert np.allclose(take.times, np.arange(20) / 10)
    assert take.orbit_at(0.55).azimuth_deg == pytest.approx(10)
    assert not (tmp_path / "a.journal").exists()


def test_a_journal_cut_at_any_byte_loses_only_its_last_records(tmp_path, info):
    voice = record(tmp_path / "a.journal", info, close=False)
    data = (tmp_path / "a.journal").read_bytes()
    for cut in np.linspace(2_000, len(data) - 1, 23).astype(int):
        (tmp_path / "cut.journal").write_bytes(data[:cut])
        take = take_of_journal(tmp_path / "cut.journal")
        assert np.array_equal(take.voice, voice[: len(take.voice)])
        lost = len(voice) - len(take.voice)
        assert lost / RATE <= 2.0 * (1 - (cut - 2_000) / len(data)) + 0.2


def test_a_flipped_byte_ends_the_take_before_it(tmp_path, info):
    record(tmp_path / "a.journal", info)
    data = bytearray((tmp_path / "a.journal").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "a.journal").write_bytes(data)
    assert 0.7 < take_of_journal(tmp_path / "a.journal").seconds < 1.2


def test_lost_voice_stays_silent_and_later_sound_keeps_its_time(tmp_path, info):
    writer = JournalWriter(tmp_path / "a.journal", info, 0.0, 0)
    writer.voice(np.full(100, 0.5, np.float32), 0)
    writer.voice(np.full(100, 0.25, np.float32), 300)
    writer.close()
    voice = take_of_journal(tmp_path / "a.journal").voice
    assert voice.tolist() == [0.5] * 100 + [0.0] * 200 + [0.25] * 100


def test_recovery_makes_takes_of_what_was_left_and_keeps_what_it_cannot_read(tmp_path, info):
    record(tmp_path / "good.journal", info, close=False)
    (tmp_path / "bad.journal").write_bytes(b"MPJ1garbage")
    assert recover_journals(tmp_path) == [tmp_path / "good.take"]
    assert (tmp_path / "bad.damaged").read_bytes() == b"MPJ1garbage"


def test_a_take_is_renamed_in_place(tmp_path, info):
    record(tmp_path / "a.journal", info)
    finish_journal(tmp_path / "a.journal", tmp_path / "a.take")
    rewrite_take_info(tmp_path / "a.take", name="Intro, warm", rating=4)
    assert read_take_info(tmp_path / "a.take").name == "Intro, warm"
    assert load_take(tmp_path / "a.take").info.rating == 4


@pytest.mark.parametrize("damage", ["truncated", "foreign", "empty", "nan"])
def test_a_damaged_take_gives_one_sentence(tmp_path, info, damage):
    record(tmp_path / "a.journal", info)
    take = take_of_journal(tmp_path / "a.journal")
    if damage == "nan":
        take.driven[3, 1] = np.nan
    save_take(tmp_path / "a.take", take)
    data = (tmp_path / "a.take").read_bytes()
    spoiled = {"truncated": data[: len(data) // 2], "foreign": b"RIFF" + data, "empty": b"", "nan": data}[damage]
    (tmp_path / "a.take").write_bytes(spoiled)
    with pytest.raises(TakeError, match=r"a\.take") as caught:
        load_take(tmp_path / "a.take")
    assert "\n" not in str(caught.value)


def test_an_orbit_survives_its_row():
    orbit = Orbit((0.1, -0.2, 0.3), 12.0, -5.0, 4.0, 20.0, 1.0)
    assert np.allclose(row_of_orbit(orbit_of_row(row_of_orbit(orbit))), row_of_orbit(orbit))
