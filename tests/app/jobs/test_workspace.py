"""The Jobs workspace through the window: what runs, its pictures, pause, plan, stop, what came of it."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.jobs.cards import time_left
from app.jobs.state import JobOrder
from engine.capture.checks import Quality
from engine.paths import capture_folder, training_folder
from tests.fakes.film import make_film

pytestmark = pytest.mark.display
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
PATIENCE_MS = 120_000


@pytest.mark.parametrize(
    "seconds, words",
    [(None, ""), (0.2, "1 s left"), (9.4, "9 s left"), (2280, "38 min left"), (7500, "2 h 5 min left")],
)
def test_time_left_is_said_in_one_unit(seconds, words):
    assert time_left(seconds) == words


def click(widget, at=None):
    QTest.mouseClick(widget, LEFT, NONE, at or QPoint())
    QApplication.processEvents()


def start_training(studio, home, then=()):
    film = home / "Vera.dataset"
    if not film.exists():
        make_film(film)
    order = {"dataset": str(film), "output": str(home / "Vera.avatar"), "method": "embedtalk"}
    identity = studio.session.jobs.start("train", order, "Train Vera", then)
    studio.session.jobs.change(identity, stage="Training", done=530, total=1000, seconds_left=2280,
                               values={"iteration": 21_400, "splats": 30_000, "psnr": 31.62})  # fmt: skip
    return identity


def write_training(home, grey=200, rows=60):
    folder = training_folder(home / "Vera.avatar")
    folder.mkdir(exist_ok=True)
    both = np.full((64, 128, 3), 100, np.uint8)
    both[:, 64:] = grey
    Image.fromarray(both).save(folder / "preview.png")
    with open(folder / "loss.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["iteration", "seconds", "total", "lips"])
        writer.writerows([20 * i, 2.0 * i, 1 / i, 0.1 / i if i > 10 else ""] for i in range(1, rows + 1))


@pytest.fixture
def training(studio, home):
    """A training runs, and its workspace is shown."""
    write_training(home)
    identity = start_training(studio, home)
    click(studio.window.top_bar.jobs)
    assert studio.window.workspaces.current == "jobs"
    studio.running = identity
    return studio


def wait_for_pictures(studio, qtbot):
    qtbot.waitUntil(lambda: bool(studio.jobs.stage.pictures._pairs), timeout=PATIENCE_MS)
    return studio.jobs.stage


def test_the_chip_opens_the_jobs_and_leads_back_to_where_one_was(studio, home):
    window = studio.window
    start_training(studio, home)
    assert window.top_bar.jobs.text() == " 1 job" and window.top_bar.jobs.isChecked()
    window.workspaces.show("inspect")
    click(window.top_bar.jobs)
    jobs = studio.jobs
    assert jobs.list.isVisible() and jobs.stage.isVisible() and jobs.detail.isVisible()
    for hidden in (window.viewport, window.library, window.right, window.timeline, window.live_bar):
        assert not hidden.isVisible()
    click(window.top_bar.jobs)
    assert window.workspaces.current == "inspect" and window.viewport.isVisible() and window.right.isVisible()
    QTest.keyClick(window, Qt.Key.Key_5, Qt.KeyboardModifier.AltModifier)
    assert window.workspaces.current == "jobs" and window.top_bar.workspaces.current == ""


def test_what_was_made_ahead_is_what_is_shown_and_nothing_is_made_twice(studio, home):
    ahead = studio.jobs.prepare()
    next(ahead)
    made = list(studio.jobs._parts.values())
    studio.window.workspaces.show("jobs")
    assert made == [studio.jobs.list] and studio.jobs.list.isVisible() and studio.jobs._parts == {}
    assert list(ahead) == []


def test_without_a_job_the_workspace_says_what_to_do(studio, home):
    studio.window.workspaces.show("jobs")
    stage = studio.jobs.stage
    assert stage.empty.isVisible()
    click(stage.empty.new)
    sheet = studio.window.sheet
    assert not sheet.go.isEnabled() and sheet.source is None
    sheet.close()


def test_a_training_shows_what_it_says_of_itself(training):
    detail = training.jobs.detail
    assert (detail.percent.text(), detail.left.text()) == ("53%", "38 min left")
    assert detail.figures.figure("PSNR in training") == "31.6 dB" and detail.figures.figure("Splats") == "30,000"
    card = training.jobs.list.cards[0]
    assert card.is_chosen and card.sentence.text() == "Step 21,400" and card.height() == 96


def test_a_training_shows_its_pictures_and_its_loss(training, home, qtbot):
    stage = wait_for_pictures(training, qtbot)
    row = stage.pictures.row
    assert [shown.caption for shown in row.pictures][:2] == ["Video", "Avatar so far"]
    assert row.pictures[1].badge == f"{-20 * np.log10(100 / 255):.1f} dB"
    grab = row.grab().toImage()
    for place, grey in zip(row.places(), (100, 200), strict=False):
        at = place.center().toPoint() * grab.devicePixelRatio()
        assert abs(grab.pixelColor(at).red() - grey) <= 3
    qtbot.waitUntil(lambda: stage.loss._smooth.getOriginalDataset()[0] is not None, timeout=PATIENCE_MS)
    steps, loss = stage.loss._smooth.getOriginalDataset()
    assert steps[-1] == 1200 and loss[-1] < loss[0] and stage.loss.rate.text() == "10.0 steps/s"
    assert stage.loss._second_name == "lips" and len(stage.loss._second.getOriginalDataset()[0]) == 50
    assert stage.loss.plot.viewRange()[0][1] > 1200 / 0.53


def test_newer_pictures_come_by_themselves_and_earlier_ones_can_be_looked_at(training, home, qtbot):
    stage = wait_for_pictures(training, qtbot)
    assert not stage.pictures.earlier.isVisible()
    write_training(home, grey=120, rows=80)
    qtbot.waitUntil(lambda: len(stage.pictures._pairs) == 2, timeout=PATIENCE_MS)
    newest = stage.pictures.row.pictures[1]
    click(stage.pictures.earlier)
    earlier = stage.pictures.row.pictures[1]
    assert earlier.picture.pixelColor(5, 5).red() == 200 and newest.picture.pixelColor(5, 5).red() == 120
    assert not stage.pictures.earlier.isEnabled()
    click(stage.pictures.later)
    assert stage.pictures.row.pictures[1].picture == newest.picture


def test_a_picture_that_is_damaged_or_huge_is_left_out(training, home, qtbot):
    stage = wait_for_pictures(training, qtbot)
    folder = training_folder(home / "Vera.avatar")
    (folder / "preview.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    Image.new("1", (9_000, 10)).save(folder / "loss.csv", "PNG")
    looks = []
    training.jobs.looker.seen.connect(looks.append)
    qtbot.waitUntil(lambda: any(seen.loss is not None for seen in looks), timeout=PATIENCE_MS)
    assert looks[-1].pair is None and len(stage.pictures._pairs) == 1


def test_the_film_is_gone_through_frame_by_frame(training, qtbot):
    stage = training.jobs.stage
    strip = stage.film.strip
    qtbot.waitUntil(lambda: len(strip._small) == 8 and stage.pictures._frame is not None, timeout=PATIENCE_MS)
    click(strip, QPoint(strip.width() - 20, strip.height() - 15))
    assert strip.chosen == 7
    qtbot.waitUntil(lambda: stage.pictures._frame.index == 7, timeout=PATIENCE_MS)
    assert stage.pictures._frame.filmed.pixelColor(2, 2).red() == 140
    QTest.keyClick(strip, Qt.Key.Key_Left)
    qtbot.waitUntil(lambda: stage.pictures._frame.index == 6, timeout=PATIENCE_MS)


def test_the_checks_of_the_dataset_stand_beside_it(training, qtbot):
    detail = training.jobs.detail
    qtbot.waitUntil(lambda: isinstance(training.jobs._quality, Quality), timeout=PATIENCE_MS)
    names = {check.name: check.is_good for check in detail.checks.shown}
    assert names["Face in view"] and not names["Short"] and not names["Mouth opens"]
    assert detail.checks.isVisible()


def test_a_job_is_paused_resumed_and_stopped(training):
    session, detail, card = training.session, training.jobs.detail, training.jobs.list.cards[0]
    click(card.pause)
    assert session.jobs.states[0].state == "paused" and card.sentence.text() == "Paused"
    assert training.window.top_bar.jobs.text() == " Jobs"
    click(detail.resume)
    assert session.jobs.states[0].state == "running"
    click(detail.stop)
    assert session.jobs.states[0].state == "stopped" and card.height() == 68 and not card.stop.isVisible()
    assert ("stopped_job", training.running) in session.calls


def test_what_is_wanted_at_the_end_can_be_changed_while_it_runs(training, home):
    session, detail = training.session, training.jobs.detail
    assert not detail.report.isChecked()
    detail.report.click()
    detail.to_stage.click()
    (order,) = session.jobs.states[0].then
    assert order.kind == "evaluate" and order.order["report"] == str(home / "Vera.html")
    session.jobs.change(training.running, state="done", result=home / "Vera.avatar")
    assert ("open_avatar", home / "Vera.avatar") in session.calls
    assert [job.kind for job in session.jobs.states] == ["train", "evaluate"]


def test_who_watches_a_capture_goes_on_to_its_training(studio, home):
    film = make_film(home / "Vera.dataset")
    train = {"dataset": str(film), "output": str(home / "Vera.avatar")}
    order = {"video": "Vera.mp4", "output": str(film)}
    capture = studio.session.jobs.start("capture", order, "Capture Vera", [JobOrder("train", train, "Train Vera")])
    studio.window.workspaces.show("jobs")
    stage = studio.jobs.stage
    assert [step.state for step in stage.stepper.steps] == ["done", "now", "open", "open", "open"]
    assert not stage.loss.isVisible()
    studio.session.jobs.change(capture, state="done")
    assert stage.loss.hint.isVisible() and not stage.loss.plot.isVisible()
    assert studio.session.jobs.states[1].id == studio.jobs.list.current and stage.loss.isVisible()
    titles = [(step.title, step.state) for step in stage.stepper.steps]
    assert titles == [("Video", "done"), ("Capture", "done"), ("Check", "open"), ("Train", "now"), ("Library", "open")]


def test_a_capture_that_still_runs_shows_the_frame_it_is_at(studio, home, qtbot):
    film = make_film(home / "Whole.dataset")
    work = capture_folder(home / "Vera.dataset")
    work.mkdir()
    film.rename(work / "dataset")
    (work / "dataset" / "dataset.json").unlink()
    (work / "framing.json").write_text('{"n_frames": 8}')
    (work / "work.json").write_text('{"fps": 25.0}')
    order = {"video": "Vera.mp4", "output": str(home / "Vera.dataset")}
    capture = studio.session.jobs.start("capture", order, "Capture Vera")
    studio.session.jobs.change(capture, stage="Cutting out the head", done=4, total=8)
    studio.window.workspaces.show("jobs")
    pictures = studio.jobs.stage.pictures
    qtbot.waitUntil(lambda: pictures._frame is not None and pictures._frame.index == 3, timeout=PATIENCE_MS)
    assert pictures._frame.filmed.pixelColor(2, 2).red() == 60
    assert not pictures._frame.masked.isNull() and pictures._frame.tracked.isNull()
    studio.session.jobs.change(capture, done=8)
    qtbot.waitUntil(lambda: pictures._frame.index == 7, timeout=PATIENCE_MS)


def test_a_job_that_failed_says_why_and_can_be_tried_again(training):
    session, detail = training.session, training.jobs.detail
    session.jobs.change(training.running, state="failed", message="The disk is full; nothing was written.")
    assert detail._message.isVisible() and detail._message.text() == "The disk is full; nothing was written."
    assert training.window.toasts.shown == []  # the workspace says it already
    click(detail.resume)
    assert session.jobs.states[0].state == "running" and not detail._message.isVisible()


def test_what_has_ended_is_shown_or_cleared(training, home):
    session, job_list = training.session, training.jobs.list
    clip = session.jobs.start("render", {"output": str(home / "Outro.mp4")}, "Export Outro")
    session.jobs.change(clip, state="done", result=home / "Outro.mp4")
    session.jobs.change(training.running, state="done", result=home / "Vera.avatar")
    click(job_list.cards[1].result if job_list.cards[1].job.kind == "train" else job_list.cards[0].result)
    assert ("open_avatar", home / "Vera.avatar") in session.calls
    QTest.keyClick(job_list, Qt.Key.Key_Down)
    assert job_list.current == clip and training.jobs.stage.plain.isVisible()
    click(job_list.clear)
    assert job_list.cards == [] and training.jobs.stage.empty.isVisible() and session.jobs.states == []


def test_notes_stand_over_whatever_workspace_is_shown(studio):
    studio.window.workspaces.show("jobs")
    studio.session.note.emit("warn", "The disk", "It is nearly full.")
    toast = studio.window.toasts.shown[-1]
    assert toast.isVisible() and toast.parent() is studio.jobs.stage
    studio.window.workspaces.show("perform")
    assert toast.isVisible() and toast.parent() is studio.window.viewport


def test_a_dataset_that_is_dropped_is_trained_without_a_capture(studio, home, qtbot):
    film = make_film(home / "Vera.dataset")
    studio.library.open_paths([film])
    sheet = studio.window.sheet
    qtbot.waitUntil(lambda: sheet.methods.current is not None, timeout=PATIENCE_MS)
    assert sheet.name.text() == "Vera" and not sheet.size.isEnabled()
    sheet.report.click()
    sheet.to_stage.click()
    click(sheet.go)
    (job,) = studio.session.jobs.states
    assert (job.kind, job.order["dataset"], job.then, job.to_stage) == ("train", str(film), (), True)
    assert studio.window.workspaces.current == "jobs" and studio.jobs.list.current == job.id


def test_a_folder_that_is_no_dataset_is_not_taken(studio, home, qtbot):
    studio.sheets.open_make_avatar()
    sheet = studio.window.sheet
    qtbot.waitUntil(lambda: sheet.methods.current is not None, timeout=PATIENCE_MS)
    (home / "Empty").mkdir()
    sheet.use_dataset(home / "Empty")
    assert sheet.source is None and sheet.needs.property("tone") == "err" and "Empty" in sheet.needs.text()
    sheet.use_dataset(make_film(home / "Vera.dataset"))
    assert sheet.go.isEnabled() and sheet.needs.property("tone") != "err"


def test_two_avatars_of_one_name_do_not_share_a_file(studio, home):
    from app.jobs.making import AvatarPlan, orders_of

    plan = AvatarPlan("Vera", "embedtalk", "cpu", 20)
    jobs = studio.session.jobs
    names = []
    for _ in range(2):
        first, *then = orders_of(Path("Vera.mp4"), plan, jobs.states)
        names += [first.order["output"], then[0].order["output"]]
        jobs.start(first.kind, first.order, first.title, then)
    assert len(set(names)) == 4
