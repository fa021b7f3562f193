"""The phones of a take, heard by a process of its own (the window has no networks), and moved along with cuts."""

import json
import subprocess
from pathlib import Path

import numpy as np

from app.children import program
from engine.errors import TakeError
from engine.performance.lip_check import Phone

PATIENCE_S = 600


def heard_phones(take: Path) -> tuple[Phone, ...]:
    """Runs the command line's own code and waits; not on the GUI thread. Raises TakeError with its sentence."""
    executable, first = program()
    try:
        done = subprocess.run([executable, *first, "_phones", str(take), "--json"], capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False)  # fmt: skip
        row = json.loads(done.stdout.strip().splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise TakeError(f"the phones of {take.stem[:12]} cannot be heard ({type(error).__name__}).") from error
    if "error" in row:
        raise TakeError(str(row["error"]))
    return tuple(Phone(float(p["start"]), float(p["end"]), str(p["name"])) for p in row["phones"])


def moved_phones(phones: tuple[Phone, ...], times: np.ndarray, source: np.ndarray) -> tuple[Phone, ...]:
    """Phones of the raw take on the edited line; those that were cut away are gone."""
    there = ~np.isnan(source)
    if not phones or not there.any():
        return ()
    at, raw = times[there], source[there]
    made = []
    for phone in phones:
        inside = (raw >= phone.start - 1e-6) & (raw <= phone.end + 1e-6)
        if inside.any():
            made.append(Phone(float(at[inside][0]), float(at[inside][-1]), phone.name))
    return tuple(made)
