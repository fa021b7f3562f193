"""The house head: a face built wholly in code, with all 52 ARKit shapes, its identities and its hair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.spatial import cKDTree

from engine.errors import ControlError
from engine.heads.base import (
    Eye,
    HeadModel,
    JointAngles,
    Kind,
    Materials,
    PosedHead,
    Region,
    Strands,
    expression_vector,
    rotation,
)  # fmt: skip
from engine.heads.blend import add_shapes
from engine.heads.sculpt import appearance, atlas, lashes, marks, parts
from engine.heads.sculpt.appearance import Paint, pick
from engine.heads.sculpt.brows import brows
from engine.heads.sculpt.curves import N_EYE
from engine.heads.sculpt.expressions import JAW_FORWARD_MM, JAW_JOINT, JAW_OPEN_DEG, JAW_SLIDE_MM, expressions
from engine.heads.sculpt.fields import Fields
from engine.heads.sculpt.hair import STYLES
from engine.heads.sculpt.identity import FORM_NAMES, Form, Identity
from engine.heads.sculpt.scalp import Grown, Scalp
from engine.heads.sculpt.short_hair import stubble
from engine.heads.sculpt.surface import EYE, EYE_R
from engine.heads.sculpt.template import Template, template
from engine.vocabulary import ARKIT_52, ARKIT_INDEX

UNITS_MM = 215.0
ORIGIN_MM = np.array([0.0, -4.0, 4.0])
NECK_JOINT = np.array([0.0, -95.0, -22.0])
NECK_TOP_Y, NECK_FOOT_Y = -62.0, -128.0
IRIS_MM = 7.3
REST_LIDS = 0.13  # how far the lids hang over a relaxed eye
GAZE_YAW_DEG, GAZE_PITCH_DEG = 28.0, 22.0
CUT_Y = -172.0  # below, the skin is hidden by the clothes


def to_world(mm: np.ndarray) -> np.ndarray:
    """Sculpt millimetres to head heights."""
    return (mm - ORIGIN_MM) / UNITS_MM


@cache
def _shapes() -> tuple[Template, dict[str, np.ndarray]]:
    mesh = template()
    return mesh, expressions(Fields(mesh))


@dataclass
class _Block:
    """One part before all are joined: millimetres and what the studio needs of it."""

    name: str
    vertices: np.ndarray
    faces: np.ndarray
    kind: Kind
    region: Region
    albedo: np.ndarray
    params: np.ndarray
    anchors: np.ndarray


class HouseHead(HeadModel):
    """A person of the house.

    Attributes:
        identity: who it is.
        parts: name to the slice of its vertices: face, ear_left, ear_right, eye_left, eye_right, teeth, tongue, torso.
    """

    name = "house"
    units_mm = UNITS_MM
    expression_names = ARKIT_52

    def __init__(self, identity: Identity | None = None) -> None:
        self.identity = identity or Identity()
        self.person = self.identity.name
        self.form, self.look = self.identity.form, self.identity.look
        self.template, shapes = _shapes()
        self._marks = marks.sixty_eight(self.template)
        self._build_face(shapes)
        self._join([self._skin(), *self._ears(), *self._eyes(), self._teeth(), self._tongue(), self._torso()])
        self.vertices = self.pose().vertices  # lids lifted off the eyeballs
        self.strands = tuple(self._strands())

    def pose(
        self,
        expression: Mapping[str, float] | Sequence[float] | np.ndarray | None = None,
        joints: JointAngles | None = None,
    ) -> PosedHead:
        """The head with an expression and joint angles; see `HeadModel.pose`."""
        weights, notes = expression_vector({} if expression is None else expression)
        joints = joints or JointAngles()
        vertices = self.vertices.copy()
        add_shapes(vertices[self.parts["face"]], weights, self._moves)
        self._swing_jaw(vertices, weights, joints.jaw)
        gazes = [
            self._turn_eye(vertices, side, weights, extra)
            for side, extra in ((1, joints.eye_left), (-1, joints.eye_right))
        ]
        eyes = tuple(self._eye(vertices, side, gaze) for side, gaze in zip((1, -1), gazes))
        if any(joints.neck):
            return self._nod(vertices, eyes, joints.neck, notes)
        return PosedHead(vertices, np.eye(4), eyes, notes)

    def strand_points(self, strands: Strands, posed: PosedHead) -> np.ndarray:
        if strands.name == "lashes":
            return lashes.grow(
                posed.vertices, self.vertices, self.template, [eye.centre for eye in posed.eyes], UNITS_MM
            )
        return super().strand_points(strands, posed)

    def landmarks(self, posed: PosedHead, order: str = "68") -> np.ndarray:
        """See `HeadModel.landmarks`. Raises ControlError for an unknown order."""
        if order == "68":
            return posed.vertices[self._marks]
        if order != "mediapipe":
            raise ControlError(f"{order!r} is not a landmark order; use 68 or mediapipe.")
        return marks.mediapipe(posed.vertices, posed.eyes, marks.HOUSE_TABLE)

    def form_move(self, name: str) -> np.ndarray:
        """How MediaPipe's landmarks move at rest for each unit of a parameter of the form, `[478, 3]`."""
        only = Form(**{f: float(f == name) for f in FORM_NAMES})
        move = (only.bend(self._unbent) - self._unbent) / UNITS_MM
        posed = self.pose()
        moved = posed.vertices.copy()
        moved[self.parts["face"]] += move
        shift = (only.bend(EYE[None])[0] - EYE) / UNITS_MM
        eyes = tuple(replace(eye, centre=eye.centre + shift * [side, 1, 1]) for eye, side in zip(posed.eyes, (1, -1)))
        return marks.mediapipe(moved, eyes, marks.HOUSE_TABLE) - self.landmarks(posed, "mediapipe")

    # building

    def _build_face(self, shapes: dict[str, np.ndarray]) -> None:
        rest = self.template.vertices
        smile = shapes["mouthSmileLeft"] + shapes["mouthSmileRight"]
        rest = rest + self.identity.rest_smile * smile
        for side in ("Left", "Right"):
            rest = rest + REST_LIDS * shapes["eyeBlink" + side]
        self._unbent = rest
        still = self.form.bend(rest)
        moves = np.zeros((len(ARKIT_52), *rest.shape), np.float32)
        for name, move in shapes.items():
            # carried through the bend, so that contacts of lids and lips stay contacts
            share = 1 - REST_LIDS if name.startswith("eyeBlink") else 1.0  # so that 1 still closes the lids exactly
            moves[ARKIT_INDEX[name]] = (self.form.bend(rest + share * move) - still) / UNITS_MM
        opened = rest + shapes["jawOpen"]
        closed = self.form.bend(opened + shapes["mouthClose"]) - self.form.bend(opened)
        moves[ARKIT_INDEX["mouthClose"]] = closed / UNITS_MM
        self._moves = moves
        self._face_mm = _into_collar(still)
        self._eye_radius_mm = EYE_R * (1 + 0.10 * self.form.eye_size) * 0.995
        self._eye_centre_mm = self.form.bend(EYE[None])[0]

    def _skin(self) -> _Block:
        paint = Paint(self.template, self.look)
        faces = self.template.faces
        faces = faces[self.template.vertices[faces][:, :, 1].max(1) > CUT_Y]
        return _Block(
            "face", self._face_mm, faces, Kind.SKIN, Region.HEAD, paint.albedo, paint.params, self.template.vertices
        )

    def _ears(self) -> list[_Block]:
        points, faces, shade = parts.ear()
        tone = pick(appearance.SKIN_TONES, self.look.skin_tone) * [1.0, 0.86, 0.82]
        params = _params(shade, 0.55, 1.1, 0.45)
        return [
            _Block(name, self.form.bend(points * [side, 1, 1]), faces if side > 0 else faces[:, ::-1], Kind.SKIN,
                   Region.HEAD, np.tile(tone, (len(points), 1)), params, points)
            for side, name in ((1, "ear_left"), (-1, "ear_right"))
        ]  # fmt: skip

    def _eyes(self) -> list[_Block]:
        ball, faces, anchors = parts.eyeball(IRIS_MM / EYE_R)
        return [
            _Block(name, ball * self._eye_radius_mm + self._eye_centre_mm * [side, 1, 1], faces, kind, Region.HEAD,
                   np.ones_like(ball), np.ones((len(ball), 5)), anchors)
            for side, name, kind in ((1, "eye_left", Kind.EYE_LEFT), (-1, "eye_right", Kind.EYE_RIGHT))
        ]  # fmt: skip

    def _teeth(self) -> _Block:
        points, faces, gum, lower = parts.teeth()
        self._in_lower_jaw = lower > 0
        points = self.form.only("face_length", "mouth_width", "face_width").bend(points)
        params = _params(0.5 + 0.5 * np.clip((points[:, 2] - 50) / 32, 0, 1), np.where(gum > 0, 1.0, 1.5), 0.25, 0.22)
        albedo = np.where(gum[:, None] > 0, appearance.GUMS, appearance.WHITE_OF_TEETH)
        return _Block("teeth", points, faces, Kind.WET, Region.HEAD, albedo, params, points)

    def _tongue(self) -> _Block:
        points, faces = parts.tongue()
        points = self.form.only("face_length", "mouth_width", "face_width").bend(points)
        params = _params(0.35 + 0.5 * np.clip((points[:, 2] - 40) / 36, 0, 1), 0.9, 0.8, 0.3)
        return _Block(
            "tongue", points, faces, Kind.WET, Region.HEAD, np.tile(appearance.TONGUE, (len(points), 1)), params, points
        )

    def _torso(self) -> _Block:
        points, faces, shade = parts.torso()
        albedo = np.tile(appearance.linear(*self.look.cloth), (len(points), 1))
        return _Block(
            "torso", points, faces, Kind.CLOTH, Region.TORSO, albedo, _params(shade, 0.25, 0.12, 0.85), points
        )

    def _join(self, blocks: list[_Block]) -> None:
        starts = np.cumsum([0] + [len(b.vertices) for b in blocks])
        self.parts = {b.name: slice(int(start), int(start) + len(b.vertices)) for b, start in zip(blocks, starts)}
        points = np.concatenate([b.vertices for b in blocks])
        self.vertices = to_world(points)
        self.faces = np.concatenate([b.faces + start for b, start in zip(blocks, starts)]).astype(np.int32)
        self.kinds = np.concatenate([np.full(len(b.faces), b.kind, np.int8) for b in blocks])
        self.regions = np.concatenate([np.full(len(b.faces), b.region, np.int8) for b in blocks])
        middle = points[self.faces].mean(1)
        under_jaw = middle[:, 1] < np.minimum(-104 + 0.6 * (75 - middle[:, 2]), NECK_TOP_Y)
        self.regions[under_jaw & (np.arange(len(self.faces)) < len(blocks[0].faces))] = Region.TORSO
        self.materials = Materials(
            *(
                np.concatenate([getattr(b, k) for b in blocks]).astype(np.float32)
                for k in ("albedo", "params", "anchors")
            )
        )
        charts = [atlas.skin(self.template.uv)] + [atlas.tile(b.name, b.vertices) for b in blocks[1:]]
        self.uv = np.concatenate(charts).astype(np.float32)
        self.joints = {
            "jaw": to_world(self.form.bend(JAW_JOINT[None])[0]), "neck": to_world(NECK_JOINT),
            "eye_left": to_world(self._eye_centre_mm), "eye_right": to_world(self._eye_centre_mm * [-1, 1, 1]),
        }  # fmt: skip

    def _strands(self) -> list[Strands]:
        color = pick(appearance.HAIR_COLORS, self.look.hair_color)
        bundles = []
        scalp = Scalp(self.template.vertices, self.template.faces)
        grow = STYLES[self.look.hair_style]
        if grow is not None:
            grown = grow(scalp, length=self.look.hair_length)
            bundles.append(self._bundle("hair", grown, color, to_skin=0))
        if self.look.stubble > 0.05:
            beard = stubble(scalp, self.look.stubble)
            bundles.append(self._bundle("beard", beard, color * 0.8, to_skin=4, slack=0.003))
        brow = color * 0.55 + appearance.BROW_SHADE * 0.30
        bundles.append(self._bundle("brows", brows(self.look.brow_thickness), brow, to_skin=4, slack=0.0035))
        bundles.append(self._lashes())
        return bundles

    def _bundle(self, name: str, grown: Grown, color: np.ndarray, to_skin: int, slack: float = 0.0) -> Strands:
        n, k, _ = grown.points.shape
        placed = to_world(self.form.bend(grown.points.reshape(-1, 3))).reshape(n, k, 3)
        rows = weights = None
        if to_skin:
            gap, rows = cKDTree(self.vertices[self.parts["face"]]).query(placed, to_skin)
            weights = 1 / (gap * UNITS_MM + 0.5) ** 2
            weights = weights / weights.sum(-1, keepdims=True)
        tinted = np.clip(color * grown.tint[..., None], 0, 1)
        return Strands(
            name, placed, grown.shell, tinted, grown.width / UNITS_MM, grown.opacity, grown.gloss, rows, weights, slack
        )

    def _lashes(self) -> Strands:
        centres = [self.joints["eye_left"], self.joints["eye_right"]]
        points = lashes.grow(self.vertices, self.vertices, self.template, centres, UNITS_MM)
        n, k, _ = points.shape
        s = np.linspace(0, 1, k)[None]
        upper = lashes.is_upper(n)[:, None]
        width = np.where(upper, 0.34, 0.20) * np.clip(1.1 - s, 0.25, 1) / UNITS_MM
        opacity = np.where(upper, 0.75, 0.35) * np.clip(1.2 - 0.7 * s, 0.3, 1)
        shell = np.tile(np.array([0.0, 0.2, 0.98]), (n, k, 1))
        return Strands(
            "lashes", points, shell, np.tile(appearance.LASH, (n, k, 1)), width, opacity, np.full(n, 0.1), slack=0.002
        )

    # posing

    def _swing_jaw(self, vertices: np.ndarray, weights: np.ndarray, extra_deg: float) -> None:
        """Turns lower teeth and tongue with the jaw; the skin's own jaw movement is in its shapes."""
        at = ARKIT_INDEX
        turn = rotation(0, -JAW_OPEN_DEG * weights[at["jawOpen"]] - extra_deg)
        slide = JAW_SLIDE_MM * (weights[at["jawLeft"]] - weights[at["jawRight"]])
        shift = np.array([slide, 0, JAW_FORWARD_MM * weights[at["jawForward"]]]) / UNITS_MM
        pivot = self.joints["jaw"]
        teeth = vertices[self.parts["teeth"]]
        teeth[self._in_lower_jaw] = (teeth[self._in_lower_jaw] - pivot) @ turn.T + pivot + shift
        tongue = vertices[self.parts["tongue"]]
        out = np.array([0, 1.5, 20.0]) / UNITS_MM * weights[at["tongueOut"]]
        tongue[:] = (tongue + out - pivot) @ turn.T + pivot + shift
        if extra_deg:
            more = rotation(0, -extra_deg)
            follow = np.clip(
                self._moves[at["jawOpen"]] @ [0, -1, 0] / np.abs(self._moves[at["jawOpen"]][:, 1]).max(), 0, 1
            )
            face = vertices[self.parts["face"]]
            face += ((face - pivot) @ more.T + pivot - face) * follow[:, None]

    def _turn_eye(self, vertices: np.ndarray, side: int, weights: np.ndarray, extra: tuple[float, float]) -> np.ndarray:
        """Turns one eyeball and keeps the lids off it; returns where it looks, `[3]`."""
        at, name = ARKIT_INDEX, "Left" if side > 0 else "Right"
        yaw = GAZE_YAW_DEG * (weights[at["eyeLookOut" + name]] - weights[at["eyeLookIn" + name]]) * side + extra[0]
        pitch = GAZE_PITCH_DEG * (weights[at["eyeLookUp" + name]] - weights[at["eyeLookDown" + name]]) + extra[1]
        turn = rotation(yaw, pitch)
        part, centre = self.parts["eye_" + name.lower()], self.joints["eye_" + name.lower()]
        vertices[part] = (self.vertices[part] - centre) @ turn.T + centre
        rows = self._of_side(np.concatenate([self.template.tucked[1:].ravel(), self.template.eye.ravel()]), side)
        out = (vertices[rows] - centre) * UNITS_MM
        length = np.linalg.norm(out, axis=1)
        along = out @ turn[:, 2] / length
        rho2 = np.clip(1 - along**2, 0, 1) * (EYE_R / IRIS_MM) ** 2
        least = self._eye_radius_mm * (1 + parts.CORNEA_BULGE * np.clip(1.25 - rho2, 0, 1) * (along > 0)) + 0.5
        inside = (length < least) & (out[:, 2] > 0)
        vertices[rows[inside]] = centre + out[inside] / length[inside, None] * least[inside, None] / UNITS_MM
        return turn[:, 2]

    def _eye(self, vertices: np.ndarray, side: int, gaze: np.ndarray) -> Eye:
        ring = self._of_side(self.template.eye[0], side)
        iris = pick(appearance.IRIS_COLORS, self.look.eye_color)
        radius = self._eye_radius_mm / UNITS_MM
        return Eye(
            centre=self.joints["eye_left" if side > 0 else "eye_right"], gaze=gaze, radius=radius,
            iris_radius=IRIS_MM / EYE_R * radius, pupil=0.38, upper_lid_y=vertices[ring[N_EYE // 4], 1],
            lower_lid_y=vertices[ring[3 * N_EYE // 4], 1], rim_color=iris * 0.30, inner_color=iris * 0.80,
        )  # fmt: skip

    def _nod(
        self, vertices: np.ndarray, eyes: tuple[Eye, Eye], neck_deg: tuple[float, float, float], notes
    ) -> PosedHead:
        """Turns the head on the neck; the skin of the neck follows less and less towards the collar."""
        turn, pivot = rotation(*neck_deg), self.joints["neck"]
        top, foot = to_world(np.array([0, NECK_TOP_Y, 0]))[1], to_world(np.array([0, NECK_FOOT_Y, 0]))[1]
        share = np.clip((self.vertices[:, 1] - foot) / (top - foot), 0, 1)
        share = share * share * (3 - 2 * share)
        share[self.parts["torso"]] = 0
        for name in ("ear_left", "ear_right", "eye_left", "eye_right", "teeth", "tongue"):
            share[self.parts[name]] = 1
        chin = self.vertices[:, 2] > to_world(np.array([0, 0, 45.0]))[2]  # the jaw is bone down to its edge
        share = np.where(chin & (self.vertices[:, 1] > to_world(np.array([0, -112.0, 0]))[1]), 1.0, share)
        moved = (vertices - pivot) @ turn.T + pivot
        vertices = vertices + share[:, None] * (moved - vertices)
        skull = np.eye(4)
        skull[:3, :3], skull[:3, 3] = turn, pivot - turn @ pivot
        turned = tuple(
            Eye(**{**vars(eye), "centre": turn @ (eye.centre - pivot) + pivot, "gaze": turn @ eye.gaze}) for eye in eyes
        )
        return PosedHead(vertices, skull, turned, notes)

    def _of_side(self, rows: np.ndarray, side: int) -> np.ndarray:
        return rows if side > 0 else self.template.mirrored[rows]


def _params(occlusion, gloss, warmth, rough) -> np.ndarray:
    return np.stack(np.broadcast_arrays(occlusion, gloss, warmth, rough, 0.0), 1)


def _into_collar(points: np.ndarray) -> np.ndarray:
    """Draws the neck in so that it stands inside the collar."""
    radius = np.hypot(points[:, 0], points[:, 2] + 26)
    limit = np.interp(points[:, 1], [-137, -121, -110, -98], [43, 47.5, 52, 90])
    shrink = np.where(points[:, 1] < -98, np.minimum(1, limit / np.maximum(radius, 1e-6)), 1)
    under_chin = np.clip((points[:, 2] - 30) / 15, 0, 1) * (points[:, 1] > -114)
    shrink = shrink + (1 - shrink) * under_chin
    out = points.copy()
    out[:, 0] *= shrink
    out[:, 2] = (points[:, 2] + 26) * shrink - 26
    return out
