"""The numbers of a Talk2Me training; the paper's by default, ours where it gives none."""

from dataclasses import dataclass
from typing import Any

from engine.errors import ModelMissingError
from engine.methods.catalog import Need, head_model
from engine.paths import find_flame, find_ict_facekit

HEADS = ("auto", "ict", "house", "flame", "tracked")
NEAR, FAR = 0.016, 0.04
"""Squared distances in head heights: the published 0.1 and 0.25, where a head is 2.5 units tall."""


@dataclass(frozen=True)
class Talk2MeConfig:
    """Iteration counts are of a run of `iterations`; shorter runs shrink all of them in proportion.

    Attributes:
        head: the head model whose fit gives the mesh to start from, landmarks and expressions: `ict`, `house`, `flame`,
            or `auto`, ICT-FaceKit where it is there, else the house's. `tracked` takes the dataset's surface points,
            landmarks and ARKit scores in its place.
        encoder, emotion_encoder: audio encoders for what is said and for how it is said.
        n_points, n_mouth: Gaussians, and how many of them inside the mouth.
        n_code, width, pose_width: of place codes and features, of the deformation heads, of the slim pose heads.
        near, far: squared distances in head heights, see `regions.region_weights`.
        n_behind: frames of sound (40 ms each) the Expression Generator hears before the shown one; n_around: of those
            whose sound joins each frame's own, see `expression.ExpressionSizes`.
        n_hidden, n_sound_code, n_factor, n_fused, n_heads, n_layers, dropout: see `expression.ExpressionSizes`.
        batch_expression, eye_weight: of the generator's training, see `expression_training`.
        silent_share: part of its batch that is a silent room and the resting face (ours: pauses stay still).
        mesh_until: share of the run in which the fitted mesh alone moves the Gaussians, which learn how they look: such
            a step costs a third (ours: the published mesh stage is a training of its own).
        adversarial_from: iteration from which the discriminator judges.
        lambda_*: weights of the loss terms. `lambda_lips`: L1 in the lip box (ours). `lambda_separate`: lips leave the
            upper face alone, lids and brows the lower one (ours: short clips leak). `lambda_adversarial` 0: no
            discriminator. `lambda_offset`: the networks move the Gaussians little beyond what the mesh does.
        ssim_side: pixels of the crop SSIM and the discriminator look at; 0 takes the whole picture.
        open_every: one frame in so many is of a wide open mouth, another of shut lids (ours); 0 draws evenly.
        coarse_until: share of the run at half resolution (ours, 0 in the paper's setting).
        pose_rate: of per-frame corrections of tracked cameras.
        still_pixels: a Gaussian that moves less than so many pixels of a 512 picture is kept still when alive.
        motion_steps: of the head-motion generator, where the film's head moves; 0 for none.
        rate_*: learning rates, from the first to the last.
    """

    iterations: int = 20_000
    head: str = "auto"
    encoder: str = "phones"
    emotion_encoder: str = "mel"
    n_points: int = 60_000
    n_mouth: int = 3000
    n_code: int = 128
    width: int = 256
    pose_width: int = 128
    near: float = NEAR
    far: float = FAR
    n_behind: int = 60
    n_around: int = 0
    n_hidden: int = 256
    n_sound_code: int = 128
    n_factor: int = 32
    n_fused: int = 256
    n_heads: int = 4
    n_layers: int = 2
    dropout: float = 0.1
    batch_expression: int = 16
    eye_weight: float = 5.0
    silent_share: float = 0.1
    mesh_until: float = 0.0
    adversarial_from: int = 5000
    lambda_l1: float = 1.0
    lambda_image: float = 0.1
    lambda_ssim: float = 0.2
    lambda_adversarial: float = 0.01
    lambda_lips: float = 0.0
    lambda_separate: float = 0.0
    lambda_offset: float = 0.01
    lambda_expression: float = 1.0
    ssim_side: int = 0
    open_every: int = 0
    coarse_until: float = 0.0
    pose_rate: float = 1e-5
    sound_variants: int = 6
    still_pixels: float = 0.06
    motion_steps: int = 800
    rate_network: tuple[float, float] = (1e-4, 1e-4)
    rate_place: tuple[float, float] = (1e-4, 1e-4)
    rate_critic: float = 1e-4
    rate_expression: tuple[float, float] = (1e-4, 1e-4)
    rate_means: tuple[float, float] = (1e-4, 1e-4)
    rate_features: float = 1e-4
    rate_scale: float = 3e-4
    rate_quat: float = 1e-5
    rate_opacity: float = 1e-4
    rate_color: float = 1e-4


PRESETS: dict[str, dict[str, Any]] = {
    "cpu": {
        "iterations": 12_000, "n_points": 24_000, "n_mouth": 500, "n_code": 64, "width": 96, "pose_width": 48,
        "n_behind": 30, "n_around": 2, "n_hidden": 128, "n_sound_code": 64, "n_factor": 16, "n_fused": 128,
        "dropout": 0.0, "batch_expression": 4, "lambda_adversarial": 0.0, "lambda_offset": 0.1, "lambda_image": 0.02,
        "lambda_lips": 0.2, "lambda_separate": 1e-2, "ssim_side": 224, "open_every": 7, "coarse_until": 0.35,
        "mesh_until": 0.15,
        "pose_rate": 1e-4, "motion_steps": 400, "rate_network": (1e-3, 1e-4), "rate_place": (1e-3, 1e-4),
        "rate_expression": (1e-3, 1e-4), "rate_means": (1.6e-4, 1.6e-5), "rate_features": 2.5e-3, "rate_scale": 5e-3,
        "rate_quat": 1e-3, "rate_opacity": 0.03, "rate_color": 0.01,
    },
}  # fmt: skip
"""`cpu`: half an hour on two cores, and 25 motion frames a second on them: heads of 96, no discriminator, higher
rates, a third of the run at half size; see `docs/decisions.md`."""

SUMMARY = "Expressions of a head model, made of what is said and how; the voice also turns the head."
HOURS = {"cpu": 0.7}


def needs(config: Talk2MeConfig) -> tuple[Need, ...]:
    """A head model laid into the film, unless the config takes what was tracked."""
    head = head_of(config)
    if head == "tracked":
        return ()
    instead = {"head": "tracked"}
    try:
        {"ict": find_ict_facekit, "flame": find_flame}.get(head, lambda: None)()
    except ModelMissingError:
        return (Need("fit", "The head model is not here; tracked scores can take its place.", False, head, instead),)
    return (Need("fit", "A head model is laid into the film first.", head=head, without=instead),)


def head_of(config: Talk2MeConfig) -> str:
    """The head model of a config, `tracked` for none."""
    return head_model(config.head)
