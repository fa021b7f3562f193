"""What stands behind a head that was trained over a plate: torso frames as a card, fading to flat when seen askew.

The torso and the room are pictures, right only from the cameras they were filmed with. They hang as a card through
the head's centre, facing the training camera nearest to the viewer's; a viewer's camera that zooms or pans sees the
card do the same. From 5 degrees off it fades to a flat colour, which it is from 15 degrees on.
"""

import io
from dataclasses import dataclass, field

import numba as nb
import numpy as np
from PIL import Image

from engine.camera import Camera
from engine.errors import AvatarError

FADE_FROM_DEG, FADE_TO_DEG = 5.0, 15.0
MAX_FRAMES = 24
JPEG_QUALITY = 90
MAX_SIDE = 4096


@dataclass
class Backdrop:
    """Torso frames and the cameras that filmed them.

    Attributes:
        pictures: JPEG files, one for each stored camera.
        viewmats: `[B, 4, 4]`; ks: `[B, 3, 3]`; size: (width, height) in pixels.
        matte: the flat colour, `[3]`.
    """

    pictures: list[bytes]
    viewmats: np.ndarray
    ks: np.ndarray
    size: tuple[int, int]
    matte: np.ndarray
    _decoded: dict[int, np.ndarray] = field(default_factory=dict, repr=False)
    _last: tuple[bytes, np.ndarray] | None = field(default=None, repr=False)

    def behind(self, camera: Camera) -> np.ndarray:
        """The backdrop as a camera sees it, float32 `[H, W, 3]`; kept until the camera changes."""
        key = camera.viewmat.tobytes() + camera.k.tobytes() + bytes(f"{camera.width}x{camera.height}", "ascii")
        if self._last is None or self._last[0] != key:
            self._last = (key, self._seen(camera))
        return self._last[1]

    def nearest(self, camera: Camera) -> tuple[int, float]:
        """The stored camera nearest to a camera, and how many degrees apart they look."""
        turns = self.viewmats[:, :3, :3] @ camera.viewmat[:3, :3].T
        angles = np.degrees(np.arccos(np.clip((np.trace(turns, axis1=1, axis2=2) - 1) / 2, -1, 1)))
        places = np.linalg.norm(self.viewmats[:, :3, 3] - camera.viewmat[:3, 3], axis=1)
        best = int(np.argmin(angles + 20 * places))  # a head height aside counts as 20 degrees
        return best, float(angles[best])

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays for the avatar file."""
        sizes = np.array([len(p) for p in self.pictures], dtype=np.int64)
        return {
            "backdrop.jpeg": np.frombuffer(b"".join(self.pictures), dtype=np.uint8).copy(),
            "backdrop.jpeg_sizes": sizes,
            "backdrop.viewmats": self.viewmats.astype(np.float32),
            "backdrop.ks": self.ks.astype(np.float32),
            "backdrop.size": np.array(self.size, dtype=np.int64),
            "backdrop.matte": self.matte.astype(np.float32),
        }

    @classmethod
    def from_tensors(cls, arrays: dict[str, np.ndarray], where: str) -> "Backdrop":
        """Reads and checks the arrays of `tensors`. Raises AvatarError naming what does not fit."""
        try:
            sizes, data = arrays["backdrop.jpeg_sizes"], arrays["backdrop.jpeg"]
            viewmats, ks = (arrays[f"backdrop.{n}"].astype(np.float64) for n in ("viewmats", "ks"))
            width, height = (int(v) for v in arrays["backdrop.size"])
            matte = arrays["backdrop.matte"].astype(np.float32)
        except (KeyError, ValueError) as error:
            raise AvatarError(f"{where}: its background is incomplete ({error}); make the avatar again.") from error
        n = len(sizes)
        whole = (
            0 < n <= 4096 and (sizes > 0).all() and sizes.sum() == data.size and data.dtype == np.uint8
            and viewmats.shape == (n, 4, 4) and ks.shape == (n, 3, 3) and matte.shape == (3,)
            and 1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE
        )  # fmt: skip
        if not whole:
            raise AvatarError(f"{where}: its background pictures do not fit their cameras; make the avatar again.")
        ends = np.cumsum(sizes)
        pictures = [data[end - size : end].tobytes() for size, end in zip(sizes, ends, strict=True)]
        backdrop = cls(pictures, viewmats, ks, (width, height), matte)
        try:
            backdrop._picture(0)
        except (OSError, ValueError) as error:
            raise AvatarError(f"{where}: its background picture cannot be read; make the avatar again.") from error
        return backdrop

    def _picture(self, index: int) -> np.ndarray:
        if index not in self._decoded:
            with Image.open(io.BytesIO(self.pictures[index]), formats=("JPEG",)) as image:
                if image.size != self.size:
                    raise ValueError(f"a background picture is {image.size}, not {self.size}")
                self._decoded[index] = np.asarray(image.convert("RGB"), dtype=np.float32) / 255
        return self._decoded[index]

    def _seen(self, camera: Camera) -> np.ndarray:
        index, angle = self.nearest(camera)
        share = float(np.clip((FADE_TO_DEG - angle) / (FADE_TO_DEG - FADE_FROM_DEG), 0, 1))
        out = np.empty((camera.height, camera.width, 3), np.float32)
        out[:] = self.matte
        if share > 0:
            card = Camera(self.viewmats[index], self.ks[index], *self.size)
            picture = self._picture(index)
            if _same_view(card, camera):
                out = out * (1 - share) + picture * share
            else:
                _draw_card(picture, _picture_from_pixel(card, camera), np.float32(share), out)
        return np.ascontiguousarray(out, dtype=np.float32)


def make_backdrop(
    pictures: np.ndarray | list[np.ndarray], viewmats: np.ndarray, ks: np.ndarray, first: int, plate: np.ndarray | None
) -> Backdrop:
    """Chooses the frames whose cameras lie farthest apart, the one nearest the avatar's own view first.

    Args:
        pictures: what stood behind the head in every training frame, float `[H, W, 3]` each (any sequence).
        first: index of the frame nearest to the avatar's own camera.
        plate: the empty background, whose mean becomes the matte; None uses the first picture's upper edge.
    """
    chosen = spread_out(viewmats, first, MAX_FRAMES)
    frames = [np.asarray(pictures[i]) for i in chosen]
    matte = (plate if plate is not None else frames[0][: max(1, len(frames[0]) // 8)]).reshape(-1, 3).mean(axis=0)
    height, width = frames[0].shape[:2]
    return Backdrop([_jpeg(f) for f in frames], viewmats[chosen], ks[chosen], (width, height), matte)


def spread_out(viewmats: np.ndarray, first: int, n: int) -> list[int]:
    """Indices of cameras, each the farthest from those before it; stops when the rest are alike."""
    features = np.concatenate([viewmats[:, :3, :3].reshape(-1, 9), viewmats[:, :3, 3]], axis=1)
    chosen = [first]
    distance = np.linalg.norm(features - features[first], axis=1)
    while len(chosen) < min(n, len(features)) and distance.max() > 1e-3:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(features - features[chosen[-1]], axis=1))
    return chosen


def _same_view(a: Camera, b: Camera) -> bool:
    return (
        (a.width, a.height) == (b.width, b.height)
        and np.allclose(a.viewmat, b.viewmat, atol=1e-5)
        and np.allclose(a.k, b.k, atol=1e-3)
    )


def _picture_from_pixel(card: Camera, camera: Camera) -> np.ndarray:
    """Homography from a viewer's pixel to the card's picture: by way of the plane through the head's centre that
    faces the card's camera."""
    to_world = np.linalg.inv(card.viewmat)
    origin = np.array([0.0, 0.0, card.viewmat[2, 3]])  # in the card's camera, on its axis at the head's depth
    plane = np.stack([[1.0, 0, 0], [0, 1.0, 0], origin], axis=1)  # (u, v, 1) -> a point of the card, in its camera
    world = np.zeros((4, 3))
    world[:3] = to_world[:3, :3] @ plane
    world[:3, 2] += to_world[:3, 3]
    world[3, 2] = 1.0
    seen = camera.k @ (camera.viewmat @ world)[:3]  # (u, v, 1) -> viewer's pixel
    own = card.k @ plane
    return own @ np.linalg.inv(seen)


@nb.njit(parallel=True, cache=True)
def _draw_card(picture, h, share, out):
    rows, columns = picture.shape[0], picture.shape[1]
    for y in nb.prange(out.shape[0]):
        for x in range(out.shape[1]):
            px, py = x + 0.5, y + 0.5
            w = h[2, 0] * px + h[2, 1] * py + h[2, 2]
            u = (h[0, 0] * px + h[0, 1] * py + h[0, 2]) / w - 0.5
            v = (h[1, 0] * px + h[1, 1] * py + h[1, 2]) / w - 0.5
            u = min(max(u, 0.0), columns - 1.0)  # beyond its edge the card goes on with its edge
            v = min(max(v, 0.0), rows - 1.0)
            x0, y0 = min(int(u), columns - 2), min(int(v), rows - 2)
            fx, fy = u - x0, v - y0
            for c in range(3):
                top = picture[y0, x0, c] * (1 - fx) + picture[y0, x0 + 1, c] * fx
                low = picture[y0 + 1, x0, c] * (1 - fx) + picture[y0 + 1, x0 + 1, c] * fx
                out[y, x, c] = out[y, x, c] * (1 - share) + np.float32(top * (1 - fy) + low * fy) * share


def _jpeg(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    pixels = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()
