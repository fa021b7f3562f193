"""The dialogs over the window: export, preferences, keys, command search, about."""

import os

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from app.panels.library_files import AvatarEntry, LibraryScan, TakeEntry
from app.settings import load_settings
from app.windows.actions import ACTIONS
from app.windows.command_palette import match
from app.windows.key_rows import caps
from app.windows.orders import clip_path, safe_name, short_path
from engine.methods import METHODS
from engine.methods.catalog import MethodEntry, Need, Preset, catalog

pytestmark = pytest.mark.display


@pytest.fixture
def stocked(studio, home, qtbot):
    """A window whose library has the avatar on stage and a take."""
    library = studio.window.library
    scan = studio.library.findChild(LibraryScan)
    with qtbot.waitSignal(scan.takes_found):  # what it finds in the real folders must not come after what is shown here
        scan.scan()
    scan.takes_found.disconnect()
    scan.avatars_found.disconnect()
    (home / "Noa.avatar").write_bytes(b"noa")
    (home / "1.take").write_bytes(b"take")
    library.show_avatars([AvatarEntry((home / "Noa.avatar").resolve(), "Noa", "embedtalk", 30_000)])
    library.show_takes([TakeEntry(home / "1.take", "Intro, warm", 42.0)])
    studio.settings.export_folder = home
    return studio


def click(widget):
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)
    QApplication.processEvents()


def test_export_orders_the_take_as_it_was_performed(stocked, home):
    window = stocked.window
    window.commands.run("file.export")
    sheet = window.sheet
    assert sheet.source.currentText() == "Intro, warm, 0:42" and sheet.view.currentData() == "take"
    sheet.width_field.setValue(720)
    assert sheet.height_field.value() == 720
    click(sheet.go)
    assert window.sheet is None
    kind, order, title = next(call[1:] for call in stocked.session.calls if call[0] == "start_job")
    assert (kind, title) == ("render", "Export Intro, warm")
    assert (order["take"], order["voice"], order["view"]) == (str(home / "1.take"), None, "take")
    assert (order["width"], order["height"], order["fps"]) == (720, 720, 25.0)
    assert order["output"] == str(home / "Intro, warm.mp4") and len(order["avatar_hash"]) == 64
    assert stocked.settings.export_size == 720


def test_a_sound_file_can_be_exported_too_but_has_no_camera_of_its_own(stocked, home):
    window = stocked.window
    window.commands.run("file.export")
    window.sheet.use_sound(home / "speech.wav")
    assert window.sheet.view.findData("take") == -1
    window.sheet.rate.chosen.emit("30")
    window.sheet.rate.set_current("30")
    click(window.sheet.go)
    order = next(call[2] for call in stocked.session.calls if call[0] == "start_job")
    assert (order["voice"], order["take"], order["fps"]) == (str(home / "speech.wav"), None, 30.0)


def save_preset(sheet, name):
    click(sheet.list.save_button)
    sheet.list.name_field.selectAll()
    QTest.keyClicks(sheet.list.name_field, name)
    QTest.keyClick(sheet.list.name_field, Qt.Key.Key_Return)
    QApplication.processEvents()


def test_what_the_export_dialog_shows_is_kept_as_a_preset_and_comes_back(stocked):
    window = stocked.window
    window.commands.run("file.export")
    sheet = window.sheet
    click(sheet.formats["gif"])
    sheet.link.setChecked(False)
    sheet.width_field.setValue(480)
    sheet.height_field.setValue(270)
    sheet.ground.setCurrentIndex(sheet.ground.findData("1 1 1"))
    save_preset(sheet, "Sticker")
    assert sheet.list.preset_row("Sticker").isChecked()
    sheet.close()
    QApplication.processEvents()
    window.commands.run("file.export")
    sheet = window.sheet
    click(sheet.formats["mp4"])
    sheet.link.setChecked(True)
    sheet.width_field.setValue(720)
    click(sheet.list.preset_row("Sticker"))
    click(sheet.go)
    order = next(call[2] for call in stocked.session.calls if call[0] == "start_job")
    assert (order["kind"], order["width"], order["height"], order["background"]) == ("gif", 480, 270, [1.0, 1.0, 1.0])
    assert order["output"].endswith(".gif")


