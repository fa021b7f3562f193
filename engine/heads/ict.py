"""ICT-FaceKit behind the `HeadModel` interface, with skin, hair and clothes painted and grown in code.

Li et al., Learning Formation of Physically-Based Face Attributes, CVPR 2020. The mesh is read from the user's own
folder (MIT licence, not shipped).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

from engine.errors import ControlError
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
from engine.heads.blend import add_shapes
from engine.heads.facekit import growth
from engine.heads.facekit.kit import (
    EYES,
    FLUID,
    LASHES,
    MOUTH,
    N_IDENTITY,
    N_VERTICES,
    SKIN,
    TEETH,
    on_tongue,
    part_of,
    read_kit,
)
from engine.heads.facekit.paint import Paint
from engine.heads.occlusion import sky_share
from engine.heads.sculpt import appearance, marks, parts
from engine.heads.sculpt.fields import ramp
from engine.heads.sculpt.identity import Look
from engine.vocabulary import ARKIT_52, ARKIT_INDEX

UNITS_MM = 230.0
EYE_HEIGHT, EYE_DEPTH = 0.02, 0.24  # where the middle of the eyeballs lies in the world, head heights
GAZE_YAW_DEG, GAZE_PITCH_DEG = 28.0, 22.0
JAW_DEG = 20.0  # what jawOpen at 1 amounts to
NECK_CUT = -0.68  # skin below is hidden by the clothes, head heights
NECK_AXIS_Z = -0.115
COLLAR_HEIGHTS = (-0.70, -0.62, -0.54, -0.46, -0.38, -0.30, -0.22)
COLLAR_RADII = (0.174, 0.177, 0.196, 0.232, 0.283, 0.36, 0.60)
COLLAR_SOFT = 0.018
"""How far from the neck's axis its skin may stand at each height, and over what width it is drawn in, head heights."""
COLLAR_DROP = 0.022  # of the garment below where the house head wears it, head heights
IRIS_SHARE, PUPIL_SHARE = 0.43, 0.36
UPPER_LIP, LOWER_LIP = 62, 66  # landmarks where the lips meet
LIP_OVERLAP = 0.0015
REST_LIDS, REST_SQUINT = 0.10, 0.10  # the kit's neutral face stares
TONGUE_ROOT_Z, TONGUE_OUT = (0.06, 0.29), np.array([0.0, 0.020, 0.105])
"""The kit has no `tongueOut`: the tongue slides out over the lower teeth, its root stays."""

KINDS = {
    "skin": Kind.SKIN, "sockets": Kind.SKIN, "mouth": Kind.WET, "gums": Kind.WET, "teeth": Kind.WET,
    "eye_left": Kind.EYE_LEFT, "eye_right": Kind.EYE_RIGHT,
}  # fmt: skip


@dataclass(frozen=True)
class FaceIdentity:
    """One person of the kit: weights of its identity modes (standard deviations), look, and the resting smile."""

    name: str = "default"
    modes: tuple[float, ...] = ()
    look: Look = field(default_factory=Look)
    rest_smile: float = 0.12


