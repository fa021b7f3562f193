"""Walks through docs/guide.md as a new user would, step by step, and takes its pictures on the way.

    xvfb-run -a -s "-screen 0 1920x1200x24" python packaging/walk_guide.py [--avatar FILE] [--out FOLDER] [--clip FILE]

The real program with its processes, on a virtual microphone, in a home of its own. Mouse and keys are a person's; a
step that does not do what the guide says ends the walk. Needs what `mouthpiece bench latency` needs: PulseAudio, a
display.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

import numpy as np  # noqa: E402
import soundfile  # noqa: E402
from PySide6.QtCore import QPoint, Qt  # noqa: E402
from PySide6.QtTest import QTest  # noqa: E402
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QMenu  # noqa: E402

from app.edit.side import KeyPage  # noqa: E402
from app.trials.trial_window import RATE_HZ, TrialWindow, set_environment, trial_window  # noqa: E402
from engine.audio.resample import Resampler  # noqa: E402
from engine.paths import cache_dir  # noqa: E402

SIZE = (1440, 900)
NAME = "Intro, warm"
TAKE_SECONDS = 12.0
CLIP_SIDE = 256
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
CTRL, SHIFT, ALT = (Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier,
                    Qt.KeyboardModifier.AltModifier)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--avatar", type=Path, default=CHECKOUT / "assets" / "avatars" / "Noa.avatar")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "docs" / "guide")
    parser.add_argument("--clip", type=Path, help="where the delivered clip is kept (default: nowhere)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    options.out, options.avatar = options.out.resolve(), options.avatar.resolve()
    with tempfile.TemporaryDirectory(prefix="mouthpiece-guide-") as home:
        (Path(home) / "Clips").mkdir()
        environment = {"HOME": home, "MOUTHPIECE_CACHE": str(cache_dir())}  # paths read like a person's: ~/Clips
        with set_environment(**environment), trial_window(options.avatar, spoken(), SIZE) as window:
            walk = Walk(window, options.out, Path(home))
            walk.perform()
            walk.record()
            walk.edit()
            clip = walk.deliver()
        say_where_from(clip)
        if options.clip:
            options.clip.write_bytes(clip.read_bytes())
    print("The guide was walked from end to end.")
    return 0


def spoken() -> np.ndarray:
    """The sample voice that comes along, at the microphone's rate."""
    samples, rate = soundfile.read(CHECKOUT / "assets" / "sounds" / "hello.flac", dtype="float32")
    return Resampler(rate, RATE_HZ).push(samples)


