"""EmbedTalk's own promises: what is deformed, the exact cache, its size, its losses, and who hears what."""

import numpy as np
import pytest
import torch

from engine.avatar import load_avatar
from engine.device import has_byte_products
from engine.methods.base import DriverInputs
from engine.methods.embedtalk.config import EmbedTalkConfig
from engine.methods.embedtalk.live import LiveDeform, best_precision
from engine.methods.embedtalk.network import DeformNet, EmbedTalkNet, embedding_smoothness, neighbour_weights
from engine.parts.audio_net import heard_until
from engine.training.start_points import nearest, nearest_of_all, nearest_on_device, thinned
from engine.training.trainer import train
from tests.engine.methods.contract import controls, driven_moment, driver_of, front, picture
from tests.toy_head import TOY_CONFIG, make_toy_dataset, train_toy


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return DeformNet(EmbedTalkConfig(), n_units=6).requires_grad_(False)


def test_only_position_and_opacity_are_deformed(toy_avatar, toy_dataset):
    """Rotations, scales and, seen from one camera, colours are the canonical storage itself."""
    avatar = load_avatar(toy_avatar)
    driven = driven_moment(avatar, toy_dataset)
    rest, talking = (
        avatar.deform(avatar.animate(controls(avatar, values)), front(avatar))[0]
        for values in (avatar.schema.rest().values, driven)
    )
    assert talking.quats.data_ptr() == avatar.quats.data_ptr()
    assert talking.scales.data_ptr() == avatar.scales.data_ptr()
    assert talking.colors.data_ptr() == rest.colors.data_ptr()
    assert not torch.equal(talking.means, rest.means) and not torch.equal(talking.opacities, rest.opacities)


def test_training_passes_canonical_rotations_scales_and_colours_on(toy_bust):
    from engine.audio.encoders import make_encoder
    from engine.capture.dataset import Dataset
    from engine.methods.embedtalk import Config, begin
    from engine.training.clip import Clip
    from engine.training.trainer import configured

    clip = Clip(Dataset(toy_bust), make_encoder({"name": "mel"}), 1)
    for _ in clip.load():
        pass
    model = begin(clip, configured(Config(), TOY_CONFIG | {"sh_degree": 0}), torch.device("cpu"))
    splats = model.gaussians(clip.sample(3), 40_000.0)
    assert splats.quats is model.splats["quats"] and splats.colors is model.splats["sh0"]
    assert torch.equal(splats.scales, model.splats["scales"].exp())
    assert not torch.equal(splats.means, model.splats["means"])


def test_the_filmed_mesh_leads_until_the_networks_have_learnt_its_motion(toy_bust):
    from engine.audio.encoders import make_encoder
    from engine.capture.dataset import Dataset
    from engine.methods.embedtalk import Config, begin
    from engine.training.clip import Clip
    from engine.training.trainer import configured

    dataset = Dataset(toy_bust)
    n_points = len(dataset.tracks["points"])
    shapes = np.zeros((52, n_points, 3), np.float16)
    shapes[:, ::2] = 0.01  # every other point follows every shape
    dataset.tracks["point_shapes"] = shapes
    dataset.tracks["arkit"] = np.full_like(dataset.tracks["arkit"], 0.1)
    clip = Clip(dataset, make_encoder({"name": "mel"}), 1)
    for _ in clip.load():
        pass
    model = begin(clip, configured(Config(), TOY_CONFIG | {"mesh_until": 10_000}), torch.device("cpu"))
    sample = clip.sample(3)
    filmed = 0.01 * float(clip.tracks["arkit"][3].sum())
    moves = model.mesh.moves
    model.hearing.by_chance = lambda time: model.hearing.codes(np.array([time]))[0]

    def shift(at):
        return (model.gaussians(sample, at).means - model.splats["means"]).detach()

    assert 0 < moves.sum() < len(moves) and torch.equal(moves, model.tags["active"])
    assert torch.allclose(shift(0.0)[moves], torch.full((int(moves.sum()), 3), filmed), atol=1e-4)
    assert torch.equal(shift(0.0)[~moves], torch.zeros(int((~moves).sum()), 3))
    own = shift(10_000.0)
    assert filmed > 0 and own[moves].abs().max() > 1e-5
    assert torch.allclose(shift(7_500.0)[moves], 0.5 * own[moves] + 0.5 * filmed, atol=1e-4)
    model.losses(sample.target, sample, 0.0)["mesh"].backward()
    assert model.splats["embeddings"].grad.abs().sum() > 0


