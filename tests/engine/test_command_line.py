"""The real command line: bad input gives one clear line, exit code 2, and leaves nothing half-written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

CHECKOUT = Path(__file__).resolve().parents[2]


def mouthpiece(*arguments, **environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "app", *map(str, arguments)], cwd=CHECKOUT, capture_output=True, text=True, timeout=240,
        env={**os.environ, **environment},
    )  # fmt: skip


def assert_one_line(done: subprocess.CompletedProcess, says: str) -> None:
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert says in lines[0]


def test_a_missing_avatar_is_named():
    assert_one_line(mouthpiece("info", "nowhere.avatar"), "nowhere.avatar")


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 400])
def test_a_foreign_avatar_is_refused(tmp_path, content):
    (tmp_path / "x.avatar").write_bytes(content)
    assert_one_line(mouthpiece("info", tmp_path / "x.avatar"), "not an avatar")


def test_a_file_that_is_no_video_is_refused_and_leaves_nothing(tmp_path):
    (tmp_path / "x.mp4").write_bytes(b"not a video" * 100)
    model = tmp_path / "face_landmarker.task"
    model.write_bytes(b"model")
    done = mouthpiece("capture", tmp_path / "x.mp4", "-o", tmp_path / "x.dataset", "--face-landmarker", model)
    assert_one_line(done, "x.mp4")
    assert not (tmp_path / "x.dataset").exists()


def test_a_missing_landmark_model_says_where_to_get_it(tmp_path):
    (tmp_path / "x.mp4").write_bytes(b"not a video" * 100)
    done = mouthpiece("capture", tmp_path / "x.mp4", "-o", tmp_path / "x.dataset", MOUTHPIECE_CACHE=str(tmp_path))
    assert_one_line(done, "https://")


def test_training_on_a_folder_that_is_no_dataset_is_refused(tmp_path):
    assert_one_line(mouthpiece("train", tmp_path, "-o", tmp_path / "x.avatar"), "not a dataset")
    assert not (tmp_path / "x.avatar").exists()


def test_a_broken_render_order_is_refused(tmp_path):
    (tmp_path / "x.order").write_text("{}")
    assert_one_line(mouthpiece("render", tmp_path / "x.order"), "not a render order")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--size", "12a"), "12a"),
        (("--set", "au.45"), "name=value"),
        (("--set", "au.45=much"), "number"),
        (("--background", "#12"), "#12"),
        (("--size", "511"), "even"),
    ],
)
def test_a_wrong_option_is_explained(tmp_path, arguments, says):
    soundfile.write(tmp_path / "v.wav", np.zeros(1600), 16_000)
    done = mouthpiece("render", "x.avatar", "--voice", tmp_path / "v.wav", "-o", tmp_path / "c.mp4", *arguments)
    assert_one_line(done, says)


def test_doctor_speaks_to_people_and_programs():
    found = json.loads(mouthpiece("doctor", "--json").stdout)
    assert {"Processor", "OpenGL", "Microphone", "Face tracking"} <= set(found)
    assert all(row["state"] in ("good", "lacking", "missing") for row in found.values())
