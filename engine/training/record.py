"""What a training leaves beside its checkpoint for people to look at: losses as CSV and curve, and a preview."""

import csv
import time
from collections import deque
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from engine.paths import atomic_file

RECENT = 100  # iterations a reported figure is the mean of
ROW_EVERY = 20
CURVE_SIZE = (900, 360)
MARGIN = 48
INK, GRID, LINE, SECOND = (40, 44, 52), (225, 228, 234), (37, 99, 235), (217, 119, 6)


class TrainingRecord:
    """Gathers loss terms and writes `loss.csv`, `loss.png` and `preview.png` into the training's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.preview_path = folder / "preview.png"
        self._recent: deque[dict[str, float]] = deque(maxlen=RECENT)
        self._rows: list[dict[str, float]] = []
        self._seconds: deque[float] = deque(maxlen=RECENT)
        self._reported = 0.0

    def add(self, iteration: int, seconds: float, n_gaussians: int, terms: dict[str, float]) -> None:
        self._recent.append(terms)
        self._seconds.append(seconds)
        if iteration % ROW_EVERY == 0:
            means = {name: self.recent(name) for name in terms}
            self._rows.append({"iteration": iteration, "seconds": round(seconds, 2), "splats": n_gaussians, **means})

    def recent(self, name: str) -> float:
        """Mean of a term over the last iterations; of a run that ended before it was picked up again as its last row
        has it."""
        values = [terms[name] for terms in self._recent if name in terms]
        if not values and self._rows:
            values = [self._rows[-1].get(name, 0.0)]
        return float(np.mean(values)) if values else 0.0

    @property
    def seconds_each(self) -> float:
        return (self._seconds[-1] - self._seconds[0]) / max(len(self._seconds) - 1, 1) if self._seconds else 0.0

    def is_due(self, every_s: float) -> bool:
        now = time.monotonic()
        if now - self._reported < every_s:
            return False
        self._reported = now
        return True

    def rows(self) -> list[dict[str, float]]:
        return self._rows

    def restore(self, rows: list[dict[str, float]]) -> None:
        self._rows = rows

    def remove(self) -> None:
        for name in ("loss.csv", "loss.png", "preview.png"):
            (self.folder / name).unlink(missing_ok=True)

    def draw(self, target: np.ndarray, render: np.ndarray) -> None:
        """Writes the preview: what a frame should be | what it is, `[H, W, 3]` each; and the curve."""
        both = np.concatenate([target, render], axis=1)
        with atomic_file(self.preview_path) as temporary:
            Image.fromarray((np.clip(both, 0, 1) * 255 + 0.5).astype(np.uint8)).save(temporary, "PNG")
        self.write()

    def write(self) -> None:
        if not self._rows:
            return
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        with atomic_file(self.folder / "loss.csv") as temporary, open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows({k: round(v, 6) if isinstance(v, float) else v for k, v in r.items()} for r in self._rows)
        with atomic_file(self.folder / "loss.png") as temporary:
            self._curve().save(temporary, "PNG")

    def _curve(self) -> Image.Image:
        image = Image.new("RGB", CURVE_SIZE, "white")
        draw = ImageDraw.Draw(image)
        iterations = np.array([row["iteration"] for row in self._rows], dtype=float)
        self._series(draw, iterations, "psnr", LINE, left=True, unit=" dB")
        self._series(draw, iterations, "total", SECOND, left=False, unit="")
        draw.text((CURVE_SIZE[0] / 2 - 60, CURVE_SIZE[1] - 16), f"iteration {iterations[-1]:.0f}", fill=INK)
        return image

    def _series(self, draw: ImageDraw.ImageDraw, x: np.ndarray, name: str, color, left: bool, unit: str) -> None:
        y = np.array([row.get(name, np.nan) for row in self._rows], dtype=float)
        if not np.isfinite(y).any():  # steps that look at no picture have no such figure
            return
        low, high = np.nanquantile(y, [0.0, 0.98])
        high = max(high, low + 1e-6)
        width, height = CURVE_SIZE[0] - 2 * MARGIN, CURVE_SIZE[1] - 2 * MARGIN
        px = MARGIN + width * (x - x[0]) / max(x[-1] - x[0], 1)
        py = MARGIN + height * (1 - np.clip((y - low) / (high - low), 0, 1))
        for k in range(5):
            at = MARGIN + height * k / 4
            value = high - (high - low) * k / 4
            if left:
                draw.line([(MARGIN, at), (MARGIN + width, at)], fill=GRID)
            draw.text((2 if left else MARGIN + width + 4, at - 6), f"{value:.3g}", fill=color)
        points = [(float(a), float(b)) for a, b in zip(px, py, strict=True) if np.isfinite(b)]
        if len(points) > 1:
            draw.line(points, fill=color, width=2)
        last = f"{name} {y[-1]:.4g}{unit}"
        draw.text((MARGIN if left else MARGIN + width - 90, 14), last, fill=color)
