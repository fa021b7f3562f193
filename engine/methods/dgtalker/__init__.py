"""DGTalker: navigation in the latent space of a generator of heads, with orthogonal lip and expression directions.

What the trainer and the avatar file ask of a method: `Config`, `PRESETS`, `begin` (a training) and `load` (an avatar).
"""

from typing import TYPE_CHECKING

from engine.manifest import Manifest
from engine.methods.dgtalker.config import HOURS, PRESETS, SUMMARY, needs
from engine.methods.dgtalker.config import DGTalkerConfig as Config

if TYPE_CHECKING:
    import torch

    from engine.methods.dgtalker.avatar import DGTalkerAvatar
    from engine.methods.dgtalker.training import DGTalkerTraining
    from engine.parts.avatar_tensors import AvatarTensors
    from engine.training.clip import Clip

__all__ = ["HOURS", "PRESETS", "SUMMARY", "Config", "begin", "load", "needs"]


def begin(clip: "Clip", config: Config, device: "torch.device", seed: int = 0) -> "DGTalkerTraining":
    """A new training of a clip."""
    from engine.methods.dgtalker.training import DGTalkerTraining

    return DGTalkerTraining(clip, config, device, seed)


def load(manifest: Manifest, tensors: "AvatarTensors", device: "torch.device") -> "DGTalkerAvatar":
    """The avatar of a file."""
    from engine.methods.dgtalker.avatar import DGTalkerAvatar

    return DGTalkerAvatar(manifest, tensors, device)
