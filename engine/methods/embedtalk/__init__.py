"""EmbedTalk: learnt embeddings for each Gaussian and a shallow network, no triplane.

What the trainer and the avatar file ask of a method: `Config`, `PRESETS`, `begin` (a training) and `load` (an avatar).
"""

from typing import TYPE_CHECKING

from engine.manifest import Manifest
from engine.methods.embedtalk.config import HOURS, PRESETS, SUMMARY, needs
from engine.methods.embedtalk.config import EmbedTalkConfig as Config

if TYPE_CHECKING:
    import torch

    from engine.methods.embedtalk.avatar import EmbedTalkAvatar
    from engine.methods.embedtalk.training import EmbedTalkTraining
    from engine.parts.avatar_tensors import AvatarTensors
    from engine.training.clip import Clip

__all__ = ["HOURS", "PRESETS", "SUMMARY", "Config", "begin", "load", "needs"]


def begin(clip: "Clip", config: Config, device: "torch.device", seed: int = 0) -> "EmbedTalkTraining":
    """A new training of a clip."""
    from engine.methods.embedtalk.training import EmbedTalkTraining

    return EmbedTalkTraining(clip, config, device, seed)


def load(manifest: Manifest, tensors: "AvatarTensors", device: "torch.device") -> "EmbedTalkAvatar":
    """The avatar of a file."""
    from engine.methods.embedtalk.avatar import EmbedTalkAvatar

    return EmbedTalkAvatar(manifest, tensors, device)
