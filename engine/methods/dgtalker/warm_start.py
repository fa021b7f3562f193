"""Ours: directions and encoders of the third stage start from what the first two stages found in every frame's latent.

The paper starts the directions at random and lets tens of thousands of pictures turn them. The latents of the frames
already say how this face moves: what of it changes the lower face and leaves the upper one alone spans the lip
directions, the reverse the expressions, and a regression from sound to their coefficients needs no picture at all.

Directions that move one half of the face alone are not at right angles in the W space that a generator happens to have:
brows and jaw share some of it. So the space is sheared once, and the generator with it, which draws what it drew.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.linalg import eigh
from torch import Tensor

from engine.parts.audio_net import N_STEPS, window_start
from engine.parts.stylegan import Synthesis
from engine.raster import rasterization_for

if TYPE_CHECKING:
    from engine.methods.dgtalker.training import DGTalkerTraining

BORROWED = 1e-4  # of the mean effect: a direction that changes nothing is no direction
WINDOWS, RATE = 64, 2e-3


def start_from_latents(training: "DGTalkerTraining") -> None:
    """Sets directions, the canonical latent and the encoders, and shears W; deterministic for a seed."""
    net = training.networks
    latents = net.of_frames().detach().cpu().numpy().astype(np.float64)
    mean = latents.mean(axis=0)
    n_lip = net.directions.n_lip
    axes = _axes(latents - mean, len(net.directions.raw), training.rng)
    with torch.no_grad():
        net.canonical += torch.from_numpy(mean.astype(np.float32)).to(training.device)
        net.frames -= torch.from_numpy(mean.astype(np.float32)).to(training.device)
    rows = set_apart(axes, *_effects(training, axes))
    straight, shear = shear_straight(rows)
    codes = torch.from_numpy(((latents - mean) @ shear.T @ straight.T).astype(np.float32))
    with torch.no_grad():
        turned = torch.from_numpy(shear.astype(np.float32)).to(training.device)
        net.canonical.copy_(turned @ net.canonical)
        for latent in (net.frames, net.shapes):
            latent.copy_(latent @ turned.t())
        sheared(net.generator.synthesis, torch.from_numpy(np.linalg.inv(shear).astype(np.float32)).to(training.device))
        net.directions.raw.copy_(torch.from_numpy(straight * np.sqrt(straight.shape[1])))
    _teach(training, codes[:, :n_lip], codes[:, n_lip:])


def set_apart(axes: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Combinations of axes, those first that change the lower face most for what they change of the upper one.

    Args:
        axes: `[K, D]`; lower, upper: products of what each two of them change in that half of the picture, `[K, K]`.
    Returns:
        `[K, D]`, unit rows that span the same space, in general not at right angles.
    """
    least = BORROWED * np.eye(len(axes)) / len(axes)
    _, mixed = eigh(lower + np.trace(lower) * least, upper + np.trace(upper) * least)
    rows = mixed[:, ::-1].T @ axes
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def shear_straight(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The orthonormal rows nearest to `[K, D]`, and the map `[D, D]` that takes each row to its own and leaves all that
    is at right angles to them."""
    u, sizes, v = np.linalg.svd(rows, full_matrices=False)
    straight = u @ v
    return straight, np.eye(rows.shape[1]) - v.T @ v + straight.T @ (u / sizes) @ v


def sheared(synthesis: Synthesis, back: Tensor) -> None:
    """Makes a generator draw for `w` what it drew for `back @ w`: its styles are linear in w."""
    for layer in synthesis.layers():
        layer.affine.weight.copy_(layer.affine.weight @ back)


def _axes(part: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """The n strongest axes of a cloud `[T, D]`, one standard deviation long; short random ones where it has fewer."""
    _, sizes, axes = np.linalg.svd(part, full_matrices=False)
    used = min(n, int((sizes > 1e-4 * max(sizes[0], 1e-12)).sum()))
    spread = sizes[:used] / np.sqrt(len(part))
    more, _ = np.linalg.qr(np.concatenate([axes[:used], rng.normal(size=(n - used, part.shape[1]))]).T)
    short = 1e-3 * max(spread[0] if used else 0.0, 1e-3)
    return np.concatenate([spread[:, None] * axes[:used], short * more.T[used:]])


def _effects(training: "DGTalkerTraining", axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a step along each axis changes of the frontal frame's picture: the products `[K, K]` of all pairs, over the
    lower face and over the upper."""
    net, device = training.networks, training.device
    sample = training.clip.sample(training.reference, divisor=2)
    viewmat, k = sample.viewmat[None].to(device), sample.k[None].to(device)
    height, width = sample.size
    steps = torch.from_numpy(axes.astype(np.float32)).to(device)

    def drawn(w: Tensor) -> Tensor:
        splats = net.gaussians(net.generator(w[None])[0])
        colors, alphas, _ = rasterization_for(device)(
            splats.means, splats.quats, splats.scales, splats.opacities, splats.colors, viewmat, k, width, height,
            packed=False,
        )  # fmt: skip
        return colors[0] + (1 - alphas[0]) * 0.5

    with torch.no_grad():
        changes = [(drawn(net.canonical + step) - drawn(net.canonical - step)) / 2 for step in steps]
        products = []
        for is_upper in (False, True):
            root = training.regions.mask(sample, is_upper)[..., None].sqrt().to(device)
            rows = torch.stack([(change * root).flatten() for change in changes])
            products.append((rows @ rows.t()).cpu().numpy().astype(np.float64))
    return products[0], products[1]


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
