"""Who the studio can film: a named cast, and identities drawn at random from a varied population."""

from dataclasses import replace

import numpy as np

from engine.errors import MouthpieceError
from engine.heads.sculpt.identity import FORM_NAMES, Form, Identity, Look

CAST = {
    "noa": Identity("Noa"),
    "iris": Identity(
        "Iris",
        Form(face_width=0.1, face_length=-0.9, jaw_width=-0.5, chin_width=-0.3, chin_length=-0.2, nose_width=0.45,
             nose_bridge=-0.3, nose_length=-0.4, eye_size=0.75, eye_spacing=-0.45, eye_tilt=0.5, lip_fullness=0.7,
             mouth_width=-0.1, cheek=0.5, softness=0.3, neck=-0.4, brow_height=0.2),
        Look(skin_tone=0.74, hair_color=0.03, eye_color=0.06, blush=0.55, lip_color=0.8, brow_thickness=0.85,
             hair_style="curls", hair_length=1.15, cloth=(150, 84, 58)),
        rest_smile=0.3,
    ),
    "marlow": Identity(
        "Marlow",
        Form(face_width=0.35, face_length=-0.5, jaw_width=0.75, chin_width=0.6, chin_length=0.3, chin_forward=0.3,
             nose_width=0.2, nose_length=0.35, nose_bridge=0.5, nose_tip=-0.2, eye_size=0.1, eye_spacing=-0.4,
             eye_tilt=-0.1, lip_fullness=-0.5, mouth_width=0.05, brow_ridge=0.8, brow_height=-0.5, cheek=0.0,
             softness=0.1, neck=0.8, ear_size=0.3),
        Look(skin_tone=0.24, hair_color=0.62, eye_color=0.5, blush=0.75, lip_color=0.1, age=0.7, stubble=0.9,
             brow_thickness=1.25, hair_style="quiff", hair_length=1.2, cloth=(70, 84, 66)),
        rest_smile=0.2,
    ),
    "vera": Identity(
        "Vera",
        Form(face_width=0.0, face_length=-1.0, jaw_width=-0.7, chin_width=-0.5, chin_length=-0.2, nose_width=-0.35,
             nose_length=-0.5, nose_tip=0.6, eye_size=0.8, eye_spacing=-0.5, eye_tilt=0.4, lip_fullness=0.25,
             mouth_width=-0.3, cheek=0.4, softness=0.2, neck=-0.6, brow_height=0.1, brow_ridge=-0.4),
        Look(skin_tone=0.16, hair_color=0.80, eye_color=0.42, blush=0.8, freckles=0.9, lip_color=0.7,
             brow_thickness=0.8, hair_style="bob", hair_length=1.0, cloth=(64, 86, 82)),
        rest_smile=0.3,
    ),
    "teo": Identity(
        "Teo",
        Form(face_width=0.5, face_length=-0.6, jaw_width=0.5, chin_width=0.4, nose_width=0.7, nose_bridge=-0.2,
             eye_size=0.3, eye_spacing=-0.3, lip_fullness=0.55, mouth_width=0.1, brow_ridge=0.4, brow_height=-0.2,
             cheek=0.25, softness=0.5, neck=0.7, ear_size=0.1),
        Look(skin_tone=0.90, hair_color=0.0, eye_color=0.03, blush=0.4, lip_color=0.3, stubble=0.5,
             brow_thickness=1.15, hair_style="buzz", cloth=(176, 160, 128)),
        rest_smile=0.28,
    ),
}  # fmt: skip
"""The people of the default avatars by name; made up, like everyone here."""

CLOTHS = ((58, 72, 88), (150, 84, 58), (70, 84, 66), (64, 86, 82), (176, 160, 128), (120, 54, 60), (92, 80, 112),
          (52, 54, 58), (188, 178, 168), (44, 92, 112))  # fmt: skip
