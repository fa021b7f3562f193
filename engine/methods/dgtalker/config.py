"""The numbers of a DGTalker training; the paper's by default, ours where it gives none."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.methods.catalog import Need, leading_fit
from engine.paths import ASSETS

HOUSE = ASSETS / "priors" / "dgtalker.safetensors"
"""The shipped prior."""


@dataclass(frozen=True)
class DGTalkerConfig:
    """Iteration counts are of a run of `iterations`; shorter runs shrink all of them in proportion.

    Attributes:
        latents_until, tuning_until: ends of the first stage (latents, the generator frozen) and of the second (the
            generator, latents frozen); the third learns encoders and directions.
        prior: `house`, the shipped one; a prior file, such as a converted GGHead; or `none`: a generator that starts
            from nothing is trained with the latents, and views that were not filmed will be poor.
        head: of a film that does not tell its ARKit weights itself, the head model whose fit tells every frame's
            expression: `ict`, `house`, `auto` (ICT-FaceKit where it is there) or `none`, what landmarks told (ours).
        resolution, channel_base, grid: of the generator without a prior: side of its maps, channels (at a resolution
            `channel_base / resolution`), samples along a side of the maps.
        n_lip, n_expression: directions of each set.
        n_hidden: width of audio codes and MLPs; eye_octaves: of the eye action's encoding.
        batch_latents, batch_tuning, batch_learning: frames in a step of each stage.
        cross_view: chance of masked cross-view supervision in a step of the third stage (eq. 4).
        basis_start: where the directions start: `random` (the paper), or `latents`: the principal axes of what the
            first two stages found that the mouth does, and of the rest (ours: the third stage then starts near).
        taught_steps: with `latents`: steps of regression from sound to coefficients before the third stage.
        lambda_*: weights of squared error and perceptual loss; of the frame latents' size, of the canonical latent's
            distance from the mean, of raw positions and scales while tuning (ours, as safety); of silence sounding
            like the mouth at rest (ours); of what a push of a lip coefficient changes of the upper face's Gaussians,
            and one of the expression of the lower face's, as shares of what it changes (ours, 0 in the paper's setting;
            in steps of cross-view supervision); of squared error in the lip box (ours, 0 in the paper's setting).
        rate, rate_learning, rate_latents, rate_shapes, rate_frames, rate_placement: learning rates, of the generator,
            of encoders and directions, of the canonical latent, of what each coefficient of the expression adds to it
            (ours, 0 leaves that as the prior has it), of what each frame adds beside, and of the similarity that lays
            the template into the clip's world (0 holds it). A frame that is seen once goes on moving for thirty times
            its rate, by Adam's memory: where a run is short, keep `rate_frames` low. `rate_learning` is
            reached over the first steps of its stage: encoders that were taught before (`latents`) know the way, and
            steps of Adam that is new to them do not.
        pose_rate: per-frame corrections of tracked cameras in the first two stages (ours, 0 in the paper's setting).
        fade: what the rates have fallen to at the end of a stage, over its last third (ours; 1 in the paper's setting).
        decay: of the encoders' weights, decoupled.
        eyes_apart: half of the pairs differ in AU45 by more than this.
        mouth_open_every: see `engine.training.hearing.FrameChoice`; 0 draws frames evenly, as the paper does.
        coarse_until: share of the run at half resolution.
    """

    iterations: int = 90_000
    latents_until: int = 15_000
    tuning_until: int = 30_000
    prior: str = "house"
    head: str = "none"
    resolution: int = 64
    channel_base: int = 4096
    grid: int = 96
    encoder: str = "mel"
    n_lip: int = 20
    n_expression: int = 20
    n_hidden: int = 64
    eye_octaves: int = 4
    batch_latents: int = 8
    batch_tuning: int = 8
    batch_learning: int = 16
    cross_view: float = 0.5
    basis_start: str = "random"
    taught_steps: int = 600
    lambda_l2: float = 1.0
    lambda_perceptual: float = 1.0
    lambda_lips: float = 0.0
    lambda_frame: float = 1e-2
    lambda_canonical: float = 1e-3
    lambda_position: float = 1e-2
    lambda_scale: float = 5e-3
    lambda_silence: float = 1e-2
    lambda_leak: float = 0.0
    rate: float = 3e-4
    rate_learning: float = 3e-4
    rate_latents: float = 3e-4
    rate_shapes: float = 0.0
    rate_frames: float = 3e-4
    rate_placement: float = 1e-4
    pose_rate: float = 0.0
    fade: float = 1.0
    decay: float = 1e-2
    eyes_apart: float = 0.3
    mouth_open_every: int = 0
    coarse_until: float = 0.0
    sound_variants: int = 6


PRESETS: dict[str, dict[str, Any]] = {
    "cpu": {
        "iterations": 12_000, "latents_until": 2000, "tuning_until": 6500, "batch_latents": 1, "batch_tuning": 1,
        "batch_learning": 1, "basis_start": "latents", "lambda_l2": 10.0, "lambda_perceptual": 0.3, "lambda_lips": 5.0,
        "rate": 1e-3, "rate_latents": 1e-2, "rate_shapes": 1e-3, "rate_frames": 2e-4, "rate_placement": 5e-4,
        "head": "auto", "encoder": "phones", "pose_rate": 1e-4, "mouth_open_every": 7,
        "coarse_until": 0.9, "fade": 0.1, "lambda_canonical": 1e-5, "lambda_position": 1e-3,
        "lambda_scale": 0.0, "lambda_leak": 0.2,
    },
}  # fmt: skip
"""`cpu`: single frames, mostly at half size, directions from the latents, faster rates: half an hour on two cores."""

SUMMARY = "Lips and expression stay apart; with its prior it holds from unfilmed sides."
HOURS = {"cpu": 0.5}  # 1,505 steps took 2.5 minutes


def needs(config: DGTalkerConfig) -> tuple[Need, ...]:
    """Its generator, trained on many heads before, unless the config does without, and the fit of a head model."""
    fit = leading_fit(config.head)
    if config.prior == "none":
        return fit
    path = HOUSE if config.prior == "house" else Path(config.prior)
    if path.is_file():
        return (Need("prior", "Its prior of many heads is here."), *fit)
    words = "Its prior of many heads is not here, so other sides than the filmed ones will be poor."
    return (Need("prior", words, is_here=False, without={"prior": "none"}), *fit)