def test_the_last_eighth_of_a_run_may_weigh_squared_differences_more(toy_bust):
    from engine.audio.encoders import make_encoder
    from engine.capture.dataset import Dataset
    from engine.methods.embedtalk import Config, begin
    from engine.training.clip import Clip
    from engine.training.trainer import configured

    clip = Clip(Dataset(toy_bust), make_encoder({"name": "mel"}), 1)
    for _ in clip.load():
        pass
    settings = TOY_CONFIG | {"lambda_square": 2.0, "square_last": 20.0}
    model = begin(clip, configured(Config(), settings), torch.device("cpu"))
    sample = clip.sample(3)
    image = sample.target + 0.1
    early, late = (float(model.losses(image, sample, at * model.iterations)["square"]) for at in (0.5, 0.9))
    assert early == pytest.approx(0.02, rel=1e-3) and late == pytest.approx(0.2, rel=1e-3)


def test_motion_costs_something_in_a_tracked_clip_and_nothing_where_its_cause_is_known(toy_dataset):
    from engine.audio.encoders import make_encoder
    from engine.capture.dataset import Dataset
    from engine.methods.embedtalk import Config, begin
    from engine.training.clip import Clip
    from engine.training.trainer import configured

    cost = {}
    for exact in (False, True):
        dataset = Dataset(toy_dataset)
        dataset.info = dataset.info.model_copy(update={"exact": exact})
        clip = Clip(dataset, make_encoder({"name": "mel"}), 1)
        for _ in clip.load():
            pass
        model = begin(clip, configured(Config(), TOY_CONFIG), torch.device("cpu"))
        sample = clip.sample(3)
        splats = model.gaussians(sample, 40_000.0)
        cost[exact] = model.losses(sample.target, sample, 40_000.0).get("motion")
        moved = (splats.means - model.splats["means"]).norm(dim=1) / clip.pixel()
    assert cost[True] is None and moved.max() > 0
    cost[False].backward()
    assert float(cost[False]) > 0


def with_gains(motion_part) -> np.ndarray:
    return np.append(motion_part.numpy(), np.float32([1, 1]))


def test_the_cached_first_layer_equals_the_whole_network(net):
    torch.manual_seed(1)
    embeddings, means, logits = torch.randn(300, 32), torch.randn(300, 3), torch.randn(300)
    active = torch.arange(0, 300, 2)
    live = LiveDeform(net, embeddings, means, logits, active, position_scale=0.02)
    for _ in range(3):
        code, units = torch.randn(32), torch.rand(6)
        position, opacity = net(embeddings[active], code, units)
        shifts = live.shifts(net.motion_part(code, units))
        assert (shifts[:, :3] - 0.02 * position).abs().max() < 1e-5
        assert (shifts[:, 3] - opacity).abs().max() < 1e-5
        new_means, new_opacities = live.deformed(with_gains(net.motion_part(code, units)))
        assert torch.equal(new_means[1::2], means[1::2])
        assert (new_means[::2] - means[::2] - 0.02 * position).abs().max() < 1e-5
        assert (new_opacities[::2] - torch.sigmoid(logits[::2] + opacity)).abs().max() < 1e-5


@pytest.mark.parametrize("precision", ["half", "bytes"])
def test_coarse_products_move_nothing_by_more_than_a_hundredth(net, precision):
    if precision == "bytes" and not has_byte_products(torch.device("cpu")):
        pytest.skip("this processor multiplies no bytes (AVX-512 VNNI)")
    torch.manual_seed(1)
    embeddings, means, logits = torch.randn(300, 32), torch.randn(300, 3), torch.randn(300)
    active = torch.arange(0, 299)  # no whole number of rows that are multiplied at once
    exact, coarse = (LiveDeform(net, embeddings, means, logits, active, 0.1, kind) for kind in ("single", precision))
    for _ in range(3):
        part = net.motion_part(torch.randn(32), torch.rand(6))
        right, near = exact.shifts(part), coarse.shifts(part)
        assert near.dtype == torch.float32 and near.shape == right.shape
        for columns in (slice(0, 3), slice(3, 4)):
            assert (near - right)[:, columns].norm() < 0.01 * right[:, columns].norm()


