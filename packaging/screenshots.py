"""Takes the pictures of the documentation: the real program on a virtual display, at 100 and 150 %.

    python packaging/screenshots.py [--avatar FILE] [--voice FILE] [--film DATASET] [--out docs/screens] [NAME ...]

Each picture is a run of its own with a home of its own, so that nothing of the user's shows.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
SCALES = (1.0, 1.5)
SECONDS, LONGEST_S, TRAINING_S = 20, 300, 170


@dataclass(frozen=True)
class Shot:
    """One picture: window size at 1x, theme, what is done before it is taken, and how much longer that takes."""

    name: str
    size: tuple[int, int]
    theme: str = "dark"
    do: str = ""
    more_s: float = 0.0


SHOTS = (
    Shot("main-dark", (1440, 900), do="record"),
    Shot("main-light", (1440, 900), "light", "stages"),
    Shot("first-run", (1440, 900), do="empty"),
    Shot("main-1280", (1280, 720)),
    Shot("least", (1120, 640)),
    Shot("export", (1440, 900), do="export"),
    Shot("preferences", (1440, 900), "light", "preferences"),
    Shot("keys", (1280, 720), do="keys"),
    Shot("search", (1280, 720), "light", "search"),
    Shot("inspect", (1440, 900), do="inspect"),
    Shot("inspect-light", (1440, 900), "light", "select"),
    Shot("maps", (1440, 900), do="maps"),
    Shot("compare", (1440, 900), do="compare"),
    Shot("compare-1280", (1280, 720), "light", "compare"),
    Shot("film", (1440, 900), do="film"),
    Shot("make", (1440, 900), do="make"),
    Shot("jobs", (1440, 900), do="jobs", more_s=TRAINING_S),
    Shot("jobs-light", (1280, 720), "light", "jobs", TRAINING_S),
    Shot("jobs-empty", (1280, 720), do="jobs-empty"),
    Shot("edit", (1440, 900), do="edit"),
    Shot("edit-light", (1440, 900), "light", "edit"),
    Shot("edit-export", (1440, 900), do="edit-export"),
    Shot("mixer", (1440, 900), do="mixer"),
    Shot("gaze", (1280, 720), do="gaze"),
    Shot("network", (1280, 720), do="network"),
)


def main() -> int:
    if sys.argv[1:2] == ["--take"]:
        file, do, seconds, more_s, *rest = sys.argv[2:]
        return take(Path(file), do, float(seconds), float(more_s), rest)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(shot.name for shot in SHOTS)}")
    parser.add_argument("--avatar", type=Path)
    parser.add_argument("--voice", type=Path)
    parser.add_argument("--film", type=Path, help="the dataset the avatar was made from, for the picture of that name")
    parser.add_argument("--scale", type=float, action="append", help=f"of {SCALES} (default: all)")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "docs" / "screens")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="from the avatar's first picture to the one that is taken"
    )
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    wanted = [shot for shot in SHOTS if not options.names or shot.name in options.names]
    failed = 0
    for shot in wanted:
        for scale in options.scale or SCALES:
            path = options.out / f"{shot.name}{'' if scale == 1 else f'-{scale * 100:.0f}'}.png"
            failed += run_shot(shot, scale, path, options)
            print(path if path.exists() else f"{path}: was not made")
    return 1 if failed else 0


def run_shot(shot: Shot, scale: float, path: Path, options: argparse.Namespace) -> int:
    """One run under a virtual display just large enough; returns its exit code."""
    home = Path(tempfile.mkdtemp(prefix="mouthpiece-screens-"))
    environment = os.environ | {"QT_SCALE_FACTOR": f"{scale:g}"}
    environment["MOUTHPIECE_SCREENS_FILM"] = str(options.film.resolve()) if options.film else ""
    environment |= {f"MOUTHPIECE_{name}": str(home / name.lower()) for name in ("DATA", "CONFIG")}
    width, height = (round(side * scale) for side in shot.size)
    command = ["xvfb-run", "-a", "-s", f"-screen 0 {width}x{height}x24", sys.executable, __file__,
               "--take", str(path), shot.do or "-", str(options.seconds), str(shot.more_s),
               "--theme", shot.theme, "--size", f"{shot.size[0]}x{shot.size[1]}"]  # fmt: skip
    if options.avatar and shot.do != "empty":
        command += ["--avatar", str(options.avatar)]
    if options.voice:
        command += ["--voice", str(options.voice)]
    try:
        code = subprocess.run(
            command, cwd=CHECKOUT, env=environment, timeout=options.seconds + shot.more_s + LONGEST_S + 60
        ).returncode
        if code == 0:
            _shrink(path)
        return code
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _shrink(path: Path) -> None:
    """Down to 256 colours, dithered, so that skin shows no steps; half the bytes hold them."""
    from PIL import Image

    with Image.open(path) as image:
        picture = image.convert("RGB")
    colors = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE)
    picture.quantize(palette=colors, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


def take(path: Path, do: str, seconds: float, more_s: float, arguments: list[str]) -> int:
    """Inside the virtual display: opens the program, brings it into a state, saves what the window shows."""
    sys.path.insert(0, str(CHECKOUT))
    from PySide6.QtCore import Qt, QTimer
    from PySide6.QtWidgets import QApplication

    import app.application as application
    from app.theme.theme import prepare_fonts

    prepare_fonts()
    if do == "empty":
        application.first_avatar = lambda asked, last: None
    program = QApplication([])
    kept = _put_jobs_away()
    studio = application.Studio(program, application.parse(arguments))
    studio.settings.render_takes = False
    studio.open()
    window = studio.window
    states = {
        "record": studio.wiring.toggle_recording,
        "stages": lambda: window.show_stage_panel(True),
        "export": studio.sheets.open_export,
        "preferences": lambda: studio.sheets.open_preferences("keys"),
        "keys": studio.sheets.open_keys,
        "search": studio.sheets.open_search,
        "inspect": lambda: _inspect(studio),
        "select": lambda: _select(studio),
        "maps": lambda: _maps(studio),
        "compare": lambda: _compare(studio),
        "film": lambda: _film(studio),
        "make": lambda: studio.sheets.open_make_avatar(Path("Vera talks.mp4")),
        "jobs": lambda: _jobs(studio),
        "jobs-empty": lambda: window.workspaces.show("jobs"),
        "edit": lambda: _edit(studio),
        "edit-export": lambda: _edit(studio, studio.sheets.open_export),
        "mixer": lambda: window.right.tabs.setCurrentIndex(1),
        "gaze": lambda: window.right.tabs.setCurrentIndex(2),
        "network": lambda: studio.sheets.open_preferences("network"),
    }
    saved = []

    def begin() -> None:
        """Once the avatar is there, however long that took."""
        QTimer.singleShot(int(seconds * 1000 * 0.55), lambda: _close_notes(window))
        QTimer.singleShot(int(seconds * 1000 * 0.6), states.get(do, lambda: None))
        end_ms = int((seconds + more_s) * 1000)
        QTimer.singleShot(end_ms, lambda: (saved.append(window.grab().save(str(path))), window.close()))

    if do == "empty":
        begin()
    else:
        studio.session.avatar_opened.connect(lambda _: begin(), Qt.ConnectionType.SingleShotConnection)
        QTimer.singleShot(int((LONGEST_S + more_s) * 1000), window.close)
    program.exec()
    studio.close()
    _bring_jobs_back(kept)
    return 0 if saved == [True] else 1


def _inspect(studio) -> None:
    """Slider reach of the control that moves most of the mouth."""
    studio.window.workspaces.show("inspect")
    schema = studio.session.manifest.schema
    named = [spec.name for spec in schema if "Jaw" in spec.label or "Corner" in spec.label]
    studio.inspect.model.set_control(named[0] if named else schema.names[0])


def _maps(studio) -> None:
    """The method's own maps while the face talks."""
    studio.window.workspaces.show("inspect")
    studio.window.viewport.set_view_mode("color")
    tabs = studio.inspect.side.tabs
    tabs.setCurrentIndex([tabs.tabText(i) for i in range(tabs.count())].index("Maps"))


