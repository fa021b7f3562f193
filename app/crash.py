"""What happens when the window itself goes wrong: a log is written, one sentence is shown, work goes on."""

import contextlib
import faulthandler
import logging
import logging.handlers
import platform
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from PySide6 import __version__ as pyside_version
from PySide6.QtCore import QObject, QtMsgType, Signal, qInstallMessageHandler

from engine.paths import data_dir

LOG_FILE, KEPT_CRASHES = "window.log", 20
LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def log_dir() -> Path:
    """Where the logs of the window and of crashes are kept."""
    folder = data_dir() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class CrashHandler(QObject):
    """Takes every error nobody caught.

    Signals:
        crashed: a sentence for the person, and the log's path; comes on the GUI thread.
    """

    crashed = Signal(str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._previous_hook: Callable | None = None
        self._native: object | None = None

    def install(self) -> None:
        """From now on uncaught errors, Qt's warnings and hard crashes reach the log."""
        handler = logging.handlers.RotatingFileHandler(log_dir() / LOG_FILE, maxBytes=1 << 20, backupCount=2)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._handler = handler
        logging.getLogger().addHandler(handler)
        logging.getLogger().setLevel(logging.INFO)
        self._previous_hook = sys.excepthook
        sys.excepthook = self.take
        threading.excepthook = lambda args: self.take(args.exc_type, args.exc_value, args.exc_traceback)
        qInstallMessageHandler(_log_qt)
        self._native = open(log_dir() / "hard-crash.log", "w")  # noqa: SIM115  (lives as long as the program)
        faulthandler.enable(self._native)

    def uninstall(self) -> None:
        if self._previous_hook is None:
            return
        sys.excepthook, threading.excepthook = self._previous_hook, threading.__excepthook__
        qInstallMessageHandler(None)
        faulthandler.disable()
        self._native.close()
        logging.getLogger().removeHandler(self._handler)
        self._handler.close()
        self._previous_hook = None

    def take(self, kind: type[BaseException], error: BaseException, trace) -> None:
        """Writes the log of one error and says so."""
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        path = write_crash(kind, error, trace)
        traceback.print_exception(kind, error, trace)
        with contextlib.suppress(RuntimeError):  # the window may be gone already
            self.crashed.emit(f"{kind.__name__} in the window. What happened is in {path.name}.", path)


def write_crash(kind: type[BaseException], error: BaseException, trace) -> Path:
    """A log of one error with what it ran on; the oldest beyond twenty are removed."""
    folder = log_dir()
    path = folder / f"crash-{datetime.now():%Y%m%d-%H%M%S-%f}.log"
    head = f"Python {platform.python_version()}, PySide {pyside_version}, {platform.platform()}\n\n"
    with contextlib.suppress(OSError):
        path.write_text(head + "".join(traceback.format_exception(kind, error, trace)), encoding="utf-8")
        for old in sorted(folder.glob("crash-*.log"))[:-KEPT_CRASHES]:
            old.unlink(missing_ok=True)
    return path


def _log_qt(kind: QtMsgType, context, message: str) -> None:
    logging.getLogger("qt").log(LEVELS.get(kind, logging.WARNING), message)
