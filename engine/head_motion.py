"""Head motion from the voice, for any avatar with a head pose: the learned model, its file, and a driver that adds it.

Talk2Me, section 4.3.2: each second of motion is retrieved from a database of one person's motion by what is heard, laid
on where the last ended, and refined by a network that hears the sound. The grid of seconds is the sound's clock, and
chance depends on the seed and the second alone: the same sound moves the head in the same way, live or rendered.
"""

import json
import time as clock
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from engine.audio.history import FeatureHistory
from engine.avatar import read_tensors
from engine.controls import Controls
from engine.errors import AvatarError
from engine.methods.base import Driver, DriverInputs
from engine.parts.avatar_tensors import AvatarTensors
from engine.parts.frame_sound import FPS, frame_features
from engine.parts.pose_refiner import PoseRefiner
from engine.parts.pose_units import N_FRAMES, N_OVERLAP, N_SPAN, PoseUnits, joined, laid_from, sound_key
from engine.paths import atomic_file
from engine.vocabulary import ARKIT_52, POSE_NAMES

FORMAT, VERSION = "mouthpiece-head-motion", 1
BLOCK_S = N_FRAMES / FPS
MAX_ROWS = 200_000
WIDEST = 4.0
"""Standard deviations of the training track beyond which no sound, however foreign, turns the head."""


@dataclass(frozen=True)
class HeadMotionChoice:
    """What a user may choose of generated head motion.

    Attributes:
        strength: factor on the motion; 0 keeps the head still.
        seed: another seed is another, equally fitting motion.
        top_k, temperature: one of the `top_k` best units is drawn, the best more often; temperature 0 takes the best.
        pinned: always this unit of the database.
        is_refined: False shows the retrieved units as they are.
    """

    strength: float = 1.0
    seed: int = 0
    top_k: int = 5
    temperature: float = 0.1
    pinned: int | None = None
    is_refined: bool = True


AS_FILMED = HeadMotionChoice()


