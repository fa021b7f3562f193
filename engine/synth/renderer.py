"""Renders a posed head from one camera in software: colour, coverage, masks and depth."""

import threading
from dataclasses import dataclass

import numpy as np
from numba import njit

from engine.camera import Camera
from engine.heads.base import HeadModel, PosedHead, Region
from engine.synth.light import FLOOR, Light, light_frame, moments, shadow_map, to_shadow
from engine.synth.shading import EYE_FIELDS, WET, shade
from engine.synth.strands import bury, draw_strands, light_strands, shadow_of_strands
from engine.synth.visibility import EMPTY, project, rasterize, smooth_over_faces, vertex_normals

SAMPLES = 2  # a side, per pixel
SHADOW_BLUR, HAIR_SHADOW_BLUR = 5, 7  # texels of the shadow map
HAIR_THICKNESS = 0.006  # of one strand in the shadow map, head heights
HAIR_DEPTH, SCALP_DEPTH = 0.045, 0.03  # over which light fades in the hair and towards the scalp, head heights
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


@dataclass
class _Hair:
    """How light falls on and through the hair for one position of the skull."""

    shadow: np.ndarray  # moments of the hair's outer layer seen from the key light
    occlusion: list[np.ndarray]  # per bundle [N, K, 2]: key light, sky


class HeadRenderer:
    """Renders one head; what does not change from picture to picture is worked out once. Safe to use from threads."""

    def __init__(self, head: HeadModel, light: Light | None = None) -> None:
        self.head = head
        self.light = light or Light()
        self._frame = light_frame(self.light)
        self._packed = self.light.packed()
        self._fine = _fine_faces(head)
        self._ends, self._opacity, self._slack = _all_segments(head)
        self._still_hair = self._light_hair(PosedHead(head.vertices, np.eye(4), ()))
        self._scratch = threading.local()

    def render(self, posed: PosedHead, camera: Camera, samples: int = SAMPLES) -> Shot:
        """A picture of a posed head."""
        head = self.head
        buffers = self._buffers(camera.height * samples, camera.width * samples)
        vertices = np.ascontiguousarray(posed.vertices, np.float64)
        normal = np.empty_like(vertices)
        vertex_normals(vertices, head.faces, normal)
        soft = smooth_over_faces(normal, head.faces, 5)
        shadow = moments(shadow_map(self._frame, vertices, head.faces), SHADOW_BLUR)
        hair = self._still_hair if np.array_equal(posed.skull, np.eye(4)) else self._light_hair(posed)
        screen = project(camera, vertices, samples)
        rasterize(screen, head.faces, buffers.nearness, buffers.ids)
        self._draw_hair(posed, camera, samples, hair, buffers)
        shade(buffers.picture, buffers.ids, buffers.nearness, buffers.through, samples, screen, head.faces, head.kinds,
              self._fine, vertices, normal, soft, head.materials.albedo, head.materials.params, head.materials.anchors,
              _eyes(posed), self._packed, shadow, hair.shadow, self._frame, camera.position)  # fmt: skip
        planes = np.zeros((9, camera.height, camera.width), np.float32)
        _average(planes, samples, buffers.picture, buffers.ids, buffers.nearness, buffers.locks, buffers.through,
                 buffers.deep, head.regions, head.kinds)  # fmt: skip
        return Shot(np.ascontiguousarray(planes[:3].transpose(1, 2, 0)), *planes[3:])

    def _draw_hair(self, posed: PosedHead, camera: Camera, samples: int, hair: _Hair, buffers: "_Buffers") -> None:
        """Lights every strand and composites all bundles, nearest first, over the solid parts."""
        points, colors, widths = [], [], []
        for strands, occlusion in zip(self.head.strands, hair.occlusion):
            placed = self.head.strand_points(strands, posed)
            color = np.empty(placed.shape, np.float32)
            light_strands(placed, strands.shell @ posed.skull[:3, :3].T, strands.color, occlusion, strands.gloss,
                          self._packed, camera.position, color)  # fmt: skip
            points.append(placed.reshape(-1, 3))
            colors.append(color.reshape(-1, 3))
            widths.append(strands.width.ravel())
        if not points:
            return
        screen = project(camera, np.concatenate(points), samples)
        width = (np.concatenate(widths) * screen[:, 2] * camera.k[1, 1] * samples).astype(np.float32)
        order = np.argsort(-(screen[self._ends[:, 0], 2] + screen[self._ends[:, 1], 2]), kind="stable")
        draw_strands(order, self._ends, screen, np.concatenate(colors), width, self._opacity, buffers.nearness,
                     self._slack, buffers.locks, buffers.through, buffers.deep)  # fmt: skip

    def _light_hair(self, posed: PosedHead) -> _Hair:
        solid = shadow_map(self._frame, posed.vertices, self.head.faces)
        outer, occlusion = np.full_like(solid, FLOOR), []
        for strands in self.head.strands:
            n, k, _ = strands.points.shape
            if strands.name != "hair":
                occlusion.append(np.full((n, k, 2), 0.85, np.float32))
                continue
            placed = strands.points.reshape(-1, 3) @ posed.skull[:3, :3].T + posed.skull[:3, 3]
            seen = to_shadow(self._frame, placed)
            outer = shadow_of_strands(seen, _segments(n, k), HAIR_THICKNESS)
            reach = bury(seen, outer, HAIR_DEPTH) * bury(seen, solid, SCALP_DEPTH)
            reach = reach.reshape(n, k)
            sky = np.clip(0.50 + 0.60 * np.linspace(0, 1, k)[None], 0, 1) * (0.6 + 0.4 * reach)
            occlusion.append(np.stack([reach, sky], -1).astype(np.float32))
        return _Hair(moments(outer, HAIR_SHADOW_BLUR), occlusion)

    def _buffers(self, height: int, width: int) -> "_Buffers":
        """This thread's buffers, cleared."""
        kept = getattr(self._scratch, "buffers", None)
        if kept is None or kept.ids.shape != (height, width):
            kept = self._scratch.buffers = _Buffers(height, width)
        kept.clear()
        return kept


