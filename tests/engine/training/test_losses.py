"""SSIM, the stand-in for LPIPS, and LPIPS from weight files of the genuine form."""

import pytest
import torch

from engine.errors import ModelMissingError
from engine.training.losses import ALEXNET_FILE, LPIPS_FILE, GradientSsim, Lpips, perceptual_loss, ssim


@pytest.fixture
def weights(tmp_path):
    """Random weights in the form the published files have."""
    sizes = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
    torch.manual_seed(0)
    alex = {f"features.{n}.weight": 0.05 * torch.randn(o, i, k, k) for n, (o, i, k) in sizes.items()}
    alex |= {f"features.{n}.bias": torch.zeros(o) for n, (o, _, _) in sizes.items()}
    heads = {f"lin{i}.model.1.weight": torch.rand(1, o, 1, 1) for i, (o, _, _) in enumerate(sizes.values())}
    torch.save(alex, tmp_path / ALEXNET_FILE)
    torch.save(heads, tmp_path / LPIPS_FILE)
    return tmp_path


def pictures(size: int = 64):
    generator = torch.Generator().manual_seed(1)
    a = torch.rand(size, size, 3, generator=generator)
    return a, (a + 0.1 * torch.randn(size, size, 3, generator=generator)).clamp(0, 1)


def test_ssim_is_one_for_equal_pictures_and_falls_with_noise():
    a, b = pictures()
    assert float(ssim(torch.zeros_like(a), torch.zeros_like(a))) == 1.0
    assert ssim(a, a) == pytest.approx(1.0, abs=1e-6)
    assert 0.3 < ssim(a, b) < 0.99


def test_ssim_agrees_with_a_direct_sum_over_one_window():
    a, b = pictures(11)
    at = torch.arange(11) - 5.0
    kernel = torch.exp(-at.square() / 4.5)
    weights = (kernel / kernel.sum())[:, None] * (kernel / kernel.sum())
    x, y = a[..., 0].double(), b[..., 0].double()
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    var_x, var_y = (weights * x * x).sum() - mean_x**2, (weights * y * y).sum() - mean_y**2
    cov = (weights * x * y).sum() - mean_x * mean_y
    expected = (2 * mean_x * mean_y + 1e-4) * (2 * cov + 9e-4) / (
        (mean_x**2 + mean_y**2 + 1e-4) * (var_x + var_y + 9e-4)
    )  # fmt: skip
    from engine.training.losses import ssim_parts

    assert float(ssim_parts(a, b)[0][0, 5, 5]) == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("size", [8, 20, 65])
def test_the_stand_in_is_zero_for_equal_pictures_and_has_finite_gradients(size):
    a, b = pictures(size)
    loss = GradientSsim()
    assert float(loss(a, a)) == pytest.approx(0.0, abs=1e-6)
    a.requires_grad_()
    loss(a, b).backward()
    assert torch.isfinite(a.grad).all() and a.grad.abs().sum() > 0


@pytest.mark.parametrize("loss", [ssim, GradientSsim()], ids=["ssim", "gradients"])
@pytest.mark.parametrize("shape", [(5, 7), (16, 16), (33, 41), (64, 30)])
def test_the_compiled_losses_give_what_pytorch_gives(loss, shape):
    """Double precision goes the way of PyTorch's own operations, gradients included."""
    a, b = (picture[: shape[0], : shape[1]] for picture in pictures())
    values = []
    for dtype in (torch.float32, torch.float64):
        first = a.to(dtype).clone().requires_grad_()
        value = 3 * loss(first, b.to(dtype))
        value.backward()
        values.append((value.detach(), first.grad))
    (own, own_gradient), (expected, gradient) = values
    torch.testing.assert_close(own, expected, rtol=1e-5, atol=1e-6, check_dtype=False)
    torch.testing.assert_close(own_gradient, gradient, rtol=1e-3, atol=1e-6, check_dtype=False)


def test_lpips_reads_the_published_files_and_grows_with_difference(weights):
    network = Lpips(weights)
    a, b = pictures()
    c = (a + 0.5 * (b - a)).clamp(0, 1)
    assert float(network(a, a)) == pytest.approx(0.0, abs=1e-7)
    assert 0 < float(network(a, c)) < float(network(a, b))
    assert float(network(a[:24, :24], b[:24, :24])) > 0  # a small mouth crop is enlarged


def test_weights_that_are_not_genuine_are_refused(weights):
    torch.save({"features.0.weight": torch.zeros(2)}, weights / ALEXNET_FILE)
    with pytest.raises(ModelMissingError, match="not the genuine ones"):
        Lpips(weights)
    (weights / LPIPS_FILE).write_bytes(b"not a weight file")
    with pytest.raises(ModelMissingError, match="fetch it again"):
        Lpips(weights)


def test_without_weights_the_stand_in_is_used_under_its_own_name(tmp_path, monkeypatch):
    monkeypatch.setenv("MOUTHPIECE_CACHE", str(tmp_path))
    assert perceptual_loss(torch.device("cpu")).name == "multi-scale gradient + SSIM"


def test_with_weights_in_the_cache_lpips_is_used(weights, tmp_path, monkeypatch):
    monkeypatch.setenv("MOUTHPIECE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "models"
    folder.mkdir(parents=True)
    for name in (ALEXNET_FILE, LPIPS_FILE):
        (weights / name).rename(folder / name)
    assert perceptual_loss(torch.device("cpu")).name == "LPIPS (AlexNet)"
