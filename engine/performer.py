"""The live line of one avatar: sound in, frames out. The same in the app, in scripts, in tests and in renders."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from engine.audio.block import SAMPLE_RATE_HZ, Block
from engine.audio.encoders import encoder_row, make_encoder
from engine.audio.history import FeatureHistory
from engine.audio.interleaved import interleaved, n_phases
from engine.camera import Camera
from engine.controls import Controls
from engine.edits import Edits
from engine.gaussians import Gaussians
from engine.guard import guard_of
from engine.head_motion import AS_FILMED, HeadMotion, HeadMotionChoice, HeadMotionDriver
from engine.latency import StageClock
from engine.live_view import LiveView
from engine.methods.base import Avatar, Driver
from engine.mixer import Mixer
from engine.motion_clock import MotionClock
from engine.parts.map_pictures import MapPicture
from engine.pixels import to_bytes
from engine.raster.base import Rasterizer, Rendered

DRIVER_BUDGET_MS = 4.0
HISTORY_S = 8.0


@dataclass(frozen=True)
class Moment:
    """What the face is asked to do at a time: everything of a frame but its picture.

    Attributes:
        time: when it is shown, on the sound's clock.
        newest_time: the end of the newest sound known, -inf when none was heard.
        features_time: the moment up to which features are known.
        motion_time: the moment of the sound that the motion stands for.
    """

    time: float
    newest_time: float
    features_time: float
    motion_time: float
    driven: np.ndarray  # [C] float32
    user: np.ndarray  # [C] float32
    controls: Controls
    range_inside: float
    stages_ms: dict[str, float]


@dataclass(frozen=True)
class Frame:
    """A picture of a moment: `image` is uint8 `[H, W, 4]`, straight alpha; the rest says where it came from."""

    image: np.ndarray
    moment: Moment
    camera: Camera
    n_gaussians: int
    stages_ms: dict[str, float] = field(default_factory=dict)

    @property
    def time(self) -> float:
        return self.moment.time

    @property
    def newest_sample_time(self) -> float:
        return self.moment.newest_time

    @property
    def motion_sample_time(self) -> float:
        return self.moment.motion_time

    @property
    def driven(self) -> np.ndarray:
        return self.moment.driven

    @property
    def result(self) -> np.ndarray:
        return self.moment.controls.values


class Performer:
    """One avatar on stage.

    Args:
        avatar: any method's avatar.
        rasterizer: what draws it.
        is_live: True keeps motion behind the newest sound by the look-ahead (see `MotionClock`); False, for renders,
            shows the moment asked for, with all sound pushed before.
        seed: of idle life.

    Attributes:
        mixer: sliders, strengths, look-ahead, idle life; set its attributes at any time.
        edits: hidden and deleted Gaussians, None for none.
        background: None for the avatar's own, a colour `[3]` or a picture `[H, W, 3]` float32, 0 to 1.
        view: None for the plain picture, else another way to look at the avatar.
    """

    def __init__(self, avatar: Avatar, rasterizer: Rasterizer, *, is_live: bool = False, seed: int = 0) -> None:
        self.avatar = avatar
        self.rasterizer = rasterizer
        self.mixer = Mixer(avatar.schema, guard_of(avatar), seed)
        self.edits: Edits | None = None
        self.background: np.ndarray | None = None
        self.view: LiveView | None = None
        self.encoders = [interleaved(encoder) if is_live else encoder for encoder in avatar.encoders()]
        self.histories = [FeatureHistory(e.n_features, HISTORY_S, n_phases(e)) for e in self.encoders]
        self._n_own = len(self.encoders)  # those the avatar itself listens to come first
        self._head_motion: tuple[HeadMotion, HeadMotionChoice] | None = None
        self.driver = self._new_driver()
        self.motion_clock = MotionClock(self.mixer.look_ahead_ms) if is_live else None
        self._newest_time = -np.inf
        self._animated: tuple[bytes, str, Any] | None = None

    def push(self, block: Block) -> None:
        """Takes the next sound."""
        if len(block.samples) and abs(block.time - self._newest_time) > 1.5 / SAMPLE_RATE_HZ:
            self.start_afresh()
        for encoder, history in zip(self.encoders, self.histories, strict=True):
            history.extend(encoder.push(block))
        self.driver.advance(DRIVER_BUDGET_MS)
        self._newest_time = block.end

    def start_afresh(self) -> None:
        """Another stretch of sound begins: nothing of the one before leaks into its features; the face eases over."""
        for encoder, history in zip(self.encoders, self.histories, strict=True):
            encoder.reset()
            history.clear()
        if np.isfinite(self._newest_time):
            self.mixer.crossfade_soon()

    def hear(self, samples: np.ndarray, time: float = 0.0) -> None:
        """Takes a whole sound at 16 kHz at once, for renders; the avatar then performs any moment of it."""
        self.histories = [
            FeatureHistory(encoder.n_features, len(samples) / SAMPLE_RATE_HZ + HISTORY_S) for encoder in self.encoders
        ]
        self.driver = self._new_driver()
        for encoder, history in zip(self.encoders, self.histories, strict=True):
            history.extend(encoder.encode(samples, time))
        self.driver.advance(np.inf)
        self._newest_time = time + len(samples) / SAMPLE_RATE_HZ

    def frame(self, time: float, camera: Camera, out: np.ndarray | None = None) -> Frame:
        """The frame shown at a time of the sound's clock; `out` uint8 `[H, W, 4]` takes its pixels."""
        return self.picture(self.moment(time), camera, out)

    def moment(self, time: float) -> Moment:
        """What the face does at a time, without drawing it."""
        stage = StageClock()
        known = min((history.newest for history in self.histories[: self._n_own]), default=-np.inf)
        with stage("drive"):
            motion_time, inputs = self._motion(time, known)
            driven = self.driver.at(motion_time, inputs)
            mixed = self.mixer.mix(driven, time)
        if self.mixer.smoothing_ms > 0:
            motion_time -= self.mixer.smoothing_ms * 1e-3  # what a first-order smoothing holds back
        return Moment(
            time, self._newest_time, known, motion_time, mixed.driven, mixed.user, mixed.controls,
            mixed.range_inside, stage.ms,
        )  # fmt: skip

    def picture(
        self, moment: Moment, camera: Camera, out: np.ndarray | None = None,
        is_outdated: Callable[[], bool] | None = None,
    ) -> Frame | None:  # fmt: skip
        """Draws a moment; `is_outdated` is asked before the rasterizer's work, and None returned if it is."""
        begun = self.begun(moment, camera, out, is_outdated)
        return None if begun is None else begun()

    def begun(
        self, moment: Moment, camera: Camera, out: np.ndarray | None = None,
        is_outdated: Callable[[], bool] | None = None,
    ) -> Callable[[], Frame] | None:  # fmt: skip
        """As `picture`, begun only: what it gives waits for the frame when called, once.

        A GPU works on it meanwhile, so that the next moment can be thought of beside it; a processor begins when asked.
        """
        stage = StageClock()
        stage.ms.update(moment.stages_ms)
        with stage("deform"):
            layers, state = self._deformed(moment.controls, camera)
            if self.view is not None:
                layers = self.view.layers(layers, moment.controls, camera, state)
        if is_outdated is not None and is_outdated():
            return None
        draw = self._drawing(layers, moment, camera, out, stage)

        def frame() -> Frame:
            image = draw()
            return Frame(image, moment, camera, sum(len(layer) for layer in layers), stage.ms)

        return frame

    def layers(self, controls: Controls, camera: Camera) -> list[Gaussians]:
        """The Gaussians of a face, back to front, without what was hidden or deleted."""
        return self._deformed(controls, camera)[0]

    def maps(self) -> list[MapPicture]:
        """The method's own maps at the moment drawn last; none before the first picture, or where it has no maps."""
        return [] if self._animated is None else self.avatar.maps(self._animated[2])

    def set_setting(self, name: str, value: bool | int | str) -> None:
        """Changes a typed setting and restarts what it restarts."""
        self.mixer.settings[name] = value
        self._animated = None
        restarts = next((s.restarts for s in self.avatar.settings if s.name == name), "animate")
        if restarts == "driver":
            self.driver = self._new_driver()

    def set_head_motion(self, motion: HeadMotion | None, choice: HeadMotionChoice = AS_FILMED) -> None:
        """Lets the voice move the head from now on, or, with None, no longer; the face eases over.

        An encoder that only the motion listens to is added, and begins to hear with the next sound. Another strength
        alone acts at once.
        """
        wanted = None if motion is None else (motion, choice)
        if wanted is None and self._head_motion is None:
            return
        if wanted is not None and self._head_motion is not None and self._head_motion[0] is motion:
            before, self._head_motion = self._head_motion[1], wanted
            if replace(before, strength=choice.strength) == choice:
                self.driver.strength = choice.strength
                return
        self._head_motion = wanted
        added = zip(self.encoders[self._n_own :], self.histories[self._n_own :], strict=True)
        kept = [pair for pair in added if motion is not None and encoder_row(pair[0]) == motion.encoder]
        self.encoders[self._n_own :] = [encoder for encoder, _ in kept]
        self.histories[self._n_own :] = [history for _, history in kept]
        if motion is not None and self._motion_history(motion) is None:
            self.encoders.append(make_encoder(motion.encoder))
            self.histories.append(FeatureHistory(motion.n_features, HISTORY_S))
        self.driver = self._new_driver()
        if np.isfinite(self._newest_time):
            self.mixer.crossfade_soon()

    def _new_driver(self) -> Driver:
        driver = self.avatar.driver(self.histories[: self._n_own])
        if self._head_motion is None:
            return driver
        motion, choice = self._head_motion
        return HeadMotionDriver(driver, motion, self._motion_history(motion), choice)

    def _motion_history(self, motion: HeadMotion) -> FeatureHistory | None:
        """The history of the encoder that the head's motion listens to, if it is here."""
        pairs = zip(self.encoders, self.histories, strict=True)
        return next((history for encoder, history in pairs if encoder_row(encoder) == motion.encoder), None)

    def _motion(self, time: float, known: float) -> tuple[float, Any]:
        dial = max(self.mixer.look_ahead_ms, self.driver.least_look_ahead_ms)
        if self.motion_clock is None:
            return time, self.mixer.inputs(dial)
        motion_time = self.motion_clock.at(time, known, dial)
        return motion_time, self.mixer.inputs(self.motion_clock.look_ahead_ms)

    def _deformed(self, controls: Controls, camera: Camera) -> tuple[list[Gaussians], Any]:
        state = self._animate(controls)
        layers = self.avatar.deform(state, camera)
        return (layers if self.edits is None else self.edits.apply(layers)), state

    def _animate(self, controls: Controls) -> Any:
        """The avatar's state, kept while controls and settings stay as they are."""
        key = (controls.values.tobytes(), repr(self.mixer.settings))
        if self._animated is None or self._animated[:2] != key:
            self._animated = (*key, self.avatar.animate(controls, self.mixer.settings))
        return self._animated[2]

    def _drawing(
        self, layers: list[Gaussians], moment: Moment, camera: Camera, out: np.ndarray | None, stage: StageClock
    ) -> Callable[[], np.ndarray]:
        """The pixels, when called; begun where the rasterizer itself can lay the plain picture over what is behind."""
        is_plain = self.view is None or self.view.is_color
        begun = getattr(self.rasterizer, "begun", None) if is_plain else None
        if begun is None or not self.avatar.lays_over(self.background, self.mixer.settings):
            return lambda: self._drawn_here(layers, moment, camera, out, stage)
        with stage("present"):
            behind = self.avatar.behind(camera, self.background)
        with stage("raster"):
            wait = begun(layers, camera, behind, out)

        def pixels() -> np.ndarray:
            with stage("raster"):
                return wait()

        return pixels

    def _drawn_here(
        self, layers: list[Gaussians], moment: Moment, camera: Camera, out: np.ndarray | None, stage: StageClock
    ) -> np.ndarray:
        with stage("raster"):
            look = {"hard_edged": True} if self.view is not None and self.view.is_hard_edged else {}
            rendered = self.rasterizer.render(layers, camera, **look)
        with stage("present"):
            return self._compose(rendered, moment, camera, out)

    def _compose(self, rendered: Rendered, moment: Moment, camera: Camera, out: np.ndarray | None) -> np.ndarray:
        if self.view is not None and not self.view.is_color:
            picture = self.view.picture(rendered)
        else:
            picture = self.avatar.compose(
                rendered, moment.controls, camera, moment.time, self.background, self.mixer.settings
            )
        if out is None:
            out = np.empty(picture.shape, dtype=np.uint8)
        to_bytes(picture, out)
        return out
