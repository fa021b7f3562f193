"""An avatar being opened on a thread of its own, so that the one before it goes on performing."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Entering:
    """Opens an avatar; whatever goes wrong ends in a sentence.

    Attributes:
        number: as the window counts avatars.
        avatar: once `is_done`, None if there was a `failure`.
    """

    def __init__(self, path: Path, number: int, load_avatar: Callable) -> None:
        self.number = number
        self.avatar: Any = None
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._load, args=(path, load_avatar), name="opening", daemon=True)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def _load(self, path: Path, load_avatar: Callable) -> None:
        from engine.errors import AvatarError, MouthpieceError

        try:
            self.avatar = load_avatar(path)
        except MouthpieceError as error:
            self.failure = error
        except Exception as error:  # the edge of a thread: whatever a damaged file does must end in a sentence
            import traceback

            traceback.print_exc()
            self.failure = AvatarError(f"{path}: cannot be opened ({type(error).__name__}: {error}).")


def load_avatar(path: Path) -> Any:
    """An avatar on the best device there is."""
    from engine.avatar import load_avatar as load
    from engine.device import pick_device

    return load(path, pick_device())
