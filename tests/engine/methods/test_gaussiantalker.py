"""GaussianTalker's own promises: tokens and attention, stages, the exact cache, what is deformed, the composite."""

import numpy as np
import pytest
import torch

from engine.audio.history import FeatureHistory
from engine.avatar import load_avatar
from engine.camera import Orbit
from engine.errors import TrainingError
from engine.methods.base import DriverInputs
from engine.methods.gaussiantalker.config import PRESETS, GaussianTalkerConfig
from engine.methods.gaussiantalker.live import LiveDeformation
from engine.methods.gaussiantalker.network import (
    GaussianTalkerNet,
    ViewCodes,
    encode_eye,
    encode_eye_as_released,
    view_codes,
)
from engine.methods.gaussiantalker.training import camera_extent
from engine.training.trainer import TrainingRun, configured
from engine.vocabulary import AU_PRESETS
from tests.engine.methods.contract import controls, driven_moment, driver_of, front, picture
from tests.toy_head import TOY_CONFIGS, make_toy_dataset, one_thread, toy_voice, train_toy

CONFIG = GaussianTalkerConfig()


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return GaussianTalkerNet(CONFIG, 20, -torch.ones(3), torch.ones(3)).requires_grad_(False).eval()


@pytest.fixture(scope="module")
def moment():
    """Places `[N, 3]` and a batch of eight conditions."""
    torch.manual_seed(1)
    return torch.rand(300, 3) * 2 - 1, torch.randn(8, 32), torch.rand(8, 1), torch.randn(8, 12)


@pytest.fixture(scope="module")
def avatar_path(toy_avatar_of):
    return toy_avatar_of("gaussiantalker")


@pytest.fixture
def avatar(avatar_path):
    return load_avatar(avatar_path)


def begun(dataset, **config):
    from engine.audio.encoders import make_encoder
    from engine.capture.dataset import Dataset
    from engine.methods.gaussiantalker import Config, begin
    from engine.training.clip import Clip

    clip = Clip(Dataset(dataset), make_encoder({"name": "mel"}), 1)
    for _ in clip.load():
        pass
    config = configured(Config(), TOY_CONFIGS["gaussiantalker"] | config)
    model = begin(clip, config, torch.device("cpu"))
    return TrainingRun(clip, model, dataset.parent / "never.avatar", "gaussiantalker", torch.device("cpu"))


def test_attention_is_over_exactly_four_tokens_and_sums_to_one(net, moment):
    offsets, attention = net(*moment)
    assert attention.shape == (8, 2, 300, 4)
    assert (attention.sum(dim=-1) - 1).abs().max() < 1e-5 and (attention >= 0).all()
    assert [value.shape[-1] for value in offsets] == [3, 4, 3, 48, 1]


def test_a_batch_of_eight_equals_eight_single_moments(net, moment):
    means, *conditions = moment
    whole, attention = net(means, *conditions)
    for i in range(8):
        one, own = net(means, *(c[i : i + 1] for c in conditions))
        assert (own[0] - attention[i]).abs().max() < 1e-5
        assert all((a[0] - b[i]).abs().max() < 1e-5 for a, b in zip(one, whole, strict=True))


@pytest.mark.parametrize("n_layers", [1, 2])
def test_cached_queries_equal_the_whole_network(n_layers, moment):
    torch.manual_seed(3)
    config = GaussianTalkerConfig(n_layers=n_layers)
    net = GaussianTalkerNet(config, 20, -torch.ones(3), torch.ones(3)).requires_grad_(False).eval()
    means, code, eye, view = (value[: len(value)] for value in moment)
    features = net.triplane(means)
    live = LiveDeformation(net.deformation, features)
    for i in range(3):
        tokens = net.tokens(code[i : i + 1], eye[i : i + 1], view[i : i + 1])
        offsets, attention = net.deformation(features, tokens)
        assert all((a[0] - b).abs().max() < 1e-5 for a, b in zip(offsets, live.offsets(tokens[0]), strict=True))
        assert (live.attention(tokens[0]) - attention[0, 0]).abs().max() < 1e-5
        given, _ = net.deformation(features, tokens, net.deformation.layers[0].query(features))
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(given, offsets, strict=True))