def test_products_of_bytes_give_way_where_a_moment_is_beyond_them(net):
    if not has_byte_products(torch.device("cpu")):
        pytest.skip("this processor multiplies no bytes (AVX-512 VNNI)")
    torch.manual_seed(1)
    embeddings, means, logits = torch.randn(30, 32), torch.randn(30, 3), torch.randn(30)
    exact, coarse = (
        LiveDeform(net, embeddings, means, logits, torch.arange(30), 0.1, kind) for kind in ("single", "bytes")
    )
    for size in (1.0, 1e3, float("inf")):
        part = torch.zeros(128)
        part[::3], part[1::3] = size, -size
        assert torch.allclose(coarse.shifts(part), exact.shifts(part), rtol=0.03, atol=1e-3, equal_nan=True)


def test_nothing_that_moves_is_no_fault(net):
    for kind in ("single", "half", best_precision(net, torch.device("cpu"))):
        live = LiveDeform(net, torch.randn(3, 32), torch.zeros(3, 3), torch.zeros(3), torch.arange(0), 0.1, kind)
        means, opacities = live.deformed(with_gains(torch.randn(128)))
        assert torch.equal(means, torch.zeros(3, 3)) and torch.equal(opacities, torch.full((3,), 0.5))


def test_the_network_is_small_and_has_no_grid():
    network = EmbedTalkNet(EmbedTalkConfig(), n_features=128, n_units=13)
    assert sum(p.numel() for p in network.parameters()) < 300_000
    assert all(p.dim() <= 3 for p in network.parameters())
    assert not any(word in name for name in network.state_dict() for word in ("plane", "grid", "hash"))


