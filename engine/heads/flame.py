"""FLAME behind the `HeadModel` interface: the user's own model file, posed by its blendshapes and joints.

Li et al., Learning a model of facial shape and expression from 4D scans, SIGGRAPH Asia 2017: linear shape and
expression, pose correctives, linear blend skinning over five joints (eq. 2 to 4). Its licence keeps it out of the
program.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from engine.errors import ControlError, ModelMissingError
from engine.heads.base import (
    Eye,
    HeadModel,
    JointAngles,
    Kind,
    Materials,
    PosedHead,
    Region,
    expression_vector,
    rotation,
)  # fmt: skip
from engine.heads.flame_file import read_flame
from engine.heads.sculpt import appearance
from engine.heads.sculpt.identity import Look
from engine.heads.sculpt.marks import iris
from engine.paths import FLAME_URL
from engine.vocabulary import ARKIT_52, ARKIT_INDEX

EMBEDDING_FILE = "mediapipe_landmark_embedding.npz"
"""FLAME's own file of where MediaPipe's landmarks lie on it: faces, shares and which landmarks they are."""

N_SHAPE_MOST = 300
ROOT, NECK, JAW, EYE_LEFT, EYE_RIGHT = range(5)
INTEROCULAR = 0.284  # of all heads in this world, head heights
EYE_MIDDLE = np.array([0.0, 0.02, 0.22])
GAZE_YAW_DEG, GAZE_PITCH_DEG = 28.0, 22.0
IRIS_SHARE, PUPIL_SHARE = 0.45, 0.36
N_MEDIAPIPE = 478
RIDGE = 0.004  # of a coefficient of one standard deviation, against head heights at the landmarks
JAW_SIGMA = 0.2  # radians


@dataclass(frozen=True)
class FlameParameters:
    """FLAME's own numbers for one moment: expression `[E]`; neck, jaw, left and right eye as axis-angle `[3]` each."""

    expression: np.ndarray
    jaw: np.ndarray
    neck: np.ndarray
    eyes: np.ndarray


@dataclass(frozen=True)
class _Embedding:
    """Landmarks on FLAME: their MediaPipe numbers `[L]`, vertices `[L, 3]` and shares `[L, 3]`."""

    numbers: np.ndarray
    rows: np.ndarray
    shares: np.ndarray


