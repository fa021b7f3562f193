"""The numbers of a GaussianTalker training; the published ones by default, `PRESETS` for smaller machines."""

from dataclasses import dataclass

from engine.errors import TrainingError
from engine.methods.catalog import Need, leading_fit

ATTRIBUTES = ("scale", "rotation", "opacity", "sh")
EYE_CODES = ("plain", "smooth", "code")


@dataclass(frozen=True)
class GaussianTalkerConfig:
    """Iteration counts are of a run of `iterations`; shorter runs shrink all of them in proportion.

    Attributes:
        canonical_until: iteration at which the canonical stage ends and the deformation stage begins (suppl.: 8,000).
        batch: frames a step of the deformation stage takes the mean gradient of.
        encoder: the audio encoder's name.
        au_set: what the eye token tells, the published blink alone or more action units (ours: an avatar that can look
            about, smile and wink): `paper` and `shipped` of EmbedTalk, a list of names, or `auto`: what a film can
            teach, see `engine.training.units.heard_set`.
        head: of a film that does not know itself how its points move, the head model whose fit tells it while
            `mesh_until` lasts: `ict`, `house`, `auto` (ICT-FaceKit where it is there) or `none` (ours).
        n_channels, resolutions: of the triplane (suppl. A.1.1); box_margin: the start points' box is enlarged by it
            (ours: hair and shoulders otherwise all see the clamped border); face_share: part of each plane's side
            that is kept for the face (ours: finer there), 0 spreads the box evenly; plane_waves: they start as waves
            in place of noise (ours: short runs).
        n_code: width of the audio code; width: of tokens and attention, 2 `n_channels`; n_layers: of attention, 1 or 2.
        n_heads, n_hidden, dropout: of an attention layer; n_hidden also of predictor and offset heads.
        predicted: which canonical attributes the triplane predicts in the first stage, a comma-separated list of
            `ATTRIBUTES` (the released configurations: opacity and sh).
        colors_from_points: predicted colours are added to those of the start points (ours: short runs).
        eye_pe: `plain` (ours: the units themselves, each beside its mean and spread in training: a short run learns the
            rare ones only if they are told loudly), `smooth` (ours: `eye_octaves` doubling frequencies, the control is
            smooth) or `code` (as released, of a blink alone).
        position_scale: head heights for one unit of the position head (1: as published).
        deform_all: every Gaussian may move; False leaves those outside the face alone (ours: fewer products).
        extent: factor on the rates of places, planes and networks; 0 takes 1.1 times the largest distance of a training
            camera from their mean, as the published code does.
        sh_degree: of the colours; grows by one every `sh_every`.
        lambda_*: weights of the loss terms; `lambda_lips_canonical` is the code's, `lambda_lips` the supplement's.
            `lambda_mask` compares the mask with what the Gaussians cover. `lambda_tv`: total variation of the planes,
            off as in the code. Ours, off in the paper's preset: `lambda_silence`, silence sounds like the resting
            mouth; `lambda_separate`, voice leaves the upper face alone and lids and brows the lower one;
            `lambda_null`, attention goes to the null token where a picture gains nothing by listening (what the
            attention view shows then means something); `lambda_square`, squared differences, which of strands that
            never lie alike twice ask for the mean.
        mesh_until, lambda_mesh: where it is known how the start points move (a studio's film, a fitted head), the mesh
            leads until this iteration, wholly for half of it and all through the canonical stage (see
            `engine.training.mesh_motion`); 0 never.
            mesh_alone: until this iteration the networks learn its motion and no picture is drawn, a tenth of the work;
            the canonical stage begins then. mesh_apart: later, too, every other step is the mesh's, at full weight, and
            steps with pictures do without it; of these only one in `motion_every` teaches the networks, in the others
            Gaussians move as they are told to, at half the work.
        ssim_side: pixels of the crop SSIM looks at, the perceptual loss then at the head only; 0 takes the whole
            picture for both.
        open_every: one frame in so many is of a wide open mouth, another of shut lids (ours); 0 draws evenly.
        view_swap: share of steps that hear another frame's view (ours: in a short clip the camera tells the frame, and
            a mouth learnt from the camera leaves the voice without a say).
        coarse_until: share of the run at half resolution.
        unit_dropout: share of steps on a tracked clip in which the mouth is the voice's alone (ours).
        pose_rate: learning rate of per-frame corrections of tracked cameras (ours); 0 leaves them as tracked.
        still_pixels: a Gaussian that moves less than so many pixels of a 512 picture is kept still when alive.
        rate_*: learning rates, from the first to the last over `rate_steps` iterations; those of places, planes and
            networks times `extent`.
    """

    iterations: int = 18_000
    canonical_until: int = 8_000
    batch: int = 32
    encoder: str = "phones"
    au_set: str = "au.45"
    head: str = "none"
    n_channels: int = 32
    resolutions: tuple[int, int] = (64, 128)
    box_margin: float = 1.3
    face_share: float = 0.0
    plane_waves: bool = False
    n_code: int = 32
    n_layers: int = 2
    n_heads: int = 2
    n_hidden: int = 128
    dropout: float = 0.2
    predicted: str = "opacity,sh"
    colors_from_points: bool = False
    eye_pe: str = "smooth"
    eye_octaves: int = 6
    position_scale: float = 1.0
    deform_all: bool = True
    extent: float = 0.0
    sh_degree: int = 3
    sh_every: int = 1000
    n_points: int = 34_650
    max_gaussians: int = 50_000
    densify_from: int = 1000
    densify_until: int = 7000
    densify_every: int = 100
    densify_gradient: float = 0.001
    prune_from: int = 500
    prune_opacity: float = 0.005
    prune_large_from: int = 3000
    prune_scale: float = 0.1
    prune_radius_px: float = 20.0
    lambda_l1: float = 0.8
    lambda_image: float = 0.01
    lambda_ssim: float = 0.2
    lambda_lips_canonical: float = 0.4
    lambda_lips: float = 0.8
    lambda_mask: float = 0.4
    lambda_tv: float = 0.0
    lambda_silence: float = 0.0
    lambda_separate: float = 0.0
    lambda_null: float = 0.0
    lambda_square: float = 0.0
    lambda_mesh: float = 0.1
    mesh_until: int = 0
    mesh_alone: int = 0
    mesh_apart: bool = False
    motion_every: int = 1
    ssim_side: int = 0
    open_every: int = 0
    view_swap: float = 0.0
    coarse_until: float = 0.0
    pose_rate: float = 0.0
    sound_variants: int = 6
    unit_dropout: float = 0.3
    still_pixels: float = 0.06
    rate_steps: int = 20_000
    rate_means: tuple[float, float] = (1.6e-4, 1.6e-6)
    rate_network: tuple[float, float] = (1e-4, 1e-5)
    rate_planes: tuple[float, float] = (1.6e-3, 1.6e-4)
    rate_sh: float = 2.5e-3
    rate_opacity: float = 0.05
    rate_scale: float = 0.005
    rate_quat: float = 0.001

    @property
    def width(self) -> int:
        return self.n_channels * len(self.resolutions)

    @property
    def n_harmonics(self) -> int:
        return (self.sh_degree + 1) ** 2


