"""The session with its real children: what the window asks for happens, and nothing is lost when one of them dies."""

import contextlib
import os
import pkgutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

if not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from app.session import Session
from engine.audio.wav import write_wav
from engine.camera import Orbit
from engine.take import load_take
from tests.fakes.recording_window import FAKES

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_MS = 200_000


@pytest.fixture(scope="module")
def stage(qapp, tmp_path_factory, avatar_file):
    """One session with its children for all tests of this file: starting a performer takes seconds."""
    folder = tmp_path_factory.mktemp("session")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOUTHPIECE_DATA", str(folder / "data"))
        made = Session(takes_folder=folder / "takes", performer_arguments=FAKES)
        made.start()
        yield made
        made.close()


@pytest.fixture
def session(stage, qtbot, avatar_file):
    """The session with the avatar on stage, everything else as at the start."""
    stage.use_nothing()
    stage.set_microphone_muted(False)
    stage.set_idle(False)
    stage.set_view_size(96, 64)
    stage.set_background(None)
    stage.set_camera(Orbit())
    with qtbot.waitSignal(stage.avatar_opened, timeout=PATIENCE_MS):
        stage.open_avatar(avatar_file)
    stage.reset_controls()
    number = stage._avatar_number
    rest = [0.0, 0.0, 0.0, 0.0, 1.0]
    wait_for_frame(stage, qtbot, lambda h: h.avatar_number == number and h.result.tolist() == rest)
    return stage


@pytest.fixture(scope="module")
def avatar_file(tmp_path_factory) -> Path:
    from tests.fakes.avatar import save

    return save(tmp_path_factory.mktemp("avatars") / "noa.avatar")


@pytest.fixture(scope="module")
def voice_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("voices") / "tone.wav"
    t = np.arange(44_100 * 2) / 44_100
    write_wav(path, (0.4 * np.sin(2 * np.pi * 220 * t)).astype(np.float32), 44_100)
    return path


def wait_for_frame(session: Session, qtbot, is_it) -> object:
    """Waits until the header of a frame in full size satisfies `is_it`; returns that frame, its image copied."""
    found = []

    def look() -> bool:
        view = session.frames.newest()
        in_full = view is not None and [view.header.width, view.header.height] == session._told["view"]["size"]
        if in_full and is_it(view.header):
            found.append((view.image.copy(), view.header))
        return bool(found)

    qtbot.waitUntil(look, timeout=PATIENCE_MS)
    return found[0]


def live_for_half_a_second(session: Session, qtbot) -> None:
    """Waits for half a second of the performer's life, which lies between two words that it is alive."""
    for _ in range(2):
        with qtbot.waitSignal(session._performer.said, check_params_cb=_is_alive, timeout=PATIENCE_MS):
            pass


def test_a_slider_moved_shows_in_a_new_frame(session, qtbot, avatar_file):
    before, header = wait_for_frame(session, qtbot, lambda h: h.result[3] == 0)
    assert before.shape == (64, 96, 4) and header.n_gaussians == 300
    with qtbot.waitSignal(session.controls_changed):
        session.set_control("pose.yaw", 20.0)
    after, header = wait_for_frame(session, qtbot, lambda h: h.result[3] == 20.0)
    assert not np.array_equal(before, after) and header.sequence > 1
    session.reset_controls()
    again, _ = wait_for_frame(session, qtbot, lambda h: h.result[3] == 0.0)
    assert np.array_equal(before, again)


def test_shapes_of_sources_and_ways_of_joining_reach_the_face_and_the_take(session, qtbot):
    session.set_shape("sliders/lip", 0.5, 0.0, 0.0)
    session.set_control("lip.00", 1.0)
    wait_for_frame(session, qtbot, lambda h: h.result[0] == 0.5)
    session.set_join("lip.00", "replace", -1.0)
    wait_for_frame(session, qtbot, lambda h: h.result[0] == -0.5)
    settings = session._take_info()["settings"]
    assert settings["joins"] == {"lip.00": "replace"} and settings["shapes"] == {"sliders/lip": (0.5, 0.0, 0.0)}
    session.set_shape("sliders/lip", 1.0, 0.0, 0.0)
    session.set_join("lip.00", None, None)
    wait_for_frame(session, qtbot, lambda h: h.result[0] == 0.0)
    assert session.controls.joins == {} and session.controls.shapes == {}


