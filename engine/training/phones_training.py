"""Trains the `phones` encoder from synthetic speech and says how well it hears voices it has never met.

`python -m engine.training.phones_training` makes `assets/encoders/phones.safetensors` anew: about 20 minutes of
speaking and 20 of training on two cores.
"""

import argparse
import copy
import json
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from engine.audio.mel import STANDARD_MEL, MelConfig
from engine.audio.phones import FORMAT, WEIGHTS
from engine.audio.phones_net import LOOK_AHEAD_STEPS, VISEMES, PhonesNet
from engine.errors import TrainingError
from engine.paths import atomic_file
from engine.progress import Progress
from engine.training.phones_augment import SpectralAlterations, altered_sound, power_columns
from engine.training.phones_corpus import Utterance, held_out_plan, read_corpus, save_corpus, speak_all, training_plan

CHECKPOINT_STEPS = 100
WARM_UP_STEPS = 10  # of a crop that the network has heard too little before
LIPS_SHUT = VISEMES.index("PP")


@dataclass(frozen=True)
class PhonesTraining:
    """Sizes and weights of the training; the defaults made the shipped file."""

    n_utterances: int = 2_600
    n_variants: int = 3
    n_tests: int = 60
    n_steps: int = 2_400
    batch: int = 24
    crop_steps: int = 160  # of 20 ms
    learning_rate: float = 2e-3
    lips_weight: float = 2.0  # how much more a missed closure counts
    mouth_weight: float = 4.0
    average: float = 0.998  # of the weights that are kept
    width: int = 192
    hidden: int = 256
    seed: int = 0


@dataclass(frozen=True)
class Heard:
    """How well one kind of voice is heard at one look-ahead.

    Attributes:
        accuracy: part of the 20 ms steps (more than half one viseme) named right.
        lips_recall: part of the steps with shut lips named so; lips_precision: part of those named so that are.
        closure_recall: part of the closures (p, b, m) found at all, within 20 ms of their span.
        closure_false: closures found where there is none, in parts of all found.
    """

    accuracy: float
    lips_recall: float
    lips_precision: float
    closure_recall: float
    closure_false: float


