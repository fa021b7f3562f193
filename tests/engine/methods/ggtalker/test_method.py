"""GGTalker as a whole: what a training of the toy head learns, keeps and leaves alone, stage by stage."""

import numpy as np
import pytest
import torch

from engine.audio.encoders import make_encoder
from engine.audio.history import FeatureHistory
from engine.avatar import load_avatar, read_tensors, save_avatar
from engine.capture.dataset import Dataset
from engine.errors import AvatarError, TrainingError
from engine.manifest import read_manifest
from engine.methods.base import DriverInputs
from engine.methods.ggtalker import Config, begin
from engine.methods.ggtalker.training import FIT, JOINT, MAP, GGTalkerTraining
from engine.methods.ggtalker.voice_training import CHECK_EVERY
from engine.training.clip import Clip
from engine.training.trainer import TrainingRun, configured
from engine.vocabulary import ARKIT_INDEX
from tests.engine.methods import contract
from tests.toy_head import TOY_CONFIGS, make_toy_dataset, one_thread, train_toy, write_toy_fit

PLACES = {MAP: 10_000.0, FIT: 12_000.0, JOINT: 14_000.0}  # of the toy's schedule


@pytest.fixture(scope="module")
def trained(toy_dataset, tmp_path_factory):
    return train_toy(toy_dataset, tmp_path_factory.mktemp("ggtalker") / "toy.avatar", "ggtalker", encoder="mel")


@pytest.fixture
def avatar(trained):
    return load_avatar(trained)


def in_training(dataset, ear: str = "mel", n_copies: int = 1, **config) -> GGTalkerTraining:
    write_toy_fit(dataset)
    clip = Clip(Dataset(dataset), make_encoder({"name": ear}), n_copies)
    for _ in clip.load():
        pass
    return begin(clip, configured(Config(), TOY_CONFIGS["ggtalker"] | config), torch.device("cpu"))


def run_of(model: GGTalkerTraining, tmp_path) -> TrainingRun:
    return TrainingRun(model.clip, model, tmp_path / "toy.avatar", "ggtalker", torch.device("cpu"))


def test_a_training_over_a_head_that_was_not_fitted_says_how_to_fit_it(toy_bust):
    clip = Clip(Dataset(toy_bust), make_encoder({"name": "mel"}), 0)
    with pytest.raises(Exception, match="mouthpiece fit"):
        begin(clip, configured(Config(), TOY_CONFIGS["ggtalker"]), torch.device("cpu"))


def test_stages_that_do_not_rise_and_heads_that_are_none_are_refused(toy_dataset):
    for wrong, says in (({"map_until": 100}, "must rise"), ({"head": "puppet"}, "no avatar is trained on such a head")):
        with pytest.raises(TrainingError, match=says):
            in_training(toy_dataset, **wrong)


def test_the_first_stage_teaches_voice_and_speaker_and_leaves_the_encoder_and_the_picture_alone(toy_dataset, tmp_path):
    """Acceptance check 7."""
    model = in_training(toy_dataset, ear="phones")
    run, ear = run_of(model, tmp_path), model.clip.encoder._net
    before = {name: value.clone() for name, value in ear.state_dict().items()}
    speaker = model.voice.net.speakers.detach().clone()
    raw = {name: value.detach().clone() for name, value in model.splats.items()}
    with one_thread():
        for _ in range(5):
            terms = run.step(100.0)
    assert set(terms) == {"expression", "temporal", "total"}
    assert not torch.equal(model.voice.net.speakers, speaker)
    assert all(torch.equal(model.splats[name], raw[name]) for name in raw)
    assert before and all(torch.equal(value, ear.state_dict()[name]) for name, value in before.items())


def test_the_network_that_did_best_on_the_held_end_is_kept(toy_dataset):
    model = in_training(toy_dataset)
    voice = model.voice
    voice.best.see(voice.net, 0.5)
    kept = voice.net.leave.weight.detach().clone()
    with torch.no_grad():
        voice.net.leave.weight.add_(1.0)
    voice.best.see(voice.net, 0.7)
    model.enter(MAP)
    assert torch.equal(voice.net.leave.weight, kept)


