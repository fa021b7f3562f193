"""Films a fitted mesh over the clip's pictures: the picture, the shaded mesh laid over it, landmarks as dots."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.capture.dataset import Dataset
from engine.export.video import VideoWriter
from engine.fitting.fitted import FittedHead
from engine.heads.base import Kind
from engine.paths import atomic_file
from engine.synth.visibility import EMPTY, project, rasterize, vertex_normals

TRACKED, FITTED = (90, 230, 120), (255, 90, 90)
COVER = 0.62
LAMP = np.array([-0.4, 0.5, 0.77])


def film_overlay(clip: Dataset, fitted: FittedHead, path: Path) -> Iterator[int]:
    """Writes the clip: picture left, overlay right; yields the number of frames done."""
    size = (2 * clip.info.width // 2 * 2, clip.info.height // 2 * 2)
    with atomic_file(path) as temporary, VideoWriter(temporary, size, clip.info.fps, has_sound=False) as video:
        for index in range(len(fitted)):
            picture = clip.frame(index)
            laid = laid_over(picture, fitted, index, clip.tracks["landmarks"][index, fitted.rig.numbers, :2])
            video.write(np.concatenate([picture, laid], 1)[: size[1], : size[0]])
            yield index + 1


def laid_over(picture: np.ndarray, fitted: FittedHead, index: int, tracked: np.ndarray) -> np.ndarray:
    """One picture uint8 `[H, W, 3]` with the mesh over it, tracked landmarks green and the mesh's red."""
    shade, covered = _shaded(fitted, index, picture.shape[:2])
    cover = COVER * covered[..., None]
    out = (picture * (1 - cover) + 255 * shade[..., None] * cover).astype(np.uint8)
    for points, color in ((tracked, TRACKED), (fitted.landmarks(index), FITTED)):
        x, y = np.round(points).astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < out.shape[1]) & (y < out.shape[0])
        out[y[inside], x[inside]] = color
    return out


def _shaded(fitted: FittedHead, index: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Lambert's shade of the mesh without clothes, 0 to 1, and where it is, `[H, W]` each."""
    vertices = np.ascontiguousarray(fitted.posed(index).vertices, np.float64)
    faces = fitted.faces[fitted.head.kinds != int(Kind.CLOTH)]
    normal = np.empty_like(vertices)
    vertex_normals(vertices, faces, normal)
    screen = project(fitted.camera(index), vertices)
    nearness, ids = np.zeros(shape, np.float32), np.full(shape, EMPTY, np.int32)
    rasterize(screen, faces, nearness, ids)
    light = np.clip(0.25 + 0.75 * (normal @ LAMP), 0.08, 1)[faces].mean(1)
    covered = ids != EMPTY
    return np.where(covered, light[np.maximum(ids, 0)], 0.0), covered.astype(float)
