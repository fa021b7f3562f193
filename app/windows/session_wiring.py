"""Joins the session and the panels: what is asked goes to the session, what happens is shown."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.clap_test import ClapTest
from app.panels.latency import Latency
from app.windows.camera_page import late_words
from app.windows.file_tasks import FileTasks, name_take, show_file
from app.windows.library_wiring import LibraryWiring
from app.windows.main_window import MainWindow
from app.windows.orders import clip_path, take_order
from app.windows.toasts import Notice, ToastAction
from engine.errors import MouthpieceError

STAGES_EVERY_FRAMES = 6


class SessionWiring(QObject):
    """Lives as long as the window."""

    preferences_wanted = Signal(str)
    edit_wanted = Signal(object)
    camera_changed = Signal(bool, str)

    def __init__(self, window: MainWindow, session, library: LibraryWiring, tasks: FileTasks) -> None:
        super().__init__(window)
        self._window, self._session, self._settings = window, session, window.settings
        self._library, self._tasks = library, tasks
        self._is_recording = self._is_muted = self._is_camera_on = False
        self._camera_words = ""
        self._join_session()
        self._join_live_bar()
        self._join_notes()

    # What may be asked

    def toggle_recording(self) -> None:
        if self._session.manifest is None:
            self._say("info", "Nothing to record yet", "Open an avatar first.")
        elif self._is_recording:
            self._session.stop_recording()
        else:
            self._session.start_recording()

    def save_last(self) -> None:
        if self._session.manifest is not None:
            self._session.save_last(30)

    def toggle_microphone(self) -> None:
        self._session.set_microphone_muted(not self._is_muted)

    def set_look_ahead(self, milliseconds: float) -> None:
        self._settings.sound.look_ahead_ms = milliseconds
        self._window.live_bar.show_look_ahead(milliseconds)
        self._session.set_look_ahead_ms(milliseconds)

    def use_microphone(self, name: str | None) -> None:
        self._settings.sound.device = name
        self._session.use_microphone(name)

    def set_gate_db(self, gate_db: float) -> None:
        self._settings.sound.gate_db = gate_db
        self._window.live_bar.meter.show_gate(gate_db)
        self._session.set_gate_db(gate_db)

    def set_gain_db(self, gain_db: float) -> None:
        self._settings.sound.gain_db = gain_db
        self._session.set_gain_db(gain_db)

    def toggle_virtual_camera(self) -> None:
        self._session.set_virtual_camera(not self._is_camera_on)

    def use_camera_voice(self, name: str | None) -> None:
        """Which output gets the voice while the virtual camera is on, None for none."""
        self._settings.sound.camera_voice = name
        self._session.camera_voice.use_device(name)

    def show_camera_on(self, page) -> None:
        """Keeps a page of the preferences telling how it goes with the virtual camera, as long as it is there."""
        self.camera_changed.connect(page.show_camera)
        self._session.camera_voice.changed.connect(page.show_voice)
        page.show_camera(self._is_camera_on, self._camera_words)
        page.show_voice(self._session.camera_voice.state)

    def _on_performer_said(self, event: dict) -> None:
        if event.get("event") == "head_unit":
            self._window.timeline.show_head_unit(int(event["unit"]), float(event["film_s"]), float(event["time"]))
        if event.get("event") == "camera_out":
            self._is_camera_on, self._camera_words = bool(event["is_on"]), event["sentence"]
            self.camera_changed.emit(self._is_camera_on, self._camera_words)
            if self._is_camera_on:
                self._say("good", "Virtual camera is on", f"Choose {event['sentence']} in the other program.")
            elif event["sentence"]:
                self._say("warn", "There is no virtual camera", event["sentence"])
            self._window.commands.set_checked("view.virtual_camera", self._is_camera_on)

    def export(self, order: dict, title: str) -> None:
        """Sends a render order to a job."""
        self._session.jobs.start("render", order, title)

    # The session tells

    def _join_session(self) -> None:
        session = self._session
        session.frame_ready.connect(self._on_frame)
        session.avatar_opened.connect(self._on_avatar_opened)
        session.process_changed.connect(self._on_process)
        session.source_changed.connect(self._on_source)
        session.devices_changed.connect(self._window.live_bar.show_devices)
        session.recording_changed.connect(self._on_recording)
        session.take_saved.connect(self._on_take_saved)
        session.jobs.changed.connect(self._on_job)
        session.performer_said.connect(self._on_performer_said)
        session.note.connect(self._on_note)

    def _on_frame(self) -> None:
        view = self._session.frames.newest()
        if view is None:
            return
        window = self._window
        window.live_bar.show_frame(view.header)
        window.timeline.show_frame(view.header)
        window.status.show_frame(view.header)
        if view.header.sequence % STAGES_EVERY_FRAMES == 0:
            self._show_offset(view.header.voice_offset_ms)
        if window.stage_panel.isVisible() and view.header.sequence % STAGES_EVERY_FRAMES == 0:
            window.stage_panel.show_latency(self._latency() or Latency.of(view.header))

    def _show_offset(self, take_ms: float) -> None:
        """The voice's distance from the picture: of the camera's while it is sent, else of takes."""
        voice = self._session.camera_voice.state
        if voice.is_live:
            self._window.status.show_offset(voice.offset_ms, f"{late_words(voice)}, to {voice.name}.")
        else:
            self._window.status.show_offset(take_ms if self._session.source.kind != "none" else None)

    def _latency(self) -> Latency | None:
        """Up to the painted picture; None while the viewport has drawn none."""
        log = getattr(self._window.viewport, "latency", None)
        return Latency.of_log(log) if log else None

    def _on_avatar_opened(self, manifest) -> None:
        self._window.timeline.show_avatar(manifest.schema)
        self._window.status.show_avatar(manifest.name)
        self._window.live_bar.show_can_record(True)

    def _on_process(self, name: str, state: str, sentence: str) -> None:
        self._window.status.show_process(name, state, sentence)
        if state == "running":
            self._window.toasts.dismiss(f"The {name} process")

    def _on_source(self, source) -> None:
        window = self._window
        self._is_muted = source.is_muted
        window.live_bar.show_source(source.kind, source.name, source.sentence, source.is_muted)
        window.status.show_source(source.kind)
        window.commands.set_checked("sound.microphone", source.kind != "none" and not source.is_muted)
        if source.sentence and source.kind != "microphone":
            self._say_no_microphone(source.sentence)
        elif source.kind != "none":
            window.toasts.dismiss("microphone")

    def _say_no_microphone(self, sentence: str) -> None:
        actions = (
            ToastAction("Use a sound file", self._library.choose_sound, "file-import-outline"),
            ToastAction("Sound settings", lambda: self.preferences_wanted.emit("sound"), "cog-outline"),
        )
        notice = Notice("warn", "No microphone", sentence, actions, icon="microphone-off", key="microphone")
        self._window.toasts.show(notice)

    def _on_note(self, level: str, title: str, sentence: str) -> None:
        if title == "Microphone" and level == "warn":
            return  # the source says it already, with a way out
        self._window.toasts.show(Notice(level, title, sentence, key=title) if title else Notice(level, sentence))

    def _on_recording(self, is_recording: bool) -> None:
        self._is_recording = is_recording
        name = self._window.library.next_take_name
        self._window.timeline.show_recording(is_recording, name)
        self._window.live_bar.show_recording(is_recording)

    def _on_take_saved(self, path) -> None:
        wanted = self._window.library.next_take_name
        self._tasks.run(partial(self._named_order, Path(path), wanted), self._on_take_named)

    def _named_order(self, path: Path, wanted: str) -> tuple[str, dict | None, str]:
        """Off the GUI thread: gives a saved take its number for a name; the order of its clip and where that goes."""
        name = name_take(path, wanted)
        avatar = self._library.stage_path
        if not self._settings.render_takes or avatar is None:
            return name, None, ""
        output = clip_path(self._settings.export_folder, name)
        return name, take_order(avatar, path, output, self._settings), output.name

    def _on_take_named(self, answer: object) -> None:
        self._library.scan()
        if isinstance(answer, MouthpieceError | str):
            self._say("err", "The take cannot be rendered", str(answer))
            return
        name, order, clip = answer
        self._window.status.show_saved(name)
        if order is None:
            self._say("good", f"{name} saved", "It is in the library.")
            return
        self.export(order, f"Export {name}")
        self._say("good", f"{name} saved", f"It is being rendered to {clip} while you go on.")

    def _on_job(self, job) -> None:
        is_watched = self._window.workspaces.current == "jobs"  # its list says the same
        if job.state == "done" and job.kind not in ("capture", "fit") and job.result is not None:
            # capture and fit go on to training
            show = ToastAction("Show clip", partial(show_file, job.result), "play-circle-outline")
            if job.kind in ("train", "speak"):
                self._library.scan()
            if job.kind == "train":
                if job.to_stage:
                    self._library.open_avatar(Path(job.result))
                show = ToastAction("Put it on stage", partial(self._library.open_avatar, Path(job.result)))
            elif job.kind == "evaluate":
                show = ToastAction("Show the report", partial(show_file, job.result), "chart-line")
            elif job.kind == "speak":
                show = ToastAction("Edit it", partial(self.edit_wanted.emit, Path(job.result)), "pencil-outline")
            if is_watched:
                return
            self._window.toasts.show(Notice("good", f"{job.title} is done", Path(job.result).name, (show,), key=job.id))
        elif job.state == "failed" and not is_watched:
            log = ToastAction("Show log", partial(show_file, job.log))
            sentence = job.message or "It stopped with an error."
            self._window.toasts.show(Notice("err", f"{job.title} stopped", sentence, (log,), key=job.id))

    # The panels ask

    def _join_live_bar(self) -> None:
        bar, session = self._window.live_bar, self._session
        bar.seconds = lambda: session.recording_seconds
        bar.latency = self._latency
        panel = self._window.stage_panel
        self.clap_test = ClapTest(session, self._window.viewport, parent=self)
        panel.clap_wanted.connect(self.clap_test.start)
        self.clap_test.said.connect(panel.show_clap)
        panel.words_changed.connect(lambda: self._window.show_stage_panel(panel.isVisible()))
        bar.show_can_record(session.manifest is not None, "Open an avatar first.")
        bar.show_look_ahead(self._settings.sound.look_ahead_ms)
        bar.meter.show_gate(self._settings.sound.gate_db)
        bar.microphone_muted.connect(session.set_microphone_muted)
        bar.microphone_chosen.connect(self.use_microphone)
        bar.sound_file_wanted.connect(self._library.choose_sound)
        bar.sound_settings_wanted.connect(lambda: self.preferences_wanted.emit("sound"))
        bar.gate_changed.connect(self.set_gate_db)
        bar.look_ahead_chosen.connect(self.set_look_ahead)
        bar.stages_wanted.connect(self._window.show_stage_panel)
        bar.record_wanted.connect(self.toggle_recording)
        bar.last_seconds_wanted.connect(self.save_last)

    def _join_notes(self) -> None:
        window = self._window
        window.toasts.kept_changed.connect(self._show_kept)
        window.status.messages_wanted.connect(self._reopen_kept)

    def _say(self, level: str, title: str, sentence: str = "") -> None:
        self._window.toasts.show(Notice(level, title, sentence))

    def show_result(self, path: Path) -> None:
        """An avatar goes on stage, everything else opens with the program the desktop has for it."""
        if path.suffix == ".avatar":
            self._library.open_avatar(path)
        else:
            show_file(path)

    def _show_kept(self, count: int) -> None:
        button = self._window.status.messages
        button.setVisible(count > 0)
        button.setText(f"{count} more note" + ("s" if count != 1 else ""))

    def _reopen_kept(self) -> None:
        for notice in self._window.toasts.clear_kept()[-2:]:
            self._window.toasts.show(notice)
