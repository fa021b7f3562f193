"""A sound file becomes a take: the avatar speaks it with the whole look-ahead, however long it is."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from engine.audio.wav import SoundReader
from engine.avatar import load_avatar
from engine.errors import AudioError
from engine.export.order import file_hash
from engine.export.script import KNOWN_AHEAD_S
from engine.export.sound import FaceSound
from engine.head_motion import AS_FILMED, HeadMotionChoice, load_head_motion
from engine.performer import Performer
from engine.progress import Progress
from engine.take import TakeInfo, row_of_orbit
from engine.take_writer import TakeWriter

ROWS_HZ = 30.0
"""Moments a second that a spoken take keeps; lips move slower than half of it."""

SILENT_DB = -60.0
CLIPPED_SHARE = 0.01


def speak(
    avatar: Path, voice: Path, output: Path, *, look_ahead_ms: float = 160.0, idle: bool = True, name: str = "",
    seed: int = 0, head_motion: Path | None = None, head_choice: HeadMotionChoice = AS_FILMED,
) -> Iterator[Progress]:  # fmt: skip
    """Makes a take of a sound file; memory stays the same however long it is.

    Args:
        head_motion: a file of `mouthpiece head-motion` by which the voice moves the head too; `head_choice` says how.

    Raises:
        AvatarError, AudioError, OutputError: one sentence each, nothing written.
    """
    yield Progress("Opening", 0, 1)
    sound = SoundReader(voice)
    performer = Performer(load_avatar(avatar), _NoRasterizer(), seed=seed)
    performer.mixer.look_ahead_ms, performer.mixer.is_idle = look_ahead_ms, idle
    if head_motion is not None:
        performer.set_head_motion(load_head_motion(head_motion), head_choice)
    manifest = performer.avatar.manifest
    info = TakeInfo(
        name=name or voice.stem, avatar={"name": manifest.name, "path": str(avatar), "hash": file_hash(avatar)},
        schema_rows=performer.avatar.schema.to_json(), rate_hz=sound.rate_hz, look_ahead_ms=look_ahead_ms,
        created=datetime.now().astimezone().isoformat(timespec="seconds"), notes=f"Spoken from {voice.name}.",
    )  # fmt: skip
    camera = row_of_orbit(manifest.orbit)
    heard, file = FaceSound(sound), sound.blocks()
    level = _Level()
    n_voice, i = 0, 0
    total = round(sound.seconds * ROWS_HZ)
    with TakeWriter(output, info) as take:
        for piece in file:  # a second of voice, then the face's moments in it
            take.voice(piece)
            level.add(piece)
            n_voice += len(piece)
            while (moment := i / ROWS_HZ) < n_voice / sound.rate_hz:
                for block in heard.heard_until(moment + KNOWN_AHEAD_S):
                    performer.push(block)
                made = performer.moment(moment)
                take.row(moment, made.driven, made.user, made.controls.values, camera)
                i += 1
            yield Progress("Speaking", i, max(total, i))
    yield Progress(
        "Done", 1, 1, message=level.words(voice), values={"take": output, "seconds": n_voice / sound.rate_hz}
    )


class _Level:
    """Whether a voice was silent or clipped: worth a word, no reason to refuse it."""

    def __init__(self) -> None:
        self._peak, self._clipped, self._n = 0.0, 0, 0

    def add(self, samples: np.ndarray) -> None:
        loud = np.abs(samples)
        self._peak = max(self._peak, float(loud.max(initial=0.0)))
        self._clipped += int((loud >= 0.999).sum())
        self._n += len(samples)

    def words(self, voice: Path) -> str:
        if self._peak < 10 ** (SILENT_DB / 20):
            return f"{voice.name} is silent; the face rests throughout."
        if self._clipped > CLIPPED_SHARE * self._n:
            share = 100 * self._clipped / self._n
            return (
                f"{voice.name} is clipped in {share:.0f} % of its samples; lips may be rough. Record it more quietly."
            )
        return ""


class _NoRasterizer:
    """A take is spoken without being drawn."""

    name = "none"

    def render(self, layers, camera, **_):
        raise AudioError("a take is spoken, not drawn.")

    def close(self) -> None:
        pass