def test_a_motion_file_moves_the_head_and_the_unit_shown_is_told(session, qtbot, voice_file, tmp_path):
    from tests.fakes.motion import made_motion

    made_motion().save(tmp_path / "nods.motion")
    said = []
    session.performer_said.connect(said.append)
    session.use_file(voice_file)
    session.set_head_motion(path=tmp_path / "nods.motion", is_on=True)
    wait_for_frame(session, qtbot, lambda h: h.result[3] != 0.0)
    qtbot.waitUntil(lambda: any(e["event"] == "head_unit" and e["unit"] >= 0 for e in said), timeout=PATIENCE_MS)
    opened = next(event for event in said if event["event"] == "head_motion")
    assert opened["n_units"] > 0 and opened["path"] == str(tmp_path / "nods.motion")
    session.set_head_motion(path=None, is_on=False)
    session.use_nothing()
    wait_for_frame(session, qtbot, lambda h: h.result[3] == 0.0)
    session.performer_said.disconnect(said.append)


def test_camera_size_and_background_show_in_new_frames(session, qtbot, avatar_file):
    session.set_background((255, 0, 0))
    image, first = wait_for_frame(
        session, qtbot, lambda h: tuple(session.frames.newest().image[0, 0]) == (255, 0, 0, 255)
    )
    session.set_camera(Orbit(azimuth_deg=60.0))
    turned, _ = wait_for_frame(session, qtbot, lambda h: h.picture_sequence > first.picture_sequence)
    assert not np.array_equal(image, turned)
    session.set_view_size(40, 50)
    small, _ = wait_for_frame(session, qtbot, lambda h: (h.width, h.height) == (40, 50))
    assert small.shape == (50, 40, 4)


def test_nothing_is_drawn_while_nothing_changes(session, qtbot):
    session.set_control("au.45", 1.0)
    _, header = wait_for_frame(session, qtbot, lambda h: h.result[2] == 1.0)
    live_for_half_a_second(session, qtbot)
    assert session.frames.newest().header.sequence == header.sequence


def test_a_file_drives_the_face_and_the_source_says_so(session, qtbot, avatar_file, voice_file):
    session.use_file(voice_file)
    assert session.source.kind == "file" and session.source.name == "tone.wav"
    _, header = wait_for_frame(session, qtbot, lambda h: h.driven[0] > 1.0 and h.is_talking and h.level_db > -20)
    assert header.shown_time > header.newest_sample_time > header.motion_sample_time
    wait_for_frame(session, qtbot, lambda h: h.shown_time - h.motion_sample_time < 1.0)
    wait_for_frame(session, qtbot, lambda h: h.stages_ms["look_ahead"] >= 39.9)  # less while it catches up
    session.set_microphone_muted(True)
    wait_for_frame(session, qtbot, lambda h: h.driven[0] == 0.0)
    assert session.source.is_muted


def test_a_missing_file_is_told_in_one_sentence(session, qtbot, avatar_file, tmp_path):
    with qtbot.waitSignal(session.note, timeout=PATIENCE_MS) as told:
        session.use_file(tmp_path / "nothing.wav")
    assert told.args[0] == "err" and "nothing.wav" in told.args[2]
    assert session.source.kind == "none" and "nothing.wav" in session.source.sentence


def test_an_avatar_that_cannot_be_opened_leaves_the_one_on_stage(session, qtbot, avatar_file, tmp_path):
    from tests.fakes.avatar import save

    for path in (save(tmp_path / "broken.avatar"), tmp_path / "missing.avatar"):
        with qtbot.waitSignal(session.avatar_failed, timeout=PATIENCE_MS) as told:
            session.open_avatar(path)
        assert path.name in told.args[0]
    assert session.manifest.name == "noa"
    number = session.frames.newest().header.avatar_number
    session.set_control("pose.yaw", 5.0)
    wait_for_frame(session, qtbot, lambda h: h.result[3] == 5.0 and h.avatar_number == number)


def test_another_avatar_takes_the_stage_while_running(session, qtbot, avatar_file, tmp_path):
    from tests.fakes.avatar import save

    session.set_control("pose.yaw", 5.0)
    with qtbot.waitSignal(session.avatar_opened, timeout=PATIENCE_MS) as opened:
        session.open_avatar(save(tmp_path / "other.avatar", n_gaussians=50))
    assert opened.args[0].name == "other" and session.controls.values == {}
    wait_for_frame(session, qtbot, lambda h: h.n_gaussians == 50 and h.result[3] == 0.0)


