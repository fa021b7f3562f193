"""All there is beside the Gaussians: place codes, deformation, the mesh's carrying, Expression Generator, critic."""

import torch
from torch import nn

from engine.methods.talk2me.carry import Carry
from engine.methods.talk2me.config import Talk2MeConfig
from engine.methods.talk2me.critic import PatchCritic
from engine.methods.talk2me.deformation import Deformation, DeformationSizes
from engine.methods.talk2me.expression import ExpressionGenerator, ExpressionSizes
from engine.methods.talk2me.expression_training import N_EAR
from engine.methods.talk2me.place_code import PlaceCode

MEAN_DECAY = 0.995
"""Of the running mean of the generator's weights (ours): steadier than whatever its last step was."""


class RunningMean(nn.Module):
    """The running mean of a module's weights: buffers, which nobody trains and a checkpoint keeps (the library's
    averaged model holds parameters, which would count as trained)."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.register_buffer("n_seen", torch.zeros((), dtype=torch.long))
        for name, value in module.named_parameters():
            self.register_buffer(name.replace(".", "-"), value.detach().clone())

    @torch.no_grad()
    def see(self, module: nn.Module) -> None:
        """Takes the module's weights of this step in; the first are taken as they are."""
        share = 1.0 if self.n_seen == 0 else 1 - MEAN_DECAY
        for name, value in module.named_parameters():
            getattr(self, name.replace(".", "-")).lerp_(value, share)
        self.n_seen += 1

    @torch.no_grad()
    def put_into(self, module: nn.Module) -> None:
        """Gives the mean to the module, which keeps its own weights where nothing was seen."""
        if self.n_seen:
            for name, value in module.named_parameters():
                value.copy_(getattr(self, name.replace(".", "-")))


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
        self.settled = RunningMean(generator)
        if config.lambda_adversarial:
            self.critic = PatchCritic()


def deformation_sizes(config: Talk2MeConfig, n_expression: int) -> DeformationSizes:
    """Args: n_expression: coefficients without the eye aspect ratios."""
    return DeformationSizes(config.n_code, n_expression, config.width, config.pose_width)


def expression_sizes(config: Talk2MeConfig, n_expression: int, n_phonetic: int, n_emotion: int) -> ExpressionSizes:
    """Args: n_expression: coefficients without the eye aspect ratios; n_phonetic, n_emotion: widths of the cues."""
    return ExpressionSizes(
        n_phonetic, n_emotion, n_expression + N_EAR, config.n_hidden, config.n_sound_code, config.n_factor,
        config.n_fused, config.n_heads, config.n_layers, config.dropout, config.n_behind,
    )  # fmt: skip
