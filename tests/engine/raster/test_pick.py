"""Which rasterizer is taken."""

import time

import pytest

from engine.errors import BackendError
from engine.raster import pick, pick_rasterizer
from engine.raster.base import Rendered


class Timed:
    """Takes as long as it is told, by a clock that the test turns."""

    is_software = False

    def __init__(self, name: str, seconds: float, clock: list[float]) -> None:
        self.name, self._seconds, self._clock = name, seconds, clock

    def render(self, layers, camera, *, antialiased=False, hard_edged=False) -> Rendered:
        self._clock[0] += self._seconds
        return Rendered(None, None)

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """Backends by name and seconds per frame; what is not named cannot run."""
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def have(**seconds: float) -> None:
        def make(name: str) -> Timed:
            if name not in seconds:
                raise BackendError(f"{name}: not here.")
            return Timed(name, seconds[name], clock)

        monkeypatch.setattr(pick, "make_rasterizer", make)

    return have


def test_the_fastest_is_taken(machine) -> None:
    machine(cuda=0.001, opengl=0.004, cpu=0.010)
    assert pick_rasterizer().name == "cuda"
    machine(opengl=0.004, cpu=0.010)
    assert pick_rasterizer("auto").name == "opengl"
    machine(opengl=0.050, cpu=0.010)
    assert pick_rasterizer().name == "cpu"


def test_software_opengl_is_not_even_measured(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(opengl=0.001, cpu=0.010)
    monkeypatch.setattr(Timed, "is_software", property(lambda self: self.name == "opengl"))
    closed = []
    monkeypatch.setattr(Timed, "close", lambda self: closed.append(self.name))
    assert pick_rasterizer().name == "cpu" and closed == ["opengl"]


def test_the_one_asked_for_is_given_or_the_reason_why_not(machine) -> None:
    machine(opengl=0.050, cpu=0.010)
    assert pick_rasterizer("opengl").name == "opengl"
    with pytest.raises(BackendError, match="cuda: not here"):
        pick_rasterizer("cuda")


def test_unknown_names_are_refused_with_those_there_are() -> None:
    with pytest.raises(BackendError, match="vulkan: no such rasterizer; use cuda, opengl, cpu or auto"):
        pick_rasterizer("vulkan")


def test_the_cpu_can_always_be_had() -> None:
    assert pick_rasterizer("cpu").name == "cpu"
