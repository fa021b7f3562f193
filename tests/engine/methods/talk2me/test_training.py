"""Talk2Me in training: the mesh carries, networks learn from pictures, and late a critic judges."""

import numpy as np
import pytest
import torch

from engine.audio.encoders import make_encoder
from engine.capture.dataset import Dataset
from engine.methods.talk2me import Config, begin
from engine.training.clip import Clip
from engine.training.trainer import TrainingRun, configured
from tests.toy_head import TOY_CONFIGS, one_thread, write_toy_fit


def run_of(dataset, **config) -> TrainingRun:
    write_toy_fit(dataset)
    clip = Clip(Dataset(dataset), make_encoder({"name": "mel"}), 1)
    for _ in clip.load():
        pass
    model = begin(clip, configured(Config(), TOY_CONFIGS["talk2me"] | config), torch.device("cpu"))
    return TrainingRun(clip, model, dataset.parent / "never.avatar", "talk2me", torch.device("cpu"))


def test_the_mesh_carries_the_gaussians_from_the_first_step(toy_dataset):
    model = run_of(toy_dataset, head="house").model
    mesh, face = model.start.mesh, model._face
    off = gone = 0.0
    for index in range(0, len(model.ear), 4):  # held out frames, too
        true = np.einsum("a,anc->nc", mesh.expression[index], mesh.moves)
        true -= np.einsum("a,anc->nc", np.median(mesh.expression[: model.clip.n_train], axis=0), mesh.moves)
        with torch.no_grad():
            made = model.networks.carry(*(track[index] for track in face[:2])).numpy()
        rest = np.einsum("a,anc->nc", np.median(mesh.expression[: model.clip.n_train], axis=0), mesh.moves)
        off, gone = off + np.square(made - rest - true).sum(), gone + np.square(true).sum()
    assert gone > 0 and off < 0.1 * gone
    sample = model.clip.sample(3)
    shift = (model.shown(sample).means - model.splats["means"]).norm(dim=1)
    assert shift[model.tags["weights"] == 0].max() < 1e-2 < shift.max() + 1e-2 and shift.max() > 1e-3


def test_without_a_fitted_head_nothing_is_carried(toy_dataset):
    carry = run_of(toy_dataset).model.networks.carry
    assert not carry.code.any() and not carry(torch.ones(carry.weight.shape[1] - 2), torch.ones(2)).any()


@pytest.mark.parametrize("weight", [0.01, 0.0])
def test_a_critic_judges_late_or_not_at_all(toy_dataset, weight):
    run = run_of(toy_dataset, lambda_adversarial=weight, adversarial_from=10_000)
    with one_thread():
        early, late = set(run.step(9_000.0)), set(run.step(11_000.0))
    assert not {"critic", "adversarial"} & early
    assert ({"critic", "adversarial"} <= late) == bool(weight)
    assert hasattr(run.model.networks, "critic") == bool(weight)


def test_every_step_teaches_the_voice_and_every_fourth_keeps_lips_and_brows_apart(toy_dataset):
    run = run_of(toy_dataset)
    with one_thread():
        terms = [set(run.step(100.0)) for _ in range(4)]
    assert all("expression" in named for named in terms)
    assert ["separate" in named for named in terms] == [False, False, False, True]


def test_first_the_mesh_alone_moves_what_pictures_paint(toy_dataset):
    run = run_of(toy_dataset, head="house", mesh_until=0.5)
    heads = run.model.networks.deformation.heads
    before = {name: value.clone() for name, value in heads.state_dict().items()}
    colors = run.model.splats["colors"].detach().clone()
    with one_thread():
        for _ in range(4):
            terms = run.step(0.4 * run.model.iterations)
    assert "l1" in terms and not {"offset", "separate"} & set(terms)
    assert all(torch.equal(value, before[name]) for name, value in heads.state_dict().items())
    assert not torch.equal(run.model.splats["colors"], colors)
    with one_thread():
        assert "offset" in run.step(0.6 * run.model.iterations)
    assert not all(torch.equal(value, before[name]) for name, value in heads.state_dict().items())
