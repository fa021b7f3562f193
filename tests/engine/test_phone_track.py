"""The phones of a take: closures are heard where they are clear, and lie where they were said."""

import numpy as np
import pytest

from engine.audio.phones_net import VISEMES
from engine.errors import ModelMissingError
from engine.phone_track import clear_classes, grouped, phones_of
from engine.synth.voices import Voice, speak
from engine.take import Take, TakeInfo, save_take
from engine.training.phones_corpus import viseme_spans

PP, AA, SIL = (VISEMES.index(name) for name in ("PP", "aa", "sil"))


def features(*rows):
    """Encoder features of probabilities given by viseme."""
    from engine.audio.phones import _LOG_SCALE

    made = np.full((len(rows), len(VISEMES)), 1e-4)
    for row, given in zip(made, rows, strict=True):
        for viseme, probability in given.items():
            row[viseme] = probability
    return (np.log(made) / _LOG_SCALE + 1).astype(np.float32)


def test_a_closure_that_is_clear_for_a_moment_is_one_all_along():
    rows = [{AA: 0.9}, {PP: 0.5, AA: 0.3}, {PP: 0.8}, {PP: 0.45, AA: 0.4}, {AA: 0.9}]
    assert clear_classes(features(*rows)).tolist() == [AA, PP, PP, PP, AA]


def test_a_closure_that_is_nowhere_clear_is_what_else_it_could_be():
    rows = [{AA: 0.9}, {PP: 0.5, SIL: 0.3}, {PP: 0.55, AA: 0.4}, {AA: 0.9}]
    assert clear_classes(features(*rows)).tolist() == [AA, SIL, AA, AA]


def test_other_visemes_are_the_likeliest_however_unclear():
    assert clear_classes(features({AA: 0.3, PP: 0.29}, {SIL: 0.2})).tolist() == [AA, SIL]


def test_short_runs_join_the_phone_before():
    classes = np.array([AA] * 5 + [PP] + [AA] * 3 + [SIL] * 4)
    assert [(p.name, p.start, p.end) for p in grouped(classes)] == [("aa", 0.0, 0.12), ("aa", 0.12, 0.18)]


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_the_closures_of_a_spoken_take_lie_where_they_were_said(tmp_path, rate_hz):
    from engine.audio.resample import resample

    try:
        speech = speak("Papa, put baby by my map.", Voice("flite", "rms"))
    except ModelMissingError as error:
        pytest.skip(str(error))
    voice = resample(speech.samples, speech.rate_hz, rate_hz)
    nothing = np.zeros((0, 1), np.float32)
    info = TakeInfo(schema_rows=[{"name": "jaw.open", "group": "lip", "label": "Jaw opens"}], rate_hz=rate_hz)
    save_take(
        tmp_path / "a.take", Take(info, np.zeros(0), nothing, nothing, nothing, np.zeros((0, 8), np.float32), voice)
    )
    heard = [p for p in phones_of(tmp_path / "a.take") if p.closes_lips]
    said = [(a, b) for name, a, b in viseme_spans(speech) if name == "PP"]
    right = [p for p in heard if any(p.start < b + 0.03 and p.end > a - 0.03 for a, b in said)]
    assert len(said) >= 8 and len(right) >= 0.7 * len(said) and len(heard) - len(right) <= 1
    assert heard[-1].end <= speech.seconds