def test_neighbours_are_the_same_by_a_tree_and_by_all_distances(monkeypatch):
    monkeypatch.setattr("engine.training.start_points.ROWS_AT_ONCE", 70)
    points = torch.rand(200, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(nearest_of_all(points, 20), nearest_on_device(points, 20))
    assert nearest_of_all(points[:5], 20).shape == nearest_on_device(points[:5], 20).shape == (5, 4)


def test_smoothness_ignores_far_clusters_and_vanishes_for_equal_embeddings():
    torch.manual_seed(0)
    means = torch.cat([0.005 * torch.randn(30, 3), 0.005 * torch.randn(30, 3) + 10])
    neighbours = torch.from_numpy(nearest(means.numpy(), 40))  # reaches across the gap
    rows = torch.arange(60)
    weights = neighbour_weights(means, rows, neighbours, 2000.0)
    across = (rows[:, None] < 30) != (neighbours < 30)
    assert across.any() and weights[across].max() < 1e-6 and weights[~across].min() > 1e-3
    equal = torch.ones(60, 8, requires_grad=True)
    loss = embedding_smoothness(equal, rows, neighbours, weights)
    loss.backward()
    assert float(loss) == pytest.approx(0.0, abs=1e-9) and torch.isfinite(equal.grad).all()
    different = torch.randn(60, 8, requires_grad=True)
    embedding_smoothness(different, rows, neighbours, weights).backward()
    assert different.grad.abs().sum() > 0


def test_lip_coordinates_reproduce_the_code_exactly(toy_avatar):
    basis = load_avatar(toy_avatar).basis
    codes = np.random.default_rng(0).normal(size=(20, len(basis.rest))).astype(np.float32)
    assert np.abs(basis.codes(basis.coordinates(codes)) - codes).max() < 1e-4
    assert np.abs(basis.directions @ basis.directions.T - np.eye(len(basis.rest))).max() < 1e-5
    assert (np.diff(basis.sigma) <= 1e-6).all()


def test_lip_components_have_unit_spread_over_the_training_clip(toy_avatar, toy_dataset):
    avatar = load_avatar(toy_avatar)
    driver = driver_of(avatar, toy_dataset)
    lips = np.stack([driver.at(i / 25, DriverInputs(160.0)).values[avatar.schema.indices("lip")] for i in range(8, 36)])
    assert 0.4 < lips[:, 0].std() < 1.8


@pytest.mark.parametrize(("look_ahead_ms", "n_heard"), [(0, 8), (40, 10), (80, 12), (160, 16), (400, 16)])
def test_the_dial_opens_the_window_step_by_step(look_ahead_ms, n_heard):
    assert int(heard_until(look_ahead_ms).sum()) == n_heard


def test_without_encoding_the_first_layer_reads_the_embedding_alone():
    config = EmbedTalkConfig(embedding_octaves=0)
    assert DeformNet(config, 6).n_embedding_inputs == 32
    assert DeformNet(EmbedTalkConfig(), 6).n_embedding_inputs == 288


def test_many_points_are_thinned_to_at_most_what_is_asked():
    rng = np.random.default_rng(0)
    points, colors = thinned(rng.normal(size=(5000, 3)), rng.uniform(size=(5000, 3)), 900)
    assert 450 < len(points) <= 900 and colors.shape == points.shape
    assert colors.min() >= 0 and colors.max() <= 1


@pytest.mark.long
def test_lids_change_the_eyes_and_the_voice_the_mouth(tmp_path):
    dataset = make_toy_dataset(tmp_path / "toy.dataset", 96, 110, "alpha", n=1000)
    path = train_toy(dataset, tmp_path / "x.avatar", "embedtalk", iterations=1500, n_points=1200, coarse_until=0.3)
    blink, voice = changes(load_avatar(path), dataset)
    assert blink[0] > 5 * blink[1], "a blink should change the eyes, not the mouth"
    assert voice[1] > 5 * voice[0], "the voice should change the mouth, not the eyes"


def changes(avatar, dataset):
    """How much eye and mouth boxes change with a blink, and with the loudest voice: ((eye, mouth), (eye, mouth))."""

    def boxes(one, two):
        difference = np.abs(picture(avatar, one, 128)[..., :3] - picture(avatar, two, 128)[..., :3]).mean(axis=-1)
        f = 128 / (2 * np.tan(np.radians(17 / 2)) * 4.1)
        eyes, mouth = 64 - (0.1 + 0.1) * f, 64 - (-0.27 + 0.1) * f
        across = slice(int(64 - 0.25 * f), int(64 + 0.25 * f))
        rows = [difference[int(y - 0.12 * f) : int(y + 0.12 * f), across].mean() for y in (eyes, mouth)]
        return rows

    rest = avatar.schema.rest().values
    blink = rest.copy()
    for name in avatar.schema.resolve("au.45"):
        blink[avatar.schema.index(name)] = 1.0
    driver = driver_of(avatar, dataset)
    voices = [driver.at(t, DriverInputs(160.0)).values for t in np.arange(0.2, 1.5, 0.1)]
    loudest = max(voices, key=lambda v: v[0])
    return boxes(rest, blink), boxes(rest, loudest)


@pytest.mark.long
def test_smoothness_halves_the_distance_of_neighbouring_embeddings_at_equal_quality(tmp_path):
    dataset = make_toy_dataset(tmp_path / "toy.dataset", 96, 110, "plate")
    results = {}
    for weight in (0.0, 1.0):
        out = tmp_path / f"{weight}.avatar"
        config = TOY_CONFIG | {"lambda_embedding": weight, "n_points": 1500}
        last = list(train(dataset, "embedtalk", out, iterations=2500, device="cpu", config=config))[-1]
        avatar = load_avatar(out)
        neighbours = nearest(avatar.canonical_means.numpy(), 20)
        z = avatar.embeddings.numpy()
        distance = np.linalg.norm(z[:, None] - z[neighbours], axis=-1).mean()
        results[weight] = distance, last.values["psnr_training"]
    assert results[0.0][0] > 2 * results[1.0][0]
    assert abs(results[0.0][1] - results[1.0][1]) < 0.3


@pytest.mark.long
def test_encoding_the_embeddings_helps_the_lips(tmp_path):
    from engine.evaluation.report import evaluate

    dataset = make_toy_dataset(tmp_path / "toy.dataset", 96, 110, "plate")
    scores = {}
    for octaves in (0, 4):
        out = tmp_path / f"{octaves}.avatar"
        config = TOY_CONFIG | {"embedding_octaves": octaves, "n_points": 1500}
        for _ in train(dataset, "embedtalk", out, iterations=2500, device="cpu", config=config):
            pass
        scores[octaves] = list(evaluate(out, dataset))[-1].values["train"]["psnr_head"]
    assert scores[4] > scores[0]


@pytest.mark.long
def test_pruning_dominates_on_a_dense_start(tmp_path):
    dataset = make_toy_dataset(tmp_path / "toy.dataset", 128, 66, "plate", n=4000)
    config = {"au_set": "shipped", "n_points": 100_000, "sound_variants": 1}
    start = first = None
    for step in train(dataset, "embedtalk", tmp_path / "x.avatar", iterations=1500, device="cpu", config=config):
        if step.stage == "Training" and start is None:
            start = step.values["splats"]
        first = step
    assert start > 50_000 and first.values["splats"] < start
