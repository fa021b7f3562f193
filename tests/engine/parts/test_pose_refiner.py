"""The networks of head motion: a refiner that starts as nothing, products that are Kronecker's, two judges."""

import torch

from engine.parts.kronecker import kronecker
from engine.parts.pose_refiner import MotionDiscriminator, PoseRefiner
from engine.parts.pose_units import N_SPAN


def test_the_product_is_torchs_and_linear_in_each_factor():
    a, b = torch.randn(3, 4), torch.randn(3, 5)
    made = kronecker(a, b)
    assert all(torch.allclose(made[i], torch.kron(a[i], b[i])) for i in range(3))
    assert torch.allclose(kronecker(2 * a, b), 2 * made)


def test_an_untrained_refiner_returns_what_was_retrieved():
    refiner = PoseRefiner(7, 52)
    pose = torch.randn(2, N_SPAN, 6)
    assert torch.equal(refiner(pose, torch.randn(2, N_SPAN, 52), torch.randn(2, N_SPAN, 7)), pose)


def test_a_residual_is_slow_whatever_the_network_says():
    torch.manual_seed(0)
    refiner = PoseRefiner(7, 52)
    torch.nn.init.normal_(refiner.out.weight)
    pose = torch.zeros(1, N_SPAN, 6)
    residual = refiner(pose, torch.randn(1, N_SPAN, 52), torch.randn(1, N_SPAN, 7)).detach()[0].numpy()
    mirrored = torch.fft.rfft(torch.cat([torch.from_numpy(residual), torch.from_numpy(residual).flip(0)]), dim=0)
    energy = mirrored.abs().square()
    assert energy[:8].sum() > 0.1 and energy[8:].sum() < 1e-4 * energy.sum()


def test_both_judges_see_twelve_channels_and_one_of_them_sees_patches():
    critic = MotionDiscriminator()
    whole, patches = critic(torch.randn(4, N_SPAN, 6))
    assert whole.shape == (4,) and patches.ndim == 2 and len(patches) == 4 and patches.shape[1] > 3
    assert critic.whole[0].in_channels == critic.patches[0].in_channels == 12
