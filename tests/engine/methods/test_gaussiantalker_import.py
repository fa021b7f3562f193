"""Models of the public GaussianTalker code: random weights in its layout become avatars that compute the same."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from engine.audio.wav import write_wav
from engine.avatar import load_avatar
from engine.camera import Camera
from engine.errors import AvatarError, DatasetError
from engine.export.ply import write_ply
from engine.gaussians import Gaussians
from engine.methods.base import DriverInputs
from engine.methods.gaussiantalker import importing
from engine.methods.gaussiantalker.importing import import_released, released_codes
from engine.methods.gaussiantalker.network import view_codes
from engine.methods.gaussiantalker.released import euler_rotations, read_released, read_released_data
from tests.toy_head import one_thread, toy_voice

N, N_FRAMES, SIDE = 200, 32, 64
WIDTH, CHANNELS, HIDDEN, RESOLUTIONS = 64, 32, 128, (64, 128)


def public_weights(n_audio: int = 29, n_layers: int = 2, seed: int = 0) -> dict[str, torch.Tensor]:
    """The entries of a `deformation.pth`, by the names and shapes of the public code."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator) / math.sqrt(shape[-1] if len(shape) > 1 else 8)

    def linear(name: str, n_in: int, n_out: int, bias: bool = True) -> dict[str, torch.Tensor]:
        return {f"{name}.weight": random(n_out, n_in)} | ({f"{name}.bias": random(n_out)} if bias else {})

    def convolution(name: str, n_in: int, n_out: int) -> dict[str, torch.Tensor]:
        return {f"{name}.weight": random(n_out, n_in, 3), f"{name}.bias": random(n_out)}

    weights = {"tri_plane.grid.aabb": torch.tensor([[2.2, 2.9, 1.9], [-2.2, -3.1, -1.5]])}
    for scale, side in enumerate(RESOLUTIONS):
        for plane in range(3):
            planes = torch.rand(1, CHANNELS, side, side, generator=generator)
            weights[f"tri_plane.grid.grids.{scale}.{plane}"] = 0.1 + 0.9 * planes
    weights |= linear("tri_plane.feature_out.0", WIDTH, HIDDEN) | linear("tri_plane.opacity.3", HIDDEN, 1)
    for i in range(n_layers):
        for part in ("w_q", "w_k", "w_v", "w_concat"):
            weights |= linear(f"transformer.layers.{i}.enc_dec_attention.{part}", WIDTH, WIDTH)
        for norm in ("norm1", "norm2"):
            weights |= {f"transformer.layers.{i}.{norm}.gamma": 1 + 0.1 * random(WIDTH),
                        f"transformer.layers.{i}.{norm}.beta": 0.1 * random(WIDTH)}  # fmt: skip
        weights |= linear(f"transformer.layers.{i}.ffn.linear1", WIDTH, HIDDEN)
        weights |= linear(f"transformer.layers.{i}.ffn.linear2", HIDDEN, WIDTH)
    for name, n_out in (("pos", 3), ("scales", 3), ("rotations", 4), ("opacity", 1), ("shs", 48)):
        weights |= linear(f"{name}_deform.1", WIDTH, HIDDEN)
        weights |= {k: 0.05 * v for k, v in linear(f"{name}_deform.3", HIDDEN, n_out).items()}
    for layer, n_in, n_out in ((0, n_audio, 32), (2, 32, 32), (4, 32, 64), (6, 64, 64)):
        weights |= convolution(f"audio_net.encoder_conv.{layer}", n_in, n_out)
    weights |= linear("audio_net.encoder_fc1.0", 64, 64) | linear("audio_net.encoder_fc1.2", 64, 32)
    for layer, (n_in, n_out) in enumerate(((32, 16), (16, 8), (8, 4), (4, 2), (2, 1))):
        weights |= convolution(f"audio_att_net.attentionConvNet.{2 * layer}", n_in, n_out)
    weights |= linear("audio_att_net.attentionNet.0", 8, 8)
    for name, n_in in (("audio_mlp", 32), ("eye_mlp", 32), ("cam_mlp", 12), ("enc_x_mlp", 32)):
        weights |= linear(f"{name}.net.0", n_in, 64, bias=False) | linear(f"{name}.net.1", 64, WIDTH, bias=False)
    weights |= linear("aud_ch_att_net.net.0", 32, 64, bias=False) | {"null_vector": random(1, 1, WIDTH)}
    return {f"deformation_net.{name}": value for name, value in weights.items()} | {"pos_poc": torch.ones(10)}


