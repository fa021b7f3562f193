"""The noise schedule and the sampler, against predictors whose answers are known."""

import pytest
import torch

from engine.parts.diffusion import Diffusion, guided


def test_a_noised_sample_keeps_its_power_and_ends_as_noise():
    diffusion = Diffusion()
    assert (diffusion.kept.diff() < 0).all() and diffusion.kept[0] > 0.999 and diffusion.kept[-1] < 1e-3
    clean, noise = torch.full((3, 2, 2), 2.0), torch.ones(3, 2, 2)
    noised = diffusion.noised(clean, noise, torch.tensor([0, 500, 999]))
    kept = diffusion.kept[[0, 500, 999]].float()
    assert torch.allclose(noised[:, 0, 0], kept.sqrt() * 2 + (1 - kept).sqrt())


def test_sampling_visits_the_steps_it_is_given_from_the_noisiest():
    diffusion = Diffusion(100)
    assert diffusion.visited(1) == [99]
    visited = diffusion.visited(8)
    assert len(visited) == 8 and visited[0] == 99 and visited == sorted(set(visited), reverse=True)
    for wrong in (0, 101):
        with pytest.raises(ValueError, match="1 to 100"):
            diffusion.visited(wrong)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_best_predictor_of_a_gaussian_samples_that_gaussian(eta):
    """For data N(m, s^2) the best clean prediction is known in closed form; samples must have its mean and spread."""
    diffusion, mean, std = Diffusion(), 1.5, 0.4

    def predict(z, steps):
        kept = diffusion.kept[steps].float()[:, None, None]
        gain = kept.sqrt() * std**2 / (kept * std**2 + 1 - kept)
        return mean + gain * (z - kept.sqrt() * mean)

    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(64, 64, 2, generator=generator)
    sample = diffusion.sample(predict, noise, 100, eta=eta, generator=generator)
    assert abs(sample.mean() - mean) < 0.02 and abs(sample.std() - std) < 0.05
    assert (eta == 0) == bool(torch.corrcoef(torch.stack([noise.ravel(), sample.ravel()]))[0, 1] > 0.99)


def test_known_frames_reach_the_network_noised_as_far_as_the_rest():
    diffusion, seen = Diffusion(50), []

    def predict(z, steps):
        seen.append((z[:, :3].clone(), int(steps[0])))
        return torch.zeros_like(z)

    noise, known = torch.randn(1, 8, 2), torch.randn(1, 3, 2)
    diffusion.sample(predict, noise, 5, known=known)
    assert len(seen) == 5
    for start, step in seen:
        assert torch.allclose(start, diffusion.noised(known, noise[:, :3], torch.tensor([step])))


def test_guidance_runs_from_no_condition_through_the_condition_to_beyond_it():
    conditional, unconditional = torch.randn(2, 4), torch.randn(2, 4)
    assert torch.equal(guided(conditional, unconditional, 0.0), unconditional)
    assert torch.allclose(guided(conditional, unconditional, 1.0), conditional, atol=1e-6)
    assert torch.allclose(guided(conditional, unconditional, 2.0), 2 * conditional - unconditional, atol=1e-6)
