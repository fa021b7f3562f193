"""Python's garbage is looked for on the GUI thread alone."""

import gc

from PySide6.QtCore import QObject, QTimer

EVERY_MS = 200


class Collector(QObject):
    """Takes over from Python's own collection, which runs on whichever thread happens to allocate.

    Qt's objects lie in cycles, too, and must end on the thread they live on: when the writer's thread was made to
    collect, it ended one to which the window was delivering an event, and the program fell.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self, interval=EVERY_MS)
        self._timer.timeout.connect(collect_due)
        self._timer.start()


def collect_due() -> None:
    """Collects the oldest generation whose threshold is passed, if any, as Python would have done."""
    due = [age for age, (count, most) in enumerate(zip(gc.get_count(), gc.get_threshold())) if 0 < most < count]
    if due:
        gc.collect(due[-1])