def test_half_precision_is_off_by_less_than_a_hundredth_of_what_moves(net, moment):
    features = net.triplane(moment[0])
    tokens = net.tokens(*(c[:1] for c in moment[1:]))[0]
    exact, half = (LiveDeformation(net.deformation, features, half=h).offsets(tokens) for h in (False, True))
    for a, b in zip(exact, half, strict=True):
        assert (a - b).abs().max() < 0.02 * a.abs().max()


def test_without_offsets_the_head_is_canonical_to_the_bit(toy_dataset):
    run = begun(toy_dataset)
    run.enter(1, run.model.iterations)
    model = run.model
    with torch.no_grad():
        for head in model.networks.deformation.heads.values():
            head[3].weight.zero_()
            head[3].bias.zero_()
        sample = model.clip.sample(3)
        deformed, _ = run.render(model.gaussians(sample, model.iterations), sample)
        canonical, _ = run.render(model._made(dict(model.splats), model.iterations), sample)
    assert torch.equal(deformed, canonical)


def test_the_null_token_the_attention_over_time_and_the_order_of_the_sound_all_matter(net, moment):
    means, code, eye, view = (value[:1] if i else value for i, value in enumerate(moment))
    features = net.triplane(means)
    tokens = net.tokens(code, eye, view)
    whole = net.deformation(features, tokens)[0]
    without_null = net.deformation(features, tokens[:, :3])[0]
    assert (whole.means - without_null.means).abs().max() > 1e-4
    torch.manual_seed(5)
    windows, known = torch.randn(1, 16, 20), torch.ones(1, 16)
    heard = net.audio(windows, known)
    pairs = windows.reshape(1, 8, 2, 20)
    shuffled = pairs[:, torch.tensor([7, 2, 5, 0, 1, 6, 3, 4])].reshape(1, 16, 20)
    assert (net.audio(shuffled, known) - heard).abs().max() > 1e-3
    steps = torch.cat([windows, known[..., None]], dim=-1).reshape(8, 2, 21).transpose(1, 2)
    assert (net.audio.net(steps).mean(dim=0) - heard[0]).abs().max() > 1e-3


def test_a_face_whose_attention_to_the_voice_is_cut_stops_following_it(avatar, toy_dataset, monkeypatch):
    driver = driver_of(avatar, toy_dataset)
    voices = [driver.at(t, DriverInputs(160.0)).values for t in (0.36, 0.7)]
    mouth = slice(30, 50), slice(20, 44)

    def change() -> float:
        one, two = (picture(avatar, voice)[mouth] for voice in voices)
        return float(np.abs(one - two).mean())

    heard = change()
    folded = LiveDeformation._folded

    def deaf(layer, tokens, has_queries):
        weights, bias, heard = folded(layer, tokens, has_queries)
        weights, bias = weights.clone(), bias.clone()
        weights[:, ::4], bias[::4] = 0, -1e4  # the audio token is the first of each head
        return weights, bias, heard

    monkeypatch.setattr(LiveDeformation, "_folded", staticmethod(deaf))
    assert change() < 1 / 255 and change() < 0.01 * heard


def test_every_attribute_is_deformed_and_a_gain_of_zero_holds_it(avatar, toy_dataset):
    driven = driven_moment(avatar, toy_dataset)
    state = avatar.animate(controls(avatar, driven))
    offsets = avatar.offsets(state, front(avatar))
    assert all(value.abs().max() > 0 for value in offsets)
    for name in ("position", "rotation", "scale", "color", "opacity"):
        driven[avatar.schema.index(f"deform.{name}")] = 0.0
    held = avatar.deform(avatar.animate(controls(avatar, driven)), front(avatar))[0]
    assert torch.equal(held.means, avatar.canonical_means)
    assert (held.scales - avatar.canonical["scales"]).abs().max() < 1e-6
    assert (held.opacities - avatar.canonical["opacities"]).abs().max() < 1e-6


def test_the_view_token_follows_the_camera_the_nearest_one_or_none(avatar):
    rest = avatar.schema.rest()
    cameras = [avatar.manifest.orbit.camera(64, 64), Orbit((0, -0.05, 0), 2.0, 0, 4.5, 18.0).camera(64, 64)]

    def shifts(token: str) -> list[torch.Tensor]:
        return [avatar.offsets(avatar.animate(rest, {"view_token": token}), camera).means for camera in cameras]

    camera, nearest, frozen = (shifts(token) for token in ("camera", "nearest", "frozen"))
    assert not torch.equal(*camera) and torch.equal(*frozen)
    codes = [avatar._view_code(avatar.animate(rest, {"view_token": "nearest"}), c) for c in cameras]
    assert all((avatar._views.codes == code).all(dim=1).any() for code in codes)
    assert not torch.equal(nearest[0], nearest[1]) or torch.equal(*codes)


