"""Where Gaussians start on a fitted head, and the motion it lends to a film that knows none of its own."""

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from engine.audio.encoders import make_encoder
from engine.capture.dataset import Dataset
from engine.fitting.fitted import fit_path
from engine.methods import method_module
from engine.methods.dgtalker.training import known_expression
from engine.training.clip import Clip
from engine.training.clip_head import clip_head
from engine.training.fitted_start import NEAR_MESH, led_start, near_mesh
from engine.training.start_points import start_points
from engine.training.trainer import configured, train
from engine.training.units import heard_set
from engine.vocabulary import ARKIT_52, ARKIT_INDEX
from tests.toy_head import TOY_CONFIGS, make_toy_dataset, write_toy_fit

JAW = ARKIT_INDEX["jawOpen"]


@pytest.fixture(scope="module")
def clip(toy_dataset):
    write_toy_fit(toy_dataset)
    made = Clip(Dataset(toy_dataset), make_encoder({"name": "mel"}), 1)
    for _ in made.load():
        pass
    return made


def test_what_starts_on_the_mesh_moves_as_the_mesh_does(clip):
    head = clip_head(clip.dataset, "house")
    points, colors, motion = led_start(clip, 800, "house")
    assert 400 < len(points) <= 800 and points.shape == colors.shape == motion.shapes.shape[1:]
    assert np.array_equal(motion.points, points) and np.array_equal(motion.tracks, head.expression)
    apart, nearest = cKDTree(head.face.rest).query(points)
    on = np.flatnonzero((apart < 2e-3) & (head.face.eyes[nearest] == 0))
    assert len(on) > 20
    wanted = head.face.moves[JAW][nearest[on]]
    assert np.abs(motion.shapes[JAW][on] - wanted).max() < 0.15 * np.linalg.norm(head.face.moves[JAW], axis=1).max()


def test_hair_off_the_mesh_hardly_moves_with_it(clip):
    head = clip_head(clip.dataset, "house")
    foremost = head.face.rest[:, 2] - head.face.rest[:, 1]
    chin = np.where(np.linalg.norm(head.face.moves[JAW], axis=1) > 0.05, foremost, -np.inf).argmax()
    out = head.face.rest[chin] + NEAR_MESH * np.array([[0, 0, 0], [0, 0, 1], [0, 0, 4]], np.float32)
    moved = np.linalg.norm(near_mesh(head, out)[JAW], axis=1)
    assert moved[0] > 1.5 * moved[1] > 0 and moved[2] < 1e-3 * moved[0]


def test_a_film_that_knows_its_own_motion_asks_no_head_model(clip, tmp_path):
    path = make_toy_dataset(tmp_path / "studio.dataset", 64, 24, "alpha", n=300, with_shapes=True)
    film = Clip(Dataset(path), make_encoder({"name": "mel"}), 0)
    for _ in film.load():
        pass
    _, _, motion = led_start(film, 300, "house")
    assert motion.shapes is film.tracks["point_shapes"]
    assert heard_set("auto", film, True, "paper") == heard_set("shipped", film, False, "paper")
    assert known_expression(film, "house")[1] is film.tracks["arkit"]
    config = TOY_CONFIGS["embedtalk"] | {"head": "house", "mesh_until": 16_000}
    for _ in train(path, "embedtalk", tmp_path / "x.avatar", iterations=2, device="cpu", config=config):
        pass
    assert not fit_path(path, "house").exists()


def test_without_a_head_model_pictures_alone_tell(clip):
    points, _, motion = led_start(clip, 300, "none")
    assert motion is None and np.array_equal(points, start_points(clip, 300)[0])
    assert known_expression(clip, "none")[0] == ARKIT_52


def test_the_mouth_of_a_film_nobody_knows_better_is_the_voices(clip):
    heard = heard_set("auto", clip, True, "paper")
    assert "au.45l" in heard and "au.61" in heard and not {"au.12", "au.26"} & set(heard)
    assert heard_set("auto", clip, False, "au.45") == ("au.45",)


@pytest.mark.parametrize("method", ["embedtalk", "gaussiantalker"])
def test_a_fitted_head_leads_gaussians_of_any_film(method, clip):
    module = method_module(method)
    settings = TOY_CONFIGS[method] | {"head": "house", "mesh_until": 16_000, "canonical_until": 0}
    if method == "embedtalk":
        del settings["canonical_until"]
    model = module.begin(clip, configured(module.Config(), settings), torch.device("cpu"))
    talking = int(clip.tracks["arkit"][: clip.n_train, JAW].argmax())
    expected = model.mesh.shift(model.mesh.origins, talking)
    moved = model.gaussians(clip.sample(talking), 0.0).means - model.splats["means"]
    active = model.tags["active"]
    assert 0 < active.sum() < len(active)
    assert torch.allclose(moved[active], expected[active], atol=1e-5)
    assert float(expected.norm(dim=1).max()) > 2 * clip.pixel()


def test_dgtalker_reads_every_frames_expression_off_the_fit(clip):
    names, known = known_expression(clip, "house")
    assert np.array_equal(known, clip_head(clip.dataset, "house").expression) and "jawOpen" in names


@pytest.mark.parametrize("method", ["embedtalk", "gaussiantalker"])
@pytest.mark.parametrize("is_exact", [True, False])
def test_what_a_mesh_teaches_of_a_captured_mouth_is_the_voices_alone(clip, method, is_exact, monkeypatch):
    """Units of eyes and brows tell the frames of a film apart: a mouth that hears them learns it by heart."""
    module = method_module(method)
    monkeypatch.setattr(clip, "info", clip.info.model_copy(update={"exact": is_exact}))
    settings = TOY_CONFIGS[method] | {"head": "house", "mesh_until": 16_000, "au_set": "auto"}
    model = module.begin(clip, configured(module.Config(), settings), torch.device("cpu"))
    model.networks.eval()
    rows = model.tags["active"].nonzero()[:, 0]
    codes = model.hearing.codes(clip.tracks["times"][:2])
    swings = []
    for _ in range(6):
        if method == "gaussiantalker":
            monkeypatch.setattr(model, "_any_view", lambda: model.views.codes[0])
        swings.append(model._shifts(rows, codes, np.array([0, 1])).detach())
    swing = torch.stack(swings).std(dim=0).amax(dim=(0, 2))
    mouth, upper = model.tags["lower"][rows], model.tags["upper"][rows]
    assert swings[0].shape == (2, len(rows), 3)
    assert bool((swing[mouth] > 0).any()) == bool((swing[upper] > 0).any()) == (not is_exact)


@pytest.mark.parametrize("is_exact", [True, False])
def test_the_silence_of_a_captured_film_does_not_drive_its_codes_away(clip, is_exact, monkeypatch):
    module = method_module("gaussiantalker")
    monkeypatch.setattr(clip, "info", clip.info.model_copy(update={"exact": is_exact}))
    model = module.begin(clip, configured(module.Config(), TOY_CONFIGS["gaussiantalker"]), torch.device("cpu"))
    asked = []
    monkeypatch.setattr(model.hearing, "silence", lambda moves_rest: asked.append(moves_rest))
    model._silence()
    assert asked == [not is_exact]
