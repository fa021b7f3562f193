"""The published methods, one package or file each; they never import one another."""

import importlib
from types import ModuleType

from engine.errors import TrainingError

METHODS = ("embedtalk", "gaussiantalker", "dgtalker", "talk2me", "ggtalker")


def method_module(name: str) -> ModuleType:
    """The package of a method, imported when first asked for: it offers `Config`, `begin` and `load`.

    Raises:
        TrainingError: if there is no such method.
    """
    if name not in METHODS:
        raise TrainingError(f"{name!r}: no such method; choose one of {', '.join(METHODS)}.")
    return importlib.import_module(f"engine.methods.{name}")
