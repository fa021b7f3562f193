"""The recorder process: voice and controls go to a journal on disk that survives whatever happens to the program."""

import argparse
import hashlib
import os
import shutil
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

POLL_S = 0.1


def main(argv: list[str]) -> int:
    """`mouthpiece _recorder FOLDER`: runs until the window closes its end, then completes what it records."""
    from app.workers.lines import Lines

    parser = argparse.ArgumentParser(prog="mouthpiece _recorder")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args(argv)
    lines = Lines.of_process()
    import_module("app.workers.recording")  # all a recording needs is at hand before the first one begins
    RecorderProcess(arguments.folder, lines).run()
    lines.close()
    return 0


class RecorderProcess:
    """Follows requests and the rings a few times a second.

    Requests: `start` (journal, take, info, avatar_number, at), `resume` (journal, take, avatar_number), `stop` (at),
    `save_last` (seconds, journal, take, info, avatar_number), `save` (journal, take) of one left by a recorder that
    died, `recover` (folder of journal folders, takes) of those left by runs that died. `at` is the `perf_counter` time
    at which the user asked.
    """

    def __init__(self, folder: Path, lines: Any) -> None:
        self._folder, self._lines = folder, lines
        self._recording: Any = None
        self._take_path = Path()
        self._savings: list[threading.Thread] = []

    def run(self) -> None:
        self._lines.say("ready", pid=os.getpid())
        while not self._lines.is_closed:
            for request in self._lines.take():
                self._obey(request)
            self._pump()
            self._lines.wait(POLL_S if self._recording is not None else 10 * POLL_S)
        if self._recording is not None:
            self._pump()
            self._finish()
        for saving in self._savings:
            saving.join()

    def _obey(self, request: dict[str, Any]) -> None:
        from engine.errors import MouthpieceError

        action = getattr(self, f"_on_{request.get('do')}", None)
        if action is None:
            print(f"unknown request: {request.get('do')!r}", file=sys.stderr)
            return
        try:
            action(request)
        except MouthpieceError as error:
            self._lines.say("failed", about=request["do"], sentence=str(error))

    def _on_start(self, request: dict[str, Any]) -> None:
        from app.workers.recording import Recording
        from engine.take import TakeInfo

        if self._recording is not None:
            self._finish()
        ring, records = self._rings(request)
        seconds_back = max(0.0, time.perf_counter() - float(request["at"]))
        self._recording = Recording(ring, records, Path(request["journal"]), TakeInfo(**request["info"]), seconds_back)
        self._take_path = Path(request["take"])
        self._lines.say("recording", journal=request["journal"])

    def _on_resume(self, request: dict[str, Any]) -> None:
        from app.workers.recording import Recording

        ring, records = self._rings(request)
        self._recording = Recording.resumed(ring, records, Path(request["journal"]))
        self._take_path = Path(request["take"])
        self._lines.say("recording", journal=request["journal"])

    def _on_stop(self, request: dict[str, Any]) -> None:
        if self._recording is not None:
            self._recording.stop(float(request["at"]))
            self._pump()

    def _on_save_last(self, request: dict[str, Any]) -> None:
        from app.workers.recording import Recording
        from engine.take import TakeInfo

        ring, records = self._rings(request)
        info = TakeInfo(**request["info"])
        recording = Recording(ring, records, Path(request["journal"]), info, float(request["seconds"]))
        recording.stop()
        recording.pump()
        recording.close()
        self._save(recording.path, Path(request["take"]), recording.lost_samples)

    def _on_save(self, request: dict[str, Any]) -> None:
        self._save(Path(request["journal"]), Path(request["take"]), 0)

    def _on_recover(self, request: dict[str, Any]) -> None:
        """Turns what a crashed run left into takes; the folders of runs that still live are left alone."""
        from app.run_folder import OWNER, is_abandoned

        for folder in sorted(Path(request["folder"]).glob("*")):
            if not (folder.is_dir() and is_abandoned(folder)):
                continue
            for journal in sorted(folder.glob("*.journal")):
                self._save(journal, Path(request["takes"]) / f"{journal.stem}.take", 0, is_recovered=True)
            if {path.name for path in folder.iterdir()} <= {OWNER}:
                shutil.rmtree(folder, ignore_errors=True)

    def _pump(self) -> None:
        from engine.errors import OutputError

        if self._recording is None:
            return
        try:
            self._recording.pump()
        except OutputError as error:
            self._lines.say("failed", about="start", sentence=str(error), seconds=self._recording.seconds)
            self._finish()
            return
        if self._recording.is_complete:
            self._finish()

    def _finish(self) -> None:
        from engine.errors import OutputError

        recording, self._recording = self._recording, None
        try:
            recording.close()
        except OutputError as error:
            print(error, file=sys.stderr)  # the end mark alone is missing; the journal is read without it
        self._save(recording.path, self._take_path, recording.lost_samples)

    def _save(self, journal: Path, take_path: Path, lost_samples: int, is_recovered: bool = False) -> None:
        """Makes the take on a thread: packing an hour of voice must not hold up the next recording."""
        arguments = (journal, take_path, lost_samples, is_recovered)
        saving = threading.Thread(target=self._save_now, args=arguments, name="saving")
        self._savings = [other for other in self._savings if other.is_alive()] + [saving]
        saving.start()

    def _save_now(self, journal: Path, take_path: Path, lost_samples: int, is_recovered: bool) -> None:
        from engine.errors import OutputError, TakeError
        from engine.journal import take_of_journal
        from engine.take import save_take

        try:
            take = take_of_journal(journal)
            take.info.lost_samples += lost_samples
            take.info.avatar = _with_hash(take.info.avatar)
            take_path = _free(take_path)
            save_take(take_path, take)
            journal.unlink()
        except TakeError as error:
            journal.rename(journal.with_suffix(".damaged"))
            self._lines.say("failed", about="save", sentence=str(error))
        except OutputError as error:
            self._lines.say(
                "failed", about="save", sentence=f"{error} The recording is kept and saved at the next start."
            )
        else:
            self._lines.say(
                "take_saved", path=str(take_path), journal=str(journal), seconds=take.seconds, recovered=is_recovered,
                lost_samples=take.info.lost_samples,
            )  # fmt: skip

    def _rings(self, request: dict[str, Any]) -> tuple[Any, Any]:
        from app.workers.control_records import records_path
        from engine.audio.record_ring import RecordRing
        from engine.audio.ring import VOICE_RING, SampleRing
        from engine.errors import AudioError

        ring = SampleRing.attach(self._folder / VOICE_RING)
        try:
            records = RecordRing.attach(records_path(self._folder, int(request["avatar_number"])))
        except AudioError:
            records = None  # no avatar on stage: the take is a voice alone
        return ring, records


def _with_hash(avatar: dict[str, Any]) -> dict[str, Any]:
    """An avatar's name and path together with the SHA-256 of its file, so that it is known again elsewhere."""
    path = Path(avatar.get("path") or "")
    if avatar.get("hash") or not path.is_file():
        return avatar
    with open(path, "rb") as file:
        return {**avatar, "hash": hashlib.file_digest(file, "sha256").hexdigest()}


def _free(path: Path) -> Path:
    """A path that is not taken: `Name.take`, else `Name 2.take` and so on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number, free = 2, path
    while free.exists():
        free = path.with_stem(f"{path.stem} {number}")
        number += 1
    return free
