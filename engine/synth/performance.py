"""What a filmed head does: sentences by several voices, and blinks, brows, smiles and glances on top of the speech."""

from dataclasses import dataclass

import numpy as np

from engine.synth.sentences import sentences
from engine.synth.visemes import mouth_track, seal
from engine.synth.voices import Speech, Voice, speak, voices
from engine.vocabulary import ACTION_UNITS, ARKIT_INDEX

AUDIO_RATE_HZ = 16000


@dataclass
class Performance:
    """A whole film's acting.

    Attributes:
        times: seconds `[T]`; arkit: total weights `[T, 52]`; expressive: the part that is not speech `[T, 52]`;
        aus: action units of the expressive part, in the order of `ACTION_UNITS`, `[T, A]`.
        audio: mono float32 at `AUDIO_RATE_HZ`; texts: (start in seconds, voice, sentence).
    """

    times: np.ndarray
    arkit: np.ndarray
    expressive: np.ndarray
    aus: np.ndarray
    audio: np.ndarray
    texts: list[tuple[float, str, str]]


def perform(seconds: float, fps: float = 25.0, seed: int = 0, cast: tuple[Voice, ...] | None = None) -> Performance:
    """A performance of `seconds`: speech with pauses by the voices of `cast`, and independent expressions."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * fps)) / fps
    audio, speech, shut, texts = _talk(seconds, times, rng, cast or voices("en"))
    expressive = _express(times, rng)
    total = np.clip(speech + expressive, 0, 1)
    lips = [ARKIT_INDEX[n] for n in ("mouthPucker", "mouthFunnel")]
    smile = expressive[:, ARKIT_INDEX["mouthSmileLeft"]]
    total[:, lips] *= (1 - 0.45 * smile)[:, None]  # a smile resists rounding
    jaw = ARKIT_INDEX["jawOpen"]
    total[:, jaw] = 0.85 * np.tanh(total[:, jaw] / 0.85)  # nobody speaks with the jaw at its limit
    total = seal(total, shut)
    return Performance(
        times, total.astype(np.float32), expressive.astype(np.float32), action_units(expressive), audio, texts
    )


def action_units(expressive: np.ndarray) -> np.ndarray:
    """ARKit weights `[T, 52]` as action units `[T, A]`: the mean of each unit's shapes."""
    columns = [expressive[:, [ARKIT_INDEX[s] for s in unit.shapes]].mean(1) for unit in ACTION_UNITS]
    return np.stack(columns, 1).astype(np.float32)


def _talk(seconds, times, rng, cast):
    audio = np.zeros(int(np.ceil(seconds * AUDIO_RATE_HZ)) + AUDIO_RATE_HZ, np.float32)
    track, shut = np.zeros((len(times), 52)), np.zeros(len(times))
    texts = []
    at = 0.4
    order = rng.permutation(len(cast))
    lines = sentences(max(8, int(seconds / 1.5)), seed=int(rng.integers(1 << 30)))
    for k, line in enumerate(lines):
        if at > seconds - 0.8:
            break
        voice = cast[order[k % len(cast)]]
        spoken = resampled(speak(line, voice))
        end = at + spoken.seconds
        start_sample = int(at * AUDIO_RATE_HZ)
        room = len(audio) - start_sample
        audio[start_sample : start_sample + min(room, len(spoken.samples))] += spoken.samples[:room]
        local, closed = mouth_track(spoken, times - at, energy=rng.uniform(0.85, 1.2))
        fade = np.clip((times - at + 0.15) / 0.15, 0, 1) * np.clip((end + 0.15 - times) / 0.15, 0, 1)
        track = np.maximum(track, local * fade[:, None])
        shut = np.maximum(shut, closed * fade)
        texts.append((round(at, 3), f"{voice.engine}:{voice.name}", line))
        at = end + rng.choice([0.15, 0.3, 0.6, 1.2], p=[0.35, 0.35, 0.2, 0.1])
    return audio[: round(seconds * AUDIO_RATE_HZ)], track, shut, texts