def test_a_camera_far_from_training_is_held_at_its_range():
    viewmats = torch.stack([torch.tensor(Orbit((0, 0, 0), a, 0, 4.5).camera(8, 8).viewmat) for a in (-10, 0, 10)])
    views = ViewCodes.of(viewmats.float())
    far = view_codes(torch.tensor(Orbit((0, 0, 0), 80, 0, 4.5).camera(8, 8).viewmat).float())
    held = views.within(far)
    assert (held <= views.high).all() and (held >= views.low).all() and not torch.equal(held, far)
    for code in views.codes:
        assert torch.equal(views.within(code), code)


def test_turning_the_head_is_the_view_of_a_camera_that_moved(avatar):
    camera = front(avatar)
    rest, turned = avatar.schema.rest(), avatar.schema.rest()
    turned["pose.yaw"] = 2.0
    still, moved = (avatar._view_code(avatar.animate(c), camera) for c in (rest, turned))
    from engine.camera import pose_matrix

    other = avatar._view_code(avatar.animate(rest), camera.moved(pose_matrix(2.0, 0, 0)))
    assert torch.allclose(moved, other, atol=1e-6) and not torch.equal(still, moved)


def test_attention_is_shown_for_each_token_and_what_never_moves_attends_to_nothing(avatar, toy_dataset):
    state = avatar.animate(controls(avatar, driven_moment(avatar, toy_dataset)))
    attention = avatar.attention(state, front(avatar))
    assert attention.shape == (avatar.manifest.n_gaussians, 4)
    assert (attention.sum(dim=1) - 1).abs().max() < 1e-5
    still = torch.ones(len(attention), dtype=torch.bool)
    still[torch.from_numpy(avatar.active)] = False
    assert still.any() and (attention[still] == torch.tensor([0.0, 0, 0, 1])).all()


def test_what_a_splat_listens_to_is_painted_on_the_talking_face(avatar, toy_dataset):
    from engine.live_view import TOKEN_VIEWS, LiveView

    moment = controls(avatar, driven_moment(avatar, toy_dataset))
    camera, state = front(avatar), avatar.animate(moment)
    layers = avatar.deform(state, camera)
    attention = avatar.attention(state, camera)
    painted = LiveView("attention", avatar).layers(layers, moment, camera, state)[0]
    assert torch.equal(painted.colors, attention[:, :3]) and torch.equal(painted.means, layers[0].means)
    brightness = [LiveView(mode, avatar).layers(layers, moment, camera, state)[0].colors.sum(dim=1)
                  for mode in TOKEN_VIEWS]  # fmt: skip
    for i, bright in enumerate(brightness):
        assert bright.argmax() == attention[:, i].argmax() or attention[:, i].max() == attention[bright.argmax(), i]
    assert brightness[0].std() > 0.01


def test_the_deformation_stage_leaves_the_predictor_and_the_number_of_gaussians_alone(toy_dataset):
    run = begun(toy_dataset, densify_gradient=1e-9, max_gaussians=760, densify_from=0)
    model = run.model
    with one_thread():
        for i in range(90):
            run.step(6_000 * i / 90)
            assert model.n_gaussians <= 760
        grown = model.n_gaussians
        assert grown > 700 and run.stage == 0
        before = [p.detach().clone() for p in model.networks.predictor.parameters()]
        for at in (6_000.0, 9_000.0, 17_000.0):
            run.step(at)
    assert run.stage == 1 and model.n_gaussians == grown
    trained = {id(p) for group in run.network_optimizer.param_groups for p in group["params"]}
    assert not trained & {id(p) for p in model.networks.predictor.parameters()}
    assert all(torch.equal(a, b) for a, b in zip(before, model.networks.predictor.parameters(), strict=True))
    canonical = {id(p) for p in (*model.networks.triplane.parameters(), *model.networks.deformation.parameters())}
    assert canonical <= trained


