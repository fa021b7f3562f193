"""Speech with phone times, where the engines are installed; clear words where they are not."""

import shutil

import numpy as np
import pytest

from engine.errors import AudioError, ModelMissingError
from engine.synth import voices
from engine.synth.sentences import sentences
from engine.synth.voices import Voice, speak

needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed (apt install flite)")
needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is not installed (apt install espeak-ng)"
)


def check(speech) -> None:
    assert speech.seconds > 0.5
    assert np.abs(speech.samples).max() > 0.05
    starts = [phone.start for phone in speech.phones]
    assert starts == sorted(starts)
    assert all(phone.end > phone.start for phone in speech.phones)
    assert abs(speech.phones[-1].end - speech.seconds) < 0.5


@needs_flite
def test_flite_gives_phones_in_order_up_to_the_end():
    speech = speak("Papa bought a purple umbrella.", Voice("flite", "slt"))
    check(speech)
    assert [p.symbol for p in speech.phones].count("p") >= 4


@needs_flite
def test_a_faster_voice_is_shorter():
    text = "The ferry captain forgot five warm loaves."
    fast, slow = (speak(text, Voice("flite", "rms", rate=rate)).seconds for rate in (1.3, 0.8))
    assert fast < 0.8 * slow


@needs_espeak
@pytest.mark.parametrize("name", ["en-us+f3", "de"])
def test_espeak_gives_phones_in_order_up_to_the_end(name):
    check(speak("Bob is in the boat.", Voice("espeak", name)))


@needs_espeak
def test_an_unknown_voice_is_an_error_that_names_it():
    with pytest.raises(AudioError, match="xx-nowhere"):
        speak("Hello.", Voice("espeak", "xx-nowhere"))


def test_without_flite_the_error_names_the_package(monkeypatch):
    monkeypatch.setattr(voices.shutil, "which", lambda name: None)
    with pytest.raises(ModelMissingError, match="apt install flite"):
        speak("Hello.", Voice("flite", "slt"))


def test_there_are_many_voices_and_none_for_an_unknown_language():
    assert len(voices.voices("en")) >= 30
    assert {v.language for v in voices.voices("fr")} == {"fr"}
    with pytest.raises(AudioError, match="klingon"):
        voices.voices("klingon")


def test_sentences_are_varied_and_repeatable():
    made = sentences(300, seed=1)
    assert len(set(made)) > 280
    assert made == sentences(300, seed=1)
    assert len(set(sentences(100, seed=2, language="de"))) > 80
