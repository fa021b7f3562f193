"""Training the phones encoder: its labels, its alterations, and that it learns."""

import shutil

import numpy as np
import pytest

from engine.audio.mel import STANDARD_MEL, MelEncoder
from engine.audio.phones import load_phones
from engine.audio.phones_net import VISEMES
from engine.errors import AudioError
from engine.synth.voices import Phone, Speech, Voice, speak
from engine.training.phones_augment import SpectralAlterations, altered_sound, in_room, over_line, power_columns
from engine.training.phones_corpus import (
    HELD_OUT_FLITE,
    HELD_OUT_VARIANTS,
    Utterance,
    held_out_plan,
    labelled,
    read_corpus,
    save_corpus,
    training_plan,
    viseme_shares,
    viseme_spans,
)
from engine.training.phones_training import PhonesTraining, listen, train_phones
from tests.engine.audio.contract import speech_like


def spoken(phones, engine="flite", seconds=1.0):
    samples = speech_like(seconds)
    return Speech(samples, 16_000, tuple(Phone(*phone) for phone in phones), Voice(engine, "any"))


def test_each_step_is_shared_by_the_visemes_that_fill_it():
    shares = viseme_shares(spoken([("pau", 0.0, 0.05), ("p", 0.05, 0.11), ("ay", 0.11, 0.19)]), 12)
    assert shares[0, VISEMES.index("sil")] == 1
    assert shares[2, VISEMES.index("sil")] == pytest.approx(0.5) and shares[2, VISEMES.index("PP")] == pytest.approx(
        0.5
    )
    assert shares[6].argmax() == VISEMES.index("aa") and shares[8].argmax() == VISEMES.index("ih")
    assert shares[11, 0] == 1  # nothing is said any more
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)


def test_an_h_takes_the_shape_of_what_follows():
    assert [name for name, _, _ in viseme_spans(spoken([("hh", 0, 0.1), ("uw", 0.1, 0.2)]))] == ["ou", "ou"]


@pytest.mark.parametrize(
    ("symbol", "visemes"),
    [
        ("p", ["PP"]),
        ("tʃ", ["CH"]),
        ("aɪ", ["aa", "ih"]),
        ("iː", ["ih"]),
        ("ɜː", ["RR"]),
        ("ts", ["SS"]),
        ("", ["sil"]),
        ("ŋ", ["kk"]),
    ],
)
def test_phones_of_espeak_become_visemes(symbol, visemes):
    assert [name for name, _, _ in viseme_spans(spoken([(symbol, 0.0, 0.2)], "espeak"))] == visemes


def test_labels_move_with_the_silence_put_before_the_speech():
    plain, later = (labelled(spoken([("m", 0.1, 0.3), ("aa", 0.3, 0.9)]), pause_s) for pause_s in (0.0, 0.2))
    np.testing.assert_allclose(later.visemes[10:50], plain.visemes[:40], atol=1e-5)
    np.testing.assert_allclose(later.mouth[10:40], plain.mouth[:30], atol=1e-4)
    assert len(later.visemes) == len(later.samples) // 320


def test_voices_kept_for_tests_are_never_trained_on():
    voices = {voice.name for _, voice in training_plan(2_000)}
    assert not voices & set(HELD_OUT_FLITE)
    assert not any(name.split("+")[-1] in HELD_OUT_VARIANTS for name in voices if "+" in name)
    tested = {kind: {voice.name for _, voice in plan} for kind, plan in held_out_plan(20).items()}
    assert tested["unseen flite voice"] == {"slt"}
    assert tested["known voices"] <= voices


def test_texts_of_a_plan_are_reproducible_and_varied():
    first, again = training_plan(50, 3), training_plan(50, 3)
    assert first == again and len({text for text, _ in first}) > 45


def test_unaltered_spectra_give_what_the_encoder_gives_live():
    sound = speech_like(3.0)
    made = SpectralAlterations(strength=0.0).inputs(power_columns(sound)[None], np.random.default_rng(0))[0]
    live = MelEncoder().encode(sound).values
    assert made.shape == live.shape
    np.testing.assert_allclose(made, live, atol=2e-3)


def test_altered_spectra_stay_in_the_range_of_the_encoder():
    power = np.stack([power_columns(speech_like(2.0, seed)) for seed in range(6)])
    rng = np.random.default_rng(0)
    made = SpectralAlterations().inputs(power, rng)
    least = (-STANDARD_MEL.range_db - STANDARD_MEL.centre_db) / STANDARD_MEL.scale_db
    assert np.isfinite(made).all() and made.min() >= least - 1e-5 and made.max() < 6
    assert np.abs(made - SpectralAlterations(strength=0.0).inputs(power, rng)).mean() > 0.1


