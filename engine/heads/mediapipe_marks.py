"""Where MediaPipe's 478 landmarks lie on a head's skin, measured by running the landmarker on renders of it.

    python -m engine.heads.mediapipe_marks FACE_LANDMARKER.task [house ict]

writes the tables that `marks` reads; do it again after a mesh has changed. No mesh data of MediaPipe is used.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from engine.array_file import save_file
from engine.camera import Camera, Orbit
from engine.capture.landmarks import FaceLandmarker
from engine.heads.base import HeadModel, PosedHead, Region
from engine.heads.facekit.kit import FACE
from engine.heads.house import HouseHead
from engine.heads.ict import IctHead
from engine.heads.sculpt.identity import Identity, Look
from engine.heads.sculpt.marks import HOUSE_TABLE, ICT_TABLE, N_ON_SKIN
from engine.heads.sculpt.rings import CONTACT_RING
from engine.heads.sculpt.template import source_hash
from engine.paths import atomic_file, find_ict_facekit
from engine.synth.renderer import HeadRenderer
from engine.synth.visibility import EMPTY, project, rasterize

SIZE = 768
BACKGROUND = (0.42, 0.45, 0.49)
VIEWS = ((0, 0), (20, 0), (-20, 0), (35, 0), (-35, 0), (0, 14), (0, -10))
BEHIND_FACE_Z = -0.04  # head heights; what lies farther back is ear, neck or scalp
MIDDLE_PX = 20  # landmarks nearer to the middle are seen from both sides
AGREE_MM = 9.0
UPPER_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER = (95, 88, 178, 87, 14, 317, 402, 318, 324)
"""Points on the contact line: MediaPipe gives them where the mouth opens, here they are rows on the lips' edges."""


@dataclass(frozen=True)
class Skin:
    """The skin of a head: how many of its first vertices it is, and the rows where upper and lower lip meet."""

    n: int
    upper: np.ndarray
    lower: np.ndarray


def house() -> tuple[HeadModel, Skin]:
    head = HouseHead(Identity(look=Look(hair_style="crop")))
    contact, mirror = head.template.mouth[CONTACT_RING], head.template.mirrored
    upper, lower = contact[:17], contact[17:]
    return head, Skin(
        head.parts["face"].stop, np.concatenate([upper, mirror[upper]]), np.concatenate([lower, mirror[lower]])
    )


def ict() -> tuple[HeadModel, Skin]:
    head = IctHead(find_ict_facekit())
    posed = head.pose({"jawOpen": 0.5})
    marks, skin = head.landmarks(posed), cKDTree(posed.vertices[FACE])

    def along(corners: tuple[int, ...]) -> np.ndarray:
        line = CubicSpline(np.arange(len(corners)), marks[list(corners)])
        return np.unique(skin.query(line(np.linspace(0, len(corners) - 1, 40)))[1])

    return head, Skin(FACE.stop, along((60, 61, 62, 63, 64)), along((64, 65, 66, 67, 60)))


