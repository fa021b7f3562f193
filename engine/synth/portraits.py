"""Portraits of the house's people: a person's expressions, each filmed from several sides; what priors learn from.

Both visual priors, DGTalker's and GGTalker's, see the same films; what else they need of the surface they work out from
the person's seed and the expressions a film holds.
"""

import numpy as np

from engine.camera import Orbit
from engine.heads.house import HouseHead
from engine.synth.population import sample_identity
from engine.synth.renderer import HeadRenderer
from engine.vocabulary import ARKIT_52, ARKIT_INDEX

TARGET = (0.0, -0.1, 0.0)  # what the cameras look at, head heights
DISTANCES = (4.0, 4.3)
FOV_DEG = 20.0


def portrait_head(seed: int) -> HouseHead:
    """The person of the population that a film's seed names."""
    return HouseHead(sample_identity(seed))


def film_portraits(head: HouseHead, seed: int, n_moments: int, n_views: int, size: int) -> dict[str, np.ndarray]:
    """Films a person: M expressions, the first at rest, each from V sides.

    Args:
        seed: of expressions and cameras; size: side of the pictures in pixels.

    Returns:
        `pictures` uint8 `[M, V, S, S, 4]`, premultiplied; `arkit` `[M, 52]`; `viewmats` `[M, V, 4, 4]` and `ks`
        `[M, V, 3, 3]`, float32.
    """
    rng = np.random.default_rng([seed, 7])
    renderer = HeadRenderer(head)
    pictures, viewmats, ks, moments = [], [], [], []
    for number in range(n_moments):
        arkit = np.zeros(52, np.float32) if number == 0 else sample_expression(rng)
        posed = head.pose(arkit)
        moments.append(arkit)
        for _ in range(n_views):
            orbit = Orbit(TARGET, float(rng.uniform(-50, 50)), float(rng.uniform(-20, 25)),
                          float(rng.uniform(*DISTANCES)), FOV_DEG)  # fmt: skip
            camera = orbit.camera(size, size)
            shot = renderer.render(posed, camera)
            picture = np.concatenate([shot.color, shot.alpha[..., None]], axis=-1)
            pictures.append((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
            viewmats.append(camera.viewmat)
            ks.append(camera.k)
    shape = (n_moments, n_views)
    return {
        "pictures": np.stack(pictures).reshape(*shape, size, size, 4), "arkit": np.stack(moments),
        "viewmats": np.stack(viewmats).reshape(*shape, 4, 4).astype(np.float32),
        "ks": np.stack(ks).reshape(*shape, 3, 3).astype(np.float32),
    }  # fmt: skip


def sample_expression(rng: np.random.Generator) -> np.ndarray:
    """ARKit weights `[52]` of a face that talks, blinks and means something."""
    weights = np.zeros(52, np.float32)
    for name in ARKIT_52:
        if not name.endswith("Right"):
            chance = 0.3 if name.startswith(("mouth", "jaw")) else 0.2
            value = rng.uniform(0.2, 1.0) if rng.random() < chance else 0.0
            weights[ARKIT_INDEX[name]] = value * (0.6 if name in ("tongueOut", "jawLeft", "jawRight") else 1.0)
            if name.endswith("Left") and name.removesuffix("Left") + "Right" in ARKIT_INDEX:
                other = value if rng.random() < 0.8 else rng.uniform(0, 1) * (rng.random() < 0.3)
                weights[ARKIT_INDEX[name.removesuffix("Left") + "Right"]] = other
    for look in ("Down", "In", "Out", "Up"):  # the eyes turn together
        side = {"In": "Out", "Out": "In"}.get(look, look)
        weights[ARKIT_INDEX[f"eyeLook{look}Left"]] *= 0.6
        weights[ARKIT_INDEX[f"eyeLook{side}Right"]] = weights[ARKIT_INDEX[f"eyeLook{look}Left"]]
    weights[ARKIT_INDEX["jawOpen"]] = rng.uniform(0, 0.85) ** 1.5 if rng.random() < 0.7 else 0.0
    weights[ARKIT_INDEX["mouthClose"]] = min(weights[ARKIT_INDEX["mouthClose"]], weights[ARKIT_INDEX["jawOpen"]])
    smile = weights[[ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]]].max()
    for side in ("Left", "Right"):
        weights[ARKIT_INDEX["mouthFrown" + side]] *= 1 - smile
        weights[ARKIT_INDEX["eyeWide" + side]] *= 1 - weights[ARKIT_INDEX["eyeBlink" + side]]
    return weights
