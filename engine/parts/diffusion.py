"""Denoising diffusion whose network predicts the clean sample: the noise schedule, guidance and few-step sampling."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

COSINE_OFFSET = 0.008
MOST_BETA = 0.999


class Diffusion:
    """The cosine schedule of Nichol and Dhariwal (2021), DDIM sampling (Song et al. 2021), for `[B, T, K]` sequences.

    Args:
        n_steps: length of the noising; sampling takes any number of them.

    Attributes:
        kept: share of the clean sample's power that is left after each step (alpha-bar), float64 `[n_steps]`.
    """

    def __init__(self, n_steps: int = 1000) -> None:
        at = torch.arange(n_steps + 1, dtype=torch.float64) / n_steps
        curve = torch.cos((at + COSINE_OFFSET) / (1 + COSINE_OFFSET) * math.pi / 2).square()
        self.kept = torch.cumprod((curve[1:] / curve[:-1]).clamp(min=1 - MOST_BETA), dim=0)
        self.n_steps = n_steps

    def noised(self, clean: Tensor, noise: Tensor, steps: Tensor) -> Tensor:
        """The sample after `steps` `[B]`: `sqrt(kept) clean + sqrt(1 - kept) noise`, `[B, ...]`."""
        kept = self.kept.to(steps.device)[steps].to(clean.dtype).reshape(-1, *[1] * (clean.dim() - 1))
        return kept.sqrt() * clean + (1 - kept).sqrt() * noise

    def visited(self, n: int) -> list[int]:
        """The steps a sampling in n steps visits, evenly spread, noisiest first.

        Raises:
            ValueError: unless 1 <= n <= `n_steps`.
        """
        if not 1 <= n <= self.n_steps:
            raise ValueError(f"sampling takes 1 to {self.n_steps} steps, not {n}.")
        return [round(i) for i in torch.linspace(self.n_steps - 1, 0, n + 1)[:n].tolist()]

    def sampling(
        self,
        predict: Callable[[Tensor, Tensor], Tensor],
        noise: Tensor,
        n_steps: int,
        eta: float = 0.0,
        generator: torch.Generator | None = None,
        known: Tensor | None = None,
    ) -> Iterator[Tensor]:
        """Samples in bounded slices: yields the clean prediction after each step; the last one is the sample.

        Args:
            predict: from noised sequences `[B, T, K]` and their step `[B]` to clean ones.
            noise: to start from, `[B, T, K]`; eta: 0 deterministic (DDIM), 1 as noisy as DDPM.
            generator: of the noise that eta adds.
            known: `[B, H, K]`, H <= T: the first frames, noised as far as the rest before every step, so that what
                follows fits them. The yielded prediction of those frames is the network's own.

        Raises:
            ValueError: for a number of steps outside 1 to `self.n_steps`.
        """
        visited, z = self.visited(n_steps), noise
        for step, after in zip(visited, visited[1:] + [-1], strict=True):
            at = torch.full((len(z),), step, device=z.device)
            if known is not None and known.shape[1]:
                start = self.noised(known, noise[:, : known.shape[1]], at)
                z = torch.cat([start, z[:, known.shape[1] :]], dim=1)
            clean = predict(z, at)
            yield clean
            if after < 0:
                return
            now, then = float(self.kept[step]), float(self.kept[after])
            direction = (z - math.sqrt(now) * clean) / math.sqrt(1 - now)
            sigma = eta * math.sqrt((1 - then) / (1 - now) * (1 - now / then))
            z = math.sqrt(then) * clean + math.sqrt(max(1 - then - sigma * sigma, 0.0)) * direction
            if sigma > 0:
                z = z + sigma * torch.randn(z.shape, generator=generator, dtype=z.dtype).to(z.device)

    def sample(self, predict: Callable[[Tensor, Tensor], Tensor], noise: Tensor, n_steps: int, **options) -> Tensor:
        """The result of `sampling` at once, `[B, T, K]`."""
        clean = noise
        for prediction in self.sampling(predict, noise, n_steps, **options):
            clean = prediction
        return clean


def guided(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance (Ho and Salimans 2022) on predictions: scale 0 ignores the condition, 1 obeys it, more
    exaggerates it."""
    return unconditional + scale * (conditional - unconditional)