def test_what_is_judged_and_kept_is_the_mean_of_the_last_steps(toy_dataset):
    voice = in_training(toy_dataset).voice
    rng, begun = np.random.default_rng(0), voice.net.leave.weight.detach().clone()
    for _ in range(CHECK_EVERY):
        voice.losses(rng)
        with torch.no_grad():
            voice.net.leave.weight.add_(0.01)
        voice.check()
    assert torch.isfinite(voice.best.loss)
    voice.keep_best()
    assert torch.allclose(voice.net.leave.weight, begun + 0.01 * (CHECK_EVERY + 1) / 2, atol=1e-5)


def test_the_map_learns_while_the_fit_holds_still_and_then_both(toy_dataset, tmp_path):
    model = in_training(toy_dataset)
    run = run_of(model, tmp_path)
    with one_thread():
        first = run.step(PLACES[MAP])["psnr"]
        for _ in range(25):
            run.step(PLACES[MAP])
        assert not model.networks["fits"].moves.any()
        last = float(np.mean([run.step(PLACES[FIT])["psnr"] for _ in range(4)]))
    assert last > first + 1.0
    assert model.networks["fits"].moves.any()


def test_a_rendered_picture_reaches_every_channel_of_the_map(toy_dataset, tmp_path):
    """Acceptance check 3."""
    model = in_training(toy_dataset)
    run = run_of(model, tmp_path)
    run.enter(MAP, PLACES[MAP])
    with torch.no_grad():  # round Gaussians do not tell how they are turned
        for value in model.splats.values():
            value.add_(0.2 * torch.randn(value.shape, generator=torch.Generator().manual_seed(0)))
    sample = model.clip.sample(5)
    image, _ = run.render(model.gaussians(sample, PLACES[MAP]), sample)
    (image - sample.target).abs().mean().backward()
    reached = torch.cat([value.grad.abs().sum(dim=0) for value in model.splats.values()])
    assert len(reached) == 14 and (reached > 0).all()
    assert (
        len(model.binding) == model.n_gaussians == int(model.binding.scattered(torch.ones(model.n_gaussians, 1)).sum())
    )


def test_a_jaw_fitted_three_degrees_wrong_moves_back(toy_dataset, tmp_path):
    """Acceptance check 10: the joint stages move the head model's numbers to where the pictures were made with them."""
    model = in_training(toy_dataset, mouth_open_every=0)
    jaw, index = ARKIT_INDEX["jawOpen"], 12
    with torch.no_grad():  # colours that change gently over the whole face tell where every part of it is
        places = model.gaussians(model.clip.sample(index), PLACES[MAP]).means
        model.splats["colors"].copy_(torch.sin(12 * places))
        truth = model.gaussians(model.clip.sample(index), PLACES[MAP])
    run = run_of(model, tmp_path)
    run.enter(FIT, PLACES[FIT])
    sample = model.clip.sample(index)
    with torch.no_grad():
        target, _ = run.render(truth, sample)
    wrong = 0.15  # of jawOpen, which turns the jaw by 20 degrees
    model.expression[index, jaw] += wrong
    optimizer = torch.optim.Adam(model.networks["fits"].parameters(), lr=5e-3)
    with one_thread():
        for _ in range(60):
            image, _ = run.render(model.gaussians(sample, PLACES[FIT]), sample)
            optimizer.zero_grad()
            (image - target).abs().mean().backward()
            optimizer.step()
    left = float(model.coefficients(index)[jaw].detach() - (model.expression[index, jaw] - wrong))
    assert abs(left) < 0.5 * wrong


def test_colours_change_colours_only(avatar, toy_dataset):
    """Acceptance check 8, of the avatar."""
    driven = contract.controls(avatar, contract.driven_moment(avatar, toy_dataset))
    with torch.no_grad():
        avatar.colors.last.weight.add_(0.1)
    avatar._colored = torch.arange(len(avatar.harmonics))
    avatar._still = avatar.colors.still(avatar.harmonics)
    camera = contract.front(avatar)
    on, off = (avatar.deform(avatar.animate(driven, {"colors": c}), camera)[0] for c in (True, False))
    for name in ("means", "quats", "scales", "opacities"):
        assert torch.equal(getattr(on, name), getattr(off, name)), name
    assert not torch.equal(on.colors, off.colors)


