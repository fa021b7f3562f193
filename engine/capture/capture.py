"""A video of a person talking becomes a dataset: one generator, resumable, that never leaves a half-written result.

Work goes on in a hidden folder beside the result (`.NAME.capture`). What a stage has finished is found there again
when the same capture is started anew; the finished folder takes its place in one step. A video that cannot be used
leaves nothing behind.
"""

import contextlib
import functools
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

from engine.array_file import save_file
from engine.camera import Camera
from engine.capture.action_units import AU_NAMES, action_units, eye_aspect_ratio, lip_boxes
from engine.capture.dataset import DatasetInfo, read_rgb, write_picture, write_tracks
from engine.capture.framing import Framing, find_framing
from engine.capture.head_place import head_places
from engine.capture.head_pose import pose_track
from engine.capture.landmarks import canonical_face
from engine.capture.masks import cut_masks, learn_masks, read_ready_mask, read_ready_masks
from engine.capture.overlays import write_overlays
from engine.capture.plate import background_plate, torso_layer
from engine.capture.pose_refinement import refine_poses
from engine.capture.poses import HeadPoses, fit_head, settle_shape
from engine.capture.proxy_head import polish_poses
from engine.capture.start_points import start_points
from engine.capture.tracking import FaceTrack, track_face
from engine.capture.video import check_length, extract_sound, inspect_video, read_pictures
from engine.errors import MouthpieceError, OutputError
from engine.paths import capture_folder, find_face_landmarker, replace_folder
from engine.progress import Progress

LONG_CLIP = 1500
"""Clips of more frames than this are kept as JPEG, not PNG: five minutes of PNG take 3 GB."""
N_PLATE = 60
TRAIN_PART = 10 / 11
VERSION = 2
"""Of the stages: what an older program left in a work folder is not gone on with."""
WORKERS = 2


def capture_video(
    video: Path, out: Path, *, face_landmarker: Path | None = None, masks: Path | None = None, size: int = 512,
    fps: float = 25.0, overlays: bool = True, sound_delay_s: float = 0.0,
) -> Iterator[Progress]:  # fmt: skip
    """Makes the dataset `out` from `video`.

    Args:
        video: any container PyAV reads, with one person talking and a sound track.
        out: the dataset folder to make; an older dataset there is replaced at the very end.
        face_landmarker: MediaPipe's model; else the environment variable or the user's cache.
        masks: folder of ready masks instead of our own (see `masks.read_ready_masks`).
        size: side of the pictures in pixels.
        fps: frames a second.
        overlays: also write pictures to judge tracking and masks by.
        sound_delay_s: for a video whose sound runs ahead of its picture (`evaluate_voice` finds such lags): how much
            later the voice is laid. An audio net that looks 160 ms to either side finds nothing 200 ms away.

    Yields:
        Progress; the last one carries `n_frames`, `tracked`, and the measured figures.

    Raises:
        VideoError, ModelMissingError, DatasetError, OutputError: with nothing written.
    """
    video, out = Path(video), Path(out)
    _check_place(out)
    model = find_face_landmarker(face_landmarker)
    source = inspect_video(video)
    work = capture_folder(out)
    try:
        job = _Job(video, work, model, masks, size, fps, overlays, round(source.seconds * fps))
        yield from job.run()
        info_source = {
            "file": video.name, "seconds": source.seconds, "rate": source.rate, "codec": source.codec,
            "sound_codec": source.sound_codec, "sound_rate_hz": source.sound_rate_hz,
        }  # fmt: skip
        result = job.finish(out.name, {**info_source, "sound_delay_s": sound_delay_s})
        replace_folder(job.folder, out)
        shutil.rmtree(work, ignore_errors=True)
        yield Progress("Done", 1, 1, "", result)
    except OSError as error:
        shutil.rmtree(work, ignore_errors=True)
        raise OutputError(f"{out}: {error.strerror or error}; nothing was written.") from error
    except MouthpieceError:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _check_place(out: Path) -> None:
    if not out.parent.is_dir():
        raise OutputError(f"{out.parent}: there is no such folder; make it first or choose another place.")
    if out.exists() and not (out / "dataset.json").is_file():
        raise OutputError(f"{out}: is there already and is not a dataset; choose another name.")


