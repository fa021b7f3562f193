"""The performer process: avatars, encoders and rasterizer behind a pipe and memory-mapped files; it knows no Qt."""

import argparse
import gc
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from app.real_time import share_interpreter
from app.workers.entering import Entering

ALIVE_PERIOD_S = 0.5
BACKEND_VARIABLE = "MOUTHPIECE_BACKEND"
NO_STAGE_PERIOD_S = 0.03
LOOK_FIELDS = ("values", "muted", "soloed", "strengths", "guard", "lip_gain", "smoothing_ms", "look_ahead_ms",
               "is_idle", "settings", "joins", "shapes")  # fmt: skip


def main(argv: list[str]) -> int:
    """`mouthpiece _performer FOLDER`: runs until the window closes its end of the pipe.

    `--loader module:function` names what opens avatars (a path in, an avatar out), `--rasterizer` what makes the
    rasterizer (a backend's name in, None for the fastest).
    """
    from app.workers.lines import Lines

    parser = argparse.ArgumentParser(prog="mouthpiece _performer")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--loader", default="app.workers.entering:load_avatar")
    parser.add_argument("--rasterizer", default="engine.raster:pick_rasterizer")
    parser.add_argument("--rate", type=float, default=60.0)
    arguments = parser.parse_args(argv)
    gc.disable()  # until an avatar is on stage: collecting while torch is loaded takes a tenth of that time
    lines = Lines.of_process()
    share_interpreter()  # with the threads that take requests and play files
    _share_cores()
    process = PerformerProcess(
        arguments.folder, lines, _named(arguments.loader), _named(arguments.rasterizer), arguments.rate
    )
    process.run()
    lines.close()
    sys.stderr.flush()
    os._exit(0)  # nothing is left to save, and taking torch apart would take a second


