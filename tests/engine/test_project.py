"""Projects: saved, autosaved, damaged, shared."""

import json
import os
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from engine import project as project_file
from engine.camera import Orbit
from engine.errors import OutputError, ProjectError, TakeError
from engine.performance.take_edit import TakeEdit
from engine.project import Project, ProjectState, take_key, unpack
from engine.take import Take, TakeInfo, rewrite_take_info, save_take
from tests.fakes.avatar import SCHEMA


def make_take(path, name="Take 01", seed=0):
    n, chance = 30, np.random.default_rng(seed)
    rows = chance.normal(0, 0.1, (n, len(SCHEMA))).astype(np.float32)
    info = TakeInfo(name=name, schema_rows=SCHEMA.to_json())
    voice = chance.normal(0, 0.1, 48_000).astype(np.float32)
    save_take(path, Take(info, np.arange(n) / 30, rows, rows, rows, np.tile([0, 0, 0, 0, 0, 4, 20, 0], (n, 1)), voice))
    return path


@pytest.fixture
def project(tmp_path) -> Project:
    made = Project.create(tmp_path / "Intro.mouthpiece")
    made.add_take(make_take(tmp_path / "a.take"))
    made.save()
    return made


def test_a_saved_project_opens_as_it_was(project):
    take = project.state.takes[0]
    project.state = replace(
        project.state.edited(take.key, TakeEdit().split(1.0, 0.4)),
        cameras={"1": Orbit(azimuth_deg=20)},
        current=take.key,
        presets={"Grin": {"lip.00": 0.5}},
    )
    project.save()
    opened = Project.open(project.folder)
    assert opened.state == project.state
    assert opened.recovered == ""
    assert opened.missing_takes() == []


def test_the_key_of_a_take_outlives_its_name_and_rating(tmp_path):
    path = make_take(tmp_path / "a.take")
    before = take_key(path)
    rewrite_take_info(path, name="Another", rating=4, notes="with words of any length " * 50)
    assert take_key(path) == before
    assert take_key(make_take(tmp_path / "b.take", seed=1)) != before


def test_a_take_is_in_a_project_once(project, tmp_path):
    rewrite_take_info(tmp_path / "a.take", name="Renamed")
    again = project.add_take(tmp_path / "a.take")
    assert again.name == "Take 01"
    assert len(project.state.takes) == 1


def test_what_was_autosaved_is_there_after_a_crash(project):
    key = project.state.takes[0].key
    project.state = project.state.edited(key, TakeEdit(first=0.25))
    assert project.autosave()
    assert not project.autosave()
    opened = Project.open(project.folder)
    assert opened.state.take(key).edit.first == 0.25
    assert opened.recovered
    assert not opened.is_saved
    opened.save()
    assert Project.open(project.folder).recovered == ""


def test_reverting_goes_back_to_the_save(project):
    saved = project.state
    project.state = replace(saved, current=saved.takes[0].key)
    project.autosave()
    project.revert()
    assert Project.open(project.folder).state == saved


def test_undoing_to_the_save_takes_the_autosave_away(project):
    saved = project.state
    project.state = replace(saved, avatar="x.avatar")
    project.autosave()
    project.state = saved
    project.autosave()
    assert not (project.folder / project_file.AUTOSAVE).exists()


def test_a_save_that_fails_leaves_the_last_one(project, monkeypatch):
    saved = project.state
    project.state = replace(saved, avatar="x.avatar")

    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(OutputError, match="No space left"):
        project.save()
    monkeypatch.undo()
    assert Project.open(project.folder).state == saved
    assert [path.name for path in project.folder.iterdir() if "partial" in path.name] == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 9}', '{"version": 1}', "[" * 100_000])
def test_a_damaged_index_is_one_sentence_and_changes_nothing(project, text):
    (project.folder / "index.json").write_text(text)
    with pytest.raises(ProjectError, match=r"index\.json"):
        Project.open(project.folder)
    assert (project.folder / "index.json").read_text() == text


def test_a_damaged_index_beside_a_whole_autosave_opens_the_autosave(project):
    project.state = replace(project.state, avatar="x.avatar")
    project.autosave()
    (project.folder / "index.json").write_text("{")
    assert Project.open(project.folder).state == project.state


def test_a_damaged_autosave_opens_the_save_and_says_so(project):
    (project.folder / "autosave.json").write_text("{")
    opened = Project.open(project.folder)
    assert opened.state == project.state
    assert "damaged" in opened.recovered


def test_what_is_no_project_is_refused(tmp_path):
    with pytest.raises(ProjectError, match="not a project"):
        Project.open(tmp_path)
    with pytest.raises(OutputError, match="already"):
        Project.create(tmp_path)


def test_a_missing_take_is_named_and_the_rest_opens(project):
    os.unlink(project.take_path(project.state.takes[0].key))
    assert [take.name for take in Project.open(project.folder).missing_takes()] == ["Take 01"]


def test_pruning_keeps_what_the_save_or_the_state_names(project, tmp_path):
    other = project.add_take(make_take(tmp_path / "b.take", seed=1))
    project.state = project.state.without_take(project.state.takes[0].key)
    assert project.prune() == 0
    project.save()
    assert project.prune() > 0
    assert [path.stem for path in (project.folder / "takes").iterdir()] == [other.key]


def test_a_copy_under_another_name_is_whole(project, tmp_path):
    copy = project.save_as(tmp_path / "Copy.mouthpiece")
    assert Project.open(copy.folder).state == project.state
    assert copy.missing_takes() == []
    with pytest.raises(OutputError, match="already"):
        project.save_as(copy.folder)


def test_a_shared_project_unpacks_the_same(project, tmp_path):
    project.share(tmp_path / "Intro.zip")
    (tmp_path / "there").mkdir()
    opened = unpack(tmp_path / "Intro.zip", tmp_path / "there")
    assert opened.state == project.state
    assert opened.missing_takes() == []
    assert opened.folder.name == "Intro.mouthpiece"
    with pytest.raises(OutputError, match="already"):
        unpack(tmp_path / "Intro.zip", tmp_path / "there")


@pytest.mark.parametrize("name", ["../evil.json", "P.mouthpiece/../../evil", "P.mouthpiece/run.sh", "/etc/passwd",
                                  "P.mouthpiece/takes/../index.json", "Q.mouthpiece/index.json"])  # fmt: skip
def test_a_zip_with_anything_else_in_it_is_not_unpacked(tmp_path, name):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("P.mouthpiece/index.json", json.dumps(ProjectState().to_json()))
        archive.writestr(name, "x")
    (tmp_path / "there").mkdir()
    with pytest.raises(ProjectError, match=r"x\.zip"):
        unpack(path, tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []


def test_a_zip_whose_take_is_not_what_its_name_says_is_refused(project, tmp_path):
    path, key = tmp_path / "x.zip", project.state.takes[0].key
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("P.mouthpiece/index.json", json.dumps(project.state.to_json()))
        archive.write(make_take(tmp_path / "b.take", seed=3), f"P.mouthpiece/takes/{key}.take")
    (tmp_path / "there").mkdir()
    with pytest.raises(ProjectError, match="damaged"):
        unpack(path, tmp_path / "there")


def test_what_is_no_take_is_not_added(project, tmp_path):
    (tmp_path / "x.take").write_bytes(b"nothing")
    with pytest.raises(TakeError, match=r"x\.take"):
        project.add_take(tmp_path / "x.take")
