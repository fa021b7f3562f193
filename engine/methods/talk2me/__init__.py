"""Talk2Me: a region-weighted Gaussian head, an expression generator with Kronecker fusion, retrieved head motion.

What the trainer and the avatar file ask of a method: `Config`, `PRESETS`, `begin` (a training) and `load` (an avatar).
Its head motion serves avatars of every method and lives in `engine.head_motion`.
"""

from typing import TYPE_CHECKING

from engine.manifest import Manifest
from engine.methods.talk2me.config import HOURS, PRESETS, SUMMARY, needs
from engine.methods.talk2me.config import Talk2MeConfig as Config

if TYPE_CHECKING:
    import torch

    from engine.methods.talk2me.avatar import Talk2MeAvatar
    from engine.methods.talk2me.training import Talk2MeTraining
    from engine.parts.avatar_tensors import AvatarTensors
    from engine.training.clip import Clip

__all__ = ["HOURS", "PRESETS", "SUMMARY", "Config", "begin", "load", "needs"]


def begin(clip: "Clip", config: Config, device: "torch.device", seed: int = 0) -> "Talk2MeTraining":
    """A new training of a clip."""
    from engine.methods.talk2me.training import Talk2MeTraining

    return Talk2MeTraining(clip, config, device, seed)


def load(manifest: Manifest, tensors: "AvatarTensors", device: "torch.device") -> "Talk2MeAvatar":
    """The avatar of a file."""
    from engine.methods.talk2me.avatar import Talk2MeAvatar

    return Talk2MeAvatar(manifest, tensors, device)
