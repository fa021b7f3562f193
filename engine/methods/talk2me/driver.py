"""The drive of a Talk2Me avatar: the Expression Generator on the sound round the moment that is shown."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from engine.audio.history import FeatureHistory
from engine.controls import Controls
from engine.methods.base import DriverInputs
from engine.methods.talk2me.controls import MIXES, SHUT, WIDE, arkit_of
from engine.methods.talk2me.expression import AHEAD_FRAMES, in_stretches
from engine.methods.talk2me.hearing import cues
from engine.parts.frame_sound import FRAME_S
from engine.parts.pose_units import N_SPAN

if TYPE_CHECKING:
    from engine.methods.talk2me.avatar import Talk2MeAvatar

FADE_FRAMES = 5
"""After the first sound and after the last one, the face comes from rest and goes there."""


class Talk2MeDriver:
    """Voice to coefficients and eye aspect ratios; needs no sound ahead, uses up to 240 ms of it.

    A moment's face hangs on the sound round it alone: the same sound, the same face, whenever it is asked for.
    """

    least_look_ahead_ms = 0.0

    def __init__(self, avatar: "Talk2MeAvatar", histories: list[FeatureHistory]) -> None:
        self.schema = avatar.schema
        self._avatar, self._histories = avatar, histories
        self._rest = avatar.schema.rest().values

    def advance(self, budget_ms: float) -> None:
        """Nothing is pending: every moment is worked out when asked for."""

    def at(self, time: float, inputs: DriverInputs) -> Controls:
        values, avatar = self._rest.copy(), self._avatar
        made = self._expression(time, inputs)
        if made is not None:
            expression, share = made
            n = len(avatar.names)
            values[avatar.coefficient_columns] = share * (expression[:n] - avatar.rest)
            values[avatar.eye_columns] = share * avatar.eyes.shut(expression[n:]).clip(WIDE, SHUT)
        return Controls(self.schema, values)

    def arkit(self, first: float) -> np.ndarray:
        """What the generator makes of `N_SPAN` frames from a time on, as ARKit-52 scores `[N_SPAN, 52]`."""
        avatar = self._avatar
        said, meant, known = cues(*self._histories, first, N_SPAN)
        with torch.no_grad():
            made = in_stretches(avatar.generator, torch.from_numpy(said), torch.from_numpy(meant), self._style({}))
        return known[:, None] * arkit_of(avatar.names, avatar.eyes, made.numpy())

    def _expression(self, time: float, inputs: DriverInputs):
        """The generated expression `[E + 2]` of a moment and how much of it is shown; None where nothing was heard."""
        generator = self._avatar.generator
        behind = generator.sizes.n_behind
        ahead = min(AHEAD_FRAMES, int(inputs.look_ahead_ms * 1e-3 / FRAME_S + 1e-6))
        said, meant, known = cues(*self._histories, time - behind * FRAME_S, behind + 1 + ahead)
        places = known.nonzero()[0]
        if not len(places) or places[0] > behind:
            return None
        start, end = int(places[0]), int(places[-1]) + 1
        shown = min(behind, end - 1)
        share = min(1.0, (behind + 1 - start) / FADE_FRAMES, 1 - (behind - shown) / FADE_FRAMES)
        if share <= 0:
            return None
        with torch.no_grad():
            window = (torch.from_numpy(cue[None, start:end]) for cue in (said, meant))
            out = generator(*window, self._style(inputs.settings)[None], start, **_gains(inputs.settings))
        return out[0, shown - start].numpy(), share

    def _style(self, settings: dict[str, Any]) -> torch.Tensor:
        styles, default = self._avatar.styles, next(s.default for s in self._avatar.settings if s.name == "style_frame")
        return styles[min(max(int(settings.get("style_frame", default)), 0), len(styles) - 1)]


def _gains(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "emotion_gain": float(settings.get("emotion", "1")), "mix": MIXES.get(str(settings.get("mix", "learned")))
    }  # fmt: skip
