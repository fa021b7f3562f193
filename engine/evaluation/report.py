"""An avatar compared with a dataset: every figure on training frames and on the part it never saw, and a page of it."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.avatar import load_avatar
from engine.capture.dataset import Dataset
from engine.evaluation.comparison import Compared, Comparison
from engine.evaluation.disentanglement import disentanglement
from engine.evaluation.measures import Measures, find_measures
from engine.evaluation.novel_views import novel_views
from engine.evaluation.page import write_page
from engine.progress import Progress

MAX_TRAIN_FRAMES = 60
PARTS = ("train", "held_out", "held_out_voice_only")


@dataclass
class Findings:
    """Everything a page shows.

    Attributes:
        values: the figures by part, as `evaluate` gives them.
        curves: by part, the frames' times `[n]` and each figure over them.
        pictures: titled frames of the held-out part; views: of new angles, by angle in degrees.
    """

    values: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    pictures: dict[str, Compared] = field(default_factory=dict)
    views: dict[float, Compared] = field(default_factory=dict)


def evaluate(
    avatar: Path, dataset: Path, *, face_landmarker: Path | None = None, openface: Path | None = None,
    film: Path | None = None, kit: Path | None = None, page: Path | None = None, device: str | None = None,
) -> Iterator[Progress]:  # fmt: skip
    """Renders frames of a dataset with its own voice, action units and cameras, and compares them.

    The last `Progress` carries `train`, `held_out` and `held_out_voice_only` (mouth units left to the voice), each with
    the means of the figures of `Compared.figures` and of the measures that can be taken here (`measures.Measures`),
    and n_frames; `disentanglement`; `novel_views` where a film is given; `notes`: what could not be measured and why.

    Args:
        film: the studio's film that the dataset is or was captured from: new angles are then compared with true ones.
        kit: ICT-FaceKit's folder, where the film's head is of it.
        openface: OpenFace's FeatureExtraction, for AUE.
        page: an HTML file to write, with pictures and curves.

    Raises:
        AvatarError, DatasetError: if one of them cannot be read.
        ModelMissingError: if a model that was named is not there. OutputError: if the page cannot be written.
    """
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    comparison = Comparison(load_avatar(avatar, place), Dataset(dataset))
    shot = None if film is None else Dataset(film)
    found = Findings()
    with contextlib.ExitStack() as stack:
        measures = find_measures(stack, face_landmarker, openface)
        yield from _compare(comparison, measures, found)
    found.values["notes"] = measures.notes
    for step in disentanglement(comparison.avatar, comparison.dataset):
        yield Progress(step.stage, step.done, step.total)
    found.values["disentanglement"] = {k: _rounded(v) for k, v in step.values.items() if k != "sweeps"}
    found.values["sweeps"] = step.values["sweeps"]
    if shot is not None:
        for step in novel_views(comparison, shot, kit):
            yield Progress(step.stage, step.done, step.total)
        found.values["novel_views"], found.views = step.values["views"], step.values["pictures"]
    if page is not None:
        write_page(Path(page), comparison, found)
    told = {name: value for name, value in found.values.items() if name != "sweeps"}
    yield Progress("Done", 1, 1, "; ".join(measures.notes), told)


class PackedFrames(Sequence[Compared]):
    """Frames kept as bytes: a minute of them would not fit otherwise."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, np.ndarray]] = []

    def add(self, frame: Compared) -> None:
        whole = np.concatenate([frame.truth, frame.made, frame.head[..., None]], axis=-1)
        self._rows.append((frame.index, (np.clip(whole, 0, 1) * 255 + 0.5).astype(np.uint8)))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place):
        index, whole = self._rows[place]
        values = whole.astype(np.float32) / 255
        return Compared(index, values[..., :3], values[..., 3:6], values[..., 6])


def _compare(comparison: Comparison, measures: Measures, found: Findings) -> Iterator[Progress]:
    source = comparison.dataset
    train = source.train_ids[np.unique(np.linspace(0, source.info.n_train - 1, MAX_TRAIN_FRAMES).astype(int))]
    jobs = dict(zip(PARTS, ((train, True), (source.test_ids, True), (source.test_ids, False)), strict=True))
    total, done = sum(len(ids) for ids, _ in jobs.values()), 0
    for part, (ids, with_mouth_units) in jobs.items():
        rows, frames = [], PackedFrames()
        for index in ids:
            frame = comparison.compared(int(index), with_mouth_units)
            rows.append(frame.figures() | {name: measure(frame) for name, measure in measures.by_frame.items()})
            frames.add(frame)
            done += 1
            yield Progress("Comparing frames", done, total, values={"psnr_full": round(rows[-1]["psnr_full"], 2)})
        found.values[part] = _means(rows)
        for measure in measures.of_clip:
            found.values[part] |= {name: _rounded(value) for name, value in measure(comparison, frames).items()}
        names = rows[0] if rows else {}
        found.curves[part] = {name: np.array([row[name] for row in rows]) for name in names}
        found.curves[part]["times"] = source.times[ids]
        if part == "held_out" and rows:
            found.pictures = _chosen(frames, found.curves[part]["psnr_head"])


def _chosen(frames: Sequence[Compared], scores: np.ndarray) -> dict[str, Compared]:
    order = np.argsort(scores)
    places = {"Best": order[-1], "Median": order[len(order) // 2], "Worst": order[0]}
    return {f"{title}, {scores[place]:.1f} dB": frames[int(place)] for title, place in places.items()}


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    names = rows[0] if rows else {}
    return {name: _rounded(_mean([row[name] for row in rows])) for name in names} | {"n_frames": len(rows)}


def _mean(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _rounded(value: float) -> float:
    return round(float(value), 4)
