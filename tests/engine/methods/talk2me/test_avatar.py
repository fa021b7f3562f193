"""A Talk2Me avatar of the toy head: what it shows, what its controls and settings do, what it refuses."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from engine.audio.encoders import make_encoder
from engine.avatar import load_avatar, read_tensors, save_avatar
from engine.capture.dataset import Dataset
from engine.errors import AvatarError, DatasetError, TrainingError
from engine.manifest import read_manifest
from engine.methods.base import DriverInputs
from engine.methods.talk2me.config import PRESETS, Talk2MeConfig, needs
from engine.methods.talk2me.deformation import Deformation
from engine.methods.talk2me.live import LiveDeformation
from engine.methods.talk2me.network import deformation_sizes
from engine.methods.talk2me.training import Talk2MeTraining
from engine.training.clip import Clip
from engine.training.trainer import configured
from engine.vocabulary import POSE_NAMES
from tests.engine.methods.contract import controls, driven_moment, driver_of, front, picture
from tests.toy_head import TOY_CONFIGS, make_toy_dataset, toy_voice, train_toy


@pytest.fixture(scope="module")
def avatar_path(toy_avatar_of):
    return toy_avatar_of("talk2me")


@pytest.fixture
def avatar(avatar_path):
    return load_avatar(avatar_path)


def begun(dataset, **config) -> Talk2MeTraining:
    clip = Clip(Dataset(dataset), make_encoder({"name": "mel"}), 1)
    for _ in clip.load():
        pass
    return Talk2MeTraining(clip, configured(Talk2MeConfig(), TOY_CONFIGS["talk2me"] | config), torch.device("cpu"))


def values_of_frame(avatar, model: Talk2MeTraining, index: int) -> np.ndarray:
    """The controls that show a training frame."""
    values = avatar.schema.rest().values
    values[avatar.coefficient_columns] = model.expression[index] - avatar.rest
    values[avatar.eye_columns] = avatar.eyes.shut(model.ear[index])
    values[avatar.columns(POSE_NAMES)] = model.poses[index]
    return values


def test_the_saved_avatar_shows_what_training_showed(toy_dataset, tmp_path):
    from engine.avatar import save_avatar as save

    model = begun(toy_dataset)
    with torch.no_grad():
        for part in model.networks.deformation.heads.values():
            torch.nn.init.normal_(part.out.weight, std=0.05)
    viewmats = torch.tensor(model.clip.tracks["viewmats"][: model.clip.n_train], dtype=torch.float32)
    finished = model.finish(viewmats)
    save(tmp_path / "x.avatar", finished.manifest, finished.tensors)
    avatar = load_avatar(tmp_path / "x.avatar")
    for index in (3, 17):
        wanted = model.shown(model.clip.sample(index))
        values = values_of_frame(avatar, model, index)
        made = avatar.animate(controls(avatar, values)).splats
        assert (made.means - wanted.means).abs().max() < 2e-3
        assert (made.colors - wanted.colors).abs().max() < 0.02
        assert (made.opacities - wanted.opacities).abs().max() < 0.02


def test_what_is_never_seen_to_move_is_not_worked_out(avatar_path, toy_dataset, tmp_path):
    model = begun(toy_dataset, still_pixels=0.06)
    with torch.no_grad():
        for part in model.networks.deformation.heads.values():
            part.out.weight.zero_()
        model.networks.deformation.heads["exp_deform"].out.weight.normal_(std=0.3)
    viewmats = torch.tensor(model.clip.tracks["viewmats"][: model.clip.n_train], dtype=torch.float32)
    tensors = model.finish(viewmats).tensors
    moves = np.zeros(len(tensors["means"]), bool)
    moves[tensors["active"].numpy()] = True
    assert moves.any() and not moves[model.tags["weights"].numpy() == 0].any()


def test_lips_follow_their_gain_and_stay_at_rest_without_it(avatar, toy_dataset):
    driven = driven_moment(avatar, toy_dataset)
    jaw = avatar.names.index("jawOpen")
    asked = []
    for gain in (0.0, 1.0, 2.0):
        driven[avatar.schema.index("gain.lips")] = gain
        asked.append(float(avatar.face(driven)[0][jaw] - avatar.rest[jaw]))
    assert asked[0] == 0.0 and asked[1] != 0 and asked[2] == pytest.approx(2 * asked[1], rel=1e-4)


def test_an_eye_slider_is_the_eyes_aspect_ratio(avatar):
    values = avatar.schema.rest().values
    values[avatar.schema.index("au.45l")] = 1.0
    ear = avatar.face(values)[1].numpy()
    assert ear[0] == pytest.approx(0.0, abs=0.02) and ear[1] == pytest.approx(0.3, abs=0.02)


def test_the_reach_of_the_expression_follows_its_sliders(avatar):
    near, usual, far = (avatar.region_weights(*factors) for factors in ((0.5, 0.5), (1, 1), (1.0, 2.0)))
    assert (near <= usual).all() and (usual <= far).all()
    assert (near > 0).sum() < (usual > 0).sum() < (far > 0).sum()
    beyond = np.flatnonzero((far > 0) & (usual == 0))
    rest, moved = avatar.schema.rest().values, avatar.schema.rest().values
    moved[avatar.schema.index("jawOpen")] = 0.5
    shifts = []
    for reach in (1.0, 2.0):
        for values in (rest, moved):
            values[avatar.schema.index("region.far")] = reach
        still, pushed = (avatar.animate(controls(avatar, values)).splats.means for values in (rest, moved))
        shifts.append((still - pushed).norm(dim=1).numpy())
    assert shifts[0][beyond].max() == 0 and shifts[1][beyond].max() > 0


def test_regions_are_painted_hot_where_the_expression_reigns(avatar):
    from engine.live_view import LiveView

    rest = avatar.schema.rest()
    layers = avatar.deform(avatar.animate(rest), front(avatar))
    painted = LiveView("regions", avatar).layers(layers, rest, front(avatar))[0].colors
    weights = torch.from_numpy(avatar.region_weights())
    assert painted[weights == 1, 0].min() > 0.9 and painted[weights == 0, 0].max() < 0.3
    rest["region.far"] = 2.0
    wider = LiveView("regions", avatar).layers(layers, rest, front(avatar))[0].colors
    assert (wider != painted).any()


def test_a_pose_beyond_the_films_turns_the_head_but_not_its_skin(avatar):
    turned = avatar.schema.rest().values
    turned[avatar.schema.index("pose.yaw")] = 5.0
    far = turned.copy()
    far[avatar.schema.index("pose.yaw")] = 35.0
    one, two = (avatar.face(values)[2] for values in (turned, far))
    assert torch.equal(one, two)
    layers = [avatar.deform(avatar.animate(controls(avatar, v)), front(avatar))[0].means for v in (turned, far)]
    assert (layers[0] - layers[1]).abs().max() > 0.05


def test_style_emotion_and_branch_change_what_the_voice_asks_for(avatar, toy_dataset):
    driver = driver_of(avatar, toy_dataset)
    plain = driver.at(0.7, DriverInputs(160.0)).values
    typical = next(s.default for s in avatar.settings if s.name == "style_frame")
    for settings in ({"style_frame": (typical + 7) % 40}, {"emotion": "0"}, {"mix": "global"}, {"mix": "regional"}):
        assert np.abs(driver.at(0.7, DriverInputs(160.0, settings)).values - plain).max() > 1e-4, settings
    assert driver.at(0.7, DriverInputs(160.0, {"style_frame": 10**9})).values.shape == plain.shape


def test_sound_ahead_is_used_up_to_the_dial(avatar, toy_dataset):
    driver = driver_of(avatar, toy_dataset)
    faces = [driver.at(0.7, DriverInputs(float(ms))).values for ms in (0, 20, 40, 160, 240, 400)]
    assert np.array_equal(faces[0], faces[1]) and np.array_equal(faces[4], faces[5])
    assert all(not np.array_equal(a, b) for a, b in pairwise(faces[1:5]))


def test_after_the_last_sound_the_face_eases_to_rest(avatar, toy_dataset):
    driver = driver_of(avatar, toy_dataset)
    newest = driver._histories[0].newest
    rest = avatar.schema.rest().values
    away = [np.abs(driver.at(newest + s, DriverInputs(160.0)).values - rest).max() for s in (0, 0.08, 0.14, 0.3)]
    assert away[0] > away[1] > away[2] > away[3] == 0


def test_two_moments_apart_are_the_same_whatever_is_asked_between(avatar, toy_dataset):
    driver = driver_of(avatar, toy_dataset)
    first = driver.at(0.61, DriverInputs(40.0)).values
    driver.at(1.2, DriverInputs(160.0, {"emotion": "2"}))
    assert driver.at(0.61, DriverInputs(40.0)).values.tobytes() == first.tobytes()


def test_the_preset_for_processors_moves_all_its_gaussians_within_two_billion_products():
    config = configured(Talk2MeConfig(), PRESETS["cpu"])
    codes, n = torch.zeros(4, config.n_code), config.n_points
    network = Deformation(deformation_sizes(config, 50))
    live = LiveDeformation(network, codes, codes, torch.full((4,), 0.5), torch.arange(4))
    assert live.n_products() / 4 * n < 2e9


def test_a_film_without_a_fit_says_how_to_get_one(toy_dataset):
    with pytest.raises(DatasetError, match="mouthpiece fit"):
        begun(toy_dataset, head="flame")
    with pytest.raises(TrainingError, match="tracked"):
        begun(toy_dataset, head="bfm")
    assert not needs(configured(Talk2MeConfig(), {"head": "tracked"}))
    assert needs(configured(Talk2MeConfig(), {"head": "house"}))[0].head == "house"


@pytest.fixture
def parts(avatar_path):
    """Manifest and tensors of a good file, to be spoilt."""
    return read_manifest(avatar_path), {name: torch.from_numpy(a) for name, a in read_tensors(avatar_path).items()}


def refused(path, manifest, tensors) -> str:
    save_avatar(path, manifest, tensors)
    with pytest.raises(AvatarError) as error:
        load_avatar(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "change",
    [{"width": 10**6}, {"width": 1000}, {"n_code": 33}, {"n_heads": 5}, {"n_behind": 10**7}, {"names": []},
     {"names": 3}, {"near": 0.5}, {"n_emotion": "x"}, {"n_factor": 0}, {"n_fused": 1024}, {"n_layers": 2000},
     {"n_carried": 0}, {"n_carried": 9}, {"n_around": -1}, {"n_around": 10**6}, {"n_around": 0.5}],
)  # fmt: skip
def test_sizes_that_make_no_sense_are_refused(parts, tmp_path, change):
    manifest, tensors = parts
    refused(tmp_path / "x.avatar", manifest.model_copy(update={"config": manifest.config | change}), tensors)


@pytest.mark.parametrize(
    "name",
    ["means", "place", "squared", "styles", "rest", "pose_range", "hull.mean", "network.generator.mix_logits",
     "network.carry.code",
     "network.deformation.heads.exp_color.out.bias"],
)  # fmt: skip
def test_tensors_that_are_missing_cut_or_hold_nan_are_refused(parts, tmp_path, name):
    manifest, tensors = parts
    spoilt = tensors[name].clone()
    spoilt.view(-1)[0] = float("nan")
    for other in (spoilt, tensors[name][..., :-1].clone(), None):
        kept = {n: t for n, t in tensors.items() if n != name} | ({} if other is None else {name: other})
        assert name in refused(tmp_path / "x.avatar", manifest, kept)


def boxes(avatar, one, two):
    """Mean change inside the eye box and the mouth box of the toy head between two sets of controls."""
    difference = np.abs(picture(avatar, one, 128)[..., :3] - picture(avatar, two, 128)[..., :3]).mean(axis=-1)
    f = 128 / (2 * np.tan(np.radians(17 / 2)) * 4.1)
    across = slice(int(64 - 0.25 * f), int(64 + 0.25 * f))
    rows = 64 - (0.1 + 0.1) * f, 64 - (-0.27 + 0.1) * f
    return [difference[int(y - 0.12 * f) : int(y + 0.12 * f), across].mean() for y in rows]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    dataset = make_toy_dataset(folder / "toy.dataset", 96, 165, "alpha", n=1500)
    config = {"n_points": 1500, "n_mouth": 100, "coarse_until": 0.3, "lambda_adversarial": 0.0, "batch_expression": 16}
    return load_avatar(train_toy(dataset, folder / "x.avatar", "talk2me", iterations=1500, **config)), dataset


@pytest.mark.long
def test_after_training_shutting_the_eyes_changes_them_and_not_the_mouth(trained):
    avatar, _ = trained
    values = avatar.schema.rest().values
    shut = values.copy()
    values[avatar.eye_columns] = avatar.eyes.shut(np.array([0.3, 0.3]))
    shut[avatar.eye_columns] = avatar.eyes.shut(np.array([0.1, 0.1]))
    eyes, mouth = boxes(avatar, values, shut)
    assert eyes > 5 * mouth


@pytest.mark.long
def test_after_training_the_mouth_follows_a_voice_it_never_heard(trained):
    from engine.audio.history import FeatureHistory

    avatar, _ = trained
    rest = avatar.schema.rest().values
    voice, loudness = toy_voice(4.0, seed=7)
    histories = []
    for encoder in avatar.encoders():
        histories.append(FeatureHistory(encoder.n_features, 60))
        histories[-1].extend(encoder.encode(voice))
    driver = avatar.driver(histories)
    times = np.arange(0.2, 3.6, 0.04)
    mouths = [boxes(avatar, rest, driver.at(t, DriverInputs(160.0)).values)[1] for t in times]
    assert np.corrcoef(mouths, [loudness[int((t + 0.02) * 16000)] for t in times])[0, 1] > 0.8
