"""Parts of the face from other takes: they join the project's files and are read when a layer asks for them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.edit.track import RATE_HZ
from app.windows.file_tasks import FileTasks
from engine.performance.carry import Carrier, read_fit
from engine.performance.layers import LayerKind
from engine.take import Take, load_take, rows_at

if TYPE_CHECKING:
    from app.edit.model import EditModel


class OtherTakes(QObject):
    """The takes that region layers come from, by key.

    Signals:
        loaded: another one is here. failed: one sentence.
    """

    loaded = Signal()
    failed = Signal(str)

    def __init__(self, model: "EditModel", tasks: FileTasks) -> None:
        super().__init__(model)
        self._model, self._tasks = model, tasks
        self._takes: dict[str, Take] = {}

    def add(self, path: Path, then: Callable[[str, Take], None]) -> None:
        """Puts a take's file into the project and reads it."""
        self._tasks.run(partial(self._store, path), partial(self._on_stored, then))

    def regions(self) -> dict[str, np.ndarray]:
        """What they do on the edited line, by layer; those not read yet follow with `loaded`."""
        model = self._model
        regions, schema, ours = {}, model.schema, model.opened.take.info.avatar
        times = np.arange(0, model.seconds + 1 / RATE_HZ, 1 / RATE_HZ)
        for layer in model.edit.layers:
            if layer.kind is not LayerKind.REGION:
                continue
            other = self._takes.get(layer.source)
            if other is None:
                self._tasks.run(partial(self._load, layer.source), self._on_loaded)
                continue
            if not len(other.times):
                continue
            theirs = other.info.avatar
            is_same = other.schema.names == schema.names and theirs.get("hash") == ours.get("hash")
            fit = None if is_same or not theirs.get("path") else read_fit(Path(theirs["path"]))
            carrier = Carrier(other.schema, schema, fit, model.fit, is_same)
            regions[layer.id] = carrier.values(rows_at(other.times, other.result, times + layer.source_offset))
        return regions

    def _store(self, path: Path) -> tuple[str, Take]:
        key, _ = self._model.document.project.store_take(path)
        return self._load(key)

    def _load(self, key: str) -> tuple[str, Take]:
        return key, load_take(self._model.document.project.take_path(key), with_voice=False)

    def _on_stored(self, then: Callable[[str, Take], None], answer: object) -> None:
        if not isinstance(answer, tuple):
            self.failed.emit(str(answer))
            return
        self._takes[answer[0]] = answer[1]
        then(*answer)

    def _on_loaded(self, answer: object) -> None:
        if isinstance(answer, tuple) and answer[0] not in self._takes:
            self._takes[answer[0]] = answer[1]
            self.loaded.emit()
