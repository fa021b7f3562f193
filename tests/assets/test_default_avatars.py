"""The avatars that ship: their size, and what they do against the studio that filmed them."""

import os
from collections import deque
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.audio.history import FeatureHistory
from engine.audio.wav import read_sound
from engine.avatar import load_avatar
from engine.camera import Orbit
from engine.capture.landmarks import FaceLandmarker
from engine.evaluation.report import evaluate
from engine.manifest import read_manifest
from engine.methods.base import DriverInputs
from engine.paths import ASSETS
from engine.training.thumbnail import rendered_layers

AVATARS = sorted((ASSETS / "avatars").glob("*.avatar"))
FILMS = Path(os.environ.get("MOUTHPIECE_FILMS", ASSETS.parent / "out" / "default_avatars"))
"""Where `packaging/default_avatars.py` left the films."""
SIZE = 256
UPPER_LIP, LOWER_LIP, FOREHEAD, CHIN = 13, 14, 10, 152

if not AVATARS:
    MISSING = f"{ASSETS / 'avatars'} holds no avatar; packaging/default_avatars.py makes them"
    pytest.skip(MISSING, allow_module_level=True)


MAX_MB = {"embedtalk": 12, "gaussiantalker": 12, "dgtalker": 20, "ggtalker": 20, "talk2me": 20}
METHOD = {path: read_manifest(path).method for path in AVATARS}


@pytest.fixture(params=[path for path in AVATARS if METHOD[path] == "embedtalk"], ids=lambda path: path.stem)
def path(request) -> Path:
    return request.param


@pytest.fixture(params=AVATARS, ids=lambda path: path.stem)
def any_path(request) -> Path:
    return request.param


@cache
def avatar_of(path: Path):
    return load_avatar(path)


def picture(path: Path, values: dict[str, float]) -> np.ndarray:
    """The avatar from the front with controls set, float `[H, W, 3]` on grey."""
    controls = avatar_of(path).schema.rest()
    for name, value in values.items():
        controls[name] = value
    return seen(avatar_of(path), controls)


def seen(avatar, controls) -> np.ndarray:
    camera = Orbit((0.0, -0.1, 0.0), 0, 2, 3.4).camera(SIZE, SIZE)
    with torch.no_grad():
        rendered = rendered_layers(avatar.deform(avatar.animate(controls), camera), camera)
    return np.clip(rendered.color + (1 - rendered.alpha[..., None]) * 0.42, 0, 1)


def test_it_is_small_shows_its_face_and_says_what_it_is_made_from(any_path):
    avatar = avatar_of(any_path)
    assert any_path.stat().st_size < 1_000_000 * MAX_MB[METHOD[any_path]]
    assert (25_000 if METHOD[any_path] == "embedtalk" else 20_000) <= avatar.manifest.n_gaussians <= 40_000
    assert avatar.manifest.thumbnail
    assert avatar.manifest.licence


def test_its_mouth_follows_a_voice_and_its_hair_does_not(any_path):
    avatar = avatar_of(any_path)
    sound, _ = read_sound(ASSETS / "sounds" / "hello.flac")
    histories = []
    for encoder in avatar.encoders():
        histories.append(FeatureHistory(encoder.n_features, len(sound) / 16_000 + 1))
        histories[-1].extend(encoder.encode(sound))
    driver = avatar.driver(histories)
    frames = [seen(avatar, driver.at(time, DriverInputs(160.0))) for time in np.arange(0.6, 2.6, 0.2)]
    moves = np.std(frames, axis=0).mean(axis=-1)
    f = SIZE / (2 * np.tan(np.radians(10)) * 3.4)
    mouth, hair = (int(SIZE / 2 - (y + 0.1) * f) for y in (-0.24, 0.36))
    across, half = slice(int(SIZE / 2 - 0.1 * f), int(SIZE / 2 + 0.1 * f)), int(0.08 * f)
    at_mouth, at_hair = (moves[row - half : row + half, across].mean() for row in (mouth, hair))
    assert at_mouth > 0.01 and at_mouth > 5 * at_hair


@pytest.mark.long
@pytest.mark.shared
def test_the_mouth_opens_as_far_as_it_is_told(path, shared_data):
    jaw = next(spec for spec in avatar_of(path).schema.specs if spec.name == "au.26")
    commanded, shown = np.linspace(jaw.low, jaw.high, 7), []
    with FaceLandmarker(shared_data / "models" / "face_landmarker.task", is_video=False) as landmarker:
        for value in commanded:
            faces = landmarker.faces((picture(path, {"au.26": float(value)}) * 255).astype(np.uint8))
            assert faces, f"no face is found with the jaw at {value:.2f}"
            points = faces[0].points[:, :2]
            height = np.linalg.norm(points[FOREHEAD] - points[CHIN])
            shown.append(np.linalg.norm(points[UPPER_LIP] - points[LOWER_LIP]) / height)
    assert np.corrcoef(commanded, shown)[0, 1] >= 0.9


@pytest.mark.long
def test_a_blink_changes_the_eyes_five_times_more_than_the_mouth(path):
    change = np.abs(picture(path, {}) - picture(path, {"au.45l": 1.0, "au.45r": 1.0})).mean(-1)
    f = SIZE / (2 * np.tan(np.radians(10)) * 3.4)

    def box(y: float) -> float:
        row = SIZE / 2 - (y + 0.1) * f
        half = 0.10 * f
        return change[int(row - half) : int(row + half), int(SIZE / 2 - 0.24 * f) : int(SIZE / 2 + 0.24 * f)].mean()

    assert box(0.02) > 5 * box(-0.28)


@pytest.mark.long
@pytest.mark.shared
def test_it_looks_like_its_film_where_it_was_not_trained_and_from_new_angles(path, shared_data):
    film = FILMS / f"{path.stem}.dataset"
    if not film.is_dir():
        pytest.skip(f"{film} is not here; packaging/default_avatars.py --only-film makes it again")
    values = deque(evaluate(path, film, film=film, kit=shared_data / "ict-facekit"), maxlen=1).pop().values
    assert values["held_out"]["psnr_head"] >= 32
    assert np.mean([values["novel_views"][yaw]["psnr_head"] for yaw in ("-20", "+20")]) >= 27
