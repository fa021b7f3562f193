"""The Expression Generator on a made clip: it hears, follows a style, minds the eyes, and knows how far it may hear."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.errors import TrainingError
from engine.methods.talk2me.expression import (
    AHEAD_FRAMES,
    SMOOTHING_FRAMES,
    ExpressionGenerator,
    ExpressionSizes,
    shown_one_by_one,
)  # fmt: skip
from engine.methods.talk2me.expression_training import ExpressionTraining, Heard, eye_weights
from tests.toy_head import one_thread

SIZES = ExpressionSizes(
    n_phonetic=6, n_emotion=5, n_expression=10, n_hidden=32, n_code=16, n_factor=4, n_fused=32, dropout=0.0,
    n_behind=15, n_around=2,
)  # fmt: skip
N_FRAMES = 400


def made_clip(n: int = N_FRAMES, seed: int = 0) -> Heard:
    """Sound in two cues, and a face: lips follow the sound, one coefficient and both lids follow the other cue."""
    rng = np.random.default_rng(seed)
    kernel = np.hanning(9) / np.hanning(9).sum()
    phonetic = np.stack([np.convolve(rng.normal(size=n), kernel, "same") for _ in range(6)], axis=1) * 2
    emotion = np.stack([np.convolve(rng.normal(size=n), kernel, "same") for _ in range(5)], axis=1) * 2
    lips = np.tanh(phonetic @ rng.normal(size=(6, 7)))
    lips[:, 6] = 0.1 * lips[:, 6] + (np.arange(n) // 100 % 2)  # a mood: what no sound tells
    lids = 0.2 + 0.1 * np.tanh(emotion @ rng.normal(size=(5, 1)))
    blink = 0.3 - lids + 0.01 * rng.normal(size=(n, 1))
    shown = np.concatenate([lips, blink, lids, lids], axis=1)
    return Heard(*(torch.from_numpy(a.astype(np.float32)) for a in (phonetic, emotion, shown)))


def begun(clip: Heard | None = None, **options) -> ExpressionTraining:
    torch.manual_seed(0)
    return ExpressionTraining([clip or made_clip()], SIZES, np.random.default_rng(0), **options)


def trained(steps: int, **options) -> ExpressionTraining:
    training = begun(**options)
    optimizer = torch.optim.Adam(training.generator.parameters(), 1e-3)
    with one_thread():
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            training.loss().backward()
            optimizer.step()
    training.generator.eval()
    return training


@pytest.fixture(scope="module")
def hearing() -> ExpressionTraining:
    return trained(450)


def shown(
    training: ExpressionTraining, phonetic=None, style: int = 0, ahead: int = AHEAD_FRAMES, n: int = 400, **gains
):
    clip = made_clip()
    phonetic = clip.phonetic if phonetic is None else phonetic
    with torch.no_grad():
        return shown_one_by_one(
            training.generator, phonetic[:n], clip.emotion[:n], clip.expression[style], ahead, **gains
        )


def lip_correlation(expression: torch.Tensor) -> float:
    true = made_clip().expression
    return float(np.mean([np.corrcoef(expression[:, k], true[: len(expression), k])[0, 1] for k in range(6)]))


def test_lips_follow_the_sound_and_lose_it_when_it_is_shuffled(hearing):
    shuffled = made_clip().phonetic[torch.from_numpy(np.random.default_rng(0).permutation(N_FRAMES))]
    assert lip_correlation(shown(hearing)) > 0.8 and lip_correlation(shown(hearing, shuffled)) < 0.3


def test_lips_follow_the_sound_without_any_sound_ahead(hearing):
    assert lip_correlation(shown(hearing, ahead=0)) > 0.7


def test_another_style_emotion_gain_or_mix_is_another_face(hearing):
    plain, spread = shown(hearing, n=60), made_clip().expression.std(dim=0)
    for other in (shown(hearing, n=60, emotion_gain=0.0), shown(hearing, n=60, mix=1.0)):
        assert ((plain - other).abs() / spread).mean() > 0.02
    moods = [float(shown(hearing, style=frame, n=60)[:, 6].mean()) for frame in (50, 150)]
    assert moods[1] - moods[0] > 0.3


def test_eyes_that_weigh_more_are_met_better():
    true = made_clip().expression
    both = (trained(150, eye_weight=weight) for weight in (1.0, 5.0))
    errors = [float((shown(training) - true)[:, -2:].abs().mean()) for training in both]
    assert errors[1] < 0.95 * errors[0]


def test_what_blinks_with_the_eyes_weighs_as_they_do():
    assert eye_weights(made_clip().expression, 5.0).tolist() == [1.0] * 7 + [5.0] * 3


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


@pytest.mark.parametrize("ahead", [0, 3, AHEAD_FRAMES])
def test_a_moment_hears_no_further_than_asked(ahead):
    training = begun()
    training.generator.eval()
    later = made_clip().phonetic.clone()
    later[30 + ahead + 1 :] += 3
    plain, changed = shown(training, ahead=ahead, n=45), shown(training, later, ahead=ahead, n=45)
    assert torch.equal(plain[:31], changed[:31]) and not torch.allclose(plain[31:], changed[31:])


def test_a_frames_own_code_is_made_of_the_sound_round_it():
    generator = ExpressionGenerator(SIZES).eval()
    cue = torch.arange(1.0, 6.0)[None, :, None] * torch.tensor([1.0, -1.0])
    beside = generator._beside(cue)
    assert beside.shape == (1, 5, 10)
    assert beside[0, 0].tolist() == [0, 0, 1, 2, 3, 0, 0, -1, -2, -3]
    assert beside[0, 4].tolist() == [3, 4, 5, 0, 0, -3, -4, -5, 0, 0]
    alone = ExpressionGenerator(replace(SIZES, n_around=0))
    assert torch.equal(alone._beside(cue), cue)


def test_smoothing_starts_as_nothing():
    generator = ExpressionGenerator(SIZES).eval()
    x = torch.randn(2, 30, 10)
    assert torch.equal(generator._smoothed(x), x) and SMOOTHING_FRAMES // 2 < AHEAD_FRAMES


def test_windows_are_learned_as_long_as_a_stream_has_them():
    training = begun()
    lengths = set()
    for _ in range(200):
        phonetic, *_, first = training.batch()
        lengths.add((first, phonetic.shape[1]))
    behind = SIZES.n_behind
    assert {(0, behind + 1 + ahead) for ahead in range(AHEAD_FRAMES + 1)} <= lengths
    assert all(behind + 1 <= first + length <= SIZES.n_frames for first, length in lengths)
    assert any(first > behind - 4 for first, _ in lengths)


def test_a_silent_room_is_learned_to_leave_the_face_at_rest():
    rest = torch.full((SIZES.n_frames, 10), 0.25)
    silence = Heard(torch.full((SIZES.n_frames, 6), -3.0), torch.full((SIZES.n_frames, 5), -3.0), rest)
    errors = []
    for share in (0.0, 0.3):
        generator = trained(150, silence=silence, silent_share=share).generator
        with torch.no_grad():
            made = generator(silence.phonetic[None], silence.emotion[None], made_clip().expression[:1])
        errors.append(float((made[0, SIZES.n_behind] - 0.25).abs().mean()))
    assert errors[1] < 0.5 * errors[0]


def test_gradients_reach_every_part():
    training = begun(batch=2)
    training.loss().backward()
    still = [name for name, p in training.generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_a_clip_shorter_than_a_window_is_refused():
    with pytest.raises(TrainingError, match="22"):
        begun(made_clip(18))