def resampled(speech: Speech) -> Speech:
    """The same speech at `AUDIO_RATE_HZ`, peak-normalised to -3 dB."""
    from scipy.signal import resample_poly

    samples = speech.samples
    if speech.rate_hz != AUDIO_RATE_HZ:
        divisor = int(np.gcd(AUDIO_RATE_HZ, speech.rate_hz))
        samples = resample_poly(samples, AUDIO_RATE_HZ // divisor, speech.rate_hz // divisor)
    samples = (samples * (0.7 / max(float(np.abs(samples).max()), 1e-3))).astype(np.float32)
    return Speech(samples, AUDIO_RATE_HZ, speech.phones, speech.voice, speech.text)


GLANCE_S = 0.08  # how long the eyes take to jump
LAYERS = (
    # shapes, mean gap s, shortest and longest hold s, largest weight
    (("browInnerUp",), 5.0, 0.4, 1.8, 0.9),
    (("browOuterUpLeft", "browOuterUpRight"), 5.5, 0.4, 1.6, 0.9),
    (("browOuterUpRight",), 16.0, 0.5, 1.2, 0.8),
    (("browDownLeft", "browDownRight"), 6.5, 0.5, 2.0, 0.9),
    (("eyeWideLeft", "eyeWideRight"), 8.0, 0.4, 1.4, 0.9),
    (("cheekSquintLeft", "cheekSquintRight"), 7.0, 0.6, 1.8, 0.8),
    (("eyeSquintLeft", "eyeSquintRight"), 7.0, 0.5, 1.8, 0.9),
    (("mouthSmileLeft", "mouthSmileRight"), 4.5, 0.7, 2.4, 0.95),
    (("mouthFrownLeft", "mouthFrownRight"), 9.0, 0.6, 1.6, 0.9),
    (("mouthShrugLower", "mouthShrugUpper"), 10.0, 0.4, 1.2, 0.8),
    (("mouthStretchLeft", "mouthStretchRight"), 9.0, 0.5, 1.4, 0.8),
    (("jawOpen",), 5.0, 0.4, 1.3, 0.9),
)


def _express(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    out = np.zeros((len(times), 52))
    for shapes, gap, shortest, longest, largest in LAYERS:
        envelope = np.zeros(len(times))
        at = rng.exponential(gap * 0.6)
        while at < times[-1] + 1:
            hold = rng.uniform(shortest, longest)
            rise, fall = rng.uniform(0.14, 0.32), rng.uniform(0.2, 0.45)
            envelope = np.maximum(envelope, rng.uniform(0.3, 1.0) * largest * _bump(times, at, hold, rise, fall))
            at += hold + rng.exponential(gap)
        for shape in shapes:
            column = ARKIT_INDEX[shape]
            out[:, column] = np.maximum(out[:, column], envelope * rng.uniform(0.94, 1.0))
    happy = out[:, ARKIT_INDEX["mouthSmileLeft"]]
    for side in ("Left", "Right"):
        out[:, ARKIT_INDEX["mouthFrown" + side]] *= 1 - np.clip(happy * 1.6, 0, 1)
        out[:, ARKIT_INDEX["eyeWide" + side]] *= 1 - np.clip(out[:, ARKIT_INDEX["eyeSquint" + side]] * 1.6, 0, 1)
    _look(times, rng, out)
    _blink(times, rng, out)
    return np.clip(out, 0, 1)


def _look(times: np.ndarray, rng: np.random.Generator, out: np.ndarray) -> None:
    """Glances: both eyes jump to a place and stay; most return to the camera."""
    places = [(0.0, 0.0)]
    begins = [0.0]
    while begins[-1] < times[-1]:
        away = rng.random() < (0.75 if places[-1] == (0.0, 0.0) else 0.35)
        places.append((rng.uniform(-0.85, 0.85), rng.uniform(-0.7, 0.7)) if away else (0.0, 0.0))
        begins.append(begins[-1] + rng.uniform(0.35, 1.6))
    places = np.array(places)
    index = np.searchsorted(begins, times, side="right") - 1
    part = np.clip((times - np.array(begins)[index]) / GLANCE_S, 0, 1)[:, None]
    part = part * part * (3 - 2 * part)
    left, up = (places[np.maximum(index - 1, 0)] * (1 - part) + places[index] * part).T
    turns = {
        "Out{0} In{1}": left, "In{0} Out{1}": -left, "Up{0} Up{1}": up, "Down{0} Down{1}": -up,
    }  # fmt: skip
    for shapes, way in turns.items():
        for shape in shapes.format("Left", "Right").split():
            out[:, ARKIT_INDEX["eyeLook" + shape]] = np.maximum(way, 0)


def _blink(times: np.ndarray, rng: np.random.Generator, out: np.ndarray) -> None:
    lids = {"Left": np.zeros(len(times)), "Right": np.zeros(len(times))}
    at = rng.uniform(0.5, 2.0)
    while at < times[-1]:
        kind = rng.random()
        hold = 0.06 if kind < 0.72 else rng.uniform(0.3, 0.9)
        depth = rng.uniform(0.92, 1.0) if kind < 0.86 else rng.uniform(0.4, 0.7)
        shape = depth * _bump(times, at, hold, 0.09, 0.17)
        sides = ("Left", "Right") if rng.random() < 0.74 else (("Left",) if rng.random() < 0.5 else ("Right",))
        for side in sides:
            lids[side] = np.maximum(lids[side], shape)
        at += hold + rng.uniform(0.9, 3.6)
    for side, lid in lids.items():
        out[:, ARKIT_INDEX["eyeBlink" + side]] = lid
        out[:, ARKIT_INDEX["eyeWide" + side]] *= 1 - lid


def _bump(times: np.ndarray, start: float, hold: float, rise: float, fall: float) -> np.ndarray:
    up = np.clip((times - start) / rise, 0, 1)
    down = np.clip((start + rise + hold + fall - times) / fall, 0, 1)
    t = np.minimum(up, down)
    return t * t * (3 - 2 * t)
