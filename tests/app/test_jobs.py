"""Jobs: the command line's own code in a process of its own, with progress, an end, and a way to stop it."""

import json
import os
import sys
from pathlib import Path

import pytest

if not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from app import jobs as jobs_module
from app.jobs import Jobs, TimeLeft
from app.workers.job import arguments_of

PATIENCE_MS = 60_000

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
    monkeypatch.setattr(jobs_module, "program", lambda: (sys.executable, ["-c", WORK]))
    made = Jobs(tmp_path / "jobs")
    made.seen = []
    made.changed.connect(made.seen.append)
    yield made
    made.close()
    made.wait_closed()


def ended(qtbot, jobs: Jobs, identity: str):
    def state():
        return next(s for s in jobs.states if s.id == identity)

    qtbot.waitUntil(lambda: state().state not in ("queued", "running"), timeout=PATIENCE_MS)
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

    code = "import time\nfrom app.workers import job\nimport engine.__main__ as m\n" + STUBBED
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "a.order")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2], text=True,
    )  # fmt: skip
    assert child.stdout.readline().strip() == "working"
    child.stdin.close()
    assert child.wait(30) == 130


STUBBED = """
import sys
from engine.console import one_line_errors
def cli(arguments, prog_name):
    with one_line_errors(True):
        print("working", flush=True)
        while True:
            time.sleep(0.01)
m.cli = cli
sys.exit(job.main(["render", sys.argv[1]]))
"""