def _select(studio) -> None:
    """The floaters selected, one edit layer made."""
    _inspect(studio)
    model = studio.inspect.model

    def work() -> None:
        model.select_region("Torso/Neck")
        model.hide()
        model.select_region("Loose")

    model.facts_changed.connect(work)


def _edit(studio, then=lambda: None) -> None:
    """What was just said as a take, with a layer, keys, looks, camera keys and a lip check."""
    from engine.performance.layers import LayerKind

    model = studio.edit.model

    def dress() -> None:
        model.take_changed.disconnect(dress)
        third = model.seconds / 6
        model.set_range((2 * third, 4 * third))
        model.add_layer(LayerKind.OVERRIDE, "Warmer smile")
        control = model.shown[0]
        for part, value in ((2.1, 0.1), (2.7, 0.5), (3.2, 0.7), (3.8, 0.3)):
            model.add_key(control, part * third, value)
        model.set_range((0.4 * third, 5.2 * third))
        brows = next((s.name for s in model.schema if "Brow" in s.label or "brow" in s.label), control)
        model.add_layer(LayerKind.SMOOTH, "Calm brows", controls=(brows,))
        model.set_range(None)
        for part, right, up in ((0.5, 0.0, 0.0), (2.0, -0.7, -0.7), (3.0, 0.0, 0.0), (4.4, 1.0, 0.0)):
            model.add_gaze(part * third, right, up)
        model.use_ready_path("arc")
        model.lips.check()
        model.transport.seek(3.2 * third)
        then()

    model.take_changed.connect(dress)
    studio.session.take_saved.connect(lambda path: studio.edit.show_take(Path(path)))
    studio.wiring.save_last()


