"""Where Gaussians start on a head model that is fitted to the clip, and how its mesh moves them.

On its triangles, densest where the face moves, and inside the mouth; what the mesh lacks (hair, neck, clothes) comes
from the dataset's surface points.
"""

import numpy as np
from scipy.spatial import cKDTree

from engine.capture.face_shape import OUTER_LIPS
from engine.methods.catalog import head_model
from engine.training.clip import Clip
from engine.training.clip_head import ClipHead, clip_head
from engine.training.mesh_motion import PointMotion
from engine.training.start_points import filled, picture_colors, start_points, thinned

OFF_MESH = 0.02
"""Head heights from the mesh beyond which a surface point of the dataset is of something else."""
MESH_SHARE = 0.6
"""Of all Gaussians, the most that start on the mesh."""
MOUTH_SHARE = 0.02
"""Of all Gaussians, those that fill the mouth."""
NEAR_LANDMARKS = 0.016
"""Squared distance in head heights to a landmark, up to which a triangle is of the face that moves."""
FACE_DENSITY = 4.0
"""How much denser they lie there than elsewhere on the mesh."""
AREA_POWER = 0.8
"""Of a triangle's area; below 1 they lie denser where triangles are small: round eyes and lips."""
MOUTH_HEIGHT, MOUTH_DEPTH = 0.6, 0.5
"""Of the mouth's width: the box that is filled inside the mouth."""
NEAR_MESH = 0.05
"""Head heights over which what lies off the mesh loses the mesh's motion."""
DARK = np.array([0.25, 0.1, 0.1])


def led_start(clip: Clip, n_points: int, head: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray, PointMotion | None]:
    """Positions and colours `[P, 3]` to start from, and how they move, where the film or a fitted head knows it.

    A studio's film knows it of its own points. Of any other the head model named is asked; `none` asks nobody.

    Raises:
        DatasetError: if the head model was not fitted to the dataset.
        TrainingError: if the fit is of another film.
        ModelMissingError: when the head model's files are missing.
    """
    filmed, head = PointMotion.filmed(clip.tracks), head_model(head)
    if filmed is not None or head == "none":
        return *start_points(clip, n_points, seed), filmed
    fitted, n_mouth = clip_head(clip.dataset, head), int(MOUTH_SHARE * n_points)
    points, colors, motion, _ = start_on(clip, fitted, n_points - n_mouth, n_mouth, np.random.default_rng(seed))
    return points, colors, motion


def start_on(
    clip: Clip, head: ClipHead, n: int, n_mouth: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, PointMotion, np.ndarray]:
    """Positions and colours `[P, 3]` of some `n` points on a fitted head and off it and `n_mouth` inside the mouth,
    float32; how they move; and the model's landmarks at rest `[L, 3]`."""
    landmarks, lips = resting_landmarks(head)
    points, colors, moves = on_mesh(clip, head, landmarks, n, rng)
    inside, dark = mouth_points(lips, n_mouth, rng)
    points = np.concatenate([points, inside]).astype(np.float32)
    colors = np.clip(np.concatenate([colors, dark]), 0, 1).astype(np.float32)
    moves = np.concatenate([moves, near_mesh(head, inside)], axis=1)
    return points, colors, PointMotion(points, moves, head.expression), landmarks


