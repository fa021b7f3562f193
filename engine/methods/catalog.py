"""What can be trained: every method with its presets, what it needs and how long it takes. Imports no torch."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from types import ModuleType
from typing import Any

from engine.errors import ModelMissingError
from engine.methods import METHODS, method_module
from engine.paths import find_ict_facekit

PAPER = "paper"
"""The preset that every method has: its own defaults."""


@dataclass(frozen=True)
class Need:
    """Something that a training needs beside its film.

    Attributes:
        kind: `prior`, what a method learnt of many people before; or `fit`, a head model laid into the film, which
            `mouthpiece fit` does.
        words: one line on it, for a person; where it is missing with what to do.
        is_here: whether this machine has it. A fit is made of each film, it is here where its head model is.
        head: of a fit: which head model.
        spares_studio: of a fit: a film that knows how its points move, as a studio's does, is not fitted; which it is,
            the training finds out and sees to the fit itself.
        without: settings of the method that do without it; empty where nothing does.
    """

    kind: str
    words: str
    is_here: bool = True
    head: str = ""
    spares_studio: bool = False
    without: dict[str, Any] = field(default_factory=dict)


def head_model(name: str) -> str:
    """The head model a setting names; `auto` is ICT-FaceKit where this machine has it, else the house's."""
    if name != "auto":
        return name
    return "ict" if has_kit() else "house"


def has_kit() -> bool:
    """Whether this machine has ICT-FaceKit."""
    try:
        find_ict_facekit()
    except ModelMissingError:
        return False
    return True


def leading_fit(head: str) -> tuple[Need, ...]:
    """What a method needs whose setting `head` names the head model that leads its motion, `none` for none."""
    head = head_model(head)
    if head == "none":
        return ()
    is_here = head == "house" or has_kit()
    words = "A head model is laid into the film first, to show how its face moves."
    if not is_here:
        words = "The head model that should show how the film's face moves is not here; pictures alone can."
    return (Need("fit", words, is_here, head, spares_studio=True, without={"head": "none"}),)


@dataclass(frozen=True)
class Preset:
    """A set of a method's numbers: steps of a whole run, about how many hours of two cores they take (0: unknown)."""

    name: str
    iterations: int
    hours: float
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True)
class MethodEntry:
    """A method as a person chooses it."""

    name: str
    title: str
    summary: str
    presets: tuple[Preset, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "MethodEntry":
        presets = [
            Preset(**{**preset, "needs": tuple(Need(**need) for need in preset["needs"])}) for preset in row["presets"]
        ]
        return cls(row["name"], row["title"], row["summary"], tuple(presets))


def catalog() -> Iterator[MethodEntry]:
    """All of `METHODS`, in their order."""
    for name in METHODS:
        yield entry_of(name, method_module(name))


def entry_of(name: str, module: ModuleType) -> MethodEntry:
    """What a method's package says of itself (see `engine.training.trainable.TrainingModule`)."""
    first = (module.__doc__ or "").strip().splitlines()[0] if module.__doc__ else name
    title, _, says = first.partition(":")
    title = title.partition("(")[0].strip()
    presets = getattr(module, "PRESETS", {}) | {PAPER: {}}
    hours, needs = getattr(module, "HOURS", {}), getattr(module, "needs", lambda config: ())
    rows = []
    for preset, settings in presets.items():
        config = module.Config(**settings)
        rows.append(Preset(preset, config.iterations, float(hours.get(preset, 0.0)), tuple(needs(config))))
    summary = getattr(module, "SUMMARY", "") or says.strip()
    return MethodEntry(name, title, summary[:1].upper() + summary[1:], tuple(rows))
