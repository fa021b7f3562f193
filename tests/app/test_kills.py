"""Whatever is killed at whatever moment: no half file under a final name, takes to the last second, projects open."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from engine.journal import recover_journals
from engine.project import Project
from engine.take import load_take
from tests.engine.test_project import make_take
from tests.fakes import avatar as fake

CHECKOUT = Path(__file__).resolve().parents[2]

RENDER = """
import sys
from engine.export import render
from engine.export.order import load_order
from tests.fakes import avatar
render.load_avatar = avatar.load
print("ready", flush=True)
for step in render.render_clip(load_order(sys.argv[1])):
    print(step.stage, step.done, flush=True)
"""
RECORD = """
import sys, time
import numpy as np
from engine.journal import JournalWriter, row_width
from engine.take import TakeInfo
from tests.fakes.avatar import SCHEMA
writer = JournalWriter(sys.argv[1], TakeInfo(schema_rows=SCHEMA.to_json(), rate_hz=48_000), 0.0, 0)
print("ready", flush=True)
row = np.zeros((1, row_width(len(SCHEMA))))
for i in range(100_000):
    writer.voice(np.full(480, 0.1, np.float32), 480 * i)
    row[0, 0] = i / 100
    writer.controls(row)
    print(i / 100, flush=True)
    time.sleep(0.002)
"""
SAVE = """
import sys
from dataclasses import replace
from engine.project import Project
project = Project.open(sys.argv[1])
print("ready", flush=True)
for i in range(100_000):
    project.state = replace(project.state, avatar=f"{i}.avatar")
    project.autosave() if i % 3 else project.save()
    print(i, flush=True)
"""
SECONDS_A_LINE = 0.01
PATIENCE_S = 120.0
RATE_HZ = 44_100
CONTROLS_SHARE = 0.1
"""Of the voice's bytes, what the controls of 60 pictures a second add at most."""


def killed(script: str, *arguments: object, lines: int) -> list[str]:
    """Runs a script until it has said so many lines, then kills it where it stands; what it said."""
    child = subprocess.Popen([sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE, text=True,
                             cwd=CHECKOUT, env={**os.environ, "PYTHONPATH": str(CHECKOUT)})  # fmt: skip
    said = []
    for line in child.stdout:
        said.append(line.strip())
        if len(said) >= lines:
            break
    child.send_signal(signal.SIGKILL)
    said += [line.strip() for line in child.stdout if line.endswith("\n")]
    child.wait()
    return said


def kill_export(folder: Path, lines: int) -> None:
    from engine.export.order import make_order, save_order

    soundfile.write(folder / "v.wav", np.random.default_rng(0).normal(0, 0.1, 160_000), 16_000)
    order = make_order(avatar=fake.save(folder / "a.avatar"), voice=folder / "v.wav", output=folder / "clip.mp4",
                       width=64, height=64, backend="cpu", is_signed=False)  # fmt: skip
    save_order(folder / "clip.order", order)
    said = killed(RENDER, folder / "clip.order", lines=lines)
    finished = bool(said) and said[-1].startswith("Done")
    assert (folder / "clip.mp4").exists() == finished


def kill_recording(folder: Path, lines: int) -> None:
    said = killed(RECORD, folder / "t.journal", lines=lines)
    told = float(said[-1]) if said[-1] != "ready" else 0.0
    [path] = recover_journals(folder)
    take = load_take(path)
    assert take.seconds > told - 1.0
    assert len(take.times) == 0 or take.times[-1] > told - 1.0


def kill_saving(folder: Path, lines: int) -> None:
    project = Project.create(folder / "P.mouthpiece")
    project.add_take(make_take(folder / "a.take"))
    project.save()
    said = killed(SAVE, project.folder, lines=lines)
    told = int(said[-1]) if said[-1] != "ready" else -1
    opened = Project.open(project.folder)
    assert opened.missing_takes() == []
    number = int(opened.state.avatar.split(".")[0] or -1) if opened.state.avatar else -1
    assert number >= told


def kill_window(folder: Path, lines: int) -> None:
    """The window alone: its children see that it is gone, save what they have and end."""
    _kill_while_performing(folder, lines, lambda window, children: window.kill())


def kill_program(folder: Path, lines: int) -> None:
    """The window and all its children at once, as a power cut does."""
    _kill_while_performing(folder, lines, lambda window, children: [each.kill() for each in (window, *children)])


def kill_performer(folder: Path, lines: int) -> None:
    """The performer while a take is recorded: another one takes over, the take goes on; then the window."""

    def kill(window: subprocess.Popen, children: list[psutil.Process]) -> None:
        [performer] = [child for child in children if _is_performer(child)]
        performer.kill()
        _wait_for_voice(folder / "data", _voice_seconds(folder / "data") + 0.5)
        window.kill()

    _kill_while_performing(folder, lines, kill)


def _kill_while_performing(folder: Path, lines: int, kill) -> None:
    avatar, voice, data = fake.save(folder / "a.avatar"), folder / "v.wav", folder / "data"
    tone = 0.4 * np.sin(2 * np.pi * 220 * np.arange(2 * RATE_HZ) / RATE_HZ)
    soundfile.write(voice, tone.astype(np.float32), RATE_HZ, subtype="FLOAT")
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "MOUTHPIECE_DATA": str(data)}
    command = [sys.executable, "-m", "tests.fakes.recording_window", str(avatar), str(voice)]
    window = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert window.stdout.readline().strip() == "recording"
        _wait_for_voice(data, lines * SECONDS_A_LINE)
        told = _voice_seconds(data)
        children = psutil.Process(window.pid).children(recursive=True)
        kill(window, children)
    finally:
        window.kill()  # whatever went wrong, no window stays
        window.wait()
    _, living = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert not living
    left = [path for run in (data / "recording").iterdir() for path in recover_journals(run)]
    [path] = left + list((data / "takes").glob("*.take"))
    assert load_take(path).seconds > told - 1.0
    assert not list(data.rglob("*.damaged")) and not list(data.rglob("*.journal"))


def _is_performer(process: psutil.Process) -> bool:
    try:
        return "_performer" in process.cmdline()
    except psutil.Error:  # one that has just ended
        return False


def _voice_seconds(data: Path) -> float:
    """Seconds of voice that a recording's journal holds at least; it also holds the controls of each picture."""
    size = sum(path.stat().st_size for path in data.rglob("*.journal"))
    return size / (4 * RATE_HZ * (1 + CONTROLS_SHARE))


def _wait_for_voice(data: Path, seconds: float) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while _voice_seconds(data) < seconds:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    "kill", [kill_export, kill_recording, kill_saving, kill_window], ids=lambda kill: kill.__name__
)
def test_a_kill_in_the_middle_loses_nothing(tmp_path, kill):
    kill(tmp_path, 40)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(50))
def test_fifty_kills_at_random_moments_lose_nothing(tmp_path, seed):
    chance = random.Random(seed)
    kill = chance.choice([kill_export, kill_recording, kill_saving, kill_window, kill_program, kill_performer])
    kill(tmp_path, chance.randint(1, 300))
