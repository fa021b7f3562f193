"""From timed phones to ARKit-52 trajectories: dominance blending, lips that always close for p, b and m.

Coarticulation after Cohen and Massaro (Modeling coarticulation in synthetic visual speech, 1993): each phone pulls each
articulator towards its target with a dominance that falls off exponentially before and after its middle. The hard
rules on top (closure, lip to teeth, early rounding) follow JALI (Edwards et al. 2016).
"""

import numpy as np

from engine.synth.voices import Speech
from engine.vocabulary import ARKIT_52, ARKIT_INDEX

ARTICULATORS = (
    "jawOpen", "mouthFunnel", "mouthPucker", "mouthSmile", "mouthStretch", "mouthUpperUp", "mouthLowerDown",
    "mouthRollLower", "mouthRollUpper", "mouthPress", "mouthShrugUpper", "tongueOut",
)  # fmt: skip

TARGETS = {
    "sil": {},
    "PP": dict(jawOpen=0.10, mouthPress=0.30, mouthRollLower=0.14, mouthRollUpper=0.10),
    "FF": dict(jawOpen=0.09, mouthRollLower=0.55, mouthUpperUp=0.32, mouthShrugUpper=0.10),
    "TH": dict(jawOpen=0.17, tongueOut=0.55, mouthLowerDown=0.28, mouthUpperUp=0.14),
    "DD": dict(jawOpen=0.15, mouthLowerDown=0.28, mouthStretch=0.10, mouthUpperUp=0.14),
    "LL": dict(jawOpen=0.22, mouthLowerDown=0.28, mouthUpperUp=0.16, tongueOut=0.12),
    "KK": dict(jawOpen=0.20, mouthLowerDown=0.22, mouthUpperUp=0.12),
    "CH": dict(jawOpen=0.12, mouthFunnel=0.60, mouthPucker=0.15, mouthLowerDown=0.22, mouthUpperUp=0.22),
    "SS": dict(jawOpen=0.06, mouthStretch=0.32, mouthLowerDown=0.38, mouthUpperUp=0.22, mouthSmile=0.10),
    "RR": dict(jawOpen=0.16, mouthFunnel=0.42, mouthPucker=0.20, mouthLowerDown=0.10),
    "AA": dict(jawOpen=0.64, mouthLowerDown=0.36, mouthUpperUp=0.22),
    "AE": dict(jawOpen=0.50, mouthStretch=0.28, mouthLowerDown=0.38, mouthUpperUp=0.26),
    "EH": dict(jawOpen=0.36, mouthStretch=0.26, mouthSmile=0.12, mouthLowerDown=0.32, mouthUpperUp=0.20),
    "IH": dict(jawOpen=0.23, mouthStretch=0.26, mouthSmile=0.14, mouthLowerDown=0.30, mouthUpperUp=0.16),
    "IY": dict(jawOpen=0.15, mouthStretch=0.40, mouthSmile=0.26, mouthLowerDown=0.36, mouthUpperUp=0.22),
    "AX": dict(jawOpen=0.30, mouthLowerDown=0.26, mouthUpperUp=0.13),
    "AO": dict(jawOpen=0.46, mouthFunnel=0.48, mouthPucker=0.10),
    "OW": dict(jawOpen=0.32, mouthFunnel=0.50, mouthPucker=0.32),
    "UW": dict(jawOpen=0.17, mouthFunnel=0.34, mouthPucker=0.66),
    "WW": dict(jawOpen=0.10, mouthFunnel=0.22, mouthPucker=0.82),
    "HH": dict(jawOpen=0.24, mouthLowerDown=0.18, mouthUpperUp=0.08),
}  # fmt: skip
"""Viseme to ARKit weights at full dominance; both sides where the name has sides."""

CONSONANTS_THAT_YIELD = {"DD", "KK", "HH", "LL", "AX"}
ROUND = {"CH", "RR", "AO", "OW", "UW", "WW"}

