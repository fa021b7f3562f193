"""Films a head: a performance and a moving camera become a `Dataset` with exact cameras, controls, masks and depth."""

import os
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from engine.camera import Camera, Orbit
from engine.capture.dataset import DatasetInfo, write_picture, write_tracks
from engine.errors import OutputError
from engine.heads.base import HeadModel
from engine.paths import atomic_folder
from engine.progress import Progress
from engine.synth.casting import cast_head
from engine.synth.performance import AUDIO_RATE_HZ, Performance, perform
from engine.synth.renderer import HeadRenderer, Shot
from engine.synth.surface import surface_points
from engine.vocabulary import ACTION_UNITS, ARKIT_52

BACKGROUND = (0.42, 0.45, 0.49)
N_POINTS = 40_000


@dataclass(frozen=True)
class CameraMotion:
    """How the camera wanders round the head: slow sums of sines, degrees and head heights.

    Attributes:
        azimuth_deg, elevation_deg: the largest swing to either side; most of the time is spent within 0.6 of it.
        elevation_middle_deg: what the elevation swings round.
        speed: 1 is a full sweep from side to side in about 12 s.
        turn_at_s, turn_s: when it goes once all the way round the head, and how long that takes; 0 is never.
    """

    azimuth_deg: float = 60.0
    elevation_deg: float = 28.0
    elevation_middle_deg: float = 2.0
    distance: float = 4.15
    distance_swing: float = 0.12
    fov_deg: float = 20.0
    target: tuple[float, float, float] = (0.0, -0.10, 0.0)
    speed: float = 1.0
    turn_at_s: float = 0.0
    turn_s: float = 0.0

    def orbit(self, t: float, seed: int = 0) -> Orbit:
        """Where the camera is at `t` seconds."""
        phase = np.random.default_rng(seed).uniform(0, 2 * np.pi, 6)
        w = 2 * np.pi * self.speed * t
        sway = (
            0.58 * np.sin(w / 11.3 + phase[0]) + 0.27 * np.sin(w / 6.1 + phase[1]) + 0.15 * np.sin(w / 27.0 + phase[2])
        )
        lift = 0.62 * np.sin(w / 8.3 + phase[3]) + 0.38 * np.sin(w / 19.0 + phase[4])
        return Orbit(
            target=self.target, azimuth_deg=float(self.azimuth_deg * sway + self._turned(t)),
            elevation_deg=float(self.elevation_middle_deg + self.elevation_deg * lift),
            distance=float(self.distance + self.distance_swing * np.sin(w / 15.0 + phase[5])), fov_deg=self.fov_deg,
        )  # fmt: skip

    def _turned(self, t: float) -> float:
        if self.turn_s <= 0:
            return 0.0
        part = float(np.clip((t - self.turn_at_s) / self.turn_s, 0, 1))
        return 360.0 * part * part * (3 - 2 * part)


def studio(
    identity: int | str,
    seconds: float,
    out: Path,
    *,
    head: str = "house",
    kit: Path | None = None,
    size: int = 512,
    fps: float = 25.0,
    seed: int | None = None,
    motion: CameraMotion | None = None,
    with_shapes: bool = True,
) -> Iterator[Progress]:
    """Films one made person talking for `seconds` into the dataset `out`.

    Args:
        identity: a seed of the population, or the name of one of the cast.
        head, kit: the head model, and the folder of ICT-FaceKit for "ict" (see `casting.cast_head`).
        seed: of the performance and the camera; the person's own by default.
        with_shapes: as for `film`.
    """
    model = cast_head(str(identity), head, kit)
    seed = zlib.crc32(model.person.encode()) if seed is None else seed
    yield Progress("Speaking", message=f"{model.person}, {seconds:g} s")
    yield from film(model, perform(seconds, fps, seed), out, size=size, fps=fps, seed=seed, motion=motion,
                    with_shapes=with_shapes)  # fmt: skip


def population(count: int, seconds: float, out: Path, *, first: int = 0, **options) -> Iterator[Progress]:
    """Films `count` people of the population, seeds `first` and up, into datasets `out/0000.dataset`, ...

    People who are there already are left as they are, so that it goes on where it was stopped.

    Args:
        options: as for `studio`.
    """
    out = Path(out)
    if count < 1:
        raise OutputError(f"{count} people cannot be filmed; name a number from 1.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: {error.strerror or error}; choose another folder.") from error
    for seed in range(first, first + count):
        path = out / f"{seed:04d}.dataset"
        if not path.is_dir():
            yield from studio(seed, seconds, path, with_shapes=False, **options)
        yield Progress("Filming the population", seed - first + 1, count, values={"path": str(out)})


