"""What is heard in the microphone's place: a sound file that drives the face, or a take that moves it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.workers.file_source import FileSource
    from app.workers.stage import Stage
    from engine.audio.ring import SampleRing

USUAL_OUTPUT_MS = 60.0
"""What a loudspeaker takes, until it is open and says so itself."""


class Playing:
    """Starts and stops both, and keeps a file's sound in step with the picture.

    Args:
        voice_ring: what the face hears; output_ring: what the loudspeaker plays.
        say: sends an event to the window: `file_started` (path), `file_failed` (path, sentence).

    Attributes:
        file: the sound file that is spoken, None for none.
    """

    def __init__(self, stage: "Stage", voice_ring: "SampleRing", output_ring: "SampleRing", say: Any) -> None:
        self._stage, self._voice_ring, self._output_ring, self._say = stage, voice_ring, output_ring, say
        self.file: FileSource | None = None

    def source(self, request: dict[str, Any]) -> None:
        """Another source: `kind` is file, with its `path`, or anything else for none."""
        from app.workers.file_source import FileSource
        from engine.errors import MouthpieceError

        self.stop()
        if request["kind"] != "file":
            return
        path = Path(request["path"])

        def on_failed(sentence: str) -> None:
            self._say("file_failed", path=str(path), sentence=sentence)

        try:
            self.file = FileSource(path, self._voice_ring, self._output_ring, on_failed)
        except MouthpieceError as error:
            on_failed(str(error))
            return
        self.keep_in_step()
        self.file.start()
        self._say("file_started", path=str(path))

    def take(self, request: dict[str, Any]) -> None:
        """Plays a take: `track` (a file of `app.edit.track`), `take` and `edit` for its voice; None gives it back."""
        from app.workers.take_player import TakePlayer, Track

        stage = self._stage
        if not request.get("track"):
            if stage.player is not None:
                stage.player.stop()
                stage.player = None
                stage.redraw()
            return
        if stage.performer is None:
            return
        track = Track.read(Path(request["track"]), len(stage.performer.avatar.schema))
        if stage.player is None:
            stage.player = TakePlayer(self._output_ring)
        stage.player.track = track
        stage.player.use_voice(Path(request["take"]), request["edit"])
        stage.redraw()

    def playhead(self, request: dict[str, Any]) -> None:
        """Where the take that is played stands and how it goes on."""
        from app.workers.take_player import Playhead

        if self._stage.player is not None:
            fields = ("time", "speed", "at", "first", "last")
            playhead = Playhead(*(float(request[name]) for name in fields), bool(request.get("is_loop", False)))
            self._stage.player.move(playhead, float(request.get("volume", 1.0)))

    def keep_in_step(self) -> None:
        """Gives a file's sound to the loudspeaker so much later than the face that both come out together."""
        if self.file is None:
            return
        performer = self._stage.performer
        picture_s = performer.motion_clock.delay_s if performer is not None else 0.0
        loudspeaker_s = (self._output_ring.latency_ms or USUAL_OUTPUT_MS) * 1e-3
        self.file.output_delay_s = max(0.0, picture_s + self._stage.work_s - loudspeaker_s)

    def stop(self) -> None:
        """Ends the file that is spoken; the voice ring may then have another writer."""
        if self.file is not None:
            self.file.stop()
            self.file = None
