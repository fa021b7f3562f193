"""The `mouthpiece` command: the window when called bare, the engine's commands, and the window's own children."""

import sys
from importlib import import_module

CHILDREN = {
    "_performer": "app.workers.performer",
    "_sound": "app.audio.sound_process",
    "_recorder": "app.workers.recorder",
    "_job": "app.workers.job",
    "_smoke": "app.smoke",
    "_microphone": "app.trials.piped_voice",
}
WINDOW_OPTIONS = ("--avatar", "--screenshot", "--after", "--theme", "--voice", "--size")


def main(argv: list[str] | None = None) -> int:
    """Runs what the arguments ask for. Nothing heavy is imported before it is known to be needed."""
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] in CHILDREN:
        return import_module(CHILDREN[argv[0]]).main(argv[1:]) or 0
    if not argv or argv[0] == "window" or argv[0].endswith((".avatar", ".mouthpiece")) or argv[0] in WINDOW_OPTIONS:
        from app.application import run

        return run(argv[1:] if argv[:1] == ["window"] else argv)
    from app.trials.commands import register
    from engine.__main__ import bench_cli, cli

    register(cli, bench_cli)
    cli(argv, prog_name="mouthpiece")
    return 0


if __name__ == "__main__":
    sys.exit(main())
