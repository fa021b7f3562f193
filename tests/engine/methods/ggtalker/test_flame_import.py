"""A GaussianAvatars model in its genuine layout becomes an avatar on the user's FLAME: posed, driven, refused."""

import pickle

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from engine.__main__ import cli
from engine.audio.block import SAMPLE_RATE_HZ
from engine.audio.history import FeatureHistory
from engine.avatar import load_avatar, read_tensors, save_avatar
from engine.controls import combine
from engine.errors import AvatarError
from engine.heads.flame import FlameHead
from engine.manifest import read_manifest
from engine.methods.base import DriverInputs
from engine.methods.ggtalker.flame_import import find_splats, import_gaussian_avatar
from engine.methods.ggtalker.released import N_TEETH, PARAMETERS_FILE, read_gaussian_avatar
from engine.paths import FLAME_VARIABLE
from tests.engine.methods import contract
from tests.engine.methods.ggtalker.test_released import FIELDS, N_ON_TEETH, N, film, write_splats
from tests.flame_model import embed, layout
from tests.toy_head import toy_voice


@pytest.fixture(scope="module")
def flame(tmp_path_factory):
    """The user's FLAME, where its environment variable says."""
    arrays = layout()
    path = tmp_path_factory.mktemp("flame") / "flame2023.pkl"
    path.write_bytes(pickle.dumps({**arrays, "bs_style": "lbs", "bs_type": "lrotmin"}, protocol=2))
    embed(path.parent, arrays)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FLAME_VARIABLE, str(path))
        yield path


@pytest.fixture(scope="module")
def model(flame, tmp_path_factory):
    """A training's folder as the public code leaves it, two iterations saved."""
    folder, head, rng = tmp_path_factory.mktemp("model") / "someone", FlameHead(flame), np.random.default_rng(1)
    for iteration in (300_000, 600_000):
        where = folder / "point_cloud" / f"iteration_{iteration}"
        where.mkdir(parents=True)
        rows = rng.normal(0, 0.3, (N, len(FIELDS)))
        rows[:, -1] = rng.integers(0, len(head.faces), N)
        rows[:N_ON_TEETH, -1] = len(head.faces) + 3
        write_splats(where / "point_cloud.ply", rows)
        np.savez(where / PARAMETERS_FILE, **film(len(head.vertices), head.n_expression))
    return folder


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    out = tmp_path_factory.mktemp("imported") / "someone.avatar"
    values = [progress for progress in import_gaussian_avatar(model, out)][-1].values
    assert values["splats"] == N - N_ON_TEETH and values["left_out"] == N_ON_TEETH
    return out


@pytest.fixture
def avatar(path):
    return load_avatar(path)


def talked_at(avatar) -> np.ndarray:
    """A moment at which the voice opens the jaw, `[C]`."""
    samples, loudness = toy_voice(3.0, 2)
    history = FeatureHistory(avatar.encoders()[0].n_features, 10)
    history.extend(avatar.encoders()[0].encode(samples))
    driver = avatar.driver([history])
    driven = [driver.at(t, DriverInputs(40.0)).values for t in np.arange(0.3, 2.8, 0.1)]
    assert loudness.max() > 0.5
    return max(driven, key=lambda values: values[avatar.schema.index("jaw.open")])


def test_the_newest_iteration_is_found_from_the_file_its_folder_and_the_training(model):
    newest = model / "point_cloud" / "iteration_600000" / "point_cloud.ply"
    assert find_splats(model) == find_splats(newest.parent) == find_splats(newest) == newest
    assert find_splats(model / "point_cloud") is None


def test_the_avatar_keeps_the_promises_of_every_avatar(avatar, path, tmp_path):
    driven = talked_at(avatar)
    contract.assert_names_are_unique_and_defaults_inside_limits(avatar)
    contract.assert_neutral_changes_nothing(avatar, driven)
    contract.assert_the_number_of_splats_never_changes(avatar, driven)
    contract.assert_each_control_changes_something(avatar, driven)
    contract.assert_same_moment_same_pixels(avatar, driven)
    contract.assert_a_state_outlives_the_next(avatar, driven)
    contract.assert_a_saved_copy_renders_the_same(path, driven, tmp_path / "copy.avatar")
    for group in ("lip", "expression", "au", "pose"):
        assert len(avatar.schema.indices(group)), group


