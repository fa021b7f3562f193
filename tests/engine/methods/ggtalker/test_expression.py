"""The audio-to-expression network: it learns, guidance does what it says, and every part has a say."""

import numpy as np
import pytest
import torch

from engine.methods.ggtalker.expression import (
    SMALL,
    ExpressionLoss,
    ExpressionNet,
    ExpressionSize,
    expression_loss,
)
from tests.engine.methods.ggtalker.toy_voice import DIFFUSION, TOY, learned, voice_and_face


@pytest.fixture
def fresh():
    torch.manual_seed(3)
    net = ExpressionNet(TOY).eval()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return net.requires_grad_(False)


def heard(net, seed=5, n=30):
    audio, _ = voice_and_face(n, seed)
    return net.condition(torch.from_numpy(audio)[None], net.speakers[:1])


def test_a_trained_network_opens_the_jaw_with_an_unheard_voice():
    net = learned()
    audio, motion = (a.reshape(10, 40, -1) for a in voice_and_face(400, 2))
    condition = net.condition(torch.from_numpy(audio), net.speakers[:1].expand(10, -1))
    noise = torch.randn(10, 40, 4, generator=torch.Generator().manual_seed(0))
    sample = net.coloured(DIFFUSION.sample(net.predictor(condition, 1.15), noise, 10)).numpy()
    for k in range(4):
        r = np.corrcoef(sample[..., k].ravel(), motion[..., k].ravel())[0, 1]
        assert r > 0.8, f"coefficient {k}: r {r:.2f}"
    assert np.abs(sample.mean((0, 1)) - motion.mean((0, 1))).max() < 0.05


def test_the_same_noise_gives_the_same_motion_and_other_noise_another():
    net, samples = learned(), []
    for seed in (0, 0, 1):
        noise = torch.randn(1, 30, 4, generator=torch.Generator().manual_seed(seed))
        samples.append(DIFFUSION.sample(net.predictor(heard(net), 1.0), noise, 6))
    assert torch.equal(samples[0], samples[1]) and not torch.equal(samples[0], samples[2])


def test_guidance_of_0_is_the_unconditional_pass_and_of_1_the_conditional(fresh):
    condition, z, steps = heard(fresh), torch.randn(1, 30, 4), torch.tensor([70])
    conditional, unconditional = fresh(z, steps, condition), fresh(z, steps, condition.dropped())
    assert torch.allclose(fresh.predictor(condition, 0.0)(z, steps), unconditional, atol=1e-6)
    assert torch.allclose(fresh.predictor(condition, 1.0)(z, steps), conditional, atol=1e-6)
    wanted = unconditional + 1.5 * (conditional - unconditional)
    assert torch.allclose(fresh.predictor(condition, 1.5)(z, steps), wanted, atol=1e-5)
    assert not torch.allclose(conditional, unconditional, atol=1e-3)


def test_without_the_voice_two_voices_give_the_same_motion_but_two_speakers_do_not(fresh):
    z, steps = torch.randn(1, 30, 4), torch.tensor([70])
    one, other = (fresh(z, steps, heard(fresh, seed).dropped()) for seed in (5, 6))
    assert torch.equal(one, other)
    audio = torch.from_numpy(voice_and_face(30, 5)[0])[None]
    as_second = fresh(z, steps, fresh.condition(audio, fresh.speakers[1:]).dropped())
    assert not torch.allclose(one, as_second, atol=1e-3)


def test_a_mix_of_two_speakers_lies_between_them(fresh):
    audio, z, steps = torch.from_numpy(voice_and_face(30, 5)[0])[None], torch.randn(1, 30, 4), torch.tensor([70])
    mixed = [fresh(z, steps, fresh.condition(audio, (1 - m) * fresh.speakers[:1] + m * fresh.speakers[1:]))
             for m in (0.0, 0.5, 1.0)]  # fmt: skip
    ends = (mixed[0] - mixed[2]).abs().mean()
    assert (mixed[1] - mixed[0]).abs().mean() < ends and (mixed[1] - mixed[2]).abs().mean() < ends


@pytest.mark.parametrize("part", ["films", "time_tokens", "moved_positions", "of_mean"])
def test_without_one_of_its_parts_the_network_answers_otherwise(fresh, part):
    condition, z, steps = heard(fresh), torch.randn(1, 30, 4), torch.tensor([70])
    before = fresh(z, steps, condition)
    for name, parameter in fresh.named_parameters():
        if part in name:
            parameter.zero_()
    assert (fresh(z, steps, condition) - before).abs().max() > 1e-3


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    net = ExpressionNet(TOY)
    audio, motion = (torch.from_numpy(a).reshape(2, 40, -1) for a in voice_and_face(80, 1))
    loss = ExpressionLoss(drop=0.0)
    terms = expression_loss(net, DIFFUSION, audio, motion, net.speakers, loss, torch.Generator().manual_seed(0))
    sum(terms.values()).backward()
    assert not [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


def test_the_papers_form_of_the_temporal_term_draws_to_stillness():
    """A still prediction costs nothing in the literal form, and a lot where motion is wanted."""
    torch.manual_seed(0)
    net = ExpressionNet(TOY).requires_grad_(False)
    net.leave.weight.zero_()
    net.leave.bias.zero_()
    audio, motion = (torch.from_numpy(a).reshape(2, 40, -1) for a in voice_and_face(80, 1))
    terms = [expression_loss(net, DIFFUSION, audio, motion, net.speakers, ExpressionLoss(literal_temporal=literal),
                             torch.Generator().manual_seed(0)) for literal in (True, False)]  # fmt: skip
    assert terms[0]["temporal"] == 0 and terms[1]["temporal"] > 0


def test_the_paper_and_the_small_preset_have_eight_layers_of_their_widths():
    paper, small = ExpressionSize(), ExpressionSize(**SMALL)
    assert (paper.n_audio, paper.width, paper.n_layers, paper.n_speaker) == (1280, 512, 8, 64)
    assert small.n_layers == 8 and small.width == 128
    net = ExpressionNet(ExpressionSize(n_audio=64, **SMALL))
    assert len(net.decoder) == 8 and sum(p.numel() for p in net.parameters()) < 3_000_000
