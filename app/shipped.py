"""Which of the avatars that came along with the program goes before the others."""

from pathlib import Path

WELCOME = "Noa.avatar"
"""Who greets a new user."""


def welcome_first(path: Path) -> tuple[bool, str]:
    """Sorts avatar files: who greets a new user, then by name."""
    return path.name != WELCOME, path.name
