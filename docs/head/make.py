"""Makes the pictures of this folder: the house head from five views, its 52 expressions, sampled people, the cast,
the people made on ICT-FaceKit (where the kit is found, see `engine.paths.find_ict_facekit`), and the default avatars
as trained: a row each.

Run from the repository: `python docs/head/make.py [views expressions people cast ict ict_cast avatars]`.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from engine.avatar import load_avatar
from engine.camera import Orbit
from engine.heads.house import HouseHead
from engine.paths import ASSETS
from engine.synth.casting import FACES, cast_head
from engine.synth.population import CAST, person
from engine.synth.renderer import HeadRenderer, Shot
from engine.training.thumbnail import rendered_layers
from engine.vocabulary import ARKIT_52

HERE = Path(__file__).parent
BACKDROP = np.array([0.155, 0.165, 0.185]), np.array([0.33, 0.35, 0.385])  # dark below, lit behind the head
FRIENDLY = {"mouthSmileLeft": 0.32, "mouthSmileRight": 0.32, "cheekSquintLeft": 0.15, "cheekSquintRight": 0.15}
MOUTH_OPEN = {"jawOpen": 0.6}
EYES_SHUT = {**FRIENDLY, "eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
BROAD_SMILE = {"mouthSmileLeft": 0.85, "mouthSmileRight": 0.85, "cheekSquintLeft": 0.4, "cheekSquintRight": 0.4,
               "mouthUpperUpLeft": 0.2, "mouthUpperUpRight": 0.2, "jawOpen": 0.12}  # fmt: skip
VIEWS = ((0, 0), (30, 0), (-30, 0), (0, 20), (0, -20))
PEOPLE = (1, 3, 4, 7, 8, 9, 10, 12)


def picture(
    renderer: HeadRenderer,
    expression: dict,
    azimuth: float,
    elevation: float,
    size: int,
    away: float = 4.1,
    middle: float = -0.1,
) -> np.ndarray:
    """One render over the studio's backdrop, uint8 `[size, size, 3]`."""
    camera = Orbit((0.0, middle, 0.0), azimuth, elevation, away).camera(size, size)
    return on_backdrop(renderer.render(renderer.head.pose(expression), camera))


def on_backdrop(shot: Shot) -> np.ndarray:
    """Anything with a premultiplied `color` `[S, S, 3]` and an `alpha` `[S, S]`, uint8."""
    size = shot.alpha.shape[0]
    y, x = np.mgrid[0:size, 0:size] / size
    glow = np.exp(-(((x - 0.5) / 0.42) ** 2 + ((y - 0.42) / 0.45) ** 2))[..., None]
    backdrop = BACKDROP[0] * (1 - glow) + BACKDROP[1] * glow
    rgb = shot.color + (1 - shot.alpha[..., None]) * backdrop
    return (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)


def sheet(pictures: list[np.ndarray], columns: int, labels: list[str] | None = None) -> Image.Image:
    """Pictures in rows, each with its label in the corner."""
    size = pictures[0].shape[0]
    rows = -(-len(pictures) // columns)
    page = Image.new("RGB", (columns * size, rows * size), (40, 42, 47))
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=max(11, size // 17))
    for i, rgb in enumerate(pictures):
        x, y = i % columns * size, i // columns * size
        page.paste(Image.fromarray(rgb), (x, y))
        if labels:
            draw.text((x + 6, y + 4), labels[i], fill=(225, 228, 233), font=font)
    return page


def views() -> Image.Image:
    renderer = HeadRenderer(HouseHead(person("noa")))
    return sheet([picture(renderer, FRIENDLY, *view, 420) for view in VIEWS], 5)


def expressions() -> Image.Image:
    renderer = HeadRenderer(HouseHead(person("noa")))
    close = {"size": 200, "away": 2.9, "middle": -0.08}
    made = [picture(renderer, expression_of(name), 14, 2, **close) for name in ARKIT_52]
    return sheet(made, 9, list(ARKIT_52))


def expression_of(name: str) -> dict[str, float]:
    """A shape as it is seen best: `mouthClose` and `tongueOut` need an open jaw."""
    return {name: 1.0, **({"jawOpen": 0.7} if name in ("mouthClose", "tongueOut") else {})}


def people() -> Image.Image:
    return sheet([_portrait(str(seed)) for seed in PEOPLE], 4)


def cast() -> Image.Image:
    return sheet([_portrait(name) for name in CAST], 5, [identity.name for identity in CAST.values()])


def ict() -> Image.Image:
    """The face the program opens with: five views, mouth open, eyes shut, a broad smile."""
    renderer = HeadRenderer(cast_head("noa", "ict"))
    made = [picture(renderer, FRIENDLY, *view, 420) for view in VIEWS]
    made += [picture(renderer, expression, 14, 2, 420) for expression in (MOUTH_OPEN, EYES_SHUT, BROAD_SMILE)]
    return sheet(made, 4)


def ict_cast() -> Image.Image:
    return sheet([_portrait(name, "ict") for name in FACES], 4, [identity.name for identity in FACES.values()])


def avatars() -> Image.Image:
    """Each default avatar from the front, from 30 degrees on all four sides, with its mouth open and its eyes shut."""
    made = []
    for path in sorted((ASSETS / "avatars").glob("*.avatar")):
        avatar = load_avatar(path)
        looks = [({}, *view) for view in ((0, 0), (30, 0), (-30, 0), (0, 30), (0, -30))]
        looks += [({"au.26": 1.0}, 14, 2), ({"au.45l": 1.0, "au.45r": 1.0}, 14, 2)]
        for values, azimuth, elevation in looks:
            controls = avatar.schema.rest()
            for name, value in values.items():
                controls[name] = min(value, avatar.schema.specs[avatar.schema.index(name)].high)
            camera = Orbit((0.0, -0.1, 0.0), azimuth, elevation, 4.1).camera(360, 360)
            with torch.no_grad():
                made.append(on_backdrop(rendered_layers(avatar.deform(avatar.animate(controls), camera), camera)))
    return sheet(made, 7)


def _portrait(who: str, head: str = "house") -> np.ndarray:
    return picture(HeadRenderer(cast_head(who, head)), FRIENDLY, 16, 3, 420)


def main() -> None:
    makers = {"views": views, "expressions": expressions, "people": people, "cast": cast, "ict": ict,
              "ict_cast": ict_cast, "avatars": avatars}  # fmt: skip
    for name in sys.argv[1:] or makers:
        page = (
            makers[name]().quantize(255, dither=Image.Dither.FLOYDSTEINBERG)
            if name == "expressions"
            else makers[name]()
        )
        page.save(HERE / f"{name}.png", optimize=True)
        print(HERE / f"{name}.png", page.size)


if __name__ == "__main__":
    main()
