"""The house prior: people filmed with their surface known, a generator learnt from them, avatars that start there."""

import numpy as np
import pytest
import torch

from engine.avatar import load_avatar
from engine.camera import Orbit
from engine.heads.house import HouseHead
from engine.heads.sculpt.identity import Identity
from engine.methods.dgtalker.house_prior import (
    N_TRAITS,
    HousePriorTraining,
    Population,
    film_person,
    house_template,
    standing_for,
)
from engine.methods.dgtalker.prior import load_prior, save_prior
from engine.parts.stylegan import SynthesisSize
from tests.engine.methods.contract import picture
from tests.toy_head import one_thread, train_toy

SIZE = SynthesisSize(16, 13, channel_base=128, channel_max=16)


@pytest.fixture(scope="module")
def house():
    return house_template(48)


@pytest.fixture(scope="module")
def films(house, tmp_path_factory):
    path = tmp_path_factory.mktemp("people") / "1003.safetensors"
    with one_thread():
        film_person(1003, path, house, n_moments=2, n_views=2, size=40)
    return path


@pytest.fixture
def training(films, house):
    with one_thread():
        yield HousePriorTraining(Population([films]), house, SIZE)


def test_every_splat_has_a_place_of_its_own_in_the_maps_and_on_the_mean_head(house):
    template = house.template
    assert np.abs(template.grid).max() < 1 and len(np.unique(template.grid, axis=0)) == len(template)
    assert np.allclose(house.points(HouseHead(Identity()).vertices), template.points, atol=1e-5)
    assert template.anchors.shape == (478, 3)
    assert 0.1 < template.is_torso.mean() < 0.6
    assert template.points[template.is_torso, 1].mean() < template.points[~template.is_torso, 1].mean() - 0.3


def test_the_face_lies_in_the_middle_of_the_skins_disc(house):
    tip = house.template.points[:, 2].argmax()
    middle = np.array([0.39, 1 - 0.39]) * 2 - 1
    assert np.linalg.norm(house.template.grid[tip] - middle) < 0.15


def test_a_film_knows_where_every_point_of_the_surface_is(films, house):
    population = Population([films])
    assert population.traits.shape == (1, N_TRAITS) and population.traits.abs().max() < 1.7
    row = population.moment(0, np.random.default_rng(0))
    assert row["pictures"].shape == (2, 40, 40, 4) and row["pictures"].max() <= 1
    assert (row["pictures"][..., :3] <= row["pictures"][..., 3:] + 0.02).all(), "colours are premultiplied"
    means = torch.from_numpy(house.template.points) + row["offsets"]
    seen = means @ row["viewmats"][0][:3, :3].t() + row["viewmats"][0][:3, 3]
    pixels = (seen @ row["ks"][0].t())[:, :2] / seen[:, 2:]
    inside = ((pixels > 0) & (pixels < 40)).all(dim=1)
    x, y = pixels[inside].long().unbind(dim=1)
    assert (row["pictures"][0, y, x, 3] > 0.5).float().mean() > 0.9


def test_more_gaussians_than_were_filmed_follow_the_points_beside_them(films, house):
    denser = house_template(64)
    rows = standing_for(denser, house)
    apart = np.linalg.norm(house.template.points[rows] - denser.template.points, axis=1)
    assert (
        len(rows) == len(denser.template) > 1.5 * len(house.template)
        and np.median(apart) < 0.03
        and np.quantile(apart, 0.95) < 0.15
    )
    plain, more = (Population([films], r).moment(0, np.random.default_rng(0)) for r in (None, rows))
    assert torch.equal(more["offsets"], plain["offsets"][rows])
    with one_thread():
        training = HousePriorTraining(Population([films], rows), denser, SIZE)
        first = training.step(0.0)
        for _ in range(20):
            last = training.step(0.2)
    assert last["place"] < first["place"]


def test_eyes_brows_and_lips_count_apart_wherever_the_camera_stands(training, house):
    marks = {"eye": 159, "brow": 105, "lip": 13, "cheek": 50, "chin": 152, "forehead": 10}
    anchors = torch.from_numpy(house.template.anchors[list(marks.values())])
    means = torch.from_numpy(house.template.points)
    for azimuth in (0.0, 25.0):
        camera = Orbit((0.0, -0.1, 0.0), azimuth, 0.0, 4.0, 20.0).camera(192, 192)
        viewmat, k = (torch.from_numpy(np.float32(m)) for m in (camera.viewmat, camera.k))
        mask = training.detail(means, viewmat, k, 192)
        seen = (anchors @ viewmat[:3, :3].T + viewmat[:3, 3]) @ k.T
        x, y = (seen[:, :2] / seen[:, 2:]).long().T
        assert mask[y, x].tolist() == [1, 1, 1, 0, 0, 0] and 0.02 < mask.mean() < 0.15


def test_training_draws_the_splats_to_the_surface_and_goes_on_from_its_file(training, films, house, tmp_path):
    first = training.step(0.0)
    for _ in range(30):
        last = training.step(0.2)
    assert last["place"] < first["place"] and last["color"] < first["color"]
    training.save(tmp_path / "checkpoint.safetensors")
    resumed = HousePriorTraining(Population([films]), house, SIZE, seed=5)
    resumed.restore(tmp_path / "checkpoint.safetensors")
    assert resumed.iteration == 31 and resumed.step(0.5) == training.step(0.5)
    assert training.preview(1).shape == (80, 40, 3)


@pytest.mark.parametrize("background", ["toy_bust", "toy_dataset"])
def test_an_avatar_starts_from_the_prior_with_a_torso_only_where_it_is_filmed(training, background, request, tmp_path):
    prior = training.prior()
    save_prior(tmp_path / "prior.safetensors", prior)
    assert load_prior(str(tmp_path / "prior.safetensors")).shapes.shape == (52, 512)
    path = train_toy(request.getfixturevalue(background), tmp_path / "x.avatar", "dgtalker", iterations=9,
                     prior=str(tmp_path / "prior.safetensors"), latents_until=30_000, tuning_until=60_000,
                     taught_steps=3)  # fmt: skip
    avatar = load_avatar(path)
    n = len(prior.template) if background == "toy_bust" else int((~prior.template.is_torso).sum())
    assert avatar.manifest.n_gaussians == n
    assert np.isfinite(picture(avatar, avatar.schema.column("high"))).all()
