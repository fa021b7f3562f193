"""The numbers of a GGTalker training: the paper's where it gives them, else our design round its equations."""

from dataclasses import dataclass
from typing import Any

from engine.errors import TrainingError
from engine.methods.catalog import Need, has_kit, head_model


@dataclass(frozen=True)
class ExpressionSize:
    """How large the network is; the defaults are the paper's.

    Attributes:
        n_audio: features of a frame of sound; n_motion: coefficients K, of FLAME 100 of expression and 3 of the jaw.
        width: d; n_layers, n_heads, n_hidden: of the decoder; n_encoder_layers: of the condition encoder.
        n_speaker: width of a speaker's embedding; n_speakers: how many are kept.
        n_positions: longest clip, frames.
    """

    n_audio: int = 1280
    n_motion: int = 103
    width: int = 512
    n_layers: int = 8
    n_heads: int = 8
    n_hidden: int = 1024
    n_encoder_layers: int = 2
    n_speaker: int = 64
    n_speakers: int = 1
    n_positions: int = 100
    dropout: float = 0.1


def checked_size(row: dict[str, Any]) -> ExpressionSize:
    """The size a file says its voice network has. Raises ValueError or TypeError if it makes no sense."""
    size = ExpressionSize(**row)
    most = {"n_audio": 4096, "n_motion": 1024, "width": 4096, "n_layers": 64, "n_heads": 64, "n_hidden": 16_384,
            "n_encoder_layers": 64, "n_speaker": 4096, "n_speakers": 256, "n_positions": 4096}  # fmt: skip
    for name, value in most.items():
        if not isinstance(getattr(size, name), int) or not 1 <= getattr(size, name) <= value:
            raise ValueError(f"{name} {getattr(size, name)!r}")
    if size.width % size.n_heads or not isinstance(size.dropout, float) or not 0 <= size.dropout < 1:
        raise ValueError(f"width {size.width} for {size.n_heads} heads, dropout {size.dropout!r}")
    return size


