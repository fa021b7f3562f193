"""What it takes to make an avatar: a video is captured, a head fitted where it is needed, then trained and tested."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.jobs.state import JobOrder, JobState
from app.panels.library_files import avatars_dir
from app.windows.orders import safe_name
from engine.paths import cache_dir

DATASET = ".dataset"


@dataclass(frozen=True)
class AvatarPlan:
    """How an avatar is to be made.

    Attributes:
        minutes: of training, 0 in full.
        heads: head models to be fitted to the film first.
        settings: of the method, on top of the preset.
        size: side of the pictures a video is captured at, pixels.
        report: whether it is tested on frames it has not seen.
        to_stage: whether it goes on stage when it is done.
    """

    name: str
    method: str
    preset: str
    minutes: int
    heads: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    size: int = 512
    report: bool = True
    to_stage: bool = False


def is_dataset(path: Path) -> bool:
    return (path / "dataset.json").is_file()


def orders_of(source: Path, plan: AvatarPlan, jobs: Iterable[JobState] = ()) -> list[JobOrder]:
    """The jobs that make an avatar of a video or a dataset, in order; `jobs` says which files are spoken for."""
    promised = {str(path) for job in jobs if job.is_open for path in _outputs(job)}
    orders = []
    source = source.absolute()  # it is gone on with from wherever the next window is started
    dataset = source
    if not is_dataset(source):
        dataset = _free(cache_dir() / "datasets" / f"{safe_name(plan.name)}{DATASET}", promised, may_exist=True)
        dataset.parent.mkdir(parents=True, exist_ok=True)
        capture = {"video": str(source), "output": str(dataset), "size": plan.size}
        orders.append(JobOrder("capture", capture, f"Capture {plan.name}"))
    orders += [
        JobOrder("fit", {"dataset": str(dataset), "head": head}, f"Fit a head to {plan.name}") for head in plan.heads
    ]
    avatar = _free(avatars_dir() / f"{safe_name(plan.name)}.avatar", promised)
    train = {"dataset": str(dataset), "output": str(avatar), "method": plan.method, "preset": plan.preset,
             "minutes": plan.minutes or None, "set": plan.settings or None}  # fmt: skip
    orders.append(JobOrder("train", {name: v for name, v in train.items() if v is not None}, f"Train {plan.name}"))
    if plan.report:
        orders.append(report_order(plan.name, avatar, dataset))
    return orders


def report_order(name: str, avatar: Path, dataset: Path) -> JobOrder:
    """The test of an avatar on frames it has not seen, with its page beside the avatar."""
    fields = {"avatar": str(avatar), "dataset": str(dataset), "report": str(avatar.with_suffix(".html"))}
    return JobOrder("evaluate", fields, f"Test {name}")


def _outputs(job: JobState) -> list[str]:
    orders = [job.order, *(following.order for following in job.then)]
    return [str(order["output"]) for order in orders if "output" in order]


def _free(path: Path, promised: set[str], may_exist: bool = False) -> Path:
    """The path, with a number where it is taken."""
    number, free = 2, path
    while str(free) in promised or (free.exists() and not may_exist):
        free = path.with_name(f"{path.stem} {number}{path.suffix}")
        number += 1
    return free
