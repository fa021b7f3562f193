"""The sound's own time: samples counted, never renumbered, and how it lies against the clock on the wall."""

FOLLOW_S = 4.0
"""Time constant with which the two are held together: a device's clock drifts by at most 0.2 ms a second."""

JUMP_S = 0.08
"""Farther apart than this, the stream was interrupted: samples are missing that no drift explains."""


class SoundClock:
    """Translates between the sound's time, which only counts samples, and `perf_counter` seconds.

    The two start out equal. The sound's time goes on evenly through a change of source, so that nothing that depends
    on it jumps.

    Attributes:
        offset_s: perf_counter less the sound's time.
        drift_ppm: by how much the device's clock runs slow against the wall's, over the present stream.
    """

    def __init__(self) -> None:
        self.offset_s = 0.0
        self.drift_ppm = 0.0
        self._began: tuple[float, float] | None = None  # the sound's time and the offset at the stream's start

    def sound_at(self, wall: float) -> float:
        return wall - self.offset_s

    def wall_at(self, sound: float) -> float:
        return sound + self.offset_s

    def begin(self, wall: float) -> float:
        """A new stream whose first sample was in the air at `wall`; returns its sound time."""
        sound = self.sound_at(wall)
        self._began = (sound, self.offset_s)
        self.drift_ppm = 0.0
        return sound

    def follow(self, sound: float, wall: float, step_s: float) -> bool:
        """Takes a new reading of the same moment on both; False if the stream was interrupted and must begin anew.

        Args:
            step_s: sound since the last reading.
        """
        error = wall - sound - self.offset_s
        if abs(error) > JUMP_S:
            return False
        self.offset_s += error * min(1.0, step_s / FOLLOW_S)
        if self._began is not None and sound - self._began[0] > 10.0:
            self.drift_ppm = 1e6 * (self.offset_s - self._began[1]) / (sound - self._began[0])
        return True
