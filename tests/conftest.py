"""Fixtures every test may use: the shared data folder, a quiet home, tiny avatars."""

import os
from pathlib import Path

import pytest

import engine  # noqa: F401  (before any test imports torch: threads that wait must sleep, see there)

CHECKOUT = Path(__file__).resolve().parent.parent
os.environ.setdefault("QT_LOGGING_RULES", "*.debug=false")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real clips, speech and models that lies beside a checkout; skips aloud without it."""
    folder = Path(os.environ.get("MOUTHPIECE_SHARED", CHECKOUT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here; set MOUTHPIECE_SHARED to the folder that holds data/")
    return folder


@pytest.fixture(autouse=True, scope="session")
def quiet_home(tmp_path_factory) -> Path:
    """Settings, caches and takes of a test run go to a folder of its own (compiled kernels keep their cache)."""
    home = tmp_path_factory.mktemp("home")
    for name in ("CACHE", "DATA", "CONFIG"):
        os.environ[f"MOUTHPIECE_{name}"] = str(home / name.lower())
    return home
