"""Start points know how they move with the face."""

import numpy as np
import pytest

from engine.heads.house import HouseHead
from engine.synth.surface import surface_points
from engine.vocabulary import ARKIT_INDEX

PIXEL = 0.0029  # head heights in a pixel of a 512 picture


@pytest.fixture(scope="module")
def surface():
    return surface_points(HouseHead(), 3000, seed=2)


def test_sums_of_the_shapes_are_the_heads_own_motion(surface):
    rest = surface.at(surface.head.pose({}))
    shapes = surface.shapes()
    face = np.zeros(52)
    for name, weight in (("jawOpen", 0.5), ("mouthSmileLeft", 0.7), ("browInnerUp", 0.6), ("eyeBlinkLeft", 0.8)):
        face[ARKIT_INDEX[name]] = weight
    truth = surface.at(surface.head.pose(face)) - rest
    moving = np.linalg.norm(truth, axis=1) > PIXEL
    missed = np.linalg.norm(np.einsum("k,kpc->pc", face, shapes) - truth, axis=1)
    assert moving.sum() > 300
    assert missed[moving].mean() < 0.7 * PIXEL < 0.2 * np.linalg.norm(truth[moving], axis=1).mean()


def test_brows_go_up_with_the_forehead_and_the_hair_stays(surface):
    up = surface.shapes()[ARKIT_INDEX["browInnerUp"]]
    n_mesh = len(surface.faces)
    bundles = dict(zip([s.name for s in surface.head.strands], np.split(np.arange(n_mesh, len(up)), np.cumsum(
        [len(chosen) for chosen in surface.on_strands])[:-1]), strict=True))  # fmt: skip
    assert up[bundles["brows"], 1].max() > 3 * PIXEL
    assert np.abs(up[bundles["hair"]]).max() == 0
