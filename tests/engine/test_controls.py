"""Controls and settings as avatars describe them."""

import pytest

from engine.controls import SettingSpec
from engine.errors import ControlError


def test_a_whole_number_lies_within_its_ends():
    assert SettingSpec("unit", "integer", -1, "Unit", minimum=-1, maximum=7).default == -1
    assert SettingSpec("unit", "integer", 3, "Unit").maximum is None
    for default, low, high in ((8, 0, 7), (-1, 0, None), ("3", 0, 7), (3, 7, 0)):
        with pytest.raises(ControlError, match="unit"):
            SettingSpec("unit", "integer", default, "Unit", minimum=low, maximum=high)
