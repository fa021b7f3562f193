"""What the mixer does to a source before it is mixed: gain, delay and curve, for all controls, a group or one."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.controls import ControlSchema

SOURCES = ("voice", "sliders", "idle", "outside")
"""Who may move a face: the drive (microphone, file), the user's values, idle life, data from outside."""

GAIN_MOST, DELAY_MOST_MS, CURVE_MOST = 2.0, 500.0, 1.0


@dataclass(frozen=True)
class Shape:
    """How one source reaches some controls.

    Attributes:
        gain: factor on the way from rest.
        delay_ms: how much later it acts.
        curve: 0 leaves movements as they are; above, small ones grow towards large ones; below, they shrink. A movement
            of the part u of the training range becomes u to the power of 2**(-2 * curve); its ends stay.
    """

    gain: float = 1.0
    delay_ms: float = 0.0
    curve: float = 0.0

    def within(self) -> "Shape":
        """Inside the limits."""
        return Shape(
            min(max(float(self.gain), 0.0), GAIN_MOST), min(max(float(self.delay_ms), 0.0), DELAY_MOST_MS),
            min(max(float(self.curve), -CURVE_MOST), CURVE_MOST),
        )  # fmt: skip


PLAIN = Shape()
PLAIN_COLUMNS = np.array([[1.0, 0.0, 0.0]], np.float32)


def place(source: str, target: str = "") -> str:
    """Where a shape is kept: `voice`, `voice/lip` for a group, `voice/lip.03` for a control."""
    return f"{source}/{target}" if target else source


class SourceShaper:
    """Shapes one source over one schema: gains of whole, group and control multiply, delays and curves add up.

    Args:
        rest: what the source gives when it does nothing, `[C]`.
    """

    def __init__(self, schema: ControlSchema, source: str, rest: np.ndarray) -> None:
        self._schema, self._source, self._rest = schema, source, rest
        self._reach = np.maximum(np.maximum(schema.column("high") - rest, rest - schema.column("low")), 1e-6)
        self._past: deque[tuple[float, np.ndarray]] = deque()
        self._use(PLAIN_COLUMNS)

    def set(self, shapes: Mapping[str, Shape]) -> None:
        """Takes the shapes of its source out of all of a mixer; places that name nothing here are left out."""
        mine = {key: shape.within() for key, shape in shapes.items() if key.partition("/")[0] == self._source}
        columns = []
        for spec in self._schema:
            keys = (self._source, place(self._source, spec.group), place(self._source, spec.name))
            found = [mine[key] for key in keys if key in mine]
            total = Shape(
                float(np.prod([s.gain for s in found])), sum(s.delay_ms for s in found), sum(s.curve for s in found)
            ).within()
            columns.append((total.gain, total.delay_ms, total.curve))
        self._use(np.array(columns, np.float32).reshape(-1, 3))

    def apply(self, values: np.ndarray, time: float) -> np.ndarray:
        """A source's values `[C]` at a time, shaped; NaN (no say) stays NaN. Plain shapes give them back as they are.

        Times must not run backwards; what was said before the first time is what was said at it.
        """
        if self._is_plain:
            return values
        late = self._delayed(values, time) if self._delay_s.any() else values
        part = (late - self._rest) / self._reach
        bent = np.where(self._power == 1.0, part, np.sign(part) * np.abs(part) ** self._power)
        return (self._rest + self._gain * bent * self._reach).astype(np.float32)

    def _use(self, columns: np.ndarray) -> None:
        columns = np.broadcast_to(columns, (len(self._schema), 3))
        self._gain, self._delay_s = columns[:, 0].copy(), columns[:, 1] * 1e-3
        self._power = 2.0 ** (-2.0 * columns[:, 2])
        self._is_plain = bool((columns == PLAIN_COLUMNS).all())
        if not self._delay_s.any():
            self._past.clear()

    def _delayed(self, values: np.ndarray, time: float) -> np.ndarray:
        past = self._past
        if past and time < past[-1][0]:
            past.clear()
        past.append((time, values.copy()))
        oldest = time - float(self._delay_s.max())
        while len(past) > 2 and past[1][0] <= oldest:
            past.popleft()
        times = np.array([moment for moment, _ in past])
        rows = np.stack([row for _, row in past])
        at = time - self._delay_s
        after = np.clip(np.searchsorted(times, at, side="left"), 0, len(times) - 1)
        before = np.maximum(after - 1, 0)
        span = np.maximum(times[after] - times[before], 1e-9)
        part = np.clip((at - times[before]) / span, 0.0, 1.0)
        columns = np.arange(len(values))
        first, second = rows[before, columns], rows[after, columns]
        return np.where(np.isfinite(first), first + part * (second - first), second).astype(np.float32)
