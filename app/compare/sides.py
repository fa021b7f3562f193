"""What is shown of each side of a comparison."""

from dataclasses import dataclass

from PySide6.QtGui import QPixmap


@dataclass(frozen=True)
class Side:
    """One side as it is shown: name, method, a line of facts, and the avatar's own picture."""

    name: str = ""
    method: str = ""
    facts: str = ""
    picture: QPixmap | None = None
