"""Pictures of a head: exact alpha, agreeing views, sides that answer to what is commanded."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.camera import Orbit
from engine.heads.base import JointAngles
from engine.heads.house import HouseHead
from engine.heads.sculpt.identity import Identity, Look
from engine.synth.casting import cast_head
from engine.synth.renderer import HeadRenderer

SIZE = 96
GOLDEN = Path(__file__).parents[2] / "golden"
FACE = {"jawOpen": 0.35, "mouthSmileLeft": 0.5, "eyeLookOutLeft": 0.4, "eyeLookInRight": 0.4}


@pytest.fixture(scope="module")
def renderer() -> HeadRenderer:
    return HeadRenderer(HouseHead(Identity(look=Look(hair_style="buzz"))))


def shoot(renderer, expression, azimuth=0.0, size=SIZE):
    camera = Orbit(target=(0, -0.1, 0), azimuth_deg=azimuth, distance=4.2).camera(size, size)
    return renderer.render(renderer.head.pose(expression), camera), camera


def test_alpha_is_zero_in_the_corner_and_one_in_the_face(renderer):
    shot, _ = shoot(renderer, {})
    assert shot.alpha[0, 0] == 0
    assert shot.alpha[SIZE // 2, SIZE // 2] == pytest.approx(1.0)
    assert shot.over((1.0, 0.0, 1.0))[0, 0].tolist() == [255, 0, 255]


def test_head_and_torso_add_up_to_the_person(renderer):
    shot, _ = shoot(renderer, {}, azimuth=20)
    assert np.allclose(shot.head + shot.torso, shot.alpha, atol=1e-4)
    assert (shot.head <= shot.alpha + 1e-5).all()


def test_the_colour_on_any_background_is_the_same_picture_mixed_by_alpha(renderer):
    shot, _ = shoot(renderer, {})
    dark, light = (shot.over((v, v, v)).astype(float) / 255 for v in (0.0, 1.0))
    assert np.allclose(light - dark, (1 - shot.alpha)[..., None], atol=0.01)


def test_depth_projects_to_the_same_point_from_another_view(renderer):
    shot, camera = shoot(renderer, {})
    nose = renderer.head.landmarks(renderer.head.pose({}))[30]
    seen = camera.viewmat[:3, :3] @ nose + camera.viewmat[:3, 3]
    x, y = (camera.k @ seen)[:2] / seen[2]
    assert shot.depth[int(y), int(x)] == pytest.approx(seen[2], abs=0.02)


def test_the_mouth_region_grows_with_the_jaw(renderer):
    levels = np.linspace(0, 1, 6)
    opening = [float((shoot(renderer, {"jawOpen": v}, size=160)[0].depth > 4.2 - 0.25).sum()) for v in levels]
    assert np.abs(np.diff(opening)).max() > 0
    inside = [_dark_in_mouth(renderer, v) for v in levels]
    assert np.corrcoef(levels, inside)[0, 1] > 0.9


def _dark_in_mouth(renderer, jaw: float) -> float:
    shot, _ = shoot(renderer, {"jawOpen": jaw}, size=160)
    box = shot.color[100:130, 65:95]
    return float((box.mean(-1) < 0.25).sum())


def test_a_blink_changes_the_eyes_five_times_more_than_the_mouth(renderer):
    open_eyes = shoot(renderer, {}, size=160)[0].color
    shut = shoot(renderer, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, size=160)[0].color
    change = np.abs(open_eyes - shut).mean(-1)
    marks = renderer.head.landmarks(renderer.head.pose({}))
    camera = Orbit(target=(0, -0.1, 0), distance=4.2).camera(160, 160)
    eyes, mouth = (_box_mean(change, camera, marks[rows]) for rows in (slice(36, 48), slice(48, 68)))
    assert eyes > 5 * mouth


def _box_mean(change: np.ndarray, camera, points: np.ndarray) -> float:
    seen = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    pixels = (seen @ camera.k.T)[:, :2] / seen[:, 2:]
    (x0, y0), (x1, y1) = np.floor(pixels.min(0)).astype(int), np.ceil(pixels.max(0)).astype(int)
    return float(change[y0 : y1 + 1, x0 : x1 + 1].mean())


def test_two_pictures_of_the_same_moment_are_identical(renderer):
    first, second = (shoot(renderer, {"mouthSmileLeft": 0.5}, azimuth=-25)[0] for _ in range(2))
    assert np.array_equal(first.color, second.color)
    assert np.array_equal(first.depth, second.depth)


@pytest.mark.parametrize(("name", "model"), [("iris", "house"), pytest.param("noa", "ict", marks=pytest.mark.shared)])
def test_the_cast_looks_as_in_the_films_that_made_the_shipped_avatars(name, model, request, tmp_path):
    kit = request.getfixturevalue("shared_data") / "ict-facekit" if model == "ict" else None
    head = cast_head(name, model, kit)
    camera = Orbit((0.0, -0.1, 0.0), 28, 6, 4.15, 20).camera(160, 160)
    shot = HeadRenderer(head).render(head.pose(FACE), camera)
    now = np.concatenate([shot.over((0.4, 0.4, 0.4)), shot.masks()], 1)
    change = np.abs(now.astype(int) - np.asarray(Image.open(GOLDEN / f"studio_{name}.png")))
    Image.fromarray(np.minimum(change * 16, 255).astype(np.uint8)).save(tmp_path / "change.png")
    # a sample on an edge may fall to either of two triangles; all else is within one step of 255
    assert (change > 1).mean() < 2e-4, f"look at {tmp_path / 'change.png'}"
    assert change.mean() < 0.005


def test_the_same_renderer_films_a_nod_and_the_still_head_after_it(renderer):
    camera = Orbit(target=(0, -0.1, 0), distance=4.2).camera(SIZE, SIZE)
    still, nodding = renderer.head.pose({}), renderer.head.pose({}, JointAngles(neck=(20.0, -8.0, 0.0)))
    before, turned, after = (renderer.render(posed, camera) for posed in (still, nodding, still))
    assert np.array_equal(before.color, after.color)
    assert np.abs(before.hair - turned.hair).max() > 0.5
