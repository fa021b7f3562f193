"""Synthetic speech with the time of every phone, by espeak-ng and flite; both run as child processes."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from engine.errors import AudioError, ModelMissingError

TIMEOUT_S = 60
SILENCE = "pau"


@dataclass(frozen=True)
class Voice:
    """One way to speak.

    Attributes:
        engine: "espeak" or "flite".
        name: the engine's name for it (`en-us+f3`, `slt`).
        language: "en", "de", "fr", "es".
        rate: speed, 1 is the engine's own; pitch: likewise.
    """

    engine: str
    name: str
    language: str = "en"
    rate: float = 1.0
    pitch: float = 1.0


@dataclass(frozen=True)
class Phone:
    """One phone: its symbol (CMU for flite, IPA for espeak), start and end in seconds, and whether it is stressed."""

    symbol: str
    start: float
    end: float
    stressed: bool = False


@dataclass(frozen=True)
class Speech:
    """Spoken text: samples float32, their rate, and the phones."""

    samples: np.ndarray
    rate_hz: int
    phones: tuple[Phone, ...]
    voice: Voice
    text: str = ""
    notes: dict = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate_hz


def voices(language: str = "en") -> tuple[Voice, ...]:
    """The voices used for films and for training the phones encoder."""
    if language == "en":
        flite = [Voice("flite", n, "en", r, p) for n in ("slt", "rms", "awb", "kal16")
                 for r, p in ((1.0, 1.0), (1.12, 0.93), (0.92, 1.07), (1.05, 1.12), (0.97, 0.9))]  # fmt: skip
        variants = (
            "",
            "+f1",
            "+f2",
            "+f3",
            "+f4",
            "+f5",
            "+m1",
            "+m2",
            "+m3",
            "+m4",
            "+m6",
            "+m7",
            "+klatt2",
            "+klatt4",
        )
        espeak = [Voice("espeak", "en-us" + v, "en", r, p) for v in variants for r, p in ((0.95, 1.0), (1.1, 1.12))]
        return tuple(flite + espeak)
    names = {"de": "de", "fr": "fr", "es": "es"}
    if language not in names:
        raise AudioError(f"{language!r}: no voices for this language; use en, de, fr or es.")
    return tuple(Voice("espeak", names[language] + v, language, 1.0, p)
                 for v in ("", "+f2", "+f4", "+m3", "+m7") for p in (1.0, 1.1))  # fmt: skip


def speak(text: str, voice: Voice) -> Speech:
    """Speaks a sentence.

    Raises:
        ModelMissingError: when the engine is not installed; names the apt package.
        AudioError: when the engine fails or does not know the voice.
    """
    if voice.engine == "flite":
        return _flite(text, voice)
    if voice.engine == "espeak":
        return _espeak(text, voice)
    raise AudioError(f"{voice.engine!r} is not a speech engine; use espeak or flite.")


def _flite(text: str, voice: Voice) -> Speech:
    program = shutil.which("flite")
    if program is None:
        raise ModelMissingError("flite is not installed; get it with: apt install flite.")
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        settings = ["--setf", f"duration_stretch={1 / voice.rate:.3f}"]
        if voice.pitch != 1.0:
            settings += ["--setf", f"int_f0_target_mean={_flite_pitch(voice.name) * voice.pitch:.1f}"]
        command = [program, "-voice", voice.name, *settings, "-psdur", "-t", text, "-o", str(wav)]
        done = _run(command, None)
        pairs = re.findall(r"([a-z]+\d?):([\d.]+)", done.stdout)
        if not wav.is_file() or not pairs:
            raise AudioError(f"flite said nothing with the voice {voice.name!r}: {done.stderr.strip() or 'no output'}.")
        samples, rate_hz = _read(wav)
    phones, start = [], 0.0
    for symbol, end in pairs:
        phones.append(Phone(symbol, start, float(end)))
        start = float(end)
    return Speech(samples, rate_hz, tuple(phones), voice, text)


def _flite_pitch(name: str) -> float:
    return {"slt": 170.0, "rms": 105.0, "awb": 130.0, "kal16": 105.0}.get(name, 120.0)


def _espeak(text: str, voice: Voice) -> Speech:
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        order = {"voice": voice.name, "text": text, "out": str(wav), "rate": round(175 * voice.rate),
                 "pitch": round(np.clip(50 * voice.pitch**2.5, 0, 99))}  # fmt: skip
        command = [sys.executable, str(Path(__file__).with_name("espeak_child.py"))]
        done = _run(command, json.dumps(order))
        if done.returncode == 3:
            raise ModelMissingError("libespeak-ng.so.1 is not installed; get it with: apt install espeak-ng.")
        if done.returncode != 0:
            raise AudioError(f"espeak-ng could not speak with {voice.name!r}: {done.stderr.strip().splitlines()[-1:]}.")
        events = json.loads(done.stdout)
        samples, rate_hz = _read(wav)
    phones = []
    stressed = False
    for (symbol, sample), (_, following) in zip(events, events[1:] + [["", len(samples)]], strict=True):
        mark = "ˈ" in symbol
        bare = symbol.replace("ˈ", "").replace("ˌ", "").strip()
        stressed = mark or (stressed and not bare)
        if following > sample:
            phones.append(Phone(bare or SILENCE, sample / rate_hz, following / rate_hz, mark))
    if phones and phones[0].start > 0:
        phones.insert(0, Phone(SILENCE, 0.0, phones[0].start))
    return Speech(samples, rate_hz, tuple(phones), voice, text)


def _run(command: list[str], text: str | None) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(
            command, input=text, capture_output=True, text=True, encoding="utf-8", timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise AudioError(f"{command[0]} did not finish within {TIMEOUT_S} s; try a shorter text.") from error
    except OSError as error:
        raise AudioError(f"{command[0]}: {error.strerror}.") from error


def _read(path: Path) -> tuple[np.ndarray, int]:
    samples, rate_hz = soundfile.read(path, dtype="float32")
    return (samples if samples.ndim == 1 else samples.mean(1)), rate_hz