CMU = {
    "pau": ("sil",), "p": ("PP",), "b": ("PP",), "m": ("PP",), "f": ("FF",), "v": ("FF",), "th": ("TH",), "dh": ("TH",),
    "t": ("DD",), "d": ("DD",), "n": ("DD",), "l": ("LL",), "k": ("KK",), "g": ("KK",), "ng": ("KK",), "ch": ("CH",),
    "jh": ("CH",), "sh": ("CH",), "zh": ("CH",), "s": ("SS",), "z": ("SS",), "r": ("RR",), "er": ("RR",), "aa": ("AA",),
    "ae": ("AE",), "ah": ("AX",), "ax": ("AX",), "ao": ("AO",), "aw": ("AA", "UW"), "ay": ("AA", "IY"), "eh": ("EH",),
    "ey": ("EH", "IY"), "ih": ("IH",), "iy": ("IY",), "ow": ("AO", "UW"), "oy": ("AO", "IY"), "uh": ("UW",),
    "uw": ("UW",), "w": ("WW",), "y": ("IY",), "hh": ("HH",),
}  # fmt: skip

IPA = {
    "p": "PP", "b": "PP", "m": "PP", "f": "FF", "v": "FF", "β": "FF", "ɸ": "FF", "θ": "TH", "ð": "TH", "t": "DD",
    "d": "DD", "n": "DD", "ɾ": "DD", "ɲ": "DD", "l": "LL", "ʎ": "LL", "ɫ": "LL", "k": "KK", "g": "KK", "ɡ": "KK",
    "ŋ": "KK", "x": "KK", "ç": "SS", "ɣ": "KK", "q": "KK", "ʔ": "KK", "ʃ": "CH", "ʒ": "CH", "s": "SS", "z": "SS",
    "ɹ": "RR", "r": "DD", "ʁ": "KK", "ɚ": "RR", "ɝ": "RR", "ɜ": "RR", "a": "AA", "ɑ": "AA", "ɐ": "AX", "æ": "AE",
    "ʌ": "AX", "ə": "AX", "ᵻ": "IH", "ɛ": "EH", "e": "EH", "ɪ": "IH", "i": "IY", "j": "IY", "ɨ": "IH", "ɔ": "AO",
    "ɒ": "AO", "o": "OW", "ø": "OW", "œ": "OW", "ʊ": "UW", "u": "UW", "y": "UW", "ʏ": "UW", "w": "WW", "ɥ": "WW",
    "h": "HH", "ɦ": "HH",
}  # fmt: skip


def viseme_of(symbol: str, alphabet: str = "cmu") -> tuple[str, ...]:
    """The visemes a phone passes through: one, or two for a diphthong or affricate.

    Args:
        alphabet: "cmu" (flite) or "ipa" (espeak-ng).
    """
    if alphabet == "cmu":
        return CMU.get(symbol, ("sil",))
    known = [IPA[c] for c in symbol if c in IPA]
    if not known:
        return ("sil",)
    return (known[0],) if known[0] == known[-1] else (known[0], known[-1])