class _Job:
    """One capture in its work folder; each stage leaves a file that says it is done."""

    def __init__(
        self, video: Path, work: Path, model: Path, ready_masks: Path | None, size: int, fps: float, overlays: bool,
        n_expected: int,
    ) -> None:  # fmt: skip
        self.video, self.work, self.model, self.ready_masks = video, work, model, ready_masks
        self.size, self.fps, self.overlays, self.n_expected = size, fps, overlays, n_expected
        self.folder = work / "dataset"
        self.notes: list[str] = []
        self._prepare()

    def run(self) -> Iterator[Progress]:
        yield from self._frame()
        yield from self._write_frames()
        yield from self._track()
        yield from self._fit()
        yield from self._make_masks()
        yield from self._refine()
        yield from self._make_layers()
        yield from self._finish_points()

    def finish(self, name: str, source: dict) -> dict:
        """Writes sound, tracks and description; returns what to tell."""
        track, poses = self.track, self.poses
        extract_sound(self.video, self.folder / "audio.wav", self.n_frames / self.fps, source["sound_delay_s"])
        ear = eye_aspect_ratio(track.landmarks)
        info = DatasetInfo(
            name=Path(name).stem, width=self.size, height=self.size, fps=self.fps, n_frames=self.n_frames,
            n_train=self.n_train, background="plate", au_names=list(AU_NAMES), units_mm=poses.head_height_cm * 10,
            frame_format=self.frame_format, source={**source, "tracking": poses.figures}, notes=self.notes,
        )  # fmt: skip
        arrays = {
            "times": np.arange(self.n_frames) / self.fps, "viewmats": poses.viewmats,
            "ks": np.tile(poses.k, (self.n_frames, 1, 1)), "arkit": track.arkit.astype(np.float32),
            "aus": action_units(track.arkit, ear), "ear": ear, "landmarks": track.landmarks.astype(np.float32),
            "lip_boxes": lip_boxes(track.landmarks, self.size), "tracked": track.found.astype(np.uint8),
            "points": self.points, "colors": self.colors, "pose": pose_track(poses.viewmats),
        }  # fmt: skip
        write_tracks(self.folder, info, arrays)
        return {"n_frames": self.n_frames, "tracked": int(track.found.sum()), **poses.figures}

    @property
    def n_train(self) -> int:
        return max(1, int(self.n_frames * TRAIN_PART))

    def read(self, index: int) -> np.ndarray:
        return self._read(self.folder / "frames" / f"{index:06d}.{self.frame_format}")

    def read_masks(self, index: int) -> np.ndarray:
        return self._read(self.folder / "masks" / f"{index:06d}.png")

    def _prepare(self) -> None:
        """Opens the work folder; what another video or other settings left there is thrown away."""
        stat = self.video.stat()
        key = {
            "version": VERSION, "video": str(self.video.resolve()), "bytes": stat.st_size, "changed": stat.st_mtime,
            "size": self.size, "fps": self.fps, "masks": str(self.ready_masks),
        }  # fmt: skip
        note = self.work / "work.json"
        try:
            same = json.loads(note.read_text(encoding="utf-8")) == key
        except (OSError, ValueError):
            same = False
        if not same:
            shutil.rmtree(self.work, ignore_errors=True)
            self.folder.mkdir(parents=True)
            note.write_text(json.dumps(key), encoding="utf-8")
        self._read = functools.lru_cache(maxsize=256)(read_rgb)

    def _frame(self) -> Iterator[Progress]:
        path = self.work / "framing.json"
        if not path.is_file():
            for step in find_framing(self.video, self.model, self.size, self.fps, self.n_expected):
                yield Progress(step.stage, step.done, step.total, step.message)
            check_length(self.video, step.values["n_frames"], self.fps)
            _write_json(path, {"n_frames": step.values["n_frames"], **asdict(step.values["framing"])})
        row = json.loads(path.read_text(encoding="utf-8"))
        self.n_frames = row.pop("n_frames")
        self.framing = Framing(**{**row, "face": tuple(row["face"]), "notes": tuple(row["notes"])})
        self.notes += self.framing.notes
        self.frame_format = "png" if self.n_frames <= LONG_CLIP else "jpg"

    def _write_frames(self) -> Iterator[Progress]:
        done = self.work / "frames.json"
        if done.is_file():
            return
        for index, rgb in read_pictures(self.video, self.fps):
            if index >= self.n_frames:
                break
            write_picture(self.folder / "frames" / f"{index:06d}.{self.frame_format}", self.framing.apply(rgb))
            yield Progress("Reading the video", index + 1, self.n_frames)
        _write_json(done, {})

    def _track(self) -> Iterator[Progress]:
        path = self.work / "track.safetensors"
        with contextlib.suppress(OSError, SafetensorError):
            arrays = load_file(path)
            self.track = FaceTrack(arrays["landmarks"], arrays["arkit"], arrays["matrices"], arrays["found"] > 0)
            return
        for step in track_face(self.read, self.n_frames, self.fps, self.model, self.framing, self.video):
            yield Progress(step.stage, step.done, step.total, step.message)
        self.track = step.values["track"]
        save_file({name: np.ascontiguousarray(a).astype(np.float64) for name, a in vars(self.track).items()}, path)
        if step.message:
            self.notes.append(step.message)

    def _fit(self) -> Iterator[Progress]:
        yield Progress("Fitting the head", 0, 0)
        canonical = canonical_face(self.model)
        self.triangles = canonical.triangles
        self.fit = fit_head(self.track, canonical, self.size)

    def _make_masks(self) -> Iterator[Progress]:
        missing = [i for i in range(self.n_frames) if not (self.folder / "masks" / f"{i:06d}.png").is_file()]
        if not missing:
            return
        landmarks = self.track.landmarks
        if self.ready_masks:
            ready = read_ready_masks(self.ready_masks, self.n_frames, self.size, self.framing.apply)

            def cut(index: int) -> np.ndarray:
                return read_ready_mask(ready[index], self.size, self.framing.apply)

        else:
            yield Progress("Learning the outline", 0, 0)
            poses = self.fit.poses
            places = head_places(poses.viewmats, poses.k)
            model = learn_masks(self.read, landmarks, places, np.nonzero(self.track.found)[0])

            def cut(index: int) -> np.ndarray:
                return cut_masks(self.read(index), landmarks[index], places[index], model)

        def write(index: int) -> None:
            _write_whole(self.folder / "masks" / f"{index:06d}.png", cut(index))

        yield from self._each("Cutting out the head", missing, write)

    def _refine(self) -> Iterator[Progress]:
        path = self.work / "poses.safetensors"
        with contextlib.suppress(OSError, SafetensorError):
            self.poses = _load_poses(path)
            return
        for step in refine_poses(self.fit, self.track, self.read, self.read_masks, self.size):
            yield Progress(step.stage, step.done, step.total, step.message)
        poses = step.values["poses"]
        points, colors = self._start_points(poses)
        for step in polish_poses(poses, points, colors, self.track, self.read, self.read_masks, self.n_train):
            yield Progress(step.stage, step.done, step.total, step.message)
        self.poses = settle_shape(step.values["poses"], self.track)
        _save_poses(self.poses, path)

    def _make_layers(self) -> Iterator[Progress]:
        frames = np.unique(np.linspace(0, self.n_frames - 1, N_PLATE).round().astype(int))
        yield Progress("Finding the background", 0, 0)
        plate = background_plate(self.read, self.read_masks, frames)
        write_picture(self.folder / "plate.png", plate)

        def compose(index: int) -> None:
            layer = torso_layer(self.read(index), self.read_masks(index), plate, self.track.landmarks[index])
            _write_whole(self.folder / "torso" / f"{index:06d}.png", layer)

        missing = [i for i in range(self.n_frames) if not (self.folder / "torso" / f"{i:06d}.png").is_file()]
        yield from self._each("Painting behind the head", missing, compose)

    def _finish_points(self) -> Iterator[Progress]:
        yield Progress("Placing start points", 0, 0)
        self.points, self.colors = self._start_points(self.poses)
        if self.overlays:
            write_overlays(self.folder / "overlays", self.read, self.read_masks, self.track, self.poses, self.points)

    def _start_points(self, poses: HeadPoses) -> tuple[np.ndarray, np.ndarray]:
        """From training frames alone: an avatar begins with these points."""
        cameras = [Camera(viewmat, poses.k, self.size, self.size) for viewmat in poses.viewmats[: self.n_train]]
        return start_points(self.read, self.read_masks, cameras, poses.shape, self.triangles)

    def _each(self, stage: str, frames: list[int], work) -> Iterator[Progress]:
        """Runs `work` for each frame on a few threads (OpenCV and the codecs let them run side by side)."""
        pool = ThreadPoolExecutor(WORKERS)
        try:
            for done, _ in enumerate(pool.map(work, frames), start=1):
                yield Progress(stage, done, len(frames))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _write_whole(path: Path, picture: np.ndarray) -> None:
    """Writes a picture so that a killed program never leaves half of it under its name."""
    partial = path.with_name(f"{path.stem}.partial{path.suffix}")
    write_picture(partial, picture)
    partial.replace(path)


def _write_json(path: Path, row: dict) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(row), encoding="utf-8")
    partial.replace(path)


def _save_poses(poses: HeadPoses, path: Path) -> None:
    arrays = {"viewmats": poses.viewmats, "k": poses.k, "shape": poses.shape}
    figures = {"head_height_cm": poses.head_height_cm, "figures": poses.figures}
    save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, path, {"poses": json.dumps(figures)})


def _load_poses(path: Path) -> HeadPoses:
    with safe_open(path, "numpy") as file:
        row = json.loads(file.metadata()["poses"])
        return HeadPoses(**{name: file.get_tensor(name) for name in file.keys()}, **row)  # noqa: SIM118
