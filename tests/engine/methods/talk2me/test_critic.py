"""The discriminator of pictures: it judges patches, and neither side's step moves the other."""

import pytest
import torch

from engine.methods.talk2me.critic import PatchCritic


@pytest.fixture
def critic():
    torch.manual_seed(0)
    return PatchCritic((4, 8, 16, 16))


def test_a_picture_gets_a_score_for_each_patch(critic):
    assert critic(torch.rand(64, 96, 3)).shape == (6, 10)


def test_a_score_sees_seventy_pixels(critic):
    picture = torch.rand(256, 256, 3, requires_grad=True)
    critic.eval()(picture)[15, 15].backward()
    seen = picture.grad.abs().sum(dim=-1) > 0
    assert seen.any(dim=1).sum() == 70 and seen.any(dim=0).sum() == 70


def test_neither_sides_step_leaves_gradients_in_the_other(critic):
    made = torch.rand(64, 64, 3, requires_grad=True)
    fools, judged = critic.losses(made, torch.rand(64, 64, 3))
    fools.backward()
    assert made.grad.abs().sum() > 0 and all(p.grad is None for p in critic.parameters())
    made.grad = None
    judged.backward()
    assert made.grad is None and all(p.grad is not None for p in critic.parameters())


def test_a_critic_learns_to_tell_noise_from_flat_pictures(critic):
    optimizer = torch.optim.Adam(critic.parameters(), 1e-2)
    real, made = torch.rand(64, 64, 3), torch.full((64, 64, 3), 0.5)
    losses = []
    for _ in range(15):
        judged = critic.losses(made, real)[1]
        optimizer.zero_grad(set_to_none=True)
        judged.backward()
        optimizer.step()
        losses.append(float(judged.detach()))
    assert losses[-1] < 0.5 * losses[0]
