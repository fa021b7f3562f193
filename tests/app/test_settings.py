"""Settings survive a restart, a damaged file and values from another version."""

import json

import pytest
from pydantic import ValidationError

from app.settings import MAX_RECENT, Settings, load_settings, save_settings


def test_settings_come_back_as_they_were_saved(tmp_path):
    settings = Settings(theme="light")
    settings.sound.gain_db = 6
    settings.remember_avatar(tmp_path / "noa.avatar")
    save_settings(settings, tmp_path / "settings.json")
    assert load_settings(tmp_path / "settings.json") == settings


def test_a_missing_or_damaged_file_gives_the_defaults(tmp_path):
    assert load_settings(tmp_path / "nothing.json") == Settings()
    (tmp_path / "settings.json").write_text("{broken")
    assert load_settings(tmp_path / "settings.json") == Settings()
    (tmp_path / "settings.json").write_text("[1, 2]")
    assert load_settings(tmp_path / "settings.json") == Settings()


def test_one_bad_value_does_not_lose_the_others(tmp_path):
    fields = {
        "theme": "purple",
        "reduce_motion": True,
        "sound": {"gain_db": 900, "gate_db": -40},
        "layout": 3,
        "new": 1,
    }
    (tmp_path / "settings.json").write_text(json.dumps(fields))
    settings = load_settings(tmp_path / "settings.json")
    assert settings.theme == "dark" and settings.reduce_motion
    assert settings.sound.gain_db == 0 and settings.sound.gate_db == -40


def test_values_outside_their_limits_are_refused():
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.sound.look_ahead_ms = 900
    with pytest.raises(ValidationError):
        settings.theme = "purple"


def test_recent_avatars_keep_the_newest_first_without_doubles(tmp_path):
    settings = Settings()
    for i in [*range(20), 15]:
        settings.remember_avatar(tmp_path / f"{i}.avatar")
    assert settings.recent_avatars[0].name == "15.avatar"
    assert len(settings.recent_avatars) == len(set(settings.recent_avatars)) == MAX_RECENT
