"""Render orders: what is frozen, what is refused."""

import json

import pytest

from engine.errors import OutputError
from engine.export.order import load_order, make_order, save_order


def fields(tmp_path, **changes):
    (tmp_path / "a.avatar").write_bytes(b"anything")
    return {"avatar": tmp_path / "a.avatar", "output": tmp_path / "clip.mp4", "voice": tmp_path / "v.wav", **changes}


def test_an_order_keeps_the_avatars_hash_and_survives_its_file(tmp_path):
    order = make_order(**fields(tmp_path, controls={"au.45": 0.8}, background=(0.1, 0.2, 0.3)))
    assert len(order.avatar_hash) == 64
    save_order(tmp_path / "clip.order", order)
    assert load_order(tmp_path / "clip.order") == order


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"voice": None}, "voice or a take"),
        ({"take": "x.take"}, "voice or a take"),
        ({"width": 511}, "even"),
        ({"output": "clip.avi"}, "mp4"),
        ({"fps": 0}, "fps"),
        ({"colour": 1}, "colour"),
    ],
)
def test_a_wrong_field_is_named_in_one_sentence(tmp_path, changes, says):
    with pytest.raises(OutputError, match=says) as caught:
        make_order(**fields(tmp_path, **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"version": 99})])
def test_a_foreign_file_is_no_order(tmp_path, text):
    (tmp_path / "x.order").write_text(text)
    with pytest.raises(OutputError, match="not a render order"):
        load_order(tmp_path / "x.order")
