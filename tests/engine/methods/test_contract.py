"""The shared contract, asked of every method on the toy head."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.audio.encoders import make_encoder
from engine.avatar import load_avatar, read_tensors
from engine.capture.dataset import Dataset
from engine.errors import AvatarError
from engine.live_view import VIEW_MODES, LiveView
from engine.manifest import read_manifest
from engine.methods import METHODS, method_module
from engine.performer import Performer
from engine.raster.pick import make_rasterizer
from engine.training.clip import Clip
from engine.training.trainer import TrainingRun, configured
from tests.engine.methods import contract
from tests.engine.raster.scenes import psnr
from tests.toy_head import ON_A_HEAD, TOY_CONFIGS, train_toy, write_toy_fit


@pytest.fixture(scope="module", params=METHODS)
def avatar_path(request, toy_avatar_of):
    return toy_avatar_of(request.param)


@pytest.fixture
def avatar(avatar_path):
    return load_avatar(avatar_path)


@pytest.fixture(scope="module")
def moment(avatar_path, toy_dataset):
    return contract.driven_moment(load_avatar(avatar_path), toy_dataset)


@pytest.fixture
def driven(moment):
    return moment.copy()


def test_control_names_are_unique_and_defaults_lie_inside_limits(avatar):
    contract.assert_names_are_unique_and_defaults_inside_limits(avatar)


def test_every_avatar_offers_lip_units_and_head_pose(avatar):
    for group in ("lip", "au", "pose"):
        assert len(avatar.schema.indices(group)), group


def test_controls_at_neutral_equal_no_controls_bit_for_bit(avatar, driven):
    contract.assert_neutral_changes_nothing(avatar, driven)


def test_the_number_of_splats_never_changes(avatar, driven):
    contract.assert_the_number_of_splats_never_changes(avatar, driven)


def test_each_control_changes_something(avatar, driven):
    contract.assert_each_control_changes_something(avatar, driven)


def test_the_same_moment_renders_the_same_pixels(avatar, driven):
    contract.assert_same_moment_same_pixels(avatar, driven)


def test_a_state_stays_as_it_is_when_the_face_moves_on(avatar, driven):
    contract.assert_a_state_outlives_the_next(avatar, driven)


def test_maps_are_pictures_of_the_moment(avatar, driven):
    contract.assert_maps_show_the_moment(avatar, driven)
    titles = [one.title for one in avatar.maps(avatar.animate(contract.controls(avatar, driven)))]
    of_splats = ["Colours", "Movement", "Opacity"]
    wanted = {"dgtalker": of_splats, "ggtalker": of_splats, "gaussiantalker": ["Triplane"]}
    assert titles == wanted.get(avatar.manifest.method, [])


def test_saving_and_loading_renders_identically(avatar_path, driven, tmp_path):
    contract.assert_a_saved_copy_renders_the_same(avatar_path, driven, tmp_path / "copy.avatar")


def test_the_voice_moves_the_face_and_silence_before_it_does_not(avatar, toy_dataset):
    driver = contract.driver_of(avatar, toy_dataset)
    before = driver.at(-5.0, _inputs()).values
    assert before.tobytes() == avatar.schema.rest().values.tobytes()
    assert np.abs(driver.at(0.7, _inputs()).values - before).max() > 0.1


def test_a_driver_does_not_hear_beyond_the_look_ahead(avatar, toy_dataset):
    """Sound after the dial's reach may change without changing the drive."""
    from engine.audio.history import FeatureHistory
    from engine.audio.wav import read_sound

    samples, _ = read_sound(toy_dataset / "audio.wav")
    at, look_ahead_ms = 0.8, 40.0
    driven = []
    for other in (samples, np.concatenate([samples[: int(0.95 * 16_000)], np.zeros(16_000, np.float32)])):
        histories = []
        for encoder in avatar.encoders():
            history = FeatureHistory(encoder.n_features, 60)
            history.extend(encoder.encode(other))
            histories.append(history)
        driven.append(avatar.driver(histories).at(at, _inputs(look_ahead_ms)).values)
    assert driven[0].tobytes() == driven[1].tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_and_data_give_the_same_avatar_to_the_bit(method, toy_dataset, tmp_path):
    paths = [train_toy(toy_dataset, tmp_path / f"{name}.avatar", method, iterations=16) for name in ("one", "two")]
    one, two = (read_tensors(path) for path in paths)
    assert one.keys() == two.keys()
    assert not [name for name in one if one[name].tobytes() != two[name].tobytes()]
    rows = [read_manifest(path).model_dump(exclude={"provenance"}) for path in paths]
    assert rows[0] == rows[1]


