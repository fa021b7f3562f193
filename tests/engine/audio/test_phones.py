"""The phones encoder, on tiny random networks in the genuine format and on the weights that are shipped."""

import json

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.audio.block import Block
from engine.audio.encoders import encoder_row, make_encoder
from engine.audio.mel import STANDARD_MEL
from engine.audio.phones import WEIGHTS, PhonesConfig, PhonesEncoder, load_phones, viseme_probabilities
from engine.audio.phones_live import LivePhones
from engine.audio.phones_net import ARTICULATORS, VISEMES, PhonesNet
from engine.errors import AudioError, ModelMissingError
from engine.evaluation.sound_step import vowel
from engine.training.phones_training import save_phones
from tests.engine.audio.contract import assert_streaming_equals_offline, speech_like

TINY = {"width": 16, "hidden": 24, "n_embedding": 8}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "phones.safetensors"
    save_phones(PhonesNet(**TINY), path, STANDARD_MEL, {})
    return path


@pytest.mark.parametrize("look_ahead_ms", [0, 20, 40, 80])
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(n=st.integers(0, 20_000), cuts=st.lists(st.integers(0, 20_000), max_size=20))
def test_streaming_equals_offline_for_any_block_sizes(weights, look_ahead_ms, n, cuts):
    encoder = PhonesEncoder(PhonesConfig(look_ahead_ms), weights)
    assert encoder.look_ahead_ms == look_ahead_ms + 7.5
    assert_streaming_equals_offline(encoder, speech_like(1.25)[:n], cuts)


def test_the_live_loop_and_the_network_go_on_from_each_others_states():
    torch.manual_seed(0)
    net = PhonesNet(**TINY).requires_grad_(False)
    live, features = LivePhones(net), torch.randn(12, net.n_inputs)
    whole, _ = net(features[None])
    first, state = live(features[:1].numpy(), None)
    second, state = net(features[None, 1:7], state)
    third, state = live(features[7:9].numpy(), state)
    fourth, _ = live(features[9:].numpy(), state)
    joined = np.concatenate([first, second[0].numpy(), third, fourth])
    np.testing.assert_allclose(joined, whole[0].numpy(), atol=2e-6)


def test_a_long_sound_is_encoded_in_pieces_without_a_seam(weights):
    sound = speech_like(62)
    encoder = PhonesEncoder(PhonesConfig(40), weights)
    streamed = encoder.push(Block(sound, 0.0)).values
    np.testing.assert_allclose(encoder.encode(sound).values[: len(streamed)], streamed, atol=1e-4)


def test_encoding_a_file_in_between_does_not_disturb_the_stream(weights):
    encoder = PhonesEncoder(PhonesConfig(20), weights)
    sound = speech_like(1.0)
    first = encoder.push(Block(sound[:8_000], 0.0)).values
    encoder.encode(speech_like(0.7, seed=3))
    second = encoder.push(Block(sound[8_000:], 0.5)).values
    joined = np.concatenate([first, second])
    np.testing.assert_allclose(joined, encoder.encode(sound).values[: len(joined)], atol=1e-4)


def test_no_feature_hears_beyond_its_look_ahead(weights):
    sound = speech_like(1.0)
    changed = sound.copy()
    changed[8_000:] = 0
    for look_ahead_ms in (0, 80):
        encoder = PhonesEncoder(PhonesConfig(look_ahead_ms), weights)
        differs = np.abs(encoder.encode(sound).values - encoder.encode(changed).values).max(axis=1) > 1e-6
        assert np.flatnonzero(differs)[0] == 25 - 1 - look_ahead_ms // 20  # the spectrum reaches into the one before


def test_probabilities_sum_to_one_where_none_was_cut(weights):
    encoder = PhonesEncoder(PhonesConfig(), weights)
    values = encoder.encode(speech_like(0.5)).values
    assert values.shape[1] == encoder.n_features == len(VISEMES) + 8
    np.testing.assert_allclose(viseme_probabilities(values).sum(axis=1), 1, atol=0.01)
    assert np.abs(values).max() <= 1.0


def test_a_row_makes_the_encoder_it_was_taken_from_and_names_its_weights(weights):
    encoder = PhonesEncoder(PhonesConfig(40), weights)
    row = json.loads(json.dumps(encoder_row(encoder)))
    assert row == {"name": "phones", "look_ahead_ms": 40, "weights": encoder.fingerprint}
    again = PhonesEncoder(PhonesConfig(row["look_ahead_ms"], row["weights"]), weights)
    np.testing.assert_array_equal(again.encode(speech_like(0.3)).values, encoder.encode(speech_like(0.3)).values)


def test_an_avatar_trained_with_other_weights_is_told_so(weights):
    with pytest.raises(ModelMissingError, match="trained with 0123456789abcdef"):
        PhonesEncoder(PhonesConfig(0, "0123456789abcdef"), weights)


def test_a_look_ahead_without_a_head_is_refused():
    with pytest.raises(AudioError, match="30 ms"):
        make_encoder({"name": "phones", "look_ahead_ms": 30})


@pytest.mark.parametrize("damage", ["missing", "truncated", "foreign", "not numbers"])
def test_damaged_weights_get_one_sentence(tmp_path, weights, damage):
    path = tmp_path / "phones.safetensors"
    data = weights.read_bytes()
    if damage == "truncated":
        path.write_bytes(data[:-100])
    elif damage == "foreign":
        path.write_bytes(data.replace(b"mouthpiece-phones", b"mouthpiece-gloves"))
    elif damage == "not numbers":
        net, _, mel = load_phones(weights)
        net.first.weight[0, 0] = float("nan")
        save_phones(net, path, mel, {})
    with pytest.raises((AudioError, ModelMissingError)) as raised:
        load_phones(path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("look_ahead_ms", [0, 80])
def test_the_shipped_weights_are_small_and_stream_as_they_encode(look_ahead_ms):
    encoder = PhonesEncoder(PhonesConfig(look_ahead_ms))
    assert WEIGHTS.stat().st_size < 8e6
    assert sum(p.numel() for p in load_phones()[0].parameters()) < 2e6
    assert_streaming_equals_offline(encoder, speech_like(1.0), [160, 481, 5_000, 5_001, 9_000])


def test_the_shipped_weights_hear_silence_as_silence_and_open_the_mouth_for_a_vowel():
    encoder = PhonesEncoder(PhonesConfig(40))
    room = 1e-4 * np.random.default_rng(0).standard_normal(16_000)
    features = encoder.encode(np.concatenate([room, vowel(0.5), room]).astype(np.float32))
    probabilities, jaw = viseme_probabilities(features.values), encoder.jaw(features)
    assert probabilities[20:45, VISEMES.index("sil")].min() > 0.8 and jaw[20:45].max() < 0.02
    assert probabilities[55:70, VISEMES.index("sil")].max() < 0.2 and jaw[55:70].mean() > 0.1
    mouth = encoder.articulators(features)
    assert mouth.shape == (len(features), len(ARTICULATORS)) and mouth.min() >= 0 and mouth.max() <= 1


def test_the_network_splits_anywhere():
    torch.manual_seed(1)
    net = PhonesNet(n_inputs=6, **TINY).eval()
    features = torch.randn(2, 30, 6)
    with torch.inference_mode():
        whole, _ = net(features)
        first, state = net(features[:, :1])
        second, state = net(features[:, 1:4], state)
        third, _ = net(features[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second, third], dim=1), whole, atol=1e-5, rtol=0)
