"""Models in the layout of GaussianAvatars, on a small head in FLAME's layout: posed, and refused where damaged."""

import pickle

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from engine.errors import AvatarError
from engine.heads.binding import triangle_frames
from engine.heads.flame import FlameHead, FlameParameters
from engine.methods.ggtalker.released import N_TEETH, PARAMETERS_FILE, read_gaussian_avatar
from engine.raster.reference import rotation_matrices
from tests.flame_model import layout

N, N_ON_TEETH, T = 200, 15, 5
FIELDS = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2",
          "rot_0", "rot_1", "rot_2", "rot_3", "binding_0"]  # fmt: skip


@pytest.fixture(scope="module")
def flame(tmp_path_factory):
    path = tmp_path_factory.mktemp("flame") / "flame2023.pkl"
    path.write_bytes(pickle.dumps({**layout(), "bs_style": "lbs", "bs_type": "lrotmin"}, protocol=2))
    return path


def film(n_vertices: int, n_expression: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    return {
        "shape": rng.normal(size=10), "expr": rng.normal(size=(T, n_expression)),
        "neck_pose": rng.normal(0, 0.1, (T, 3)), "jaw_pose": rng.normal(0, 0.1, (T, 3)),
        "eyes_pose": rng.normal(0, 0.1, (T, 6)), "rotation": np.zeros((T, 3)), "translation": np.zeros((T, 3)),
        "static_offset": rng.normal(0, 1e-3, (1, n_vertices + N_TEETH, 3)),
    }  # fmt: skip


def write_splats(path, rows: np.ndarray, fields=FIELDS) -> None:
    table = np.zeros(len(rows), dtype=[(name, "<f4") for name in fields])
    for k, name in enumerate(fields):
        table[name] = rows[:, k]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(rows)}"]
    header += [f"property float {name}" for name in fields] + ["end_header\n"]
    path.write_bytes("\n".join(header).encode() + table.tobytes())


@pytest.fixture
def model(tmp_path, flame):
    """A model as published: some Gaussians on the skin, some on teeth that FLAME has not."""
    head = FlameHead(flame)
    rng = np.random.default_rng(1)
    rows = rng.normal(0, 0.3, (N, len(FIELDS)))
    rows[:, -1] = rng.integers(0, len(head.faces), N)
    rows[:N_ON_TEETH, -1] = len(head.faces) + rng.integers(0, 168, N_ON_TEETH)
    write_splats(tmp_path / "point_cloud.ply", rows)
    np.savez(tmp_path / PARAMETERS_FILE, **film(len(head.vertices), head.n_expression))
    return tmp_path / "point_cloud.ply", rows


def test_gaussians_lie_where_their_triangles_are_at_a_frame_of_the_film(model, flame):
    path, rows = model
    avatar = read_gaussian_avatar(path, flame)
    assert avatar.n_left_out == N_ON_TEETH and len(avatar.local) == N - N_ON_TEETH
    shown = avatar.posed(avatar.filmed(3))
    arrays = dict(np.load(path.parent / PARAMETERS_FILE))
    head = FlameHead(flame, arrays["shape"], offset=arrays["static_offset"][0, :-N_TEETH])
    moment = FlameParameters(arrays["expr"][3], arrays["jaw_pose"][3], arrays["neck_pose"][3],
                             arrays["eyes_pose"][3].reshape(2, 3))  # fmt: skip
    vertices = torch.from_numpy(head.pose_native(moment).vertices)
    rows = torch.from_numpy(rows[N_ON_TEETH:])
    centre, turn, size = triangle_frames(vertices, torch.from_numpy(head.faces)[rows[:, -1].long()])
    means = size[:, None] * torch.einsum("nij,nj->ni", turn, rows[:, :3]) + centre
    assert torch.allclose(shown.means.double(), means, atol=1e-5)
    assert torch.allclose(shown.scales.double(), size[:, None] * rows[:, 10:13].exp(), atol=1e-5)
    own = torch.from_numpy(Rotation.from_quat(rows[:, [14, 15, 16, 13]].numpy()).as_matrix())
    assert torch.allclose(rotation_matrices(shown.quats.double()), own @ turn, atol=1e-3)


def test_the_jaw_moves_gaussians_below_it_and_leaves_the_skull(model, flame):
    avatar = read_gaussian_avatar(model[0], flame)
    rest = FlameParameters(np.zeros(avatar.head.n_expression), np.zeros(3), np.zeros(3), np.zeros((2, 3)))
    opened = FlameParameters(rest.expression, np.array([0.3, 0, 0]), rest.neck, rest.eyes)
    moved = (avatar.posed(opened).means - avatar.posed(rest).means).norm(dim=1)
    assert moved.max() > 0.02 and moved.median() < 0.25 * moved.max()


def test_a_splat_file_without_triangles_or_with_nonsense_is_refused(model, flame):
    path, rows = model
    write_splats(path, rows[:, :-1], FIELDS[:-1])
    with pytest.raises(AvatarError, match="names no triangles"):
        read_gaussian_avatar(path, flame)
    for wrong in (np.nan, 1.5, -2.0):
        rows[3, -1] = wrong
        write_splats(path, rows)
        with pytest.raises(AvatarError, match="no triangles"):
            read_gaussian_avatar(path, flame)


@pytest.mark.parametrize(("change", "says"), [
    ({"static_offset": np.zeros((1, 77, 3))}, "77 vertices"),
    ({"jaw_pose": np.zeros((T + 1, 3))}, "do not fit together"),
    ({"expr": np.full((T, 4), np.nan)}, "do not fit together"),
    ({"expr": np.zeros((T, 999))}, "999 expressions"),
    ({"shape": np.zeros(5000)}, "does not fit"),
    ({"neck_pose": np.array([None, {}], dtype=object)}, "cannot be read"),
    ({"eyes_pose": None}, "eyes_pose missing"),
])  # fmt: skip
def test_parameters_that_are_damaged_or_of_another_mesh_are_refused(model, flame, change, says):
    path, _ = model
    arrays = dict(np.load(path.parent / PARAMETERS_FILE))
    arrays |= change
    np.savez(path.parent / PARAMETERS_FILE, **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(AvatarError, match=says):
        read_gaussian_avatar(path, flame)


def test_missing_or_truncated_parameters_say_where_they_belong(model, flame):
    beside = model[0].parent / PARAMETERS_FILE
    beside.write_bytes(beside.read_bytes()[:300])
    with pytest.raises(AvatarError, match="cannot be read"):
        read_gaussian_avatar(model[0], flame)
    beside.unlink()
    with pytest.raises(AvatarError, match="beside the model"):
        read_gaussian_avatar(model[0], flame)
