"""A still of what the viewport shows, and the words that stand beside an avatar's name."""

from PySide6.QtGui import QImage, QPainter

from app.viewport.ground import Ground, ground_image
from app.workers.frames import FrameView
from engine.manifest import Manifest

METHOD_TITLES = {
    "dgtalker": "DGTalker", "ggtalker": "GGTalker", "talk2me": "Talk2Me", "embedtalk": "EmbedTalk",
    "gaussiantalker": "GaussianTalker",
}  # fmt: skip
"""Methods as their papers write them."""


def still_picture(view: FrameView | None, ground: Ground, tokens) -> QImage:
    """A frame over its ground at the frame's own size; over the checker it keeps its alpha. Null without a frame."""
    if view is None:
        return QImage()
    height, width = view.image.shape[:2]
    frame = QImage(view.image.data, width, height, width * 4, QImage.Format.Format_RGBA8888)
    if ground.kind == "checker":
        return frame.copy()
    picture = ground_image(ground, width, height, 1.0, tokens)
    painter = QPainter(picture)
    painter.drawImage(0, 0, frame)
    painter.end()
    return picture


def avatar_words(manifest: Manifest) -> str:
    """Method and size of an avatar, such as `EmbedTalk, 30,118 splats`."""
    return f"{METHOD_TITLES.get(manifest.method, manifest.method)}, {manifest.n_gaussians:,} splats"
