"""Splat files: out and in again, as other programs write them, and broken in every way."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plyfile import PlyData, PlyElement

from engine.camera import Camera
from engine.errors import AvatarError, OutputError
from engine.export.ply import half_turned, read_ply, write_ply
from engine.raster.cpu_render import CpuRasterizer
from tests.engine.raster.scenes import random_camera, random_gaussians


@pytest.mark.parametrize("sh_degree", [0, 1, 2, 3])
def test_out_and_in_again_is_the_same(tmp_path: Path, sh_degree: int) -> None:
    layer = random_gaussians(40, sh_degree=sh_degree)
    write_ply(tmp_path / "a.ply", layer)
    again = read_ply(tmp_path / "a.ply")
    assert again.sh_degree == sh_degree
    for name in ("means", "quats", "scales", "opacities", "colors"):
        torch.testing.assert_close(getattr(again, name), getattr(layer, name), rtol=1e-5, atol=1e-5)


def test_plain_colours_look_the_same_after_the_round_trip(tmp_path: Path) -> None:
    layer, camera = random_gaussians(100), random_camera()
    write_ply(tmp_path / "a.ply", layer)
    again = CpuRasterizer().render([read_ply(tmp_path / "a.ply")], camera)
    np.testing.assert_allclose(again.color, CpuRasterizer().render([layer], camera).color, atol=1e-3)


def test_a_half_turned_scene_looks_the_same_to_a_half_turned_camera() -> None:
    layer, camera = random_gaussians(100, sh_degree=3), random_camera()
    turned = Camera(camera.viewmat @ np.diag([1.0, -1, -1, 1]), camera.k, camera.width, camera.height)
    expected = CpuRasterizer().render([layer], camera)
    rendered = CpuRasterizer().render([half_turned(layer)], turned)
    np.testing.assert_allclose(rendered.color, expected.color, atol=5e-3)
    assert np.abs(rendered.color - expected.color).mean() < 1e-5


def test_fields_have_the_names_order_and_units_of_the_inria_format(tmp_path: Path) -> None:
    layer = random_gaussians(3, sh_degree=1)
    write_ply(tmp_path / "a.ply", layer, y_down=False)
    vertex = PlyData.read(tmp_path / "a.ply")["vertex"]
    names = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", *(f"f_rest_{i}" for i in range(9))]
    names += ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    assert [p.name for p in vertex.properties] == names
    np.testing.assert_allclose(vertex["scale_1"], layer.scales[:, 1].log(), rtol=1e-5)
    np.testing.assert_allclose(vertex["opacity"], torch.logit(layer.opacities), rtol=1e-4)
    np.testing.assert_allclose(vertex["f_rest_3"], layer.colors[:, 1, 1], rtol=1e-5)  # green, first of degree 1


def foreign(path: Path, layer, **writing) -> None:
    """As gsplat's exporter does it: no normals, and here also an extra column and a second element."""
    harmonics = layer.colors.numpy()
    columns = {name: layer.means[:, i].numpy() for i, name in enumerate("xyz")}
    columns |= {f"f_dc_{i}": harmonics[:, 0, i] for i in range(3)}
    rest = harmonics[:, 1:].transpose(0, 2, 1).reshape(len(layer), -1)
    columns |= {f"f_rest_{i}": rest[:, i] for i in range(rest.shape[1])}
    columns["opacity"] = torch.logit(layer.opacities).numpy()
    columns |= {f"scale_{i}": layer.scales[:, i].log().numpy() for i in range(3)}
    columns |= {f"rot_{i}": layer.quats[:, i].numpy() for i in range(4)}
    rows = np.empty(len(layer), dtype=[(name, "f8") for name in columns] + [("label", "u1")])
    for name, values in columns.items():
        rows[name] = values
    rows["label"] = 7
    faces = PlyElement.describe(np.zeros(2, dtype=[("a", "i4")]), "face")
    PlyData([PlyElement.describe(rows, "vertex"), faces], **writing).write(path)