def film(
    head: HeadModel,
    performance: Performance,
    out: Path,
    *,
    size: int = 512,
    fps: float = 25.0,
    seed: int = 0,
    motion: CameraMotion | None = None,
    light=None,
    threads: int | None = None,
    with_shapes: bool = True,
) -> Iterator[Progress]:
    """Films a performance; the folder appears when it is complete.

    Args:
        with_shapes: how the start points move with the face goes into the tracks, too (12 MB).

    Yields:
        Progress per frame, the last with `values["path"]`.
    """
    out = Path(out)
    motion = motion or CameraMotion()
    yield Progress("Setting the light", 0, len(performance.times))
    renderer = HeadRenderer(head, light)
    n_frames = len(performance.times)
    cameras = [motion.orbit(t, seed).camera(size, size) for t in performance.times]
    with atomic_folder(out) as folder:
        for name in ("frames", "masks"):
            (folder / name).mkdir()
        with ThreadPoolExecutor(threads or max(1, min(os.cpu_count() or 1, 8))) as pool:
            rows = []
            work = ((i, performance.arkit[i], cameras[i]) for i in range(n_frames))
            for done, row in enumerate(_in_order(pool, lambda job: _frame(renderer, folder, *job), work), 1):
                rows.append(row)
                yield Progress("Filming", done, n_frames)
        soundfile.write(folder / "audio.wav", performance.audio, AUDIO_RATE_HZ, subtype="PCM_16")
        notes = list(dict.fromkeys(note for row in rows for note in row["notes"]))
        info = DatasetInfo(
            name=out.stem, width=size, height=size, fps=fps, n_frames=n_frames,
            n_train=max(1, round(n_frames * 10 / 11)),
            background="alpha", background_color=BACKGROUND, au_names=[unit.name for unit in ACTION_UNITS],
            expression_backend="arkit52", exact=True, units_mm=head.units_mm,
            source={"studio": head.name, "person": head.person, "seed": seed, "sentences": performance.texts},
            licence=head.licence, notes=notes,
        )  # fmt: skip
        write_tracks(folder, info, _tracks(head, performance, cameras, rows, seed, with_shapes))
    yield Progress("Filmed", n_frames, n_frames, values={"path": str(out)})


def shoot(head: HeadModel, expression: np.ndarray, camera: Camera) -> Shot:
    """One moment of a head from any camera: what `film` would have recorded there."""
    return HeadRenderer(head).render(head.pose(expression), camera)


def _frame(renderer: HeadRenderer, folder: Path, index: int, weights: np.ndarray, camera: Camera) -> dict:
    posed = renderer.head.pose(weights)
    shot = renderer.render(posed, camera)
    write_picture(folder / "frames" / f"{index:06d}.png", shot.over(BACKGROUND))
    write_picture(folder / "masks" / f"{index:06d}.png", shot.masks())
    marks = renderer.head.landmarks(posed, "68")
    landmarks = _in_picture(renderer.head.landmarks(posed, "mediapipe"), camera)
    lips = _in_picture(marks[48:68], camera)[:, :2]
    return {"landmarks": landmarks, "lips": _square_round(lips), "ear": _eye_aspect(marks), "notes": posed.notes}


def _in_picture(points: np.ndarray, camera: Camera) -> np.ndarray:
    """World points as pixels x, y and depth relative to their mean (head heights), `[L, 3]`."""
    inside = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    pixels = inside @ camera.k.T
    return np.concatenate([pixels[:, :2] / pixels[:, 2:], inside[:, 2:] - inside[:, 2:].mean()], 1)


def _square_round(points: np.ndarray) -> np.ndarray:
    """A square half as large again as points `[N, 2]`: y0, y1, x0, x1."""
    middle, half = points.mean(0), np.ptp(points, axis=0).max() * 0.75
    return np.array([middle[1] - half, middle[1] + half, middle[0] - half, middle[0] + half])


def _eye_aspect(marks: np.ndarray) -> np.ndarray:
    """Eye aspect ratio (Soukupova and Cech 2016) of the person's left and right eye from 68 points in the world."""
    ratios = []
    for start in (42, 36):  # 42-47 is the person's left eye
        p = marks[start : start + 6]
        height = np.linalg.norm(p[1] - p[5]) + np.linalg.norm(p[2] - p[4])
        ratios.append(height / (2 * np.linalg.norm(p[0] - p[3])))
    return np.array(ratios)


def _tracks(
    head: HeadModel, performance: Performance, cameras: list[Camera], rows: list[dict], seed: int, with_shapes: bool
) -> dict:
    surface = surface_points(head, N_POINTS, seed)
    n = len(rows)
    return {
        "times": performance.times.astype(np.float64),
        "viewmats": np.stack([c.viewmat for c in cameras]),
        "ks": np.stack([c.k for c in cameras]),
        "arkit": performance.arkit.astype(np.float32),
        "aus": performance.aus.astype(np.float32),
        "ear": np.stack([row["ear"] for row in rows]).astype(np.float32),
        "landmarks": np.stack([row["landmarks"] for row in rows]).astype(np.float32),
        "lip_boxes": np.stack([row["lips"] for row in rows]).astype(np.float32),
        "tracked": np.ones(n, np.float32),
        "points": surface.at(head.pose(np.zeros(len(ARKIT_52)))).astype(np.float32),
        "colors": surface.colors,
        **({"point_shapes": surface.shapes().astype(np.float16)} if with_shapes else {}),
        "pose": np.zeros((n, 6), np.float32),
        "gaze": np.zeros((n, 4), np.float32),
    }


def _in_order(pool: ThreadPoolExecutor, function, jobs) -> Iterator:
    """Results in the order of the jobs with only a few in flight, so that stopping early is cheap."""
    waiting = []
    for job in jobs:
        waiting.append(pool.submit(function, job))
        if len(waiting) >= pool._max_workers * 2:
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()