def test_only_colours_that_change_visibly_are_worked_out_alive_and_look_as_in_training(toy_dataset, tmp_path):
    model = in_training(toy_dataset)
    model.enter(JOINT)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        net = model.networks["colors"]
        net.codes.normal_(generator=generator)
        net.codes[::2] = 0
        net.last.weight.normal_(0, 0.05, generator=generator)
        net.first.weight[:, 19:] *= 0.2
    finished = model.finish(torch.from_numpy(model.clip.tracks["viewmats"][: model.clip.n_train]))
    save_avatar(tmp_path / "colours.avatar", finished.manifest, finished.tensors)
    avatar = load_avatar(tmp_path / "colours.avatar")
    controls, index = avatar.schema.rest(), 9
    for name, value in zip(model.head.face.names, model.coefficients(index).detach(), strict=True):
        controls[name] = float(value)
    with torch.no_grad():
        trained = model.gaussians(model.clip.sample(index), PLACES[JOINT]).colors[:, 0]
    shown = avatar.animate(controls).colors
    assert (shown - (0.5 + 0.28209479 * trained).clamp(min=0)).abs().max() < 2 / 255


def test_the_rim_is_mended_only_where_the_film_stands_behind_and_nothing_far_from_the_head_changes(avatar):
    rest = avatar.schema.rest()
    camera = contract.front(avatar, 96)
    from engine.training.thumbnail import rendered_layers

    rendered = rendered_layers(avatar.deform(avatar.animate(rest), camera), camera)
    with torch.no_grad():
        avatar.inpainter.last.bias[:3] = 0.2
    mended, plain = (avatar.compose(rendered, rest, camera, 0.0, None, {"inpainter": on}) for on in (True, False))
    assert np.abs(mended - plain)[rendered.alpha > 0.9, :3].mean() > 0.05
    behind = avatar.backdrop.behind(camera)
    assert np.array_equal(mended[0, 0, :3], np.clip(behind[0, 0], 0, 1))
    grey = np.full(3, 0.5, np.float32)
    over = [avatar.compose(rendered, rest, camera, 0.0, grey, {"inpainter": on}) for on in (True, False)]
    assert np.array_equal(*over)


def test_a_blink_closes_the_lids_as_far_as_the_more_closed_of_voice_and_user(avatar):
    lids = [avatar.schema.index(f"eyeBlink{side}") for side in ("Left", "Right")]
    controls = avatar.schema.rest()
    controls.values[lids] = 0.6, 0.1
    controls["au.45"] = 0.4
    assert np.allclose(avatar.coefficients(controls)[[ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]],
                       [0.6, 0.4])  # fmt: skip


def test_the_jaws_gain_scales_voice_and_slider_alike(avatar):
    controls = avatar.schema.rest()
    controls["jawOpen"], controls["jaw.gain"] = 0.4, 0.5
    assert avatar.coefficients(controls)[ARKIT_INDEX["jawOpen"]] == pytest.approx(0.2)


def test_eyeballs_turn_with_the_gaze_and_nothing_else_does(avatar):
    controls = avatar.schema.rest()
    before = avatar.animate(controls).means
    controls["eyeLookOutLeft"] = 1.0
    moved = (avatar.animate(controls).means - before).norm(dim=1) > 1e-4
    assert 0 < int(moved.sum()) < 0.2 * len(moved)


# the driver


def history_of(avatar, seconds: float, seed: int = 0) -> FeatureHistory:
    from engine.audio.block import FEATURE_RATE_HZ, Features

    rng = np.random.default_rng(seed)
    n, width = int(seconds * FEATURE_RATE_HZ), avatar.encoders()[0].n_features
    history = FeatureHistory(width, seconds + 1)
    history.extend(Features(np.arange(n) / FEATURE_RATE_HZ, rng.normal(size=(n, width)).astype(np.float32)))
    return history


def driven(driver, times, dial_ms: float, **settings) -> np.ndarray:
    return np.stack([driver.at(float(t), DriverInputs(dial_ms, settings)).values for t in times])


def test_the_same_sound_gives_the_same_drive_however_it_is_asked_for_and_worked_ahead(avatar):
    history, times = history_of(avatar, 3.0), np.arange(0.1, 2.0, 0.0167)
    plain, ahead = avatar.driver([history]), avatar.driver([history])
    first = driven(plain, times, 160.0)
    second = []
    for t in times:
        ahead.advance(0.1)
        second.append(driven(ahead, [t], 160.0)[0])
    assert np.array_equal(first, np.stack(second))


