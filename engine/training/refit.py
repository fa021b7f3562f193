"""Gives a trained avatar a new ear: another audio net, or another encoder, that says the codes the old one said.

Gaussians and everything that moves them stay as they are. The old net with all context is the teacher; the new one
hears other voices, and less of the sound ahead, and learns to say the same. That takes seconds, not an hour.
"""

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.audio.encoders import encoder_row, make_encoder
from engine.avatar import load_avatar, read_tensors, save_avatar
from engine.capture.dataset import Dataset
from engine.errors import AvatarError, OutputError
from engine.parts.audio_net import AudioCoder, heard_until
from engine.parts.coded_avatar import CodedAvatar
from engine.progress import Progress
from engine.training.clip import Clip
from engine.training.hearing import Hearing

MOMENT_S = 0.01
"""Codes are taught at moments this far apart, between the frames too."""
N_VARIANTS = 12
BATCH = 64
RATES = (1e-3, 3e-5)
NEW_RATES = (3e-3, 3e-5)
LOOK_AHEADS_MS = (0.0, 40.0, 160.0)


def refit_voice(
    avatar: Path, dataset: Path, out: Path, *, encoder: str | None = None, steps: int = 4000, seed: int = 0
) -> Iterator[Progress]:
    """Refits the audio net of an avatar and writes the avatar anew.

    The last progress carries, of the part of the dataset held out, `error_before` and `error_after`: the distance of a
    code from the teacher's, in parts of how much codes vary, for each look-ahead in ms; the first is None where the
    encoder is another one.

    Args:
        dataset: what the avatar was made from; only its voice is read.
        encoder: name of the audio encoder to hear with from now on; None keeps the avatar's own.

    Raises:
        AvatarError: if the avatar has no audio code. DatasetError, AudioError, ModelMissingError, OutputError.
    """
    avatar, out = Path(avatar), Path(out)
    if not out.parent.is_dir():
        raise OutputError(f"{out.parent}: there is no such folder; make it first or choose another place.")
    old = load_avatar(avatar)
    if not isinstance(old, CodedAvatar) or len(old.manifest.encoders) != 1:
        raise AvatarError(f"{avatar}: its mouth does not follow one audio code; only such avatars can be refitted.")
    source = Dataset(dataset)
    yield Progress("Listening to the voice")
    own = old.encoders()[0]
    new = own if encoder is None else make_encoder({"name": encoder})
    is_same = encoder_row(new) == encoder_row(own)
    clip = Clip(source, new, N_VARIANTS, seed)
    heard = clip if is_same else Clip(source, own, 0, seed)
    times = np.arange(0.0, float(source.times[clip.n_train - 1]), MOMENT_S)
    kept = source.times[clip.n_train :] if clip.n_train < len(source.times) else source.times
    taught, kept_codes = _codes(old.audio, heard, times), _codes(old.audio, heard, kept)
    before = _errors(old.audio, clip, kept, kept_codes) if is_same else None

    torch.manual_seed(seed)
    coder = copy.deepcopy(old.audio) if is_same else AudioCoder(new.n_features, taught.shape[1])
    coder.requires_grad_(True).train()
    hearing = Hearing(clip, coder, torch.device("cpu"), np.random.default_rng(seed))
    yield from hearing.learn(times, taught, steps, BATCH, RATES if is_same else NEW_RATES)
    coder.requires_grad_(False).eval()
    after = _errors(coder, clip, kept, kept_codes)

    tensors = {name: torch.from_numpy(array) for name, array in read_tensors(avatar).items()}
    for name, value in coder.state_dict().items():
        at = f"network.audio.{name}"
        tensors[at] = value.to(tensors[at].dtype if at in tensors else value.dtype)
    manifest = old.manifest
    manifest.encoders = [encoder_row(new)]
    manifest.config |= {"n_features": new.n_features, "encoder": new.name}
    manifest.provenance |= {"ear_refitted": steps}
    save_avatar(out, manifest, tensors)
    yield Progress("Done", 1, 1, values={"avatar": str(out), "error_before": before, "error_after": after})


def _codes(coder: AudioCoder, clip: Clip, times: np.ndarray, look_ahead_ms: float = 160.0) -> Tensor:
    windows, known = clip.windows(times)
    with torch.no_grad():
        return coder(torch.from_numpy(windows), torch.from_numpy(known) & heard_until(look_ahead_ms))


def _errors(coder: AudioCoder, clip: Clip, times: np.ndarray, codes: Tensor) -> dict[str, float]:
    spread = float((codes - codes.mean(dim=0)).square().sum(dim=1).mean().sqrt())
    return {
        f"{ahead:g}": round(
            float((_codes(coder, clip, times, ahead) - codes).square().sum(1).mean().sqrt()) / spread, 4
        )
        for ahead in LOOK_AHEADS_MS
    }
