"""Pictures in 256 colours each, for GIF: FFmpeg's palette filters, one palette a picture, so that clips stream."""

from collections.abc import Iterator
from fractions import Fraction

import av


class Palette:
    """Turns rgba pictures into palette pictures; alpha below a half becomes the transparent colour.

    Args:
        size: width and height in pixels.
        rate: pictures a second.
    """

    def __init__(self, size: tuple[int, int], rate: Fraction) -> None:
        self._graph = av.filter.Graph()
        source = self._graph.add_buffer(width=size[0], height=size[1], format="rgba", time_base=1 / rate)
        split, sink = self._graph.add("split"), self._graph.add("buffersink")
        made = self._graph.add("palettegen", "stats_mode=single:reserve_transparent=1")
        used = self._graph.add("paletteuse", "new=1:alpha_threshold=128:dither=sierra2_4a")
        source.link_to(split)
        split.link_to(made, 0, 0)
        split.link_to(used, 1, 0)
        made.link_to(used, 0, 1)
        used.link_to(sink)
        self._graph.configure()

    def push(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """The pictures that are ready after this one; None ends the clip."""
        self._graph.push(frame)
        while True:
            try:
                yield self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