def measure(head: HeadModel, skin: Skin, model: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the skin `[468, 3]` and weights `[468, 3]` of each landmark but the irises."""
    renderer = HeadRenderer(head)
    votes: list[list[tuple[float, np.ndarray]]] = [[] for _ in range(N_ON_SKIN)]
    with FaceLandmarker(model, is_video=False) as landmarker:
        for expression in ({}, {"jawOpen": 0.3}):
            posed = head.pose(expression)
            for azimuth, elevation in VIEWS:
                camera = Orbit((0, -0.05, 0), azimuth, elevation, 3.4).camera(SIZE, SIZE)
                faces = landmarker.faces(renderer.render(posed, camera).over(BACKGROUND))
                if not faces:
                    continue
                points = faces[0].points
                if azimuth == 0 and elevation == 0:
                    side = points[:, 0] - SIZE / 2  # pixels towards the person's left
                turned_away = side * np.sign(azimuth) < -MIDDLE_PX
                _vote(head, skin, posed, camera, points, votes, bool(expression), turned_away)
    rows, weights = np.zeros((N_ON_SKIN, 3), np.int32), np.zeros((N_ON_SKIN, 3), np.float32)
    for mark, cast in enumerate(votes):
        total = np.zeros(skin.n)
        for confidence, share in _agreeing(cast, head.vertices * head.units_mm):
            total[share[:, 0].astype(int)] += confidence * share[:, 1]
        best = np.argsort(-total)[:3]
        rows[mark], weights[mark] = best, total[best] / max(total[best].sum(), 1e-9)
    return rows, weights


def _vote(
    head: HeadModel, skin: Skin, posed: PosedHead, camera: Camera, points, votes, mouth_only: bool, hidden
) -> None:
    """Adds what one picture says about each landmark: skin rows with shares, weighed by how squarely it was seen."""
    screen = project(camera, posed.vertices)
    nearness = np.zeros((SIZE, SIZE), np.float32)
    ids = np.full((SIZE, SIZE), EMPTY, np.int32)
    rasterize(screen, head.faces, nearness, ids)
    column, row = (np.clip(screen[: skin.n, k].astype(int), 0, SIZE - 1) for k in (0, 1))
    of_face = np.zeros(skin.n, bool)
    corners = head.faces[head.regions == Region.HEAD].ravel()
    of_face[corners[corners < skin.n]] = True
    of_face &= head.vertices[: skin.n, 2] > BEHIND_FACE_Z
    in_sight = np.nonzero(of_face & (screen[: skin.n, 2] > nearness[row, column] * 0.997))[0]
    lines = {**dict.fromkeys(UPPER_INNER, skin.upper), **dict.fromkeys(LOWER_INNER, skin.lower)}
    for mark in range(N_ON_SKIN):
        x, y = points[mark, :2]
        lip = points[mark, 1] > points[2, 1] and abs(points[mark, 0] - points[0, 0]) < 90
        if hidden[mark] or (mouth_only and not (mark in lines or lip)):
            continue
        if mark in lines:
            line = lines[mark]
            nearest = line[np.argmin(np.linalg.norm(screen[line, :2] - [x, y], axis=1))]
            votes[mark].append((1.0 if mouth_only else 0.0, np.array([[nearest, 1.0]])))
            continue
        if not (0 <= x < SIZE and 0 <= y < SIZE):
            continue
        face = ids[int(y), int(x)]
        if face == EMPTY or head.faces[face].max() >= skin.n or not of_face[head.faces[face]].all():
            gap = np.linalg.norm(screen[in_sight, :2] - [x, y], axis=1)
            votes[mark].append((0.05, np.array([[in_sight[np.argmin(gap)], 1.0]])))
            continue
        corners = head.faces[face]
        a, b, c = posed.vertices[corners]
        normal = np.cross(b - a, c - a)
        towards = camera.position - a
        square = abs(normal @ towards) / (np.linalg.norm(normal) * np.linalg.norm(towards) + 1e-12)
        votes[mark].append((square**4, np.stack([corners, _shares(screen[corners, :2], np.array([x, y]))], 1)))


def _agreeing(cast: list[tuple[float, np.ndarray]], vertices: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """The votes within `AGREE_MM` of the weighted median place; the others saw past the edge of the face."""
    places = np.array([share[:, 1] @ vertices[share[:, 0].astype(int)] / share[:, 1].sum() for _, share in cast])
    weight = np.array([confidence for confidence, _ in cast]) + 1e-6
    middle = []
    for axis in range(3):
        order = np.argsort(places[:, axis])
        cumulated = np.cumsum(weight[order])
        middle.append(places[order[np.searchsorted(cumulated, cumulated[-1] / 2)], axis])
    near = np.linalg.norm(places - middle, axis=1)
    return [vote for vote, gap in zip(cast, near) if gap <= max(AGREE_MM, near.min())]


def _shares(triangle: np.ndarray, point: np.ndarray) -> np.ndarray:
    (x0, y0), (x1, y1), (x2, y2) = triangle
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    first = ((x1 - point[0]) * (y2 - point[1]) - (x2 - point[0]) * (y1 - point[1])) / area
    second = ((x2 - point[0]) * (y0 - point[1]) - (x0 - point[0]) * (y2 - point[1])) / area
    return np.clip([first, second, 1 - first - second], 0, 1)


def main() -> None:
    model, names = Path(sys.argv[1]), sys.argv[2:] or ["house", "ict"]
    for name in names:
        build, table = {"house": (house, HOUSE_TABLE), "ict": (ict, ICT_TABLE)}[name]
        rows, weights = measure(*build(), model)
        with atomic_file(table) as temporary:
            save_file({"rows": rows, "weights": weights}, temporary, metadata={"sculpt": source_hash()})
        print(f"{table}: {N_ON_SKIN} landmarks, {int((weights.sum(1) == 0).sum())} never seen on the skin")


if __name__ == "__main__":
    main()
