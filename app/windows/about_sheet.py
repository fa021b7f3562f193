"""About and diagnostics: what this is, and what this machine has, to copy into a report."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.theme.buttons import TextButton, Words
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE
from app.windows.logo import LogoMark
from app.windows.sheet import Sheet

PACKAGES = ("mouthpiece", "PySide6-Essentials", "numpy", "torch", "numba", "moderngl", "gsplat", "sounddevice")


class AboutSheet(Sheet):
    """Name, version, and the diagnostics as text."""

    def __init__(self, theme: Theme, host: QWidget, facts: dict[str, str]) -> None:
        super().__init__(theme, host, "About Mouthpiece", (560, 460))
        self._text = "\n".join(f"{name}: {value}" for name, value in facts.items())
        column = QVBoxLayout(self.body)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(LogoMark(40))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(Words(theme, f"Mouthpiece {_version('mouthpiece')}", TYPE.dialog_title, SEMIBOLD))
        words.addWidget(Words(theme, "A studio for audio-driven 3D Gaussian head avatars.", tone="t2"))
        head.addLayout(words, 1)
        column.addLayout(head)
        self.text = QPlainTextEdit(self._text)
        self.text.setReadOnly(True)
        self.text.setFont(theme.mono(TYPE.secondary))
        self.text.setAccessibleName("Diagnostics")
        column.addWidget(self.text, 1)
        foot = self.add_foot()
        self._copied = Words(theme, "", TYPE.secondary, tone="t2")
        foot.addWidget(self._copied)
        foot.addStretch()
        copy = TextButton(theme, "Copy the diagnostics", "content-copy")
        copy.clicked.connect(self._copy)
        foot.addWidget(copy)
        done = TextButton(theme, "Close", kind="primary")
        done.clicked.connect(self.close)
        foot.addWidget(done)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._text)
        self._copied.setText("Copied.")


def diagnostics(session, theme: Theme) -> dict[str, str]:
    """What a report should say about this machine and this run; nothing is measured for it."""
    screen = QGuiApplication.primaryScreen()
    size = screen.size()
    facts = {
        "System": f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} cores",
        "Python": sys.version.split()[0],
        "Screen": f"{size.width()} × {size.height()} at {screen.devicePixelRatio() * 100:.0f} %, "
                  f"{QGuiApplication.platformName()}",
        "Theme": f"{theme.mode}, {theme.font().families()[0]}",
    }  # fmt: skip
    for package in PACKAGES:
        found = _version(package)
        facts[package] = found or "not installed"
    view = session.frames.newest()
    if session.manifest is not None:
        manifest = session.manifest
        facts["Avatar"] = f"{manifest.name}, {manifest.method}, {manifest.n_gaussians:,} splats"
    if view is not None:
        header = view.header
        facts["Picture"] = f"{header.width} × {header.height}, {header.fps:.0f} fps, {header.backend}"
        facts["Latency"] = f"p50 {header.total_p50_ms:.0f} ms, p95 {header.total_p95_ms:.0f} ms"
        facts["Sound lost"] = f"{header.lost_samples:,} samples"
    return facts


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
