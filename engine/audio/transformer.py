"""The `hubert` and `wav2vec2` encoders: pretrained speech transformers on a sliding window over a fixed grid.

These networks see their whole input at once, so neither can be streamed exactly. What is computed here, live and
offline alike, is therefore defined by a grid: for every hop of features the network runs once on the sound from
`left_ms` before the hop to `right_ms` after it, and only the hop's own features are kept.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError

from engine.audio.block import FEATURE_RATE_HZ, SAMPLE_RATE_HZ, SAMPLES_PER_FEATURE, Block, Features
from engine.audio.stream import SampleStream
from engine.errors import AudioError, ModelMissingError
from engine.paths import cache_dir

DEFAULT_WEIGHTS = {"hubert": "facebook/hubert-large-ls960-ft", "wav2vec2": "facebook/wav2vec2-base-960h"}
RECEPTIVE_FIELD = 400  # samples under one feature of the convolutional stem: 80 more than it stands for
FEATURE_MS = 1000 // FEATURE_RATE_HZ
_ENCODE_WINDOWS = 8  # windows in one call when encoding a whole sound
_STATISTICS_SECONDS = 30.0  # memory of the running mean and deviation
_SEED_SECONDS = 2.0  # how much sound the seeds count for
_ACTIVE_POWER = 1e-2  # sound 20 dB below the running deviation is a pause and does not count
_NOT_NEEDED = ("masked_spec_embed",)  # used in pre-training only; some checkpoints leave it out


@dataclass(frozen=True)
class TransformerConfig:
    """Which network, which of its layers, and the window it runs on; stored with an avatar.

    Attributes:
        model: `hubert` or `wav2vec2`.
        weights: a Hugging Face name or a folder; empty for `DEFAULT_WEIGHTS`.
        layer: hidden state to take, 0 the stem's, -1 the last.
        hop_ms, left_ms, right_ms: the grid, multiples of 20.
        seed_mean, seed_deviation: sample statistics that normalisation starts from (those of the training clip).
    """

    model: str = "hubert"
    weights: str = ""
    layer: int = -1
    hop_ms: int = 80
    left_ms: int = 2_000
    right_ms: int = 80
    seed_mean: float = 0.0
    seed_deviation: float = 0.08

    def __post_init__(self) -> None:
        if self.model not in DEFAULT_WEIGHTS:
            raise AudioError(f"speech model {self.model!r} is not known; use {' or '.join(DEFAULT_WEIGHTS)}.")
        for name, low, high in (("hop_ms", 20, 1_000), ("left_ms", 0, 20_000), ("right_ms", 0, 2_000)):
            value = getattr(self, name)
            if value % FEATURE_MS or not low <= value <= high:
                raise AudioError(f"{self.model}: {name} {value} must be a multiple of 20 from {low} to {high}.")
        if not self.seed_deviation > 0:
            raise AudioError(f"{self.model}: seed_deviation {self.seed_deviation} must be positive.")


class TransformerEncoder:
    """Features of a pretrained speech transformer at 50 Hz; see the module for what a feature is.

    Args:
        device: where the network runs.

    Raises:
        ModelMissingError: if transformers or the weights are not on this machine.
    """

    def __init__(self, config: TransformerConfig, device: str = "cpu") -> None:
        self.config = config
        self.name = config.model
        self._device = torch.device(device)
        self._network, self._is_normalised = load_speech_model(config.model, config.weights)
        self._network.to(self._device)
        self.n_features = int(self._network.config.hidden_size)
        n_layers = int(self._network.config.num_hidden_layers)
        if not -1 <= config.layer <= n_layers:
            raise AudioError(f"{self.name}: has no layer {config.layer}; use 0 to {n_layers}, or -1 for the last.")
        self._hop, self._left, self._right = (
            ms // FEATURE_MS for ms in (config.hop_ms, config.left_ms, config.right_ms)
        )
        self._beyond = self._right * SAMPLES_PER_FEATURE + RECEPTIVE_FIELD - SAMPLES_PER_FEATURE
        self.look_ahead_ms = (self._hop - 1) * FEATURE_MS + 1000 * self._beyond / SAMPLE_RATE_HZ
        self.reset()

    def row(self) -> dict[str, Any]:
        """What an avatar's manifest stores to make this encoder again."""
        row = asdict(self.config)
        return {"name": row.pop("model"), **row}

    def reset(self) -> None:
        self._stream = SampleStream()
        self._level = RunningLevel(self.config.seed_mean, self.config.seed_deviation)
        self._n_done = 0

    def push(self, block: Block) -> Features:
        self._stream.push(block)
        made = [Features.none(self.n_features)]
        while self._stream.n >= (self._n_done + self._hop) * SAMPLES_PER_FEATURE + self._beyond:
            made.append(self._take(1))
        return _joined(made)

    def encode(self, samples: np.ndarray, time: float = 0.0) -> Features:
        n_features = len(samples) // SAMPLES_PER_FEATURE
        before, self._stream, self._level, self._n_done = self.__dict__.copy(), SampleStream(), None, 0
        try:
            self._level = RunningLevel(self.config.seed_mean, self.config.seed_deviation)
            self._stream.push(Block(np.asarray(samples, dtype=np.float32), time))
            made = [Features.none(self.n_features)]
            while self._n_done < n_features:  # the end is padded with silence
                n_left = -(-(n_features - self._n_done) // self._hop)
                made.append(self._take(min(n_left, _ENCODE_WINDOWS) if self._n_done >= self._left else 1))
            whole = _joined(made)
            return Features(whole.times[:n_features], whole.values[:n_features])
        finally:
            self.__dict__.update(before)

    def _take(self, n_windows: int) -> Features:
        """The next `n_windows` hops; all windows must be of one length (past the stream's beginning they are)."""
        windows, n_left = [], min(self._left, self._n_done)
        start = self._n_done * SAMPLES_PER_FEATURE
        for _ in range(n_windows):
            hop_start = self._n_done * SAMPLES_PER_FEATURE
            self._n_done += self._hop
            end = self._n_done * SAMPLES_PER_FEATURE + self._beyond
            if self._is_normalised:
                self._level.push(self._stream.between(hop_start, self._n_done * SAMPLES_PER_FEATURE))
            window = self._stream.between(hop_start - n_left * SAMPLES_PER_FEATURE, end)
            windows.append(self._level.normalise(window) if self._is_normalised else window)
        values = self._run(np.stack(windows))[:, n_left : n_left + self._hop].reshape(-1, self.n_features)
        times = self._stream.time_of(start) + np.arange(len(values)) / FEATURE_RATE_HZ
        self._stream.forget_before((self._n_done - self._left) * SAMPLES_PER_FEATURE)
        return Features(times, values)

    def _run(self, windows: np.ndarray) -> np.ndarray:
        """The chosen layer for windows `[n, samples]`: `[n, steps, F]`."""
        with torch.inference_mode():
            made = self._network(
                torch.from_numpy(windows).to(self._device), output_hidden_states=self.config.layer != -1
            )
            chosen = made.last_hidden_state if self.config.layer == -1 else made.hidden_states[self.config.layer]
        return chosen.float().cpu().numpy()


class RunningLevel:
    """A running mean and deviation of the samples outside pauses, in place of a whole utterance's.

    Whoever normalises each piece of a stream by itself makes silence loud; this forgets over half a minute.
    """

    def __init__(self, mean: float, deviation: float) -> None:
        self._weight = _SEED_SECONDS * SAMPLE_RATE_HZ
        self._mean = mean
        self._square = deviation**2 + mean**2

    @property
    def variance(self) -> float:
        return max(self._square - self._mean**2, 1e-10)

    def push(self, samples: np.ndarray) -> None:
        samples = samples.astype(np.float64)
        square = float(np.mean(samples**2))
        if square < _ACTIVE_POWER * self.variance:
            return
        self._weight = min(self._weight + len(samples), _STATISTICS_SECONDS * SAMPLE_RATE_HZ)
        part = len(samples) / self._weight
        self._mean += part * (float(samples.mean()) - self._mean)
        self._square += part * (square - self._square)

    def normalise(self, samples: np.ndarray) -> np.ndarray:
        return ((samples - self._mean) / np.sqrt(self.variance + 1e-7)).astype(np.float32)


def load_speech_model(model: str, weights: str = "") -> tuple[torch.nn.Module, bool]:
    """The pretrained network in evaluation mode, and whether it wants normalised samples.

    Looked for in this order: `weights` as a folder; `<cache>/models/<last part of the name>`; the Hugging Face cache.
    Nothing is downloaded.

    Raises:
        ModelMissingError: if transformers is not installed or the weights are in none of these places.
        AudioError: if what is there is damaged, incomplete or another kind of network.
    """
    name = weights or DEFAULT_WEIGHTS[model]
    try:
        import transformers
        from huggingface_hub.constants import HF_HUB_CACHE
    except ImportError as error:
        raise ModelMissingError(
            f"{model}: needs transformers; install it with: pip install 'mouthpiece[speech]'"
        ) from error
    own = cache_dir() / "models" / Path(name).name
    source = next((str(path) for path in (Path(name), own) if (path / "config.json").is_file()), name)
    network_class = {"hubert": transformers.HubertModel, "wav2vec2": transformers.Wav2Vec2Model}[model]
    try:
        folder = _config_folder(source)
        if folder is None:
            raise ModelMissingError(
                f"{model}: the weights of {name} are neither in {own} nor in {HF_HUB_CACHE}; "
                f"fetch them with: hf download {name} --local-dir {own}"
            )
        _check_kind(folder, model)
        network, report = network_class.from_pretrained(source, local_files_only=True, output_loading_info=True)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        if _has_weights(folder):
            first = str(error).strip().splitlines()[0]
            raise AudioError(f"{folder}: the {model} weights cannot be read ({first}); fetch them again.") from error
        raise ModelMissingError(
            f"{folder}: has a config.json but no weights; fetch them with: hf download {name} --local-dir {own}"
        ) from error
    missing = [key for key in report["missing_keys"] if not key.endswith(_NOT_NEEDED)]
    if missing:
        raise AudioError(f"{folder}: {len(missing)} tensors are missing ({missing[0]}, ...); fetch {name} again.")
    return network.eval().requires_grad_(False), _wants_normalised(folder)


def _config_folder(source: str) -> Path | None:
    """The folder that holds the model's config.json: the given one, or a snapshot in the Hugging Face cache."""
    if (Path(source) / "config.json").is_file():
        return Path(source)
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(source, "config.json")
    except HFValidationError:
        return None  # a folder that does not exist is no valid name either
    return Path(found).parent if isinstance(found, str) else None


def _check_kind(folder: Path, model: str) -> None:
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise AudioError(f"{folder}: its config.json cannot be read; fetch the model again.") from error
    if kind != model:
        raise AudioError(f"{folder}: holds a {kind!r} model, not {model}; name the right one as weights.")


def _has_weights(folder: Path) -> bool:
    return any(entry.name.endswith((".safetensors", ".bin")) for entry in os.scandir(folder))


def _wants_normalised(folder: Path) -> bool:
    path = folder / "preprocessor_config.json"
    if not path.is_file():
        return True
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")).get("do_normalize", True))
    except (ValueError, AttributeError) as error:
        raise AudioError(f"{path}: cannot be read; fetch the model again.") from error


def _joined(parts: list[Features]) -> Features:
    return Features(np.concatenate([p.times for p in parts]), np.concatenate([p.values for p in parts]))