class _Buffers:
    """Arrays of one picture's samples."""

    def __init__(self, height: int, width: int) -> None:
        self.picture = np.empty((height, width, 3), np.float32)  # the solid parts, display colour
        self.locks = np.empty((height, width, 3), np.float32)  # hair, premultiplied
        self.nearness = np.empty((height, width), np.float32)
        self.deep = np.empty((height, width), np.float32)
        self.through = np.empty((height, width), np.float32)
        self.ids = np.empty((height, width), np.int32)

    def clear(self) -> None:
        for array in (self.locks, self.nearness, self.deep):
            array.fill(0)
        self.through.fill(1)
        self.ids.fill(EMPTY)


def _fine_faces(head: HeadModel) -> np.ndarray:
    """Faces across which colour or occlusion changes much: lip seams, lid margins, nostrils."""
    look = np.concatenate([head.materials.albedo ** (1 / 2.2), head.materials.params[:, :1]], 1)[head.faces]
    return np.ptp(look, axis=1).max(1) > 0.10


def _segments(n: int, k: int) -> np.ndarray:
    start = (np.arange(n)[:, None] * k + np.arange(k - 1)).ravel()
    return np.stack([start, start + 1], 1).astype(np.int32)


def _all_segments(head: HeadModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends `[S, 2]` and slack `[S]` of every segment of every bundle, and opacity of every point."""
    ends, opacity, slack, start = [np.empty((0, 2), np.int32)], [np.empty(0)], [np.empty(0)], 0
    for strands in head.strands:
        n, k, _ = strands.points.shape
        ends.append(_segments(n, k) + np.int32(start))
        opacity.append(strands.opacity.ravel())
        slack.append(np.full(n * (k - 1), strands.slack))
        start += n * k
    return np.concatenate(ends), *(np.concatenate(a).astype(np.float32) for a in (opacity, slack))


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
    _, height, width = planes.shape
    share = np.float32(1.0 / (samples * samples))
    for y in range(height):
        for x in range(width):
            red, green, blue, alpha = 0.0, 0.0, 0.0, 0.0
            head, torso, mouth, hair = 0.0, 0.0, 0.0, 0.0
            for j in range(samples):
                for i in range(samples):
                    sy, sx = y * samples + j, x * samples + i
                    free, f = through[sy, sx], ids[sy, sx]
                    if f < 0 and free == 1:
                        continue
                    lock = 1 - free
                    hair += lock
                    head += lock
                    red, green, blue = red + locks[sy, sx, 0], green + locks[sy, sx, 1], blue + locks[sy, sx, 2]
                    if f < 0:
                        alpha += lock
                        continue
                    alpha += 1
                    if regions[f] == TORSO:
                        torso += free
                    else:
                        head += free
                    if kinds[f] == WET:
                        mouth += free
                    red += free * picture[sy, sx, 0]
                    green += free * picture[sy, sx, 1]
                    blue += free * picture[sy, sx, 2]
            planes[0, y, x], planes[1, y, x], planes[2, y, x] = red * share, green * share, blue * share
            planes[3, y, x], planes[4, y, x], planes[5, y, x] = alpha * share, head * share, torso * share
            planes[6, y, x], planes[7, y, x] = mouth * share, hair * share
            sy, sx = y * samples + samples // 2, x * samples + samples // 2
            near = max(nearness[sy, sx], deep[sy, sx])
            if near > 0:
                planes[8, y, x] = 1.0 / near
