"""Renders a posed head from one camera in software: colour, coverage, masks and depth."""

import threading
from dataclasses import dataclass

import numpy as np
from numba import njit

from engine.camera import Camera
from engine.heads.base import HeadModel, PosedHead
from engine.synth.light import FLOOR, Light, light_frame, moments, shadow_map, to_shadow
from engine.synth.shading import EYE_FIELDS, shade
from engine.synth.strands import Bundles, bury, draw_strands, light_strands, nearest_first, segments, shadow_of_strands
from engine.synth.visibility import EMPTY, project, rasterize, smooth_over_faces, vertex_normals

SAMPLES = 2  # a side, per pixel
SHADOW_BLUR, HAIR_SHADOW_BLUR = 5, 7  # texels of the shadow map
HAIR_THICKNESS = 0.006  # of one strand in the shadow map, head heights
HAIR_DEPTH, SCALP_DEPTH = 0.045, 0.03  # over which light fades in the hair and towards the scalp, head heights


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
        return _over(self.color, self.alpha, np.asarray(background, np.float32))

    def masks(self) -> np.ndarray:
        """Head, torso and the whole person as a dataset keeps them, uint8 `[H, W, 3]`."""
        return _masks(self.head, self.torso, self.alpha)


@dataclass
class _Hair:
    """How light falls on and through the hair for one position of the skull."""

    shadow: np.ndarray  # moments of the hair's outer layer seen from the key light
    occlusion: np.ndarray  # how much key light and sky reaches each point of all bundles [M, 2]


class HeadRenderer:
    """Renders one head; what does not change from picture to picture is worked out once. Safe to use from threads."""

    def __init__(self, head: HeadModel, light: Light | None = None) -> None:
        self.head = head
        self.light = light or Light()
        self._frame = light_frame(self.light)
        self._packed = self.light.packed()
        self._fine = _fine_faces(head)
        self._bundles = Bundles.of(head.strands)
        self._shell = np.concatenate([np.empty((0, 3)), *(s.shell.reshape(-1, 3) for s in head.strands)])
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
        is_still = np.array_equal(posed.skull, np.eye(4))
        hair = self._still_hair if is_still else self._light_hair(posed)
        screen = project(camera, vertices, samples)
        rasterize(screen, head.faces, buffers.nearness, buffers.ids)
        if self.head.strands:
            shell = self._shell if is_still else self._shell @ posed.skull[:3, :3].T
            self._draw_hair(posed, camera, samples, shell, hair.occlusion, buffers)
        color = np.empty((camera.height, camera.width, 3), np.float32)
        planes = np.empty((6, camera.height, camera.width), np.float32)
        shade(color, planes, samples, buffers.ids, buffers.nearness, buffers.locks, buffers.through, buffers.deep,
              screen, head.faces, head.kinds, head.regions, self._fine, vertices, normal, soft, head.materials.albedo,
              head.materials.params, head.materials.anchors, _eyes(posed), self._packed, shadow, hair.shadow,
              self._frame, camera.position)  # fmt: skip
        return Shot(color, *planes)

    def _draw_hair(
        self, posed: PosedHead, camera: Camera, samples: int, shell: np.ndarray, occlusion: np.ndarray,
        buffers: "_Buffers",
    ) -> None:  # fmt: skip
        """Composites the strands of all bundles, nearest first, over the solid parts."""
        points = np.concatenate([self.head.strand_points(s, posed).reshape(-1, 3) for s in self.head.strands])
        screen, b = project(camera, points, samples), self._bundles
        order = nearest_first(b.ends, b.slack, screen, buffers.nearness, buffers.through)
        color = light_strands(order, b.ends, points, shell, occlusion, b.beside, b.color, b.gloss, b.jitter,
                              self._packed, camera.position)  # fmt: skip
        width = (b.width * screen[:, 2] * camera.k[1, 1] * samples).astype(np.float32)
        draw_strands(order, b.ends, b.slack, screen, color, width, b.opacity, buffers.nearness, buffers.locks,
                     buffers.through, buffers.deep)  # fmt: skip

    def _light_hair(self, posed: PosedHead) -> _Hair:
        solid = shadow_map(self._frame, posed.vertices, self.head.faces)
        outer, occlusion = np.full_like(solid, FLOOR), [np.empty((0, 2), np.float32)]
        for strands in self.head.strands:
            n, k, _ = strands.points.shape
            if strands.name != "hair":
                occlusion.append(np.full((n * k, 2), 0.85, np.float32))
                continue
            placed = strands.points.reshape(-1, 3) @ posed.skull[:3, :3].T + posed.skull[:3, 3]
            seen = to_shadow(self._frame, placed)
            outer = shadow_of_strands(seen, segments(n, k), HAIR_THICKNESS)
            reach = bury(seen, outer, HAIR_DEPTH) * bury(seen, solid, SCALP_DEPTH)
            reach = reach.reshape(n, k)
            sky = np.clip(0.50 + 0.60 * np.linspace(0, 1, k)[None], 0, 1) * (0.6 + 0.4 * reach)
            occlusion.append(np.stack([reach, sky], -1).astype(np.float32).reshape(-1, 2))
        return _Hair(moments(outer, HAIR_SHADOW_BLUR), np.concatenate(occlusion))

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
        self.locks = np.empty((height, width, 3), np.float32)  # hair, premultiplied
        self.through = np.empty((height, width), np.float32)  # what still shows behind it
        self.nearness = np.empty((height, width), np.float32)
        self.deep = np.empty((height, width), np.float32)
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


def _eyes(posed: PosedHead) -> np.ndarray:
    rows = np.zeros((2, EYE_FIELDS))
    for row, eye, side in zip(rows, posed.eyes, (1, -1)):
        row[0:3], row[3:6] = eye.centre, eye.gaze
        row[6:9] = eye.radius, eye.iris_radius, eye.pupil
        row[9:11] = eye.upper_lid_y, eye.lower_lid_y
        row[11:14], row[14:17] = eye.rim_color, eye.inner_color
        row[17:19] = side, eye.whiteness
    return rows


@njit(nogil=True, cache=True)
def _over(color, alpha, background):
    height, width, _ = color.shape
    out = np.empty((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            behind = np.float32(1) - alpha[y, x]
            for c in range(3):
                out[y, x, c] = _byte(color[y, x, c] + behind * background[c])
    return out


@njit(nogil=True, cache=True)
def _masks(head, torso, alpha):
    height, width = alpha.shape
    out = np.empty((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            out[y, x, 0], out[y, x, 1], out[y, x, 2] = _byte(head[y, x]), _byte(torso[y, x]), _byte(alpha[y, x])
    return out


@njit(nogil=True, inline="always")
def _byte(value):
    return np.uint8(min(max(value, np.float32(0)), np.float32(1)) * np.float32(255) + np.float32(0.5))
