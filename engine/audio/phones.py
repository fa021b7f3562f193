"""The `phones` encoder: a small causal network of our own that hears what the mouth is doing, whoever speaks."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from engine.audio.block import FEATURE_RATE_HZ, SAMPLES_PER_FEATURE, Block, Features
from engine.audio.mel import MelConfig, MelEncoder
from engine.audio.phones_live import MOST_STEPS, LivePhones
from engine.audio.phones_net import ARTICULATORS, LOOK_AHEAD_STEPS, VISEMES, PhonesNet, PhonesState
from engine.errors import AudioError, ModelMissingError
from engine.paths import ASSETS

FORMAT = "mouthpiece-phones"
WEIGHTS = ASSETS / "encoders" / "phones.safetensors"
LEAST_LOG_PROBABILITY = -8.0
_LOG_SCALE = 4.0  # log-probabilities -8 to 0 become -1 to 1, like the embedding
_ENCODE_FEATURES = 3_000  # a whole sound is encoded in pieces of a minute
_STEP_MS = 1000 // FEATURE_RATE_HZ


@dataclass(frozen=True)
class PhonesConfig:
    """Which head of the network and which weights; stored with an avatar.

    Attributes:
        look_ahead_ms: sound after a feature's end that it may use: 0, 20, 40 or 80 (and 7.5 ms of the spectrum's).
        weights: fingerprint of the weights an avatar was trained with; empty for the shipped ones.
    """

    look_ahead_ms: int = 0
    weights: str = ""

    def __post_init__(self) -> None:
        allowed = [_STEP_MS * steps for steps in LOOK_AHEAD_STEPS]
        if self.look_ahead_ms not in allowed:
            raise AudioError(f"phones: a look-ahead of {self.look_ahead_ms} ms is not trained; use one of {allowed}.")


class PhonesEncoder:
    """Features at 50 Hz: scaled log-probabilities of the 15 visemes, then the embedding they are read from.

    Raises:
        ModelMissingError: if the weights, or the very weights an avatar was trained with, are not there.
    """

    name = "phones"

    def __init__(self, config: PhonesConfig = PhonesConfig(), path: Path = WEIGHTS) -> None:
        self._net, self.fingerprint, mel = load_phones(path)
        if config.weights not in ("", self.fingerprint):
            raise ModelMissingError(
                f"{path}: is version {self.fingerprint} of the phones encoder, but the avatar was trained with "
                f"{config.weights}; put that version in its place or train the avatar again."
            )
        self.config = PhonesConfig(config.look_ahead_ms, self.fingerprint)
        self._live = LivePhones(self._net)
        self._path, self._mel_config = path, mel
        self._n_ahead = config.look_ahead_ms // _STEP_MS
        self._head = LOOK_AHEAD_STEPS.index(self._n_ahead)
        self.n_features = len(VISEMES) + self._net.n_embedding
        self.look_ahead_ms = config.look_ahead_ms + MelEncoder.look_ahead_ms
        self.reset()

    def row(self) -> dict[str, Any]:
        """What an avatar's manifest stores to make this encoder again."""
        return {"name": self.name, **asdict(self.config)}

    def reset(self) -> None:
        self._mel = MelEncoder(self._mel_config)
        self._state: PhonesState | None = None
        self._n_unspoken = self._n_ahead  # states that still belong to moments before the sound

    def push(self, block: Block) -> Features:
        return self._hear(self._mel.push(block))

    def encode(self, samples: np.ndarray, time: float = 0.0) -> Features:
        n_features = len(samples) // SAMPLES_PER_FEATURE
        if not n_features:
            return Features.none(self.n_features)
        silence = np.zeros(self._n_ahead * SAMPLES_PER_FEATURE, dtype=np.float32)  # the end is padded with it
        heard = MelEncoder(self._mel_config).encode(np.concatenate([samples, silence]), time)
        kept = self._state, self._n_unspoken
        self._state, self._n_unspoken = None, self._n_ahead
        try:
            made = [
                self._hear(Features(heard.times[i : i + _ENCODE_FEATURES], heard.values[i : i + _ENCODE_FEATURES]))
                for i in range(0, len(heard), _ENCODE_FEATURES)
            ]
        finally:
            self._state, self._n_unspoken = kept
        times, values = (np.concatenate([getattr(part, name) for part in made]) for name in ("times", "values"))
        return Features(times[:n_features], values[:n_features])

    def articulators(self, features: Features) -> np.ndarray:
        """Where jaw, lips and tongue are by these features of this encoder: `[T, 11]`, order `ARTICULATORS`, 0 to 1."""
        embedding = torch.from_numpy(features.values[:, len(VISEMES) :])
        with torch.inference_mode():
            return self._net.articulate[self._head](embedding).clamp(0, 1).numpy()

    def jaw(self, features: Features) -> np.ndarray:
        """How far these features open the mouth, as a camera sees it, `[T]`: the jaw less what closed lips hide."""
        mouth, silence = self.articulators(features), viseme_probabilities(features.values)[:, VISEMES.index("sil")]
        return mouth[:, ARTICULATORS.index("jawOpen")] * (1 - mouth[:, ARTICULATORS.index("shut")]) * (1 - silence)

    def _hear(self, heard: Features) -> Features:
        if not len(heard):
            return Features.none(self.n_features)
        with torch.inference_mode():
            if len(heard) <= MOST_STEPS:
                live, self._state = self._live(heard.values, self._state)
                states = torch.from_numpy(live)
            else:
                whole, self._state = self._net(torch.from_numpy(heard.values)[None], self._state)
                states = whole[0]
            n_skipped = min(self._n_unspoken, len(heard))
            self._n_unspoken -= n_skipped
            log_probabilities, embedding = self._net.speak(states[n_skipped:], self._head)
            scaled = log_probabilities.clamp(min=LEAST_LOG_PROBABILITY) / _LOG_SCALE + 1
            values = torch.cat([scaled, embedding], dim=-1).numpy()
        times = heard.times[n_skipped:] - self._n_ahead / FEATURE_RATE_HZ
        return Features(times, values)


def viseme_probabilities(features: np.ndarray) -> np.ndarray:
    """The probabilities `[T, 15]` (order `VISEMES`) inside features `[T, F]` of this encoder."""
    return np.exp((features[:, : len(VISEMES)] - 1) * _LOG_SCALE)


def load_phones(path: Path = WEIGHTS) -> tuple[PhonesNet, str, MelConfig]:
    """The trained network in evaluation mode, the fingerprint of its weights, and the log-mel layout it hears.

    Raises:
        ModelMissingError: if the file is not there.
        AudioError: if it is damaged or foreign.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelMissingError(
            f"{path}: the weights of the phones encoder are not there; install the program again, or make them with: "
            "python -m engine.training.phones_training"
        )
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise AudioError(f"{path}: holds no weights of the phones encoder; install the program again.")
            net = PhonesNet(**json.loads(metadata["net"]))
            net.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})  # noqa: SIM118  (it is no dict)
            mel = MelConfig(**json.loads(metadata["mel"]))
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise AudioError(f"{path}: cannot be read ({first}); install the program again.") from error
    if not all(torch.isfinite(tensor).all() for tensor in net.state_dict().values()):
        raise AudioError(f"{path}: has weights that are not numbers; install the program again.")
    return net.eval().requires_grad_(False), _fingerprint(path), mel


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