class FlameHead(HeadModel):
    """A head of FLAME 2020 or 2023.

    Args:
        model: the model file, `generic_model.pkl` or `flame2023.pkl`; `EMBEDDING_FILE` may lie beside it.
        shape: identity coefficients (standard deviations), up to those the file has (300).
        look: colours; FLAME has no hair, brows or teeth.
        offset: what the person's mesh adds to the model's, metres `[V, 3]`.

    Attributes:
        n_shape, n_expression: how many coefficients the file has.

    Raises:
        ModelMissingError: when the file is not such a model.
        ControlError: for more coefficients than it has, or offsets of another mesh.
    """

    name = "flame"
    person = "FLAME"
    expression_names = ARKIT_52
    licence = "made from the user's FLAME model; its licence applies"
    strands = ()

    def __init__(
        self, model: Path, shape: Sequence[float] = (), look: Look | None = None, offset: np.ndarray | None = None
    ) -> None:
        self.look = look or Look()
        arrays = read_flame(model)
        n = arrays["shapedirs"].shape[2]
        self.n_shape = N_SHAPE_MOST if n > N_SHAPE_MOST else n // 2
        self.n_expression = n - self.n_shape
        if len(shape) > self.n_shape:
            raise ControlError(f"{model}: has {self.n_shape} shape coefficients, not {len(shape)}.")
        self._arrays = arrays
        self._embedding = _read_embedding(Path(model).parent / EMBEDDING_FILE, arrays["faces"])
        self._expressions = arrays["shapedirs"][:, :, self.n_shape :]
        self._template = arrays["v_template"] + arrays["shapedirs"][:, :, : len(shape)] @ np.asarray(shape, float)
        if offset is not None:
            if np.shape(offset) != self._template.shape:
                raise ControlError(f"{model}: has {len(self._template)} vertices, the offsets are {np.shape(offset)}.")
            self._template = self._template + offset
        self._joints = arrays["J_regressor"] @ self._template
        eyes = self._joints[[EYE_LEFT, EYE_RIGHT]]
        self._scale = INTEROCULAR / max(float(np.linalg.norm(eyes[0] - eyes[1])), 1e-9)
        self._middle = eyes.mean(0)
        self.units_mm = 1000.0 / self._scale
        self.vertices = self.to_world(self._template)
        self.faces = arrays["faces"]
        self._dress()
        self._from_arkit: np.ndarray | None = None

    def to_world(self, metres: np.ndarray) -> np.ndarray:
        """FLAME's metres as head heights of the world."""
        return (metres - self._middle) * self._scale + EYE_MIDDLE

    def pose(
        self,
        expression: Mapping[str, float] | Sequence[float] | np.ndarray | None = None,
        joints: JointAngles | None = None,
    ) -> PosedHead:
        """The head with ARKit coefficients, carried over by least squares (`arkit_matrix`); see `HeadModel.pose`."""
        weights, notes = expression_vector({} if expression is None else expression)
        posed = self.pose_native(self.from_arkit(weights, joints))
        return PosedHead(posed.vertices, posed.skull, posed.eyes, notes)

    def from_arkit(self, weights: np.ndarray, joints: JointAngles | None = None) -> FlameParameters:
        """FLAME's numbers for an ARKit vector `[52]`; eyes turn by their joints."""
        joints = joints or JointAngles()
        code = np.zeros(self.n_expression + 3) if not weights.any() else weights @ self.arkit_matrix()
        eyes = []
        for side, name, extra in ((1, "Left", joints.eye_left), (-1, "Right", joints.eye_right)):
            at = {k: weights[ARKIT_INDEX[f"eyeLook{k}{name}"]] for k in ("In", "Out", "Up", "Down")}
            turn = rotation(
                GAZE_YAW_DEG * (at["Out"] - at["In"]) * side + extra[0],
                GAZE_PITCH_DEG * (at["Up"] - at["Down"]) + extra[1],
            )
            eyes.append(Rotation.from_matrix(turn).as_rotvec())
        jaw = code[self.n_expression :] + [np.radians(joints.jaw), 0.0, 0.0]
        neck = Rotation.from_matrix(rotation(*joints.neck)).as_rotvec()
        return FlameParameters(code[: self.n_expression], jaw, neck, np.array(eyes))

    def pose_native(self, parameters: FlameParameters) -> PosedHead:
        """The head by FLAME's own numbers (eq. 2 to 4)."""
        turns = Rotation.from_rotvec(
            [np.zeros(3), parameters.neck, parameters.jaw, parameters.eyes[0], parameters.eyes[1]]
        ).as_matrix()
        shaped = self._template + self._expressions @ parameters.expression
        joints = self._arrays["J_regressor"] @ shaped
        shaped = shaped + self._arrays["posedirs"] @ (turns[1:] - np.eye(3)).ravel()
        frames = [np.eye(4)]
        for joint, parent in ((NECK, ROOT), (JAW, NECK), (EYE_LEFT, NECK), (EYE_RIGHT, NECK)):
            frame = np.eye(4)
            frame[:3, :3], frame[:3, 3] = turns[joint], joints[joint] - turns[joint] @ joints[joint]
            frames.append(frames[parent] @ frame)
        frames = np.array(frames)
        blend = np.einsum("vj,jab->vab", self._arrays["weights"], frames)
        moved = np.einsum("vab,vb->va", blend[:, :3, :3], shaped) + blend[:, :3, 3]
        skull = np.eye(4)
        skull[:3, :3] = frames[NECK][:3, :3]
        origin = self.to_world(np.zeros((1, 3)))[0]
        skull[:3, 3] = frames[NECK][:3, 3] * self._scale + origin - skull[:3, :3] @ origin
        vertices = self.to_world(moved)
        eyes = tuple(self._eye(vertices, frames[joint], joints[joint], joint) for joint in (EYE_LEFT, EYE_RIGHT))
        return PosedHead(vertices, skull, eyes)

    def landmarks(self, posed: PosedHead, order: str = "mediapipe") -> np.ndarray:
        """MediaPipe's landmarks, NaN for those the embedding leaves out; see `HeadModel.landmarks`.

        Raises:
            ControlError: for another order; ModelMissingError: without the embedding.
        """
        if order != "mediapipe":
            raise ControlError(f"{order!r} is not a landmark order of FLAME heads; use mediapipe.")
        spots = self._spots()
        out = np.full((N_MEDIAPIPE, 3), np.nan)
        out[spots.numbers] = np.einsum("lk,lkc->lc", spots.shares, posed.vertices[spots.rows])
        out[468:] = np.concatenate([iris(eye) for eye in posed.eyes[::-1]])
        return out

    def arkit_matrix(self) -> np.ndarray:
        """Expression and jaw for each ARKit shape, `[52, E + 3]`: what moves FLAME's landmarks most nearly as the
        house head's move, by ridge least squares over the landmarks both have."""
        if self._from_arkit is None:
            self._from_arkit = _match_house(self)
        return self._from_arkit

    def landmark_moves(self) -> tuple[np.ndarray, np.ndarray]:
        """MediaPipe numbers `[L]`, and how those landmarks move for each unit of expression and jaw `[E + 3, L, 3]`."""
        spots = self._spots()
        shaped = np.einsum("lk,lkce->elc", spots.shares, self._expressions[spots.rows]) * self._scale
        none = FlameParameters(np.zeros(self.n_expression), np.zeros(3), np.zeros(3), np.zeros((2, 3)))
        rest, step, turned = self.landmarks(self.pose_native(none)), 0.05, []
        for axis in np.eye(3):
            posed = self.pose_native(FlameParameters(none.expression, axis * step, none.neck, none.eyes))
            turned.append((self.landmarks(posed) - rest)[spots.numbers] / step)
        return spots.numbers, np.concatenate([shaped, np.array(turned)])

    def shape_moves(self) -> np.ndarray:
        """How the landmarks of the embedding move for each unit of shape, `[S, L, 3]`."""
        spots = self._spots()
        moves = self._arrays["shapedirs"][spots.rows][..., : self.n_shape]
        return np.einsum("lk,lkcs->slc", spots.shares, moves) * self._scale

    # building

    def _spots(self) -> _Embedding:
        if self._embedding is None:
            raise ModelMissingError(
                f"{EMBEDDING_FILE} is not beside the FLAME model; fetch it from {FLAME_URL} and put it there."
            )
        return self._embedding

    def _dress(self) -> None:
        weights = self._arrays["weights"]
        of_eye = [weights[:, joint] > 0.99 for joint in (EYE_LEFT, EYE_RIGHT)]
        n_faces, n = len(self.faces), len(self.vertices)
        self.kinds = np.full(n_faces, int(Kind.SKIN), np.int8)
        tone = appearance.pick(appearance.SKIN_TONES, self.look.skin_tone)
        anchors = self.vertices * self.units_mm
        self.joints = {"neck": self.to_world(self._joints[NECK]), "jaw": self.to_world(self._joints[JAW])}
        self._radius = INTEROCULAR * 0.2
        for kind, mask, joint, name in zip((Kind.EYE_LEFT, Kind.EYE_RIGHT), of_eye, (EYE_LEFT, EYE_RIGHT),
                                           ("eye_left", "eye_right")):  # fmt: skip
            self.kinds[mask[self.faces].all(1)] = int(kind)
            self.joints[name] = self.to_world(self._joints[joint])
            out = self.vertices[mask] - self.joints[name]
            length = np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
            anchors[mask] = out / length
            if mask.any():
                self._radius = float(np.median(length))
        self.regions = np.where((weights[:, ROOT] > 0.5)[self.faces].all(1), int(Region.TORSO), int(Region.HEAD))
        self.regions = self.regions.astype(np.int8)
        params = np.tile(np.float32([0.95, 0.5, 1.0, 0.47, 0.0]), (n, 1))
        self.materials = Materials(np.tile(tone, (n, 1)).astype(np.float32), params, anchors.astype(np.float32))
        around = np.arctan2(self.vertices[:, 0], self.vertices[:, 2]) / (2 * np.pi) + 0.5
        height = self.vertices[:, 1]
        self.uv = np.stack([around, (height - height.min()) / max(np.ptp(height), 1e-9)], 1).astype(np.float32)

    def _eye(self, vertices: np.ndarray, frame: np.ndarray, joint_at: np.ndarray, joint: int) -> Eye:
        centre = self.to_world(frame[:3, :3] @ joint_at + frame[:3, 3])
        colour = appearance.pick(appearance.IRIS_COLORS, self.look.eye_color)
        return Eye(
            centre=centre, gaze=frame[:3, 2], radius=self._radius, iris_radius=IRIS_SHARE * self._radius,
            pupil=PUPIL_SHARE, upper_lid_y=centre[1] + 0.5 * self._radius, lower_lid_y=centre[1] - 0.5 * self._radius,
            rim_color=colour * 0.3, inner_color=colour * 0.8,
        )  # fmt: skip


