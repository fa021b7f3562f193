"""All there is beside the Gaussians: place codes, deformation, the mesh's carrying, Expression Generator, critic."""

from torch import nn

from engine.methods.talk2me.carry import Carry
from engine.methods.talk2me.config import Talk2MeConfig
from engine.methods.talk2me.critic import PatchCritic
from engine.methods.talk2me.deformation import Deformation, DeformationSizes
from engine.methods.talk2me.expression import ExpressionGenerator, ExpressionSizes
from engine.methods.talk2me.expression_training import N_EAR
from engine.methods.talk2me.place_code import PlaceCode
from engine.parts.running_mean import RunningMean

MEAN_DECAY = 0.995
"""Of the running mean of the generator's weights (ours)."""


class Talk2MeNet(nn.Module):
    """Networks of one training; without an adversarial loss there is no critic. `settled` is the running mean of the
    generator, which the avatar gets."""

    def __init__(
        self, config: Talk2MeConfig, n_gaussians: int, n_expression: int, generator: ExpressionGenerator,
        carry: Carry | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.place = PlaceCode(n_gaussians, config.n_code)
        self.deformation = Deformation(deformation_sizes(config, n_expression))
        self.carry = carry or Carry(n_gaussians, n_expression)
        self.generator = generator
        self.settled = RunningMean(generator, MEAN_DECAY)
        if config.lambda_adversarial:
            self.critic = PatchCritic()


def deformation_sizes(config: Talk2MeConfig, n_expression: int) -> DeformationSizes:
    """Args: n_expression: coefficients without the eye aspect ratios."""
    return DeformationSizes(config.n_code, n_expression, config.width, config.pose_width)


def expression_sizes(config: Talk2MeConfig, n_expression: int, n_phonetic: int, n_emotion: int) -> ExpressionSizes:
    """Args: n_expression: coefficients without the eye aspect ratios; n_phonetic, n_emotion: widths of the cues."""
    return ExpressionSizes(
        n_phonetic, n_emotion, n_expression + N_EAR, config.n_hidden, config.n_sound_code, config.n_factor,
        config.n_fused, config.n_heads, config.n_layers, config.dropout, config.n_behind, config.n_around,
    )  # fmt: skip