class Walk:
    """The sections of the guide, in order."""

    def __init__(self, window: TrialWindow, out: Path, home: Path) -> None:
        self.trial, self.studio, self.window = window, window.studio, window.studio.window
        self._out, self._home = out, home
        self.studio.settings.export_folder = home / "Clips"
        self.studio.settings.render_takes = False
        self.window.activateWindow()
        assert QTest.qWaitForWindowActive(self.window, 30_000)

    # 1. Perform

    def perform(self) -> None:
        bar = self.window.live_bar
        frames = self.studio.session.frames
        self.trial.wait(lambda: frames.newest().header.level_db > -40, what="the meter to follow the voice")
        done("Talk: the meter shows that you are heard")
        self._press_segment(bar.look_ahead, "broadcast")
        self.trial.wait(lambda: frames.newest().header.look_ahead_ms > 150, what="the look-ahead of Broadcast")
        done("Turn the look-ahead to Broadcast: the lips are 160 ms behind")
        viewport = self.window.viewport
        before = self.studio.session.orbit
        middle = viewport.rect().center()
        self._drag(viewport, middle, middle + QPoint(-60, 0))
        self.trial.wait(lambda: self.studio.session.orbit != before, what="the camera to turn")
        done("Turn the camera with the mouse")
        handle, player = self.window.windowHandle(), self.window.face.player
        QTest.keyPress(handle, Qt.Key.Key_F2)
        self.trial.wait(lambda: max(player.blends.values(), default=0) > 0.99, what="the expression of F2")
        self.trial.live(1.5)
        self._picture("perform")
        QTest.keyRelease(handle, Qt.Key.Key_F2)
        self.trial.wait(lambda: max(player.blends.values(), default=0) < 0.01, what="the face to relax")
        done("Hold an expression key")

    # 2. Record

    def record(self) -> None:
        takes = self.window.library.takes
        self._key(Qt.Key.Key_R)
        self.trial.wait(lambda: self.studio.session.is_recording, what="the recording")
        self.trial.live(TAKE_SECONDS / 2)
        self._picture("record")
        self.trial.live(TAKE_SECONDS / 2)
        self._key(Qt.Key.Key_R)
        self.trial.wait(lambda: len(self.window.library.take_entries) == 1, what="the take in the library")
        done("R starts and stops; the take is in the library at once")
        self.trial.live(0.5)
        row = self._take_row()
        QTest.mouseClick(row, LEFT, NONE, self._star(row, 4))
        self.trial.wait(lambda: self.window.library.take_entries[0].rating == 4, what="four stars")
        done("Click stars to rate")
        row = self._take_row()
        QTest.mouseClick(row, LEFT, NONE, QPoint(40, row.height() // 2))
        row.setFocus()
        self._key(Qt.Key.Key_F2)
        editor = row.findChild(QLineEdit)
        editor.selectAll()
        QTest.keyClicks(editor, NAME)
        QTest.keyClick(editor, Qt.Key.Key_Return)
        self.trial.wait(lambda: self.window.library.take_entries[0].name == NAME, what="the new name")
        done("F2 renames")
        self._key(Qt.Key.Key_R, SHIFT)
        self.trial.wait(lambda: len(self.window.library.take_entries) == 2, what="the last 30 s as a take")
        done("Shift+R saves the last 30 seconds")
        assert takes is self.window.library.takes

    # 3. Edit

    def edit(self) -> None:
        model = self.studio.edit.model
        self._key(Qt.Key.Key_2, ALT)
        self.trial.wait(lambda: model.is_active, what="the Edit workspace")
        row = self._take_row()
        QTest.mouseClick(row, LEFT, NONE, QPoint(40, row.height() // 2))
        self.trial.wait(lambda: model.opened is not None and model.performance is not None, what="the take")
        self.trial.live(0.5)
        done("Choose Edit (Alt+2), then a take on the left")
        self._play()
        self._curves()
        self._stretches()
        self._eyes_and_camera()
        self._lips()
        self.canvas.setFocus()
        model.transport.seek(0.55 * model.seconds)
        self.trial.live(2.0)
        self._picture("edit")
        self._save()

    def _play(self) -> None:
        model = self.studio.edit.model
        self._key(Qt.Key.Key_Space)
        assert model.transport.speed == 1.0
        self.trial.wait(lambda: model.transport.playhead > 0.3, what="the playhead to move")
        self._key(Qt.Key.Key_Space)
        assert model.transport.speed == 0.0
        self._key(Qt.Key.Key_L)
        self._key(Qt.Key.Key_L)
        assert model.transport.speed == 2.0
        self._key(Qt.Key.Key_K)
        before = model.transport.playhead
        self._key(Qt.Key.Key_Right)
        assert abs(model.transport.playhead - before - 0.04) < 1e-6
        self._key(Qt.Key.Key_Right, SHIFT)
        assert abs(model.transport.playhead - before - 1.04) < 1e-6
        done("Space plays and stops, J K L shuttle, arrows step a frame, Shift+arrows a second")

    def _curves(self) -> None:
        model, canvas = self.studio.edit.model, self.canvas
        lane = canvas.layout_.lane("curves").rect
        shown = list(model.shown)
        QTest.mouseClick(canvas, LEFT, NONE, QPoint(60, round(lane.top() + 12 + 21 * len(shown) + 10)))
        menu = self._menu()
        part = next(action.menu() for action in menu.actions() if action.menu() is not None)
        part.actions()[0].trigger()
        menu.close()
        self.trial.wait(lambda: model.shown != shown, what="another curve")
        done("Add a curve below the curve names")
        at = self._place("curves", 0.3 * model.seconds, 0.35)
        QTest.mouseClick(canvas, LEFT, NONE, at)
        QTest.mouseDClick(canvas, LEFT, NONE, at)
        self.trial.wait(lambda: model.selected_key() is not None, what="a key")
        key = model.selected_key()
        control, lane = model.selected.control, canvas.layout_.lane("curves").rect
        begin = canvas.layout_.point(control, key.time, key.value, lane).toPoint()
        self._drag(canvas, begin, begin + QPoint(30, -12))
        assert model.selected_key().time > key.time
        self._press_segment(self.studio.edit.timeline.tangents, "flat")
        assert model.selected_key().tangent == "flat"
        done("Double-click in the curves for a key, drag it, Flat above")

    def _stretches(self) -> None:
        model, canvas = self.studio.edit.model, self.canvas
        seconds = model.seconds
        self._drag(canvas, self._place("voice", 0.5 * seconds), self._place("voice", 0.7 * seconds))
        assert model.range is not None
        layers = self.studio.edit.timeline.layers
        next(action for action in layers.menu().actions() if action.text() == "Smooth").trigger()
        self.trial.wait(lambda: any(layer.name == "Smooth" for layer in model.edit.layers), what="the layer")
        done("Choose a stretch in the voice lane, Add layer, Smooth")
        self._drag(canvas, self._place("voice", 0.85 * seconds), self._place("voice", 0.95 * seconds))
        self._key(Qt.Key.Key_Backspace)
        self.trial.wait(lambda: model.seconds < seconds - 0.5, what="the cut")
        self._key(Qt.Key.Key_Z, CTRL)
        self.trial.wait(lambda: abs(model.seconds - seconds) < 1e-6, what="the cut to be taken back")
        done("Backspace cuts a stretch; Ctrl+Z takes it back")
        self._drag(canvas, self._place("voice", 0.85 * seconds), self._place("voice", 0.95 * seconds))
        QTest.mouseClick(canvas, Qt.MouseButton.RightButton, NONE, self._place("voice", 0.9 * seconds))
        menu = self._menu()
        speeds = next(a.menu() for a in menu.actions() if a.text() == "Speed")
        next(a for a in speeds.actions() if a.text() == "× 0.75").trigger()
        menu.close()
        self.trial.wait(lambda: model.seconds > seconds + 0.2, what="the slower stretch")
        done("Right-click, Speed: slower")

    def _eyes_and_camera(self) -> None:
        model, canvas = self.studio.edit.model, self.canvas
        n = len(model.blinks())
        QTest.mouseDClick(canvas, LEFT, NONE, self._place("blink", 0.42 * model.seconds))
        self.trial.wait(lambda: len(model.blinks()) > n, what="a blink")
        QTest.mouseDClick(canvas, LEFT, NONE, self._place("gaze", 0.6 * model.seconds))
        self.trial.wait(lambda: model.edit.gazes, what="a look")
        done("Double-click in the lanes of blinks and looks")
        canvas.setFocus()
        for part, turn in ((0.1, 0), (0.6, 90)):
            model.transport.seek(part * model.seconds)
            self.trial.live(0.3)
            if turn:
                viewport = self.window.viewport
                middle = viewport.rect().center()
                self._drag(viewport, middle, middle + QPoint(turn, 0))
                self.trial.live(0.3)
            self._key(Qt.Key.Key_I, SHIFT)
        self.trial.wait(lambda: len(model.edit.camera.keys) == 2, what="two camera keys")
        done("Shift+I keys the viewport's camera")

    def _lips(self) -> None:
        model = self.studio.edit.model
        QTest.mouseClick(self.studio.edit.timeline.check, LEFT)
        self.trial.wait(lambda: not model.lips.words.startswith("Listening"), 300, "the phones to be heard")
        assert not model.lips.words, model.lips.words
        done(f"Check lips: {len(model.lips.flags)} finds")
        if model.lips.flags:
            flag, layers = model.lips.flags[0], len(model.edit.layers)
            lane = self.canvas.layout_.lane("lips").rect
            x = self.canvas.layout_.x(flag.at)
            QTest.mouseClick(self.canvas, LEFT, NONE, QPoint(round(x), round(lane.center().y())))
            self.trial.live(0.3)
            QTest.mouseClick(self.window.findChild(KeyPage).lips.mend, LEFT)
            self.trial.wait(lambda: len(model.edit.layers) > layers, what="the fix")
            done("A find has its fix on the right")

    def _save(self) -> None:
        document = self.studio.document
        self._key(Qt.Key.Key_S, CTRL)
        dialog = self._dialog()
        dialog.findChild(QLineEdit).setText(str(self._home / "Reel"))
        QTest.keyClick(dialog.findChild(QLineEdit), Qt.Key.Key_Return)
        self.trial.wait(lambda: document.name == "Reel" and document.project.is_saved, what="the saved project")
        done("Ctrl+S saves the project under a name")

    # 4. Deliver

    def deliver(self) -> Path:
        self.window.activateWindow()  # a file dialog was in front of it
        assert QTest.qWaitForWindowActive(self.window, 30_000)
        self._key(Qt.Key.Key_E, CTRL)
        self.trial.wait(lambda: self.window.sheet is not None, what="the export dialog")
        sheet = self.window.sheet
        assert sheet.source.currentText().startswith(NAME), sheet.source.currentText()
        sheet.width_field.setValue(CLIP_SIDE)
        QTest.mouseClick(sheet.list.save_button, LEFT)
        field = sheet.list.name_field
        field.selectAll()
        QTest.keyClicks(field, "Small square")
        QTest.keyClick(field, Qt.Key.Key_Return)
        assert sheet.list.preset_row("Small square") is not None
        self.trial.live(0.5)
        self._picture("export")
        done("Ctrl+E opens the export; Save as a preset keeps how it is made")
        output = sheet.output
        QTest.mouseClick(sheet.go, LEFT)
        jobs: list = []
        self.studio.session.jobs.changed.connect(jobs.append)
        self.trial.wait(lambda: jobs and jobs[-1].stage == "Rendering", 600, "the job to render")
        assert not output.exists(), "a clip appears under its name only when it is whole"
        self.trial.wait(lambda: jobs[-1].state not in ("queued", "running"), 1_800, "the clip")
        assert jobs[-1].state == "done", jobs[-1].message
        assert output.is_file()
        done(f"Export made {output.name}")
        return output

    # A person's hands

    @property
    def canvas(self):
        return self.studio.edit.timeline.canvas

    def _take_row(self):
        from app.panels.library_takes import TakeRow

        def shown() -> list[TakeRow]:
            rows = self.window.library.takes.findChildren(TakeRow)
            return sorted((row for row in rows if row.isVisible()), key=lambda row: row.entry.name != NAME)

        self.trial.wait(shown, what="a take in the list")
        return shown()[0]

    @staticmethod
    def _star(row, n: int) -> QPoint:
        from PySide6.QtCore import QPointF

        places = (QPoint(x, y) for y in range(0, row.height(), 2) for x in range(0, row.width(), 2))
        return next(place for place in places if row.star_at(QPointF(place)) == n)

    def _place(self, kind: str, seconds: float, part: float = 0.5) -> QPoint:
        layout = self.canvas.layout_
        rect = layout.lane(kind).rect
        return QPoint(round(layout.x(seconds)), round(rect.top() + part * rect.height()))

    def _drag(self, widget, begin: QPoint, end: QPoint) -> None:
        QTest.mousePress(widget, LEFT, NONE, begin)
        for step in range(1, 7):
            QTest.mouseMove(widget, begin + (end - begin) * step / 6)
            self.trial.live(0.03)
        QTest.mouseRelease(widget, LEFT, NONE, end)
        self.trial.live(0.1)

    def _press_segment(self, segments, item: str) -> None:
        QTest.mouseClick(segments, LEFT, NONE, segments.segment_rect(item).center().toPoint())

    def _key(self, key: Qt.Key, modifiers=NONE) -> None:
        QTest.keyClick(self.window.windowHandle(), key, modifiers)
        self.trial.live(0.05)

    def _menu(self) -> QMenu:
        self.trial.wait(lambda: isinstance(QApplication.activePopupWidget(), QMenu), what="a menu")
        return QApplication.activePopupWidget()

    def _dialog(self) -> QFileDialog:
        self.trial.wait(lambda: self.window.findChildren(QFileDialog), what="a file dialog")
        return self.window.findChildren(QFileDialog)[0]

    def _picture(self, name: str) -> None:
        for toast in self.window.toasts.shown:
            toast.dismiss()
        self.trial.live(0.2)
        path = self._out / f"{name}.png"
        assert self.window.grab().save(str(path))
        print(f"  {path}", flush=True)


def say_where_from(clip: Path) -> None:
    command = [sys.executable, "-m", "app", "verify", str(clip)]
    said = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    assert "It says that it is synthetic" in said, said
    done("mouthpiece verify reads it back")
    print(said)


def done(words: str, check: Callable[[], bool] = lambda: True) -> None:
    assert check()
    print(f"{words}.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