def _match_house(head: FlameHead) -> np.ndarray:
    from engine.heads.house import HouseHead

    house = HouseHead()
    numbers, moves = head.landmark_moves()
    rest = house.landmarks(house.pose(), "mediapipe")
    wished = np.stack(
        [(house.landmarks(house.pose({name: 1.0}), "mediapipe") - rest)[numbers] for name in ARKIT_52]
    )  # [52, L, 3]
    basis = moves.reshape(len(moves), -1).T
    sigma = np.concatenate([np.ones(head.n_expression), np.full(3, JAW_SIGMA)])
    system = basis.T @ basis + np.diag((RIDGE / sigma) ** 2) * len(numbers)
    return np.linalg.solve(system, basis.T @ wished.reshape(len(wished), -1).T).T


def _read_embedding(path: Path, faces: np.ndarray) -> _Embedding | None:
    """The landmark embedding beside the model, None where there is none.

    Raises:
        ModelMissingError: when it is there and is none.
    """
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            numbers, face, shares = (arrays[k] for k in ("landmark_indices", "lmk_face_idx", "lmk_b_coords"))
        numbers, face, shares = numbers.astype(np.int64).ravel(), face.astype(np.int64).ravel(), shares.astype(float)
        if not (len(numbers) == len(face) == len(shares) and shares.shape[1:] == (3,) and np.isfinite(shares).all()):
            raise ValueError(f"{len(numbers)} landmarks, {len(face)} faces, shares {shares.shape}")
        if numbers.min() < 0 or numbers.max() >= N_MEDIAPIPE or face.min() < 0 or face.max() >= len(faces):
            raise ValueError("it names landmarks or faces that are not there")
    except (OSError, KeyError, ValueError, IndexError, EOFError) as error:
        raise ModelMissingError(f"{path}: cannot be read ({error}); fetch it from {FLAME_URL}.") from error
    return _Embedding(numbers, faces[face], shares)
