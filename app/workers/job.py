"""A job's process: one command of the command line, its progress as JSON lines, stopped when the window says so."""

import contextlib
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

NICENESS = 10
"""Training and rendering have what window and face leave them; from one that leaves nothing, a tenth of its core."""

POSITIONAL = {"capture": ("video",), "train": ("dataset",), "evaluate": ("avatar", "dataset"), "info": ("avatar",),
              "speak": ("avatar", "voice"), "fit": ("dataset",)}  # fmt: skip
"""Which fields of an order stand without a name on the command line, by kind; all others become options."""


def main(argv: list[str]) -> int:
    """`mouthpiece _job KIND ORDER.json`: runs the command; when standard input closes, it stops as with Ctrl-C."""
    kind, path = argv
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICENESS)  # the face on stage comes first
    arguments = arguments_of(kind, Path(path))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a program started in the background inherits deafness
    threading.Thread(target=_watch_window, name="window", daemon=True).start()
    from engine.__main__ import cli

    cli(arguments, prog_name="mouthpiece")
    return 0


def arguments_of(kind: str, path: Path) -> list[str]:
    """The command line of an order: a render order is passed as the file it is, others field by field."""
    if kind == "render":
        return ["render", str(path), "--json"]
    order = json.loads(path.read_text(encoding="utf-8"))
    names = POSITIONAL.get(kind, ())
    arguments = [kind, *(str(order[name]) for name in names)]
    for name, value in order.items():
        if name not in names:
            arguments += _option(name, value)
    return [*arguments, "--json"]


def _option(name: str, value: Any) -> list[str]:
    """`fresh=True` is a switch, a list repeats the option, a dict gives name=value pairs; None leaves it out."""
    flag = "--" + name.replace("_", "-")
    if value is None or value is False:
        return []
    if value is True:
        return [flag]
    if isinstance(value, dict):
        value = [f"{key}={inner}" for key, inner in value.items()]
    values = value if isinstance(value, list) else [value]
    return [part for one in values for part in (flag, str(one))]


def _watch_window() -> None:
    """Stops the work as Ctrl-C would, once the window closes its end of the pipe."""
    import _thread

    with contextlib.suppress(OSError):
        while os.read(0, 4096):  # not sys.stdin: a thread that holds its lock breaks the interpreter's own ending
            pass
    _thread.interrupt_main()
