"""`mouthpiece render` with presets: what was typed comes before what the preset says."""

import pytest
from typer.testing import CliRunner

from engine.__main__ import cli
from engine.export.presets import ExportPresets, make_preset
from engine.progress import Progress


@pytest.fixture
def order(monkeypatch, tmp_path):
    """Runs the command with these arguments and returns the order it would render."""
    monkeypatch.setenv("MOUTHPIECE_CONFIG", str(tmp_path / "config"))
    given = []

    def render_clip(order):
        given.append(order)
        yield Progress("Done")

    monkeypatch.setattr("engine.export.render.render_clip", render_clip)
    ExportPresets().save(make_preset(name="Reel", kind="webp", width=480, height=270, fps=30, is_signed=False, crf=28))

    def run(*arguments):
        done = CliRunner().invoke(cli, ["render", "a.avatar", "--voice", "v.wav", *map(str, arguments)])
        return (given[-1] if given else None), done

    return run


def test_a_preset_says_how_the_clip_is_made(order, tmp_path):
    made, done = order("-o", tmp_path / "x.webp", "--preset", "reel")
    assert done.exit_code == 0
    assert (made.kind, made.width, made.height, made.fps, made.crf) == ("webp", 480, 270, 30.0, 28)
    assert not made.is_signed


def test_options_beside_a_preset_come_first(order, tmp_path):
    made, _ = order("-o", tmp_path / "x.mp4", "--preset", "Reel", "--size", "640x360", "--format", "mp4", "--fps", 25)
    assert (made.kind, made.width, made.height, made.fps, made.crf) == ("mp4", 640, 360, 25.0, 28)


def test_an_unknown_preset_names_those_there_are(order, tmp_path):
    made, done = order("-o", tmp_path / "x.mp4", "--preset", "Loop")
    assert made is None and done.exit_code == 2
    assert "“Reel”" in done.output


def test_formats_and_presets_are_listed(order):
    done = CliRunner().invoke(cli, ["formats"])
    assert "Animated WebP" in done.output and "480×270, 30 fps" in done.output