PRESETS = {
    "cpu": {
        "iterations": 16_000, "canonical_until": 4_000, "batch": 1, "n_layers": 1, "dropout": 0.0, "plane_waves": True,
        "colors_from_points": True, "position_scale": 0.1, "deform_all": False, "extent": 1.0, "sh_degree": 1,
        "face_share": 0.8, "n_points": 30_000, "max_gaussians": 38_000, "densify_from": 300, "densify_until": 4_000,
        "densify_gradient": 3e-4, "prune_scale": 0.35, "prune_radius_px": 1e4, "lambda_silence": 1e-2,
        "lambda_separate": 1e-2, "ssim_side": 224, "open_every": 7, "view_swap": 0.5, "coarse_until": 0.5,
        "mesh_until": 8_000, "mesh_alone": 2_800, "mesh_apart": True, "motion_every": 3, "au_set": "auto",
        "head": "auto", "eye_pe": "plain", "predicted": "", "lambda_square": 2.0, "lambda_null": 1e-3,
        "pose_rate": 1e-4, "rate_steps": 16_000, "rate_network": (1e-3, 1e-4), "rate_planes": (5e-3, 5e-4),
    },
}  # fmt: skip
"""`cpu`: half an hour on one or two cores: one layer, colours of degree 1 and free, only the face moves, higher rates,
fewer steps, and a mesh that leads."""

SUMMARY = "Each place of the face learns whom to listen to, and shows it in the picture."
HOURS: dict[str, float] = {}  # no whole run has been timed


def needs(config: GaussianTalkerConfig) -> tuple[Need, ...]:
    """The fit of a head model, where one leads."""
    return leading_fit(config.head) if config.mesh_until else ()


def check(config: GaussianTalkerConfig, n_units: int) -> None:
    """Raises TrainingError for settings that cannot be trained; `n_units` action units are heard."""
    unknown = [name for name in config.predicted.split(",") if name and name not in ATTRIBUTES]
    if unknown:
        raise TrainingError(f"predicted {config.predicted!r}: use a list of {', '.join(ATTRIBUTES)}.")
    if config.motion_every < 1:
        raise TrainingError(f"motion_every {config.motion_every}: use 1 or more.")
    if config.eye_pe not in EYE_CODES:
        raise TrainingError(f"eye_pe {config.eye_pe!r}: use one of {', '.join(EYE_CODES)}.")
    if config.eye_pe == "code" and n_units != 1:
        raise TrainingError(f"au_set {config.au_set!r}: the released code tells one unit; use eye_pe plain for more.")
    if not 1 <= config.eye_octaves <= 16 or not 0 <= config.face_share < 1:
        raise TrainingError("eye_octaves is 1 to 16 and face_share 0 to less than 1.")
    if config.width % config.n_heads or config.n_layers not in (1, 2) or not 0 <= config.sh_degree <= 3:
        raise TrainingError("the heads must divide the width, layers are 1 or 2 and the colours' degree is 0 to 3.")
