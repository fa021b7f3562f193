"""Looking an avatar over: parts of the face, floaters, what cameras see, what a slider moves."""

import numpy as np
import pytest
import torch

from engine.camera import Orbit
from engine.errors import ProjectError
from engine.gaussians import Gaussians
from engine.inspection.analysis import inspect
from engine.inspection.facts import REGIONS, SplatFacts
from engine.inspection.floaters import find_floaters
from engine.inspection.reach import reach_mm
from engine.inspection.regions import SHIFT_LIMIT, FacePlan, classify, moved_middle
from engine.inspection.sight import in_sight, inside_polygon, under_brush, under_outline
from engine.raster import pick_rasterizer
from tests.fakes.avatar import FakeAvatar

CAMERA = Orbit().camera(96, 96)


def splats(means, size=0.03) -> Gaussians:
    means = torch.as_tensor(np.asarray(means), dtype=torch.float32)
    n = len(means)
    quats = torch.tensor([1.0, 0, 0, 0]).repeat(n, 1)
    return Gaussians(means, quats, torch.full((n, 3), size), torch.full((n,), 0.95), torch.full((n, 3), 0.5))


def sheet(z: float, n: int = 21, half: float = 0.4) -> np.ndarray:
    side = np.linspace(-half, half, n)
    x, y = np.meshgrid(side, side)
    return np.stack([x.ravel(), y.ravel(), np.full(n * n, z)], axis=1)


def test_a_group_that_touches_nothing_is_a_floater_with_its_distance():
    body, cloud = sheet(0.0, 31), np.array([0.9, 0.3, 0.0]) + 0.01 * sheet(0.0, 3, 1.0)
    means = np.concatenate([body, cloud])
    groups, gaps = find_floaters(means, np.full(len(means), 0.02), np.full(len(means), 0.9))
    assert (groups[: len(body)] == -1).all() and (groups[len(body) :] == 0).all()
    assert gaps[0] == pytest.approx(0.49, abs=0.02)


def test_what_is_too_faint_to_see_is_no_floater():
    means = np.concatenate([sheet(0.0), [[0.9, 0, 0], [0.9, 0.01, 0]]])
    opacities = np.full(len(means), 0.9)
    opacities[-2:] = 0.005
    assert find_floaters(means, np.full(len(means), 0.02), opacities)[0].max() == -1


def test_lips_eyes_hair_and_shoulders_are_found_where_they_are():
    plan = FacePlan()
    spots = {"Lips": (0, -0.256, 0.38), "Left eye": (0.153, 0.02, 0.33), "Right eye": (-0.153, 0.02, 0.33),
             "Brows": (0.17, 0.117, 0.32), "Shoulders": (0.4, -0.8, 0.0), "Neck": (0.0, -0.55, 0.1),
             "Corners": (0.12, -0.256, 0.37)}  # fmt: skip
    cheeks = [(0.1 * s, y, 0.35) for s in (-1, 1) for y in (-0.1, -0.08, -0.12)]
    means = np.array([*spots.values(), *cheeks, (0.0, 0.45, 0.1)])
    colors = np.full((len(means), 3), 0.7)
    colors[-1] = 0.1
    labels = classify(means, colors, np.zeros(len(means), bool), plan)
    names = [REGIONS[label].rsplit("/", 1)[-1] for label in labels]
    assert names[: len(spots)] == list(spots)
    assert set(names[len(spots) : -1]) == {"Skin"} and names[-1] == "Hair"


def test_the_plan_follows_an_avatars_own_mouth_but_not_far():
    face = sheet(0.35, 41, 0.5)
    plan = FacePlan()
    for shift, found in ((0.03, 0.03), (0.1, SHIFT_LIMIT)):
        mouth = np.array(plan.mouth) + (0.0, shift)
        moved = np.exp(-((np.linalg.norm(face[:, :2] - mouth, axis=1) / 0.03) ** 2))
        fitted = plan.fitted(moved_middle(face, moved, plan.mouth), None)
        assert fitted.mouth[1] - plan.mouth[1] == pytest.approx(found, abs=0.012)
    assert moved_middle(face, np.zeros(len(face)), plan.mouth) is None and plan.fitted(None, None) == plan


def test_what_stands_behind_is_not_in_sight_and_not_selected_unless_through():
    layers = [splats(np.concatenate([sheet(0.3), sheet(-0.3)]), 0.05)]
    n = len(sheet(0))
    rasterizer = pick_rasterizer("cpu")
    seen = in_sight(layers, CAMERA, rasterizer)
    assert seen[:n].mean() > 0.95 and seen[n:].mean() < 0.2
    square = np.array([[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]])
    near = under_outline(layers, CAMERA, square, rasterizer)
    both = under_outline(layers, CAMERA, square, rasterizer, through=True)
    assert near[:n].any() and not near[n:].any() and both[n:].any() and both.sum() > near.sum()


def test_a_brush_takes_what_lies_near_its_path():
    layers = [splats(sheet(0.0), 0.05)]
    hit = under_brush(layers, CAMERA, np.array([[0.4, 0.5], [0.6, 0.5]]), 0.05, pick_rasterizer("cpu"))
    rows = np.abs(sheet(0.0)[hit][:, 1])
    assert 0 < hit.sum() < len(hit) and rows.max() < 0.12


def test_a_polygon_with_a_notch_holds_what_lies_inside_only():
    notch = np.array([[0, 0], [1, 0], [1, 1], [0.5, 0.2], [0, 1]], float)
    points = np.array([[0.5, 0.1], [0.5, 0.5], [0.1, 0.5], [0.9, 0.5], [1.5, 0.5]])
    assert inside_polygon(points, notch).tolist() == [True, False, True, True, False]


def test_reach_is_in_millimetres_over_the_training_range():
    avatar = FakeAvatar()
    moved = reach_mm(avatar, "lip.00", CAMERA)
    assert moved.max() == pytest.approx(0.2 * 240, rel=0.02) and (moved == 0).any()
    assert reach_mm(avatar, "au.45", CAMERA).max() == 0


def test_facts_survive_their_file_and_a_damaged_one_is_told(tmp_path):
    facts = inspect(FakeAvatar(), pick_rasterizer("cpu"))
    assert len(facts) == 300 and facts.n_views == 0
    facts.save(tmp_path / "a.facts")
    again = SplatFacts.load(tmp_path / "a.facts")
    assert (again.regions == facts.regions).all() and again.floaters == facts.floaters
    (tmp_path / "b.facts").write_bytes((tmp_path / "a.facts").read_bytes()[:100])
    with pytest.raises(ProjectError, match="cannot be read"):
        SplatFacts.load(tmp_path / "b.facts")
