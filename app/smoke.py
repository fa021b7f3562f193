"""`mouthpiece _smoke`: the window with its child processes has a sound spoken and sees whether the face moves."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from engine.paths import ASSETS

LONGEST_S = 600.0
SEEN_S = 3.0
MOVED, CHANGED = 0.02, 1.0
"""Least range of some control, and least mean change of a pixel that does change, that count as movement."""


def main(argv: list[str]) -> int:
    """Prints one line of JSON; 0 when everything was seen, 1 when not, 2 without an avatar to try."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from app.application import Studio, display_problem, first_avatar, parse, sample_voice
    from app.theme.theme import prepare_fonts

    avatar = Path(argv[0]) if argv else first_avatar(None, None)
    voice = sample_voice()
    problem = display_problem(os.environ, sys.platform)
    if avatar is None or not avatar.is_file() or voice is None or problem:
        print(json.dumps({"ok": False, "problem": problem or f"no avatar in {ASSETS / 'avatars'}"}))
        return 2
    prepare_fonts()
    application = QApplication(["mouthpiece"])
    studio = Studio(application, parse(["--avatar", str(avatar), "--voice", str(voice)]))
    watch = _Watch(studio)
    timer = QTimer(interval=100)
    timer.timeout.connect(watch.look)
    timer.start()
    studio.open()
    application.exec()
    studio.close()
    print(json.dumps(watch.report()))
    return 0 if watch.is_content else 1


class _Watch:
    """Looks at the frames and the processes until it has seen enough, or for too long."""

    def __init__(self, studio) -> None:
        self._studio = studio
        self._began = time.monotonic()
        self._first_frame: float | None = None
        self._results: list[np.ndarray] = []
        self._pictures: list[np.ndarray] = []
        self._processes: dict[str, int] = {}
        self._most = 0.0

    def look(self) -> None:
        session, now = self._studio.session, time.monotonic()
        view = session.frames.newest()
        if view is not None and session.manifest is not None:
            self._first_frame = self._first_frame or now
            self._results.append(np.asarray(view.header.result).copy())
            picture = view.image[::4, ::4, :3].astype(np.float32)
            if not self._pictures or self._pictures[0].shape != picture.shape:  # drawn smaller while it is slow
                self._pictures = [picture]
            self._pictures = [self._pictures[0], picture]
            self._processes = session.process_ids()
        seen_enough = self._first_frame is not None and now - self._first_frame > SEEN_S and self.is_content
        if seen_enough or now - self._began > LONGEST_S:
            self._studio.window.close()

    @property
    def is_content(self) -> bool:
        return self._moved > MOVED and self._changed > CHANGED and all(self._processes.values())

    def report(self) -> dict:
        header = view.header if (view := self._studio.session.frames.newest()) else None
        return {
            "ok": self.is_content, "moved": round(self._moved, 3), "changed": round(self._changed, 2),
            "processes": sorted(name for name, pid in self._processes.items() if pid),
            "first_frame_s": None if self._first_frame is None else round(self._first_frame - self._began, 1),
            "backend": header.backend if header else "", "fps": round(header.fps, 1) if header else 0.0,
        }  # fmt: skip

    @property
    def _moved(self) -> float:
        return float(np.ptp(np.array(self._results), axis=0).max()) if len(self._results) > 1 else 0.0

    @property
    def _changed(self) -> float:
        if len(self._pictures) < 2:
            return self._most
        apart = np.abs(self._pictures[0] - self._pictures[1])
        self._most = max(self._most, float(apart[apart > 2].mean()) if (apart > 2).any() else 0.0)
        return self._most
