"""The avatar on stage in the performer process: what the window asked to see, drawn into the frame slots."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.workers.frames import MAX_CONTROLS, MAX_SIDE_PX, FrameHeader, FrameWriter
from app.workers.pace import Hand, Pace, RenderScale, scaled
from app.workers.voice_line import VoiceLine
from engine.camera import Camera, Orbit
from engine.controls import Controls
from engine.edits import Edits
from engine.errors import AvatarError, OutputError
from engine.gaussians import Gaussians
from engine.head_motion import AS_FILMED, HeadMotion, HeadMotionChoice
from engine.latency import LatencyLog
from engine.live_view import LiveView, ViewOptions
from engine.performer import Moment, Performer
from engine.source_shape import Shape

if TYPE_CHECKING:  # what only some performances need is not loaded for all
    from app.workers.camera_out import CameraOut
    from app.workers.film import Film
    from app.workers.take_player import TakePlayer

STILL = 1e-4
"""Controls that differ by less than this show the same picture."""

METER_PERIOD_S = 0.05
"""How often figures (level, latency) are published while the picture stands still."""

MAX_UNREAD = 2
"""Frames the window may be behind; more of them would only take the processor from it."""

PERCENTILES_EVERY_S = 0.1
"""How often the percentiles that frames carry are worked out, after a picture: one that is ready waits for none."""

UNSEEN_PERIOD_S = 0.1
"""How often a picture is drawn all the same while the window takes none, minimised or busy."""

SHARPEN_AFTER_S = 0.15
"""A picture drawn smaller than asked is drawn once more in full when nothing has moved for so long."""


@dataclass
class Look:
    """How the avatar is shown; every request of the window changes some of it."""

    orbit: Orbit | None = None  # None: the avatar's own view
    width: int = 512
    height: int = 512
    mode: str = "color"
    background: tuple[float, float, float] | str | None = None
    version: int = 0  # counts changes that need a new picture
    values: dict[str, float] = field(default_factory=dict)
    muted: list[str] = field(default_factory=list)
    soloed: list[str] = field(default_factory=list)
    strengths: dict[str, float] = field(default_factory=dict)
    guard: float = 0.5
    lip_gain: float = 1.0
    smoothing_ms: float = 0.0
    look_ahead_ms: float = 40.0
    is_idle: bool = True
    settings: dict[str, Any] = field(default_factory=dict)
    joins: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, list[float]] = field(default_factory=dict)  # gain, delay, curve by place
    head_motion: HeadMotion | None = None
    head_choice: HeadMotionChoice = AS_FILMED
    film: "Film | None" = None  # while it is heard, its cameras are used
    edits: Edits | None = None
    options: ViewOptions = field(default_factory=ViewOptions)


class Stage:
    """Draws one performer's moments into the slots, only when something has changed.

    Attributes:
        performer: None while no avatar is on stage.
        number: of the avatar on stage, as the window counts.
    """

    def __init__(self, frames: FrameWriter, voice: VoiceLine) -> None:
        self.look = Look()
        self.performer: Performer | None = None
        self.number = 0
        self.pace = Pace()
        self.external: dict[str, float] = {}
        self.external_strength = 1.0
        self.player: TakePlayer | None = None  # while a take is played, it moves the face
        self._played = -1.0
        self.camera_out: CameraOut | None = None  # the machine's virtual camera, while it is on
        self._frames, self._voice = frames, voice
        self._latency = LatencyLog()
        self._percentiles, self._percentiles_at = self._latency.percentiles(), -np.inf
        self._scale = RenderScale()
        self._hand = Hand()
        self._header = FrameHeader()
        self._stages: dict[str, float] = {}
        self._drawn_frame: int | None = None  # of the training video
        self._drawn: tuple[int, np.ndarray] | None = None  # version of the look, controls
        self._drawn_with: tuple[float, tuple[int, int]] | None = None  # sound's time and size of the newest picture
        self._n_drawn = 0
        self._is_sharp = True
        self._drawn_at = self._published_at = -np.inf

    def enter(self, performer: Performer, number: int) -> None:
        """Puts an avatar on stage in place of the one before, with the look as it stands.

        Raises:
            AvatarError: if it has more controls than a frame carries.
        """
        n = len(performer.avatar.schema)
        if n > MAX_CONTROLS:
            raise AvatarError(
                f"{performer.avatar.manifest.name}: has {n} controls, at most {MAX_CONTROLS} can be shown."
            )
        self.performer, self.number = performer, number
        self.external = {}
        self.apply_look()
        self._latency.clear()
        self._scale.reset()

    def redraw(self) -> None:
        """Something that shows has changed: a new picture follows."""
        self.look.version += 1

    def note_hand(self) -> None:
        """A slider or the camera was moved by hand: it is answered at once, smaller if that is what it takes."""
        self._hand.moved(time.perf_counter())

    @property
    def is_in_hand(self) -> bool:
        """Whether a slider or the camera is being moved: what can wait does."""
        return self._hand.is_moving(time.perf_counter())

    @property
    def is_asked(self) -> bool:
        """Whether a hand or the window changed something that no picture shows yet."""
        return self._drawn is None or self._drawn[0] != self.look.version

    def is_due(self, now: float) -> bool:
        """Whether the next round is due: because something waits to be shown, or by its rate and with the sound."""
        if self.is_asked and self._frames.n_unread < MAX_UNREAD:
            return True
        return self.pace.wait_s(now) <= 0 and not self._voice.is_awaited(now)

    def apply_look(self) -> None:
        """Brings the performer in line with the look after a request changed it; a new picture follows."""
        self.redraw()
        if self.performer is None:
            return
        look, mixer, schema = self.look, self.performer.mixer, self.performer.avatar.schema
        mixer.set_joins(look.joins)
        mixer.set_shapes({place: Shape(*row) for place, row in look.shapes.items()})
        self.performer.set_head_motion(look.head_motion, look.head_choice)
        mixer.reset_user()
        mixer.set_user({name: value for name, value in look.values.items() if _is_known(schema, name)})
        mixer.set_silenced(look.muted, look.soloed)
        mixer.set_strengths(look.strengths)
        mixer.guard.strength = look.guard
        mixer.lip_gain, mixer.smoothing_ms = look.lip_gain, look.smoothing_ms
        mixer.look_ahead_ms, mixer.is_idle = look.look_ahead_ms, look.is_idle
        known = {setting.name for setting in self.performer.avatar.settings}
        for name, value in look.settings.items():
            if name in known and mixer.settings.get(name) != value:
                self.performer.set_setting(name, value)
        fits = look.edits is not None and len(look.edits) == self.performer.avatar.manifest.n_gaussians
        self.performer.edits = look.edits if fits else None

    def apply_external(self) -> None:
        """Gives the mixer what comes from outside; when it comes or goes, the face eases over."""
        if self.performer is None:
            return
        mixer = self.performer.mixer
        if bool(mixer.external) != bool(self.external):
            mixer.crossfade_soon()
        mixer.external, mixer.external_strength = self.external, self.external_strength

    def apply_view(self, options: ViewOptions | None = None) -> LiveView | None:
        """Brings view mode and background in line with the look; the view, None for the plain picture.

        Raises MouthpieceError for what it cannot show.
        """
        self.redraw()
        if self.performer is None:
            return None
        options = options or self.look.options
        self.performer.background = background_of(self.look.background, *self._full_size())
        self.performer.view = None
        if self.look.mode != "color" or options.changes_color:
            self.performer.view = LiveView(self.look.mode, self.performer.avatar, options)
        return self.performer.view

    def posed_layers(self, camera: Camera) -> list[Gaussians]:
        """The splats as the newest picture shows them, edits applied."""
        performer = self.performer
        schema = performer.avatar.schema
        values = self._drawn[1] if self._drawn is not None and len(self._drawn[1]) == len(schema) else None
        controls = schema.rest() if values is None else Controls(schema, values)
        layers = performer.avatar.deform(performer.avatar.animate(controls, performer.mixer.settings), camera)
        return performer.edits.apply(layers) if performer.edits is not None else layers

    def tick(self, is_hand_waiting: Callable[[], bool] = lambda: False) -> Moment | None:
        """One round of the picture loop: the moment as it now is, drawn and published if anything has changed.

        Args:
            is_hand_waiting: whether a hand has moved since; a picture that answers no hand is then given up before it
                is rasterized, for the next one to answer sooner.
        """
        if self.performer is None:
            return None
        now = time.perf_counter()
        moment = self._moment(now)
        self._log_latency_of_sound(moment, now)
        if not self._is_still(moment):
            if self._frames.n_unread < MAX_UNREAD or now - self._drawn_at > UNSEEN_PERIOD_S:
                self._draw(moment, now, self._size(now), None if self.is_asked else is_hand_waiting)
        elif not self._is_sharp and now - self._drawn_at > SHARPEN_AFTER_S:
            self._draw(moment, now, self._full_size(), is_hand_waiting)
        elif now - self._published_at >= METER_PERIOD_S and self._voice.is_live:
            self._published_at = now
            self._frames.repeat(self._figures(moment, now))
        return moment

    def _moment(self, now: float) -> Moment:
        """What the face does now: what it hears, or what the take that is played did at the playhead."""
        at = self._voice.clock.sound_at(now)
        player, schema = self.player, self.performer.avatar.schema
        if player is None or player.track is None or player.track.values.shape[1] != len(schema):
            return self.performer.moment(at)
        place = player.playhead.where(now)
        orbit = player.track.orbit_at(place) if place != self._played else None  # while it stands, the camera is free
        self._played = place
        if orbit is not None and orbit != self.look.orbit:
            self.look.orbit = orbit
            self.redraw()
        values = player.track.values_at(place)
        return Moment(at, -np.inf, -np.inf, at, values, schema.neutral().values, Controls(schema, values), 1.0, {})

    def draw_with(self, other: "Stage") -> None:
        """Draws the moment another stage drew last, at its time and size."""
        if self.performer is None or other._drawn_with is None:
            return
        sound_time, size = other._drawn_with
        now = time.perf_counter()
        moment = self.performer.moment(sound_time)
        self._log_latency_of_sound(moment, now)
        self._draw(moment, now, size)

    @property
    def n_drawn(self) -> int:
        """Pictures drawn so far."""
        return self._n_drawn

    @property
    def work_s(self) -> float:
        """What drawing a frame takes, median of the last seconds."""
        p50, *_ = self._percentiles
        return 1e-3 * sum(p50[name] for name in ("drive", "deform", "raster", "present"))

    @property
    def orbit(self) -> Orbit:
        return self.look.orbit or self.performer.avatar.manifest.orbit

    def _full_size(self) -> tuple[int, int]:
        return self.look.width, self.look.height

    def _size(self, now: float) -> tuple[int, int]:
        """The size to draw at: what the machine can hold, or less while a hand is moving something."""
        return scaled(*self._full_size(), min(self._scale.scale, self._hand.scale(now)))

    def _is_still(self, moment: Moment) -> bool:
        """Whether the picture drawn last still shows this moment."""
        if self.is_asked:
            return False
        values = moment.controls.values
        if self._film_index(moment) != self._drawn_frame:
            return False
        return len(values) == len(self._drawn[1]) and np.abs(values - self._drawn[1]).max() <= STILL

    def _draw(
        self, moment: Moment, now: float, size: tuple[int, int], is_outdated: Callable[[], bool] | None = None
    ) -> None:
        width, height = size
        self._fit_background(width, height)
        index, film = self._film_index(moment), self.look.film
        camera = self.orbit.camera(width, height) if index is None else film.camera(index, width, height)
        frame = self.performer.picture(moment, camera, self._frames.claim(width, height), is_outdated)
        if frame is None:
            return
        if self.camera_out is not None:
            self.camera_out.show(frame.image)
        done = time.perf_counter()
        work = {name: frame.stages_ms.get(name, 0.0) for name in ("drive", "deform", "raster")}
        work["present"] = (done - now) * 1e3 - sum(work.values())
        self._stages.update(work)
        self._latency.add(self._stages)
        self._is_sharp = size == self._full_size()
        cost_ms, drawn_ms = (done - now) * 1e3, work["raster"] + work["present"]
        self._hand.add(cost_ms, drawn_ms, height / self.look.height)
        if size == scaled(*self._full_size(), self._scale.scale):  # no hand's, nor the one sharp one of a still face
            self._scale.add(cost_ms, drawn_ms)
        self.pace.shown(done)
        self._frames.commit(self._figures(moment, done, frame.n_gaussians))
        self._refresh_percentiles(done)
        if self.is_asked:
            self.pace.give_way(self._hand.awaited_until(done))
        self._drawn = (self.look.version, moment.controls.values.copy())
        self._drawn_frame = index
        self._drawn_with = (moment.time, size)
        self._n_drawn += 1
        self._drawn_at = self._published_at = done

    def _film_index(self, moment: Moment) -> int | None:
        """The frame of the training video that stands for a moment; None while none is shown beside it."""
        film = self.look.film
        return None if film is None else film.index_at(self._voice.clock.wall_at(moment.motion_time))

    def _fit_background(self, width: int, height: int) -> None:
        background = self.performer.background
        if background is not None and background.ndim == 3 and background.shape[:2] != (height, width):
            self.performer.background = background_of(self.look.background, width, height)

    def _log_latency_of_sound(self, moment: Moment, now: float) -> None:
        """The first three stages: waiting for the sample, for its features, and for the look-ahead."""
        self._stages = {}
        if np.isfinite(moment.features_time) and self._voice.is_live:
            sound_now = moment.time
            self._stages = {
                "capture": max(0.0, sound_now - moment.newest_time) * 1e3,
                "features": max(0.0, moment.newest_time - moment.features_time) * 1e3,
                "look_ahead": max(0.0, moment.features_time - moment.motion_time) * 1e3,
            }

    def _refresh_percentiles(self, now: float) -> None:
        if abs(now - self._percentiles_at) > PERCENTILES_EVERY_S:
            self._percentiles, self._percentiles_at = self._latency.percentiles(), now

    def _figures(self, moment: Moment, shown_time: float, n_gaussians: int | None = None) -> FrameHeader:
        wall, level = self._voice.clock.wall_at, self._voice.voice.level
        p50, p95, total50, total95 = self._percentiles
        n = self._header.n_gaussians if n_gaussians is None else n_gaussians
        newest = wall(moment.newest_time) if np.isfinite(moment.newest_time) else 0.0
        self._header = FrameHeader(
            shown_time=shown_time, newest_sample_time=newest, motion_sample_time=wall(moment.motion_time),
            driven=moment.driven, result=moment.controls.values, range_inside=moment.range_inside,
            stages_ms=self._stages, stages_p50_ms=p50, stages_p95_ms=p95, total_p50_ms=total50, total_p95_ms=total95,
            level_db=level.rms_db, peak_db=level.peak_db, clipped=level.has_clipped, is_talking=self._voice.is_talking,
            fps=self.pace.fps(shown_time), look_ahead_ms=self._look_ahead_ms(), lost_samples=self._voice.lost_samples,
            voice_offset_ms=self._voice.offset_ms,
            n_gaussians=n, backend=self.performer.rasterizer.name, avatar_number=self.number,
        )  # fmt: skip
        return self._header

    def _look_ahead_ms(self) -> float:
        clock = self.performer.motion_clock
        return clock.look_ahead_ms if clock is not None else self.look.look_ahead_ms


def clamped_size(width: int, height: int) -> tuple[int, int]:
    """A view size in pixels within what a frame can hold."""
    return min(max(int(width), 16), MAX_SIDE_PX), min(max(int(height), 16), MAX_SIDE_PX)


def background_of(given: Any, width: int, height: int) -> np.ndarray | None:
    """What a request calls a background: None, a colour of three numbers 0 to 1, or a picture's path, cut to fill."""
    if given is None:
        return None
    if not isinstance(given, str):
        color = np.array(given, dtype=np.float32)
        if color.shape != (3,) or not np.isfinite(color).all():
            raise OutputError(f"{given!r}: a background colour is three numbers from 0 to 1.")
        return np.clip(color, 0, 1)
    from PIL import Image, ImageOps

    try:
        with Image.open(Path(given)) as image:
            filled = ImageOps.fit(image.convert("RGB"), (width, height), Image.Resampling.BILINEAR)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise OutputError(f"{given}: is not a picture that can be read ({error}).") from error
    return np.asarray(filled, dtype=np.float32) / 255


def _is_known(schema: Any, name: str) -> bool:
    return name in schema or (f"{name}l" in schema and f"{name}r" in schema)
