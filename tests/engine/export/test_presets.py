"""Export presets: saved, renamed, deleted, read again, and what cannot be read left out."""

import json

import pytest

from engine.errors import OutputError
from engine.export.order import make_order
from engine.export.presets import ExportPresets, make_preset

REEL = {"name": "Reel", "kind": "mp4", "width": 1080, "height": 1920, "fps": 30.0, "background": (1, 1, 1)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "presets.json"


def test_what_is_saved_is_there_at_the_next_start(path):
    presets = ExportPresets(path)
    presets.save(make_preset(**REEL))
    presets.save(make_preset(name="Loop", kind="gif", width=256, height=256))
    again = ExportPresets(path)
    assert [preset.name for preset in again] == ["Reel", "Loop"]
    assert again.named("reel") == make_preset(**REEL)
    assert again.named("Reel").words == "MP4, 1080×1920, 30 fps"


def test_saving_under_a_name_that_exists_replaces_that_preset(path):
    presets = ExportPresets(path)
    presets.save(make_preset(**REEL))
    presets.save(make_preset(name="Loop"))
    presets.save(make_preset(**{**REEL, "fps": 60}))
    assert [(preset.name, preset.fps) for preset in ExportPresets(path)] == [("Reel", 60), ("Loop", 25)]


def test_a_preset_is_renamed_and_deleted(path):
    presets = ExportPresets(path)
    presets.save(make_preset(**REEL))
    presets.save(make_preset(name="Loop"))
    presets.rename("Reel", " Story ")
    with pytest.raises(OutputError, match="another export preset"):
        presets.rename("Story", "loop")
    with pytest.raises(OutputError, match="letters"):
        presets.rename("Story", "  ")
    presets.delete("Loop")
    assert [preset.name for preset in ExportPresets(path)] == ["Story"]
    with pytest.raises(OutputError, match="“Story”"):
        presets.named("Loop")


def test_a_preset_makes_an_order(tmp_path):
    order = make_order(avatar="a.avatar", voice="v.wav", output=tmp_path / "x.mp4", **make_preset(**REEL).fields)
    assert (order.width, order.height, order.fps, order.background) == (1080, 1920, 30.0, (1.0, 1.0, 1.0))


def test_damaged_presets_are_left_out_and_the_others_stay(path):
    rows = [{"name": "Good"}, {"name": ""}, {"name": "Bad", "kind": "betamax"}, 3, {"name": "Big", "width": 10**9},
            {"name": "Good", "fps": 60}, {"name": "New", "from_the_future": 1}]  # fmt: skip
    path.write_text(json.dumps({"version": 1, "presets": rows}))
    assert [preset.name for preset in ExportPresets(path)] == ["Good", "New"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"presets": 3}', "null"])
def test_a_damaged_file_holds_no_presets(path, text):
    path.write_text(text)
    assert len(ExportPresets(path)) == 0


def test_a_wrong_field_is_one_sentence():
    with pytest.raises(OutputError, match="fps") as caught:
        make_preset(name="X", fps=0)
    assert "\n" not in str(caught.value)
