"""Files are whole or not there, and others may read them as they may read any file of the user's."""

import os

import pytest

from engine.errors import ModelMissingError, OutputError
from engine.paths import atomic_file, atomic_folder, find_face_landmarker


def test_a_file_appears_whole_and_readable_as_others_are(tmp_path):
    with atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
        assert not (tmp_path / "a.txt").exists()
    (tmp_path / "b.txt").write_text("plain")
    assert (tmp_path / "a.txt").read_text() == "whole"
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(RuntimeError), atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert os.listdir(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path):
    with pytest.raises(OutputError, match="No space left") as caught, atomic_file(tmp_path / "a.txt"):
        raise OSError(28, "No space left on device")
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_folder_takes_the_place_of_the_old_one_at_once(tmp_path):
    for content in ("first", "second"):
        with atomic_folder(tmp_path / "d") as temporary:
            (temporary / "x").write_text(content)
    assert (tmp_path / "d" / "x").read_text() == "second"
    assert os.listdir(tmp_path) == ["d"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(OutputError, match="nowhere"), atomic_file(tmp_path / "nowhere" / "a.txt"):
        pass


def test_a_missing_model_names_the_address_and_the_place(tmp_path):
    with pytest.raises(ModelMissingError, match=r"https://.*task.*--face-landmarker"):
        find_face_landmarker(tmp_path / "face_landmarker.task")
