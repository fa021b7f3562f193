"""One made clip for the tests that look at a head."""

import pytest

from tests.engine.capture.made_head import MadeClip, made_clip


@pytest.fixture(scope="session")
def clip() -> MadeClip:
    return made_clip()


@pytest.fixture(scope="session")
def landmarker_model(shared_data):
    return shared_data / "models" / "face_landmarker.task"


@pytest.fixture(scope="session")
def real_clip(shared_data):
    return shared_data / "clips" / "WDA_KatieHill_000.mp4"
