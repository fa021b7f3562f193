"""Which moment of the sound the face shows: behind the newest sound by the look-ahead, and how that dial turns."""

import math

SLEW = 0.5
"""Seconds of delay gained or lost a second: while the dial turns, motion runs at half or one and a half times speed."""

LAG_FALL_S = 2.0
"""Time constant with which a lag that is no longer seen is forgotten."""

LAG_MAX_S = 0.25
"""A stall longer than this is a loss of sound, not a lag to wait for."""


class MotionClock:
    """Keeps motion a steady delay behind the sound's clock: the look-ahead, and how late features arrive.

    Features arrive in steps of 20 ms and a little irregularly. The delay covers their lateness as seen lately, so that
    the sound a driver may look ahead to is known for every frame; it changes at a bounded rate, so that turning the
    dial while talking bends time a little instead of tearing it.
    """

    def __init__(self, look_ahead_ms: float) -> None:
        self._look_ahead_s = look_ahead_ms * 1e-3
        self._lag = 0.0
        self._delay = self._look_ahead_s
        self._time = -math.inf
        self._is_settled = False

    @property
    def look_ahead_ms(self) -> float:
        """The look-ahead in force: on its way to the dial's while that turns."""
        return max(0.0, self._look_ahead_s) * 1e3

    @property
    def delay_s(self) -> float:
        """How far motion is behind the sound's clock."""
        return self._delay

    def at(self, time: float, newest: float, look_ahead_ms: float) -> float:
        """The sound's moment that a frame shown at `time` stands for; never runs backwards while time does not.

        Args:
            time: the sound's clock when the frame is shown.
            newest: the moment up to which features are known, -inf when nothing has been heard.
            look_ahead_ms: where the dial stands.
        """
        step = time - self._time
        if not 0.0 <= step < 1.0:  # the first frame, or another sound: nothing to ease from
            self._restart(time, newest, look_ahead_ms)
            return time - self._delay
        self._time = time
        self._follow_lag(time - newest, step)
        most = SLEW * step
        towards = look_ahead_ms * 1e-3 - self._look_ahead_s
        self._look_ahead_s += min(most, max(-most, towards))
        target = self._look_ahead_s + self._lag
        if not self._is_settled:
            self._delay, self._is_settled = target, math.isfinite(newest)
        self._delay += min(most, max(-most, target - self._delay))
        return time - self._delay

    def _restart(self, time: float, newest: float, look_ahead_ms: float) -> None:
        self._time = time
        self._look_ahead_s = look_ahead_ms * 1e-3
        lag = time - newest
        self._is_settled = 0.0 <= lag < LAG_MAX_S
        self._lag = lag if self._is_settled else 0.0
        self._delay = self._look_ahead_s + self._lag

    def _follow_lag(self, lag: float, step: float) -> None:
        """An envelope: up at once, down slowly; what cannot be a lag (silence, a lost device) leaves it alone."""
        if 0.0 <= lag < LAG_MAX_S:
            self._lag = max(lag, self._lag + (lag - self._lag) * min(1.0, step / LAG_FALL_S))
