"""Which points may move with the face: less where a filmed clip could learn its frames by heart."""

from types import SimpleNamespace

import numpy as np
import pytest

from engine.camera import Orbit
from engine.capture.head_surface import project
from engine.training.face_zones import face_zones

CAMERA = Orbit(distance=4.0, fov_deg=20).camera(256, 256)


def film(exact: bool) -> SimpleNamespace:
    """Twelve frames of a face that is an oval of 0.5 by 0.7 head heights, seen from the front."""
    rng = np.random.default_rng(0)
    turn, out = rng.uniform(0, 2 * np.pi, 478), np.sqrt(rng.uniform(size=478))
    face = np.column_stack([0.25 * out * np.cos(turn), 0.35 * out * np.sin(turn), np.full(478, 0.3)])
    pixels = project(face, CAMERA)
    lips = project(np.array([[-0.08, -0.17, 0.3], [0.08, -0.23, 0.3]]), CAMERA)
    tracks = {
        "landmarks": np.tile(np.column_stack([pixels, np.zeros(478)]), (12, 1, 1)), "tracked": np.ones(12),
        "viewmats": np.tile(CAMERA.viewmat, (12, 1, 1)),
        "lip_boxes": np.tile([lips[0, 1], lips[1, 1], lips[0, 0], lips[1, 0]], (12, 1)),
    }  # fmt: skip
    info = SimpleNamespace(exact=exact)
    return SimpleNamespace(info=info, tracks=tracks, n_train=12, camera=lambda index: CAMERA)


PLACES = {"lips": (0, -0.2, 0.3), "brow": (0.1, 0.15, 0.3), "chin": (0, -0.36, 0.3), "hair beside": (0.28, 0.05, 0.2),
          "hair below": (0.2, -0.45, 0.2), "back of the head": (0, 0, -0.4)}  # fmt: skip


@pytest.mark.parametrize(("exact", "moving"), [
    (False, {"lips", "brow", "chin"}), (True, {"lips", "brow", "chin", "hair beside", "hair below"}),
])  # fmt: skip
def test_hair_moves_with_the_face_only_where_what_moved_it_is_known(exact, moving):
    zones = face_zones(film(exact), np.array(list(PLACES.values()), dtype=float))
    assert {name for name, active in zip(PLACES, zones["active"], strict=True) if active} == moving


def test_lips_and_brows_lie_in_zones_of_their_own():
    zones = face_zones(film(False), np.array([PLACES["lips"], PLACES["brow"]], dtype=float))
    assert zones["lower"].tolist() == [True, False] and zones["upper"].tolist() == [False, True]