def test_the_rasterizer_changes_while_running_and_one_that_cannot_run_is_told(session, qtbot):
    session.set_backend("smaller dots")
    wait_for_frame(session, qtbot, lambda h: h.backend == "smaller ")
    with qtbot.waitSignal(session.note, timeout=PATIENCE_MS) as told:
        session.set_backend("cuda")
    assert told.args[0] == "err" and "cuda" in told.args[2]
    session.set_backend("auto")
    wait_for_frame(session, qtbot, lambda h: h.backend == "dots")


def test_a_killed_performer_comes_back_with_avatar_controls_and_camera(session, qtbot, avatar_file):
    session.set_camera(Orbit(azimuth_deg=40.0))
    session.set_controls({"pose.yaw": 12.0, "au.45": 0.5})
    session.set_background((0, 0, 255))
    blue = (0, 0, 255, 255)
    wait_for_frame(session, qtbot, lambda h: tuple(session.frames.newest().image[0, 0]) == blue)
    before, header = wait_for_frame(session, qtbot, lambda h: h.result[3] == 12.0 and h.result[2] == 0.5)
    states, notes = [], []
    session.process_changed.connect(lambda name, state, sentence: states.append((name, state)))
    session.note.connect(lambda *words: notes.append(words))
    os.kill(session.process_ids()["performer"], signal.SIGKILL)
    _, header = wait_for_frame(session, qtbot, lambda h: h.sequence > header.sequence and h.result[3] == 12.0)
    wait_for_frame(session, qtbot, lambda h: np.array_equal(session.frames.newest().image, before))
    assert header.result[2] == 0.5
    assert [s for s in states if s[0] == "performer"][:3] == [
        ("performer", "lost"), ("performer", "starting"), ("performer", "running")]  # fmt: skip
    assert notes[0][0] == "warn" and "performer" in notes[0][2]


def test_a_recording_becomes_a_take_with_voice_and_controls(session, qtbot, avatar_file, voice_file):
    session.use_file(voice_file)
    wait_for_frame(session, qtbot, lambda h: h.driven[0] > 1.0)
    session.set_control("pose.yaw", 7.0)
    wait_for_frame(session, qtbot, lambda h: h.result[3] == 7.0)
    session.start_recording()
    assert session.is_recording
    qtbot.waitUntil(lambda: session.recording_seconds > 1.5, timeout=PATIENCE_MS)
    asked = session.recording_seconds
    with qtbot.waitSignal(session.take_saved, timeout=PATIENCE_MS) as saved:
        session.stop_recording()
    take = load_take(saved.args[0])
    assert take.seconds == pytest.approx(asked, abs=0.4) and take.info.rate_hz == 44_100
    assert np.sqrt((take.voice**2).mean()) > 0.1 and (take.user[:, 3] == 7.0).all()
    between = np.diff(take.times).max()  # two pictures, as slowly as they come on this machine
    assert take.times[0] < 0.3 + between and take.times[-1] > take.seconds - 0.3 - between
    assert take.info.avatar["name"] == "noa" and len(take.info.avatar["hash"]) == 64
    assert not list((session.takes_folder.parent / "data").rglob("*.journal"))


def test_the_last_seconds_are_saved_without_having_been_recorded(session, qtbot, avatar_file, voice_file):
    session.use_file(voice_file)
    _, first = wait_for_frame(session, qtbot, lambda h: h.driven[0] > 1.0)
    wait_for_frame(session, qtbot, lambda h: h.shown_time > first.shown_time + 1.2)
    with qtbot.waitSignal(session.take_saved, timeout=PATIENCE_MS) as saved:
        session.save_last(1.0)
    take = load_take(saved.args[0])
    assert take.seconds == pytest.approx(1.0, abs=0.05) and len(take.times) > 5 and take.driven[:, 0].max() > 1.0


def test_a_killed_recorder_goes_on_with_the_take_and_loses_nothing(session, qtbot, avatar_file, voice_file):
    session.use_file(voice_file)
    wait_for_frame(session, qtbot, lambda h: h.driven[0] > 1.0)
    shown = []
    session.start_recording()

    def wait_until(is_so) -> None:
        qtbot.waitUntil(lambda: shown.append(session.frames.newest().header.shown_time) or is_so(), timeout=PATIENCE_MS)

    wait_until(lambda: session.recording_seconds > 1.0)
    killed = session.process_ids()["recorder"]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: session.process_ids()["recorder"] not in (0, killed))
    wait_until(lambda: session.recording_seconds > 2.5)
    asked = session.recording_seconds
    with qtbot.waitSignal(session.take_saved, timeout=PATIENCE_MS) as saved:
        session.stop_recording()
    take = load_take(saved.args[0])
    assert take.seconds == pytest.approx(asked, abs=0.3)
    assert _longest_silence(take) < 0.75  # the pause of the looped file is 0.6 s
    assert np.diff(take.times).max() < 0.3 + np.diff(shown).max()


