"""How the command line follows long work: a bar for a person, JSON lines for a program, one line for an error."""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from engine.errors import ControlError, MouthpieceError
from engine.progress import Progress

INTERRUPTED = 130


def follow(work: Iterator[Progress], as_json: bool) -> Progress:
    """Runs a generator to its end and shows where it is; returns its last step.

    With `as_json` each step is one JSON line on standard output, so that a window or a script can follow.
    """
    with contextlib.closing(work), contextlib.nullcontext(_print_json) if as_json else _bar() as show:
        last = Progress("Nothing to do")
        for last in work:
            show(last)
    return last


def say(values: dict[str, Any], as_json: bool, title: str = "") -> None:
    """Prints a result: one JSON line, or a title and aligned rows."""
    if as_json:
        print(json.dumps(_plain(values)), flush=True)
        return
    console = Console(highlight=False)
    if title:
        console.print(title, style="bold")
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        console.print(f"  {name:<{width}}  {_shown(value)}", markup=False, soft_wrap=True)


@contextlib.contextmanager
def one_line_errors(as_json: bool = False) -> Iterator[None]:
    """Ends the program with exit code 2 and one line for an error the user can act on, 130 for Ctrl-C."""
    try:
        yield
    except MouthpieceError as error:
        if as_json:
            print(json.dumps({"error": str(error)}), flush=True)
        print(f"mouthpiece: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt:
        print("mouthpiece: stopped; what takes minutes goes on from here when started again.", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:
        raise SystemExit(0) from None


def named_values(items: list[str] | None) -> dict[str, str]:
    """What `name=value` options say. Raises ControlError for one without a name or a sign."""
    pairs = {}
    for item in items or []:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise ControlError(f"{item!r}: write name=value.")
        pairs[name] = value
    return pairs


def _print_json(step: Progress) -> None:
    row = {**step.values, "stage": step.stage, "done": step.done, "total": step.total, "message": step.message}
    print(json.dumps(_plain(row)), flush=True)


@contextlib.contextmanager
def _bar():
    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"),
        TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    with Bar(*columns, console=console, refresh_per_second=4) as bar:
        tasks: dict[str, int] = {}
        said = ""

        def show(step: Progress) -> None:
            if step.stage not in tasks:
                tasks[step.stage] = bar.add_task(step.stage, total=step.total or None, note="")
            note = "  ".join(f"{n} {v:.4g}" for n, v in step.values.items() if isinstance(v, float))
            bar.update(tasks[step.stage], completed=step.done, total=step.total or None, note=note)
            nonlocal said
            if step.message and step.message != said:
                console.print(step.message, markup=False)
            said = step.message

        yield show


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return str(value) if isinstance(value, Path) else value


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_shown(inner) for inner in value)
    return str(value)
