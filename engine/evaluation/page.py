"""The evaluation as one HTML file that needs nothing else: figures, pictures and curves."""

import base64
import html
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from engine.evaluation.comparison import Compared, Comparison
from engine.paths import atomic_file

if TYPE_CHECKING:
    from engine.evaluation.report import Findings

PART_TITLES = {"train": "Training frames", "held_out": "Held out", "held_out_voice_only": "Held out, voice alone"}
FIGURES = {
    "psnr_full": ("PSNR, picture", "dB", 2), "psnr_head": ("PSNR, head", "dB", 2),
    "psnr_white": ("PSNR, head on white", "dB", 2), "ssim": ("SSIM", "", 3), "ms_ssim": ("MS-SSIM", "", 3),
    "lpips": ("LPIPS", "", 4), "perceptual_proxy": ("Perceptual (proxy)", "", 4), "fid": ("FID", "", 2),
    "lmd_px": ("LMD", "px", 2), "aue": ("AUE", "", 3), "aue_lower": ("AUE, lower face", "", 3),
    "aue_upper": ("AUE, upper face", "", 3), "sync_c": ("Sync-C", "", 2), "sync_d": ("Sync-D", "", 2),
    "sync_offset_frames": ("Sync offset", "frames", 0), "idsim": ("IDSIM", "", 3),
    "mouth_correlation": ("Mouth with the film's", "r", 2), "blink_correlation": ("Eyes with the film's", "r", 2),
    "sync_correlation_proxy": ("Mouth with loudness (proxy)", "r", 2),
    "sync_lag_ms_proxy": ("Its lag (proxy)", "ms", 0),
    "lip_l1_proxy": ("Lower face difference (proxy)", "", 4), "n_frames": ("Frames", "", 0),
}  # fmt: skip
CURVES = ("psnr_head", "lpips", "perceptual_proxy", "lmd_px", "lip_l1_proxy")
PICTURE_PX = 320
COLORS = {"train": "#8a94a6", "held_out": "#2f6fb5", "held_out_voice_only": "#c7682f"}
STYLE = """
:root { color-scheme: light dark; --ink: #1c222b; --dim: #5d6776; --line: #dde2ea; --ground: #fff; --card: #f6f8fb; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --dim: #98a2b3; --line: #333b47; --ground: #14181e; --card: #1c222b; } }
body { margin: 0 auto; max-width: 1080px; padding: 40px 24px 64px; background: var(--ground); color: var(--ink);
  font: 15px/1.5 Inter, system-ui, sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 40px 0 12px; }
p { margin: 0 0 12px; max-width: 72ch; } .dim { color: var(--dim); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 12px; border-bottom: 1px solid var(--line); text-align: right; }
th { color: var(--dim); font-weight: 500; } td:first-child, th:first-child { text-align: left; padding-left: 0; }
figure { margin: 0 0 20px; } figcaption { color: var(--dim); margin-bottom: 6px; }
.row { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px; }
img { width: 100%; display: block; border-radius: 4px; }
.views { display: grid; grid-template-columns: repeat(2, 1fr); gap: 24px; }
svg { width: 100%; height: auto; background: var(--card); border-radius: 4px; }
svg text { fill: var(--dim); font-size: 12px; } li { margin-bottom: 6px; }
"""


def write_page(path: Path, comparison: Comparison, found: "Findings") -> None:
    """Writes the page whole or not at all.

    Raises:
        OutputError: if it cannot be written.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(page(comparison, found), encoding="utf-8")


def page(comparison: Comparison, found: "Findings") -> str:
    """The page's HTML."""
    manifest, info = comparison.avatar.manifest, comparison.dataset.info
    facts = (
        f"{manifest.method}, {manifest.n_gaussians:,} splats, compared with {info.name} "
        f"({info.n_frames} frames of {info.width} x {info.height} at {info.fps:g} a second, {info.n_train} trained on)"
    )
    parts = [
        f"<h1>{html.escape(manifest.name)}</h1><p class=dim>{html.escape(facts)}</p>",
        "<h2>Figures</h2>", _table(found.values),
        "<p class=dim>Names that end in proxy stand in for measures whose networks are not here; they compare avatars "
        "with one another, never with published numbers.</p>",
    ]  # fmt: skip
    if found.pictures:
        parts += ["<h2>Held-out frames</h2>", *(_figure(title, one) for title, one in found.pictures.items())]
    if found.views:
        titles = {yaw: f"{yaw:+.0f}°, {found.values['novel_views'][f'{yaw:+.0f}']['psnr_head']:.1f} dB in the head"
                  for yaw in found.views}  # fmt: skip
        rows = (_figure(titles[yaw], one, has_difference=False) for yaw, one in sorted(found.views.items()))
        parts += ["<h2>From angles training never saw</h2>", f"<div class=views>{''.join(rows)}</div>"]
    parts += ["<h2>Over time</h2>", *_curves(found.curves), *_apart(found.values)]
    if found.values.get("notes"):
        items = "".join(f"<li>{html.escape(note)}</li>" for note in found.values["notes"])
        parts += ["<h2>What could not be measured</h2>", f"<ul>{items}</ul>"]
    title = html.escape(f"{manifest.name} compared with {info.name}")
    head = f"<meta charset=utf-8><title>{title}</title><meta name=viewport content='width=device-width'>"
    return f"<!doctype html><html lang=en><head>{head}<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>"