@pytest.mark.gpu
@pytest.mark.parametrize("method", METHODS)
def test_on_a_gpu_the_same_seed_and_data_give_the_same_face(method, toy_dataset, tmp_path):
    """Sums of many threads round in any order there: the tolerance is 45 dB, as between rasterizers."""
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU")
    paths = [
        train_toy(toy_dataset, tmp_path / f"{name}.avatar", method, iterations=16, device="cuda")
        for name in ("one", "two")
    ]
    avatars = [load_avatar(path) for path in paths]
    for values in (avatars[0].schema.rest().values, contract.driven_moment(avatars[0], toy_dataset)):
        one, two = (contract.picture(avatar, values) for avatar in avatars)
        assert psnr(one, two) > 45


@pytest.mark.gpu
def test_on_a_gpu_an_avatar_looks_as_on_the_cpu(avatar_path, moment, toy_dataset):
    """Its head turned, with every overlay and map it has: the window puts avatars on the GPU where there is one."""
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU")
    here, there = (load_avatar(avatar_path, device) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(contract.driven_moment(there, toy_dataset), moment, atol=1e-3)
    turned = moment.copy()
    turned[here.schema.indices("pose")] = [12, -6, 4, 0.02, 0.01, 0.03]
    for values in (moment, turned, here.schema.column("high")):
        one, two = (contract.picture(avatar, values) for avatar in (here, there))
        assert psnr(one, two) > 40
    one, _, two = (contract.picture(there, values) for values in (turned, here.schema.column("high"), turned))
    assert psnr(one, two) > 60  # convolutions may add in another order there
    contract.assert_a_state_outlives_the_next(there, turned)
    contract.assert_maps_show_the_moment(there, turned)
    controls = contract.controls(there, turned)
    for setting in here.settings:
        for value in setting.choices or ((True, False) if setting.kind == "switch" else ()):
            state = there.animate(controls, {setting.name: value})
            assert all(layer.means.isfinite().all() for layer in there.deform(state, contract.front(there)))
    for mode in VIEW_MODES:
        try:
            performer = Performer(there, make_rasterizer("cuda"))
            performer.view = LiveView(mode, there)
        except AvatarError:
            continue  # what this method has not
        assert performer.picture(performer.moment(0.5), contract.front(there)).image.any()


@pytest.mark.parametrize("method", METHODS)
def test_gradients_reach_every_module_and_every_attribute(method, toy_dataset):
    if method in ON_A_HEAD:
        write_toy_fit(toy_dataset)
    module = method_module(method)
    config = configured(module.Config(), TOY_CONFIGS[method])
    clip = Clip(Dataset(toy_dataset), make_encoder({"name": "mel"}), 1)
    for _ in clip.load():
        pass
    model = module.begin(clip, config, torch.device("cpu"), 0)
    run = TrainingRun(clip, model, toy_dataset.parent / "never.avatar", method, torch.device("cpu"))
    reached = set()
    for at in np.linspace(0.05, 0.95, 7) * model.iterations:  # every stage of it
        if model.stage(at) != run.stage:
            run.enter(model.stage(at), at)
        model.tidy(at)
        for _ in range(2):
            if (terms := model.blind(at)) is None:
                sample = run._on_device(clip.sample(*model.pick(at)))  # with the pose of the head
                image, meta = run.render(model.gaussians(sample, at), sample, with_pose_gradient=True)
                terms = model.losses(image, replace(sample, alpha=meta["alpha"]), at)
            sum(terms.values()).backward()
            run.network_optimizer.step()  # a layer that starts as zeros hides the one before it for one step
        named = model.networks.named_parameters()
        reached |= {n for n, p in named if p.grad is not None and p.grad.abs().sum() > 0}
    assert reached == {name for name, _ in model.networks.named_parameters()}
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in model.splats.values())
    assert run.poses.twists.grad.abs().sum() > 0


def _inputs(look_ahead_ms: float = 160.0):
    from engine.methods.base import DriverInputs

    return DriverInputs(look_ahead_ms=look_ahead_ms)
