"""Jobs: the command line's own code in a process of its own, with progress, an end, and a way to stop it."""

import json
import os
import sys
from pathlib import Path

import pytest

if not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from app.jobs import queue as queue_module
from app.jobs.queue import Jobs, TimeLeft
from app.jobs.state import JobOrder, read_record
from app.workers.job import arguments_of

PATIENCE_MS = 120_000

WORK = """
import json, sys, threading
def say(**row): print(json.dumps(row), flush=True)
order = json.load(open(sys.argv[-1]))
say(stage="Counting", done=0, total=order["steps"])
if order["ends"] == "waits":
    sys.stdin.buffer.read()
    sys.exit(130)
for i in range(order["steps"]):
    say(stage="Counting", done=i + 1, total=order["steps"], message="half" if i == 1 else "")
print("not a line of progress")
if order["ends"] == "fails":
    say(error="clip.mp4: the disk is full; nothing was written.")
    sys.exit(2)
if order["ends"] == "crashes":
    import os
    os._exit(77)
say(clip=order["output"])
"""


@pytest.fixture
def jobs(qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(queue_module, "program", lambda: (sys.executable, ["-c", WORK]))
    made = Jobs(tmp_path / "jobs")
    made.seen = []
    made.changed.connect(made.seen.append)
    yield made
    made.close()
    made.wait_closed()


def ended(qtbot, jobs: Jobs, identity: str):
    def state():
        return next(s for s in jobs.states if s.id == identity)

    qtbot.waitUntil(
        lambda: state().state not in ("queued", "running") and not jobs._jobs[identity].is_alive, timeout=PATIENCE_MS
    )
    return state()


def test_a_job_tells_its_progress_and_its_result(jobs, qtbot, tmp_path):
    identity = jobs.start("render", {"steps": 3, "ends": "well", "output": tmp_path / "clip.mp4"}, "Take 1")
    state = ended(qtbot, jobs, identity)
    assert state.state == "done" and state.result == tmp_path / "clip.mp4" and state.title == "Take 1"
    counted = [s.done for s in jobs.seen if s.stage == "Counting" and s.state == "running"]
    assert counted == sorted(counted) and counted[-1] == 3 and state.total == 3 and state.message == "half"


def test_a_job_that_fails_says_why(jobs, qtbot):
    state = ended(qtbot, jobs, jobs.start("capture", {"steps": 1, "ends": "fails"}, "Film"))
    assert state.state == "failed" and "disk is full" in state.message


def test_a_job_that_crashes_says_so_and_names_the_log(jobs, qtbot):
    state = ended(qtbot, jobs, jobs.start("capture", {"steps": 1, "ends": "crashes"}, "Film"))
    assert state.state == "failed" and "77" in state.message and state.log.parent.is_dir()


def test_a_running_job_is_stopped_and_the_next_one_begins(jobs, qtbot):
    first = jobs.start("train", {"steps": 5, "ends": "waits"}, "A")
    second = jobs.start("train", {"steps": 5, "ends": "waits"}, "B")
    third = jobs.start("render", {"steps": 1, "ends": "well", "output": "x"}, "C")
    qtbot.waitUntil(lambda: jobs.states[0].stage == "Counting", timeout=PATIENCE_MS)
    assert [s.state for s in jobs.states] == ["running", "queued", "queued"]
    jobs.stop(second)
    assert ended(qtbot, jobs, second).state == "stopped"
    jobs.stop(first)
    assert ended(qtbot, jobs, first).state == "stopped"
    assert ended(qtbot, jobs, third).state == "done"


def test_a_paused_job_lets_the_next_one_begin_and_goes_on_behind_it(jobs, qtbot):
    first = jobs.start("train", {"steps": 5, "ends": "waits"}, "A")
    second = jobs.start("train", {"steps": 5, "ends": "waits"}, "B")
    qtbot.waitUntil(lambda: jobs.states[0].stage == "Counting", timeout=PATIENCE_MS)
    jobs.pause(first)
    assert ended(qtbot, jobs, first).state == "paused"
    qtbot.waitUntil(lambda: jobs.states[1].stage == "Counting", timeout=PATIENCE_MS)
    jobs.resume(first)
    assert [(s.id, s.state) for s in jobs.states] == [(second, "running"), (first, "queued")]
    jobs.stop(second)
    qtbot.waitUntil(lambda: jobs.states[1].stage == "Counting", timeout=PATIENCE_MS)
    assert jobs.states[1].state == "running" and jobs.states[1].id == first


def test_a_render_is_not_paused_since_it_would_begin_anew(jobs, qtbot):
    identity = jobs.start("render", {"steps": 1, "ends": "well", "output": "x"}, "Clip")
    jobs.pause(identity)
    assert ended(qtbot, jobs, identity).state == "done"


def test_what_follows_a_job_begins_when_it_is_done_and_can_be_changed_before(jobs, qtbot):
    work = {"steps": 1, "ends": "well", "output": "x"}
    then = [JobOrder("train", work, "B"), JobOrder("evaluate", work, "C")]
    first = jobs.start("capture", work, "A", then)
    jobs.replan(first, then[:1], True)
    qtbot.waitUntil(lambda: [s.state for s in jobs.states] == ["done", "done"], timeout=PATIENCE_MS)
    second = jobs.states[1]
    assert (second.kind, second.title, second.before, second.then) == ("train", "B", (first,), ())
    assert second.to_stage


def test_what_follows_a_job_that_failed_does_not_begin(jobs, qtbot):
    then = [JobOrder("train", {"steps": 1, "ends": "well"}, "B")]
    assert ended(qtbot, jobs, jobs.start("capture", {"steps": 1, "ends": "fails"}, "A", then)).state == "failed"
    assert len(jobs.states) == 1


def test_jobs_of_a_window_that_closed_are_there_again_and_can_be_gone_on_with(jobs, qtbot, tmp_path):
    done = jobs.start("render", {"steps": 1, "ends": "well", "output": "clip.mp4"}, "Clip")
    ended(qtbot, jobs, done)
    then = [JobOrder("train", {"steps": 1, "ends": "well", "output": "y"}, "B")]
    cut = jobs.start("capture", {"steps": 1, "ends": "waits"}, "A", then, to_stage=True)
    qtbot.waitUntil(lambda: jobs.states[1].stage == "Counting", timeout=PATIENCE_MS)
    jobs.close()
    jobs.wait_closed()
    again = Jobs(tmp_path / "jobs")
    assert [(s.id, s.state) for s in again.states] == [(done, "done"), (cut, "paused")]
    assert again.states[0].result == Path("clip.mp4")
    assert again.states[1].then == tuple(then) and again.states[1].to_stage
    again._jobs[cut].path.write_text(json.dumps({"steps": 1, "ends": "well", "output": "x"}))
    again.resume(cut)
    qtbot.waitUntil(lambda: [s.state for s in again.states] == ["done"] * 3, timeout=PATIENCE_MS)
    again.clear_ended()
    assert again.states == [] and Jobs(tmp_path / "jobs").states == []


def test_a_list_of_jobs_that_is_damaged_is_as_if_it_were_not_there(tmp_path):
    good = {"id": "a", "kind": "train", "title": "A", "state": "done", "stage": "", "done": 1, "total": 1,
            "message": "", "result": None, "log": "a.log", "order": {}, "values": {}, "then": [], "before": [],
            "to_stage": False}  # fmt: skip
    path = tmp_path / "jobs.json"
    for rows in ([{**good, "state": "flying"}, good], [{**good, "then": [1]}, good], [7, good]):
        path.write_text(json.dumps(rows))
        assert [s.id for s in read_record(path)] == ["a"]
    for text in ("", "{", '{"id": 1}', "null"):
        path.write_text(text)
        assert read_record(path) == []


def test_time_left_follows_the_pace_of_the_stage():
    now = [0.0]
    pace = TimeLeft(lambda: now[0])
    assert pace.left("a", 0, 100) is None
    now[0] = 1.0
    assert pace.left("a", 10, 100) is None
    now[0] = 10.0
    assert pace.left("a", 50, 100) == pytest.approx(10.0)
    now[0] = 11.0
    assert pace.left("b", 1, 10) is None


def test_a_render_order_is_passed_as_a_file_and_others_field_by_field(tmp_path):
    path = tmp_path / "a.order"
    assert arguments_of("render", path) == ["render", str(path), "--json"]
    order = {"dataset": "D", "output": "X.avatar", "fresh": True, "device": None, "minutes": 5, "set": {"a": 1, "b": 2}}
    path.write_text(json.dumps(order))
    assert arguments_of("train", path) == ["train", "D", "--output", "X.avatar", "--fresh", "--minutes", "5", "--set",
                                           "a=1", "--set", "b=2", "--json"]  # fmt: skip


def test_the_real_command_line_runs_as_a_job_and_its_error_comes_back(qtbot, tmp_path):
    jobs = Jobs(tmp_path / "jobs")
    order = {"avatar": tmp_path / "nothing.avatar"}
    state = ended(qtbot, jobs, jobs.start("info", order, "Looking"))
    assert state.state == "failed" and "nothing.avatar" in state.message
    assert "Fatal" not in Path(state.log).read_text()


def test_a_job_whose_window_dies_stops_like_ctrl_c(tmp_path):
    import subprocess

    code = "import signal, time\nfrom app.workers import job\nimport engine.__main__ as m\n" + STUBBED
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "a.order")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[3], text=True,
    )  # fmt: skip
    assert child.stdout.readline().strip() == "working"
    child.stdin.close()
    assert child.wait(120) == 130


STUBBED = """
import sys
from engine.console import one_line_errors
def cli(arguments, prog_name):
    with one_line_errors(True):
        print("working", flush=True)
        while True:
            time.sleep(0.01)
m.cli = cli
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a program has it that was started in the background of a script
sys.exit(job.main(["render", sys.argv[1]]))
"""
