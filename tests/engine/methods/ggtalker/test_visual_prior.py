"""The prior of looks: maps along a head's axes, what it learns from portraits, keeps, and gives to a film."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from engine.errors import TrainingError
from engine.heads.binding import bind
from engine.heads.layout import rig_layout
from engine.methods.ggtalker.decoding import COLOR, POSITION, SCALE, decoded, start_scales
from engine.methods.ggtalker.generator import GeneratorSize
from engine.methods.ggtalker.start import _carried
from engine.methods.ggtalker.visual_prior import (
    VisualPrior,
    canvas,
    corresponding,
    freed,
    load_prior,
    prior_of,
    raw_local,
    save_prior,
)
from engine.methods.ggtalker.visual_training import FilmedPerson, VisualTraining, rig_portraits
from engine.synth.portraits import film_portraits, portrait_head
from tests.engine.methods.ggtalker.test_method import in_training
from tests.toy_head import one_thread

TOY = GeneratorSize(side=32, channels=(16, 16, 16, 16), widths=(8, 8, 16, 16), blocks=(1, 1, 1, 1), n_texel=12)


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    with one_thread():
        save_file(film_portraits(portrait_head(1003), 1003, 2, 3, 48), folder / "1003.safetensors")
        rig_portraits(folder / "1003.safetensors", folder / "meshes.safetensors")
    return FilmedPerson(folder / "1003.safetensors", folder / "meshes.safetensors")


@pytest.fixture
def prior():
    torch.manual_seed(0)
    made = VisualPrior(TOY, people=3, steps=7)
    with torch.no_grad():
        made.net.usual.normal_(std=0.3)
    return made


@pytest.fixture
def path(prior, tmp_path):
    save_prior(tmp_path / "made.safetensors", prior)
    return tmp_path / "made.safetensors"


def test_meshes_of_a_film_are_those_of_the_person_with_their_hair(person):
    head = portrait_head(1003)
    assert np.allclose(person.rest.numpy(), head.vertices, atol=1e-6)
    assert (person.mesh(0) - person.rest).abs().max() < 1e-5 and (person.mesh(5) - person.rest).abs().max() > 1e-3


def test_a_map_of_zeros_lies_on_any_persons_mesh_and_lengths_are_along_the_heads_axes(person):
    on = canvas(32)
    raw = torch.zeros(len(on.binding), 14)
    still = freed(raw, on).on(on.binding, person.rest).on(on.binding, person.rest)
    corners = person.rest.numpy()[on.binding.corners[on.binding.triangles]]
    places = np.einsum("nk,nkc->nc", on.binding.shares, corners)
    assert np.abs(still.means.numpy() - places).max() < 1e-5
    assert torch.allclose(still.scales, 0.6 * on.spacing.expand(-1, 3), rtol=1e-3)
    raw[:, POSITION.start + 1] = 0.3
    up = freed(raw, on).on(on.binding, person.rest).on(on.binding, person.rest).means - still.means
    assert torch.allclose(up, on.reach * torch.tanh(torch.tensor([0.0, 0.3, 0.0])), atol=1e-5)


def test_gaussians_may_go_far_where_hair_grows_and_stay_on_the_face():
    on = canvas(32)
    points = on.points()
    crown, nose = points[:, 1].argmax(), points[:, 2].argmax()
    assert on.reach[crown] > 0.2 > 0.03 > on.reach[nose]


def test_places_of_another_persons_head_correspond(person):
    on = canvas(32)
    head = portrait_head(1003)
    binding = bind(head.vertices, head.faces, rig_layout(head), 40)
    same = corresponding(on, head, binding, np.arange(478))
    own = np.einsum("nk,nkc->nc", binding.shares, on.head.vertices[head.faces[binding.faces]])  # the same on the mean
    found = (on.points()[same.near] * same.shares[..., None]).sum(axis=1)
    assert np.median(np.linalg.norm(found - own, axis=1)) < 0.04
    assert (head.kinds[binding.faces][:, None] == on.kinds[same.near]).mean() > 0.98
    assert same.is_near.mean() > 0.9 and np.allclose(same.shares.sum(axis=1), 1, atol=1e-5)


def test_channels_for_another_binding_decode_to_the_same_gaussians(prior):
    on = prior.canvas
    free = freed(prior.net.usual.detach().new_zeros(len(on.binding), 14) + 0.2, on)
    rest = torch.from_numpy(on.head.vertices).float()
    base, start = torch.from_numpy(on.binding.base), start_scales(on.binding)
    reach = torch.full((len(on.binding), 1), 100.0)
    again = decoded(raw_local(free, on.binding, rest, start, reach), base, start, reach).on(on.binding, rest)
    first = free.on(on.binding, rest).on(on.binding, rest)
    assert torch.allclose(again.means, first.means, atol=1e-4)
    assert torch.allclose(again.scales, first.scales, rtol=1e-2)
    assert ((again.quats * first.quats).sum(dim=1).abs() - 1).abs().max() < 1e-4
    assert torch.allclose(again.opacities, first.opacities, atol=1e-4)


def test_a_mesh_carried_to_another_world_is_found_there(person):
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    scale, found, shift = _carried(person.rest.numpy(), 1.5 * person.rest.numpy() @ turn.T + [1, 2, 3])
    assert abs(scale - 1.5) < 1e-4 and np.allclose(found, turn, atol=1e-4) and np.allclose(shift, [1, 2, 3], atol=1e-3)


def test_the_training_learns_a_person_and_goes_on_from_its_file(person, tmp_path):
    with one_thread():
        training = VisualTraining([person, person], TOY, rate=3e-3, n_held=1)
        before = training.judged(3)
        for _ in range(25):
            training.step(0.0)
        after = training.judged(3)
        assert after["with"] > before["with"] + 0.4 and after["without"] == before["without"]
        training.save(tmp_path / "checkpoint.safetensors")
        resumed = VisualTraining([person, person], TOY, rate=3e-3, n_held=1, seed=5)
        resumed.restore(tmp_path / "checkpoint.safetensors")
        assert resumed.iteration == 25 and resumed.step(0.5) == training.step(0.5)
        assert training.preview(1).shape == (192, 48, 3)


def test_a_prior_survives_its_file_to_half_precision_and_says_what_it_is_of(path, prior):
    again = load_prior(path)
    assert again.net.size == TOY and (again.people, again.steps) == (3, 7)
    assert "no real person" in again.label
    for name, value in again.net.state_dict().items():
        assert torch.allclose(value, prior.net.state_dict()[name], rtol=2e-3, atol=1e-3), name


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused_in_one_sentence(path, part):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(TrainingError, match=r"made\.safetensors"):
        load_prior(path)


@pytest.mark.parametrize(
    "change", [{"texels": 5}, {"version": 9}, {"size": {}}, {"size": {"side": 32, "channels": [16, 16, 16, 1 << 20]}}]
)
def test_a_file_of_another_layout_or_of_absurd_size_is_refused(path, change):
    with safe_open(path, "np") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    about = json.loads(metadata["about"])
    if change.get("size"):
        change = {"size": about["size"] | change["size"]}
    save_file(tensors, path, metadata | {"about": json.dumps(about | change)})
    with pytest.raises(TrainingError, match=r"made\.safetensors"):
        load_prior(path)


def test_none_is_no_prior_and_a_missing_file_is_named():
    assert prior_of("none") is None
    with pytest.raises(TrainingError, match=r"nowhere\.safetensors"):
        prior_of("nowhere.safetensors")


def test_a_film_starts_with_its_own_colours_and_all_else_from_the_prior(toy_dataset, path):
    with one_thread():
        plain, known = in_training(toy_dataset), in_training(toy_dataset, visual_prior=str(path))
    assert known.n_gaussians == plain.n_gaussians
    colors = [model.splats["colors"].detach() for model in (plain, known)]
    assert 0.3 < (colors[0] == colors[1]).all(dim=1).float().mean() < 1
    assert not plain.splats["scales"].any() and known.splats["scales"].any()
    assert all(torch.isfinite(value).all() for value in known.splats.values())
    assert (COLOR.start, SCALE.start) == (10, 3)
