"""The smoke test sees a face that moves and processes that live, and is not content with less."""

from types import SimpleNamespace

import numpy as np

from app.smoke import _Watch
from app.workers.frames import FrameHeader, FrameView


def studio_of(frames: list[FrameView], pids: dict[str, int]):
    closed = []
    session = SimpleNamespace(
        frames=SimpleNamespace(newest=lambda: frames[-1] if frames else None), manifest=object(),
        process_ids=lambda: pids,
    )  # fmt: skip
    return SimpleNamespace(session=session, window=SimpleNamespace(close=lambda: closed.append(True))), closed


def frame(value: float, gray: int) -> FrameView:
    image = np.full((32, 32, 4), gray, np.uint8)
    return FrameView(image, FrameHeader(result=np.array([value], np.float32), backend="cpu", fps=30.0))


def test_movement_in_controls_and_pixels_with_all_processes_is_enough():
    frames = [frame(0.0, 50)]
    studio, _ = studio_of(frames, {"performer": 1, "sound": 2, "recorder": 3})
    watch = _Watch(studio)
    watch.look()
    assert not watch.is_content
    frames.append(frame(0.5, 90))
    watch.look()
    assert watch.is_content and watch.report()["ok"] and watch.report()["processes"] == [
        "performer", "recorder", "sound",
    ]  # fmt: skip


def test_a_still_face_or_a_dead_process_is_not():
    frames = [frame(0.0, 50), frame(0.0, 50)]
    studio, _ = studio_of(frames, {"performer": 1, "sound": 2})
    watch = _Watch(studio)
    watch.look()
    watch.look()
    assert not watch.is_content
    moving = [frame(0.0, 50)]
    studio, _ = studio_of(moving, {"performer": 1, "sound": 0})
    watch = _Watch(studio)
    watch.look()
    moving.append(frame(0.5, 90))
    watch.look()
    assert not watch.is_content and watch.report()["processes"] == ["performer"]


def test_it_gives_up_after_its_longest_time():
    studio, closed = studio_of([], {})
    watch = _Watch(studio)
    watch._began -= 1000
    watch.look()
    assert closed == [True] and not watch.is_content
