"""A program of its own that performs a voice with the toy avatar, and records it: for tests that kill it.

`python -m tests.fakes.recording_window AVATAR VOICE` says `recording` once it does, and goes on until it is ended.
"""

import sys
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.session import Session

FAKES = ("--loader", "tests.fakes.avatar:load", "--rasterizer", "tests.fakes.rasterizer:DotRasterizer")


def main(avatar: Path, voice: Path) -> int:
    application = QCoreApplication([])
    session = Session(performer_arguments=FAKES)
    session.start()
    session.open_avatar(avatar)
    session.use_file(voice)

    def look() -> None:
        view = session.frames.newest()
        if view is not None and view.header.driven[0] > 1.0 and not session.is_recording:
            session.start_recording()
            print("recording", flush=True)

    session.frame_ready.connect(look)
    return application.exec()


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:3])))