@pytest.mark.parametrize("dial_ms", [0.0, 20.0, 40.0, 80.0, 160.0, 240.0])
def test_nothing_beyond_the_dial_is_heard_at_any_setting(avatar, dial_ms):
    from engine.audio.block import Features

    whole, at = history_of(avatar, 3.0), 1.23
    heard_until = at + dial_ms * 1e-3
    values, _ = whole.window(0.0, 150)
    n = int(np.floor(heard_until * 50 + 1e-6))
    cut = FeatureHistory(whole.n_features, 4.0)
    cut.extend(Features(np.arange(n) / 50, values[:n]))
    times = np.arange(0.1, at, 0.04).tolist() + [at]
    assert np.array_equal(driven(avatar.driver([whole]), times, dial_ms), driven(avatar.driver([cut]), times, dial_ms))


def test_below_one_frame_of_dial_a_frame_is_shown_at_its_own_moment_and_the_way_to_it_is_as_long_as_the_dial(avatar):
    frames = np.arange(6, 24) / 25
    history = history_of(avatar, 2.0)
    at_once, half, smooth = (driven(avatar.driver([history]), frames, dial_ms) for dial_ms in (0.0, 20.0, 40.0))
    assert np.array_equal(at_once, smooth) and np.array_equal(half, smooth) and np.ptp(smooth, axis=0).max() > 0
    later = frames[:-1] + 0.03
    held, begun, linear = (driven(avatar.driver([history]), later, dial_ms) for dial_ms in (0.0, 20.0, 40.0))
    assert np.array_equal(held, smooth[:-1])
    before, after = smooth[:-1], smooth[1:]
    low, high = (avatar.schema.column(side) for side in ("minimum", "maximum"))
    free = ((low < before) & (before < high) & (low < after) & (after < high))[:, avatar.heard_columns]
    assert free.any()
    for made, part in ((begun, 0.5), (linear, 0.75)):
        off = (made - (1 - part) * before - part * after)[:, avatar.heard_columns]
        assert np.abs(off[free]).max() < 1e-5


def test_settings_of_the_sampling_change_the_drive_and_nonsense_is_the_default(avatar):
    history, times = history_of(avatar, 2.0), [0.5, 0.9]
    plain = driven(avatar.driver([history]), times, 80.0)
    for setting in ({"seed": "1"}, {"guidance": "4"}, {"steps": "8"}):
        assert not np.array_equal(driven(avatar.driver([history]), times, 80.0, **setting), plain), setting
    nonsense = driven(avatar.driver([history]), times, 80.0, seed="many", guidance=None, steps=-3)
    assert np.array_equal(nonsense, plain)


def test_without_sound_or_before_it_the_face_rests_and_after_it_the_last_motion_is_held(avatar):
    rest = avatar.schema.rest().values
    driver = avatar.driver([FeatureHistory(avatar.encoders()[0].n_features, 4.0)])
    driver.advance(1.0)
    assert np.array_equal(driven(driver, [0.0, 1.0], 40.0), np.stack([rest, rest]))
    driver = avatar.driver([history_of(avatar, 1.0)])
    made = driven(driver, [-1.0, 0.9, 1.4, 1.6], 40.0)
    assert np.array_equal(made[0], rest) and not np.array_equal(made[1], rest)
    assert np.array_equal(made[2], made[3])


def test_a_dial_that_is_turned_goes_on_from_the_motion_that_was_given(avatar):
    driver = avatar.driver([history_of(avatar, 4.0)])
    times = np.arange(0.1, 2.4, 0.04)
    dials = np.where(times < 1.2, 0.0, 160.0)
    made = np.stack([driver.at(t, DriverInputs(d)).values for t, d in zip(times, dials, strict=True)])
    speed = np.abs(np.diff(made[:, avatar.heard_columns], axis=0)).max(axis=1)
    turned = int(np.argmin(np.abs(times - 1.2)))
    assert speed[turned - 1 : turned + 2].max() <= max(speed.max(), 1e-9)
    assert np.isfinite(made).all()


