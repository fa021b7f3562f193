"""What the `phones` encoder hears as ARKit shapes, for heads that nobody filmed talking: nothing is learnt."""

import numpy as np

from engine.audio.block import FEATURE_RATE_HZ, Features
from engine.audio.history import FeatureHistory
from engine.audio.phones import PhonesEncoder, viseme_probabilities
from engine.audio.phones_net import ARTICULATORS, VISEMES
from engine.vocabulary import ARKIT_52, ARKIT_INDEX

STEP_MS = 1000 / FEATURE_RATE_HZ
YIELDING = ("mouthFunnel", "mouthUpperUpLeft", "mouthLowerDownLeft", "tongueOut")  # shut lips leave nothing of them


def spoken_shapes(encoder: PhonesEncoder, history: FeatureHistory, time: float, look_ahead_ms: float) -> np.ndarray:
    """ARKit weights `[52]` of a moment, from the 20 ms of sound before it and, where the look-ahead allows, after it;
    zero where nothing was heard."""
    n = 1 + int(min(look_ahead_ms, STEP_MS) // STEP_MS)
    values, known = history.window(time - STEP_MS * 1e-3, n)
    if not known.any():
        return np.zeros(len(ARKIT_52), np.float32)
    return arkit_of_articulators(encoder, values[known]).mean(axis=0)


def arkit_of_articulators(encoder: PhonesEncoder, values: np.ndarray) -> np.ndarray:
    """ARKit weights `[T, 52]` of features `[T, F]` of this encoder; shut lips are shut whatever the jaw does."""
    mouth = encoder.articulators(Features(np.arange(len(values)) / FEATURE_RATE_HZ, values))
    voiced = 1 - viseme_probabilities(values)[:, VISEMES.index("sil")]
    shut = mouth[:, ARTICULATORS.index("shut")]
    out = np.zeros((len(values), len(ARKIT_52)), np.float32)
    for column, name in enumerate(ARTICULATORS[:-1]):
        weight = mouth[:, column] * voiced * ((1 - shut) if name in YIELDING else 1.0)
        out[:, ARKIT_INDEX[name]] = weight
        if name.endswith("Left"):
            out[:, ARKIT_INDEX[name.replace("Left", "Right")]] = weight
    out[:, ARKIT_INDEX["mouthClose"]] = shut * out[:, ARKIT_INDEX["jawOpen"]]
    return out