@dataclass
class HeadMotion:
    """A trained generator of head motion.

    Attributes:
        units: the database.
        refiner: the network, in evaluation mode.
        feature_mean, feature_scale: `(x - mean) * scale` standardises features, `[F]`.
        to_expression: the ARKit-52 scores heard in standardised features, a ridge regression `[F + 1, 52]`.
        pose_mean, pose_scale: of the training track, `[6]`.
        gain: what makes generated motion as wide as the track's, `[6]`.
        lead: frames by which the sound that is listened to comes before the motion, see `build_units`.
        encoder: the manifest row of the encoder whose features it hears.
        about: where it came from and its measured figures.
    """

    units: PoseUnits
    refiner: PoseRefiner
    feature_mean: np.ndarray
    feature_scale: np.ndarray
    to_expression: np.ndarray
    pose_mean: np.ndarray
    pose_scale: np.ndarray
    gain: np.ndarray
    lead: int
    encoder: dict[str, Any]
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def n_features(self) -> int:
        return len(self.feature_mean)

    def standardised(self, features: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Raw features `[T, F]` as the network hears them; zero where unknown (`known` bool `[T]`)."""
        return ((features - self.feature_mean) * self.feature_scale * known[:, None]).astype(np.float32)

    def expression(self, heard: np.ndarray) -> np.ndarray:
        """ARKit-52 scores heard in standardised features, `[T, 52]`."""
        return heard @ self.to_expression[:-1] + self.to_expression[-1]

    def refined(self, pose: np.ndarray, heard: np.ndarray, expression: np.ndarray | None = None) -> np.ndarray:
        """Retrieved poses `[T, 6]` fitted to standardised features `[T, F]` and ARKit-52 scores `[T, 52]`; without
        these, to those heard in the features."""
        expression = self.expression(heard) if expression is None else expression
        given = ((pose - self.pose_mean) / self.pose_scale, expression, heard)
        with torch.inference_mode():
            out = self.refiner(*(torch.from_numpy(a.astype(np.float32))[None] for a in given))[0].numpy()
        return out * self.pose_scale + self.pose_mean

    def film_s(self, unit: int) -> float:
        """Where in its film a unit begins, seconds."""
        return float(self.units.starts[unit]) / FPS

    def tensors(self) -> dict[str, torch.Tensor]:
        """What a file keeps of it beside `row`, to be read by `read_head_motion`."""
        arrays = {
            "keys": self.units.keys, "values": self.units.values, "starts": self.units.starts,
            "feature_mean": self.feature_mean, "feature_scale": self.feature_scale, "pose_mean": self.pose_mean,
            "to_expression": self.to_expression, "pose_scale": self.pose_scale, "gain": self.gain,
        }  # fmt: skip
        tensors = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}
        return tensors | {f"refiner.{name}": t.contiguous() for name, t in self.refiner.state_dict().items()}

    def row(self) -> dict[str, Any]:
        """What a file says of it, as JSON has it."""
        return {"version": VERSION, "lead": self.lead, "encoder": self.encoder, "about": self.about}

    def save(self, path: Path) -> None:
        """Writes the file (safetensors), whole or not at all. Raises OutputError if it cannot be written."""
        with atomic_file(Path(path)) as temporary:
            save_file(self.tensors(), temporary, {"format": FORMAT, "head_motion": json.dumps(self.row())})


def load_head_motion(path: Path) -> HeadMotion:
    """Reads a head motion file.

    Raises:
        AvatarError: one sentence naming what is wrong with it.
    """
    path = Path(path)
    if not path.is_file():
        raise AvatarError(f"{path}: is not there; make it with mouthpiece head-motion DATASET -o {path.name}.")
    file = _MotionTensors(read_tensors(path), path)
    try:
        with safe_open(path, "numpy") as opened:
            metadata = opened.metadata() or {}
        row = json.loads(metadata["head_motion"])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise file.fault("is no head motion") from error
    if metadata.get("format") != FORMAT:
        raise file.fault("is no head motion")
    return read_head_motion(file, row)


def read_head_motion(file: AvatarTensors, row: Any) -> HeadMotion:
    """Head motion from what `HeadMotion.tensors` and `HeadMotion.row` gave.

    Raises:
        AvatarError: one sentence naming what is wrong with it.
    """
    try:
        version, lead, encoder = row["version"], row["lead"], dict(row["encoder"])
        about = dict(row.get("about") or {})
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise file.fault("is no head motion") from error
    if version != VERSION or lead not in range(N_SPAN + 1):
        raise file.fault(f"is of version {version!r} (lead {lead!r}), this program reads {VERSION}")
    n_units, n_features = _n_rows(file, "keys"), _n_rows(file, "feature_mean")
    starts = file.indices("starts", 1 << 40)
    if len(starts) != n_units:
        raise file.fault(f"has {len(starts)} starts for {n_units} units")
    units = PoseUnits(file.array("keys", (n_units, n_features)), file.array("values", (n_units, N_SPAN, 6)), starts)
    refiner = PoseRefiner(n_features, len(ARKIT_52))
    state = {n: torch.from_numpy(file.array(f"refiner.{n}", tuple(t.shape))) for n, t in refiner.state_dict().items()}
    refiner.load_state_dict(state)
    sizes = {"feature_mean": n_features, "feature_scale": n_features, "pose_mean": 6, "pose_scale": 6, "gain": 6}
    return HeadMotion(
        units, refiner.eval(), to_expression=file.array("to_expression", (n_features + 1, len(ARKIT_52))), lead=lead,
        encoder=encoder, about=about, **{n: file.array(n, (size,)) for n, size in sizes.items()},
    )  # fmt: skip


def _n_rows(file: AvatarTensors, name: str) -> int:
    n = file.n_rows(name)
    if not 1 <= n <= MAX_ROWS:
        raise file.fault(f"{name!r} has {n} rows")
    return n


class _MotionTensors(AvatarTensors):
    def fault(self, what: str) -> AvatarError:
        return AvatarError(f"{self.path}: {what}; copy the file again or make it again with mouthpiece head-motion.")


class MotionStream:
    """Generates motion block by block, each from what is heard for it and from where the last one ended."""

    def __init__(self, motion: HeadMotion, choice: HeadMotionChoice) -> None:
        self._motion, self._choice = motion, choice
        self._laid: np.ndarray | None = None  # what the last unit's overlap would do, [N_OVERLAP, 6]
        self._refined: np.ndarray | None = None
        self.unit = -1
        """The unit retrieved last; -1 where nothing was heard."""

    def next(
        self, heard: np.ndarray, block: int, allowed: np.ndarray | None = None, expression: np.ndarray | None = None
    ) -> np.ndarray:
        """Poses of the next block and of what it overlaps of the one after, `[N_SPAN, 6]`.

        Args:
            heard: standardised features of the sound it listens to, `[N_SPAN, F]`, zero where unknown.
            block: its number on the grid of seconds: what chance depends on beside the seed.
            allowed: units that may be retrieved, bool `[U]`.
            expression: the face's ARKit-52 scores meanwhile `[N_SPAN, 52]`; None takes those heard in the sound.
        """
        motion, choice = self._motion, self._choice
        self.unit = self._retrieved(heard, block, allowed)
        value = motion.units.values[self.unit] if self.unit >= 0 else np.zeros((N_SPAN, 6), np.float32)
        start = motion.pose_mean if self._laid is None else self._laid[0]
        laid = laid_from(start, value, motion.pose_mean)
        if self._laid is not None:
            laid = joined(self._laid, laid, returns=False)
        refined = motion.refined(laid, heard, expression) if choice.is_refined else laid
        refined = motion.pose_mean + motion.gain * (refined - motion.pose_mean) if choice.is_refined else refined
        if self._refined is not None:
            refined = joined(self._refined, refined)
        self._laid, self._refined = laid[-N_OVERLAP:], refined[-N_OVERLAP:]
        return motion.pose_mean + within((refined - motion.pose_mean) / motion.pose_scale) * motion.pose_scale

    def _retrieved(self, heard: np.ndarray, block: int, allowed: np.ndarray | None) -> int:
        choice = self._choice
        if choice.pinned is not None:
            return min(max(choice.pinned, 0), len(self._motion.units) - 1)
        key = sound_key(heard[:N_FRAMES])
        if not key.any():
            return -1
        rng = np.random.default_rng([choice.seed & 0xFFFFFFFF, block & 0xFFFFFFFF])
        return self._motion.units.retrieve(
            key, top_k=choice.top_k, temperature=choice.temperature, rng=rng, allowed=allowed
        )


def generated(
    motion: HeadMotion, heard: np.ndarray, choice: HeadMotionChoice = AS_FILMED, *, excludes: bool = False,
    expression: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Head motion for a whole sound, `[T, 6]` of standardised features `[T, F]`, one row a frame; see `MotionStream`.

    Args:
        expression: ARKit-52 scores `[T, 52]`; None takes those heard in the features.
        excludes: the sound is the training clip's own: units near each block are left out, as in training.
    """
    stream, blocks = MotionStream(motion, choice), []
    padded = _padded(heard, motion.lead)
    shown = None if expression is None else _padded(expression, motion.lead)
    for block, start in enumerate(range(0, len(heard), N_FRAMES)):
        allowed = motion.units.away_from(start) if excludes else None
        part = slice(start, start + N_SPAN)
        blocks.append(stream.next(padded[part], block, allowed, None if shown is None else shown[part])[:N_FRAMES])
    return np.concatenate(blocks)[: len(heard)]


def _padded(rows: np.ndarray, lead: int) -> np.ndarray:
    """Rows `[T, F]` with zeros before them, as many as the lead, and a span of zeros after them."""
    return np.pad(rows, ((lead, N_SPAN), (0, 0))).astype(np.float32)


def within(pose: np.ndarray) -> np.ndarray:
    """Standardised poses bent smoothly to stay within `WIDEST`; what lies in the track's usual range stays as it is."""
    return pose / (1 + (np.abs(pose) / WIDEST) ** 4) ** 0.25


class HeadMotionDriver:
    """An avatar's own driver with generated head motion added to its pose controls.

    Motion is generated in `advance`, a block a second; `at` looks it up. With the default lead it listens to the second
    before and needs no sound ahead. An avatar whose own driver moves the head (`pose_source`) leaves it to this one.

    Args:
        expressed: the face's ARKit-52 scores of `N_SPAN` frames from a time on `[N_SPAN, 52]`, for avatars that make
            them from the same sound; None takes those heard in the features.

    Attributes:
        strength: factor on the motion, the choice's at first; may be changed at any time.
    """

    def __init__(
        self, driver: Driver, motion: HeadMotion, history: FeatureHistory, choice: HeadMotionChoice = AS_FILMED,
        expressed: Callable[[float], np.ndarray] | None = None,
    ) -> None:  # fmt: skip
        self.schema = driver.schema
        behind = (N_SPAN - motion.lead) / FPS * 1e3
        self.least_look_ahead_ms = max(driver.least_look_ahead_ms, behind)
        self._driver, self._motion, self._history, self._choice = driver, motion, history, choice
        self._expressed = expressed
        there = [(i, name) for i, name in enumerate(POSE_NAMES) if name in self.schema]
        self._rows = np.array([i for i, _ in there], dtype=int)
        self._columns = np.array([self.schema.index(name) for _, name in there], dtype=int)
        self._least = self.schema.column("minimum")[self._columns]
        self._most = self.schema.column("maximum")[self._columns]
        self.strength = choice.strength
        self._start_afresh()

    def advance(self, budget_ms: float) -> None:
        """Generates the blocks whose sound is known, as many as the budget allows and at least one."""
        end = clock.monotonic() + budget_ms * 1e-3
        self._driver.advance(budget_ms)
        if not self._history_goes_on():
            self._start_afresh()
        if not len(self._history):
            return
        if self._next is None:
            self._next = int(np.floor(self._history.oldest / BLOCK_S))
        while self._history.newest >= self._heard_from(self._next) + N_SPAN / FPS - 1e-6:
            features, known = frame_features(self._history, self._heard_from(self._next), N_SPAN)
            heard = self._motion.standardised(features, known)
            shown = None if self._expressed is None else self._expressed(self._heard_from(self._next))
            made = self._stream.next(heard, self._next, expression=shown)
            self._blocks[self._next] = made, self._stream.unit
            self._next += 1
            if clock.monotonic() >= end:
                break
        for block in [b for b in self._blocks if (b + 2) * BLOCK_S < self._history.oldest]:
            del self._blocks[block]

    def at(self, time: float, inputs: DriverInputs) -> Controls:
        controls = self._driver.at(time, replace(inputs, settings=inputs.settings | {"pose_source": "user"}))
        values = controls.values.copy()
        moved = values[self._columns] + self.offset(time)[self._rows]
        values[self._columns] = np.clip(moved, self._least, self._most)
        return Controls(self.schema, values)

    def offset(self, time: float) -> np.ndarray:
        """What is added to the head's pose at a time, `[6]`; the last pose is held where motion is not known yet."""
        found = self._block_of(time)
        if found is None:
            return np.zeros(6)
        place = min(max((time - found * BLOCK_S) * FPS, 0.0), N_SPAN - 1.0)
        poses = self._blocks[found][0]
        low = min(int(place), N_SPAN - 2)
        pose = poses[low] + (place - low) * (poses[low + 1] - poses[low])
        return self.strength * (pose - self._motion.pose_mean)

    def unit_at(self, time: float) -> int:
        """The database's unit shown at a time; -1 for none."""
        found = self._block_of(time)
        return -1 if found is None else self._blocks[found][1]

    def _block_of(self, time: float) -> int | None:
        wanted = int(np.floor(time / BLOCK_S + 1e-9))
        if wanted in self._blocks:
            return wanted
        return max((block for block in self._blocks if block < wanted), default=None)

    def _heard_from(self, block: int) -> float:
        return block * BLOCK_S - self._motion.lead / FPS

    def _history_goes_on(self) -> bool:
        """False when the sound jumped: the next block's sound is lost, or far from having come."""
        if self._next is None or not len(self._history):
            return self._next is None
        lost = self._history.oldest > self._heard_from(self._next) + N_SPAN / FPS
        return not lost and self._history.newest > self._heard_from(self._next - 2)

    def _start_afresh(self) -> None:
        self._stream: MotionStream = MotionStream(self._motion, self._choice)
        self._blocks: dict[int, tuple[np.ndarray, int]] = {}
        self._next: int | None = None
