"""Which moment of the sound the face shows: behind the newest sound by the look-ahead, and how that dial turns."""

import math
from collections import deque

SLEW = 0.5
"""Seconds of delay gained or lost a second: while the dial turns, motion runs at half or one and a half times speed."""

N_LAGS = 32
COVERED = 0.9
"""Part of the newest frames whose lateness the delay covers; the others show the newest that is known."""

UNEVEN_S = 0.01
"""Features 20 ms apart make frames by so much later than the middle one; what exceeds it is a busy machine."""

HELD_S = 0.06
"""Features this late hold motion back rather than let it pass what is known; later ones were lost."""

LAG_MAX_S = 0.25
"""A stall longer than this is a loss of sound, not a lag to wait for."""


class MotionClock:
    """Keeps motion a steady delay behind the sound's clock: the look-ahead, and how late features arrive.

    Features arrive in steps and a little irregularly. The delay covers what nine frames in ten wait for them, so that
    the sound a driver may look ahead to is known and motion is even; the odd frame that finds its features later still
    holds motion back for its own sake, not for the seconds after it. Both happen at a bounded rate, as does the dial,
    so that time is bent a little instead of torn.
    """

    def __init__(self, look_ahead_ms: float) -> None:
        self._look_ahead_s = look_ahead_ms * 1e-3
        self._lags: deque[float] = deque(maxlen=N_LAGS)
        self._delay = self._look_ahead_s
        self._time = self._motion = -math.inf
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
            return self._motion
        self._time = time
        is_lag = self._note(time - newest)
        most = SLEW * step
        towards = look_ahead_ms * 1e-3 - self._look_ahead_s
        self._look_ahead_s += min(most, max(-most, towards))
        target = self._look_ahead_s + self._usual_lag()
        if not self._is_settled:
            self._delay, self._is_settled = target, math.isfinite(newest)
            self._motion = time - step - self._delay
        self._delay += min(most, max(-most, target - self._delay))
        wanted = time - self._delay
        if is_lag:
            wanted = min(wanted, newest - self._look_ahead_s)
        before = self._motion
        self._motion = min(max(wanted, before + step - most), before + step + most)
        if time - newest < HELD_S:
            self._motion = max(before, min(self._motion, newest))
        return self._motion

    def _restart(self, time: float, newest: float, look_ahead_ms: float) -> None:
        self._time = time
        self._look_ahead_s = look_ahead_ms * 1e-3
        self._lags.clear()
        self._is_settled = self._note(time - newest)
        self._delay = self._look_ahead_s + self._usual_lag()
        self._motion = time - self._delay

    def _note(self, lag: float) -> bool:
        """Whether this is a lag: what cannot be one (silence, a lost device) leaves the delay alone."""
        is_lag = 0.0 <= lag < LAG_MAX_S
        if is_lag:
            self._lags.append(lag)
        return is_lag

    def _usual_lag(self) -> float:
        if not self._lags:
            return 0.0
        lags = sorted(self._lags)
        return min(lags[int(COVERED * len(lags))], lags[len(lags) // 2] + UNEVEN_S)
