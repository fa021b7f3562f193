"""A frame of a clip as it goes to its file: drawn larger and averaged down, labelled, with its depth where asked."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from engine.camera import Camera
from engine.controls import Controls
from engine.errors import OutputError
from engine.export.order import Order
from engine.gaussians import Gaussians
from engine.parts.compositing import finished
from engine.performer import Performer
from engine.pixels import to_bytes
from engine.raster.views import viewed

STUDIO_GREY = (0.169, 0.176, 0.192)
"""What an avatar without a background of its own stands before in a clip that has no alpha."""

LABEL_SHARE, LABEL_MARGIN = 0.034, 0.03
"""Height of the label's letters and its distance from the edges, as parts of the picture's height."""

SOLID = 0.5
"""Where less than this covers a pixel it has no depth."""


@dataclass(frozen=True)
class Drawn:
    """A frame as it was drawn, `supersample` times as large as it will be: float32 `[H, W, 4]`, straight alpha."""

    image: np.ndarray
    layers: list[Gaussians]
    depth: np.ndarray | None


@dataclass(frozen=True)
class Picture:
    """One frame.

    Attributes:
        pixels: uint8 `[H, W, 4]`, straight alpha.
        layers: the Gaussians it was drawn from, back to front.
        depth: head heights from the camera, float32 `[H, W]`, 0 where nothing is; None where not asked for.
    """

    pixels: np.ndarray
    layers: list[Gaussians]
    depth: np.ndarray | None


class Painter:
    """Draws the frames of an order.

    Args:
        performer: its background is set here.
        has_depth: whether depth is wanted.
    """

    def __init__(self, order: Order, performer: Performer, has_depth: bool = False) -> None:
        self._order, self._performer, self._has_depth = order, performer, has_depth
        self._is_transparent = order.format.has_alpha and order.is_transparent and order.background is None
        self._scale = order.supersample
        performer.background = self._background()
        self._label = _label(order.label, order.width, order.height) if order.label else None

    def draw(self, values: np.ndarray, time: float, camera: Camera) -> Drawn:
        """A frame from control values `[C]`, in memory of its own; the camera is of the order's own size."""
        performer, avatar, s = self._performer, self._performer.avatar, self._scale
        large = camera.resized(camera.width * s, camera.height * s) if s > 1 else camera
        controls = Controls(avatar.schema, values)
        layers = performer.layers(controls, large)
        rendered = performer.rasterizer.render(layers, large)
        if self._is_transparent:
            image = finished(rendered, None)
        else:
            settings = performer.mixer.settings
            image = avatar.compose(rendered, controls, large, time, performer.background, settings)
        return Drawn(image, layers, self._depth(layers, camera) if self._has_depth else None)

    def finish(self, drawn: Drawn) -> Picture:
        """The frame in its own size, labelled; on any thread."""
        pixels = averaged(drawn.image, self._scale)
        if self._label is not None:
            pixels = np.asarray(Image.alpha_composite(Image.fromarray(pixels), self._label))
        return Picture(pixels, drawn.layers, drawn.depth)

    def _depth(self, layers: list[Gaussians], camera: Camera) -> np.ndarray:
        with torch.no_grad():
            painted = [viewed(layer, camera, "depth") for layer in layers]
        rendered = self._performer.rasterizer.render(painted, camera)
        alpha = np.maximum(rendered.alpha, 1e-6)
        return np.where(rendered.alpha >= SOLID, rendered.color[..., 0] / alpha, 0.0).astype(np.float32)

    def _background(self) -> np.ndarray | None:
        order = self._order
        if isinstance(order.background, tuple):
            return np.array(order.background, dtype=np.float32)
        if order.background is not None:
            return _fitted_picture(order, order.width * self._scale, order.height * self._scale)
        has_own = self._performer.avatar.manifest.background != "none"
        return None if has_own else np.array(STUDIO_GREY, dtype=np.float32)


def averaged(image: np.ndarray, scale: int) -> np.ndarray:
    """A picture `scale` times as large, straight alpha float32 0 to 1, averaged down: uint8 `[H, W, 4]`.

    Colours are averaged weighted by alpha, so that no edge darkens.
    """
    if scale > 1:
        height, width = image.shape[0] // scale, image.shape[1] // scale
        blocks = image.reshape(height, scale, width, scale, 4)
        alpha = blocks[..., 3:].mean(axis=(1, 3))
        color = (blocks[..., :3] * blocks[..., 3:]).mean(axis=(1, 3)) / np.maximum(alpha, 1e-6)
        image = np.concatenate([color, alpha], axis=-1)
    pixels = np.empty(image.shape, dtype=np.uint8)
    to_bytes(np.ascontiguousarray(image, dtype=np.float32), pixels)
    return pixels


def _fitted_picture(order: Order, width: int, height: int) -> np.ndarray:
    """A picture that fills the frame, its middle kept, float32 `[H, W, 3]`."""
    from PIL import ImageOps

    try:
        with Image.open(order.background) as image:
            filled = ImageOps.fit(image.convert("RGB"), (width, height), Image.Resampling.LANCZOS)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise OutputError(f"{order.background}: is not a picture that can be read ({error}).") from error
    return np.asarray(filled, dtype=np.float32) / 255


def _label(words: str, width: int, height: int) -> Image.Image:
    """Words in the lower right corner on a dark ground, RGBA of the picture's size."""
    size = max(9, round(LABEL_SHARE * height))
    font = ImageFont.load_default(size)
    picture = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(picture)
    left, top, right, bottom = draw.textbbox((0, 0), words, font=font)
    room, margin = size // 2, round(LABEL_MARGIN * height)
    x, y = width - margin - room - (right - left), height - margin - room - (bottom - top)
    box = (x - room, y - room, x + (right - left) + room, y + (bottom - top) + room)
    draw.rounded_rectangle(box, radius=size // 3, fill=(0, 0, 0, 150))
    draw.text((x - left, y - top), words, font=font, fill=(255, 255, 255, 235))
    return picture
