"""Encoders made from manifest rows."""

import json

import pytest

from engine.audio.encoders import encoder_row, make_encoder
from engine.audio.mel import MelConfig, MelEncoder
from engine.errors import AudioError


def test_a_row_makes_the_encoder_it_was_taken_from():
    encoder = MelEncoder(MelConfig(n_mels=40, high_hz=7_000))
    again = make_encoder(json.loads(json.dumps(encoder_row(encoder))))
    assert isinstance(again, MelEncoder) and again.config == encoder.config and again.n_features == 80


def test_a_bare_name_gives_the_defaults():
    assert make_encoder({"name": "mel"}).config == MelConfig()


@pytest.mark.parametrize(
    "row",
    [
        {"name": "whisper"},
        {},
        {"name": "mel", "n_mells": 3},
        {"name": "mel", "n_mels": 10**9},
        {"name": "mel", "high_hz": 20_000},
        {"name": "mel", "scale_db": 0},
        {"name": "mel", "n_mels": "many"},
    ],
)
def test_rows_that_make_no_sense_get_one_sentence(row):
    with pytest.raises(AudioError) as raised:
        make_encoder(row)
    assert "\n" not in str(raised.value)
