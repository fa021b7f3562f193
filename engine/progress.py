"""How long work tells where it is; see STYLE: it is a generator, stopping it is not asking for the next step."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Progress:
    """One step of a long piece of work.

    Attributes:
        stage: what is being done, as a person reads it ("Tracking the face").
        done, total: steps of this stage; total 0 when unknown.
        message: a note worth showing ("12 frames had no face").
        values: numbers of the moment (loss, PSNR, frames a second) and paths (preview, result).
    """

    stage: str
    done: int = 0
    total: int = 0
    message: str = ""
    values: dict[str, Any] = field(default_factory=dict)
