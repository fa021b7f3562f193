"""Idle life: blinks, small looks aside, breathing and sway, as pure functions of time and a seed."""

import math

import numpy as np

from engine.controls import ControlSchema

BLINK_CELL_S = 3.6
"""One blink falls in each cell of this length, at a random place: gaps of 1 to 6 s, 17 a minute."""

DOUBLE_BLINK_SHARE = 0.12
CLOSING_S, CLOSED_S, OPENING_S = 0.075, 0.035, 0.16
GAZE_CELL_S = 1.7
SACCADE_S = 0.045
BREATH_HZ = 0.23
SWAYS = {
    # control: (amplitude in the control's unit, frequencies in Hz whose sines are added)
    "pose.yaw": (1.1, (0.071, 0.113, 0.189)),
    "pose.pitch": (0.7, (0.063, 0.127, 0.201)),
    "pose.roll": (0.6, (0.053, 0.097, 0.173)),
}
BREATHS = {"pose.pitch": 0.25, "pose.y": 0.004}
"""How far one breath moves these controls."""

BLINK_CONTROLS = ("au.45", "au.45l", "au.45r", "eyeBlinkLeft", "eyeBlinkRight")
GAZE_CONTROLS = {
    # control: which way of (right, up) it turns the eye, as the viewer sees it
    "gaze.yaw": (6.0, 0.0), "gaze.pitch": (0.0, 4.0),
    "au.61": (0.35, 0.0), "au.62": (-0.35, 0.0), "au.63": (0.0, 0.25), "au.64": (0.0, -0.25),
    "eyeLookOutLeft": (0.35, 0.0), "eyeLookInRight": (0.35, 0.0), "eyeLookInLeft": (-0.35, 0.0),
    "eyeLookOutRight": (-0.35, 0.0), "eyeLookUpLeft": (0.0, 0.25), "eyeLookUpRight": (0.0, 0.25),
    "eyeLookDownLeft": (0.0, -0.25), "eyeLookDownRight": (0.0, -0.25),
}  # fmt: skip
_BLINK, _GAZE, _SWAY = 1, 2, 3  # streams of chance


class IdleLife:
    """What a face does by itself, over an avatar's schema; controls it has not are left out.

    Args:
        schema: the avatar's controls.
        seed: another seed is another temper; the same seed and time give the same values, bit for bit.
    """

    def __init__(self, schema: ControlSchema, seed: int = 0) -> None:
        self._n = len(schema)
        self._seed = seed
        self.blinks = [(schema.index(n), schema.specs[schema.index(n)].high) for n in BLINK_CONTROLS if n in schema]
        self._gaze = [(schema.index(name), way) for name, way in GAZE_CONTROLS.items() if name in schema]
        self._sways = [
            (schema.index(name), amplitude, _waves(seed, schema.index(name), frequencies))
            for name, (amplitude, frequencies) in SWAYS.items()
            if name in schema
        ]
        self._breaths = [(schema.index(name), amount) for name, amount in BREATHS.items() if name in schema]

    def at(self, time: float) -> np.ndarray:
        """What is added to a resting face at a time: `[C]` float32, zero for controls that idle life leaves alone."""
        values = np.zeros(self._n, dtype=np.float32)
        for index, amplitude, waves in self._sways:
            values[index] += (
                amplitude * sum(math.sin(2 * math.pi * f * time + phase) for f, phase in waves) / len(waves)
            )
        breath = math.sin(2 * math.pi * BREATH_HZ * time)
        for index, amount in self._breaths:
            values[index] += amount * breath
        if self._gaze:
            right, up = self.gaze(time)
            for index, (x, y) in self._gaze:
                turn = x * right + y * up
                values[index] = turn if abs(x) + abs(y) > 1 else max(0.0, turn)  # angles turn both ways, shapes one
        lid = self.lid(time)
        for index, closed in self.blinks:
            values[index] = closed * lid
        return values

    def lid(self, time: float) -> float:
        """How far a blink has closed the lids at a time, 0 to 1."""
        cell = math.floor(time / BLINK_CELL_S)
        return max(self._blink(time, cell - 1), self._blink(time, cell))

    def gaze(self, time: float) -> tuple[float, float]:
        """Where the eyes rest, right and up, -1 to 1: held, then a quick jump to the next place."""
        cell = math.floor(time / GAZE_CELL_S)
        start = (cell + 0.5 * _chance(self._seed, _GAZE, cell, 0)) * GAZE_CELL_S
        part = _smoothstep((time - start) / SACCADE_S)
        before, after = self._look(cell - 1), self._look(cell)
        return before[0] + part * (after[0] - before[0]), before[1] + part * (after[1] - before[1])

    def _look(self, cell: int) -> tuple[float, float]:
        if _chance(self._seed, _GAZE, cell, 1) < 0.55:
            return 0.0, 0.0  # mostly at whoever is listening
        right, up = (2 * _chance(self._seed, _GAZE, cell, k) - 1 for k in (2, 3))
        return right, 0.6 * up

    def _blink(self, time: float, cell: int) -> float:
        start = (cell + 0.75 * _chance(self._seed, _BLINK, cell, 0)) * BLINK_CELL_S
        closed = _lid_curve(time - start)
        if _chance(self._seed, _BLINK, cell, 1) < DOUBLE_BLINK_SHARE:
            closed = max(closed, 0.8 * _lid_curve(time - start - 0.34))
        return closed


def _lid_curve(since: float) -> float:
    """One blink, `since` seconds after it began: quick to close, slower to open."""
    if since <= 0:
        return 0.0
    if since < CLOSING_S:
        return _smoothstep(since / CLOSING_S)
    return 1.0 - _smoothstep((since - CLOSING_S - CLOSED_S) / OPENING_S)


def _smoothstep(x: float) -> float:
    x = min(1.0, max(0.0, x))
    return x * x * (3 - 2 * x)


def _waves(seed: int, index: int, frequencies: tuple[float, ...]) -> list[tuple[float, float]]:
    return [(f, 2 * np.pi * _chance(seed, _SWAY, index, k)) for k, f in enumerate(frequencies)]


def _chance(seed: int, stream: int, cell: int, which: int) -> float:
    """A number from 0 to 1 that depends on nothing but its arguments (splitmix64)."""
    x = seed * 0x9E3779B97F4A7C15 + stream * 0xBF58476D1CE4E5B9 + cell * 0x94D049BB133111EB + which * 0xD6E8FEB86659FD93
    x = (x + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return ((x ^ (x >> 31)) >> 11) / (1 << 53)