def _compare(studio) -> None:
    """The avatar by the other rasterizer beside it, or another avatar of the library."""
    others = [e.path for e in studio.window.library.avatar_entries if e.path != studio.session.avatar_path]
    studio.window.workspaces.show("compare")
    studio.compare.choose_rival(*((others[0], None) if others else (studio.session.avatar_path, "opengl")))


def _film(studio) -> None:
    """The training video beside its avatar and the avatar by the other rasterizer, in four panes."""
    studio.window.workspaces.show("compare")
    compare = studio.compare
    compare.strip.panes.set_current("4")
    compare.strip.panes.chosen.emit("4")
    film = os.environ.get("MOUTHPIECE_SCREENS_FILM")
    if film:
        compare.show_film(Path(film))
    compare.choose_rival(studio.session.avatar_path, "opengl")


def _jobs(studio) -> None:
    """An avatar being trained of the film."""
    from app.jobs.making import AvatarPlan, orders_of

    film = os.environ.get("MOUTHPIECE_SCREENS_FILM")
    if not film:
        raise SystemExit("The picture of jobs needs --film DATASET.")
    first, *then = orders_of(Path(film), AvatarPlan(Path(film).stem, "embedtalk", "cpu", 40))
    studio.session.jobs.start(first.kind, first.order, first.title, then)
    studio.jobs.show_newest()


def _put_jobs_away() -> bytes | None:
    """The list of jobs lies in the cache, which is the user's: none of theirs shows, and theirs comes back."""
    record = _record()
    kept = record.read_bytes() if record.is_file() else None
    record.unlink(missing_ok=True)
    return kept


def _bring_jobs_back(kept: bytes | None) -> None:
    record = _record()
    record.unlink(missing_ok=True)
    if kept is not None:
        record.write_bytes(kept)


def _record() -> Path:
    from app.jobs.queue import RECORD
    from engine.paths import cache_dir

    return cache_dir() / "jobs" / RECORD


def _close_notes(window) -> None:
    for toast in window.toasts.shown:
        toast.dismiss()


if __name__ == "__main__":
    sys.exit(main())
