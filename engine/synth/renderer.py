"""One picture of a posed head from one camera: colour, coverage, masks and depth; the studio's camera."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from engine.camera import Camera
from engine.heads.base import HeadModel, PosedHead, Region, Strands
from engine.synth.light import FLOOR, Light, light_frame, moments, shadow_map, to_shadow
from engine.synth.shading import EYE_FIELDS, WET, shade
from engine.synth.strands import bury, draw_strands, light_strands, shadow_of_strands
from engine.synth.visibility import EMPTY, project, rasterize, smooth_over_faces, vertex_normals

SAMPLES = 2
SHADOW_BLUR, HAIR_SHADOW_BLUR = 5, 7  # texels of the shadow map
TORSO = int(Region.TORSO)


@dataclass
class Shot:
    """What the camera saw, all float32.

    Attributes:
        color: display values premultiplied by alpha `[H, W, 3]`; alpha: `[H, W]`.
        head, torso, mouth, hair: coverage of each region `[H, W]`; head holds mouth and hair too.
        depth: distance along the camera's axis, head heights, 0 where nothing is `[H, W]`.
    """

    color: np.ndarray
    alpha: np.ndarray
    head: np.ndarray
    torso: np.ndarray
    mouth: np.ndarray
    hair: np.ndarray
    depth: np.ndarray

    def over(self, background: tuple[float, float, float]) -> np.ndarray:
        """The picture on a flat background, uint8 `[H, W, 3]`."""
        flat = self.color + (1 - self.alpha[..., None]) * np.asarray(background, np.float32)
        return (np.clip(flat, 0, 1) * 255 + 0.5).astype(np.uint8)


class HeadRenderer:
    """Photographs one head; what never changes (hair shadows, hair occlusion) is worked out once."""

    def __init__(self, head: HeadModel, light: Light | None = None) -> None:
        self.head = head
        self.light = light or Light()
        self._frame = light_frame(self.light)
        self._packed = self.light.packed()
        self._fine = _fine_faces(head)
        self._hair_shadow, self._occlusion = self._still_hair()

    def render(self, posed: PosedHead, camera: Camera, samples: int = SAMPLES) -> Shot:
        """A picture of a posed head."""
        head = self.head
        vertices = np.ascontiguousarray(posed.vertices, np.float64)
        normal = np.empty_like(vertices)
        vertex_normals(vertices, head.faces, normal)
        soft = smooth_over_faces(normal, head.faces, 5)
        shadow = moments(shadow_map(self._frame, vertices, head.faces), SHADOW_BLUR)
        height, width = camera.height * samples, camera.width * samples
        screen = project(camera, vertices, samples)
        nearness = np.zeros((height, width), np.float32)
        ids = np.full((height, width), EMPTY, np.int32)
        rasterize(screen, head.faces, nearness, ids)
        picture = np.zeros((height, width, 3), np.float32)
        eye_point = camera.position
        shade(picture, ids, nearness, samples, screen, head.faces, head.kinds, self._fine, vertices, normal, soft,
              head.materials.albedo, head.materials.params, head.materials.anchors, _eyes(posed), self._packed,
              shadow, self._hair_shadow, self._frame, eye_point)  # fmt: skip
        return self._develop(posed, camera, samples, picture, ids, nearness, eye_point)

    def _develop(self, posed, camera, samples, picture, ids, nearness, eye_point) -> Shot:
        """Hair over the solid parts, then averaged to pixels."""
        layers = [self._strand_points(s, posed, camera, samples, eye_point) for s in self.head.strands]
        through = np.ones(ids.shape, np.float32)
        locks = np.zeros_like(picture)
        deep = np.zeros_like(nearness)
        for strands, (screen, color, width, opacity, ends) in zip(self.head.strands, layers):
            middle = screen[ends[:, 0], 2] + screen[ends[:, 1], 2]
            order = np.argsort(-middle, kind="stable")
            draw_strands(order, ends, screen, color, width, opacity, nearness, strands.slack, locks, through, deep)
        planes = np.zeros((camera.height, camera.width, 9), np.float32)
        _average(planes, samples, picture, ids, nearness, locks, through, deep, self.head.regions, self.head.kinds)
        return Shot(
            planes[..., :3],
            planes[..., 3],
            planes[..., 4],
            planes[..., 5],
            planes[..., 6],
            planes[..., 7],
            planes[..., 8],
        )

    def _strand_points(self, strands: Strands, posed: PosedHead, camera: Camera, samples: int, eye_point: np.ndarray):
        points = self.head.strand_points(strands, posed)
        n, k, _ = points.shape
        color = np.empty((n, k, 3), np.float32)
        light_strands(points, strands.shell, strands.color, self._occlusion[strands.name], strands.gloss, self._packed,
                      eye_point, color)  # fmt: skip
        screen = project(camera, points.reshape(-1, 3), samples)
        width = (strands.width.ravel() * screen[:, 2] * camera.k[1, 1] * samples).astype(np.float32)
        return screen, color.reshape(-1, 3), width, strands.opacity.ravel().astype(np.float32), _segments(n, k)

    def _still_hair(self):
        occlusion = {}
        vertices = self.head.vertices
        solid = shadow_map(self._frame, vertices, self.head.faces)
        outer = np.full_like(solid, FLOOR)
        for strands in self.head.strands:
            n, k, _ = strands.points.shape
            if strands.name != "hair":
                occlusion[strands.name] = np.full((n, k, 2), 0.85, np.float32)
                continue
            flat = strands.points.reshape(-1, 3)
            seen = to_shadow(self._frame, flat)
            outer = shadow_of_strands(seen, _segments(n, k), 0.006)
            deep = bury(seen, outer, 0.045)
            body = bury(seen, solid, 0.03)
            along = np.linspace(0, 1, k)[None]
            light = (deep * body).reshape(n, k)
            sky = np.clip(0.50 + 0.60 * along, 0, 1) * (0.6 + 0.4 * light)
            occlusion[strands.name] = np.stack([light, sky], -1).astype(np.float32)
        return moments(outer, HAIR_SHADOW_BLUR), occlusion


def _fine_faces(head: HeadModel) -> np.ndarray:
    """Faces across which colour or occlusion changes much: lip seams, lid margins, nostrils."""
    look = np.concatenate([head.materials.albedo ** (1 / 2.2), head.materials.params[:, :1]], 1)[head.faces]
    return np.ptp(look, axis=1).max(1) > 0.10


def _segments(n: int, k: int) -> np.ndarray:
    start = (np.arange(n)[:, None] * k + np.arange(k - 1)).ravel()
    return np.stack([start, start + 1], 1).astype(np.int32)


def _eyes(posed: PosedHead) -> np.ndarray:
    rows = np.zeros((2, EYE_FIELDS))
    for row, eye, side in zip(rows, posed.eyes, (1, -1)):
        row[0:3], row[3:6] = eye.centre, eye.gaze
        row[6:9] = eye.radius, eye.iris_radius, eye.pupil
        row[9:11] = eye.upper_lid_y, eye.lower_lid_y
        row[11:14], row[14:17] = eye.rim_color, eye.inner_color
        row[17:19] = side, eye.whiteness
    return rows


@njit(nogil=True, fastmath=True, cache=True)
def _average(planes, samples, picture, ids, nearness, locks, through, deep, regions, kinds):
    """Samples to pixels: colour, alpha, head, torso, mouth, hair coverage and the depth of the middle sample."""
    height, width, _ = planes.shape
    share = 1.0 / (samples * samples)
    for y in range(height):
        for x in range(width):
            for j in range(samples):
                for i in range(samples):
                    sy, sx = y * samples + j, x * samples + i
                    free, f = through[sy, sx], ids[sy, sx]
                    hair = 1 - free
                    head = hair
                    if f >= 0:
                        if regions[f] == TORSO:
                            planes[y, x, 5] += free * share
                        else:
                            head += free
                        if kinds[f] == WET:
                            planes[y, x, 6] += free * share
                        planes[y, x, 3] += share
                    else:
                        free = 0.0
                        planes[y, x, 3] += hair * share
                    for c in range(3):
                        planes[y, x, c] += (locks[sy, sx, c] + free * picture[sy, sx, c]) * share
                    planes[y, x, 4] += head * share
                    planes[y, x, 7] += hair * share
            sy, sx = y * samples + samples // 2, x * samples + samples // 2
            near = max(nearness[sy, sx], deep[sy, sx])
            if near > 0:
                planes[y, x, 8] = 1.0 / near
