"""The two-way linear fit between an avatar's own controls and the common vocabulary, and the words it gives them."""

from dataclasses import dataclass

import numpy as np

from engine.vocabulary import ACTION_UNITS, ARKIT_52, ARKIT_INDEX, POSE_NAMES

COMMON_NAMES = (*ARKIT_52, *(unit.name for unit in ACTION_UNITS), *POSE_NAMES)
"""Columns of the common vocabulary as the fit knows it: 52 shapes, the action units, six numbers of head pose."""

RIDGE = 1e-2  # of a standardised column's variance, times the number of frames
CLEAR_NAME = 0.3  # least correlation for a component to be called by a shape's name

PLAIN_WORDS = {
    "jawOpen": ("Jaw opens", "Jaw closes"),
    "jawForward": ("Jaw forward", "Jaw back"),
    "jawLeft": ("Jaw left", "Jaw right"),
    "jawRight": ("Jaw right", "Jaw left"),
    "mouthClose": ("Lips close", "Lips part"),
    "mouthFunnel": ("Lips funnel", "Lips flatten"),
    "mouthPucker": ("Lips pucker", "Corners wide"),
    "mouthLeft": ("Mouth left", "Mouth right"),
    "mouthRight": ("Mouth right", "Mouth left"),
    "mouthSmile": ("Corners up", "Corners down"),
    "mouthFrown": ("Corners down", "Corners up"),
    "mouthDimple": ("Corners tighten", "Corners loosen"),
    "mouthStretch": ("Corners wide", "Corners in"),
    "mouthRollLower": ("Lower lip in", "Lower lip out"),
    "mouthRollUpper": ("Upper lip in", "Upper lip out"),
    "mouthShrugLower": ("Lower lip up", "Lower lip down"),
    "mouthShrugUpper": ("Upper lip up", "Upper lip down"),
    "mouthPress": ("Lips press", "Lips loosen"),
    "mouthLowerDown": ("Lower lip down", "Lower lip up"),
    "mouthUpperUp": ("Upper lip up", "Upper lip down"),
    "cheekPuff": ("Cheeks puff", "Cheeks in"),
    "tongueOut": ("Tongue out", "Tongue in"),
}

EXPRESSION_WORDS = {
    "eyeBlink": ("Lids close", "Lids open"),
    "eyeSquint": ("Lids narrow", "Lids relax"),
    "eyeWide": ("Eyes widen", "Eyes relax"),
    "eyeLookUpLeft": ("Eyes up", "Eyes down"),
    "eyeLookDownLeft": ("Eyes down", "Eyes up"),
    "eyeLookInLeft": ("Eyes right", "Eyes left"),
    "eyeLookOutLeft": ("Eyes left", "Eyes right"),
    "browDown": ("Brows lower", "Brows lift"),
    "browInnerUp": ("Inner brows raise", "Inner brows lower"),
    "browOuterUp": ("Outer brows raise", "Outer brows lower"),
    "cheekSquint": ("Cheeks raise", "Cheeks relax"),
    "noseSneer": ("Nose wrinkles", "Nose relaxes"),
    "mouthSmile": ("Corners up", "Corners down"),
    "mouthFrown": ("Corners down", "Corners up"),
}
"""For directions of the whole face: the same, round eyes, brows and cheeks first."""


@dataclass(frozen=True)
class CommonFit:
    """Two ridge regressions, each with its constant as the last row.

    Attributes:
        to_common: own controls (less neutral) -> common vocabulary, `[C + 1, V]`.
        from_common: common vocabulary -> own controls (less neutral), `[V + 1, C]`.
        explained: share of each common column's variance the own controls explain, `[V]`.
    """

    to_common: np.ndarray
    from_common: np.ndarray
    explained: np.ndarray

    def common_of(self, own: np.ndarray) -> np.ndarray:
        """`[..., C]` controls less their neutral -> `[..., V]`."""
        return own @ self.to_common[:-1] + self.to_common[-1]

    def own_of(self, common: np.ndarray) -> np.ndarray:
        """`[..., V]` -> `[..., C]` controls less their neutral."""
        return common @ self.from_common[:-1] + self.from_common[-1]


