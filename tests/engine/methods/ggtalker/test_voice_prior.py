"""The prior of voices: what it learns, keeps in its file, gives to a film, and when it is refused."""

from itertools import islice

import numpy as np
import pytest
import torch

from engine.audio.encoders import encoder_row, make_encoder
from engine.avatar import load_avatar
from engine.errors import TrainingError
from engine.methods.ggtalker.expression import ExpressionSize
from engine.methods.ggtalker.voice_prior import (
    STYLES,
    PriorTraining,
    SpokenFilm,
    acted_film,
    load_prior,
    prior_names,
    prior_of,
    save_prior,
    styled,
)
from engine.synth.voices import voices
from engine.vocabulary import ARKIT_52, ARKIT_INDEX
from tests.engine.methods import contract
from tests.engine.methods.ggtalker.test_method import in_training
from tests.engine.methods.ggtalker.toy_voice import TOY, voice_and_face
from tests.toy_head import train_toy

NAMES = ("jawOpen", "mouthPucker", "browInnerUp", "eyeBlinkLeft")


def training(n_features: int = TOY.n_audio, n_films: int = 4, encoder: str = "mel") -> PriorTraining:
    films = []
    for seed in range(n_films):
        audio, motion = voice_and_face(120, seed)
        wide = np.concatenate([audio, np.zeros((len(audio), n_features - audio.shape[1]), np.float32)], axis=1)
        films.append(SpokenFilm(wide, motion, seed % 2))
    size = ExpressionSize(n_features, 4, 32, 2, 2, 64, 1, 8, 2, 40, 0.0)
    return PriorTraining(films, NAMES, size, encoder_row(make_encoder({"name": encoder})), ("one", "two"), n_steps=100)


@pytest.fixture
def path(tmp_path):
    made = training(make_encoder({"name": "mel"}).n_features)
    save_prior(tmp_path / "made.safetensors", made.prior)
    return tmp_path / "made.safetensors"


def test_the_loss_falls_and_every_speaker_is_learnt(tmp_path):
    made = training()
    before = made.prior.net.speakers.detach().clone()
    losses = [p.values["expression"] for p in made.steps(80, batch=8)]
    assert np.mean(losses[-15:]) < 0.8 * np.mean(losses[:15])
    assert ((made.prior.net.speakers - before).abs().sum(dim=1) > 0).all()


def test_a_prior_survives_its_file_to_half_precision(path):
    again = load_prior(path)
    assert again.names == NAMES and again.speakers == ("one", "two") and again.n_steps == 100
    made = training(again.net.size.n_audio).prior.net.state_dict()
    for name, value in again.net.state_dict().items():
        assert torch.allclose(value, made[name], rtol=2e-3, atol=1e-3), name


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_or_foreign_file_is_refused_in_one_sentence(path, part):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(TrainingError, match=r"made\.safetensors") as error:
        load_prior(path)
    assert "\n" not in str(error.value)


def test_auto_does_without_what_is_not_there_or_does_not_fit_but_a_named_file_must(path, monkeypatch):
    mel, phones = ({"name": name} for name in ("mel", "phones"))
    row = encoder_row(make_encoder(mel))
    assert prior_of("none", row, NAMES) is None
    monkeypatch.setattr("engine.methods.ggtalker.voice_prior.HOUSE", path.parent / "none.safetensors")
    assert prior_of("auto", row, NAMES) is None
    monkeypatch.setattr("engine.methods.ggtalker.voice_prior.HOUSE", path)
    assert prior_of("auto", row, NAMES).names == NAMES
    assert prior_of("auto", encoder_row(make_encoder(phones)), NAMES) is None
    with pytest.raises(TrainingError, match="hears with mel"):
        prior_of(str(path), encoder_row(make_encoder(phones)), NAMES)
    with pytest.raises(TrainingError, match="has not"):
        prior_of(str(path), row, NAMES[:2])


def test_a_film_goes_on_from_a_prior_with_a_speaker_of_its_own(path, toy_dataset, tmp_path):
    """The network starts as the prior is; its avatar speaks like the person, the prior's speakers, or between two."""
    model = in_training(toy_dataset, prior=str(path))
    prior = load_prior(path)
    assert model.voice.names == NAMES and model.voice.speakers == ("own", "one", "two")
    assert torch.equal(model.voice.net.leave.weight, prior.net.leave.weight)
    assert torch.equal(model.voice.net.speakers[0], prior.net.speakers.mean(dim=0))
    made = train_toy(
        toy_dataset, tmp_path / "adapted.avatar", "ggtalker", iterations=60, encoder="mel", prior=str(path)
    )
    avatar = load_avatar(made)
    assert avatar.manifest.statistics["priors"] == "made voices"
    driver = contract.driver_of(avatar, toy_dataset)
    plain = driver.at(0.7, contract.DriverInputs(80.0)).values
    for chosen in ({"speaker": "one", "second_speaker": "one"}, {"speaker": "one", "second_speaker": "two"}):
        other = contract.driver_of(avatar, toy_dataset).at(0.7, contract.DriverInputs(80.0, chosen)).values
        assert not np.array_equal(other, plain), chosen
    assert torch.equal(avatar.speaker({"speaker": "nobody"}), avatar.speaker({}))


def test_ways_of_speaking_change_how_far_and_never_part_shut_lips():
    arkit = np.full((1, 52), 0.4, np.float32)
    arkit[0, ARKIT_INDEX["mouthClose"]] = arkit[0, ARKIT_INDEX["jawOpen"]]
    made = {name: styled(arkit, gains)[0] for name, gains in STYLES.items()}
    assert np.allclose(made["plain"], arkit[0])
    assert made["mumbling"][ARKIT_INDEX["jawOpen"]] < made["plain"][ARKIT_INDEX["jawOpen"]]
    assert all(row[ARKIT_INDEX["mouthClose"]] == row[ARKIT_INDEX["jawOpen"]] for row in made.values())


def test_an_acted_film_has_sound_for_every_frame_and_a_jaw_that_follows_it():
    film = acted_film(make_encoder({"name": "phones"}), 6.0, 0, tuple(islice(voices("en"), 2)))
    assert len(film.audio) == len(film.motion) > 130 and film.speaker == 0
    assert film.motion.shape[1] == len(prior_names()) == len(ARKIT_52) - 8
    assert film.motion[:, prior_names().index("jawOpen")].std() > 0.05