def as_published(w: dict[str, torch.Tensor], points, code, eye, camera, n_layers: int = 2) -> dict[str, torch.Tensor]:
    """The public network's offsets, written out from its description; one moment."""
    w = {name.removeprefix("deformation_net."): value for name, value in w.items()}

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))

    box = w["tri_plane.grid.aabb"]
    unit = (points - box[0]) * (2.0 / (box[1] - box[0])) - 1.0
    features = []
    for scale in range(len(RESOLUTIONS)):
        product = 1.0
        for plane, axes in enumerate(((0, 1), (0, 2), (1, 2))):
            grid = w[f"tri_plane.grid.grids.{scale}.{plane}"]
            product = product * F.grid_sample(grid, unit[:, axes][None, None], align_corners=True,
                                              padding_mode="border")[0, :, 0].t()  # fmt: skip
        features.append(product)
    x = torch.cat(features, dim=1)
    steps = 10000.0 ** (2 * (torch.arange(32) // 2) / 32)
    encoded = torch.zeros(32)
    encoded[0::2], encoded[1::2] = torch.sin(eye * steps[0::2]), torch.cos(eye * steps[1::2])
    tokens = [linear(f"{name}.net.1", torch.relu(linear(f"{name}.net.0", value)))
              for name, value in (("audio_mlp", code), ("eye_mlp", encoded), ("cam_mlp", camera))]  # fmt: skip
    tokens = torch.stack([*tokens, w["null_vector"][0, 0]])
    for i in range(n_layers):
        at = f"transformer.layers.{i}"
        q, k, v = (linear(f"{at}.enc_dec_attention.w_{n}", value).unflatten(1, (2, 32)).transpose(0, 1)
                   for n, value in (("q", x), ("k", tokens), ("v", tokens)))  # fmt: skip
        heard = (torch.softmax(q @ k.transpose(1, 2) / math.sqrt(32), dim=-1) @ v).transpose(0, 1).flatten(1)
        x = x + linear(f"{at}.enc_dec_attention.w_concat", heard)
        x = F.layer_norm(x, (WIDTH,), w[f"{at}.norm1.gamma"], w[f"{at}.norm1.beta"], 1e-12)
        x = x + linear(f"{at}.ffn.linear2", torch.relu(linear(f"{at}.ffn.linear1", x)))
        x = F.layer_norm(x, (WIDTH,), w[f"{at}.norm2.gamma"], w[f"{at}.norm2.beta"], 1e-12)
    return {name: linear(f"{name}_deform.3", torch.relu(linear(f"{name}_deform.1", torch.relu(x))))
            for name in ("pos", "scales", "rotations", "opacity", "shs")}  # fmt: skip


def write_model(folder, weights: dict[str, torch.Tensor], seed: int = 0):
    """A model folder with two iterations, of which the last one counts."""
    rng = np.random.default_rng(seed)
    unit = rng.normal(size=(N, 3))
    means = unit / np.linalg.norm(unit, axis=1, keepdims=True) * np.array([1.1, 1.5, 1.0]) + np.array([0.05, 0.1, 0.2])
    splats = Gaussians(
        *(torch.tensor(a, dtype=torch.float32) for a in (
            means, 0.3 + rng.normal(size=(N, 4)), np.exp(rng.normal(-3, 0.3, (N, 3))),
            rng.uniform(0.3, 0.99, N), 0.3 * rng.normal(size=(N, 16, 3)),
        )), sh_degree=3,
    )  # fmt: skip
    for iteration in (7000, 10000):
        place = folder / "point_cloud" / f"iteration_{iteration}"
        place.mkdir(parents=True)
        write_ply(place / "point_cloud.ply", splats, y_down=False)
        torch.save({k: v if iteration == 10000 else 0 * v for k, v in weights.items()}, place / "deformation.pth")
    return folder, splats


def write_data(folder, features: np.ndarray, file: str = "aud_ds.npy"):
    """A data folder as the public preprocessing leaves it."""
    folder.mkdir()
    rng = np.random.default_rng(3)
    euler, trans = (
        0.1 * rng.normal(size=(N_FRAMES, 3)),
        np.array([0.02, 0.1, -7.5]) + 0.1 * rng.normal(size=(N_FRAMES, 3)),
    )
    torch.save({"euler": torch.tensor(euler).float(), "trans": torch.tensor(trans).float()}, folder / "track_params.pt")
    frames = [{"img_id": i, "aud_id": i, "transform_matrix": np.eye(4).tolist()} for i in range(N_FRAMES)]
    intrinsics = {"focal_len": 110.0, "cx": SIDE / 2, "cy": SIDE / 2}
    (folder / "transforms_train.json").write_text(json.dumps(intrinsics | {"frames": frames}))
    np.save(folder / file, features.astype(np.float32))
    rows = [f"{i + 1}, {2.5 * (i % 10 == 0):.2f}" for i in range(N_FRAMES)]
    (folder / "au.csv").write_text("\n".join(["frame, AU45_r", *rows]))
    Image.new("RGB", (SIDE, SIDE), (90, 100, 120)).save(folder / "bc.jpg")
    (folder / "torso_imgs").mkdir()
    torso = np.zeros((SIDE, SIDE, 4), np.uint8)
    torso[48:] = 40, 60, 80, 255
    for i in range(N_FRAMES):
        Image.fromarray(torso).save(folder / "torso_imgs" / f"{i}.png")
    write_wav(folder / "aud.wav", toy_voice(N_FRAMES / 25 + 0.2)[0], 16_000)
    return folder


@pytest.fixture(autouse=True, scope="module")
def quick_ear():
    """New ears hear the encoder without a network and learn for a moment only."""
    kept = importing.ENCODER, importing.RELEARN_STEPS
    importing.ENCODER, importing.RELEARN_STEPS = "mel", 40
    yield
    importing.ENCODER, importing.RELEARN_STEPS = kept


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A DeepSpeech model: its folder, weights, splats, data folder and the avatar made of it."""
    folder = tmp_path_factory.mktemp("released")
    weights = public_weights()
    model, splats = write_model(folder / "model", weights)
    features = 0.5 * np.random.default_rng(1).normal(size=(N_FRAMES, 16, 29))
    data = write_data(folder / "data", features)
    with one_thread():
        list(import_released(model, data, folder / "made.avatar", "Made"))
    return model, weights, splats, data, folder / "made.avatar"


def test_an_imported_head_moves_as_the_public_network_moves_it(imported):
    """Our networks compute in our world what the public ones do in theirs; half precision then rounds a little."""
    model, weights, splats, data, path = imported
    avatar, source, released = load_avatar(path), read_released_data(data), read_released(model)
    world = importing.World.of(released)
    networks = importing._networks(released, importing._config(released), world)
    codes = released_codes(released, source.features)
    viewmats = torch.tensor(world.viewmats(source.viewmats), dtype=torch.float32)
    names = {"pos": "means", "rotations": "quats", "scales": "log_scales", "shs": "sh", "opacity": "opacity_logits"}
    for frame in (0, 11, 29):
        tracked = torch.tensor(source.viewmats[frame], dtype=torch.float32)
        camera_code = torch.cat([tracked[:3, :3].t().flatten(), tracked[:3, 3]])
        blink = torch.tensor(float(source.blinks[frame, 0]))
        wanted = as_published(weights, splats.means, codes[frame], blink, camera_code)
        with torch.no_grad():
            tokens = networks.tokens(codes[frame][None], blink.view(1, 1), view_codes(viewmats[frame : frame + 1]))
            exact, _ = networks.deformation(networks.triplane(world.ours(splats.means)), tokens)
        moment = avatar.schema.rest()
        moment.values[avatar.lip_columns] = avatar.basis.coordinates(codes[frame].numpy())
        moment["au.45"] = float(blink)
        camera = Camera(avatar.training_viewmats[frame], source.k, SIDE, SIDE)
        rounded = avatar.offsets(avatar.animate(moment), camera)
        rows = torch.from_numpy(avatar.active)
        for theirs, ours in names.items():
            scale = world.scale if ours == "means" else 1.0
            assert (scale * getattr(exact, ours)[0] - wanted[theirs]).abs().max() < 2e-5, theirs
            error = (scale * getattr(rounded, ours) - wanted[theirs][rows]).abs().max()
            assert error < 0.03 * wanted[theirs].abs().max(), theirs


def test_an_imported_camera_shows_the_same_pixels(imported):
    *_, splats, data, path = imported
    avatar, source = load_avatar(path), read_released_data(data)
    world = importing.World.of(read_released(imported[0]))
    points = splats.means.double().numpy()
    for frame in (0, 20):
        there = points @ source.viewmats[frame, :3, :3].T + source.viewmats[frame, :3, 3]
        ours = world.ours(splats.means).double().numpy() @ avatar.training_viewmats[frame][:3, :3].T
        ours = ours + avatar.training_viewmats[frame][:3, 3]
        assert np.abs(there[:, :2] / there[:, 2:] - ours[:, :2] / ours[:, 2:]).max() < 1e-4
    height = np.ptp(avatar.canonical_means.numpy()[:, 1])
    assert 0.9 < height < 1.2 and (avatar.training_viewmats[:, 2, 3] > 1).all()


def test_an_imported_avatar_talks_blinks_and_stands_before_its_room(imported):
    from tests.engine.methods.contract import driver_of, picture

    path, data = imported[4], imported[3]
    avatar = load_avatar(path)
    (data / "audio.wav").write_bytes((data / "aud.wav").read_bytes())
    driver = driver_of(avatar, data)
    rest = avatar.schema.rest().values
    assert np.abs(driver.at(0.5, DriverInputs(160.0)).values - rest).max() > 0.01
    blink = avatar.schema.rest()
    blink["au.45"] = 1.0
    assert np.abs(picture(avatar, blink.values) - picture(avatar, rest)).max() > 0
    assert avatar.manifest.background == "plate" and avatar.manifest.config["eye_pe"] == "code"
    assert picture(avatar, rest)[60, 2, :3] == pytest.approx(np.array([40, 60, 80]) / 255, abs=0.05)


def test_the_ear_of_a_model_can_be_learnt_again_from_its_voice(imported, monkeypatch):
    """What the new audio net says of the training voice comes nearer to what the model's own said."""
    released, source = read_released(imported[0]), read_released_data(imported[3])
    capture = importing.ImportedCapture(source, importing.World.of(released), "Made")
    codes = released_codes(released, source.features)
    networks = torch.nn.Module()
    losses = []
    monkeypatch.setattr(importing, "RELEARN_STEPS", 151)
    with one_thread():
        for step in importing._give_ear(networks, released, capture, codes, 0):
            losses += [step.values["loss"]] if step.values else []
    assert losses[-1] < 0.7 * losses[0]


def test_a_model_that_hears_hubert_keeps_its_audio_net_exactly(tmp_path):
    weights = public_weights(n_audio=24, n_layers=1, seed=2)
    model, _ = write_model(tmp_path / "model", weights)
    features = np.random.default_rng(1).normal(size=(N_FRAMES, 2, 24))
    data = write_data(tmp_path / "data", features, "aud_hu.npy")
    with one_thread():
        list(import_released(model, data, tmp_path / "made.avatar"))
    avatar = load_avatar(tmp_path / "made.avatar")
    codes = released_codes(read_released(model), features.astype(np.float32))
    windows = torch.tensor(features[6:14].reshape(1, 16, 24), dtype=torch.float32)  # round frame 10
    heard = avatar.audio(windows, torch.ones(1, 16))
    assert (heard[0] - codes[10]).abs().max() < 1e-5
    assert avatar.manifest.encoders == [{"name": "hubert"}] and avatar.config.n_layers == 1


def test_three_angles_turn_as_the_tracker_turns_them():
    a, b, c = 0.3, -0.2, 0.1
    x = np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    assert np.allclose(euler_rotations(np.array([[a, b, c]]))[0], x @ y @ z)


@pytest.mark.parametrize("harm", ["pickle", "nan", "shape", "missing", "short", "iteration"])
def test_a_model_that_is_not_what_it_should_be_is_one_sentence(tmp_path, harm):
    weights = public_weights(n_layers=1)
    model, _ = write_model(tmp_path / "model", weights)
    path = model / "point_cloud" / "iteration_10000" / "deformation.pth"
    if harm == "pickle":
        torch.save({"deformation_net.x": Mischief()}, path)
    elif harm == "nan":
        torch.save(weights | {"deformation_net.null_vector": torch.full((1, 1, WIDTH), torch.nan)}, path)
    elif harm == "shape":
        torch.save(weights | {"deformation_net.cam_mlp.net.0.weight": torch.zeros(64, 9)}, path)
    elif harm == "missing":
        torch.save({k: v for k, v in weights.items() if "w_k" not in k}, path)
    elif harm == "short":
        path.write_bytes(path.read_bytes()[:2000])
    else:
        model = tmp_path / "nowhere"
    data = write_data(tmp_path / "data", np.zeros((N_FRAMES, 16, 29)))
    with pytest.raises((AvatarError, DatasetError)) as error, one_thread():
        list(import_released(model, data, tmp_path / "made.avatar"))
    assert "\n" not in str(error.value) and not (tmp_path / "made.avatar").exists()


def test_a_data_folder_that_lacks_something_names_it(tmp_path):
    data = write_data(tmp_path / "data", np.zeros((N_FRAMES, 16, 29)))
    for name in ("au.csv", "aud_ds.npy", "track_params.pt", "transforms_train.json"):
        kept = (data / name).read_bytes()
        (data / name).unlink()
        with pytest.raises(DatasetError, match=name.split(".")[0][:6]):
            read_released_data(data)
        (data / name).write_bytes(kept)


class Mischief:
    def __reduce__(self):
        return print, ("this must never run",)
