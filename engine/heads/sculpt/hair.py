"""The hair styles by name."""

from collections.abc import Callable

from engine.heads.sculpt.long_hair import bob, bun
from engine.heads.sculpt.scalp import Grown
from engine.heads.sculpt.short_hair import buzz, crop, curls, fringe, quiff

STYLES: dict[str, Callable[..., Grown] | None] = {
    "crop": crop, "quiff": quiff, "fringe": fringe, "buzz": buzz, "curls": curls, "bob": bob, "bun": bun, "bald": None,
}  # fmt: skip
"""Style name to what grows it on a `Scalp` with a length factor; None grows nothing."""
