"""Fits a head model to a captured clip: the person's shape, and expression, pose and lens over the whole clip."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from engine.capture.dataset import Dataset
from engine.capture.face_shape import FACE_OVAL
from engine.errors import DatasetError
from engine.fitting.fitted import FittedHead, fit_path
from engine.fitting.rigs import Rig, rig
from engine.fitting.solver import Estimate, Landmarks, Observed, Priors, error_px, solve
from engine.heads.base import HeadModel, Kind, Region
from engine.progress import Progress

N_LANDMARKS, N_SKIN = 478, 468
LEAST_FRAMES = 10
OVAL_TRUST = 0.3
"""The outline slides over the skin as the head turns."""
ROUNDS = ((5, False), (4, False), (8, True))
"""Rounds of each stage; after each the head is built anew and its moves measured on it. The last leaves the identity
as it is and finds what it leaves over."""
SUGGESTED_SHARE = 0.6
"""How much of what tracked ARKit scores suggest is expected: they run high."""
STILL_BEYOND = 0.16  # from all landmarks the mesh stays as the model has it, head heights
N_STILL = 160
SMOOTHING = 0.15


def fit(dataset: Path, head: str = "ict", source: Path | None = None, *, overlay: bool = True) -> Iterator[Progress]:
    """Fits a head model (`rigs.RIGS`) to a dataset; writes `fit_HEAD.safetensors` and `fit_HEAD.mp4` into it.

    Args:
        source: where the model lies (see `rigs.rig`).
        overlay: also film the fitted mesh over the pictures, to judge it by.

    Yields:
        Progress; the last with `values`: `path`, `overlay`, `error_px` (mean landmark distance at 512) and the rest.

    Raises:
        DatasetError: when the dataset has too few tracked frames or other landmarks than MediaPipe's.
    """
    clip = Dataset(dataset)
    yield Progress("Reading the head model", message=head)
    model = rig(head, source)
    observed = _observed(clip, model)
    identity = np.zeros(len(model.identity_names))
    person = model.head(identity)
    marks = model.landmarks(person)
    now = _start(clip, observed, marks)
    total, done = sum(n for n, _ in ROUNDS), 0
    for rounds, is_last in ROUNDS:
        if is_last:
            marks = replace(marks, identity=marks.identity[:0], identity_sigma=marks.identity_sigma[:0])
            now = replace(now, identity=now.identity[:0])
        for better in solve(marks, observed, now, Priors(), rounds, left_over=is_last, around=identity):
            done += 1
            error = error_px(observed, better.pixels(better.points(marks), observed.middle))
            yield Progress("Fitting the head", done, total, values={"error_px": error, "focal_px": better.focal})
        now = better
        if not is_last:
            identity = identity + now.identity
            person = model.head(identity)
            marks = model.landmarks(person)
            now = replace(now, identity=np.zeros_like(now.identity))
    fitted = _fitted(clip, model, person, identity, marks, now)
    yield Progress("Measuring the fit")
    figures = _figures(fitted, observed)
    fitted = replace(fitted, figures=figures)
    path = fit_path(clip.path, head)
    fitted.save(path)
    values = {"path": str(path), **figures}
    if overlay:
        from engine.fitting.overlay import film_overlay

        video = path.with_suffix(".mp4")
        for index in film_overlay(clip, fitted, video):
            yield Progress("Filming the overlay", index, len(fitted))
        values["overlay"] = str(video)
    yield Progress("Fitted", total, total, values=values)


def _observed(clip: Dataset, model: Rig) -> Observed:
    tracks = clip.tracks
    if tracks["landmarks"].shape[1] != N_LANDMARKS:
        raise DatasetError(f"{clip.path}: has {tracks['landmarks'].shape[1]} landmarks a frame, not {N_LANDMARKS}.")
    tracked = tracks["tracked"].astype(float)
    if (tracked > 0.5).sum() < LEAST_FRAMES:
        raise DatasetError(
            f"{clip.path}: {int((tracked > 0.5).sum())} frames with a face, at least {LEAST_FRAMES} are needed."
        )
    trust = np.ones(N_LANDMARKS)
    trust[list(FACE_OVAL)] = OVAL_TRUST
    middle = tracks["ks"][0, :2, 2].astype(float)
    suggested = SUGGESTED_SHARE * model.suggested(tracks["arkit"].astype(float))
    pixels = tracks["landmarks"][:, model.numbers, :2].astype(float)
    return Observed(pixels, trust[model.numbers], tracked, middle, float(clip.info.height), suggested)


def _start(clip: Dataset, observed: Observed, marks: Landmarks) -> Estimate:
    viewmats = clip.tracks["viewmats"].astype(float)
    return Estimate(
        viewmats[:, :3, :3], viewmats[:, :3, 3], float(clip.tracks["ks"][0, 0, 0]), np.zeros(len(marks.identity)),
        np.clip(observed.suggested, marks.low, marks.high), np.zeros_like(marks.rest),
    )  # fmt: skip


def _fitted(
    clip: Dataset, model: Rig, person: HeadModel, identity: np.ndarray, marks: Landmarks, now: Estimate
) -> FittedHead:
    viewmats = np.tile(np.eye(4), (len(now.expression), 1, 1))
    viewmats[:, :3, :3], viewmats[:, :3, 3] = now.rotations, now.translations
    k = clip.tracks["ks"][0].astype(float)
    k[0, 0] = k[1, 1] = now.focal
    on_skin = model.numbers < N_SKIN
    offsets = spread(person, marks.rest[on_skin], now.offsets[on_skin])
    return FittedHead(model, person, identity, offsets, now.expression, viewmats, k, clip.times.astype(np.float64),
                      (clip.info.width, clip.info.height), {})  # fmt: skip


def spread(head: HeadModel, places: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Offsets of landmarks `[L, 3]` at places `[L, 3]` carried over the mesh, `[V, 3]`: a thin plate that is still far
    from the face; eyeballs move as wholes, clothes not at all."""
    gap = cKDTree(places).query(head.vertices)[0]
    outside = np.ones(len(head.vertices), bool)
    outside[head.faces[head.kinds == int(Kind.WET)]] = False  # teeth and tongue follow the lips
    far = np.nonzero((gap > STILL_BEYOND) & outside)[0]
    still = head.vertices[far[np.linspace(0, len(far) - 1, min(N_STILL, len(far))).astype(int)]]
    known = np.concatenate([places, still])
    values = np.concatenate([offsets, np.zeros((len(still), 3))])
    _, first = np.unique(known.round(6), axis=0, return_index=True)
    plate = RBFInterpolator(
        known[first], values[first], neighbors=min(64, len(first)), smoothing=SMOOTHING * 1e-3, kernel="linear"
    )
    out = plate(head.vertices) * np.clip(2 - gap / STILL_BEYOND, 0, 1)[:, None]
    for kind in (Kind.EYE_LEFT, Kind.EYE_RIGHT):
        ball = np.unique(head.faces[head.kinds == int(kind)])
        if len(ball):
            out[ball] = out[ball].mean(0)
    cloth = np.unique(head.faces[(head.kinds == int(Kind.CLOTH)) & (head.regions == int(Region.TORSO))])
    out[cloth] = 0
    return out


def _figures(fitted: FittedHead, observed: Observed) -> dict[str, float]:
    """Errors of the landmarks on the mesh as it was saved, in pixels at 512."""
    seen = np.stack([fitted.landmarks(i) for i in range(len(fitted))])
    gap = np.linalg.norm(seen - observed.pixels, axis=-1)[observed.frames > 0.5] * 512 / observed.side
    turns = np.diff(fitted.viewmats[:, :3, 3], n=2, axis=0)
    return {
        "error_px": float(gap.mean()), "error_px_p95": float(np.percentile(gap, 95)),
        "worst_frame_px": float(gap.mean(1).max()), "focal_px": float(fitted.k[0, 0]),
        "jitter_heights": float(np.sqrt((turns**2).sum(1).mean())) if len(turns) else 0.0,
    }  # fmt: skip
