"""The audio code of the live line against the network it was folded from."""

import numpy as np
import pytest
import torch
from torch import nn

from engine.parts.audio_net import N_STEPS, AudioCoder
from engine.parts.live_coder import LiveCoder


@pytest.fixture(scope="module")
def coder():
    torch.manual_seed(0)
    coder = AudioCoder(n_features=63, n_code=20).requires_grad_(False)
    coder.feature_mean.copy_(torch.randn(63))
    coder.feature_scale.copy_(torch.rand(63) + 0.5)
    for parameter in coder.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))  # biases too
    return coder


@pytest.mark.parametrize("n_known", [0, 1, 7, 8, 16])
def test_a_window_has_the_code_of_the_whole_network_however_much_of_it_is_heard(coder, n_known):
    live, rng = LiveCoder(coder), np.random.default_rng(n_known)
    window = rng.normal(size=(N_STEPS, 63)).astype(np.float32)
    known = np.arange(N_STEPS) < n_known
    whole = coder(torch.from_numpy(window)[None], torch.from_numpy(known)[None])[0].numpy()
    code = live(window, known)
    assert code.dtype == np.float32 and code.shape == (20,)
    np.testing.assert_allclose(code, whole, atol=2e-6 * max(1.0, np.abs(whole).max()), rtol=1e-5)


def test_a_head_behind_the_code_is_folded_in_too(coder):
    headed = AudioCoder(63, 20)
    headed.load_state_dict(coder.state_dict())
    torch.manual_seed(1)
    headed.head = nn.Sequential(nn.Linear(20, 12), nn.ReLU(), nn.Linear(12, 9))
    window = np.random.default_rng(3).normal(size=(N_STEPS, 63)).astype(np.float32)
    known = np.ones(N_STEPS, bool)
    with torch.no_grad():
        whole = headed(torch.from_numpy(window)[None], torch.from_numpy(known)[None])[0].numpy()
    np.testing.assert_allclose(LiveCoder(headed)(window, known), whole, atol=1e-5, rtol=1e-5)


def test_what_is_not_heard_has_no_say(coder):
    live, rng = LiveCoder(coder), np.random.default_rng(0)
    window = rng.normal(size=(N_STEPS, 63)).astype(np.float32)
    known = np.arange(N_STEPS) < 8
    other = window.copy()
    other[8:] = 5.0
    assert np.array_equal(live(window, known), live(other, known))
    assert not np.array_equal(live(window, known), live(other, np.ones(N_STEPS, bool)))
