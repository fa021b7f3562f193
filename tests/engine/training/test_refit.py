"""An avatar whose ear is replaced: the face stays, the new ear says nearly the same."""

import numpy as np
import pytest
import torch

from engine.avatar import load_avatar, read_tensors
from engine.errors import AudioError, OutputError
from engine.training.refit import refit_voice
from tests.toy_head import make_toy_dataset


@pytest.fixture(scope="module")
def refitted(toy_avatar, tmp_path_factory):
    """By seven seconds of the voice: of the toy film's four held-out frames no error could be told from chance."""
    film = make_toy_dataset(tmp_path_factory.mktemp("long") / "toy.dataset", 64, 176, "plate", n=700)
    other = "mel" if load_avatar(toy_avatar).manifest.encoders[0]["name"] != "mel" else "phones"
    out = tmp_path_factory.mktemp("refit") / "other.avatar"
    steps = list(refit_voice(toy_avatar, film, out, encoder=other, steps=250))
    return other, out, steps[-1].values


def test_the_avatar_hears_with_the_other_encoder_and_loads(refitted):
    other, out, _ = refitted
    avatar = load_avatar(out)
    assert avatar.encoders()[0].name == other
    assert avatar.audio.n_features == avatar.encoders()[0].n_features


def test_everything_but_the_ear_is_the_same_to_the_bit(refitted, toy_avatar):
    before, after = read_tensors(toy_avatar), read_tensors(refitted[1])
    assert before.keys() == after.keys()
    for name in before:
        if not name.startswith("network.audio."):
            assert np.array_equal(before[name], after[name]), name


def test_the_new_ear_says_more_of_the_old_ones_codes_than_their_mean(refitted):
    errors = refitted[2]["error_after"]
    assert refitted[2]["error_before"] is None
    assert errors["160"] < 0.9 and all(np.isfinite(v) for v in errors.values())


def test_the_same_seed_gives_the_same_ear(toy_avatar, toy_dataset, tmp_path):
    ears = []
    for name in ("a", "b"):
        list(refit_voice(toy_avatar, toy_dataset, tmp_path / f"{name}.avatar", steps=5))
        ears.append(load_avatar(tmp_path / f"{name}.avatar").audio.state_dict())
    assert all(torch.equal(ears[0][k], ears[1][k]) for k in ears[0])


def test_what_cannot_be_refitted_is_one_sentence(toy_avatar, toy_dataset, tmp_path):
    with pytest.raises(OutputError, match="no such folder"):
        list(refit_voice(toy_avatar, toy_dataset, tmp_path / "none" / "x.avatar"))
    with pytest.raises(AudioError, match="not known"):
        list(refit_voice(toy_avatar, toy_dataset, tmp_path / "x.avatar", encoder="ears"))
    assert not (tmp_path / "x.avatar").exists()
