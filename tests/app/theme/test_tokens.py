"""The token table keeps text readable and both themes complete."""

import re

import pytest

from app.theme.tokens import DARK, LIGHT, MARK_PAIRS, STAGE_COLORS, STAGE_LABELS, TEXT_PAIRS, contrast


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=lambda t: t.name)
@pytest.mark.parametrize("text, ground", TEXT_PAIRS)
def test_text_stands_out_from_its_ground(tokens, text, ground):
    colors = tokens.to_dict()
    assert contrast(colors[text], colors[ground]) >= 4.5


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=lambda t: t.name)
@pytest.mark.parametrize("mark, ground", MARK_PAIRS)
def test_icons_and_handles_stand_out_from_their_ground(tokens, mark, ground):
    colors = tokens.to_dict()
    assert contrast(colors[mark], colors[ground]) >= 3.0


def test_contrast_agrees_with_known_ratios():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.01)
    assert contrast("#123456", "#123456") == pytest.approx(1.0)


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=lambda t: t.name)
def test_every_token_is_a_colour(tokens):
    colors = tokens.to_dict()
    colors.pop("name")
    assert all(re.fullmatch("#[0-9A-F]{6}", value) for value in colors.values())


def test_every_stage_has_a_colour_and_a_name():
    assert list(STAGE_COLORS) == list(STAGE_LABELS)