def test_a_performer_killed_while_recording_leaves_a_hole_in_the_controls_and_none_in_the_take(
    session, qtbot, avatar_file, voice_file
):
    session.use_file(voice_file)
    wait_for_frame(session, qtbot, lambda h: h.driven[0] > 1.0)
    started = time.perf_counter()
    session.start_recording()
    wait_for_frame(session, qtbot, lambda h: h.motion_sample_time > started + 0.2)
    os.kill(session.process_ids()["performer"], signal.SIGKILL)
    before = time.perf_counter() - started
    session.set_control("pose.yaw", 9.0)
    _, again = wait_for_frame(session, qtbot, lambda h: h.result[3] == 9.0)
    wait_for_frame(session, qtbot, lambda h: h.motion_sample_time > again.shown_time)
    with qtbot.waitSignal(session.take_saved, timeout=PATIENCE_MS) as saved:
        session.stop_recording()
    take = load_take(saved.args[0])
    assert take.times[0] < before and take.times[-1] > again.shown_time - started
    assert take.user[0, 3] == 0.0 and take.user[-1, 3] == 9.0


def test_a_take_cut_short_with_the_whole_program_is_recovered_at_the_next_start(
    qtbot, tmp_path, avatar_file, voice_file, monkeypatch
):
    monkeypatch.setenv("MOUTHPIECE_DATA", str(tmp_path / "data"))
    command = [sys.executable, "-m", "tests.fakes.recording_window", str(avatar_file), str(voice_file)]
    window = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert window.stdout.readline().strip() == "recording"
    started = time.perf_counter()
    journal = tmp_path / "data" / "recording"
    three_seconds = 3 * 44_100 * 4 + 60_000  # of voice; the controls lie in the journal too
    qtbot.waitUntil(lambda: _journal_bytes(journal) > three_seconds, timeout=PATIENCE_MS)
    lived = time.perf_counter() - started
    family = psutil.Process(window.pid).children(recursive=True)
    window.kill()
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # some end by themselves when the window is gone
            process.kill()
    window.wait()
    session = Session(takes_folder=tmp_path / "takes", performer_arguments=FAKES)
    try:
        notes = []
        session.note.connect(lambda *words: notes.append(words))
        with qtbot.waitSignal(session.take_saved, timeout=PATIENCE_MS) as saved:
            session.start()
        take = load_take(saved.args[0])
        assert take.seconds > 2.9 and take.seconds > lived - 1.0 and len(take.times) > 10
        assert any(level == "info" and "saved now" in sentence for level, _, sentence in notes)
        qtbot.waitUntil(lambda: not list(journal.rglob("*.journal")), timeout=PATIENCE_MS)
    finally:
        session.close()


def test_the_run_folder_goes_when_the_session_closes_and_dead_ones_are_swept(qtbot, tmp_path):
    from app.run_folder import OWNER, make_run_folder

    dead = make_run_folder(tmp_path)
    living = make_run_folder(tmp_path)
    (dead / OWNER).write_text("4194304 1.0\n")
    newest = make_run_folder(tmp_path)
    assert not dead.exists() and living.is_dir() and newest.is_dir()
    session = Session()
    folder = session.folder
    assert folder.is_dir()
    session.close()
    assert not folder.exists()


def test_closing_leaves_no_process_behind(qtbot):
    session = Session(performer_arguments=FAKES)
    session.start()
    qtbot.waitUntil(lambda: all(session.process_ids().values()), timeout=PATIENCE_MS)
    children = [psutil.Process(pid) for pid in session.process_ids().values()]
    session.close()
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_nothing_of_the_window_imports_torch_or_a_compiler():
    children = {"stage", "voice_line", "file_source", "control_records", "recording", "head_moving"}  # other processes
    names = [
        info.name
        for info in pkgutil.walk_packages([str(ROOT / "app")], "app.")
        if not info.name.endswith("__main__") and info.name.rpartition(".")[2] not in children
    ]
    assert "app.session" in names and "app.windows.main_window" in names
    heavy = ("torch", "numba", "sounddevice", "scipy")
    code = f"import sys, {', '.join(names)}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _is_alive(event: dict) -> bool:
    return event["event"] == "alive"


def _longest_silence(take) -> float:
    loud = np.flatnonzero(np.abs(take.voice) > 1e-3)
    return float(np.diff(loud).max() / take.info.rate_hz)


def _journal_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.journal"))