class PerformerProcess:
    """The loop: requests, then sound, then a picture when one is due.

    Args:
        folder: the per-run folder with the rings; frames and control records are written there.
        load_avatar: path to avatar.
        make_rasterizer: called once, on the loop's own thread.
    """

    def __init__(
        self, folder: Path, lines: Any, load_avatar: Callable, make_rasterizer: Callable, rate_hz: float = 60.0
    ) -> None:
        from app.workers.film import FilmLine
        from app.workers.frames import FRAMES, FrameWriter
        from app.workers.head_moving import HeadMoving
        from app.workers.inspecting import Inspecting
        from app.workers.playing import Playing
        from app.workers.rival import Rival
        from app.workers.stage import Stage
        from app.workers.voice_line import VoiceLine
        from engine.audio.ring import OUTPUT_RING, VOICE_RING, SampleRing

        self._folder, self._lines = folder, lines
        self._load_avatar, self._make_rasterizer = load_avatar, make_rasterizer
        self._voice_ring = SampleRing.attach(folder / VOICE_RING)
        self._output_ring = SampleRing.attach(folder / OUTPUT_RING)
        self._voice = VoiceLine(self._voice_ring)
        self._frames = FrameWriter(folder / FRAMES)
        self.stage = Stage(self._frames, self._voice)
        self.stage.pace.rate_hz = rate_hz
        self._inspecting = Inspecting(folder, self.stage, lines.say)
        self._head = HeadMoving(self.stage, lines.say)
        self._film = FilmLine(self.stage, lines.say)
        self._rival = Rival(folder, self._voice, self._open, make_rasterizer, lines.say)
        self._records: Any = None
        self._rasterizer: Any = None
        self._backend: str | None = os.environ.get(BACKEND_VARIABLE) or None
        self._playing = Playing(self.stage, self._voice_ring, self._output_ring, lines.say)
        self._entering: Entering | None = None
        self._portraits: deque[dict[str, Any]] = deque()  # asked for while a hand moves something
        self._n_streams = 0
        self._last_sequence = 0
        self._alive_at = -math.inf

    def run(self) -> None:
        """Goes round until the window is gone."""
        self._lines.say("ready", pid=os.getpid())
        while not self._lines.is_closed:
            self._hear()
            for request in self._lines.take():  # what a hand moved while sound was heard is in this round's picture
                self._obey(request)
            self._let_enter()
            self._rival.let_enter(self.stage, self._rasterizer)
            self._head.take_news()
            if self._inspecting.take_news():
                self._obey({"do": "view", "mode": self.stage.look.mode})
            self._show()
            if self._portraits and not self.stage.is_in_hand:
                self._obey(self._portraits.popleft())
            self._rest()
        self._playing.stop()

    def _obey(self, request: dict[str, Any]) -> None:
        from engine.errors import MouthpieceError

        action = getattr(self, f"_on_{request.get('do')}", None)
        if action is None:
            print(f"unknown request: {request.get('do')!r}", file=sys.stderr)
            return
        try:
            action(request)
        except MouthpieceError as error:
            self._lines.say("note", level="err", title="", sentence=str(error), about=request.get("do"))
        except (KeyError, TypeError, ValueError) as error:
            print(f"a request that cannot be understood was left out: {request!r}: {error!r}", file=sys.stderr)

    def _on_avatar(self, request: dict[str, Any]) -> None:
        self._entering = self._open(Path(request["path"]), int(request["number"]))

    def _open(self, path: Path, number: int) -> Entering:
        return Entering(path, number, self._load_avatar)

    def _on_compare(self, request: dict[str, Any]) -> None:
        self._rival.ask(request)

    def _on_look(self, request: dict[str, Any]) -> None:
        for name in LOOK_FIELDS:
            if name in request:
                setattr(self.stage.look, name, request[name])
        self.stage.note_hand()
        self.stage.apply_look()
        self._rival.apply(self.stage)

    def _on_film(self, request: dict[str, Any]) -> None:
        self._film.ask(request, self._playing.file)
        self._rival.apply(self.stage)

    def _on_head_motion(self, request: dict[str, Any]) -> None:
        self._head.ask(request)
        self._rival.apply(self.stage)

    def _on_edits(self, request: dict[str, Any]) -> None:
        from engine.edits import Edits

        self.stage.look.edits = Edits.from_json(request["edits"]) if request["edits"] else None
        self.stage.apply_look()

    def _on_external(self, request: dict[str, Any]) -> None:
        """A face from outside in place of the voice."""
        stage = self.stage
        if "strength" in request:
            stage.external_strength = min(1.0, max(0.0, float(request["strength"])))
        if "values" in request:
            stage.external = {str(name): float(value) for name, value in request["values"].items()}
        stage.apply_external()

    def _on_view(self, request: dict[str, Any]) -> None:
        from app.workers.stage import clamped_size
        from engine.camera import Orbit

        look = self.stage.look
        if "orbit" in request:
            look.orbit = Orbit.from_json(request["orbit"]) if request["orbit"] else None
            self.stage.note_hand()
        if "size" in request:
            look.width, look.height = clamped_size(*request["size"])
        if "mode" in request:
            look.mode = str(request["mode"])
        if "background" in request:
            look.background = request["background"]
        self.stage.redraw()
        if "mode" in request or "background" in request:
            self._apply_view()
        self._rival.apply(self.stage)

    def _apply_view(self) -> None:
        from engine.errors import AvatarError

        if self._inspecting.must_wait(self.stage.look.mode):
            return
        try:
            self._inspecting.say_reach(self.stage.apply_view(self._inspecting.options()))
        except AvatarError:
            refused, self.stage.look.mode = self.stage.look.mode, "color"  # this avatar has nothing to show there
            self._lines.say("view_refused", mode="color", refused=refused)
            raise

    def _on_inspect(self, request: dict[str, Any]) -> None:
        self._inspecting.inspect()

    def _on_select(self, request: dict[str, Any]) -> None:
        self._inspecting.select(request)

    def _on_portrait(self, request: dict[str, Any]) -> None:
        if self.stage.is_in_hand:
            self._portraits.append(request)
        else:
            self._inspecting.portrait(request)

    def _on_maps(self, request: dict[str, Any]) -> None:
        self._inspecting.maps()

    def _on_marks(self, request: dict[str, Any]) -> None:
        self._inspecting.marks(request)
        self._apply_view()

    def _on_voice(self, request: dict[str, Any]) -> None:
        voice = self._voice.voice
        voice.gain.db = float(request.get("gain_db", voice.gain.db))
        if "gate_db" in request:
            voice.gate.threshold_db = None if request["gate_db"] is None else float(request["gate_db"])

    def _on_source(self, request: dict[str, Any]) -> None:
        self._playing.source(request)

    def _on_take(self, request: dict[str, Any]) -> None:
        self._playing.take(request)

    def _on_playhead(self, request: dict[str, Any]) -> None:
        self._playing.playhead(request)

    def _on_camera_out(self, request: dict[str, Any]) -> None:
        """Switches the machine's virtual camera on or off; where there is none it says what is missing."""
        from app.workers.camera_out import CameraOut
        from engine.errors import OutputError

        stage = self.stage
        if stage.camera_out is not None:
            stage.camera_out.close()
            stage.camera_out = None
        sentence = ""
        if request["is_on"]:
            try:
                stage.camera_out = CameraOut(lambda words: self._lines.say("camera_out", is_on=False, sentence=words))
                sentence = stage.camera_out.name
                stage.redraw()
            except OutputError as error:
                sentence = str(error)
        self._lines.say("camera_out", is_on=stage.camera_out is not None, sentence=sentence)

    def _on_backend(self, request: dict[str, Any]) -> None:
        """Changes the rasterizer while running; what cannot run here leaves the present one."""
        name = request["name"]
        self._backend = None if name in (None, "auto") else str(name)
        if self._rasterizer is not None:
            self._rasterizer = self._picked_rasterizer()
            if self.stage.performer is not None:
                self.stage.performer.rasterizer = self._rasterizer
                self.stage.redraw()

    def _first_rasterizer(self) -> Any:
        """The one asked for, else the fastest: a setting from another machine must not keep the stage empty."""
        from engine.errors import BackendError

        try:
            return self._picked_rasterizer()
        except BackendError as error:
            if self._backend is None:
                raise
            self._lines.say("note", level="warn", title="", sentence=f"{error} The fastest is used instead.")
            self._backend = None
            return self._picked_rasterizer()

    def _picked_rasterizer(self) -> Any:
        return self._make_rasterizer() if self._backend is None else self._make_rasterizer(self._backend)

    def _on_rate(self, request: dict[str, Any]) -> None:
        self.stage.pace.rate_hz = min(240.0, max(1.0, float(request["rate_hz"])))

    def _hear(self) -> None:
        block = self._voice.read()
        if block is None or self.stage.performer is None:
            return
        is_fresh = self._voice.n_streams != self._n_streams
        if is_fresh:
            self._n_streams = self._voice.n_streams
            self.stage.performer.start_afresh()
        self.stage.performer.push(block)
        self._rival.push(block, is_fresh)

    def _let_enter(self) -> None:
        """Puts a loaded avatar on stage; until then the one before goes on performing."""
        from app.workers.control_records import ControlRecords
        from engine.errors import MouthpieceError
        from engine.performer import Performer

        entering = self._entering
        if entering is None or not entering.is_done:
            return
        self._entering = None
        try:
            if entering.failure is not None:
                raise entering.failure
            if self._rasterizer is None:
                self._rasterizer = self._first_rasterizer()
            performer = Performer(entering.avatar, self._rasterizer, is_live=True)
            is_first = self.stage.performer is None
            self.stage.enter(performer, entering.number)
            self._records = ControlRecords(self._folder, entering.number, performer.avatar.schema)
        except (MouthpieceError, OSError) as error:
            self._lines.say("avatar_failed", number=entering.number, sentence=str(error))
            return
        if not is_first:
            gc.unfreeze()
            gc.collect()  # the avatar before
        gc.freeze()  # what is loaded stays: no collection goes through it again while the face moves
        gc.enable()
        self._inspecting.mark_again()
        self._lines.say("avatar_entered", number=entering.number, backend=self._rasterizer.name)
        self._obey({"do": "view", "mode": self.stage.look.mode})

    def _show(self) -> None:
        now = time.perf_counter()
        if self.stage.performer is not None and self.stage.is_due(now):
            self.stage.pace.began(now, is_with_sound=self._voice.is_live)
            n_drawn = self.stage.n_drawn
            moment = self.stage.tick(self._is_hand_waiting)
            self._rival.follow(self.stage, self.stage.n_drawn > n_drawn)
            if self._frames.sequence != self._last_sequence:
                self._last_sequence = self._frames.sequence
                self._lines.say_newest("frame", sequence=self._last_sequence)
            self._head.name_unit(moment, self._voice.clock.wall_at)
            self._records.append(
                self._voice.clock.wall_at(moment.motion_time), moment.driven, moment.user, moment.controls.values,
                self.stage.orbit,
            )  # fmt: skip
        if now - self._alive_at > ALIVE_PERIOD_S:
            self._alive_at = now
            self._playing.keep_in_step()
            self._film.follow(self._playing.file)
            camera = self.stage.camera_out
            self._lines.say_newest(
                "alive", drift_ppm=round(self._voice.clock.drift_ppm, 1), camera_ms=camera.late_ms if camera else 0.0
            )

    def _is_hand_waiting(self) -> bool:
        return self._lines.has("look", "view")

    def _rest(self) -> None:
        if self.stage.performer is None:
            self._lines.wait(NO_STAGE_PERIOD_S)
            return
        now = time.perf_counter()
        wait_s, is_awaited = self.stage.pace.wait_s(now), self._voice.is_awaited(now)
        if wait_s > 0 or is_awaited:  # sound is heard as it comes, so that the frame finds little left to do
            sound_s = self._voice.next_in_s(now)
            self._lines.wait(sound_s if is_awaited else min(wait_s, sound_s))


def _share_cores() -> None:
    """One budget of threads for torch and numba, which take turns; they wait asleep, not spinning."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    from engine.device import set_thread_budget

    set_thread_budget()
    torch.set_grad_enabled(False)


def _named(name: str) -> Callable:
    module, function = name.split(":")

    def call(*arguments: Any) -> Any:
        return getattr(import_module(module), function)(*arguments)

    return call