@dataclass(frozen=True)
class GGTalkerConfig:
    """Iteration counts are of a run of `iterations`; shorter runs shrink all of them in proportion.

    Four stages of adaptation: A1 teaches the voice network until `voice_until`, A2 the map of Gaussians until
    `map_until`, A3 the map and the head model's coefficients of each frame until `fit_until`, A4 both together with the
    colour network and the inpainter.

    Attributes:
        head: which head model's fit carries the Gaussians: `ict`, `house`, or `auto`, ICT-FaceKit where it is there.
        prior: of the voice network: `auto`, the house's where it is there and hears with the same encoder; `none`, or a
            file of `packaging/ggtalker_voice.py`. Its sizes then stand in place of those here.
        visual_prior: of the first map: `auto`, the house's where it is there; `none`, or a file of
            `packaging/ggtalker_visual.py`.
        encoder: the audio encoder's name.
        side: of the UV map in texels; one Gaussian a texel.
        beside, cloth: of its layout, see `engine.heads.layout.rig_layout`; sparsest: see `engine.heads.binding.bind`.
        width, n_layers, n_heads, n_hidden, n_encoder_layers, n_speaker, n_positions: of the voice network, see
            `ExpressionSize`; n_steps: of the noising.
        history: frames that a window of live motion sees of what it gave before; live_steps: of its sampling.
        voice_batch: clips in a step of A1; batch: frames in a step of A2 to A4.
        lambda_*: weights; `lambda_lips` weighs L1 in the lip box once more (ours).
        reach: how far Gaussians far from all landmarks, as hair, may leave the mesh, head heights.
        inpainter_base, inpainter_shrink: its channels, and how much smaller than the picture it works.
        mouth_open_every, coarse_until, sound_variants: as in EmbedTalk.
        rate_voice, rate_adapted: of the voice network without and with a prior (the paper's P1 and A1).
        rate_color to rate_position: of the raw map, falling to a tenth (the paper's 1e-5 would leave it where it is).
        rate_expression, rate_pose: of the coefficients and cameras of each frame.
    """

    iterations: int = 16_000
    voice_until: int = 3_000
    map_until: int = 6_000
    fit_until: int = 10_000
    head: str = "auto"
    prior: str = "auto"
    visual_prior: str = "auto"
    encoder: str = "phones"
    side: int = 256
    beside: float = 0.2
    cloth: float = 0.2
    sparsest: float = 3.0
    width: int = 512
    n_layers: int = 8
    n_heads: int = 8
    n_hidden: int = 1024
    n_encoder_layers: int = 2
    n_speaker: int = 64
    n_positions: int = 100
    dropout: float = 0.1
    n_steps: int = 1000
    history: int = 20
    live_steps: int = 8
    voice_batch: int = 64
    batch: int = 4
    lambda_l1: float = 0.8
    lambda_ssim: float = 0.2
    lambda_perceptual: float = 0.05
    lambda_lips: float = 0.0
    lambda_offset: float = 0.01
    lambda_scale: float = 1.0
    lambda_temporal: float = 0.1
    lambda_inpainted: float = 1.0
    drop: float = 0.1
    reach: float = 0.06
    inpainter_base: int = 16
    inpainter_shrink: int = 1
    mouth_open_every: int = 0
    coarse_until: float = 0.0
    sound_variants: int = 6
    rate_voice: float = 1e-4
    rate_adapted: float = 1e-5
    rate_color: float = 2.5e-3
    rate_scale: float = 5e-3
    rate_quat: float = 1e-3
    rate_position: float = 2e-3
    rate_opacity: float = 2e-2
    rate_expression: float = 1e-3
    rate_pose: float = 1e-5
    rate_network: float = 1e-4

    def expression_size(self, n_features: int, n_motion: int, n_speakers: int = 1) -> ExpressionSize:
        """The size of the voice network."""
        return ExpressionSize(
            n_features, n_motion, self.width, self.n_layers, self.n_heads, self.n_hidden, self.n_encoder_layers,
            self.n_speaker, n_speakers, self.n_positions, self.dropout,
        )  # fmt: skip


PRESETS = {
    "cpu": {
        "iterations": 8_000, "voice_until": 1_600, "map_until": 4_500, "fit_until": 6_000, "side": 192, "beside": 0.26,
        "cloth": 0.4, "sparsest": 6.0, "width": 128, "n_layers": 4, "n_heads": 4, "n_hidden": 256,
        "n_encoder_layers": 1, "n_positions": 50, "history": 12, "live_steps": 4, "voice_batch": 16, "batch": 1,
        "lambda_lips": 0.1, "inpainter_base": 8, "inpainter_shrink": 2, "mouth_open_every": 7, "coarse_until": 0.6,
        "rate_voice": 1e-3, "rate_adapted": 2e-4, "rate_pose": 1e-4, "rate_network": 1e-3,
    },
}  # fmt: skip
"""`cpu`: half an hour on two cores: a smaller map and voice network, one frame a step, few steps of sampling, the
inpainter at half size."""

HOURS = {"cpu": 0.5}
SUMMARY = "A head that turns far: Gaussians on a head model that is fitted to the film; its face moves by diffusion."


def head_of(config: GGTalkerConfig) -> str:
    """The head model a config names.

    Raises:
        TrainingError: if it is none that this method trains on.
    """
    if config.head not in ("auto", "ict", "house"):
        raise TrainingError(f"head {config.head!r}: no avatar is trained on such a head model; use auto, ict or house.")
    return head_model(config.head)


def needs(config: GGTalkerConfig) -> tuple[Need, ...]:
    """A fit of the head model to the film."""
    head = head_of(config)
    words = {"ict": "ICT-FaceKit fitted to the film.", "house": "The house head fitted to the film."}[head]
    is_here = head == "house" or has_kit()
    return (Need("fit", words, is_here, head, {} if head == "house" else {"head": "house"}),)
