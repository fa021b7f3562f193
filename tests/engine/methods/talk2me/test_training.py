"""Talk2Me's stages: first the fitted mesh without pictures, then pictures, and late a critic."""

import pytest
import torch

from engine.audio.encoders import make_encoder
from engine.capture.dataset import Dataset
from engine.methods.talk2me import Config, begin
from engine.methods.talk2me.deformation import POSITION_SCALE
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


def mesh_error(model) -> float:
    """Squared distance of the network's shifts from the mesh's over the clip, as a share of the mesh's own."""
    error = own = 0.0
    for index in range(0, model.clip.n_train, 4):
        with torch.no_grad():
            face = tuple(track[index] for track in model._face)
            made = POSITION_SCALE * model.offsets(face, model._mesh_rows)[0]
        true = torch.einsum("a,amc->mc", model._mesh_expression[index], model._mesh_moves)
        error, own = error + float((made - true).square().sum()), own + float(true.square().sum())
    return error / own


def test_the_mesh_is_learned_before_any_picture_is_seen(toy_dataset):
    run = run_of(toy_dataset, head="house", mesh_until=4000)
    model = run.model
    before = {name: value.detach().clone() for name, value in model.splats.items()}
    assert mesh_error(model) > 0.95
    with one_thread():
        for i in range(120):
            terms = run.step(25.0 * i)
    assert set(terms) == {"mesh", "expression", "total"} and model.n_picked == 0
    assert mesh_error(model) < 0.85
    assert all(torch.equal(value, before[name]) for name, value in model.splats.items())
    with one_thread():
        terms = run.step(4000.0)
    assert "l1" in terms and "mesh" not in terms and model.n_picked == 1


def test_without_a_fitted_head_pictures_come_first(toy_dataset):
    run = run_of(toy_dataset, mesh_until=4000)
    with one_thread():
        assert "l1" in run.step(0.0)


@pytest.mark.parametrize("weight", [0.01, 0.0])
def test_a_critic_judges_late_or_not_at_all(toy_dataset, weight):
    run = run_of(toy_dataset, lambda_adversarial=weight, adversarial_from=10_000)
    with one_thread():
        early, late = set(run.step(9_000.0)), set(run.step(11_000.0))
    assert not {"critic", "adversarial"} & early
    assert ({"critic", "adversarial"} <= late) == bool(weight)
    assert hasattr(run.model.networks, "critic") == bool(weight)


def test_voice_and_face_are_learned_by_turns(toy_dataset):
    run = run_of(toy_dataset)
    with one_thread():
        one, two = set(run.step(100.0)), set(run.step(100.0))
    assert "expression" in one and "separate" not in one
    assert "separate" in two and "expression" not in two