@pytest.mark.parametrize("alter", [in_room, over_line])
def test_rooms_and_lines_keep_the_length_and_the_rhythm_of_the_speech(alter):
    sound = speech_like(2.0)
    made = alter(sound, np.random.default_rng(0))
    assert len(made) == len(sound) and np.isfinite(made).all()
    before, after = (np.sqrt(np.mean(x.reshape(-1, 320) ** 2, axis=1)) for x in (sound, made))
    assert np.corrcoef(before, after)[0, 1] > 0.8
    assert np.abs(made - sound).max() > 0.01


def test_a_faster_voice_says_how_much_faster():
    sound = speech_like(2.0)
    for seed in range(5):
        made, speed = altered_sound(sound, np.random.default_rng(seed), [speech_like(1.0, 9)])
        assert len(made) == pytest.approx(len(sound) / speed, abs=1)


def toy_utterances(n, seed=0):
    """Two visemes that are easy to hear: whistling (SS) and humming (oh), with pauses."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        names = rng.choice(["sil", "SS", "oh"], 12)
        parts = {
            "sil": lambda: 1e-4 * rng.standard_normal(3_200),
            "SS": lambda: 0.2 * np.sin(2 * np.pi * rng.uniform(2_500, 4_000) * np.arange(3_200) / 16_000),
            "oh": lambda: 0.2 * np.sin(2 * np.pi * rng.uniform(100, 220) * np.arange(3_200) / 16_000),
        }
        samples = np.concatenate([parts[name]() for name in names]).astype(np.float32)
        visemes = np.repeat(np.eye(len(VISEMES), dtype=np.float32)[[VISEMES.index(name) for name in names]], 10, axis=0)
        made.append(Utterance(samples, visemes, np.zeros((len(visemes), 11), dtype=np.float32), "toy"))
    return made


def test_training_learns_to_tell_a_whistle_from_a_hum():
    config = PhonesTraining(
        n_variants=1, n_steps=200, batch=6, crop_steps=50, average=0.9, width=24, hidden=32, learning_rate=1e-2
    )
    losses, net = [], None
    for progress in train_phones(toy_utterances(12), config):
        losses.append(progress.values.get("loss", np.inf))
        net = progress.values.get("net", net)
    heard = listen(net, toy_utterances(4, seed=7))
    assert min(losses) < 1.0
    assert set(heard) == {0, 20, 40, 80} and all(score.accuracy > 0.8 for score in heard.values())


def test_a_corpus_is_kept_and_read_back(tmp_path):
    utterances = toy_utterances(3)
    save_corpus(utterances, tmp_path / "corpus")
    for before, after in zip(utterances, read_corpus(tmp_path / "corpus"), strict=True):
        np.testing.assert_allclose(after.samples, before.samples, atol=1e-4)
        np.testing.assert_array_equal(after.visemes, before.visemes)
        assert after.voice == before.voice
    (tmp_path / "corpus").write_bytes(b"no corpus")
    with pytest.raises(AudioError, match="no corpus"):
        read_corpus(tmp_path / "corpus")


def test_a_training_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.training.phones_training.CHECKPOINT_STEPS", 5)
    config = PhonesTraining(n_variants=1, n_steps=40, batch=2, crop_steps=30, width=8, hidden=8)
    utterances = toy_utterances(2)
    for progress in train_phones(utterances, config, checkpoint=tmp_path / "c"):
        if progress.stage == "Training":
            break  # stopped half way
    done = [p.done for p in train_phones(utterances, config, checkpoint=tmp_path / "c") if p.stage == "Training"]
    assert done == [40, 40]  # the second half, and the result


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed (apt install flite)")
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed (apt install espeak-ng)")
def test_the_shipped_encoder_sees_lips_close_in_voices_it_was_never_trained_on():
    net = load_phones()[0]
    for kind, plan in held_out_plan(5, seed=77).items():
        if kind == "known voices":
            continue
        utterances = [labelled(speak(text, voice), pause_s=0.3) for text, voice in plan]
        for look_ahead_ms, heard in listen(net, utterances).items():
            assert heard.closure_recall >= 0.6, (kind, look_ahead_ms)
            assert heard.accuracy > 0.62, (kind, look_ahead_ms)