def test_at_flames_numbers_the_splats_are_those_of_the_model(avatar, model, flame):
    rigged = read_gaussian_avatar(find_splats(model), flame)
    filmed = rigged.filmed(2)
    controls = avatar.schema.rest()
    for i, value in enumerate(filmed.expression):
        controls[f"exp.{i:02d}"] = value
    for name, value in zip(("jaw.open", "jaw.turn", "jaw.tilt"), filmed.jaw, strict=True):
        controls[name] = value
    shown = avatar.deform(avatar.animate(controls), contract.front(avatar))[0]
    still = rigged.posed(type(filmed)(filmed.expression, filmed.jaw, np.zeros(3), np.zeros((2, 3))))
    assert torch.allclose(shown.means, still.means, atol=1e-4)
    assert torch.allclose(shown.scales, still.scales, rtol=2e-3)


def test_the_voice_opens_the_jaw_and_silence_does_not(avatar):
    driven = talked_at(avatar)
    assert driven[avatar.schema.index("jaw.open")] > 0.01
    history = FeatureHistory(avatar.encoders()[0].n_features, 10)
    history.extend(avatar.encoders()[0].encode(np.zeros(2 * SAMPLE_RATE_HZ, np.float32)))
    quiet = avatar.driver([history]).at(1.0, DriverInputs(40.0)).values
    assert abs(quiet[avatar.schema.index("jaw.open")]) < 0.2 * driven[avatar.schema.index("jaw.open")]
    assert np.array_equal(avatar.driver([history]).at(-3.0, DriverInputs()).values, avatar.schema.rest().values)


def test_the_common_vocabulary_reaches_flame(avatar):
    common = np.zeros(len(avatar.fit.explained))
    common[avatar.manifest.statistics["common_names"].index("jawOpen")] = 1.0
    own = avatar.schema.rest().values + avatar.fit.own_of(common)
    assert own[avatar.schema.index("jaw.open")] > 0.02
    back = avatar.fit.common_of(own - avatar.schema.column("neutral"))
    assert back[avatar.manifest.statistics["common_names"].index("jawOpen")] > 0.3
    turned = combine(avatar.schema, avatar.schema.rest().values, own)
    assert np.isfinite(turned).all()


def test_no_mesh_of_flames_is_in_the_file(path, flame):
    head = FlameHead(flame)
    sizes = {array.size for name, array in read_tensors(path).items() if name != "static_offset"}
    assert len(head.vertices) * 3 not in sizes
    assert "FLAME" in read_manifest(path).licence


def test_without_the_users_flame_one_line_says_what_is_missing(path, monkeypatch, tmp_path):
    monkeypatch.setenv(FLAME_VARIABLE, str(tmp_path / "nowhere.pkl"))
    with pytest.raises(AvatarError, match=r"nowhere\.pkl") as error:
        load_avatar(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["offsets", "sh", "binding.faces", "shape", "static_offset", "from_arkit"])
def test_a_file_that_lacks_something_or_holds_nonsense_is_refused_by_name(path, tmp_path, name):
    manifest, tensors = read_manifest(path), {n: torch.from_numpy(a) for n, a in read_tensors(path).items()}
    spoilt = tensors[name].clone()
    spoilt.view(-1)[0] = float("nan") if spoilt.is_floating_point() else 1 << 30
    for wrong in ({n: t for n, t in tensors.items() if n != name}, tensors | {name: spoilt}):
        save_avatar(tmp_path / "spoilt.avatar", manifest, wrong)
        with pytest.raises(AvatarError, match=name):
            load_avatar(tmp_path / "spoilt.avatar")


def test_the_command_imports_it_and_says_what_else_is_no_model(model, tmp_path):
    out = tmp_path / "told.avatar"
    told = CliRunner().invoke(cli, ["import", str(model), "-o", str(out), "--json"])
    assert told.exit_code == 0 and out.is_file(), told.output
    refused = CliRunner().invoke(cli, ["import", str(tmp_path), "-o", str(out), "--json"])
    assert refused.exit_code != 0


def test_teeth_of_that_code_are_counted_not_shown(path):
    assert read_manifest(path).statistics["left_out"] == N_ON_TEETH < N_TEETH