def fit_common(own: np.ndarray, common: np.ndarray, n_gains: int) -> CommonFit:
    """Fits both ways over the training frames; head pose means the same on both sides and is carried as it is.

    Args:
        own: the schema's face controls less their neutral, `[T, C]`; the six pose controls and then `n_gains` further
            ones follow them in the schema.
        common: the same frames without their pose, `[T, V - 6]`.
    """
    there = ridge_fit(own, common)
    left = common - (own @ there[:-1] + there[-1])
    spread = common.var(axis=0)
    explained = np.where(spread > 1e-10, 1 - left.var(axis=0) / np.maximum(spread, 1e-10), 0.0)
    explained = np.concatenate([np.clip(explained, 0, 1), np.ones(len(POSE_NAMES))]).astype(np.float32)
    back = _beside_pose(ridge_fit(common, own), 0)
    back = np.concatenate([back, np.zeros((len(back), n_gains), dtype=np.float32)], axis=1)
    return CommonFit(_beside_pose(there, n_gains), back, explained)


def ridge_fit(inputs: np.ndarray, outputs: np.ndarray, ridge: float = RIDGE) -> np.ndarray:
    """Ridge regression on standardised inputs, given back in the inputs' own units: `[I + 1, O]`, constant last."""
    inputs, outputs = inputs.astype(np.float64), outputs.astype(np.float64)
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
    used = scale > 1e-6
    scale = np.where(used, scale, 1.0)
    standard = np.where(used, (inputs - mean) / scale, 0.0)
    gram = standard.T @ standard + ridge * max(len(inputs), 1) * np.eye(inputs.shape[1])
    slopes = np.linalg.solve(gram, standard.T @ (outputs - outputs.mean(axis=0))) / scale[:, None]
    constant = outputs.mean(axis=0) - mean @ slopes
    return np.vstack([slopes, constant]).astype(np.float32)


def _beside_pose(fit: np.ndarray, n_more: int) -> np.ndarray:
    """A fit `[I + 1, O]` with pose carried from the next six inputs to the next six outputs, and unused inputs."""
    n_in, n_out, n_pose = len(fit) - 1, fit.shape[1], len(POSE_NAMES)
    whole = np.zeros((n_in + n_pose + n_more + 1, n_out + n_pose), dtype=np.float32)
    whole[:n_in, :n_out] = fit[:-1]
    whole[n_in : n_in + n_pose, n_out:] = np.eye(n_pose)
    whole[-1, :n_out] = fit[-1]
    return whole


def common_track(arkit: np.ndarray, action_units: dict[str, np.ndarray]) -> np.ndarray:
    """A capture's tracks as columns of `COMMON_NAMES` but pose, `[T, V - 6]`; the rest comes from shapes."""
    columns = [arkit]
    for unit in ACTION_UNITS:
        tracked = action_units.get(unit.name)
        columns.append((arkit_mean(arkit, unit.shapes) if tracked is None else tracked)[:, None])
    return np.concatenate(columns, axis=1).astype(np.float32)


def arkit_mean(arkit: np.ndarray, shapes: tuple[str, ...]) -> np.ndarray:
    """Mean score of some shapes, `[T]`."""
    return arkit[:, [ARKIT_INDEX[name] for name in shapes]].mean(axis=1)


def name_components(
    coordinates: np.ndarray, arkit: np.ndarray, words: dict[str, tuple[str, str]] = PLAIN_WORDS, kind: str = "Lip"
) -> list[str]:
    """Plain words for each component: what the shape it moves with most does, else its kind and number.

    Args:
        coordinates: `[T, D]` over the training clip; arkit: `[T, 52]`.
        words: ARKit shapes to choose from, with what they do when they grow and when they shrink.
    """
    columns = {shape: _both_sides(arkit, shape) for shape in words}
    shapes = list(columns)
    scores = np.stack([columns[s] for s in shapes], axis=1)  # [T, S]
    correlation = _correlation(coordinates, scores)  # [D, S]
    names: list[str] = []
    for i, row in enumerate(correlation):
        chosen = f"{kind} {i:02d}"
        for s in np.argsort(-np.abs(row)):
            candidate = words[shapes[s]][0 if row[s] > 0 else 1]
            if abs(row[s]) < CLEAR_NAME:
                break
            if candidate not in names:
                chosen = candidate
                break
        names.append(chosen)
    return names


def _both_sides(arkit: np.ndarray, shape: str) -> np.ndarray:
    if shape in ARKIT_INDEX:
        return arkit[:, ARKIT_INDEX[shape]]
    return arkit_mean(arkit, (f"{shape}Left", f"{shape}Right"))


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    norm = np.linalg.norm(a, axis=0)[:, None] * np.linalg.norm(b, axis=0)[None]
    return np.where(norm > 1e-6, a.T @ b / np.maximum(norm, 1e-6), 0.0)
