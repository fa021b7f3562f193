"""EmbedTalk's networks: embeddings, audio and action units in; shifts of position and opacity out. No triplane."""

import torch
from torch import Tensor, nn

from engine.methods.embedtalk.config import EmbedTalkConfig
from engine.parts.audio_net import AudioCoder
from engine.parts.encoding import encode_position, encoded_width

WAVELENGTHS = (0.2, 1.0)  # head heights
START_AMPLITUDE = 0.2


class DeformNet(nn.Module):
    """The shallow MLP with one head for each deformed attribute: position and opacity, nothing else (eq. 9).

    The first layer is split by its inputs, so that the part of a Gaussian's embedding can be kept:
    `trunk(gamma(z), a, gamma(e)) = embedding_part(z) + motion_part(a, e)`.
    """

    def __init__(self, config: EmbedTalkConfig, n_units: int) -> None:
        super().__init__()
        self.embedding_octaves = config.embedding_octaves
        self.unit_octaves = config.unit_octaves
        self.n_embedding_inputs = encoded_width(config.n_embedding, config.embedding_octaves)
        n_inputs = self.n_embedding_inputs + config.n_code + encoded_width(n_units, config.unit_octaves)
        n_hidden = config.n_hidden
        self.trunk = nn.Linear(n_inputs, n_hidden)
        self.position_head = _head(n_hidden, 3)
        self.opacity_head = _head(n_hidden, 1)

    def forward(self, embeddings: Tensor, code: Tensor, units: Tensor) -> tuple[Tensor, Tensor]:
        """Raw outputs of both heads.

        Args:
            embeddings: z `[N, E]`; code: a `[D]`; units: e `[A]`, 0 to 1.

        Returns:
            position `[N, 3]` (to be scaled) and opacity `[N]` (added to the logit).
        """
        return self.heads(self.embedding_part(embeddings), self.motion_part(code, units))

    def embedding_part(self, embeddings: Tensor) -> Tensor:
        """`W_z gamma(z) + b`, `[N, H]`: never changes once trained."""
        encoded = encode_position(embeddings, self.embedding_octaves)
        return nn.functional.linear(encoded, self.trunk.weight[:, : self.n_embedding_inputs], self.trunk.bias)

    def motion_part(self, code: Tensor, units: Tensor) -> Tensor:
        """`W_a a + W_e gamma(e)`, `[H]`: one for each moment."""
        motion = torch.cat([code, encode_position(units, self.unit_octaves)])
        return self.trunk.weight[:, self.n_embedding_inputs :] @ motion

    def heads(self, embedding_part: Tensor, motion_part: Tensor) -> tuple[Tensor, Tensor]:
        hidden = torch.relu(embedding_part + motion_part)
        layers = [head[0] for head in (self.position_head, self.opacity_head)]  # both heads' as one product
        both = torch.cat([layer.weight for layer in layers]), torch.cat([layer.bias for layer in layers])
        position, opacity = torch.relu(nn.functional.linear(hidden, *both)).chunk(2, dim=-1)
        return self.position_head[2](position), self.opacity_head[2](opacity).squeeze(-1)


class EmbedTalkNet(nn.Module):
    """All of EmbedTalk that is not a Gaussian: the audio coder and the deformation network."""

    def __init__(self, config: EmbedTalkConfig, n_features: int, n_units: int) -> None:
        super().__init__()
        self.audio = AudioCoder(n_features, config.n_code)
        self.deform = DeformNet(config, n_units)


def spatial_embeddings(points: Tensor, n_embedding: int, generator: torch.Generator) -> Tensor:
    """Embeddings to start from, `[N, E]` for points `[N, 3]` in head heights: waves over the head, as random Fourier
    features are.

    Ours: the papers start from zero, where all Gaussians are alike and only gradients tell them apart, which takes
    tens of thousands of iterations. Waves make neighbours alike (what eq. 11 asks for) and distant places different
    from the first iteration on.
    """
    lengths = WAVELENGTHS[0] * (WAVELENGTHS[1] / WAVELENGTHS[0]) ** torch.rand(n_embedding, generator=generator)
    directions = nn.functional.normalize(torch.randn(3, n_embedding, generator=generator), dim=0)
    phases = 2 * torch.pi * torch.rand(n_embedding, generator=generator)
    return START_AMPLITUDE * torch.sin(points.float() @ (2 * torch.pi * directions / lengths) + phases)


def embedding_smoothness(embeddings: Tensor, rows: Tensor, neighbours: Tensor, weights: Tensor) -> Tensor:
    """Neighbouring Gaussians should embed alike: mean of `w_ij |z_i - z_j|` (eq. 11); 0, with a finite gradient, where
    they are equal.

    Args:
        embeddings: `[N, E]`; rows: the i of the sum, int64 `[M]`.
        neighbours: their K nearest, int64 `[M, k]`; weights: `[M, k]`.
    """
    difference = embeddings[rows][:, None] - embeddings[neighbours]  # [M, k, E]
    distance = torch.sqrt(difference.square().sum(dim=-1) + 1e-12) - 1e-6
    return (weights * distance).mean()


def neighbour_weights(means: Tensor, rows: Tensor, neighbours: Tensor, falloff: float) -> Tensor:
    """`w_ij = exp(-falloff |mu_j - mu_i|^2)`, `[M, k]`, falloff per squared head height."""
    return torch.exp(-falloff * (means[neighbours] - means[rows][:, None]).square().sum(dim=-1))


def _head(n_hidden: int, n_outputs: int) -> nn.Sequential:
    last = nn.Linear(n_hidden, n_outputs)
    nn.init.xavier_uniform_(last.weight, gain=0.1)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(n_hidden, n_hidden), nn.ReLU(), last)
