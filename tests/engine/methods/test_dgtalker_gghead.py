"""GGHead's checkpoint: random weights saved in the published layout come back as the generator that made them."""

import pickle
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from engine.errors import ModelMissingError
from engine.methods.dgtalker.decoding import Decoding
from engine.methods.dgtalker.gghead import UNIT_MM, read_gghead
from engine.methods.dgtalker.network import Generator
from engine.methods.dgtalker.template import FLAME_TO_BFM, flame_template, rasterized_uv
from engine.parts.stylegan import SynthesisSize

SIZE = SynthesisSize(16, 22, n_style=24, channel_base=128, channel_max=16)
GRID = 24


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    made = Generator(SIZE, torch.zeros(1, 2)).requires_grad_(False)
    for value in made.parameters():
        value.copy_(torch.randn_like(value))
    return made


@pytest.fixture(scope="module")
def obj(tmp_path_factory):
    """A bent sheet that covers the middle of the UV square."""
    path = tmp_path_factory.mktemp("obj") / "template.obj"
    at = np.linspace(0, 1, 7)
    lines = []
    for v in at:
        lines += [f"v {u - 0.5} {v - 0.5} {0.2 * u * v}\nvt {0.2 + 0.6 * u} {0.1 + 0.7 * v}" for u in at]
    for y in range(6):
        for x in range(6):
            a, b, c, d = (n + 1 for n in (7 * y + x, 7 * y + x + 1, 7 * y + x + 8, 7 * y + x + 7))
            lines.append(f"f {a}/{a} {b}/{b} {c}/{c} {d}/{d}")
    path.write_text("\n".join(lines))
    return path


def published(generator) -> dict[str, torch.Tensor]:
    """The generator's tensors under the names of the published code."""
    state = {"backbone.mapping.w_avg": torch.arange(24.0), "backbone.mapping.fc0.weight": torch.zeros(24, 48),
             "_uv_grid": torch.zeros(1, 9, 1, 2)}  # fmt: skip
    layers = {"up": "conv0", "conv": "conv1", "to_maps": "torgb"}
    for name, value in generator.state_dict().items():
        kind, *rest = name.split(".")
        if kind == "position":
            state["_zero_conv_position." + rest[0]] = value
            continue
        block, *rest = rest[1:]
        where = f"backbone.synthesis.b{4 << int(block)}."
        if rest == ["const"]:
            state[where + "const"] = value
            continue
        tail = ".".join(rest[1:]).replace("noise", "noise_const").replace("noise_const_strength", "noise_strength")
        state[where + layers[rest[0]] + "." + tail] = value
        state[where + layers[rest[0]] + ".resample_filter"] = torch.ones(4, 4)
    return state


def pickled(state, path, **config) -> None:
    """A pickle of whole modules whose classes are gone when it is read; one of them made the persistent way."""
    home = ModuleType("elsewhere")
    sys.modules["elsewhere"] = home

    class Shelf(nn.Module):
        pass

    class Settings:
        pass

    class Persistent(nn.Module):
        def __reduce__(self):
            fields = super().__reduce__()
            return home.revive, (home.Easy(state=fields[2], module_src="raise SystemExit", class_name="Persistent"),)

    class Easy(dict):
        pass

    def revive(meta):
        raise AssertionError("nothing of the file may run")

    for made in (Shelf, Settings, Persistent, Easy, revive):
        made.__module__, made.__qualname__ = "elsewhere", made.__name__
        setattr(home, made.__name__, made)
    root = Shelf()
    for name, value in state.items():
        place = root
        *folders, leaf = name.split(".")
        for folder in folders:
            if folder not in place._modules:
                place.add_module(folder, Persistent() if folder == "backbone" else Shelf())
            place = place._modules[folder]
        if leaf.startswith(("noise_const", "resample", "w_avg", "_uv")):
            place.register_buffer(leaf, value)
        else:
            place.register_parameter(leaf, nn.Parameter(value))
    root._config = Settings()
    root._config.__dict__.update({"n_uniform_flame_vertices": GRID, "use_zero_conv_position": True} | config)
    with open(path, "wb") as file:
        pickle.dump({"G": Shelf(), "D": None, "G_ema": root, "training_set_kwargs": {}}, file)
    del sys.modules["elsewhere"]