def test_what_the_predictor_says_stands_in_the_gaussians_when_the_stage_changes(toy_dataset):
    run = begun(toy_dataset)
    model = run.model
    sample = model.clip.sample(0)
    first = model.gaussians(sample, 5_000.0)
    model.enter(1)
    assert torch.equal(torch.sigmoid(model.splats["opacities"]), first.opacities.detach())
    degree = first.sh_degree
    kept = torch.cat([model.splats["sh0"], model.splats["sh_rest"]], dim=1)[:, : (degree + 1) ** 2]
    assert torch.equal(kept.detach(), first.colors.detach())


@pytest.mark.parametrize("predicted", ["", "scale,rotation", "scale,rotation,opacity,sh"])
def test_any_canonical_attribute_may_be_predicted(toy_dataset, predicted):
    run = begun(toy_dataset, predicted=predicted)
    with one_thread():
        terms = run.step(100.0)
    assert np.isfinite(terms["total"])
    free = [n for n, p in run.model.splats.items() if run.splat_optimizers[n].state[p]]
    names = {"scales": "scale", "quats": "rotation", "opacities": "opacity", "sh0": "sh"}
    for name, attribute in names.items():
        assert (name in free) == (attribute not in predicted.split(","))


def test_settings_that_do_not_fit_are_refused(toy_dataset):
    for config in (
        {"predicted": "color"}, {"eye_pe": "loud"}, {"n_layers": 3}, {"sh_degree": 4}, {"face_share": 1.0},
        {"eye_pe": "code", "au_set": "paper"}, {"motion_every": 0}, {"au_set": "au.99"},
    ):  # fmt: skip
        with pytest.raises(TrainingError):
            begun(toy_dataset, **config)


def test_a_step_may_be_the_mean_of_several_frames(toy_dataset):
    run = begun(toy_dataset, batch=4)
    with one_thread():
        run.step(7_000.0)
    assert run.model.n_picked == 4 and run.iteration == 1


def test_empty_splats_show_the_backdrop_and_targets_show_it_outside_the_mask(toy_dataset):
    run = begun(toy_dataset)
    sample = run.model.clip.sample(5)
    empty = run.model._made({**run.model.splats, "opacities": torch.full_like(run.model.splats["opacities"], -40.0)}, 0)
    image, meta = run.render(empty, sample)
    assert (image - sample.behind).abs().max() < 1e-5 and meta["alpha"].max() < 1e-5
    inside, outside = sample.mask > 0.999, sample.mask < 0.001
    filmed = torch.from_numpy(run.clip.dataset.frame(5).astype(np.float32) / 255)
    assert (sample.target - filmed)[inside].abs().max() < 0.01
    assert (sample.target - sample.behind)[outside].abs().max() < 0.01


