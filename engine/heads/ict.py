"""ICT-FaceKit behind the `HeadModel` interface, read from the user's folder of OBJ files (MIT licence, not shipped).

Li et al., Learning Formation of Physically-Based Face Attributes, CVPR 2020; vertex ranges from its README.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from engine.errors import ControlError, ModelMissingError
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
from engine.heads.sculpt import appearance, parts
from engine.heads.sculpt.fields import ramp
from engine.heads.sculpt.identity import Look
from engine.paths import atomic_file, cache_dir
from engine.vocabulary import ARKIT_52, ARKIT_INDEX

SOURCE = "https://github.com/ICT-VGL/ICT-FaceKit"
NEUTRAL = "generic_neutral_mesh"
FACE, SCALP, MOUTH, SOCKETS = slice(0, 9409), slice(9409, 11248), slice(11248, 13294), slice(13294, 14062)
GUMS, TEETH = slice(14062, 17039), slice(17039, 21451)
EYES = (slice(21451, 23021), slice(23021, 24591))
LASHES, N_VERTICES = slice(25351, 26719), 26719
N_IDENTITY = 20
UNITS_MM = 230.0
EYE_HEIGHT, EYE_DEPTH = 0.02, 0.24  # where the middle of the eyeballs lies in the world, head heights
GAZE_YAW_DEG, GAZE_PITCH_DEG = 28.0, 22.0
NECK_CUT = -0.62  # skin below is hidden by the clothes, head heights
IRIS_SHARE, PUPIL_SHARE = 0.44, 0.36
OUTER_LIPS, BROWS = slice(48, 60), (slice(17, 22), slice(22, 27))


class IctHead(HeadModel):
    """A head of ICT-FaceKit.

    Args:
        folder: the kit's folder, or the one that holds `FaceXModel`.
        identity: weights of its identity modes, up to `N_IDENTITY`.
        look: colours; hair styles are the house head's own and are not grown here.

    Raises:
        ModelMissingError: when the folder does not hold the kit.
    """

    name = "ict"
    units_mm = UNITS_MM
    expression_names = ARKIT_52

    def __init__(self, folder: Path, identity: Sequence[float] = (), look: Look | None = None) -> None:
        self.look = look or Look()
        kit = read_kit(Path(folder))
        weights = np.zeros(N_IDENTITY)
        weights[: len(identity)] = identity
        raw = kit["neutral"].astype(np.float64) + np.tensordot(weights, kit["identity"].astype(np.float64), 1)
        self._marks = kit["landmarks"]
        self._to_world(raw, kit)
        self._join(kit)
        self.strands = (self._lashes(kit),)

    def pose(
        self,
        expression: Mapping[str, float] | Sequence[float] | np.ndarray | None = None,
        joints: JointAngles | None = None,
    ) -> PosedHead:
        """See `HeadModel.pose`; `tongueOut` has no shape in this kit."""
        weights, notes = expression_vector({} if expression is None else expression)
        if weights[ARKIT_INDEX["tongueOut"]] > 0:
            notes = (*notes, "tongueOut has no shape in ICT-FaceKit")
        joints = joints or JointAngles()
        vertices = self.vertices.copy()
        active = np.nonzero(weights)[0]
        if len(active):
            vertices[:N_VERTICES] += np.einsum("a,avc->vc", weights[active], self._moves[active])
        if joints.jaw:
            opened = self._moves[ARKIT_INDEX["jawOpen"]]
            vertices[:N_VERTICES] += opened * (joints.jaw / 20.0)
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
        return PosedHead(
            vertices, skull, tuple(self._eye(vertices, skull, k, gaze) for k, gaze in enumerate(gazes)), notes
        )

    def landmarks(self, posed: PosedHead, order: str = "68") -> np.ndarray:
        if order != "68":
            raise ControlError(f"{order!r} is not a landmark order of ICT-FaceKit heads; use 68.")
        return posed.vertices[self._marks]

    # building

    def _to_world(self, raw: np.ndarray, kit: dict[str, np.ndarray]) -> None:
        chin = raw[self._marks[8], 1]
        scale = 1.0 / (raw[SCALP, 1].max() - chin)
        middle = np.mean([raw[part].mean(0) for part in EYES], axis=0)
        self._world = lambda points: (points - middle) * scale + [0.0, EYE_HEIGHT, EYE_DEPTH]
        moves = kit["expressions"].astype(np.float32) * np.float32(scale)
        for part in EYES:
            moves[:, part] = 0  # eyeballs are turned, not bent
        self._moves = moves
        self.joints = {
            "eye_left": _sphere_centre(self._world(raw[EYES[0]])),
            "eye_right": _sphere_centre(self._world(raw[EYES[1]])),
            "jaw": np.array([0.0, -0.10, 0.02]), "neck": np.array([0.0, -0.42, -0.10]),
        }  # fmt: skip
        self._radius = float(np.median(np.linalg.norm(self._world(raw[EYES[0]]) - self.joints["eye_left"], axis=1)))
        self._raw = raw

    def _join(self, kit: dict[str, np.ndarray]) -> None:
        skin = _into_collar(self._world(self._raw))
        cloth, cloth_faces, shade = parts.torso()
        below_chin = skin[self._marks[8], 1]
        cloth = (cloth - [0, -101.0, 0]) / UNITS_MM + [0.0, below_chin, -0.02]
        faces = kit["faces"]
        kept = (faces.max(1) < LASHES.start) & ~np.isin(_part_of(faces), ("fluid",))
        kept &= skin[faces][:, :, 1].max(1) > NECK_CUT
        faces = faces[kept]
        self.vertices = np.concatenate([skin, cloth])
        self.faces = np.concatenate([faces, cloth_faces + N_VERTICES]).astype(np.int32)
        names = _part_of(faces)
        kinds = {
            "skin": Kind.SKIN,
            "mouth": Kind.WET,
            "teeth": Kind.WET,
            "eye_left": Kind.EYE_LEFT,
            "eye_right": Kind.EYE_RIGHT,
        }
        self.kinds = np.array([*(int(kinds[n]) for n in names), *[int(Kind.CLOTH)] * len(cloth_faces)], np.int8)
        middle = skin[faces].mean(1)
        neck = (names == "skin") & (middle[:, 1] < np.minimum(below_chin - 0.02 + 0.6 * (0.3 - middle[:, 2]), -0.25))
        self.regions = np.concatenate([np.where(neck, 1, 0), np.ones(len(cloth_faces))]).astype(np.int8)
        assert int(Region.TORSO) == 1
        self.uv = np.concatenate([kit["uv"], np.zeros((len(cloth), 2), np.float32)])
        self.materials = self._paint(skin, cloth, shade)

    def _paint(self, skin: np.ndarray, cloth: np.ndarray, shade: np.ndarray) -> Materials:
        tone = appearance.pick(appearance.SKIN_TONES, self.look.skin_tone)
        albedo = np.tile(tone, (N_VERTICES, 1))
        params = np.tile([0.95, 0.5, 1.0, 0.47, 0.0], (N_VERTICES, 1))
        anchors = skin * UNITS_MM
        marks = skin[self._marks]

        def coat(weight: np.ndarray, color: np.ndarray) -> None:
            albedo[:] = albedo * (1 - weight[:, None]) + color * weight[:, None]

        mirrored = skin * [1, 1, 1]
        mirrored[:, 0] = np.abs(mirrored[:, 0])
        cheek = np.abs(marks[[31, 35]]).mean(0) + [0.09, 0.0, -0.08]
        coat(0.5 * self.look.blush * np.exp(-(((mirrored - cheek) / 0.075) ** 2).sum(1)), tone * [1.0, 0.64, 0.60])
        nose = np.exp(-(((skin - marks[30]) / 0.05) ** 2).sum(1))
        coat(0.4 * self.look.blush * nose, tone * [1.0, 0.66, 0.62])
        params[:, 1] += 0.35 * nose
        front = (np.arange(N_VERTICES) < FACE.stop) & (skin[:, 2] > 0.1)
        lips = np.where(front, ramp(-0.006, 0.006, _inside_depth(skin[:, :2], marks[OUTER_LIPS, :2])), 0.0)
        coat(0.9 * lips, tone * [0.76, 0.42, 0.43] * 0.9)
        params[:, 1] = params[:, 1] * (1 - lips) + 1.3 * lips
        params[:, 3] = params[:, 3] * (1 - lips) + 0.3 * lips
        hair = appearance.pick(appearance.HAIR_COLORS, self.look.hair_color)
        for rows in BROWS:
            gap = _line_distance(skin[:, :2], marks[rows, :2] - [0, 0.006])
            coat(np.where(front, 0.75 * ramp(0.021, 0.006, gap), 0.0), hair * 0.8)
        albedo[MOUTH], params[MOUTH] = appearance.INSIDE, [0.35, 1.1, 0.6, 0.25, 0]
        depth = ramp(0.20, 0.36, skin[MOUTH][:, 2])
        params[MOUTH, 0] = 0.06 + 0.4 * depth
        albedo[SOCKETS] = tone * 0.5
        albedo[GUMS], params[GUMS] = appearance.GUMS, [0.6, 1.0, 0.5, 0.3, 0]
        albedo[TEETH], params[TEETH] = appearance.WHITE_OF_TEETH, [0.85, 1.5, 0.25, 0.22, 0]
        for part, name in zip(EYES, ("eye_left", "eye_right")):
            out = skin[part] - self.joints[name]
            anchors[part] = out / np.linalg.norm(out, axis=1, keepdims=True)
        dressed = np.stack(np.broadcast_arrays(shade, 0.25, 0.12, 0.85, 0.0), 1)
        return Materials(
            np.concatenate([albedo, np.tile(appearance.linear(*self.look.cloth), (len(cloth), 1))]).astype(np.float32),
            np.concatenate([params, dressed]).astype(np.float32),
            np.concatenate([anchors, cloth * UNITS_MM]).astype(np.float32),
        )

    def _lashes(self, kit: dict[str, np.ndarray]) -> Strands:
        faces = kit["faces"]
        rows = faces[(faces.min(1) >= LASHES.start) & (faces.max(1) < LASHES.stop)][:, :2]
        upper = self.vertices[rows[:, 0], 1] > self.joints["eye_left"][1]
        rows = rows[upper]
        points = self.vertices[rows]
        shell = np.tile(np.array([0.0, 0.2, 0.98]), (len(rows), 2, 1))
        width = np.tile([0.3, 0.15], (len(rows), 1)) / UNITS_MM
        color = np.tile(appearance.LASH, (len(rows), 2, 1))
        bound = rows[..., None]
        opacity = np.full(width.shape, 0.22)
        return Strands("lashes", points, shell, color, width, opacity, np.full(len(rows), 0.1), bound,
                       np.ones(bound.shape), slack=0.002)  # fmt: skip

    # posing

    def _eye(self, vertices: np.ndarray, skull: np.ndarray, k: int, gaze: np.ndarray) -> Eye:
        lids = vertices[self._marks[slice(42, 48) if k == 0 else slice(36, 42)], 1]
        centre = self.joints["eye_left" if k == 0 else "eye_right"] @ skull[:3, :3].T + skull[:3, 3]
        iris = appearance.pick(appearance.IRIS_COLORS, self.look.eye_color)
        return Eye(
            centre,
            gaze,
            self._radius,
            IRIS_SHARE * self._radius,
            PUPIL_SHARE,
            lids.max(),
            lids.min(),
            iris * 0.3,
            iris * 0.8,
        )

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


def read_kit(folder: Path) -> dict[str, np.ndarray]:
    """The kit's arrays: neutral, faces, uv, landmarks, identity `[20, V, 3]`, expressions `[52, V, 3]` (ARKit)."""
    model = folder / "FaceXModel" if (folder / "FaceXModel").is_dir() else folder
    neutral = model / f"{NEUTRAL}.obj"
    if not neutral.is_file():
        raise ModelMissingError(f"{folder}: holds no ICT-FaceKit; fetch it from {SOURCE} and name its folder.")
    stat = neutral.stat()
    key = hashlib.sha256(f"{neutral.resolve()}:{stat.st_size}:{stat.st_mtime_ns}".encode()).hexdigest()[:16]
    cached = cache_dir() / "heads" / f"ict-{key}.safetensors"
    try:
        return load_file(cached)
    except (OSError, SafetensorError):
        kit = _read_folder(model)
    cached.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(cached) as temporary:
        save_file(kit, temporary)
    return kit


