"""The lip check of the Edit workspace: what was found in the open take, and its one-click fixes."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.edit.phones import heard_phones, moved_phones
from app.edit.track import PEAKS_HZ
from app.windows.file_tasks import FileTasks
from engine.performance.clips import source_times
from engine.performance.lip_check import LipFlag, Phone, check_lips, lip_opening, mend

if TYPE_CHECKING:
    from app.edit.model import EditModel

NOT_CHECKED = "Check lips hears the phones of the voice."


class Lips(QObject):
    """Lips that stay open on p, b and m, and that move in silence; follows every edit once it was asked.

    Attributes:
        flags: what was found. fine: moments at which the lips close as they must.
        phones: of the edited line, empty until they were heard. words: why there are none.

    Signals:
        changed: something else was found. flag_shown: a LipFlag to be dealt with.
    """

    changed = Signal()
    flag_shown = Signal(object)

    def __init__(self, model: "EditModel", tasks: FileTasks) -> None:
        super().__init__(model)
        self._model, self._tasks = model, tasks
        self.flags: list[LipFlag] = []
        self.fine: list[float] = []
        self.phones: tuple[Phone, ...] = ()
        self.words = NOT_CHECKED
        self._raw_phones: tuple[Phone, ...] = ()
        self._is_checked = False

    def forget(self) -> None:
        """Another take is open."""
        self._raw_phones, self._is_checked, self.words = (), False, NOT_CHECKED

    def check(self) -> None:
        """Looks for faults from now on; phones are heard by a job."""
        opened = self._model.opened
        if opened is None:
            return
        self._is_checked = True
        self.words = "Listening for phones…"
        self.find()
        self.changed.emit()
        self._tasks.run(partial(heard_phones, opened.path), partial(self._on_phones, opened.key))

    def find(self) -> None:
        """Looks again, at the edit as it is now."""
        model, p = self._model, self._model.performance
        if p is None or not self._is_checked:
            self.flags, self.fine, self.phones = [], [], ()
            return
        peaks = model.opened.peaks
        self.phones = moved_phones(self._raw_phones, p.times, p.source)
        at = np.arange(0, model.seconds, 1 / PEAKS_HZ)
        source = np.nan_to_num(source_times(model.edit.clips, at, model.raw_seconds), nan=-1.0)
        index = np.clip((source * PEAKS_HZ).astype(int), 0, max(0, len(peaks) - 1))
        heard = np.where(source >= 0, peaks[index], 0.0) if len(peaks) else np.zeros(len(at))
        opening = lip_opening(model.schema, p.values, model.fit)
        self.flags, self.fine = check_lips(p.times, opening, self.phones, heard, PEAKS_HZ, model.edit.ignored_lips)

    def show(self, flag: LipFlag) -> None:
        self.flag_shown.emit(flag)

    def mend(self, flag: LipFlag) -> None:
        """One click: a layer that closes or stills the lips."""
        model, p = self._model, self._model.performance
        layer = mend(flag, model.edit.free_id(), model.schema, p.times, p.values, model.fit)
        if layer.curves:
            model.change(layer.name, lambda edit: edit.with_layer(layer))

    def ignore(self, flag: LipFlag) -> None:
        self._model.change("Let lips pass", lambda edit: replace(edit, ignored_lips=(*edit.ignored_lips, flag.at)))

    def _on_phones(self, key: str, answer: object) -> None:
        opened = self._model.opened
        if opened is None or key != opened.key:
            return
        if isinstance(answer, tuple):
            self._raw_phones = answer
            self.words = "" if answer else "No speech was heard."
        else:
            self.words = f"Silences are checked; p, b and m are not: {answer}"
        self.find()
        self.changed.emit()
