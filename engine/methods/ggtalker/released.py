"""Models of the public GaussianAvatars code: Gaussians on a FLAME mesh, with the FLAME parameters of their film.

A trained model is `point_cloud/iteration_N/` with `point_cloud.ply` (Gaussians in their triangles' frames, each with
its triangle) and `flame_param.npz`. FLAME itself is the user's. That code adds teeth to FLAME; theirs is no mesh of
ours, so Gaussians on them are left out and counted. The head stays still in our world, as everywhere: global rotation
and translation of the film are the camera's.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from engine.errors import AvatarError, ControlError
from engine.export.ply import read_bound_ply
from engine.gaussians import Gaussians
from engine.heads.binding import Binding, bind_given, follow, quat_product, rotation_quaternions, triangle_frames
from engine.heads.flame import FlameHead, FlameParameters

PARAMETERS_FILE = "flame_param.npz"
MAX_ARRAY_BYTES = 1 << 30
WIDTHS = {"neck_pose": 3, "jaw_pose": 3, "eyes_pose": 6}
N_TEETH = 120


@dataclass(frozen=True)
class RiggedFlame:
    """A GaussianAvatars head that can be posed.

    Attributes:
        head: FLAME shaped like the person; binding: of the Gaussians to its triangles.
        local: in the triangles' frames, harmonics of degree 0 to 3.
        expressions `[T, E]`, necks, jaws `[T, 3]`, eyes `[T, 2, 3]`: of every frame of its film.
        n_left_out: Gaussians on the teeth.
    """

    head: FlameHead
    binding: Binding
    local: Gaussians
    expressions: np.ndarray
    necks: np.ndarray
    jaws: np.ndarray
    eyes: np.ndarray
    n_left_out: int

    def filmed(self, frame: int) -> FlameParameters:
        """FLAME's numbers at a frame of the film."""
        return FlameParameters(self.expressions[frame], self.jaws[frame], self.necks[frame], self.eyes[frame])

    def posed(self, parameters: FlameParameters) -> Gaussians:
        """The Gaussians of a face, in the world.

        Positions and scales are those of eq. 7. Turns are chained as in the code that the Gaussians were trained with:
        the Gaussian's own follows the triangle's, where the paper has it the other way round.
        """
        vertices = torch.from_numpy(self.head.pose_native(parameters).vertices).float()
        local, row = self.local, torch.from_numpy(self.binding.triangles).long()
        means, _, scales = follow(self.binding, vertices, local.means, local.quats, local.scales)
        _, rotations, _ = triangle_frames(vertices, torch.from_numpy(self.binding.corners))
        quats = quat_product(F.normalize(local.quats, dim=1), rotation_quaternions(rotations)[row])
        return Gaussians(means, quats, scales, local.opacities, local.colors, local.sh_degree)


def read_gaussian_avatar(splats: Path, flame: Path, parameters: Path | None = None) -> RiggedFlame:
    """Opens a GaussianAvatars model.

    Args:
        splats: its `point_cloud.ply`; flame: the user's FLAME model, of the same release.
        parameters: its `flame_param.npz`; None: beside the splats.

    Raises:
        AvatarError: if a file is missing, damaged, or of another mesh; ModelMissingError: for FLAME's own file.
    """
    local, triangles = read_bound_ply(splats)
    path = Path(parameters) if parameters else Path(splats).parent / PARAMETERS_FILE
    arrays = _read_parameters(path)
    bare = FlameHead(flame)
    n_vertices, n_faces = len(bare.vertices), len(bare.faces)
    offset = arrays["static_offset"].reshape(-1, 3)
    if len(offset) not in (n_vertices, n_vertices + N_TEETH):
        raise AvatarError(f"{path}: is of a mesh of {len(offset)} vertices, {flame} has {n_vertices}; is it FLAME's?")
    if arrays["expr"].shape[1] > bare.n_expression:
        raise AvatarError(f"{path}: {arrays['expr'].shape[1]} expressions, {flame} has {bare.n_expression}.")
    try:
        head = FlameHead(flame, arrays["shape"].ravel(), offset=offset[:n_vertices])
        on_skin = triangles < n_faces
        binding = bind_given(head.faces, triangles[on_skin], n_vertices)
    except ControlError as error:
        raise AvatarError(f"{splats}: does not fit {flame}: {error}") from error
    n_frames = len(arrays["expr"])
    expressions = np.zeros((n_frames, head.n_expression))
    expressions[:, : arrays["expr"].shape[1]] = arrays["expr"]
    return RiggedFlame(
        head, binding, local[torch.from_numpy(on_skin)], expressions, arrays["neck_pose"], arrays["jaw_pose"],
        arrays["eyes_pose"].reshape(n_frames, 2, 3), int((~on_skin).sum()),
    )  # fmt: skip


def _read_parameters(path: Path) -> dict[str, np.ndarray]:
    """The arrays that are needed, float64, each of a sound shape; sizes are known before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as packed:
            sizes = {Path(row.filename).stem: row.file_size for row in packed.infolist()}
        names = ("shape", "expr", "static_offset", *WIDTHS)
        missing = [name for name in names if name not in sizes]
        if missing:
            raise AvatarError(f"{path}: {', '.join(missing)} missing; is it the {PARAMETERS_FILE} of the model?")
        if max(sizes[name] for name in names) > MAX_ARRAY_BYTES:
            raise AvatarError(f"{path}: an array is over {MAX_ARRAY_BYTES >> 20} MB; no such model is that large.")
        with np.load(path, allow_pickle=False) as loaded:
            arrays = {name: np.asarray(loaded[name], np.float64) for name in names}
    except OSError as error:
        raise AvatarError(f"{path}: {error.strerror or error}; it lies beside the model's point_cloud.ply.") from error
    except (ValueError, zipfile.BadZipFile, EOFError, TypeError) as error:
        raise AvatarError(f"{path}: cannot be read ({error}); fetch it again.") from error
    n_frames = len(arrays["expr"]) if arrays["expr"].ndim == 2 else 0
    sound = n_frames and all(arrays[name].shape == (n_frames, width) for name, width in WIDTHS.items())
    if not sound or arrays["static_offset"].size % 3 or not all(np.isfinite(a).all() for a in arrays.values()):
        shapes = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
        raise AvatarError(f"{path}: its arrays do not fit together or hold no numbers ({shapes}); fetch it again.")
    return arrays