def _read_folder(model: Path) -> dict[str, np.ndarray]:
    neutral, faces, uv = _read_obj(model / f"{NEUTRAL}.obj", with_faces=True)
    expressions = np.zeros((52, *neutral.shape), np.float32)
    for name in ARKIT_52:
        for file in _files_of(name):
            path = model / f"{file}.obj"
            if path.is_file():
                expressions[ARKIT_INDEX[name]] += _read_obj(path)[0] - neutral
    identity = np.stack([_read_obj(model / f"identity{i:03d}.obj")[0] - neutral for i in range(N_IDENTITY)])
    try:
        marks = json.loads((model / "vertex_indices.json").read_text(encoding="utf-8"))["idx_to_landmark_verts"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelMissingError(f"{model}: vertex_indices.json cannot be read; fetch the kit again.") from error
    return {"neutral": neutral, "faces": faces, "uv": uv, "identity": identity.astype(np.float32),
            "expressions": expressions, "landmarks": np.array(marks, np.int32)}  # fmt: skip


def _files_of(name: str) -> tuple[str, ...]:
    """The kit's files of an ARKit shape; what ARKit has once and the kit per side is added up."""
    for side, mark in (("Left", "_L"), ("Right", "_R")):
        if name.endswith(side) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return (name[: -len(side)] + mark,)
    return (name + "_L", name + "_R") if name in ("browInnerUp", "cheekPuff") else (name,)


def _read_obj(path: Path, with_faces: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices float32 `[V, 3]`; with faces also triangles `[F, 3]` and one texture point per vertex `[V, 2]`."""
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
        vertices = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], np.float32)
        if vertices.shape != (N_VERTICES, 3):
            raise ModelMissingError(f"{path}: has {len(vertices)} vertices, not {N_VERTICES}; fetch the kit again.")
        if not with_faces:
            return vertices, np.empty((0, 3), np.int32), np.empty((0, 2), np.float32)
        texture = np.array([line.split()[1:3] for line in lines if line.startswith("vt ")], np.float32)
        faces, uv = [], np.zeros((N_VERTICES, 2), np.float32)
        for line in lines:
            if line.startswith("f "):
                corners = [[int(v) - 1 for v in corner.split("/")[:2]] for corner in line.split()[1:]]
                faces += [(corners[0][0], corners[k][0], corners[k + 1][0]) for k in range(1, len(corners) - 1)]
                for vertex, at in corners:
                    uv[vertex] = texture[at]
    except (OSError, ValueError, IndexError) as error:
        raise ModelMissingError(f"{path}: cannot be read ({error}); fetch the kit again from {SOURCE}.") from error
    return vertices, np.array(faces, np.int32), uv


def _part_of(faces: np.ndarray) -> np.ndarray:
    first = faces[:, 0]
    edges = [
        MOUTH.start,
        SOCKETS.start,
        GUMS.start,
        TEETH.start,
        EYES[0].start,
        EYES[1].start,
        EYES[1].stop,
        LASHES.start,
    ]
    names = np.array(["skin", "mouth", "skin", "mouth", "teeth", "eye_left", "eye_right", "fluid", "lashes"])
    return names[np.searchsorted(edges, first, side="right")]


def _sphere_centre(points: np.ndarray) -> np.ndarray:
    """Centre of the sphere that fits points best (linear least squares)."""
    system = np.concatenate([2 * points, np.ones((len(points), 1))], 1)
    return np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0][:3]


def _into_collar(points: np.ndarray) -> np.ndarray:
    """Draws the neck in so that it stands inside the collar."""
    radius = np.hypot(points[:, 0], points[:, 2] + 0.10)
    limit = np.interp(points[:, 1], [-0.66, -0.56, -0.44], [0.19, 0.225, 0.32])
    shrink = np.where(
        (points[:, 1] < -0.44) & (points[:, 2] < 0.12), np.minimum(1, limit / np.maximum(radius, 1e-6)), 1
    )
    return np.stack([points[:, 0] * shrink, points[:, 1], (points[:, 2] + 0.10) * shrink - 0.10], 1)


def _line_distance(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    best = np.full(len(points), np.inf)
    for a, b in pairwise(line):
        t = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)[:, None]
        best = np.minimum(best, np.linalg.norm(points - (a + t * (b - a)), axis=1))
    return best


def _inside_depth(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Distance to a closed polygon, positive inside."""
    closed = np.concatenate([polygon, polygon[:1]])
    inside = np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in pairwise(closed):
        crosses = (y0 > points[:, 1]) != (y1 > points[:, 1])
        inside ^= crosses & (points[:, 0] < (x1 - x0) * (points[:, 1] - y0) / (y1 - y0 + 1e-12) + x0)
    return np.where(inside, 1, -1) * _line_distance(points, closed)