def test_a_blink_is_encoded_smoothly_unless_asked_as_released():
    steps = torch.linspace(0, 1, 1001)[:, None]
    smooth, released = encode_eye(steps, 6), encode_eye_as_released(steps)
    assert smooth.shape == released.shape == (1001, 32)
    assert (smooth[1:] - smooth[:-1]).abs().max() < 0.15 < (released[1:] - released[:-1]).abs().max()
    j = torch.arange(32)
    angle = 0.37 * 10000.0 ** (2 * (j // 2) / 32)
    wanted = torch.where(j % 2 == 0, angle.sin(), angle.cos())
    assert (encode_eye_as_released(torch.tensor([[0.37]]))[0] - wanted).abs().max() < 1e-3


def test_an_eye_token_of_several_units_tells_each_of_them(toy_dataset, tmp_path):
    units = ("au.01", "au.12", "au.45l", "au.45r")
    path = train_toy(
        toy_dataset, tmp_path / "units.avatar", "gaussiantalker", au_set=",".join(units), eye_octaves=4, face_share=0.8,
    )  # fmt: skip
    avatar, rest = load_avatar(path), load_avatar(path).schema.rest()
    assert [name for name in avatar.schema.names if name.startswith("au.")] == list(units)
    still = avatar.offsets(avatar.animate(rest), front(avatar)).means
    shifts = []
    for name in units:
        moved = avatar.schema.rest()
        moved[name] = 1.0
        shifts.append(avatar.offsets(avatar.animate(moved), front(avatar)).means - still)
    assert all(shift.abs().max() > 0 for shift in shifts)
    assert not torch.allclose(shifts[2], shifts[3])
    assert encode_eye(torch.rand(3, 4), 4).shape == (3, 32) and encode_eye(torch.rand(3, 17), 4).shape == (3, 136)


def test_the_filmed_mesh_leads_the_canonical_head_and_then_hands_over(tmp_path):
    film = make_toy_dataset(tmp_path / "shapes.dataset", 64, 30, "alpha", n=700, with_shapes=True)
    run = begun(film, mesh_until=12_000, view_swap=0.0)
    model, clip = run.model, run.clip
    index = int(np.argmax(clip.tracks["arkit"][: clip.n_train].sum(axis=1)))
    sample, moves = clip.sample(index), model.tags["active"]
    filmed = model.mesh.shift(model.tags["origin"], index)
    model.hearing.by_chance = lambda time: model.hearing.codes(np.array([time]))[0]

    def shift(at):
        return (model.gaussians(sample, at).means - model.splats["means"]).detach()

    assert 0 < moves.sum() < len(moves) and filmed.abs().max() > 0.01
    assert torch.allclose(shift(0.0)[moves], filmed[moves], atol=1e-6) and not shift(0.0)[~moves].any()
    terms = model.losses(sample.target, sample, 0.0)
    terms["mesh"].backward()
    assert model.splats["means"].grad is None  # the network learns the motion, no Gaussian leaves its place for it
    assert all(p.grad.abs().sum() > 0 for p in model.networks.deformation.heads["means"].parameters())
    assert any(p is model.networks.tokens.null for group in run.network_optimizer.param_groups for p in group["params"])
    run.enter(1, 12_000.0)
    own = shift(12_000.0)
    assert own[moves].abs().max() > 1e-6
    assert torch.allclose(shift(9_000.0)[moves], 0.5 * own[moves] + 0.5 * filmed[moves], atol=1e-5)


def test_listening_to_nothing_costs_nothing(toy_dataset):
    model = begun(toy_dataset, lambda_null=0.01).model
    model.enter(1)
    sample = model.clip.sample(3)
    model.gaussians(sample, 9_000.0)
    attention = model._attention
    assert attention.shape[1:] == (int(model.tags["active"].sum()), 4)
    term = model.losses(sample.target, sample, 9_000.0)["null"]
    listened = float(attention[..., :3].detach().sum(dim=-1).mean())
    assert float(term.detach()) == pytest.approx(0.01 * listened, rel=1e-4)


def test_a_step_in_two_is_of_the_mesh_alone_and_a_picture_in_three_teaches_the_networks(tmp_path):
    film = make_toy_dataset(tmp_path / "shapes.dataset", 64, 30, "alpha", n=700, with_shapes=True)
    config = {"mesh_until": 9_000, "mesh_alone": 2_000, "mesh_apart": True, "motion_every": 3, "canonical_until": 4_000}
    run = begun(film, **config)
    model = run.model
    assert [model.stage(at) for at in (0, 5_900, 6_100)] == [0, 0, 1]  # the canonical stage begins with the pictures
    with one_thread():
        assert all("l1" not in run.step(at) and "mesh" in model.blind(at) for at in (0, 1_900))
        rows = [run.step(12_000.0) for _ in range(12)]
    assert ["l1" in row for row in rows] == 6 * [True, False] or ["l1" in row for row in rows] == 6 * [False, True]
    assert all(("mesh" in row) == ("l1" not in row) for row in rows)
    pictures = [row for row in rows if "l1" in row]
    assert sum("silence" in row for row in pictures) == 2
    sample = model.clip.sample(3)
    wanting = []
    for _ in range(3):
        model.n_picked += 2
        splats = model.gaussians(sample, 12_000.0)
        model.networks.zero_grad()
        splats.means.sum().backward()
        wanting.append(any(p.grad is not None for p in model.networks.deformation.parameters()))
    assert sorted(wanting) == [False, False, True]


def test_gaussians_move_alike_whether_the_networks_learn_from_it_or_not(toy_dataset):
    model = begun(toy_dataset).model
    model.enter(1)
    moment = model.moments()[3]
    model._last = moment
    learnt = model._deformed(*moment)
    model._last = None
    told = model._deformed(*moment)
    for name, value in learnt.items():
        assert (told[name] - value.detach()).abs().max() < 0.02 * max(float(value.detach().abs().max()), 0.1)


def test_an_automatic_eye_token_tells_all_units_of_a_film_that_knows_its_mesh_and_else_the_blink(toy_dataset, tmp_path):
    film = make_toy_dataset(tmp_path / "shapes.dataset", 64, 30, "alpha", n=700, with_shapes=True)
    assert begun(toy_dataset, au_set="auto").model.units == ("au.45",)
    assert set(begun(film, au_set="auto").model.units) == set(AU_PRESETS["shipped"])


def test_a_plain_eye_token_tells_units_by_their_spread_and_nothing_of_what_never_moved(toy_dataset):
    model = begun(toy_dataset, au_set="au.45,au.64", eye_pe="plain").model
    told = model.unit_tracks[: model.clip.n_train]
    tokens = model.networks.tokens
    assert told[:, 0].std() > 0.01 and not told[:, 1].any()
    heard = tokens._encode_eye(torch.from_numpy(told)).numpy()
    assert abs(heard[:, 0].mean()) < 1e-4 and 0.2 < heard[:, 0].std() < 3.1
    pushed = tokens._encode_eye(torch.ones(1, 2)) - tokens._encode_eye(torch.zeros(1, 2))
    assert pushed[0, 0] > 1 and pushed[0, 1] == 0


def test_a_static_camera_has_a_small_extent_and_one_that_walks_a_large_one():
    still = np.stack([Orbit().camera(8, 8).viewmat] * 5)
    walking = np.stack([Orbit(azimuth_deg=a).camera(8, 8).viewmat for a in (-40, 0, 40)])
    assert camera_extent(still) == pytest.approx(0.01)
    assert 2.5 < camera_extent(walking) < 4.5


def test_the_preset_for_processors_is_made_of_settings_the_method_has():
    config = configured(GaussianTalkerConfig(), PRESETS["cpu"])
    assert config.n_layers == 1 and config.batch == 1
    assert GaussianTalkerConfig().batch == 32 and GaussianTalkerConfig().n_layers == 2


def test_features_of_the_paper_have_its_sizes():
    net = GaussianTalkerNet(CONFIG, 1024, -torch.ones(3), torch.ones(3))
    assert sum(p.numel() for p in net.triplane.parameters()) == 3 * 32 * (64**2 + 128**2)
    assert net.triplane.width == 64 and net.tokens.null.shape == (1, 1, 64)


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
    dataset = make_toy_dataset(folder / "toy.dataset", 96, 165, "alpha", n=1500, with_shapes=True)
    config = {
        "n_points": 2500, "max_gaussians": 3500, "n_channels": 16, "n_hidden": 64, "n_layers": 1, "face_share": 0.8,
        "deform_all": True, "coarse_until": 0.3, "mesh_alone": 1_800, "mesh_until": 12_000, "view_swap": 1.0,
        "lambda_null": 1e-3, "rate_network": (2e-3, 2e-4), "lambda_silence": 0.0, "mesh_apart": True, "eye_pe": "plain",
    }  # fmt: skip
    return train_toy(dataset, folder / "x.avatar", "gaussiantalker", iterations=1500, **config), dataset


@pytest.mark.long
def test_after_training_the_mouth_follows_a_voice_it_never_heard_and_the_blink_the_eyes(trained):
    path, _ = trained
    avatar = load_avatar(path)
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
    blink = rest.copy()
    blink[avatar.schema.index("au.45")] = 1.0
    eyes, mouth = boxes(avatar, rest, blink)
    assert eyes > 5 * mouth


@pytest.mark.long
def test_after_training_the_mouth_listens_to_the_voice_and_the_eyes_to_the_blink(trained):
    path, dataset = trained
    avatar = load_avatar(path)
    driver, camera = driver_of(avatar, dataset), front(avatar)
    attention = torch.stack([
        avatar.attention(avatar.animate(driver.at(t, DriverInputs(160.0))), camera) for t in np.arange(0.2, 4.0, 0.2)
    ]).mean(dim=0)  # fmt: skip
    x, y, z = avatar.canonical_means.T
    lips = (z > 0.2) & (x.abs() < 0.11) & ((y + 0.24).abs() < 0.08)
    eyes = (z > 0.2) & ((x.abs() - 0.13).abs() < 0.08) & ((y - 0.1).abs() < 0.1)
    hair = y > 0.35
    assert attention[lips, 0].mean() > 1.5 * attention[hair, 0].mean()
    assert attention[eyes, 1].mean() > 1.5 * attention[hair, 1].mean()
