"""Where a film stands whose sound is played over and over."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FilmClock:
    """Attributes: started_at: perf_counter seconds of its first sample; seconds: its length; pause_s: between two
    times round."""

    started_at: float
    seconds: float
    pause_s: float

    def place(self, wall: float) -> float | None:
        """Seconds of the film at a moment of the wall's clock; None before it starts and in the pause."""
        since = wall - self.started_at
        if self.seconds <= 0 or since < 0:
            return None
        place = since % (self.seconds + self.pause_s)
        return place if place < self.seconds else None
