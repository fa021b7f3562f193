"""The numbers of an EmbedTalk training; the paper's by default, or the nearest published code's."""

from dataclasses import dataclass

from engine.methods.catalog import Need, leading_fit


@dataclass(frozen=True)
class EmbedTalkConfig:
    """Iteration counts are of a run of `iterations`; shorter runs shrink all of them in proportion.

    Attributes:
        au_set: action units heard: `paper`, `shipped`, a list of names, or `auto`: what a film can teach, see
            `engine.training.units.heard_set`.
        head: of a film that does not know itself how its points move, the head model whose fit tells it while
            `mesh_until` lasts: `ict`, `house`, `auto` (ICT-FaceKit where it is there) or `none` (ours).
        encoder: the audio encoder's name.
        n_embedding, n_code: width of the embeddings and of the audio code.
        embedding_octaves, unit_octaves: frequencies of the positional encodings of embeddings and units.
        n_hidden: width of trunk and heads.
        position_scale: head heights for one unit of the position head's output.
        sh_degree: of the colours; grows by one every `sh_every`.
        warm_up: canonical head only before this iteration; the deformation then fades in over `ramp`.
        densify_from, densify_until, densify_every, densify_gradient: density control (gsplat's DefaultStrategy).
        prune_opacity, max_gaussians: what is pruned, and the cap.
        lambda_*: weights of the loss terms. `lambda_image` weighs the perceptual term of the whole picture (LPIPS
            0.01 in the paper), `lambda_mouth` that of the mouth crop; `lambda_ssim` (a crop of the
            head), `lambda_lips` (L1 in the lip box) and `lambda_square` (squared differences: of strands that never lie
            alike twice they ask for the mean) are ours.
        square_last: what `lambda_square` becomes over the last eighth of a run, to settle on what figures measure; 0
            changes nothing.
        lambda_silence: pulls the code of silence to the code of the resting mouth (ours: pauses stay still).
        lambda_separate: keeps voice out of the upper face and lids out of the mouth (ours: short clips leak).
        lambda_motion: keeps still what need not move, in tracked clips that no mesh leads (ours: short clips are learnt
            by heart).
        motion_from: not before; what has not found its motion yet gains nothing by it and would never begin.
        mesh_until: where it is known how the start points move (a studio's film, a fitted head), the mesh leads until
            this iteration: wholly for half of it, then fading while the networks, which learn its motion all along,
            take over; 0 never.
        lambda_mesh: weight of the motion's distance from the mesh's in pixels; a tenth of it stays to the end.
        neighbours, neighbour_falloff: K and the factor of the embedding smoothness loss (eq. 11).
        mouth_open_every: one iteration in so many draws from the fifth of frames with the widest mouth, another one
            from those with shut lids (ours: a blink is a few frames of a clip).
        coarse_until: share of the run at half resolution; 0 trains at full resolution throughout.
        pose_until, pose_rate: per-frame pose corrections of tracked cameras, and their learning rate.
        sound_variants: altered copies of the voice the audio net also hears (gain, tilt, noise, pitch, formants).
        active_pixels: a Gaussian that moves less than so many pixels of a 512 picture counts as still.
    """

    iterations: int = 50_000
    au_set: str = "paper"
    head: str = "none"
    encoder: str = "phones"
    n_embedding: int = 32
    n_code: int = 32
    embedding_octaves: int = 4
    unit_octaves: int = 4
    n_hidden: int = 128
    position_scale: float = 0.1
    sh_degree: int = 2
    sh_every: int = 1000
    warm_up: int = 3000
    ramp: int = 1000
    n_points: int = 30_000
    densify_from: int = 500
    densify_until: int = 25_000
    densify_every: int = 100
    densify_gradient: float = 2e-4
    prune_opacity: float = 0.005
    max_gaussians: int = 120_000
    lambda_image: float = 0.01
    lambda_mouth: float = 0.002
    lambda_ssim: float = 0.1
    lambda_lips: float = 0.1
    lambda_square: float = 0.0
    square_last: float = 0.0
    lambda_embedding: float = 0.01
    lambda_opacity: float = 1e-4
    lambda_silence: float = 1e-2
    lambda_separate: float = 1e-2
    lambda_motion: float = 2e-3
    motion_from: int = 25_000
    lambda_mesh: float = 0.02
    mesh_until: int = 0
    neighbours: int = 20
    neighbour_falloff: float = 2000.0
    neighbours_every: int = 1000
    mouth_open_every: int = 7
    coarse_until: float = 0.5
    pose_until: int = 10_000
    pose_rate: float = 1e-4
    sound_variants: int = 6
    unit_dropout: float = 0.3
    active_from: int = 40_000
    active_pixels: float = 0.06
    rate_means: tuple[float, float] = (1.6e-4, 1.6e-6)
    rate_network: tuple[float, float] = (1e-3, 5e-5)
    rate_sh: float = 2.5e-3
    rate_opacity: float = 0.05
    rate_scale: float = 0.005
    rate_quat: float = 0.001
    rate_embedding: float = 2.5e-3
    rate_looseness: float = 0.02
    rate_audio: float = 5e-4
    rate_attention: float = 2.5e-3
    attention_decay: float = 0.0


PRESETS = {
    "cpu": {
        "max_gaussians": 40_000, "active_from": 15_000, "neighbours_every": 2000, "au_set": "auto", "head": "auto",
        "mesh_until": 16_000,
    },
}  # fmt: skip
"""`cpu`: fewer Gaussians, a mesh that leads, and what hardly moves leaves the network early: half an hour on two
cores."""

SUMMARY = "The quickest to train and to run; sharpest from the sides that were filmed."
HOURS = {"cpu": 3.5}  # 10,039 steps took 40 minutes (docs/results.md)


def needs(config: EmbedTalkConfig) -> tuple[Need, ...]:
    """The fit of a head model, where one leads."""
    return leading_fit(config.head) if config.mesh_until else ()
