"""The fake session with the real one's way with values: set at once, no undo step, calls kept for tests to look at."""

from pathlib import Path

import numpy as np

from app.workers.frames import FrameHeader, FrameView
from engine.camera import Orbit
from engine.controls import ControlSchema, ControlSpec, combine, user_side
from engine.vocabulary import ACTION_UNIT
from tests.fakes.session import FakeSession, fake_manifest


class StageSession(FakeSession):
    """Frames are shown by hand: `show(driven, color)` puts one on stage and says so."""

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.orbits: list[Orbit] = []
        self.sizes: list[tuple[int, int]] = []
        self.notes: list[tuple[str, str, str]] = []
        self.note.connect(lambda *words: self.notes.append(words))

    def open_avatar(self, path: Path) -> None:
        """The fake avatar, with its two lids apart."""
        manifest = fake_manifest(Path(path).stem)
        lids = [ACTION_UNIT[name] for name in ("au.45l", "au.45r")]
        lids = [ControlSpec(u.name, "au", u.label, u.description, mirror=u.mirror) for u in lids]
        schema = ControlSchema((*manifest.schema.specs, *lids))
        self.manifest = manifest.model_copy(update={"schema_rows": schema.to_json()})
        self.avatar_path = Path(path)
        self.avatar_opened.emit(self.manifest)

    def set_controls(self, values: dict[str, float]) -> None:
        self.calls.append(("set_controls", dict(values)))
        self.controls.values.update(values)
        self.controls_changed.emit()

    def reset_controls(self, names=None) -> None:
        self.calls.append(("reset_controls", names))
        for name in list(self.controls.values) if names is None else names:
            if name not in self.controls.locked:
                self.controls.values.pop(name, None)
        self.controls_changed.emit()

    def set_camera(self, orbit: Orbit) -> None:
        self.orbits.append(orbit)

    def set_view_size(self, width: int, height: int) -> None:
        super().set_view_size(width, height)
        self.sizes.append((width, height))

    def show(self, driven: dict[str, float] | None = None, rgba=(200, 120, 90, 255), fps: float = 60.0, **header):
        """One frame of a single colour, as large as was asked for, with these driven values."""
        schema = self.manifest.schema
        values = schema.neutral().values
        for name, value in (driven or {}).items():
            values[schema.index(name)] = value
        own = user_side(schema, self.controls.joins)
        user = np.array([self.controls.values.get(s.name, s.neutral) for s in own], np.float32)
        self._sequence += 1
        width, height = self._size
        image = np.empty((height, width, 4), np.uint8)
        image[:] = rgba
        self._view = FrameView(
            image,
            FrameHeader(
                sequence=self._sequence, picture_sequence=self._sequence, width=width, height=height, driven=values,
                result=combine(schema, values, user, own), fps=fps, **header,
            ),
        )  # fmt: skip
        self.frame_ready.emit()
