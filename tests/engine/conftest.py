"""Toy datasets and a toy avatar, made once for a test run."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.toy_head import make_toy_dataset, train_toy


@pytest.fixture(scope="session")
def toy_dataset(tmp_path_factory) -> Path:
    """A head over a plate, 64 pixels, 44 frames."""
    return make_toy_dataset(tmp_path_factory.mktemp("plate") / "toy.dataset", 64, 44, "plate", n=700)


@pytest.fixture(scope="session")
def toy_bust(tmp_path_factory) -> Path:
    """A whole bust with exact alpha, the camera moving round it, 64 pixels, 44 frames."""
    return make_toy_dataset(tmp_path_factory.mktemp("alpha") / "bust.dataset", 64, 44, "alpha", n=700)


@pytest.fixture(scope="session")
def toy_avatar_of(toy_dataset, tmp_path_factory) -> Callable[[str], Path]:
    """Gives the avatar of the toy head by a method, trained for a few seconds when somebody first asks for it."""

    @functools.cache
    def trained(method: str) -> Path:
        n = 120 if method == "embedtalk" else 60
        return train_toy(toy_dataset, tmp_path_factory.mktemp(method) / "toy.avatar", method, iterations=n)

    return trained


@pytest.fixture(scope="session")
def toy_avatar(toy_avatar_of) -> Path:
    """An EmbedTalk avatar of the toy head."""
    return toy_avatar_of("embedtalk")


@pytest.fixture(scope="session")
def toy_bust_avatar(toy_bust, tmp_path_factory) -> Path:
    return train_toy(toy_bust, tmp_path_factory.mktemp("avatar") / "bust.avatar", "embedtalk")
