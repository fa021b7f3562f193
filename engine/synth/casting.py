"""Who the studio films: a made person by name or seed, on the head model that was asked for."""

from pathlib import Path

import numpy as np

from engine.errors import MouthpieceError
from engine.heads.base import HeadModel
from engine.heads.house import HouseHead
from engine.heads.ict import FaceIdentity, IctHead
from engine.heads.sculpt.identity import Look
from engine.paths import find_ict_facekit
from engine.synth.population import person, sample_identity

HEADS = ("house", "ict")
MODE_SPREAD, N_MODES = 0.75, 14  # of sampled faces, standard deviations of the kit's modes

FACES = {
    "noa": FaceIdentity(
        "Noa", (),
        Look(skin_tone=0.58, hair_color=0.10, eye_color=0.97, blush=0.75, hair_style="crop", hair_length=0.75,
             cloth=(56, 65, 76)),
    ),
    "iris": FaceIdentity(
        "Iris", (-0.6, 0.9, -0.4, 0.8, 0.3, -0.9, 0.5),
        Look(skin_tone=0.72, hair_color=0.04, eye_color=0.06, blush=0.6, lip_color=0.8, brow_thickness=0.85,
             hair_style="bun", hair_length=1.0, cloth=(150, 84, 58)), rest_smile=0.2,
    ),
    "marlow": FaceIdentity(
        "Marlow", (0.8, -0.7, 0.9, -0.5, -0.6, 0.4, 0.8),
        Look(skin_tone=0.40, hair_color=1.0, eye_color=0.5, blush=0.8, age=0.9, stubble=0.7, brow_thickness=1.15,
             hair_style="quiff", hair_length=0.8, cloth=(70, 84, 66)), rest_smile=0.1,
    ),
    "teo": FaceIdentity(
        "Teo", (0.9, 0.8, 0.7, 0.9, -0.4, 0.6, -0.8),
        Look(skin_tone=0.92, hair_color=0.0, eye_color=0.03, blush=0.4, lip_color=0.3, stubble=0.4,
             brow_thickness=1.1, hair_style="buzz", cloth=(176, 160, 128)), rest_smile=0.15,
    ),
}  # fmt: skip
"""People made on ICT-FaceKit by name; the weights are numbers we chose, nobody's likeness."""


def cast_head(who: str, head: str = "house", kit: Path | None = None) -> HeadModel:
    """A person's head: a name of the cast or a seed of the population, on the house head or ICT-FaceKit.

    Args:
        kit: ICT-FaceKit's folder (default: where `find_ict_facekit` looks).

    Raises:
        MouthpieceError: for a head model or a name nobody has.
        ModelMissingError: for "ict" without the kit.
    """
    who = who.removeprefix("seed ")  # as films of the population name their people
    if head == "house":
        return HouseHead(person(who))
    if head == "ict":
        return IctHead(find_ict_facekit(kit), face(who))
    raise MouthpieceError(f"{head!r} is no head the studio can film; name {' or '.join(HEADS)}.")


def face(who: str) -> FaceIdentity:
    """A person on ICT-FaceKit: by name, or drawn from a seed ("17") with the look of the house's seed."""
    if who.lower() in FACES:
        return FACES[who.lower()]
    if who.isdigit():
        modes = np.random.default_rng([int(who), 53]).normal(0, MODE_SPREAD, N_MODES).clip(-1.5, 1.5)
        return FaceIdentity(f"seed {who}", tuple(float(m) for m in modes), sample_identity(int(who)).look)
    raise MouthpieceError(f"{who!r} is nobody the studio knows; name {', '.join(FACES)} or a seed.")
