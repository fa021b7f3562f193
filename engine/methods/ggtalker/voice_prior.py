"""GGTalker's audio-expression prior (P1): a voice network that has heard many voices before it hears one film.

The paper learns it from 100 hours of filmed people. Ours learns from what the studio acts out: made voices, the mouth
by the phones that are said, brows, lids and smiles beside them. It knows which sounds look how on any head with ARKit's
shapes, and six ways of speaking, but no real person.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from engine.audio.block import AudioEncoder
from engine.audio.history import FeatureHistory
from engine.errors import AvatarError, TrainingError
from engine.methods.ggtalker.config import ExpressionSize, checked_size
from engine.methods.ggtalker.expression import ExpressionLoss, ExpressionNet, expression_loss
from engine.parts.avatar_tensors import AvatarTensors
from engine.parts.diffusion import Diffusion
from engine.parts.frame_sound import FRAME_S, frame_features
from engine.paths import ASSETS, atomic_file
from engine.progress import Progress
from engine.synth.performance import perform
from engine.synth.voices import Voice
from engine.vocabulary import ARKIT_52

HOUSE = ASSETS / "priors" / "ggtalker_voice.safetensors"
FORMAT, VERSION = "mouthpiece-voice-prior", 1
MAX_BYTES = 256 << 20
STYLES = {
    # what is multiplied: the jaw, lips, smiles, brows and eyes
    "plain": (1.0, 1.0, 1.0, 1.0), "calm": (0.75, 0.85, 0.5, 0.5), "lively": (1.2, 1.1, 1.2, 1.5),
    "mumbling": (0.55, 0.65, 0.7, 0.8), "precise": (1.05, 1.3, 0.8, 0.8), "smiling": (0.95, 0.95, 1.6, 1.1),
}  # fmt: skip
"""Ways of speaking: each is a speaker of the prior."""
SHORTEST = 10  # frames of a clip
FINAL_RATE = 0.02


@dataclass(frozen=True)
class SpokenFilm:
    """Sound and motion of a speaker: features of frames `[T, F]`, coefficients `[T, K]`."""

    audio: np.ndarray
    motion: np.ndarray
    speaker: int


@dataclass(frozen=True)
class VoicePrior:
    """A voice network that knows many voices.

    Attributes:
        names: of the coefficients it moves; speakers: whose ways of moving it knows, one an embedding.
        encoder: manifest row of what it hears with; n_steps: of its noising.
    """

    net: ExpressionNet
    names: tuple[str, ...]
    speakers: tuple[str, ...]
    encoder: dict[str, Any]
    n_steps: int


def prior_names() -> tuple[str, ...]:
    """The coefficients of the house's prior: ARKit's but the gaze."""
    return tuple(name for name in ARKIT_52 if not name.startswith("eyeLook"))


def acted_film(encoder: AudioEncoder, seconds: float, seed: int, cast: tuple[Voice, ...] | None = None) -> SpokenFilm:
    """One film acted out by the studio, without pictures, in the way of one of `STYLES`."""
    speaker = seed % len(STYLES)
    performance = perform(seconds, 1 / FRAME_S, seed, cast)
    encoder.reset()
    history = FeatureHistory(encoder.n_features, seconds + 2)
    history.extend(encoder.encode(performance.audio))
    n = len(performance.times) - 2
    audio, known = frame_features(history, float(performance.times[1]) - FRAME_S, n)
    motion = styled(performance.arkit[1 : n + 1], tuple(STYLES.values())[speaker])
    columns = [ARKIT_52.index(name) for name in prior_names()]
    return SpokenFilm(audio[known], motion[known][:, columns], speaker)


def styled(arkit: np.ndarray, gains: tuple[float, float, float, float]) -> np.ndarray:
    """ARKit weights `[T, 52]` as a way of speaking has them; lips that are shut stay shut."""
    jaw, lips, smile, upper = gains
    gain = np.ones(len(ARKIT_52), np.float32)
    for i, name in enumerate(ARKIT_52):
        if name in ("jawOpen", "mouthClose"):
            gain[i] = jaw
        elif name.startswith(("mouthSmile", "cheekSquint")):
            gain[i] = smile
        elif name.startswith("mouth"):
            gain[i] = lips
        elif name.startswith(("brow", "eyeWide", "eyeSquint")):
            gain[i] = upper
    return np.clip(arkit * gain, 0, 1).astype(np.float32)


class PriorTraining:
    """Learns a prior from films; `steps` may be asked for again and again.

    Args:
        names: of the coefficients of the films; rate: at the start of the schedule.
    """

    def __init__(
        self, films: list[SpokenFilm], names: tuple[str, ...], size: ExpressionSize, encoder: dict[str, Any],
        speakers: tuple[str, ...] = tuple(STYLES), n_steps: int = 1000, rate: float = 1e-3, seed: int = 0,
    ) -> None:  # fmt: skip
        torch.manual_seed(seed)
        self._films = [(torch.from_numpy(f.audio), torch.from_numpy(f.motion), f.speaker) for f in films]
        self._long = np.array([len(f.audio) for f in films])
        if self._long.min() < SHORTEST:
            raise TrainingError(f"a film of {self._long.min()} frames is too short; at least {SHORTEST} are needed.")
        net = ExpressionNet(size)
        net.normalise(*(torch.cat([film[k] for film in self._films]) for k in (0, 1)))
        self.prior = VoicePrior(net, names, speakers, encoder, n_steps)
        self._diffusion, self._rate = Diffusion(n_steps), rate
        self._optimizer = torch.optim.Adam(net.parameters(), rate)
        self._rng = np.random.default_rng(seed)

    def steps(self, n: int, batch: int = 32, first: float = 0.0, last: float = 1.0) -> Iterator[Progress]:
        """Takes n steps, of a schedule's part from `first` to `last`."""
        net, longest = self.prior.net.train(), self.prior.net.size.n_positions
        for step in range(n):
            part = first + (last - first) * step / max(n, 1)
            rate = self._rate * (FINAL_RATE + (1 - FINAL_RATE) * (1 + np.cos(np.pi * part)) / 2)
            self._optimizer.param_groups[0]["lr"] = rate
            ids = self._rng.integers(0, len(self._films), batch)
            length = int(self._rng.integers(SHORTEST, min(longest, self._long[ids].min()) + 1))
            audio, motion, speaker = zip(*(self._cut(i, length) for i in ids), strict=True)
            embedded = net.speakers[list(speaker)]
            generator = torch.Generator().manual_seed(int(self._rng.integers(2**31)))
            terms = expression_loss(
                net, self._diffusion, torch.stack(audio), torch.stack(motion), embedded, ExpressionLoss(), generator
            )
            self._optimizer.zero_grad(set_to_none=True)
            sum(terms.values()).backward()
            self._optimizer.step()
            yield Progress("Learning to speak", step + 1, n, values={k: float(v.detach()) for k, v in terms.items()})

    def _cut(self, film: int, length: int):
        audio, motion, speaker = self._films[film]
        start = int(self._rng.integers(0, len(audio) - length + 1))
        return audio[start : start + length], motion[start : start + length], speaker