def train_phones(
    utterances: list[Utterance],
    config: PhonesTraining = PhonesTraining(),
    mel: MelConfig = STANDARD_MEL,
    checkpoint: Path | None = None,
) -> Iterator[Progress]:
    """Trains on spoken utterances; the last progress carries `values["net"]`, in evaluation mode.

    Args:
        checkpoint: file to go on from, written every `CHECKPOINT_STEPS`; the optimiser's moments start afresh.
    """
    rng = np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    spectra: list[_Spoken] = []
    for spoken in _variants(utterances, config, rng):
        spectra.append(spoken)
        if len(spectra) % 100 == 0:
            yield Progress("Altering the voices", len(spectra), len(utterances) * config.n_variants)
    net = PhonesNet(2 * mel.n_mels, config.width, config.hidden)
    kept = copy.deepcopy(net)
    optimizer = torch.optim.AdamW(net.parameters(), config.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=config.n_steps)
    alterations = SpectralAlterations(mel)
    longest = [spoken for spoken in spectra if len(spoken.visemes) > config.crop_steps // 2]
    if not longest:
        raise TrainingError("no utterance is long enough to train on; speak longer texts.")
    first_step = _resume(checkpoint, net, kept, schedule) if checkpoint is not None else 0
    for step in range(first_step, config.n_steps):
        power, visemes, mouth = _batch(longest, config, rng)
        inputs = torch.from_numpy(alterations.inputs(power, rng))
        loss = _loss(net, inputs, torch.from_numpy(visemes), torch.from_numpy(mouth), config)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        _follow(kept, net, min(config.average, (step + 1) / (step + 10)))
        if checkpoint is not None and step % CHECKPOINT_STEPS == CHECKPOINT_STEPS - 1:
            _keep(checkpoint, net, kept, step + 1)
        if step % 20 == 19:
            yield Progress("Training", step + 1, config.n_steps, values={"loss": float(loss.detach())})
    yield Progress("Training", config.n_steps, config.n_steps, values={"net": kept.eval()})


def listen(net: PhonesNet, utterances: list[Utterance], mel: MelConfig = STANDARD_MEL) -> dict[int, Heard]:
    """How well a network hears these utterances, unaltered, for each look-ahead in ms."""
    plain = SpectralAlterations(mel, strength=0.0)
    rng = np.random.default_rng(0)
    results = {}
    with torch.inference_mode():
        states = [net(torch.from_numpy(plain.inputs(power_columns(u.samples)[None], rng)))[0][0] for u in utterances]
        for head, n_ahead in enumerate(LOOK_AHEAD_STEPS):
            said, named = [], []
            for utterance, state in zip(utterances, states):
                n = min(len(utterance.visemes), len(state) - n_ahead)
                log_probabilities, _ = net.speak(state[n_ahead : n_ahead + n], head)
                said.append(utterance.visemes[:n])
                named.append(log_probabilities.argmax(dim=1).numpy())
            results[20 * n_ahead] = _score(said, named)
    return results


def save_phones(net: PhonesNet, path: Path, mel: MelConfig, provenance: dict) -> None:
    """Writes the weights as half-precision safetensors with all that is needed to use them."""
    shape = {name: getattr(net, name) for name in ("n_inputs", "width", "hidden", "n_embedding")}
    metadata = {
        "format": FORMAT,
        "net": json.dumps(shape),
        "mel": json.dumps(asdict(mel)),
        "provenance": json.dumps(provenance),
    }
    tensors = {name: tensor.half().contiguous() for name, tensor in net.state_dict().items()}
    with atomic_file(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


@dataclass(frozen=True)
class _Spoken:
    log_power: np.ndarray  # [2 T, 257] float16, natural logarithm
    visemes: np.ndarray  # [T, 15]
    mouth: np.ndarray  # [T, 11]


def _variants(utterances: list[Utterance], config: PhonesTraining, rng: np.random.Generator) -> Iterator[_Spoken]:
    others = [utterance.samples for utterance in utterances]
    for utterance in utterances:
        for variant in range(config.n_variants):
            samples, speed = utterance.samples, 1.0
            if variant:
                samples, speed = altered_sound(samples, rng, others)
            power = power_columns(samples)
            n = len(power) // 2
            log_power = np.log(power[: 2 * n] + 1e-12).astype(np.float16)
            yield _Spoken(log_power, _stretched(utterance.visemes, n, speed), _stretched(utterance.mouth, n, speed))


def _stretched(rows: np.ndarray, n: int, speed: float) -> np.ndarray:
    """Rows `[T, k]` read `speed` times as fast, `[n, k]`."""
    if speed == 1.0 and n == len(rows):
        return rows.astype(np.float32)
    at = np.clip((np.arange(n) + 0.5) * speed - 0.5, 0, len(rows) - 1)
    low = np.floor(at).astype(int)
    part = (at - low)[:, None].astype(np.float32)
    high = np.minimum(low + 1, len(rows) - 1)
    return rows[low].astype(np.float32) * (1 - part) + rows[high].astype(np.float32) * part


def _batch(
    spoken: list[_Spoken], config: PhonesTraining, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crops of `crop_steps`, short utterances filled up with others: power, visemes, mouth."""
    power, visemes, mouth = [], [], []
    for _ in range(config.batch):
        parts: list[_Spoken] = []
        n = 0
        while n < config.crop_steps:
            one = spoken[rng.integers(len(spoken))]
            begin = int(rng.integers(0, max(1, len(one.visemes) - config.crop_steps + 1)))
            end = min(len(one.visemes), begin + config.crop_steps - n)
            parts.append(_Spoken(one.log_power[2 * begin : 2 * end], one.visemes[begin:end], one.mouth[begin:end]))
            n += end - begin
        power.append(np.exp(np.concatenate([p.log_power for p in parts]).astype(np.float32)))
        visemes.append(np.concatenate([p.visemes for p in parts]))
        mouth.append(np.concatenate([p.mouth for p in parts]))
    return np.stack(power), np.stack(visemes), np.stack(mouth)


def _loss(net: PhonesNet, inputs: Tensor, visemes: Tensor, mouth: Tensor, config: PhonesTraining) -> Tensor:
    """Cross-entropy with the shares of each viseme and squared error of the mouth, over all look-aheads."""
    states, _ = net(functional.dropout(inputs, 0.05))
    states = functional.dropout(states, 0.15)
    weight = 1 + (config.lips_weight - 1) * visemes[..., LIPS_SHUT]
    loss = inputs.new_zeros(())
    for head, n_ahead in enumerate(LOOK_AHEAD_STEPS):
        n = inputs.shape[1] - n_ahead
        log_probabilities, embedding = net.speak(states[:, n_ahead:], head)
        said = slice(WARM_UP_STEPS, n)
        crossed = -(visemes[:, said] * log_probabilities[:, said]).sum(dim=2)
        moved = (net.articulate[head](embedding)[:, said] - mouth[:, said]).square().mean(dim=2)
        loss = loss + (weight[:, said] * (crossed + config.mouth_weight * moved)).mean()
    return loss / len(LOOK_AHEAD_STEPS)


def _follow(kept: PhonesNet, net: PhonesNet, part: float) -> None:
    with torch.no_grad():
        for mean, new in zip(kept.parameters(), net.parameters()):
            mean.lerp_(new, 1 - part)


def _keep(path: Path, net: PhonesNet, kept: PhonesNet, n_steps: int) -> None:
    tensors = {f"net.{name}": tensor for name, tensor in net.state_dict().items()}
    tensors |= {f"kept.{name}": tensor for name, tensor in kept.state_dict().items()}
    with atomic_file(path) as temporary:
        save_file(tensors, temporary, metadata={"n_steps": str(n_steps)})


def _resume(path: Path, net: PhonesNet, kept: PhonesNet, schedule: torch.optim.lr_scheduler.LRScheduler) -> int:
    if not path.is_file():
        return 0
    with safe_open(path, "pt") as file:
        for prefix, module in (("net.", net), ("kept.", kept)):
            module.load_state_dict({name: file.get_tensor(prefix + name) for name in module.state_dict()})
        n_steps = int(file.metadata()["n_steps"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the schedule is wound on without the optimiser having stepped
        for _ in range(n_steps):
            schedule.step()
    return n_steps


def _score(said: list[np.ndarray], named: list[np.ndarray]) -> Heard:
    shares, names = np.concatenate(said), np.concatenate(named)
    truth, is_clear = shares.argmax(axis=1), shares.max(axis=1) > 0.5
    is_shut = (truth == LIPS_SHUT) & is_clear
    n_found = n_closures = n_false = n_named = 0
    for one, name in zip(said, named):
        shut, found = one[:, LIPS_SHUT] > 0.25, name == LIPS_SHUT
        for begin, end in _runs(shut):
            n_closures += 1
            n_found += bool(found[max(0, begin - 1) : end + 1].any())
        for begin, end in _runs(found):
            n_named += 1
            n_false += not shut[max(0, begin - 2) : end + 2].any()
    return Heard(
        accuracy=float((truth == names)[is_clear].mean()),
        lips_recall=float((names[is_shut] == LIPS_SHUT).mean()) if is_shut.any() else float("nan"),
        lips_precision=float((shares[names == LIPS_SHUT, LIPS_SHUT] > 0.25).mean()) if n_named else float("nan"),
        closure_recall=n_found / max(1, n_closures),
        closure_false=n_false / max(1, n_named),
    )


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Stretches of True as (first, one past the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist()))


def main(argv: list[str]) -> int:
    """Speaks, trains, listens and writes the weights."""
    parser = argparse.ArgumentParser(prog="python -m engine.training.phones_training", description=main.__doc__)
    parser.add_argument("-o", "--output", type=Path, default=WEIGHTS)
    parser.add_argument("--utterances", type=int, default=PhonesTraining.n_utterances)
    parser.add_argument("--corpus", type=Path, help="file to keep what is spoken, or to read it from")
    parser.add_argument("--checkpoint", type=Path, help="file to stop and go on with")
    parser.add_argument("--steps", type=int, default=PhonesTraining.n_steps)
    arguments = parser.parse_args(argv)
    config = PhonesTraining(n_utterances=arguments.utterances, n_steps=arguments.steps)
    if arguments.corpus is not None and arguments.corpus.is_file():
        utterances = read_corpus(arguments.corpus)
    else:
        utterances = _shown(speak_all(training_plan(config.n_utterances)), "utterances")
        if arguments.corpus is not None:
            save_corpus(utterances, arguments.corpus)
    net = _shown(train_phones(utterances, config, checkpoint=arguments.checkpoint), "net")
    figures = {}
    for kind, plan in held_out_plan(config.n_tests).items():
        heard = listen(net, _shown(speak_all(plan), "utterances"))
        figures[kind] = {str(look_ahead): asdict(score) for look_ahead, score in heard.items()}
        for look_ahead, score in heard.items():
            print(f"{kind}, {look_ahead} ms: " + ", ".join(f"{n} {v:.3f}" for n, v in asdict(score).items()))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    save_phones(net, arguments.output, STANDARD_MEL, {"training": asdict(config), "figures": figures})
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.1f} MB")
    return 0


def _shown(work: Iterator[Progress], result: str) -> object:
    """Runs work to its end, a line for each step, and gives the named value of its last one."""
    progress = Progress("")
    for progress in work:
        loss = f"  loss {progress.values['loss']:.3f}" if "loss" in progress.values else ""
        print(f"\r{progress.stage} {progress.done}/{progress.total}{loss} {progress.message}  ", end="", flush=True)
    print()
    return progress.values[result]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