def assert_same_maps(prior, generator) -> None:
    read = Generator(prior.synthesis, torch.from_numpy(prior.template.grid))
    read.load_state_dict(prior.weights)
    w = torch.randn(1, 24)
    with torch.no_grad():
        one, two = (g.synthesis(g.synthesis.styles(w)) for g in (generator, read))
    assert torch.equal(one, two)


def test_a_pickle_of_modules_is_read_without_running_any_of_it(generator, obj, tmp_path):
    pickled(published(generator), tmp_path / "checkpoint.pkl", position_range=0.5, scale_offset=-5)
    prior = read_gghead(tmp_path / "checkpoint.pkl", obj)
    assert_same_maps(prior, generator)
    assert torch.equal(prior.w_avg, torch.arange(24.0)) and prior.decoding == Decoding(position_range=0.5)
    assert len(prior.template) == len(flame_template(obj, 16, GRID))


def test_a_state_dict_is_read_with_weights_only(generator, obj, tmp_path):
    torch.save({"G_ema": published(generator)}, tmp_path / "state.pt")
    prior = read_gghead(tmp_path / "state.pt", obj)
    assert_same_maps(prior, generator)
    assert prior.decoding == Decoding()


def test_other_decodings_and_other_files_are_refused_in_a_sentence(generator, obj, tmp_path):
    pickled(published(generator), tmp_path / "other.pkl", use_softplus_scale_activation=True)
    with pytest.raises(ModelMissingError, match="use_softplus_scale_activation"):
        read_gghead(tmp_path / "other.pkl", obj)
    state = published(generator)
    del state["backbone.synthesis.b8.conv1.weight"]
    torch.save({"G_ema": state}, tmp_path / "less.pt")
    with pytest.raises(ModelMissingError, match="not GGHead's generator"):
        read_gghead(tmp_path / "less.pt", obj)
    (tmp_path / "noise.pkl").write_bytes(b"\x80\x04 nothing to see")
    for name in ("noise.pkl", "missing.pkl"):
        with pytest.raises(ModelMissingError, match=name):
            read_gghead(tmp_path / name, obj)


def test_a_pickle_that_calls_a_program_runs_nothing(obj, tmp_path):
    class Call:
        def __reduce__(self):
            import os

            return os.mkdir, (str(tmp_path / "made"),)

    (tmp_path / "bad.pkl").write_bytes(pickle.dumps({"G_ema": Call()}))
    with pytest.raises(ModelMissingError):
        read_gghead(tmp_path / "bad.pkl", obj)
    assert not (tmp_path / "made").exists()


def test_the_template_keeps_samples_whose_texels_are_all_on_the_surface(obj):
    template = flame_template(obj, 64, 48)
    u, v = ((template.grid.T + 1) / 2).astype(float)
    assert u.min() > 0.2 and u.max() < 0.8 and v.min() > 0.1 and v.max() < 0.8
    at, middles = np.arange(48) / 47, (np.arange(64) + 0.5) / 64
    counts = []
    for low, high in ((0.2, 0.8), (0.1, 0.8)):  # samples between the middles of the first and the last covered texel
        covered = middles[(middles >= low) & (middles <= high)]
        counts.append(((at >= covered[0]) & (at <= covered[-1])).sum())
    assert len(template) == counts[0] * counts[1] == 28 * 33
    on_sheet = np.stack([(u - 0.2) / 0.6 - 0.5, (v - 0.1) / 0.7 - 0.5], axis=1)
    flame = (template.points - FLAME_TO_BFM[:, 3]) @ np.linalg.inv(FLAME_TO_BFM[:, :3]).T
    assert np.abs(flame[:, :2] - on_sheet).max() < 0.01
    assert 372 < UNIT_MM < 374


def test_of_two_triangles_on_one_texel_the_first_counts():
    uv = np.array([[0.0, 0], [2, 0], [0, 2]])
    face_of, weights = rasterized_uv(uv, np.array([[0, 1, 2], [0, 2, 1]]), 4)
    assert (face_of == 0).all() and np.allclose(weights.sum(axis=-1), 1)
