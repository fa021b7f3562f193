"""GGTalker's driver: windows of diffusion made as the sound comes, a bounded piece of work at a time."""

import time as clock
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.audio.history import FeatureHistory
from engine.controls import Controls
from engine.methods.base import DriverInputs
from engine.methods.ggtalker.controls import GUIDANCES, SEEDS, STEPS, VARIETIES, VARIETY
from engine.methods.ggtalker.windows import MotionStream, WindowPlan, live_plan
from engine.parts.frame_sound import FRAME_S, frame_features

if TYPE_CHECKING:
    from engine.methods.ggtalker.avatar import GGTalkerAvatar

WARM_UP = 8  # frames made before a moment asked for out of order
BEHIND = 25  # frames that are caught up with; what is farther on begins afresh
KEPT = 500  # frames of motion that can still be asked for
EXACT = 1e-6  # frames


class VoiceDriver:
    """Voice to coefficients of the head model at 25 frames a second, interpolated.

    Frame n is of the moment n / 25 of the sound's clock, and hears nothing after it but what the dial allows. With a
    dial below one frame the next one is known only when so much is left until its moment: the face goes to it in that
    time, at 0 at once, and is never late for a frame's own moment. The dial and the settings are those of the last
    moment asked for; `advance` works ahead under them, `at` finishes what is still missing for its moment.
    """

    least_look_ahead_ms = 0.0

    def __init__(self, avatar: "GGTalkerAvatar", history: FeatureHistory) -> None:
        self.schema = avatar.schema
        self._avatar, self._history = avatar, history
        self._rest = avatar.schema.rest().values
        self._columns = avatar.heard_columns
        self._least, self._most = (avatar.schema.column(side)[self._columns] for side in ("minimum", "maximum"))
        self._stream: MotionStream | None = None
        self._first = self._heard = 0  # number of the oldest frame kept, and of the next one to be heard
        self._motion = np.zeros((0, len(self._columns)), np.float32)

    def advance(self, budget_ms: float) -> None:
        """Samples as many steps of windows whose sound is known as the budget allows, and at least one."""
        if self._stream is None or not self._goes_on():
            return
        end = clock.monotonic() + budget_ms * 1e-3
        self._hear()
        while self._step() and clock.monotonic() < end:
            pass

    def at(self, time: float, inputs: DriverInputs) -> Controls:
        values = self._rest.copy()
        place = time / FRAME_S
        low = int(np.floor(place + EXACT))
        known_at = max(0.0, 1 - inputs.look_ahead_ms * 1e-3 / FRAME_S)  # of the way to the next frame
        part = min(max(place - low - known_at, 0.0) / max(1 - known_at, EXACT), 1.0)
        if part < EXACT:
            part = 0.0
        self._follow(low, inputs)
        if self._stream is not None and self._reach(low + (part > 0)) and len(self._motion) and low >= self._first:
            values = self._avatar.still_values.copy()
            rows = np.minimum([low - self._first, low - self._first + 1], len(self._motion) - 1)
            before, after = self._motion[rows]
            values[self._columns] = np.clip(before + np.float32(part) * (after - before), self._least, self._most)
        return Controls(self.schema, values)

    def _follow(self, low: int, inputs: DriverInputs) -> None:
        """Has a stream that comes by a frame soon, under the dial and settings of the moment."""
        plan = self._plan(inputs)
        speaker = self._avatar.speaker(inputs.settings)
        if self._stream is not None and (not self._goes_on() or not self._first <= low <= self._given + BEHIND):
            self._stream = None
        if self._stream is None:
            oldest = int(np.ceil(self._history.oldest / FRAME_S - EXACT)) + 1 if len(self._history) else None
            if oldest is None or low < oldest:
                return
            self._first = self._heard = max(oldest, low - WARM_UP) if low - oldest > BEHIND else oldest
            self._motion = self._motion[:0]
            self._stream = MotionStream(self._avatar.voice, self._avatar.diffusion, speaker, plan)
        elif plan != self._stream.plan:
            self._stream = self._stream.under(plan)

    def _reach(self, frame: int) -> bool:
        """Makes frames up to this one, as far as there is sound for them; whether any are there."""
        self._hear()
        while self._given <= frame and self._step():
            pass
        return self._given > self._first

    def _step(self) -> bool:
        made = self._stream.advance()
        if made is None:
            return False
        if len(made):
            self._motion = np.concatenate([self._motion, made])
            spare = max(0, len(self._motion) - KEPT)
            self._motion, self._first = self._motion[spare:], self._first + spare
        return True

    def _hear(self) -> None:
        """Gives the stream the frames whose sound is known by now."""
        known_until = int(np.floor(self._history.newest / FRAME_S + 1e-3)) + 1 if len(self._history) else self._heard
        if known_until <= self._heard:
            return
        features, known = frame_features(self._history, (self._heard - 1) * FRAME_S, known_until - self._heard)
        n = len(known) if known.all() else int(np.argmin(known))
        if n:
            self._stream.push(features[:n])
            self._heard += n

    def _goes_on(self) -> bool:
        """False where the sound jumped and the next frame's is lost."""
        return bool(len(self._history)) and self._history.oldest <= (self._heard - 1) * FRAME_S + EXACT and (
            self._history.newest >= (self._heard - 2) * FRAME_S
        )  # fmt: skip

    @property
    def _given(self) -> int:
        """Number of the first frame that has not been made."""
        return self._first + len(self._motion)

    def _plan(self, inputs: DriverInputs) -> WindowPlan:
        chosen = {name: inputs.settings.get(name) for name in ("guidance", "steps", "seed", "variety")}
        config = self._avatar.config
        return live_plan(
            inputs.look_ahead_ms, config.history, guidance=float(_one_of(chosen["guidance"], GUIDANCES, "1.15")),
            n_steps=min(int(_one_of(chosen["steps"], STEPS, str(config.live_steps))), config.n_steps),
            seed=int(_one_of(chosen["seed"], SEEDS, SEEDS[0])),
            variety=int(_one_of(chosen["variety"], VARIETIES, VARIETY)) / 100,
        )  # fmt: skip


def _one_of(value: Any, choices: tuple[str, ...], otherwise: str) -> str:
    return str(value) if str(value) in choices else otherwise
