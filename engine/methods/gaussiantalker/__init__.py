"""GaussianTalker: a triplane-embedded canonical head, deformed by attention to audio, eye, view and null tokens.

What the trainer and the avatar file ask of a method: `Config`, `PRESETS`, `begin` (a training) and `load` (an avatar).
"""

from typing import TYPE_CHECKING

from engine.manifest import Manifest
from engine.methods.gaussiantalker.config import HOURS, PRESETS, SUMMARY, needs
from engine.methods.gaussiantalker.config import GaussianTalkerConfig as Config

if TYPE_CHECKING:
    import torch

    from engine.methods.gaussiantalker.avatar import GaussianTalkerAvatar
    from engine.methods.gaussiantalker.training import GaussianTalkerTraining
    from engine.parts.avatar_tensors import AvatarTensors
    from engine.training.clip import Clip

__all__ = ["HOURS", "PRESETS", "SUMMARY", "Config", "begin", "load", "needs"]


def begin(clip: "Clip", config: Config, device: "torch.device", seed: int = 0) -> "GaussianTalkerTraining":
    """A new training of a clip."""
    from engine.methods.gaussiantalker.training import GaussianTalkerTraining

    return GaussianTalkerTraining(clip, config, device, seed)


def load(manifest: Manifest, tensors: "AvatarTensors", device: "torch.device") -> "GaussianTalkerAvatar":
    """The avatar of a file."""
    from engine.methods.gaussiantalker.avatar import GaussianTalkerAvatar

    return GaussianTalkerAvatar(manifest, tensors, device)