def test_a_jump_of_the_sound_begins_afresh_at_once(avatar):
    driver = avatar.driver([history_of(avatar, 60.0)])
    driven(driver, [0.5], 40.0)
    far = driven(driver, [50.0], 40.0)
    assert driver._first >= 50 / 0.04 - 60
    assert not np.array_equal(far[0], avatar.schema.rest().values)
    assert np.array_equal(driven(driver, [0.5], 40.0), driven(avatar.driver([history_of(avatar, 60.0)]), [0.5], 40.0))


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_voice_of_half_a_minute_moves_the_jaw_of_what_was_not_heard(tmp_path):
    """Acceptance check 6, of the driver, live and with sound ahead."""
    dataset = make_toy_dataset(tmp_path / "talk.dataset", 32, 825, "plate", n=200)
    model = in_training(dataset, n_copies=Config().sound_variants, width=64, n_layers=4, n_positions=40, history=12,
                        voice_batch=16, rate_voice=2e-3, live_steps=8, n_hidden=128)  # fmt: skip
    rng = np.random.default_rng(0)
    optimizer = torch.optim.Adam(model.voice.net.parameters())
    with one_thread():
        for step in range(2000):
            optimizer.param_groups[0]["lr"] = model.voice.rate(step / 2000 * model.config.voice_until)
            optimizer.zero_grad()
            sum(model.voice.losses(rng).values()).backward()
            optimizer.step()
            model.voice.check()
        finished = model.finish(torch.from_numpy(model.clip.tracks["viewmats"][: model.clip.n_train]))
    save_avatar(tmp_path / "talk.avatar", finished.manifest, finished.tensors)
    avatar = load_avatar(tmp_path / "talk.avatar")
    info, tracks = model.clip.info, model.clip.tracks
    ids = np.arange(info.n_train, info.n_frames - 10)
    truth, jaw = tracks["arkit"][ids, ARKIT_INDEX["jawOpen"]], avatar.schema.index("jawOpen")
    for dial_ms, least in ((0.0, 0.7), (160.0, 0.8)):
        made = driven(contract.driver_of(avatar, dataset), tracks["times"][ids], dial_ms)[:, jaw]
        r = np.corrcoef(made, truth)[0, 1]
        assert r > least, (dial_ms, r)


# the file


@pytest.fixture
def parts(trained):
    return read_manifest(trained), {name: torch.from_numpy(a) for name, a in read_tensors(trained).items()}


@pytest.mark.parametrize("name", ["face.rest", "face.moves", "face.eyes", "binding.corners", "binding.triangles",
                                  "offsets", "harmonics", "unheard", "network.voice.leave.weight",
                                  "network.colors.codes", "network.inpainter.last.weight", "hull.low"])  # fmt: skip
def test_a_file_that_lacks_something_or_holds_nonsense_is_refused_by_name(parts, tmp_path, name):
    manifest, tensors = parts
    path = tmp_path / "spoilt.avatar"
    save_avatar(path, manifest, {n: t for n, t in tensors.items() if n != name})
    with pytest.raises(AvatarError, match="eyes" if name == "face.eyes" else name):
        load_avatar(path)
    spoilt = tensors[name].clone()
    spoilt.view(-1)[0] = float("nan") if spoilt.is_floating_point() else 100
    if name.startswith("binding"):
        spoilt.view(-1)[0] = 1 << 30
    save_avatar(path, manifest, tensors | {name: spoilt})
    with pytest.raises(AvatarError, match="eyes" if name == "face.eyes" else name):
        load_avatar(path)


@pytest.mark.parametrize("change", [
    {"side": 0}, {"side": "wide"}, {"history": 24}, {"names": []}, {"heard": ["x"]}, {"n_vertices": 1 << 40},
    {"n_triangles": -1}, {"n_steps": 1e300}, {"unknown": 1}, {"inpainter_shrink": 0}, {"voice": None}, {"voice": {}},
    {"voice": {"width": 1 << 30}}, {"voice": {"width": 30, "n_heads": 7}}, {"voice": {"n_layers": "many"}},
])  # fmt: skip
def test_sizes_that_make_no_sense_are_refused(parts, tmp_path, change):
    manifest, tensors = parts
    path = tmp_path / "sizes.avatar"
    save_avatar(path, manifest.model_copy(update={"config": manifest.config | change}), tensors)
    with pytest.raises(AvatarError):
        load_avatar(path)


def test_the_manifest_says_what_the_avatar_was_made_with(trained):
    manifest = read_manifest(trained)
    assert manifest.statistics["head"] == "house" and "this film alone" in manifest.statistics["priors"]
    assert {s.name for s in manifest.settings} == {
        "guidance",
        "steps",
        "seed",
        "variety",
        "colors",
        "inpainter",
        "overlay",
    }
    assert manifest.n_gaussians == len(read_tensors(trained)["offsets"])