def _table(values: dict[str, Any]) -> str:
    shown = [part for part in PART_TITLES if part in values]
    names = [name for name in FIGURES if any(name in values[part] for part in shown)]
    rows = ["<tr><th></th>" + "".join(f"<th>{PART_TITLES[part]}</th>" for part in shown) + "</tr>"]
    for name in names:
        title, unit, digits = FIGURES[name]
        cells = "".join(f"<td>{_number(values[part].get(name), digits)}</td>" for part in shown)
        rows.append(f"<tr><td>{title}{f', {unit}' if unit else ''}</td>{cells}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:.{digits}f}"


def _figure(title: str, one: Compared, has_difference: bool = True) -> str:
    pictures = [("As filmed", one.truth), ("The avatar", one.made)]
    if has_difference:
        pictures.append(("Difference, four times", np.clip(4 * np.abs(one.made - one.truth), 0, 1)))
    images = "".join(f"<img alt='{words}' title='{words}' src='{_jpeg(picture)}'>" for words, picture in pictures)
    columns = "" if has_difference else " style='grid-template-columns: repeat(2, 1fr)'"
    words = " | ".join(words for words, _ in pictures)
    caption = f"<figcaption>{html.escape(title)}: {words}</figcaption>"
    return f"<figure>{caption}<div class=row{columns}>{images}</div></figure>"


def _jpeg(picture: np.ndarray) -> str:
    image = Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
    image.thumbnail((PICTURE_PX, PICTURE_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _curves(curves: dict[str, dict[str, np.ndarray]]) -> list[str]:
    made = []
    for name in CURVES:
        series = {part: (rows["times"], rows[name]) for part, rows in curves.items() if name in rows}
        if series:
            title, unit, digits = FIGURES[name]
            made.append(_curve(f"{title}{f', {unit}' if unit else ''}", series, max(digits, 1)))
    return made


def _curve(title: str, series: dict[str, tuple[np.ndarray, np.ndarray]], digits: int) -> str:
    """One figure over the clip's time, a line for each part."""
    width, height, left, bottom = 1000, 190, 56, 24
    known = np.concatenate([values[np.isfinite(values)] for _, values in series.values()])
    times = np.concatenate([at for at, _ in series.values()])
    if not len(known):
        return ""
    low, high = float(known.min()), float(known.max())
    low, high = (low - 0.5, high + 0.5) if high - low < 1e-9 else (low, high)
    first, last = float(times.min()), max(float(times.max()), float(times.min()) + 1e-6)
    lines = []
    for k in range(4):
        y = 10 + (height - 10 - bottom) * k / 3
        lines.append(f"<line x1={left} x2={width} y1={y:.0f} y2={y:.0f} stroke='currentColor' opacity='.12'/>")
        lines.append(
            f"<text x={left - 6} y={y + 4:.0f} text-anchor=end>{high - (high - low) * k / 3:.{digits}f}</text>"
        )
    for part, (at, values) in series.items():
        x = left + (width - left - 8) * (at - first) / (last - first)
        y = 10 + (height - 10 - bottom) * (1 - (values - low) / (high - low))
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True) if np.isfinite(b))
        lines.append(f"<polyline points='{points}' fill='none' stroke='{COLORS[part]}' stroke-width='1.6'/>")
    for place, anchor, at in ((left, "start", first), (width - 8, "end", last)):
        lines.append(f"<text x={place} y={height - 6} text-anchor={anchor}>{at:.1f} s</text>")
    keys = " ".join(f"<span style='color:{COLORS[part]}'>■</span> {PART_TITLES[part]}" for part in series)
    return (f"<figure><figcaption>{title} &nbsp; {keys}</figcaption>"
            f"<svg viewBox='0 0 {width} {height}' role=img>{''.join(lines)}</svg></figure>")  # fmt: skip


def _apart(values: dict[str, Any]) -> list[str]:
    """How far lips and expression keep apart, and each coordinate's part in it."""
    ratios = values.get("disentanglement")
    if not ratios:
        return []
    rows = ["<tr><th></th><th>Upper face</th><th>Lower face</th></tr>"]
    for name, row in values.get("sweeps", {}).items():
        cells = "".join(f"<td>{100 * row[half]:.2f}</td>" for half in ("upper", "lower"))
        rows.append(f"<tr><td>{html.escape(name)}</td>{cells}</tr>")
    lips, expression = (ratios[n] for n in ("lip_upper_over_lower", "expression_lower_over_upper"))
    words = (
        f"Sweeping lip coordinates changes the upper face {_percent(lips)} as much as the lower one; sweeping "
        f"expression changes the lower face {_percent(expression)} as much as the upper one."
    )
    return ["<h2>Lips and expression apart</h2>", f"<p>{words}</p>",
            f"<table>{''.join(rows)}</table><p class=dim>Mean change of a pixel, per cent.</p>"]  # fmt: skip


def _percent(value: float) -> str:
    return "–" if not np.isfinite(value) else f"{100 * value:.1f} %"