class IctHead(HeadModel):
    """A head of ICT-FaceKit.

    Args:
        folder: the kit's folder, or the one that holds `FaceXModel`.
        identity: who it is; at most `N_IDENTITY` modes.
        dressed: False leaves out hair and soft shadows, which take a few seconds.

    Raises:
        ModelMissingError: when the folder does not hold the kit.
        ControlError: for more modes than the kit has.
    """

    name = "ict"
    units_mm = UNITS_MM
    expression_names = ARKIT_52
    licence = "made by the studio from ICT-FaceKit, (c) 2020 USC Institute for Creative Technologies, MIT licence"

    def __init__(self, folder: Path, identity: FaceIdentity | None = None, dressed: bool = True) -> None:
        self.identity = identity or FaceIdentity()
        self.person, self.look = self.identity.name, self.identity.look
        if len(self.identity.modes) > N_IDENTITY:
            raise ControlError(
                f"{self.person}: ICT-FaceKit has {N_IDENTITY} identity modes, not {len(self.identity.modes)}."
            )
        kit = read_kit(Path(folder))
        self._marks = kit["landmarks"]
        self._shape(kit)
        self._kit_modes = kit["identity"]
        self._dress(kit, dressed)
        self.strands = ()
        if not dressed:
            return
        skin_faces = kit["faces"][kit["faces"].max(1) < SKIN.stop]
        self.strands = growth.grow(
            self.vertices, skin_faces, self.vertices[self._marks], kit["uv"], self._ear, self.look, UNITS_MM
        )

    def pose(
        self,
        expression: Mapping[str, float] | Sequence[float] | np.ndarray | None = None,
        joints: JointAngles | None = None,
    ) -> PosedHead:
        """The head with an expression and joint angles; see `HeadModel.pose`."""
        weights, notes = expression_vector({} if expression is None else expression)
        joints = joints or JointAngles()
        weights[ARKIT_INDEX["jawOpen"]] += joints.jaw / JAW_DEG
        vertices = self.vertices.copy()
        add_shapes(vertices[:N_VERTICES], weights, self._moves)
        gazes = []
        for side, part, name, extra in zip((1, -1), EYES, ("Left", "Right"), (joints.eye_left, joints.eye_right)):
            at = {k: weights[ARKIT_INDEX[f"eyeLook{k}{name}"]] for k in ("In", "Out", "Up", "Down")}
            turn = rotation(
                GAZE_YAW_DEG * (at["Out"] - at["In"]) * side + extra[0],
                GAZE_PITCH_DEG * (at["Up"] - at["Down"]) + extra[1],
            )
            centre = self.joints["eye_" + name.lower()]
            vertices[part] = (self.vertices[part] - centre) @ turn.T + centre
            gazes.append(turn[:, 2])
        skull = np.eye(4)
        if any(joints.neck):
            skull, vertices, gazes = self._nod(vertices, gazes, joints.neck)
        eyes = tuple(self._eye(vertices, skull, k, gaze) for k, gaze in enumerate(gazes))
        return PosedHead(vertices, skull, eyes, notes)

    def landmarks(self, posed: PosedHead, order: str = "68") -> np.ndarray:
        """See `HeadModel.landmarks`. Raises ControlError for an unknown order."""
        if order == "68":
            return posed.vertices[self._marks]
        if order == "mediapipe":
            return marks.mediapipe(posed.vertices, posed.eyes, marks.ICT_TABLE)
        raise ControlError(f"{order!r} is not a landmark order; use 68 or mediapipe.")

    @property
    def n_modes(self) -> int:
        return len(self._kit_modes)

    def mode_moves(self) -> np.ndarray:
        """How MediaPipe's landmarks move for each unit of an identity mode, `[I, 478, 3]`; the eyes stay the origin."""
        posed = self.pose()
        rest = self.landmarks(posed, "mediapipe")
        out = np.zeros((self.n_modes, *rest.shape))
        for mode, move in zip(out, self._kit_modes):
            moved = posed.vertices.copy()
            centre = np.mean([move[part].mean(0) for part in EYES], axis=0)
            moved[:N_VERTICES] += (move - centre) * self._scale
            eyes = [
                replace(eye, centre=eye.centre + (move[part].mean(0) - centre) * self._scale)
                for eye, part in zip(posed.eyes, EYES)
            ]
            mode[:] = marks.mediapipe(moved, tuple(eyes), marks.ICT_TABLE) - rest
        return out

    # building

    def _shape(self, kit: dict[str, np.ndarray]) -> None:
        """Identity and resting face in the world, blendshapes, joints."""
        modes = np.zeros(N_IDENTITY)
        modes[: len(self.identity.modes)] = self.identity.modes
        raw = kit["neutral"].astype(np.float64) + np.tensordot(modes, kit["identity"].astype(np.float64), 1)
        scale = 1.0 / (raw[SKIN, 1].max() - raw[self._marks[8], 1])
        middle = np.mean([raw[part].mean(0) for part in EYES], axis=0)
        neutral = kit["neutral"].astype(np.float64)
        self._ear = growth.on_ear((neutral - middle) * scale + [0.0, EYE_HEIGHT, EYE_DEPTH])
        moves = kit["expressions"].astype(np.float32) * np.float32(scale)
        for part in EYES:
            moves[:, part] = 0  # eyeballs are turned, not bent
        self._moves, self._scale = moves, scale
        self._moves[ARKIT_INDEX["mouthClose"]] *= self._parted("jawOpen") / -self._parted("mouthClose")
        rest = (raw - middle) * scale + [0.0, EYE_HEIGHT, EYE_DEPTH]
        smile = moves[ARKIT_INDEX["mouthSmileLeft"]] + moves[ARKIT_INDEX["mouthSmileRight"]]
        rest = rest + self.identity.rest_smile * smile
        for side in ("Left", "Right"):
            blink = moves[ARKIT_INDEX["eyeBlink" + side]]
            rest = rest + REST_LIDS * blink + REST_SQUINT * moves[ARKIT_INDEX["eyeSquint" + side]]
            blink *= 1 - REST_LIDS  # so that 1 still closes the lids exactly
        rest = rest + self._seal(rest) * moves[ARKIT_INDEX["mouthClose"]]
        tongue = on_tongue(kit["uv"])
        moves[ARKIT_INDEX["tongueOut"], tongue] = ramp(*TONGUE_ROOT_Z, rest[tongue, 2])[:, None] * TONGUE_OUT
        self._rest = _into_collar(rest)
        self.joints = {
            "eye_left": _sphere_centre(rest[EYES[0]]), "eye_right": _sphere_centre(rest[EYES[1]]),
            "jaw": np.array([0.0, -0.10, 0.02]), "neck": np.array([0.0, -0.42, -0.10]),
        }  # fmt: skip
        self._radius = float(np.median(np.linalg.norm(rest[EYES[0]] - self.joints["eye_left"], axis=1)))

    def _seal(self, rest: np.ndarray) -> float:
        """How much `mouthClose` brings the resting lips together; the kit's neutral face parts them by a hair."""
        upper, lower = self._marks[UPPER_LIP], self._marks[LOWER_LIP]
        gap = rest[upper, 1] - rest[lower, 1] + LIP_OVERLAP
        return float(max(gap, 0) / -self._parted("mouthClose"))

    def _parted(self, name: str) -> float:
        """How far a shape moves the lips apart in the middle; the kit's `mouthClose` goes beyond closing `jawOpen`."""
        move = self._moves[ARKIT_INDEX[name]]
        return float(move[self._marks[UPPER_LIP], 1] - move[self._marks[LOWER_LIP], 1])

    def _dress(self, kit: dict[str, np.ndarray], with_shadows: bool) -> None:
        """Joins the head with its clothes, paints both, and says which part is which."""
        rest = self._rest
        cloth, cloth_faces, shade = parts.torso()
        chin = rest[self._marks[8], 1]
        cloth = (cloth - [0, -101.0, -26.0]) / UNITS_MM + [0.0, chin - COLLAR_DROP, NECK_AXIS_Z]
        names = part_of(kit["faces"])
        kept = ~np.isin(names, ("fluid", "lashes")) & (rest[kit["faces"]][:, :, 1].max(1) > NECK_CUT)
        faces, names = kit["faces"][kept], names[kept]
        self.vertices = np.concatenate([rest, cloth])
        self.faces = np.concatenate([faces, cloth_faces + N_VERTICES]).astype(np.int32)
        self.kinds = np.array([*(int(KINDS[n]) for n in names), *[int(Kind.CLOTH)] * len(cloth_faces)], np.int8)
        middle = rest[faces].mean(1)
        neck = (names == "skin") & (middle[:, 1] < np.minimum(chin - 0.02 + 0.6 * (0.3 - middle[:, 2]), -0.25))
        self.regions = np.where(
            np.concatenate([neck, np.ones(len(cloth_faces), bool)]), int(Region.TORSO), int(Region.HEAD)
        ).astype(np.int8)
        self.uv = np.concatenate([kit["uv"], np.zeros((len(cloth), 2), np.float32)])
        opened = self.vertices.copy()
        opened[:N_VERTICES] += 0.7 * self._moves[ARKIT_INDEX["jawOpen"]]
        sky = np.ones(N_VERTICES)
        if with_shadows:
            sky = sky_share(self.vertices, self.faces)[:N_VERTICES]
            within = slice(MOUTH.start, TEETH.stop)
            sky[within] = sky_share(opened, self.faces)[within]
        centres = [self.joints["eye_left"], self.joints["eye_right"]]
        skin = growth.to_sculpt(rest[SKIN])
        paint = Paint(rest, rest[self._marks], skin, sky, centres, self._ear, on_tongue(kit["uv"]), UNITS_MM, self.look)
        dressed = np.stack(np.broadcast_arrays(shade, 0.25, 0.12, 0.85, 0.0), 1)
        albedo = np.tile(appearance.linear(*self.look.cloth), (len(cloth), 1))
        self.materials = Materials(
            np.concatenate([paint.albedo, albedo]).astype(np.float32),
            np.concatenate([paint.params, dressed]).astype(np.float32),
            np.concatenate([paint.anchors, cloth * UNITS_MM]).astype(np.float32),
        )

    # posing

    def _eye(self, vertices: np.ndarray, skull: np.ndarray, k: int, gaze: np.ndarray) -> Eye:
        lids = vertices[self._marks[slice(42, 48) if k == 0 else slice(36, 42)], 1]
        centre = self.joints["eye_left" if k == 0 else "eye_right"] @ skull[:3, :3].T + skull[:3, 3]
        iris = appearance.pick(appearance.IRIS_COLORS, self.look.eye_color)
        return Eye(
            centre=centre, gaze=gaze, radius=self._radius, iris_radius=IRIS_SHARE * self._radius, pupil=PUPIL_SHARE,
            upper_lid_y=lids.max(), lower_lid_y=lids.min(), rim_color=iris * 0.3, inner_color=iris * 0.8,
        )  # fmt: skip

    def _nod(self, vertices: np.ndarray, gazes: list[np.ndarray], neck_deg: tuple[float, float, float]):
        turn, pivot = rotation(*neck_deg), self.joints["neck"]
        chin = self.vertices[self._marks[8], 1]
        share = np.where(self.vertices[:, 2] > 0.15, ramp(chin - 0.06, chin - 0.02, self.vertices[:, 1]),
                         ramp(chin - 0.10, chin + 0.16, self.vertices[:, 1]))  # fmt: skip
        share[MOUTH.start : LASHES.stop] = 1
        share[N_VERTICES:] = 0
        moved = (vertices - pivot) @ turn.T + pivot
        skull = np.eye(4)
        skull[:3, :3], skull[:3, 3] = turn, pivot - turn @ pivot
        return skull, vertices + share[:, None] * (moved - vertices), [turn @ gaze for gaze in gazes]


def _sphere_centre(points: np.ndarray) -> np.ndarray:
    """Centre of the sphere that fits points best (linear least squares)."""
    system = np.concatenate([2 * points, np.ones((len(points), 1))], 1)
    return np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0][:3]


def _into_collar(points: np.ndarray) -> np.ndarray:
    """Draws the neck in, smoothly from the jaw down, so that it stands inside the collar."""
    x, y, z = points.T
    radius = np.maximum(np.hypot(x, z - NECK_AXIS_Z), 1e-6)
    limit = PchipInterpolator(COLLAR_HEIGHTS, COLLAR_RADII)(np.clip(y, COLLAR_HEIGHTS[0], COLLAR_HEIGHTS[-1]))
    over = (radius - limit) / COLLAR_SOFT
    shrink = 1 - COLLAR_SOFT * np.logaddexp(0, over) / radius * ramp(COLLAR_HEIGHTS[-1], COLLAR_HEIGHTS[-2], y)
    chin = ramp(0.02, 0.12, z) * ramp(-0.56, -0.50, y)
    shrink = shrink + (1 - shrink) * chin
    return np.stack([x * shrink, y, (z - NECK_AXIS_Z) * shrink + NECK_AXIS_Z], 1)


assert FLUID.stop == LASHES.start
