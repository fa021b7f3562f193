"""A voice and a face that follows it, made of slow waves: the first coefficient is the jaw, the first feature its
loudness; nothing else of the features tells more than the others."""

import functools

import numpy as np
import torch

from engine.methods.ggtalker.expression import ExpressionLoss, ExpressionNet, ExpressionSize, expression_loss
from engine.parts.diffusion import Diffusion

TOY = ExpressionSize(n_audio=6, n_motion=4, width=48, n_layers=2, n_heads=2, n_hidden=96, n_encoder_layers=1,
                     n_speaker=8, n_speakers=2, n_positions=40, dropout=0.0)  # fmt: skip
DIFFUSION = Diffusion(200)


def voice_and_face(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features `[n, 6]` and coefficients `[n, 4]`, both in units far from white."""
    rng = np.random.default_rng(seed)
    kernel = np.hanning(9) / np.hanning(9).sum()
    sound = np.stack([np.convolve(rng.normal(size=n + 8), kernel, "valid") for _ in range(6)], axis=1) * 2.5
    mix = np.array([[1, 0, 0, 0], [0, 1, 0.5, 0], [0, 0, 1, 0.5], [0, 0.5, 0, 1], [0, 0, 0, 0.5], [0, 0, 0, 0]])
    return (3 * sound + 1).astype(np.float32), (0.2 * np.tanh(sound @ mix) + 0.1).astype(np.float32)


@functools.cache
def learned(n_steps: int = 400) -> ExpressionNet:
    """The toy network, trained on clips of 10 to 40 frames of two minutes of the toy voice."""
    torch.manual_seed(0)
    net, (audio, motion) = ExpressionNet(TOY), (torch.from_numpy(a) for a in voice_and_face(3000, 1))
    net.normalise(audio, motion)
    adam = torch.optim.Adam(net.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, n_steps)
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
    for _ in range(n_steps):
        length = int(rng.integers(10, 41))
        rows = torch.from_numpy(rng.integers(0, len(audio) - length, 32))[:, None] + torch.arange(length)
        speaker = net.speakers[:1].expand(32, -1)
        terms = expression_loss(net, DIFFUSION, audio[rows], motion[rows], speaker, ExpressionLoss(), generator)
        adam.zero_grad()
        sum(terms.values()).backward()
        adam.step()
        schedule.step()
    return net.eval().requires_grad_(False)