def test_a_preset_is_renamed_with_f2_deleted_with_del_and_brought_back(stocked):
    window = stocked.window
    window.commands.run("file.export")
    sheet = window.sheet
    save_preset(sheet, "Reel")
    QTest.keyClick(sheet.list.preset_row("Reel"), Qt.Key.Key_F2)
    QTest.keyClicks(sheet.list.name_field, "Story")
    QTest.keyClick(sheet.list.name_field, Qt.Key.Key_Return)
    assert [row.preset.name for row in sheet.list.rows] == ["Story"]
    QTest.keyClick(sheet.list.preset_row("Story"), Qt.Key.Key_Delete)
    assert sheet.list.rows == [] and sheet.formats["mp4"].isChecked()
    click(sheet.list.undo_button)
    assert [row.preset.name for row in sheet.list.rows] == ["Story"]
    click(sheet.list.save_button)
    QTest.keyClick(sheet.list.name_field, Qt.Key.Key_Escape)
    assert window.sheet is sheet and sheet.list.name_field.isHidden()


def test_with_nothing_to_say_export_waits(studio):
    studio.window.commands.run("file.export")
    assert not studio.window.sheet.go.isEnabled()
    QTest.keyClick(studio.window.sheet, Qt.Key.Key_Escape)
    QApplication.processEvents()
    assert studio.window.sheet is None


def test_clip_names_never_overwrite_and_fit_every_file_system(tmp_path):
    assert clip_path(tmp_path, "Take 05") == tmp_path / "Take 05.mp4"
    (tmp_path / "Take 05.mp4").touch()
    assert clip_path(tmp_path, "Take 05") == tmp_path / "Take 05 2.mp4"
    assert safe_name('a/b: "c"?') == "a-b- -c--" and safe_name(" . ") == "Clip"


def test_under_a_sheet_no_shortcut_answers_and_tab_stays_inside(stocked):
    window = stocked.window
    window.viewport.setFocus()
    window.commands.run("file.preferences")
    for _ in range(12):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        assert window.sheet.isAncestorOf(QApplication.focusWidget())
    QTest.keyClick(window.sheet, Qt.Key.Key_R)
    assert ("start_recording",) not in stocked.session.calls
    QTest.keyClick(window.sheet, Qt.Key.Key_Escape)
    QApplication.processEvents()
    assert window.sheet is None and window.commands.action("take.record").shortcut() == QKeySequence("R")


def test_preferences_apply_at_once(studio):
    window, session = studio.window, studio.session
    studio.sheets.open_preferences("sound")
    page = window.sheet.page
    page.gain.slider.setValue(6)
    assert ("set_gain_db", 6.0) in session.calls and studio.settings.sound.gain_db == 6.0
    page.gate.number.setValue(-40)
    assert ("set_gate_db", -40.0) in session.calls and window.live_bar.meter._gate_db == -40.0
    session.step()
    assert page.meter.held_peak_db > -61
    window.sheet.list.setCurrentRow(3)
    window.sheet.page.theme_chosen.emit("light")
    assert studio.theme.tokens.name == "light" and studio.settings.theme == "light"
    window.sheet.list.setCurrentRow(4)
    window.sheet.page.render_takes.setChecked(False)
    assert studio.settings.render_takes is False


def test_new_keys_are_pressed_answer_at_once_and_are_kept(make_studio):
    studio = make_studio()
    window = studio.window
    studio.sheets.open_preferences("keys")
    field = window.sheet.page.rows["take.record"].field
    click(field)
    assert field.text() == "Press the new keys"
    QTest.keyClick(field, Qt.Key.Key_F9, Qt.KeyboardModifier.ShiftModifier)
    assert window.commands.keys("take.record") == ("Shift+F9",)
    window.sheet.close()
    window.viewport.setFocus()
    QTest.keyClick(window.viewport, Qt.Key.Key_F9, Qt.KeyboardModifier.ShiftModifier)
    assert ("start_recording",) in studio.session.calls
    window.close()
    assert load_settings().keys == {"take.record": ["Shift+F9"]}
    assert make_studio().window.commands.action("take.record").shortcut() == QKeySequence("Shift+F9")


def test_keys_that_clash_are_named_and_can_be_reset(studio):
    studio.sheets.open_preferences("keys")
    page = studio.window.sheet.page
    page.rows["view.latency"].field.pressed_keys.emit("M")
    assert "M is used by" in page._clash.text() and "Microphone" in page._clash.text()
    row = page.rows["view.latency"]
    assert row._note.text() == "Also Microphone on or off" and row._reset.isVisible()
    page._reset_all()
    assert not row._note.text() and not row._reset.isVisible()
    assert studio.window.commands.keys("view.latency") == ("H",) and page._clash.isHidden()
    assert studio.settings.keys == {}


