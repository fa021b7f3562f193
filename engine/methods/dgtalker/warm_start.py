"""Ours: directions and encoders of the third stage start from what the first two stages found in every frame's latent.

The paper starts the directions at random and lets tens of thousands of pictures turn them. The latents of the frames
already say how this face moves: the part of them that the tracked mouth explains spans the lip directions, the rest the
expressions, and a regression from sound to their coefficients needs no picture at all.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from engine.parts.audio_net import N_STEPS, window_start
from engine.parts.common_fit import ridge_fit
from engine.vocabulary import ARKIT_52

if TYPE_CHECKING:
    from engine.methods.dgtalker.training import DGTalkerTraining

MOUTH = ("jaw", "mouth", "cheekPuff", "tongue")
RIDGE = 0.05
WINDOWS, RATE = 64, 2e-3


def start_from_latents(training: "DGTalkerTraining") -> None:
    """Sets directions, the canonical latent and the encoders; deterministic for a seed."""
    net = training.networks
    latents = net.frames.detach().cpu().numpy()
    mean = latents.mean(axis=0)
    lips, rest = split_by_mouth(latents - mean, training.clip.tracks["arkit"][: training.clip.n_train])
    n_lip = net.directions.n_lip
    n_expression = len(net.directions.raw) - n_lip
    rows = np.concatenate([_axes(lips, n_lip, training.rng), _axes(rest, n_expression, training.rng)])
    with torch.no_grad():
        net.canonical += torch.from_numpy(mean).to(training.device)
        net.frames -= torch.from_numpy(mean).to(training.device)
        net.directions.raw.copy_(torch.from_numpy(rows * np.sqrt(rows.shape[1])))
        axes = net.directions().cpu()
    _teach(training, torch.from_numpy(lips.astype(np.float32)) @ axes[:n_lip].t(),
           torch.from_numpy(rest.astype(np.float32)) @ axes[n_lip:].t())  # fmt: skip


def split_by_mouth(latents: np.ndarray, arkit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Latents `[T, D]` as the part a regression on all tracked shapes gives to the mouth's, and what is left."""
    is_mouth = np.array([name.startswith(MOUTH) for name in ARKIT_52])
    fit = ridge_fit(arkit, latents, RIDGE)
    centred = arkit - arkit.mean(axis=0)
    lips = centred[:, is_mouth] @ fit[:-1][is_mouth]
    return lips, latents - lips


def _axes(part: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """The n strongest axes of a cloud `[T, D]`, unit rows; random ones where it has fewer."""
    _, sizes, axes = np.linalg.svd(part - part.mean(axis=0), full_matrices=False)
    used = min(n, int((sizes > 1e-4 * max(sizes[0], 1e-12)).sum()))
    more = rng.normal(size=(n - used, part.shape[1]))
    more /= np.linalg.norm(more, axis=1, keepdims=True).clip(1e-12)
    return np.concatenate([axes[:used], more]).astype(np.float32)


def _teach(training: "DGTalkerTraining", lips: Tensor, expressions: Tensor) -> None:
    """Fits both encoders to the frames' coefficients."""
    clip, net, rng, device = training.clip, training.networks, training.rng, training.device
    encoders = [net.lip, net.expression]
    parameters = [p.requires_grad_(True) for encoder in encoders for p in encoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=1e-3)
    scales = [wanted.std(dim=0).mean().clamp(min=1e-4).to(device) for wanted in (lips, expressions)]
    lips, expressions = lips.to(device), expressions.to(device)
    eye = torch.from_numpy(training.eye[: clip.n_train]).to(device)
    n_steps = training.config.taught_steps
    for step in range(n_steps):
        ids = rng.integers(clip.n_train, size=WINDOWS)
        windows, known = _windows(clip, clip.tracks["times"][ids] + rng.uniform(-0.005, 0.005, WINDOWS), rng)
        windows, known = torch.from_numpy(windows).to(device), torch.from_numpy(known).to(device)
        made = net.lip(windows, known), net.expression(windows, known) + net.expression.of_eye(eye[ids])
        loss = sum(
            ((m - wanted[ids]) / scale).square().mean() for m, wanted, scale in zip(made, (lips, expressions), scales)
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / n_steps)
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _windows(clip, times: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Windows of a random copy of the voice, some with less context ahead."""
    variant = int(rng.integers(len(clip.voice.histories)))
    pairs = [clip.voice.window(window_start(float(t)), N_STEPS, variant) for t in times]
    known = np.stack([k for _, k in pairs])
    ends = rng.integers(N_STEPS // 2, N_STEPS + 1, size=len(times))
    known &= np.arange(N_STEPS)[None] < np.where(rng.random(len(times)) < 0.5, N_STEPS, ends)[:, None]
    return np.stack([v for v, _ in pairs]), known
