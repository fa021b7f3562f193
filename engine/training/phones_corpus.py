"""Speech with known mouths for training the `phones` encoder: many synthetic voices, every phone with its time."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

from engine.array_file import save_file
from engine.audio.block import FEATURE_RATE_HZ, SAMPLE_RATE_HZ
from engine.audio.phones_net import ARTICULATORS, VISEMES
from engine.audio.resample import resample
from engine.errors import AudioError
from engine.paths import atomic_file
from engine.progress import Progress
from engine.synth.sentences import sentences
from engine.synth.visemes import mouth_track
from engine.synth.voices import Speech, Voice, speak
from engine.vocabulary import ARKIT_INDEX

HELD_OUT_FLITE = ("slt",)
HELD_OUT_VARIANTS = ("f4", "m7", "klatt4", "Andrea", "Michael")
_FLITE = ("rms", "awb", "kal16", "kal")
_VARIANTS = (
    "", "f1", "f2", "f3", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m8", "klatt", "klatt2", "klatt3", "klatt5",
    "klatt6", "Adam", "Alex", "Alicia", "Andy", "Annie", "Antonio", "Belinda", "Benjamin", "Boris", "Caleb", "David",
    "Denis", "Diogo", "Ed", "Gene", "Gustave", "Henrique", "Hugo", "Iven", "Jacky", "John", "Lee", "Linda", "Marcelo",
    "Marco", "Mario", "Max", "Miguel", "Mike", "Nguyen", "Pablo", "Paul", "Pedro", "Quincy", "Rob", "Robert", "Steph",
    "Steph2", "Steph3", "travis", "Zac", "anika", "Auntie", "grandma", "grandpa", "norbert", "sandro", "shelby",
    "victor", "whisper", "female_whisper",
)  # fmt: skip
_LANGUAGES = ("de", "fr", "es", "it", "pt", "nl", "pl", "sv", "tr", "fi", "en-gb", "en-gb-scotland")
_WITH_SENTENCES = ("de", "fr", "es")
_ONSETS = ("p", "b", "m", "f", "v", "t", "d", "n", "s", "z", "l", "r", "k", "g", "w", "h", "y", "ch", "sh", "th", "j",
           "br", "pl", "st", "tr", "fl", "kr", "sp", "bl", "sm", "gr", "pr", "sl", "dr", "")  # fmt: skip
_NUCLEI = ("a", "e", "i", "o", "u", "ee", "oo", "ai", "ou", "ow", "ay", "oa", "ea", "ir", "ar", "or")
_CODAS = (
    "",
    "",
    "",
    "p",
    "b",
    "m",
    "t",
    "d",
    "n",
    "s",
    "l",
    "r",
    "k",
    "f",
    "v",
    "sh",
    "ng",
    "mp",
    "st",
    "th",
    "ch",
    "x",
)


@dataclass(frozen=True)
class Utterance:
    """One spoken text, ready to be trained on.

    Attributes:
        samples: `[n]` float32 at 16 kHz.
        visemes: `[T, 15]` float32: for each 20 ms, how much of it each viseme fills; rows sum to 1.
        mouth: `[T, 11]` float32: where jaw, lips and tongue are (`ARTICULATORS`).
    """

    samples: np.ndarray
    visemes: np.ndarray
    mouth: np.ndarray
    voice: str


def training_plan(n: int, seed: int = 0) -> list[tuple[str, Voice]]:
    """`n` texts with a voice each: two fifths natural-sounding flite, the rest espeak-ng in many variants."""
    rng = np.random.default_rng(seed)
    plan = []
    for i in range(n):
        kind = rng.random()
        rate, pitch = float(rng.uniform(0.8, 1.3)), float(rng.uniform(0.8, 1.25))
        if kind < 0.4:
            plan.append((text(rng, seed * n + i), Voice("flite", str(rng.choice(_FLITE)), "en", rate, pitch)))
        elif kind < 0.78:
            plan.append((text(rng, seed * n + i), Voice("espeak", _variant("en-us", rng), "en", rate, pitch)))
        else:
            language = str(rng.choice(_LANGUAGES))
            said = text(rng, seed * n + i, language)
            plan.append((said, Voice("espeak", _variant(language, rng), language, rate, pitch)))
    return plan


def held_out_plan(n: int, seed: int = 1_000) -> dict[str, list[tuple[str, Voice]]]:
    """Texts for voices that training never hears, by the kind of voice, and new texts for voices it does hear."""
    rng = np.random.default_rng(seed)
    said = iter(sentences(3 * n, seed))
    return {
        "unseen flite voice": [(next(said), Voice("flite", HELD_OUT_FLITE[0])) for _ in range(n)],
        "unseen espeak voices": [
            (next(said), Voice("espeak", f"en-us+{rng.choice(HELD_OUT_VARIANTS)}")) for _ in range(n)
        ],
        "known voices": [(next(said), Voice("flite", str(rng.choice(_FLITE[:3])))) for _ in range(n)],
    }


def speak_all(plan: list[tuple[str, Voice]], n_workers: int = 2) -> Iterator[Progress]:
    """Speaks a plan; the last progress carries `values["utterances"]`. What an engine cannot say is left out."""
    made: list[Utterance] = []
    n_failed = 0
    with ThreadPoolExecutor(n_workers) as pool:  # the engines are processes of their own
        for i, utterance in enumerate(pool.map(_try_to_speak, plan)):
            if utterance is None:
                n_failed += 1
            else:
                made.append(utterance)
            if i % 50 == 49:
                yield Progress("Speaking", i + 1, len(plan), f"{n_failed} could not be spoken" if n_failed else "")
    if not made:
        raise AudioError("no voice could be made to speak; install them with: apt install espeak-ng flite")
    seconds = sum(len(u.samples) for u in made) / SAMPLE_RATE_HZ
    yield Progress("Speaking", len(plan), len(plan), f"{seconds / 60:.0f} minutes", {"utterances": made})


def save_corpus(utterances: list[Utterance], path: Path) -> None:
    """Keeps spoken utterances in one safetensors file, so that they need not be spoken again."""
    tensors = {
        "samples": np.concatenate([np.clip(u.samples, -1, 1) * 32_767 for u in utterances]).astype(np.int16),
        "visemes": np.concatenate([u.visemes for u in utterances]).astype(np.float16),
        "mouth": np.concatenate([u.mouth for u in utterances]).astype(np.float16),
        "n_samples": np.array([len(u.samples) for u in utterances], dtype=np.int64),
        "n_steps": np.array([len(u.visemes) for u in utterances], dtype=np.int64),
    }
    with atomic_file(path) as temporary:
        save_file(tensors, temporary, metadata={"voices": json.dumps([u.voice for u in utterances])})


def read_corpus(path: Path) -> list[Utterance]:
    """The utterances that `save_corpus` kept.

    Raises:
        AudioError: if the file is damaged.
    """
    try:
        tensors = load_file(path)
        with safe_open(path, "np") as file:
            voices = json.loads(file.metadata()["voices"])
        samples = np.split(tensors["samples"], np.cumsum(tensors["n_samples"])[:-1])
        visemes, mouth = (np.split(tensors[name], np.cumsum(tensors["n_steps"])[:-1]) for name in ("visemes", "mouth"))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise AudioError(f"{path}: is no corpus of spoken utterances ({error}); delete it to speak anew.") from error
    return [
        Utterance(*(part.astype(np.float32) for part in (s / 32_767, v, m)), voice)
        for s, v, m, voice in zip(samples, visemes, mouth, voices, strict=True)
    ]


def labelled(speech: Speech, pause_s: float = 0.0) -> Utterance:
    """Speech as 16 kHz samples with its mouth, after `pause_s` of silence and before as much again."""
    pause = np.zeros(round(pause_s * SAMPLE_RATE_HZ), dtype=np.float32)
    samples = np.concatenate([pause, resample(speech.samples, speech.rate_hz), pause])
    n = len(samples) * FEATURE_RATE_HZ // SAMPLE_RATE_HZ
    times = (np.arange(n) + 0.5) / FEATURE_RATE_HZ - pause_s
    track, shut = mouth_track(speech, times)
    columns = [track[:, ARKIT_INDEX[name]] for name in ARTICULATORS[:-1]]
    mouth = np.stack([*columns, shut], axis=1).astype(np.float32)
    return Utterance(samples, viseme_shares(speech, n, pause_s), mouth, f"{speech.voice.engine} {speech.voice.name}")


def viseme_shares(speech: Speech, n: int, offset_s: float = 0.0) -> np.ndarray:
    """For each of `n` steps of 20 ms the part of it that each viseme fills, `[n, 15]`; the rest is silence."""
    shares = np.zeros((n, len(VISEMES)), dtype=np.float32)
    starts = np.arange(n) / FEATURE_RATE_HZ - offset_s
    for name, start, end in viseme_spans(speech):
        covered = np.clip(np.minimum(starts + 1 / FEATURE_RATE_HZ, end) - np.maximum(starts, start), 0, None)
        shares[:, VISEMES.index(name)] += covered * FEATURE_RATE_HZ
    shares[:, 0] += np.clip(1 - shares.sum(axis=1), 0, None)
    return shares / shares.sum(axis=1, keepdims=True)


def viseme_spans(speech: Speech) -> list[tuple[str, float, float]]:
    """Which of the 15 visemes is said from when to when; an h takes the shape of what follows it."""
    table = _CMU if speech.voice.engine == "flite" else None
    spans: list[tuple[str, float, float]] = []
    for phone in speech.phones:
        names = _CMU.get(phone.symbol, ("sil",)) if table else _from_ipa(phone.symbol)
        edges = np.linspace(phone.start, phone.end, len(names) + 1)
        spans += [(name, float(a), float(b)) for name, a, b in zip(names, edges, edges[1:])]
    following = "sil"
    for i in range(len(spans) - 1, -1, -1):
        if spans[i][0] == "h":
            spans[i] = (following if following != "sil" else "E", *spans[i][1:])
        following = spans[i][0]
    return spans


def text(rng: np.random.Generator, seed: int, language: str = "en") -> str:
    """A sentence, a string of real words, or a string of made-up words: all sounds in all neighbourhoods."""
    kind = rng.random()
    if kind < 0.25 and (language.startswith("en") or language in _WITH_SENTENCES):
        return sentences(1, seed, "en" if language.startswith("en") else language)[0]
    n = int(rng.integers(4, 10))
    if kind < 0.6 and language.startswith("en"):
        words = [str(word) for word in rng.choice(_english_words(), n)]
    else:
        words = [_made_up(rng) for _ in range(n)]
    commas = [word + "," if rng.random() < 0.1 else word for word in words]
    return " ".join(commas) + str(rng.choice([".", "?", "!"]))


def _try_to_speak(job: tuple[str, Voice]) -> Utterance | None:
    said, voice = job
    try:
        speech = speak(said, voice)
    except AudioError:
        return None
    if speech.seconds < 0.5 or not np.abs(speech.samples).max() > 0:
        return None
    return labelled(speech, pause_s=0.3)


def _variant(language: str, rng: np.random.Generator) -> str:
    name = str(rng.choice(_VARIANTS))
    return f"{language}+{name}" if name else language


def _made_up(rng: np.random.Generator) -> str:
    n = int(rng.integers(1, 4))
    parts = [str(rng.choice(_ONSETS)) + str(rng.choice(_NUCLEI)) for _ in range(n)]
    return "".join(parts) + str(rng.choice(_CODAS))


@cache
def _english_words() -> np.ndarray:
    """A few thousand English words that every Python brings along: those of its own manual."""
    import re
    from pydoc_data.topics import topics

    found = re.findall(r"\b[a-z]{2,14}\b", " ".join(topics.values()).lower())
    return np.array(sorted({word for word in found if re.search("[aeiouy]", word)}))


_CMU = {
    "pau": ("sil",), "p": ("PP",), "b": ("PP",), "m": ("PP",), "f": ("FF",), "v": ("FF",), "th": ("TH",), "dh": ("TH",),
    "t": ("DD",), "d": ("DD",), "k": ("kk",), "g": ("kk",), "ng": ("kk",), "ch": ("CH",), "jh": ("CH",), "sh": ("CH",),
    "zh": ("CH",), "s": ("SS",), "z": ("SS",), "n": ("nn",), "l": ("nn",), "r": ("RR",), "er": ("RR",), "aa": ("aa",),
    "ae": ("aa",), "ah": ("aa",), "ax": ("E",), "ao": ("oh",), "aw": ("aa", "ou"), "ay": ("aa", "ih"), "eh": ("E",),
    "ey": ("E", "ih"), "ih": ("ih",), "iy": ("ih",), "ow": ("oh", "ou"), "oy": ("oh", "ih"), "uh": ("ou",),
    "uw": ("ou",), "w": ("ou",), "y": ("ih",), "hh": ("h",),
}  # fmt: skip

_IPA = {
    **dict.fromkeys("pbmβɸ", "PP"), **dict.fromkeys("fvʋ", "FF"), **dict.fromkeys("θð", "TH"),
    **dict.fromkeys("tdɾʈɖ", "DD"), **dict.fromkeys("kgɡŋxɣqʁχcɟʔ", "kk"), **dict.fromkeys("ʃʒɕʑʂʐɧ", "CH"),
    **dict.fromkeys("szç", "SS"), **dict.fromkeys("nlɲʎɫɭɳɬ", "nn"), **dict.fromkeys("rɹɻʀɚɝɜ", "RR"),
    **dict.fromkeys("aɑæʌɐɶ", "aa"), **dict.fromkeys("eɛəɘɵ", "E"), **dict.fromkeys("iɪjɨᵻ", "ih"),
    **dict.fromkeys("oɔɒøœɤ", "oh"), **dict.fromkeys("uʊwyʏɯʉɥ", "ou"), **dict.fromkeys("hɦ", "h"),
}  # fmt: skip
_AFFRICATES = {
    "tʃ": ("CH",),
    "dʒ": ("CH",),
    "ts": ("SS",),
    "dz": ("SS",),
    "pf": ("PP", "FF"),
    "tɕ": ("CH",),
    "dʑ": ("CH",),
}


def _from_ipa(symbol: str) -> tuple[str, ...]:
    bare = "".join(letter for letter in symbol if letter in _IPA)
    if bare in _AFFRICATES:
        return _AFFRICATES[bare]
    if not bare:
        return ("sil",)
    first, last = _IPA[bare[0]], _IPA[bare[-1]]
    return (first,) if first == last else (first, last)
