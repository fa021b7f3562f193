"""A performer's answers to portrait requests, for the window's tests."""

import base64
import io

import numpy as np
from PIL import Image

from engine.take import Take, TakeInfo, save_take
from tests.fakes.session import fake_schema


def asked_portraits(session) -> list[dict]:
    """The requests so far, in order."""
    return [call[2] for call in session.calls if call[:2] == ("ask", "portrait")]


def answer_portrait(session, name: str, color=(250, 10, 10), size=(252, 168)) -> None:
    """The performer's answer, in one colour; without a colour it says that the avatar cannot look so."""
    file = io.BytesIO()
    if color is not None:
        Image.new("RGBA", size, (*color, 255)).save(file, "PNG")
    png = base64.b64encode(file.getvalue()).decode()
    session.performer_said.emit({"event": "portrait", "name": name, "png": png})


def spoken_take(path, name: str = "Take 01", avatar: str = "Noa", seed: int = 0):
    """A take of two seconds of the fake avatar whose mouth opens in the middle, saved."""
    schema, n, chance = fake_schema(), 60, np.random.default_rng(seed)
    rows = np.zeros((n, len(schema)), np.float32)
    rows[:, 0] = 0.6 * np.exp(-(((np.arange(n) - 30) / 8) ** 2))
    info = TakeInfo(name=name, avatar={"name": avatar}, schema_rows=schema.to_json(), rate_hz=16_000,
                    created="2026-03-01T14:02:00+00:00")  # fmt: skip
    camera = np.tile(np.array([0, 0, 0, 10, 0, 4, 20, 0], np.float32), (n, 1))
    voice = chance.normal(0, 0.1, 32_000).astype(np.float32)
    save_take(path, Take(info, np.arange(n) / 30, rows, rows, rows, camera, voice))
    return path
