"""What every head model offers, whichever mesh stands behind it: a posed mesh, its materials, strands and landmarks.

Heads live in the world of `engine.camera`: head heights, x to the person's left, y up, z out of the face.
"""

import difflib
import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import ControlError
from engine.vocabulary import ARKIT_52, ARKIT_INDEX


class Kind(enum.IntEnum):
    """What a face of the mesh is made of; the studio shades each differently."""

    SKIN = 0
    WET = 1
    EYE_LEFT = 2
    EYE_RIGHT = 3
    CLOTH = 4


class Region(enum.IntEnum):
    """Which mask a face of the mesh belongs to."""

    HEAD = 0
    TORSO = 1


@dataclass(frozen=True)
class Materials:
    """How each vertex of a head looks.

    Attributes:
        albedo: linear colour `[V, 3]`.
        params: occlusion, gloss, warmth (how far red light spreads), roughness and freckles, `[V, 5]`.
        anchors: where the skin's pattern is pinned, mm, or the point of the unit sphere for eyes, `[V, 3]`.
    """

    albedo: np.ndarray
    params: np.ndarray
    anchors: np.ndarray


@dataclass(frozen=True)
class Strands:
    """One bundle of hair drawn as soft polylines.

    Attributes:
        name: "hair", "brows" or "lashes".
        points: at rest, head heights, `[N, K, 3]`.
        shell: unit normals of the volume they form, `[N, K, 3]`.
        color: linear `[N, K, 3]`; width: head heights `[N, K]`; opacity: `[N, K]`; gloss: `[N]`.
        bound_to: vertices each point follows `[N, K, J]` with weights `[N, K, J]`; None: the skull.
        slack: how far behind the solid surface a strand may lie and still show, as a share of its depth.
    """

    name: str
    points: np.ndarray
    shell: np.ndarray
    color: np.ndarray
    width: np.ndarray
    opacity: np.ndarray
    gloss: np.ndarray
    bound_to: np.ndarray | None = None
    weights: np.ndarray | None = None
    slack: float = 0.0

    def posed(self, rest: np.ndarray, posed: np.ndarray, skull: np.ndarray) -> np.ndarray:
        """Points `[N, K, 3]` when the mesh moved from `rest` to `posed` `[V, 3]` and the skull by `skull` `[4, 4]`."""
        if self.bound_to is None and np.array_equal(skull, np.eye(4)):
            return self.points
        if self.bound_to is None:
            return self.points @ skull[:3, :3].T + skull[:3, 3]
        moved = posed - rest
        return self.points + np.einsum("nkj,nkjc->nkc", self.weights, moved[self.bound_to])


@dataclass(frozen=True)
class Eye:
    """One eyeball as the studio draws it; positions in the world, colours linear."""

    centre: np.ndarray
    gaze: np.ndarray
    radius: float
    iris_radius: float
    pupil: float
    upper_lid_y: float
    lower_lid_y: float
    rim_color: np.ndarray
    inner_color: np.ndarray
    whiteness: float = 1.0


@dataclass(frozen=True)
class PosedHead:
    """A head at one moment: vertices `[V, 3]`, the skull's movement `[4, 4]`, left and right eye, notes on clamping."""

    vertices: np.ndarray
    skull: np.ndarray
    eyes: tuple[Eye, Eye]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class JointAngles:
    """Joints beside the expression, degrees: jaw drop, neck and each eye as (yaw left, pitch up[, roll])."""

    jaw: float = 0.0
    neck: tuple[float, float, float] = (0.0, 0.0, 0.0)
    eye_left: tuple[float, float] = (0.0, 0.0)
    eye_right: tuple[float, float] = (0.0, 0.0)


class HeadModel(ABC):
    """A head with fixed topology that can be posed exactly.

    Attributes:
        name, person: the model, and who it is shaped like.
        vertices: at rest, `[V, 3]`; faces: `[F, 3]` int32; uv: `[V, 2]`; kinds, regions: `[F]` (`Kind`, `Region`).
        joints: name to pivot in the world: jaw, neck, eye_left, eye_right.
        expression_names: what `pose` understands, ARKit names first.
        licence: what a film of it says about where it comes from.
    """

    name: str
    person: str = ""
    units_mm: float
    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    kinds: np.ndarray
    regions: np.ndarray
    materials: Materials
    strands: tuple[Strands, ...]
    joints: dict[str, np.ndarray]
    expression_names: tuple[str, ...] = ARKIT_52
    licence: str = "made by the studio; no real person is shown"

    @abstractmethod
    def pose(
        self, expression: Mapping[str, float] | Sequence[float] | np.ndarray, joints: JointAngles | None = None
    ) -> PosedHead:
        """The head with an expression (names to 0..1, or a vector over `expression_names`) and joint angles."""

    def strand_points(self, strands: Strands, posed: PosedHead) -> np.ndarray:
        """Where a bundle's points are on a posed head, `[N, K, 3]`."""
        return strands.posed(self.vertices, posed.vertices, posed.skull)

    @abstractmethod
    def landmarks(self, posed: PosedHead, order: str = "68") -> np.ndarray:
        """World points `[L, 3]` of a posed head in the 68-point ("68") or MediaPipe ("mediapipe", 478) order."""


def expression_vector(
    expression: Mapping[str, float] | Sequence[float] | np.ndarray, names: tuple[str, ...] = ARKIT_52
) -> tuple[np.ndarray, tuple[str, ...]]:
    """An expression as a vector over `names` clamped to 0..1, and a note for each value that was clamped.

    Raises:
        ControlError: for an unknown name (lists the near ones), a wrong length or a value that is no number.
    """
    if isinstance(expression, Mapping):
        index = ARKIT_INDEX if names is ARKIT_52 else {name: i for i, name in enumerate(names)}
        vector = np.zeros(len(names))
        for name, value in expression.items():
            if name not in index:
                near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
                hint = f"; did you mean {', '.join(near)}?" if near else "."
                raise ControlError(f"{name!r} is not an expression of this head{hint}")
            vector[index[name]] = value
    else:
        vector = np.array(expression, dtype=np.float64)
        if vector.shape != (len(names),):
            raise ControlError(f"an expression has {len(names)} values, not {vector.shape}.")
    if not np.isfinite(vector).all():
        raise ControlError(f"{names[int(np.argmin(np.isfinite(vector)))]}: the value is not a number.")
    clamped = np.clip(vector, 0.0, 1.0)
    notes = tuple(f"{names[i]} {vector[i]:g} was clamped to {clamped[i]:g}" for i in np.nonzero(vector != clamped)[0])
    return clamped, notes


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float = 0.0) -> np.ndarray:
    """Rotation `[3, 3]` by yaw to the person's left, pitch up, roll to the person's right shoulder."""
    a, b, c = np.radians([yaw_deg, -pitch_deg, roll_deg])
    yaw = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    pitch = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    roll = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return yaw @ pitch @ roll
