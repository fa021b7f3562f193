"""What a job is: what was asked for, how far it is, what came of it, and what follows."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESUMABLE = ("capture", "train")
"""Kinds that go on from where they were stopped when the same order is given again."""

ACTIVE = ("queued", "running")
OPEN = (*ACTIVE, "paused")
ENDED = ("done", "failed", "stopped")
MAX_RECORD_BYTES = 4 << 20


@dataclass(frozen=True)
class JobOrder:
    """One piece of work as the command line takes it: the command, its fields, and what a person calls it."""

    kind: str
    order: dict[str, Any]
    title: str


@dataclass(frozen=True)
class JobState:
    """A job as the window shows it.

    Attributes:
        state: queued, running, paused, done, failed or stopped.
        stage, done, total: what it is doing and how far; total 0 while unknown.
        message: a note worth showing, or why it failed.
        values: numbers of the moment (iteration, splats, psnr), and at the end the figures of the result.
        order: what was asked for, by field of the command line.
        then: what follows when it is done; before: ids of the jobs it followed.
        to_stage: whether the avatar at the end of the chain goes on stage.
        began, ended: seconds since the epoch, None while it has not.
    """

    id: str
    kind: str
    title: str
    state: str = "queued"
    stage: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    message: str = ""
    result: Path | None = None
    log: Path = Path()
    order: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    then: tuple[JobOrder, ...] = ()
    before: tuple[str, ...] = ()
    to_stage: bool = False
    began: float | None = None
    ended: float | None = None

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def can_resume(self) -> bool:
        """Whether it goes on, or is tried again, when asked to."""
        return self.state in ("paused", "failed", "stopped")

    @property
    def part(self) -> float | None:
        """How much of the present stage is done, 0 to 1; None while unknown."""
        return min(1.0, self.done / self.total) if self.total > 0 else None


def write_record(path: Path, states: list[JobState]) -> None:
    """Replaces the list of jobs on disk. Raises OSError."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps([asdict(state) for state in states], default=str), encoding="utf-8")
    partial.replace(path)


def read_record(path: Path) -> list[JobState]:
    """The jobs of an earlier window; what cannot be read is as if it had never been there."""
    try:
        if path.stat().st_size > MAX_RECORD_BYTES:
            return []
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    states = []
    for row in rows if isinstance(rows, list) else []:
        try:
            state = _state_of(row)
        except (TypeError, ValueError, KeyError):
            continue
        states.append(state)
    return states


def _state_of(row: dict[str, Any]) -> JobState:
    fields = {name: row[name] for name in JobState.__dataclass_fields__ if name in row}
    for name, kind in (("id", str), ("kind", str), ("title", str), ("state", str), ("stage", str), ("message", str),
                       ("order", dict), ("values", dict), ("done", int), ("total", int)):  # fmt: skip
        if not isinstance(fields[name], kind):
            raise TypeError(name)
    if fields["state"] not in (*OPEN, *ENDED):
        raise ValueError(fields["state"])
    then = tuple(JobOrder(str(o["kind"]), dict(o["order"]), str(o["title"])) for o in fields["then"])
    times = {name: float(fields[name]) if fields.get(name) is not None else None for name in ("began", "ended")}
    return JobState(
        **{**fields, **times, "then": then, "before": tuple(str(b) for b in fields["before"]), "seconds_left": None,
           "log": Path(fields["log"]), "result": Path(fields["result"]) if fields["result"] else None,
           "to_stage": bool(fields["to_stage"])}
    )  # fmt: skip