SOFT_STYLES = (("bob", 0.26), ("bun", 0.22), ("long", 0.22), ("curls", 0.16), ("crop", 0.14))
SHORT_STYLES = (("crop", 0.34), ("quiff", 0.18), ("fringe", 0.12), ("buzz", 0.18), ("curls", 0.12), ("bald", 0.06))


def sample_identity(seed: int) -> Identity:
    """A person drawn from the population; the same seed is always the same person."""
    rng = np.random.default_rng([seed, 52])
    build = float(np.clip(rng.normal(0, 0.75), -1, 1))  # -1 delicate, 1 rugged features
    return Identity(f"seed {seed}", _form(build, rng), _look(build, rng), rest_smile=float(rng.uniform(0.1, 0.38)))


def person(name: str) -> Identity:
    """A member of the cast by name, or the identity of a seed ("17")."""
    if name.lower() in CAST:
        return CAST[name.lower()]
    if name.isdigit():
        return sample_identity(int(name))
    raise MouthpieceError(f"{name!r} is nobody the studio knows; name {', '.join(CAST)} or a seed.")


def _form(build: float, rng: np.random.Generator) -> Form:
    values = {name: float(np.clip(rng.normal(0, 0.58), -1, 1)) for name in FORM_NAMES}
    form = Form(**values)
    return replace(
        form,
        face_width=_near(form.face_width + 0.2), face_length=_near(form.face_length * 0.5 - 0.75),
        jaw_width=_near(form.jaw_width + 0.55 * build), chin_width=_near(form.chin_width + 0.45 * build),
        chin_length=_near(form.chin_length * 0.7 + 0.2 * build),
        nose_length=_near(form.nose_length * 0.8 + 0.2 * build - 0.1),
        eye_size=_near(form.eye_size * 0.6 - 0.3 * build + 0.4), eye_spacing=_near(form.eye_spacing * 0.5 - 0.45),
        lip_fullness=_near(form.lip_fullness - 0.25 * build), brow_ridge=_near(form.brow_ridge + 0.5 * build),
        brow_height=_near(form.brow_height * 0.7 - 0.35 * build), neck=_near(form.neck + 0.6 * build),
    )  # fmt: skip


def _look(build: float, rng: np.random.Generator) -> Look:
    skin = float(rng.beta(1.1, 1.4))
    light_haired = rng.random() < 0.75 - skin
    hair = float(rng.choice([0.45, 0.6, 0.72, 0.86]) if light_haired else rng.uniform(0, 0.34))
    age = float(rng.beta(1.2, 2.0))
    if age > 0.72:
        hair = 1.0
    light_eyed = rng.random() < 0.7 - skin
    eyes = float(rng.uniform(0.35, 1.0) if light_eyed else rng.uniform(0.0, 0.22))
    styles = SHORT_STYLES if build > rng.uniform(-0.4, 0.4) else SOFT_STYLES
    style = str(rng.choice([name for name, _ in styles], p=[share for _, share in styles]))
    length = float(rng.uniform(0.85, 1.25))
    if style == "long":
        style, length = "bob", float(rng.uniform(1.45, 1.65))
    stubble = float(rng.uniform(0.2, 1.0)) if build > 0.15 and rng.random() < 0.45 else 0.0
    freckles = float(rng.uniform(0.3, 1.0)) if skin < 0.4 and rng.random() < 0.3 else 0.0
    return Look(
        skin_tone=skin, hair_color=hair, eye_color=eyes, blush=float(rng.uniform(0.4, 0.9)), freckles=freckles,
        lip_color=float(np.clip(0.5 - 0.4 * build + rng.normal(0, 0.2), 0, 1)), age=age, stubble=stubble,
        brow_thickness=float(np.clip(1.0 + 0.2 * build + rng.normal(0, 0.12), 0.65, 1.4)), hair_style=style,
        hair_length=length, cloth=CLOTHS[int(rng.integers(len(CLOTHS)))],
    )  # fmt: skip


def _near(value: float) -> float:
    return float(np.clip(value, -1.1, 1.1))