def mouth_track(speech: Speech, times: np.ndarray, energy: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """What the voice does to the face at `times` (seconds, `[T]`).

    Args:
        energy: how far this speaker opens the mouth, 1 is ordinary.

    Returns:
        ARKit-52 weights `[T, 52]`, and how far the lips must be shut `[T]` (see `seal`).
    """
    spans = _spans(speech)
    loud = _loudness(speech)
    numerator = np.zeros((len(times), len(ARTICULATORS)))
    denominator = np.full((len(times), len(ARTICULATORS)), 1e-4)
    shut = np.zeros(len(times))
    for viseme, start, end in spans:
        target = TARGETS[viseme]
        middle, half = (start + end) / 2, (end - start) / 2
        scale = energy * (0.72 + 0.45 * loud(middle)) if viseme not in ("sil", "PP", "FF", "SS", "CH") else 1.0
        for a, name in enumerate(ARTICULATORS):
            strength, ahead, behind = _dominance(viseme, name)
            gap = np.maximum(np.abs(times - middle) - half * 0.55, 0)
            tau = np.where(times < middle, ahead, behind)
            pull = strength * np.exp(-((gap / tau) ** 1.4))
            numerator[:, a] += pull * min(target.get(name, 0.0) * (scale if name == "jawOpen" else 1.0), 1.0)
            denominator[:, a] += pull
        if viseme == "PP":
            shut = np.maximum(shut, _plateau(times, start - 0.005, end + 0.005, 0.055))
        elif viseme == "FF":
            shut = np.maximum(shut, 0.0)
    blended = numerator / denominator
    track = np.zeros((len(times), 52))
    for a, name in enumerate(ARTICULATORS):
        for side in ("",) if name in ARKIT_INDEX else ("Left", "Right"):
            track[:, ARKIT_INDEX[name + side]] = blended[:, a]
    return np.clip(track, 0, 1), shut


OPENERS = tuple(
    ARKIT_INDEX[n]
    for n in (
        "mouthFunnel",
        "mouthUpperUpLeft",
        "mouthUpperUpRight",
        "mouthLowerDownLeft",
        "mouthLowerDownRight",
        "mouthShrugUpper",
        "tongueOut",
    )
)


def seal(track: np.ndarray, shut: np.ndarray) -> np.ndarray:
    """Closes the lips of total weights `[T, 52]` where `shut` `[T]` is 1, whatever else pulls them apart."""
    out = track.copy()
    for column in OPENERS:
        out[:, column] *= 1 - shut
    jaw, close = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
    out[:, close] = np.maximum(out[:, close], shut * out[:, jaw])
    return np.clip(out, 0, 1)


def _spans(speech: Speech) -> list[tuple[str, float, float]]:
    spans = []
    alphabet = "cmu" if speech.voice.engine == "flite" else "ipa"
    for phone in speech.phones:
        shapes = viseme_of(phone.symbol, alphabet)
        edges = np.linspace(phone.start, phone.end, len(shapes) + 1)
        spans += [(v, a, b) for v, a, b in zip(shapes, edges, edges[1:])]
    return spans


def _dominance(viseme: str, articulator: str) -> tuple[float, float, float]:
    """Strength and the time constants ahead and behind (s) of one phone's pull on one articulator."""
    rounding = articulator in ("mouthFunnel", "mouthPucker")
    if viseme == "sil":
        return 0.5, 0.09, 0.11
    strength = 0.45 if viseme in CONSONANTS_THAT_YIELD else 1.0
    if viseme == "PP":
        strength = 1.3 if articulator in ("mouthPress", "mouthRollLower", "mouthRollUpper") else 0.4
    if viseme == "FF" and articulator in ("mouthRollLower", "mouthUpperUp", "jawOpen"):
        strength = 2.5
    if viseme == "SS" and articulator == "jawOpen":
        strength = 2.0
    if rounding:
        if viseme in ROUND:
            return 1.5, 0.13, 0.08  # rounding starts early
        return 0.35 * strength, 0.05, 0.05
    if articulator == "jawOpen":
        return strength, 0.075, 0.085
    return strength, 0.055, 0.06


def _plateau(times: np.ndarray, start: float, end: float, ramp: float) -> np.ndarray:
    rise = np.clip((times - (start - ramp)) / ramp, 0, 1)
    fall = np.clip(((end + ramp) - times) / ramp, 0, 1)
    t = np.minimum(rise, fall)
    return t * t * (3 - 2 * t)


def _loudness(speech: Speech):
    hop = max(1, int(0.01 * speech.rate_hz))
    n = max(1, len(speech.samples) // hop)
    level = np.sqrt((speech.samples[: n * hop].reshape(n, hop) ** 2).mean(1) + 1e-9)
    level = np.clip(level / (np.percentile(level, 95) + 1e-6), 0, 1.2)
    level = np.convolve(level, np.ones(9) / 9, mode="same")
    at = (np.arange(n) + 0.5) * hop / speech.rate_hz
    return lambda t: float(np.interp(t, at, level))


assert set(sum((tuple(v) for v in CMU.values()), ())) <= set(TARGETS)
assert len(ARKIT_52) == 52
