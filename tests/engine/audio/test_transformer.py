"""The hubert and wav2vec2 encoders, on tiny random networks saved in the genuine format."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.audio.block import Block
from engine.audio.encoders import encoder_row, make_encoder
from engine.audio.transformer import RunningLevel, TransformerConfig, TransformerEncoder
from engine.errors import AudioError, ModelMissingError
from tests.engine.audio.contract import assert_streaming_equals_offline, speech_like

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TINY = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}


def save_tiny(folder, model, norm="layer", do_normalize=True):
    """Saves a network of random numbers as its authors would, with its preprocessor file."""
    torch.manual_seed(0)
    kinds = {
        "hubert": (transformers.HubertConfig, transformers.HubertModel),
        "wav2vec2": (transformers.Wav2Vec2Config, transformers.Wav2Vec2Model),
    }
    config_class, model_class = kinds[model]
    config = config_class(**TINY, feat_extract_norm=norm, do_stable_layer_norm=norm == "layer")
    model_class(config).eval().save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=do_normalize).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=[("hubert", "layer"), ("hubert", "group"), ("wav2vec2", "group")])
def encoder(request, tmp_path_factory):
    model, norm = request.param
    folder = save_tiny(tmp_path_factory.mktemp("weights") / "tiny", model, norm)
    return TransformerEncoder(TransformerConfig(model, str(folder), left_ms=400, right_ms=40))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(n=st.integers(0, 24_000), cuts=st.lists(st.integers(0, 24_000), max_size=12))
def test_streaming_equals_offline_for_any_block_sizes(encoder, n, cuts):
    assert_streaming_equals_offline(encoder, speech_like(1.5)[:n], cuts)


def test_encoding_a_file_in_between_does_not_disturb_the_stream(encoder):
    sound = speech_like(1.0)
    encoder.reset()
    first = encoder.push(Block(sound[:9_000], 0.0))
    encoder.encode(speech_like(0.7, seed=3))
    second = encoder.push(Block(sound[9_000:], 9_000 / 16_000))
    whole = encoder.encode(sound).values
    np.testing.assert_allclose(
        np.concatenate([first.values, second.values]), whole[: len(first) + len(second)], atol=1e-4
    )


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_the_last_layer_is_what_transformers_itself_gives_for_the_window(tmp_path, norm):
    folder = save_tiny(tmp_path, "hubert", norm, do_normalize=False)
    encoder = TransformerEncoder(TransformerConfig("hubert", str(folder), hop_ms=80, left_ms=400, right_ms=80))
    sound = speech_like(1.0)
    values = encoder.encode(sound).values
    window = sound[20 * 320 - 20 * 320 : (20 + 4 + 4) * 320 + 80]
    with torch.inference_mode():
        reference = transformers.HubertModel.from_pretrained(folder).eval()(torch.from_numpy(window)[None])
    np.testing.assert_allclose(values[20:24], reference.last_hidden_state[0, 20:24].numpy(), atol=1e-5)


def test_look_ahead_is_the_wait_of_the_first_feature_of_a_hop(tmp_path):
    folder = save_tiny(tmp_path, "wav2vec2")
    encoder = make_encoder({"name": "wav2vec2", "weights": str(folder), "hop_ms": 40, "right_ms": 80, "left_ms": 200})
    assert encoder.look_ahead_ms == 20 + 80 + 5
    assert encoder.n_features == 24
    assert len(encoder.push(Block(speech_like(0.04 + 0.08 + 0.005 - 1 / 16_000), 0.0))) == 0
    assert len(encoder.push(Block(np.zeros(1, dtype=np.float32), 0.1249375))) == 2


def test_a_row_makes_the_encoder_it_was_taken_from(tmp_path):
    folder = save_tiny(tmp_path, "wav2vec2")
    encoder = make_encoder({"name": "wav2vec2", "weights": str(folder), "left_ms": 200, "layer": 1})
    again = make_encoder(json.loads(json.dumps(encoder_row(encoder))))
    sound = speech_like(0.5)
    np.testing.assert_array_equal(again.encode(sound).values, encoder.encode(sound).values)


def test_a_lower_layer_differs_from_the_last(tmp_path):
    folder = save_tiny(tmp_path, "hubert")
    last, first = (
        TransformerEncoder(TransformerConfig("hubert", str(folder), layer=layer)).encode(speech_like(0.5)).values
        for layer in (-1, 1)
    )
    assert last.shape == first.shape and np.abs(last - first).max() > 0.01


def test_weights_that_are_nowhere_name_the_folder_and_the_command():
    with pytest.raises(ModelMissingError) as raised:
        make_encoder({"name": "hubert"})
    message = str(raised.value)
    assert "models/hubert-large-ls960-ft" in message and "hf download facebook/hubert-large-ls960-ft" in message
    assert "\n" not in message


def test_weights_in_the_programs_own_cache_are_found_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("MOUTHPIECE_CACHE", str(tmp_path))
    save_tiny(tmp_path / "models" / "hubert-large-ls960-ft", "hubert")
    assert make_encoder({"name": "hubert"}).n_features == 24


def test_weights_in_the_hugging_face_cache_are_found_by_name(tmp_path, monkeypatch):
    import huggingface_hub.constants

    (tmp_path / "models--someone--tiny" / "refs").mkdir(parents=True)
    (tmp_path / "models--someone--tiny" / "refs" / "main").write_text("0" * 40)
    snapshot = tmp_path / "models--someone--tiny" / "snapshots" / ("0" * 40)
    save_tiny(snapshot, "hubert")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert make_encoder({"name": "hubert", "weights": "someone/tiny"}).n_features == 24


@pytest.mark.parametrize("damage", ["no weights", "truncated", "tensor gone", "other kind", "config"])
def test_damaged_weights_are_refused_and_never_replaced_by_random_numbers(tmp_path, damage):
    folder = save_tiny(tmp_path / "w", "hubert")
    weights = folder / "model.safetensors"
    if damage == "no weights":
        weights.unlink()
    elif damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:1_000])
    elif damage == "tensor gone":
        from safetensors.torch import load_file, save_file

        tensors = load_file(weights)
        tensors.pop(next(name for name in tensors if "attention" in name))
        save_file(tensors, weights, metadata={"format": "pt"})
    elif damage == "other kind":
        save_tiny(folder, "wav2vec2")
    elif damage == "config":
        (folder / "config.json").write_text("{")
    with pytest.raises((AudioError, ModelMissingError)) as raised:
        make_encoder({"name": "hubert", "weights": str(folder)})
    assert str(folder) in str(raised.value) and "\n" not in str(raised.value)
    assert isinstance(raised.value, ModelMissingError) == (damage == "no weights")


@pytest.mark.parametrize("row", [{"hop_ms": 30}, {"left_ms": -20}, {"right_ms": 10**6}, {"seed_deviation": 0.0}])
def test_a_grid_that_makes_no_sense_is_refused(row):
    with pytest.raises(AudioError):
        make_encoder({"name": "hubert", **row})


def test_a_layer_the_network_does_not_have_is_refused(tmp_path):
    folder = save_tiny(tmp_path, "hubert")
    with pytest.raises(AudioError, match="no layer 7"):
        make_encoder({"name": "hubert", "weights": str(folder), "layer": 7})


def test_a_long_pause_does_not_become_loud():
    level = RunningLevel(0.0, 0.08)
    random = np.random.default_rng(0)
    for _ in range(100):
        level.push(0.1 * random.standard_normal(1_280))
    for _ in range(1_000):
        level.push(1e-3 * random.standard_normal(1_280))
    assert level.normalise(np.array([0.1])) == pytest.approx(1.0, rel=0.05)


def test_a_quiet_microphone_is_brought_to_unit_deviation():
    level = RunningLevel(0.0, 0.08)
    random = np.random.default_rng(0)
    for _ in range(1_500):
        level.push(0.02 + 0.02 * random.standard_normal(1_280))
    assert level.normalise(np.array([0.02, 0.04])) == pytest.approx([0, 1], abs=0.1)
