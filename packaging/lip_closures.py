"""Do an avatar's lips close on p, b and m? Synthetic voices whose phones are timed, spoken by the avatar, tell.

    python packaging/lip_closures.py [AVATAR] [--sentences 20]

Three figures for each voice: closures of the voice in which the true mouth shuts (what the studio films), in which the
ear of the lip check (the `phones` encoder) hears a closed mouth, and in which the avatar's lips close by the measure of
the lip check. And how well the lip check hears which phones close at all. Needs flite and espeak-ng.
"""

import argparse
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

import numpy as np  # noqa: E402

import engine  # noqa: E402, F401  (before torch)
from engine.audio.block import FEATURE_RATE_HZ, SAMPLE_RATE_HZ, Block  # noqa: E402
from engine.audio.phones import PhonesConfig, PhonesEncoder  # noqa: E402
from engine.audio.phones_net import VISEMES  # noqa: E402
from engine.audio.resample import resample  # noqa: E402
from engine.avatar import load_avatar  # noqa: E402
from engine.parts.common_fit import CommonFit  # noqa: E402
from engine.performance.carry import read_fit  # noqa: E402
from engine.performance.lip_check import CLOSED_SHARE, Phone, lip_opening  # noqa: E402
from engine.performer import Performer  # noqa: E402
from engine.phone_track import LOOK_AHEAD_MS, clear_classes, grouped  # noqa: E402
from engine.synth.sentences import sentences  # noqa: E402
from engine.synth.visemes import mouth_track, seal  # noqa: E402
from engine.synth.voices import Voice, speak  # noqa: E402
from engine.training.phones_corpus import viseme_spans  # noqa: E402
from engine.vocabulary import ARKIT_INDEX  # noqa: E402

VOICES = (
    Voice("flite", "slt"), Voice("flite", "rms"), Voice("flite", "awb", rate=1.1), Voice("espeak", "en-us+f4"),
    Voice("espeak", "en-us+m7"),
)  # fmt: skip
PAUSE_S = 0.5
RATE_HZ = 30.0
NEAR_S = 0.03


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("avatar", type=Path, nargs="?", default=CHECKOUT / "assets" / "avatars" / "Noa.avatar")
    parser.add_argument("--sentences", type=int, default=20)
    options = parser.parse_args()
    avatar, fit = load_avatar(options.avatar), read_fit(options.avatar)
    said = sentences(options.sentences, 4242)
    print("| voice | p, b, m | true mouth shuts | ear hears it shut | avatar closes | found | found in vain |")
    print("|---|---|---|---|---|---|---|")
    total = np.zeros(6, dtype=int)
    for i, voice in enumerate(VOICES):
        row = sum((figures(text, voice, avatar, fit) for text in said[i :: len(VOICES)]), np.zeros(6, dtype=int))
        print(f"| {voice.engine} {voice.name} | " + " | ".join(str(n) for n in row) + " |", flush=True)
        total += row
    print("| all | " + " | ".join(str(n) for n in total) + " |")
    return 0


def figures(text: str, voice: Voice, avatar, fit: CommonFit | None) -> np.ndarray:
    """Closures of a sentence: said, truly shut, heard shut, closed by the avatar, found, found in vain: `[6]`."""
    speech = speak(text, voice)
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE_HZ), dtype=np.float32)
    samples = np.concatenate([pause, resample(speech.samples, speech.rate_hz), pause])
    closures = [Phone(a + PAUSE_S, b + PAUSE_S, "pp") for name, a, b in viseme_spans(speech) if name == "PP"]
    times = np.arange(0, len(samples) / SAMPLE_RATE_HZ, 1 / RATE_HZ)
    true = seal(*mouth_track(speech, times - PAUSE_S))
    encoder = PhonesEncoder(PhonesConfig(LOOK_AHEAD_MS))
    heard = encoder.encode(samples)
    ear_times = np.arange(len(heard)) / FEATURE_RATE_HZ
    values = spoken(samples, times, avatar)
    openings = (
        (times, np.maximum(true[:, ARKIT_INDEX["jawOpen"]] - true[:, ARKIT_INDEX["mouthClose"]], 0)),
        (ear_times, encoder.jaw(heard)),
        (times, lip_opening(avatar.schema, values, fit)),
    )
    found = [p for p in grouped(clear_classes(heard.values[:, : len(VISEMES)])) if p.closes_lips]
    n_found = sum(any(overlaps(p, closure) for p in found) for closure in closures)
    n_vain = sum(not any(overlaps(p, closure) for closure in closures) for p in found)
    return np.array([len(closures), *(n_closed(*opening, closures) for opening in openings), n_found, n_vain])


def spoken(samples: np.ndarray, times: np.ndarray, avatar) -> np.ndarray:
    """What the avatar does when it speaks a sound with the whole look-ahead, `[T, C]`."""
    performer = Performer(avatar, None)
    performer.mixer.look_ahead_ms, performer.mixer.is_idle = 160, False
    step = SAMPLE_RATE_HZ // 10
    for first in range(0, len(samples), step):
        performer.push(Block(samples[first : first + step], first / SAMPLE_RATE_HZ))
    return np.stack([performer.moment(float(time)).controls.values for time in times])


def n_closed(times: np.ndarray, opening: np.ndarray, closures: list[Phone]) -> int:
    """In how many of these the lips come together, as the lip check counts it."""
    low, high = np.percentile(opening, [2, 98])
    inside = [(times >= p.start - 0.04) & (times <= p.end + 0.04) for p in closures]
    return sum(bool(opening[rows].min() <= low + CLOSED_SHARE * (high - low)) for rows in inside)


def overlaps(a: Phone, b: Phone) -> bool:
    return a.start < b.end + NEAR_S and a.end > b.start - NEAR_S


if __name__ == "__main__":
    sys.exit(main())
