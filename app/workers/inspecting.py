"""Answers what the Inspect workspace asks of the avatar on stage; in the performer process, beside the picture loop."""

import base64
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from app.workers.stage import Stage

MAX_CORNERS = 4000


class Inspecting:
    """Looks the avatar over on a thread of its own, finds splats under an outline, keeps marks of the view.

    Args:
        say: sends an event to the window.
    """

    def __init__(self, folder: Path, stage: "Stage", say: Any) -> None:
        self._folder, self._stage, self._say = folder, stage, say
        self._facts: Any = None
        self._facts_of = -1
        self._thread: threading.Thread | None = None
        self._has_news = False
        self._marks: dict[str, Any] = {}

    def inspect(self) -> None:
        """Says `inspected` with a file of `SplatFacts` once they are found; found ones are said again at once."""
        stage = self._stage
        if stage.performer is None or (self._thread is not None and self._thread.is_alive()):
            return
        number, path = stage.number, self._folder / f"splats.{stage.number}.facts"
        if self._facts_of == number:
            self._say("inspected", number=number, path=str(path))
            return
        avatar = stage.performer.avatar
        self._thread = threading.Thread(target=self._look_over, args=(avatar, number, path), daemon=True)
        self._thread.start()

    def select(self, request: dict[str, Any]) -> None:
        """Says `selected` with the packed bits of what lies under an outline or a brush's path."""
        from engine.inspection.sight import under_brush, under_outline

        performer, points = self._stage.performer, np.array(request["points"], dtype=float)
        if performer is None:
            return
        if points.ndim != 2 or points.shape[1] != 2 or not 1 <= len(points) <= MAX_CORNERS:
            raise ValueError("an outline is a list of points")
        look = self._stage.look
        camera = self._stage.orbit.camera(look.width, look.height)
        layers = self._stage.posed_layers(camera)
        through = bool(request.get("through"))
        if "radius" in request:
            hit = under_brush(layers, camera, points, float(request["radius"]), performer.rasterizer, through)
        else:
            hit = under_outline(layers, camera, points, performer.rasterizer, through)
        self._say("selected", id=request["id"], n=len(hit), bits=packed(hit))

    def portrait(self, request: dict[str, Any]) -> None:
        """Says `portrait` with a PNG of the avatar without background: at rest but for `values`, or as `controls` say.

        The PNG is empty where `controls`, values of the whole schema, are another avatar's.
        """
        from app.workers.stage import clamped_size
        from engine.camera import Orbit
        from engine.pixels import to_bytes

        performer = self._stage.performer
        if performer is None:
            return
        avatar, (width, height) = performer.avatar, clamped_size(*request["size"])
        camera = Orbit.from_json(request["orbit"]).camera(width, height)
        controls = avatar.schema.rest()
        if "controls" in request:
            if len(request["controls"]) != len(controls.values):
                self._say("portrait", name=request["name"], png="")
                return
            controls.values[:] = np.array(request["controls"], dtype=np.float32)
        for name, value in request.get("values", {}).items():
            if name in avatar.schema:
                controls.values[avatar.schema.index(name)] += float(value)
        layers = avatar.deform(avatar.animate(controls), camera)
        if performer.edits is not None:
            layers = performer.edits.apply(layers)
        rendered = performer.rasterizer.render(layers, camera)
        picture = np.empty((height, width, 4), np.uint8)
        straight = rendered.color[..., :3] / np.maximum(rendered.alpha, 1e-3)[..., None]
        to_bytes(np.concatenate([np.clip(straight, 0, 1), rendered.alpha[..., None]], axis=2), picture)
        self._say("portrait", name=request["name"], png=png_text(picture))

    def maps(self) -> None:
        """Says `maps`: the method's own maps at the moment drawn last, PNGs; None while a hand moves something."""
        stage = self._stage
        if stage.performer is None or stage.is_in_hand:
            self._say("maps", number=stage.number, maps=None)
            return
        rows = [{"title": one.title, "words": one.words, "png": png_text(one.image)} for one in stage.performer.maps()]
        self._say("maps", number=stage.number, maps=rows)

    def marks(self, request: dict[str, Any]) -> None:
        """Keeps what is selected and shown, the size of splats, edges, and whose reach is painted."""
        from engine.live_view import ViewOptions

        stage, self._marks = self._stage, request
        n = stage.performer.avatar.manifest.n_gaussians if stage.performer is not None else 0
        fits = int(request.get("n", 0)) == n
        control = request.get("control")
        stage.look.options = ViewOptions(
            selected=unpacked(request.get("selected"), n) if fits else None,
            shown=unpacked(request.get("shown"), n) if fits else None,
            splat_size=min(2.0, max(0.05, float(request.get("splat_size", 1.0)))),
            has_edges=bool(request.get("has_edges", True)),
            control=None if control is None else str(control),
        )

    def take_news(self) -> bool:
        """True once after the splats were looked over: a view that waits for it can be made."""
        news, self._has_news = self._has_news, False
        return news

    def must_wait(self, mode: str) -> bool:
        """Whether a view needs what is not found yet; the looking over starts then."""
        if mode != "coverage" or self._facts_of == self._stage.number or self._stage.performer is None:
            return False
        self.inspect()
        return True

    def mark_again(self) -> None:
        """Another avatar is on stage, or the same one after a restart: marks that fit it count."""
        self.marks(self._marks)

    def options(self) -> Any:
        """The options of the view, with what is known of how splats were seen."""
        from dataclasses import replace

        options = self._stage.look.options
        if self._facts_of != self._stage.number or self._facts is None:
            return options
        return replace(options, seen=self._facts.seen, n_views=self._facts.n_views)

    def say_reach(self, view: Any) -> None:
        """Tells how many splats the view's control moves and how far the farthest goes."""
        from engine.inspection.reach import MOVES_MM

        if view is not None and view.reach_mm is not None:
            moved = view.reach_mm > MOVES_MM
            self._say("reach", control=view.options.control, n=int(moved.sum()), most_mm=float(view.reach_mm.max()))

    def _look_over(self, avatar: Any, number: int, path: Path) -> None:
        from engine.inspection.analysis import inspect
        from engine.raster import pick_rasterizer

        try:
            facts = inspect(avatar, pick_rasterizer("cpu"))
            facts.save(path)
        except Exception:  # the edge of a thread: the face goes on performing
            import traceback

            traceback.print_exc()
            self._say(
                "note", level="warn", title="Inspect", sentence="The splats could not be looked over; see the log."
            )
            return
        self._facts, self._facts_of, self._has_news = facts, number, True
        self._say("inspected", number=number, path=str(path))


def png_text(picture: np.ndarray) -> str:
    """A picture uint8 `[H, W, 4]` as a PNG in base64."""
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=1)
    return base64.b64encode(file.getvalue()).decode("ascii")


def packed(bits: np.ndarray) -> str:
    return base64.b64encode(np.packbits(bits).tobytes()).decode("ascii")


def unpacked(text: str | None, n: int) -> np.ndarray | None:
    """Bits `[n]` from `packed`; None stays None. Raises ValueError if they are not n."""
    if text is None:
        return None
    raw = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    if len(raw) != -(-n // 8):
        raise ValueError(f"{len(raw)} bytes of marks for {n} splats")
    return np.unpackbits(raw, count=n).astype(bool)