def test_keys_are_drawn_one_cap_each():
    assert caps("Ctrl+Shift+N") == ["Ctrl", "Shift", "N"]
    assert caps("R") == ["R"] and caps("Ctrl++") == ["Ctrl", "+"] and caps("+") == ["+"]


def test_what_the_mouse_does_stands_beside_the_keys_or_above_them(make_studio):
    wide = make_studio()
    wide.sheets.open_preferences("keys")
    page = wide.window.sheet.page
    assert page._mouse_column.isVisible() and not page._mouse.isVisible()
    page.setFixedWidth(500)
    QApplication.processEvents()
    assert not page._mouse_column.isVisible() and "orbit Left" in page._mouse.text()


def test_the_standard_keys_do_not_clash(studio):
    assert studio.window.commands.clashes() == {}
    assert len({spec.name for spec in ACTIONS}) == len(ACTIONS)


def test_the_command_search_finds_and_runs(studio):
    window = studio.window
    window.viewport.setFocus()
    QTest.keyClick(window.viewport, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    palette = window.sheet
    QTest.keyClicks(palette.field, "light th")
    assert palette.list.item(0).text() == "Light theme"
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert studio.theme.tokens.name == "light" and window.sheet is None


@pytest.mark.parametrize(
    "text, better, worse",
    [("rec", "Record or stop", "Direct"), ("full", "Full screen", "Hide panels"), ("ot", "Other", "Frame not")],
)
def test_the_start_of_a_word_beats_its_middle(text, better, worse):
    other = match(text, worse)
    assert match(text, better) is not None and (other is None or match(text, better) < other)


def test_letters_in_order_fit_and_others_do_not():
    assert match("svl", "Save the last 30 s") is not None
    assert match("xyz", "Save the last 30 s") is None


def test_f1_shows_every_key_of_the_table(studio):
    window = studio.window
    window.viewport.setFocus()
    QTest.keyClick(window.viewport, Qt.Key.Key_F1)
    shown = {label.text() for label in window.sheet.findChildren(QWidget) if hasattr(label, "text")}
    for spec, _ in window.commands:
        if window.commands.keys(spec.name):
            assert spec.text.removesuffix("…") in shown


def test_diagnostics_can_be_copied(studio):
    studio.session.step()
    studio.window.commands.run("help.about")
    sheet = studio.window.sheet
    assert "Avatar: Noa, embedtalk" in sheet.text.toPlainText()
    sheet._copy()
    assert QGuiApplication.clipboard().text() == sheet.text.toPlainText()


def test_the_menus_hold_what_is_bound_and_nothing_else(studio):
    window = studio.window
    actions = [action for menu in window.top_bar.menus.values() for action in menu.actions()]
    listed = {action.text() for action in actions if action.menu() is None}
    bound = {action.text() for spec, action in window.commands if spec.menu}
    assert listed == bound and "Export…" in listed


def test_a_dropped_motion_moves_the_head_now_and_at_the_next_start(studio, make_studio, home):
    studio.library.open_paths([home / "Mara.motion"])
    head = studio.session.controls.head
    assert (head.path, head.is_on) == (
        home / "Mara.motion",
        True,
    ) and studio.undo_stack.undoText() == "Head motion Mara"
    studio.window.close()
    again = make_studio()
    assert again.session.controls.head == head


@pytest.fixture
def making(studio, home, qtbot):
    """The window with a video dropped on it, the methods known."""
    studio.library.open_paths([home / "Vera talks.mp4"])
    sheet = studio.window.sheet
    qtbot.waitUntil(lambda: sheet.methods.current is not None, timeout=60_000)
    sheet.name.setText("Vera")
    return studio


def test_a_dropped_video_is_captured_and_then_trained(making, home):
    studio, session, sheet = making, making.session, making.window.sheet
    sheet.length.set_current("20")
    click(sheet.go)
    kind, order, title = next(call[1:] for call in session.calls if call[0] == "start_job")
    assert (kind, title, order["video"]) == ("capture", "Capture Vera", str(home / "Vera talks.mp4"))
    session.jobs.change(session.jobs.states[0].id, state="done")
    kind, trained, title = [call[1:] for call in session.calls if call[0] == "start_job"][1]
    assert (kind, title, trained["minutes"], trained["dataset"]) == ("train", "Train Vera", 20, order["output"])
    assert (trained["method"], trained["preset"]) == ("embedtalk", "cpu") and "set" not in trained
    studio.window.workspaces.show("perform")  # in Jobs its list says it
    session.jobs.change(session.jobs.states[1].id, state="done", result=home / "Vera.avatar")
    toast = studio.window.toasts.shown[-1]
    assert toast.notice.actions[0].text == "Put it on stage"
    toast.notice.actions[0].run()
    assert ("open_avatar", home / "Vera.avatar") in session.calls


def test_every_method_can_be_chosen_with_mouse_and_keys_and_says_what_it_needs(making):
    sheet = making.window.sheet
    assert sheet.methods.sizeHint().height() == len(METHODS) * 44
    for entry in catalog():
        rect = sheet.methods.row_rect(entry.name).center().toPoint()
        QTest.mouseClick(sheet.methods, Qt.MouseButton.LeftButton, pos=rect)
        assert sheet.methods.current == entry
        assert [name for name, _ in sheet.preset._items] == [preset.name for preset in entry.presets]
        assert all(need.words in sheet.needs.text() for need in sheet.chosen_preset.needs)
        assert sheet.panel.height() <= sheet.height()
    sheet.methods.setFocus()
    for _ in METHODS:
        QTest.keyClick(sheet.methods, Qt.Key.Key_Up)
    assert sheet.methods.current.name == METHODS[0]


def test_a_method_whose_prior_is_missing_says_so_and_is_trained_without(making):
    session, sheet = making.session, making.window.sheet
    without = {"prior": "none"}
    presets = (Preset("cpu", 12_000, 0.5, (Need("prior", "Its prior is not here.", False, without=without),)),)
    sheet.show_methods([MethodEntry("dgtalker", "DGTalker", "Holds from all sides.", presets)])
    assert sheet.needs.text() == "Its prior is not here." and sheet.needs.property("tone") == "warn"
    QTest.mouseClick(sheet.length, Qt.MouseButton.LeftButton, pos=sheet.length.segment_rect("0").center().toPoint())
    assert "12,000 steps, about 30 minutes" in sheet.meaning.text()
    click(sheet.go)
    session.jobs.change(session.jobs.states[0].id, state="done")
    trained = [call[2] for call in session.calls if call[0] == "start_job"][1]
    assert (trained["method"], trained["set"]) == ("dgtalker", without) and "minutes" not in trained


def test_a_method_on_a_head_model_fits_it_before_it_trains(making):
    session, sheet = making.session, making.window.sheet
    presets = (Preset("paper", 100, 0.0, (Need("fit", "A head model is fitted first.", head="house"),)),)
    sheet.show_methods([MethodEntry("ggtalker", "GGTalker", "Rigged.", presets)])
    click(sheet.go)
    for job in range(2):
        session.jobs.change(session.jobs.states[job].id, state="done")
    kinds = [call[1:3] for call in session.calls if call[0] == "start_job"]
    assert [kind for kind, _ in kinds] == ["capture", "fit", "train"]
    assert kinds[1][1] == {"dataset": kinds[0][1]["output"], "head": "house"}


def test_what_no_setting_does_without_keeps_the_avatar_from_being_made(making):
    sheet = making.window.sheet
    presets = (Preset("paper", 100, 0.0, (Need("fit", "FLAME is not here.", False, head="flame"),)),)
    sheet.show_methods([MethodEntry("x", "X", "Y", presets)])
    assert not sheet.go.isEnabled() and sheet.needs.property("tone") == "err"


def test_a_capture_that_failed_trains_nothing(making, home):
    studio, session = making, making.session
    click(studio.window.sheet.go)
    studio.window.workspaces.show("perform")  # in Jobs its list says it
    session.jobs.change(session.jobs.states[0].id, state="failed", message="Vera.mp4 has no face; is it visible?")
    assert len(session.jobs.states) == 1
    assert studio.window.toasts.shown[-1].notice.sentence == "Vera.mp4 has no face; is it visible?"


def test_paths_are_shown_from_the_home_folder_on(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert short_path(tmp_path / "Clips" / "Intro, warm.mp4") == os.path.join("~", "Clips", "Intro, warm.mp4")
    assert short_path(tmp_path.parent / "elsewhere.mp4") == str(tmp_path.parent / "elsewhere.mp4")
