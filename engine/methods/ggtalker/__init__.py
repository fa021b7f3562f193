"""GGTalker (section 3): a head model moved by a diffusion transformer that hears, and what gives it its looks.

What the trainer and the avatar file ask of a method: `Config`, `PRESETS`, `begin` (a training) and `load` (an avatar).
"""

from typing import TYPE_CHECKING

from engine.manifest import Manifest
from engine.methods.ggtalker.config import HOURS, PRESETS, SUMMARY, needs
from engine.methods.ggtalker.config import GGTalkerConfig as Config

if TYPE_CHECKING:
    import torch

    from engine.methods.ggtalker.avatar import GGTalkerAvatar
    from engine.methods.ggtalker.flame_avatar import FlameAvatar
    from engine.methods.ggtalker.training import GGTalkerTraining
    from engine.parts.avatar_tensors import AvatarTensors
    from engine.training.clip import Clip

__all__ = ["HOURS", "PRESETS", "SUMMARY", "Config", "begin", "load", "needs"]


def begin(clip: "Clip", config: Config, device: "torch.device", seed: int = 0) -> "GGTalkerTraining":
    """A new training of a clip."""
    from engine.methods.ggtalker.training import GGTalkerTraining

    return GGTalkerTraining(clip, config, device, seed)


def load(
    manifest: Manifest, tensors: "AvatarTensors", device: "torch.device"
) -> "GGTalkerAvatar | FlameAvatar":  # fmt: skip
    """The avatar of a file: one that was trained, or one imported onto the user's FLAME."""
    from engine.methods.ggtalker.avatar import GGTalkerAvatar
    from engine.methods.ggtalker.flame_avatar import KIND, FlameAvatar

    if manifest.config.get("kind") == KIND:
        return FlameAvatar(manifest, tensors, device)

    return GGTalkerAvatar(manifest, tensors, device)