@pytest.mark.parametrize("writing", [{}, {"byte_order": ">"}, {"text": True}])
def test_files_of_other_programs_open(tmp_path: Path, writing: dict) -> None:
    layer = random_gaussians(20, sh_degree=2)
    foreign(tmp_path / "a.ply", layer, **writing)
    opened = read_ply(tmp_path / "a.ply", y_down=False)
    for name in ("means", "quats", "scales", "opacities", "colors"):
        torch.testing.assert_close(getattr(opened, name), getattr(layer, name), rtol=1e-4, atol=1e-5)


def test_nothing_at_all_is_a_file_too(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", random_gaussians(0))
    assert len(read_ply(tmp_path / "a.ply")) == 0


def test_other_than_three_channels_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="not 5 channels"):
        write_ply(tmp_path / "a.ply", random_gaussians(3, n_channels=5))
    assert not list(tmp_path.iterdir())


def test_opacities_and_scales_at_their_ends_stay_finite(tmp_path: Path) -> None:
    layer = random_gaussians(2)
    layer.opacities[:], layer.scales[:] = torch.tensor([0.0, 1.0]), 0.0
    write_ply(tmp_path / "a.ply", layer)
    again = read_ply(tmp_path / "a.ply")
    assert again.means.isfinite().all() and again.scales.isfinite().all()
    torch.testing.assert_close(again.opacities, layer.opacities, atol=2e-6, rtol=0)


HEADER = (
    "ply\nformat binary_little_endian 1.0\nelement vertex {n}\n"
    + "".join(
        f"property float {name}\n"
        for name in (
            *"xyz",
            "f_dc_0",
            "f_dc_1",
            "f_dc_2",
            "opacity",
            *(f"scale_{i}" for i in range(3)),
            *(f"rot_{i}" for i in range(4)),
        )
    )
    + "end_header\n"
)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not a .ply file"),
        (b"PK\x03\x04 zip", "not a .ply file"),
        (b"ply\nformat ascii 1.0\n", "no end within 64 KB"),
        (b"ply\n" + b"comment x\n" * 10_000 + b"end_header\n", "no end within 64 KB"),
        (b"ply\n\xff\xfe\nend_header\n", "not text"),
        (b"ply\nformat binary_little_endian 1.0\nelement vertex 3\nproperty float x\nend_header\n", "no splat file"),
        (HEADER.format(n=100).encode() + bytes(56), "truncated; it promises 100 Gaussians and holds 1"),
        (HEADER.format(n=10**12).encode(), "a splat file has up to"),
        (HEADER.format(n=-5).encode(), "makes no sense"),
        (HEADER.format(n=1).replace("little", "middle").encode() + bytes(56), "none that exists"),
        (HEADER.format(n=1).replace("float y", "float x").encode() + bytes(56), "comes twice"),
        (HEADER.format(n=1).replace("float y", "list uchar int y").encode() + bytes(56), "makes no sense"),
        (HEADER.format(n=1).replace("float z", "float z\nproperty float f_rest_0").encode() + bytes(60), "1 f_rest"),
        (HEADER.format(n=2).replace("binary_little_endian", "ascii").encode() + b"1 " * 14 + b"\n1 x", "malformed"),
        (HEADER.format(n=9).replace("binary_little_endian", "ascii").encode() + b"1 " * 14, "truncated"),
        (b"ply\nformat binary_little_endian 1.0\nelement chunk 3\nproperty float min_x\nelement vertex 3\n"
         b"property uint packed_position\nend_header\n", "compressed splats cannot be opened"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "broken.ply"
    path.write_bytes(content)
    with pytest.raises(AvatarError, match=r"broken\.ply: ") as told:
        read_ply(path)
    assert sentence in str(told.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match=r"nowhere\.ply: No such file"):
        read_ply(tmp_path / "nowhere.ply")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 500), st.binary(max_size=4), st.integers(0, 600))
def test_a_damaged_file_opens_or_is_refused_but_never_crashes(tmp_path: Path, at: int, junk: bytes, cut: int) -> None:
    content = HEADER.format(n=3).encode() + np.ones(42, np.float32).tobytes()
    content = (content[:at] + junk + content[at + len(junk) :])[: len(content) - cut]
    path = tmp_path / "damaged.ply"
    path.write_bytes(content)
    try:
        opened = read_ply(path)
    except AvatarError:
        return
    assert opened.means.shape == (len(opened), 3)
