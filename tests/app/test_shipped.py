"""Who goes first of the avatars that came along."""

from pathlib import Path

from app.shipped import WELCOME, welcome_first
from engine.paths import ASSETS


def test_who_greets_goes_before_all_others_and_they_go_by_name():
    files = [Path("Zoe.avatar"), Path(WELCOME), Path("Iris.avatar")]
    assert [path.name for path in sorted(files, key=welcome_first)] == [WELCOME, "Iris.avatar", "Zoe.avatar"]


def test_who_greets_came_along():
    assert (ASSETS / "avatars" / WELCOME).is_file()
