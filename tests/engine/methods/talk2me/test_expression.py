"""The Expression Generator on a made clip: it hears, follows a style, minds the eyes, and streams."""

import numpy as np
import pytest
import torch

from engine.errors import TrainingError
from engine.methods.talk2me.expression import (
    HOP_FRAMES,
    LOOK_AHEAD_FRAMES,
    SMOOTHING_FRAMES,
    ExpressionGenerator,
    ExpressionSizes,
    in_windows,
)  # fmt: skip
from engine.methods.talk2me.expression_training import ExpressionConfig, ExpressionTraining, eye_weights
from tests.toy_head import one_thread

TOY = {"n_phonetic": 6, "n_emotion": 5, "n_expression": 10, "n_hidden": 32, "n_code": 16, "n_factor": 4, "n_fused": 32}
SIZES = ExpressionSizes(**TOY, dropout=0.0)


def made_clip(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sound in two cues, and a face: lips follow the sound, one coefficient and both lids follow the other cue."""
    rng = np.random.default_rng(seed)
    kernel = np.hanning(9) / np.hanning(9).sum()
    phonetic = np.stack([np.convolve(rng.normal(size=n), kernel, "same") for _ in range(6)], axis=1) * 2
    emotion = np.stack([np.convolve(rng.normal(size=n), kernel, "same") for _ in range(5)], axis=1) * 2
    lips = np.tanh(phonetic @ rng.normal(size=(6, 7)))
    lips[:, 6] = 0.1 * lips[:, 6] + (np.arange(n) // 150 % 2)  # a mood: what no sound tells
    lids = 0.2 + 0.1 * np.tanh(emotion @ rng.normal(size=(5, 1)))
    blink = 0.3 - lids + 0.01 * rng.normal(size=(n, 1))
    return phonetic, emotion, np.concatenate([lips, blink, lids, lids], axis=1)


def trained(steps: int, sizes: ExpressionSizes = SIZES, **config) -> ExpressionTraining:
    training = ExpressionTraining(*made_clip(), sizes, ExpressionConfig(**{"rate": 1e-3, "n_frames": 60} | config))
    with one_thread():
        for _ in range(steps):
            training.step()
    training.generator.eval()
    return training


@pytest.fixture(scope="module")
def hearing() -> ExpressionTraining:
    return trained(200)


@pytest.fixture(scope="module")
def causal() -> ExpressionTraining:
    return trained(60, ExpressionSizes(**TOY, dropout=0.0, is_causal=True))


def made(training: ExpressionTraining, phonetic: torch.Tensor | None = None, style: int = 0, **gains) -> torch.Tensor:
    phonetic = training.phonetic if phonetic is None else phonetic
    with torch.no_grad():
        return training.generator(phonetic[None], training.emotion[None], training.expression[style][None], **gains)[0]


def streamed(training: ExpressionTraining, phonetic: torch.Tensor | None = None) -> torch.Tensor:
    phonetic = training.phonetic if phonetic is None else phonetic
    with torch.no_grad():
        return in_windows(training.generator, phonetic, training.emotion, training.expression[0])


def lip_correlation(training: ExpressionTraining, expression: torch.Tensor) -> float:
    pairs = [np.corrcoef(expression[:, k], training.expression[:, k])[0, 1] for k in range(6)]
    return float(np.mean(pairs))


def test_lips_follow_the_sound_and_lose_it_when_it_is_shuffled(hearing):
    shuffled = hearing.phonetic[torch.from_numpy(np.random.default_rng(0).permutation(len(hearing.phonetic)))]
    own, other = (lip_correlation(hearing, streamed(hearing, sound)) for sound in (None, shuffled))
    assert own > 0.8 and other < 0.3


def test_another_style_emotion_gain_or_mix_is_another_face(hearing):
    plain = made(hearing)
    spread = hearing.expression.std(dim=0)
    for other in (made(hearing, emotion_gain=0.0), made(hearing, mix=1.0)):
        assert ((plain - other).abs() / spread).mean() > 0.02
    moods = [float(made(hearing, style=frame)[:, 6].mean()) for frame in (50, 200)]
    assert moods[1] - moods[0] > 0.3


def test_eyes_that_weigh_more_are_met_better():
    errors = [
        float((streamed(t) - t.expression)[:, -2:].abs().mean())
        for t in (trained(80, eye_weight=weight) for weight in (1.0, 5.0))
    ]
    assert errors[1] < 0.95 * errors[0]


def test_what_blinks_with_the_eyes_weighs_as_they_do():
    expression = torch.from_numpy(made_clip()[2])
    assert eye_weights(expression, 5.0).tolist() == [1.0] * 7 + [5.0] * 3


def test_the_products_are_kroneckers_and_doubling_the_sound_doubles_two_of_them():
    generator = ExpressionGenerator(SIZES)
    for factor in generator.factors:
        torch.nn.init.zeros_(factor.bias)
    a, e, s = torch.randn(3, 1, SIZES.n_code)
    n = SIZES.n_factor**2
    once, twice = generator.products(a, e, s), generator.products(2 * a, e, s)
    x, y, z = (factor(code)[0] for factor, code in zip(generator.factors, (a, e, s), strict=True))
    assert torch.allclose(once[0], torch.cat([torch.kron(x, y), torch.kron(x, z), torch.kron(y, z)]), atol=1e-6)
    assert torch.allclose(twice[:, : 2 * n], 2 * once[:, : 2 * n], atol=1e-5)
    assert torch.equal(twice[:, 2 * n :], once[:, 2 * n :])


def test_a_causal_net_hears_nothing_that_is_still_to_come(causal):
    later = causal.phonetic.clone()
    later[301:] += 3
    assert torch.allclose(made(causal)[:301], made(causal, later)[:301], atol=1e-5)
    assert (made(causal)[301:] - made(causal, later)[301:]).abs().max() > 1e-2
    assert causal.generator.look_ahead_frames == 0


@pytest.mark.parametrize("which", ["hearing", "causal"])
def test_windows_hear_no_further_than_they_say_and_leave_no_seam(which, request):
    training = request.getfixturevalue(which)
    plain, later = streamed(training), training.phonetic.clone()
    later[300 + training.generator.look_ahead_frames :] += 3
    changed = streamed(training, later)
    assert torch.equal(plain[:300], changed[:300]) and not torch.allclose(plain[320:], changed[320:])
    jumps = (plain.diff(dim=0) / training.expression.std(dim=0)).abs().mean(dim=1)
    at_seams = torch.arange(len(jumps)) % HOP_FRAMES == HOP_FRAMES - 1
    assert jumps[at_seams].mean() < 1.3 * jumps[~at_seams].mean()
    short = in_windows(training.generator, training.phonetic[:3], training.emotion[:3], training.expression[0])
    assert len(short) == 3


def test_smoothing_starts_as_nothing():
    for is_causal in (False, True):
        generator = ExpressionGenerator(ExpressionSizes(**TOY, is_causal=is_causal)).eval()
        x = torch.randn(2, 30, 10)
        assert torch.equal(generator._smoothed(x), x)
    assert SMOOTHING_FRAMES // 2 < LOOK_AHEAD_FRAMES


def test_gradients_reach_every_part():
    training = ExpressionTraining(*made_clip(120), SIZES, ExpressionConfig(n_frames=20, batch=2))
    training.loss(*training.batch()).backward()
    still = [name for name, p in training.generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_a_clip_shorter_than_a_sequence_is_refused():
    with pytest.raises(TrainingError, match="100"):
        ExpressionTraining(*made_clip(60), SIZES)
