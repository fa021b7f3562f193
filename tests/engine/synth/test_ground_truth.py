"""What was commanded is what the studio shows: the mouth opens as far as the jaw was told, a blink is in the eyes."""

import numpy as np
import pytest

from engine.camera import Camera, Orbit
from engine.errors import MouthpieceError
from engine.heads.base import HeadModel
from engine.synth.casting import cast_head
from engine.synth.renderer import HeadRenderer
from engine.synth.studio import population

SIZE = 128
EYES_Y, MOUTH_Y, HALF_HEIGHT, HALF_WIDTH = 0.02, -0.28, 0.10, 0.24
"""Boxes round eyes and mouth in the world, head heights."""
BLINK = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}


@pytest.fixture(scope="module", params=["house", pytest.param("ict", marks=pytest.mark.shared)])
def renderer(request) -> HeadRenderer:
    kit = None
    if request.param == "ict":
        kit = request.getfixturevalue("shared_data") / "ict-facekit"
    return HeadRenderer(cast_head("teo", request.param, kit))


@pytest.fixture(scope="module")
def camera() -> Camera:
    return Orbit((0.0, -0.12, 0.2), 8, 0, 2.4).camera(SIZE, SIZE)


def shot(renderer: HeadRenderer, camera: Camera, expression: dict):
    head: HeadModel = renderer.head
    return renderer.render(head.pose(expression), camera)


def test_the_mouth_opens_as_far_as_the_jaw_was_told(renderer, camera):
    commanded = np.linspace(0, 1, 7)
    shown = []
    for jaw in commanded:
        rows = np.nonzero(shot(renderer, camera, {"jawOpen": float(jaw)}).mouth.max(axis=1) > 0.5)[0]
        shown.append(np.ptp(rows) if len(rows) else 0)
    assert np.corrcoef(commanded, shown)[0, 1] >= 0.9
    assert shown[-1] > 0.08 * SIZE


def test_a_blink_changes_the_eyes_five_times_more_than_the_mouth(renderer, camera):
    grey = (0.4, 0.4, 0.4)
    open_, shut = (shot(renderer, camera, e).over(grey).astype(float) for e in ({}, BLINK))
    change = np.abs(open_ - shut).mean(-1)
    assert box(change, camera, EYES_Y) > 5 * box(change, camera, MOUTH_Y)


def test_a_wink_is_on_the_side_of_the_person(renderer, camera):
    grey = (0.4, 0.4, 0.4)
    open_, shut = (shot(renderer, camera, e).over(grey).astype(float) for e in ({}, {"eyeBlinkLeft": 1.0}))
    change = np.abs(open_ - shut).mean(-1)
    middle = int(pixel(camera, np.array([0.0, EYES_Y, 0.3]))[0])
    assert change[:, middle:].sum() > 20 * change[:, :middle].sum()  # the person's left is the picture's right


def box(change: np.ndarray, camera: Camera, y: float) -> float:
    """Mean change within a box at a height of the face."""
    (x0, y0), (x1, y1) = (pixel(camera, np.array([s * HALF_WIDTH, y - s * HALF_HEIGHT, 0.3])) for s in (-1, 1))
    return float(change[int(y0) : int(y1), int(x0) : int(x1)].mean())


def pixel(camera: Camera, point: np.ndarray) -> np.ndarray:
    seen = camera.k @ (camera.viewmat[:3, :3] @ point + camera.viewmat[:3, 3])
    return seen[:2] / seen[2]


def test_a_population_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    filmed = []

    def fake(seed, seconds, out, **_):
        filmed.append(seed)
        out.mkdir()
        yield from ()

    monkeypatch.setattr("engine.synth.studio.studio", fake)
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / "0006.dataset").mkdir()
    steps = list(population(3, 1.0, tmp_path / "many", first=5))
    assert filmed == [5, 7]
    assert (steps[-1].done, steps[-1].total) == (3, 3)


@pytest.mark.parametrize(("who", "head"), [("nobody", "house"), ("nobody", "ict"), ("noa", "wax")])
def test_people_and_heads_that_are_unknown_are_named(who, head, tmp_path):
    (tmp_path / "kit").mkdir()
    with pytest.raises(MouthpieceError, match=f"'{'wax' if head == 'wax' else who}'"):
        cast_head(who, head, tmp_path / "kit")