def save_prior(path: Path, prior: VoicePrior) -> None:
    """Writes a prior, parameters in half precision; the file appears whole or not at all."""
    parameters = {name for name, _ in prior.net.named_parameters()}
    tensors = {n: v.detach().half() if n in parameters else v for n, v in prior.net.state_dict().items()}
    about = {
        "version": VERSION, "names": prior.names, "speakers": prior.speakers, "encoder": prior.encoder,
        "n_steps": prior.n_steps, "size": asdict(prior.net.size),
    }  # fmt: skip
    with atomic_file(Path(path)) as temporary:
        save_file({n: t.contiguous() for n, t in tensors.items()}, temporary,
                  {"format": FORMAT, "about": json.dumps(about)})  # fmt: skip


def load_prior(path: Path) -> VoicePrior:
    """Reads a prior.

    Raises:
        TrainingError: one sentence, if it is missing, damaged or foreign.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TrainingError(f"{path}: is {path.stat().st_size >> 20} MB large; no voice prior is.")
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise TrainingError(f"{path}: is no voice prior; make one with packaging/ggtalker_voice.py.")
            about = json.loads(metadata["about"])
            arrays = AvatarTensors({name: file.get_tensor(name) for name in file.keys()}, path)  # noqa: SIM118
        if about.get("version") != VERSION:
            raise TrainingError(f"{path}: is of version {about.get('version')!r}, this program reads {VERSION}.")
        size = checked_size(about["size"])
        names, speakers = (tuple(str(n) for n in about[k]) for k in ("names", "speakers"))
        if size.n_motion != len(names) or size.n_speakers != len(speakers):
            raise ValueError("its names do not fit its network")
        net = ExpressionNet(size)
        shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
        net.load_state_dict({name: torch.from_numpy(arrays.array(name, shape)) for name, shape in shapes.items()})
        return VoicePrior(net, names, speakers, dict(about["encoder"]), int(about["n_steps"]))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, AvatarError) as error:
        raise TrainingError(f"{path}: cannot be read ({str(error).splitlines()[0]}); make it again.") from error


def prior_of(name: str, encoder: dict[str, Any], coefficients: tuple[str, ...]) -> VoicePrior | None:
    """The prior a config names: `none`, a file, or `auto`, the house's where it is there and fits; None for none.

    Args:
        encoder: manifest row of what the film is heard with; coefficients: those the face has.

    Raises:
        TrainingError: if a file that was named cannot be read or does not fit.
    """
    if name == "none" or (name == "auto" and not HOUSE.is_file()):
        return None
    prior = load_prior(HOUSE if name == "auto" else Path(name))
    misfit = ""
    if prior.encoder != encoder:
        misfit = f"hears with {prior.encoder.get('name')}, the film is heard with {encoder.get('name')}"
    elif not set(prior.names) <= set(coefficients):
        misfit = "moves coefficients that the head model has not"
    if misfit and name != "auto":
        raise TrainingError(f"{name}: {misfit}; use prior=none, or the encoder and head it was made for.")
    return None if misfit else prior
