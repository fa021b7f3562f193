"""The search of the preferences: it leaves the pages that say a thing, and lights where they do."""

import pytest
from PySide6.QtTest import QTest

from app.theme.buttons import Words

pytestmark = pytest.mark.display


@pytest.fixture
def sheet(studio):
    studio.sheets.open_preferences("look")
    return studio.window.sheet


def shown(sheet) -> list[str]:
    items = [sheet.list.item(row) for row in range(sheet.list.count())]
    return [item.text() for item in items if not item.isHidden()]


def lit(sheet) -> list[str]:
    return [words.text() for words in sheet.page.findChildren(Words) if words.property("tone") == "acc"]


def test_typing_a_setting_finds_its_page_and_lights_it(sheet):
    QTest.keyClicks(sheet.search, "gate")
    assert shown(sheet) == ["Sound"] and "Gate" in lit(sheet)
    assert sheet.page.gate.isVisible()
    sheet.search.clear()
    assert len(shown(sheet)) == sheet.list.count() and lit(sheet) == []


def test_an_action_is_found_among_the_keys(sheet):
    QTest.keyClicks(sheet.search, "turntable")
    assert shown(sheet) == ["Keys and mouse"]
    rows = [name for name, row in sheet.page.rows.items() if row.isVisible()]
    assert rows and all("turntable" in sheet.page._commands.spec(name).text.casefold() for name in rows)


def test_what_is_in_a_list_is_found_and_what_is_nowhere_is_said(sheet):
    QTest.keyClicks(sheet.search, "opengl")
    assert shown(sheet) == ["Performance"]
    sheet.search.setText("flux capacitor")
    assert shown(sheet) == [] and sheet._nothing.isVisible()
