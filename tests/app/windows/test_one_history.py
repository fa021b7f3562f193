"""One undo history for sliders, marks, camera and edits of splats: five hundred changes go all the way back."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from app.panels.mixer import MixerPanel
from engine.controls import Combine
from engine.source_shape import SOURCES
from tests.fakes.stage_session import StageSession

pytestmark = pytest.mark.display
N_CHANGES = 500


@pytest.fixture
def studio(monkeypatch, request):
    """The window over a session that sets values as the real one does, without undo steps of its own."""
    monkeypatch.setattr("tests.fakes.session.FakeSession", StageSession)
    return request.getfixturevalue("make_studio")()


def state_of(studio) -> str:
    """A hash of everything the history may change."""
    controls = studio.session.controls
    camera = studio.window.viewport.controller.snapshot()
    row = {
        "values": {k: v for k, v in sorted(controls.values.items())},
        "marks": [sorted(names) for names in (controls.muted, controls.soloed, controls.locked)],
        "strengths": controls.strengths, "guard": controls.guard, "joins": controls.joins, "shapes": controls.shapes,
        "head": [str(controls.head.path), controls.head.is_on, controls.head.strength, controls.head.seed],
        "camera": [asdict(camera.orbit), camera.is_ortho, [(n, asdict(o)) for n, o in camera.bookmarks]],
        "edits": studio.inspect.model.to_json(),
    }  # fmt: skip
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()


def test_five_hundred_changes_and_as_many_undos_give_the_identical_state(studio):
    rng = np.random.default_rng(7)
    face, viewport, inspect = studio.window.face.model, studio.window.viewport, studio.inspect.model
    mixer = studio.window.findChild(MixerPanel).model
    viewport.set_reduce_motion(True)
    studio.undo_stack.clear()
    names = [spec.name for spec in face.schema]
    before, seen = state_of(studio), set()
    while studio.undo_stack.count() < N_CHANGES:
        name = names[rng.integers(len(names))]
        kind = rng.integers(9)
        if kind == 0:
            face.change(f"Move {name}", {name: float(rng.uniform(-1, 1))})
        elif kind == 6:
            mode = list(Combine)[rng.integers(3)]
            face.set_join(name, mode, float(rng.uniform(-1, 1)))
        elif kind == 7:
            mixer.select(SOURCES[rng.integers(4)], ("", "lip", name)[rng.integers(3)])
            row = mixer.schema.specs[-1 - rng.integers(3)]
            mixer.change(f"Shape {row.name}", {row.name: float(rng.uniform(row.minimum, row.maximum))})
        elif kind == 8:
            mixer.change_head("Head motion", seed=int(rng.integers(1000)), path=Path(f"{rng.integers(9)}.motion"))
        elif kind == 1:
            face.set_muted(name, not face.is_muted(name))
        elif kind == 2:
            face.set_locked(name, not face.is_locked(name))
        elif kind == 3:
            viewport.hand.do("Turn", lambda: viewport.controller.turn(*rng.uniform(-30, 30, 2)))
        elif kind == 4:
            viewport.camera.store_bookmark(int(rng.integers(1, 10)))
        else:
            inspect.select(rng.random(inspect.n) < 0.001)
            inspect.hide() if rng.random() < 0.5 else inspect.delete()
        seen.add(state_of(studio))
    after = state_of(studio)
    assert len(seen) > N_CHANGES // 2 and after != before
    n = studio.undo_stack.count()
    for _ in range(n):
        studio.undo_stack.undo()
    assert state_of(studio) == before
    for _ in range(n):
        studio.undo_stack.redo()
    assert state_of(studio) == after