def on_mesh(
    clip: Clip, head: ClipHead, landmarks: np.ndarray, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points spread over the mesh's triangles, densest where the face moves, and after them surface points of the
    dataset off it; and how each coefficient moves them, `[A, P, 3]`.

    A triangle counts as large as the film's face makes it: lids that rest in their fold cover the eye when they shut.
    """
    vertices, faces, moves = head.face.rest.astype(np.float64), head.fitted.faces, _vertex_moves(head)
    areas = _areas(vertices[faces])
    for most, move in zip(head.expression[: clip.n_train].max(axis=0), moves, strict=True):
        areas = np.maximum(areas, _areas((vertices + most * move)[faces]))
    middles = vertices[faces].mean(axis=1)
    areas = areas**AREA_POWER * np.where(cKDTree(landmarks).query(middles)[0] ** 2 <= NEAR_LANDMARKS, FACE_DENSITY, 1.0)
    areas[_behind_eyes(head, middles)] = 0
    chosen = rng.choice(len(faces), int(MESH_SHARE * n), p=areas / areas.sum())
    u = rng.dirichlet((1.0, 1.0, 1.0), len(chosen))
    on_mesh = (u[:, :, None] * vertices[faces][chosen]).sum(axis=1)
    colors, seen = picture_colors(clip, on_mesh)
    on_mesh, colors, chosen, u = on_mesh[seen], colors[seen], chosen[seen], u[seen].astype(np.float32)
    moved = sum(moves[:, faces[chosen, k]] * u[:, k, None] for k in range(3))
    others, other_colors = start_points(clip, 4 * n)
    off = cKDTree(vertices).query(others)[0] > OFF_MESH
    others, other_colors = others[off].astype(np.float64), other_colors[off].astype(np.float64)
    if len(others):
        others, other_colors = filled(others, other_colors, n - len(on_mesh), rng)
        others, other_colors = thinned(others, other_colors, n - len(on_mesh))
    moved = np.concatenate([moved, near_mesh(head, others)], axis=1)
    return np.concatenate([on_mesh, others]), np.concatenate([colors, other_colors]), moved


def _areas(corners: np.ndarray) -> np.ndarray:
    """Twice the areas of triangles `[F, 3, 3]`."""
    return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)


def _behind_eyes(head: ClipHead, middles: np.ndarray) -> np.ndarray:
    """Which triangles `[F]`, with their middles `[F, 3]`, lie on an eyeball's far half, where nothing is seen."""
    face = head.face
    of_eye = face.eyes[head.fitted.faces[:, 0]]
    return np.any([(of_eye == k + 1) & (middles[:, 2] < face.centres[k, 2]) for k in range(2)], axis=0)


def _vertex_moves(head: ClipHead) -> np.ndarray:
    """What a unit of each coefficient adds to each vertex `[A, V, 3]`, eyeballs turned about their centres."""
    face = head.face
    moves = face.moves.copy()
    for k, (centre, turns) in enumerate(zip(face.centres, face.turns, strict=True)):
        of_eye = face.eyes == k + 1
        moves[:, of_eye] = np.cross(turns[:, None], face.rest[of_eye] - centre)
    return moves


def near_mesh(head: ClipHead, points: np.ndarray) -> np.ndarray:
    """How each coefficient moves points off the mesh: as its nearest vertex, the less the farther, `[A, P, 3]`."""
    if not len(points):
        return np.zeros((len(head.face.names), 0, 3), np.float32)
    distance, nearest = cKDTree(head.face.rest).query(points)
    return _vertex_moves(head)[:, nearest] * np.exp(-((distance / NEAR_MESH) ** 2))[:, None].astype(np.float32)


def resting_landmarks(head: ClipHead) -> tuple[np.ndarray, np.ndarray]:
    """The model's landmarks at rest in the dataset's world `[L, 3]`, and those of the lips."""
    fitted = head.fitted
    rest = np.zeros(len(fitted.rig.expression_names))
    posed = fitted.rig.posed(fitted.head, rest)
    vertices = fitted.vertices(rest)
    ones = np.ones((len(vertices), 1))
    there = np.linalg.lstsq(np.concatenate([vertices, ones], axis=1), head.face.rest, rcond=None)[0]
    places = fitted.head.landmarks(posed, "mediapipe")[fitted.rig.numbers]
    nearest = cKDTree(posed.vertices).query(places)[1]
    places = places + fitted.offsets[nearest]
    places = np.concatenate([places, np.ones((len(places), 1))], axis=1) @ there
    return places, places[np.isin(fitted.rig.numbers, OUTER_LIPS)]


def mouth_points(lips: np.ndarray, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Dark points in a box as wide as the lips, behind the deepest of them, `[n, 3]` each.

    The published box is 1.6 times the mouth's extent and stands out of the cheeks of a mesh that is fitted (ours).
    """
    low, high = lips.min(axis=0), lips.max(axis=0)
    size = np.array([high[0] - low[0], MOUTH_HEIGHT * (high[0] - low[0]), MOUTH_DEPTH * (high[0] - low[0])])
    middle = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2] - size[2] / 2])
    return middle + size * rng.uniform(-0.5, 0.5, (n, 3)), np.tile(DARK, (n, 1))
