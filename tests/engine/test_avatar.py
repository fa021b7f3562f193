"""Avatar files: small, the same after a round trip, and hostile ones refused in one sentence."""

import json
import struct

import numpy as np
import pytest
import torch

from engine.avatar import load_avatar, read_tensors, save_avatar
from engine.errors import AvatarError, OutputError
from engine.manifest import read_manifest
from tests.engine.methods.contract import assert_a_saved_copy_renders_the_same


@pytest.fixture
def parts(toy_avatar):
    """Manifest and tensors of a good file, to be spoilt."""
    return read_manifest(toy_avatar), {name: torch.from_numpy(a) for name, a in read_tensors(toy_avatar).items()}


def assert_one_sentence(error: pytest.ExceptionInfo, path) -> None:
    text = str(error.value)
    assert str(path) in text and "\n" not in text and len(text) < 400


def refused(path) -> pytest.ExceptionInfo:
    with pytest.raises(AvatarError) as error:
        load_avatar(path)
    assert_one_sentence(error, path)
    return error


def test_a_bust_renders_the_same_after_a_round_trip(toy_bust_avatar, tmp_path):
    avatar = load_avatar(toy_bust_avatar)
    assert avatar.backdrop is None
    values = avatar.schema.rest().values
    values[0] = 1.5
    assert_a_saved_copy_renders_the_same(toy_bust_avatar, values, tmp_path / "copy.avatar")


def test_a_file_of_thirty_thousand_splats_stays_under_twelve_megabytes(parts, tmp_path):
    manifest, tensors = parts
    n = manifest.n_gaussians
    grown = {
        name: t.repeat(30_000 // n + 1, *[1] * (t.dim() - 1))[:30_000].contiguous() if t.dim() and len(t) == n else t
        for name, t in tensors.items()
    }
    path = tmp_path / "large.avatar"
    save_avatar(path, manifest.model_copy(update={"n_gaussians": 30_000}), grown)
    assert path.stat().st_size < 12e6
    assert len(load_avatar(path).canonical_means) == 30_000


def test_the_file_carries_what_later_parts_need(parts):
    manifest, tensors = parts
    n_controls = len(manifest.schema)
    assert tensors["fit.to_common"].shape[0] == n_controls + 1 == tensors["fit.from_common"].shape[1] + 1
    assert {"hull.mean", "hull.whitening", "motion_range", "pose_weights", "active", "basis.sigma"} <= set(tensors)
    assert sum(map(sum, manifest.coverage["frames"])) == manifest.statistics["n_train"]
    assert manifest.thumbnail and manifest.provenance["iterations"] and manifest.encoders[0]["name"] == "phones"


@pytest.mark.parametrize("part", [0.0, 1e-4, 0.02, 0.5, 0.999])
def test_a_truncated_file_is_refused(toy_avatar, tmp_path, part):
    path = tmp_path / "cut.avatar"
    whole = toy_avatar.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    refused(path)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04" + bytes(64), b"\x80\x04\x95" + bytes(64), bytes(4096), b"\xff" * 64]
)
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "foreign.avatar"
    path.write_bytes(content)
    refused(path)


def test_another_safetensors_file_is_refused(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "weights.avatar"
    save_file({"a": torch.zeros(3)}, path)
    assert "is not a Mouthpiece avatar" in str(refused(path).value)


def test_a_missing_file_is_refused(tmp_path):
    refused(tmp_path / "nowhere.avatar")


@pytest.mark.parametrize("name", ["means", "quats", "opacity_logits", "sh", "embeddings", "network.deform.trunk.weight",
                                  "basis.directions", "hull.radius", "fit.to_common", "backdrop.viewmats"])  # fmt: skip
def test_nan_in_any_tensor_is_refused(parts, tmp_path, name):
    manifest, tensors = parts
    spoilt = tensors[name].clone()
    spoilt.view(-1)[-1] = float("nan")
    path = tmp_path / "nan.avatar"
    save_avatar(path, manifest, tensors | {name: spoilt})
    error = refused(path)
    assert name in str(error.value) and "NaN" in str(error.value)


@pytest.mark.parametrize("name", ["means", "sh", "active", "network.audio.attention.linear.weight", "basis.rest"])
def test_a_missing_tensor_is_refused(parts, tmp_path, name):
    manifest, tensors = parts
    path = tmp_path / "short.avatar"
    save_avatar(path, manifest, {n: t for n, t in tensors.items() if n != name})
    assert name in str(refused(path).value)


def test_a_tensor_of_another_shape_is_refused(parts, tmp_path):
    manifest, tensors = parts
    path = tmp_path / "shape.avatar"
    save_avatar(path, manifest, tensors | {"quats": tensors["quats"][:, :3].contiguous()})
    assert "'quats'" in str(refused(path).value)


def test_rows_that_are_not_there_are_refused(parts, tmp_path):
    manifest, tensors = parts
    path = tmp_path / "rows.avatar"
    save_avatar(path, manifest, tensors | {"active": tensors["active"] + manifest.n_gaussians})
    assert "'active'" in str(refused(path).value)


@pytest.mark.parametrize(
    "change",
    [
        {"n_gaussians": 10**12}, {"n_gaussians": -1}, {"n_gaussians": 1}, {"version": 99}, {"method": "../os"},
        {"sh_degree": 7}, {"background": "hologram"}, {"encoders": []},
        {"config": {}}, {"camera": {}}, {"settings_rows": [{"x": 1}]}, {"schema_rows": []},
    ],
)  # fmt: skip
def test_a_manifest_that_lies_is_refused(parts, tmp_path, change):
    manifest, tensors = parts
    path = tmp_path / "lies.avatar"
    save_avatar(path, manifest.model_copy(update=change), tensors)
    refused(path)


def test_widths_beyond_reason_are_refused_before_anything_is_built(parts, tmp_path):
    manifest, tensors = parts
    path = tmp_path / "wide.avatar"
    config = manifest.config | {"n_hidden": 10**9}
    save_avatar(path, manifest.model_copy(update={"config": config}), tensors)
    refused(path)


def test_a_header_that_promises_more_than_the_file_holds_is_refused(toy_avatar, tmp_path):
    whole = toy_avatar.read_bytes()
    n_header = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8 : 8 + n_header])
    header["means"]["shape"] = [2**40, 3]
    text = json.dumps(header).encode()
    path = tmp_path / "promise.avatar"
    path.write_bytes(struct.pack("<Q", len(text)) + text + whole[8 + n_header :])
    refused(path)


def test_an_unwritable_place_leaves_nothing_behind(parts, tmp_path):
    with pytest.raises(OutputError):
        save_avatar(tmp_path / "no" / "such" / "folder.avatar", *parts)
    assert list(tmp_path.iterdir()) == []


def test_the_picture_of_itself_shows_the_face(parts):
    import base64
    import io

    from PIL import Image

    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(parts[0].thumbnail))))
    assert picture.shape == (256, 256, 4)
    assert np.ptp(picture[128, 128, :3].astype(int)) > 30  # skin, not grey
