"""What a clip can be exported as: containers, codecs, which of them keep transparency, and what they are for."""

from dataclasses import dataclass, field

from engine.errors import OutputError


@dataclass(frozen=True)
class ClipFormat:
    """One way to deliver.

    Attributes:
        name: what an order says.
        label, detail: what a person reads.
        suffix: of the file; empty for a folder of files.
        kind: `video`, `pictures`, `splats` or `tables`.
        container, video, sound: FFmpeg's names.
        pixels: pixel format the encoder gets.
        options: of the video encoder; `{crf}` stands for the order's quality, `{quality}` for the same counted from
            100 down.
        file_options: of the container.
        sound_bit_rate: bits a second, 0 for the encoder's own.
        has_alpha: whether transparency survives.
    """

    name: str
    label: str
    detail: str
    suffix: str
    kind: str = "video"
    container: str = ""
    video: str = ""
    pixels: str = ""
    options: dict[str, str] = field(default_factory=dict)
    file_options: dict[str, str] = field(default_factory=dict)
    sound: str = ""
    sound_bit_rate: int = 0
    has_alpha: bool = False

    @property
    def can_sound(self) -> bool:
        """Folders have their sound beside the frames."""
        return bool(self.sound) or self.kind != "video"

    @property
    def is_yuv(self) -> bool:
        """Whether its pictures are brightness and colour, tagged BT.709; others are red, green and blue."""
        return self.pixels.startswith("yuv")


_VP9_ALPHA = {"crf": "{crf}", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1", "auto-alt-ref": "0"}
_PRORES = {"profile": "4444", "vendor": "apl0", "alpha_bits": "16"}
_AV1 = {"crf": "{crf}", "preset": "9"}
_TAGS = {"movflags": "+faststart+use_metadata_tags"}
_WEBP = {"quality": "{quality}", "compression_level": "3"}

FORMATS = {
    f.name: f
    for f in (
        ClipFormat("mp4", "Video with sound", "MP4, H.264, AAC", ".mp4", container="mp4", file_options=_TAGS,
                   video="libx264", pixels="yuv420p", options={"crf": "{crf}", "preset": "veryfast"}, sound="aac",
                   sound_bit_rate=192_000),
        ClipFormat("mp4-av1", "Small video", "MP4, AV1, Opus", ".mp4", container="mp4", file_options=_TAGS,
                   video="libsvtav1", pixels="yuv420p", options=_AV1, sound="libopus", sound_bit_rate=128_000),
        ClipFormat("webm-alpha", "Transparent video", "WebM, VP9, alpha, Opus", ".webm", container="webm",
                   video="libvpx-vp9", pixels="yuva420p", options=_VP9_ALPHA, sound="libopus",
                   sound_bit_rate=128_000, has_alpha=True),
        ClipFormat("mov-prores", "Editing master", "MOV, ProRes 4444, alpha", ".mov", container="mov",
                   file_options=_TAGS, video="prores_ks", pixels="yuva444p10le", options=_PRORES, sound="pcm_s24le",
                   has_alpha=True),
        ClipFormat("webp", "Short loop", "Animated WebP, alpha", ".webp", container="webp", video="libwebp_anim",
                   pixels="bgra", options=_WEBP, file_options={"loop": "0"}, has_alpha=True),
        ClipFormat("gif", "Loop for anywhere", "GIF, 256 colours a frame", ".gif", container="gif", video="gif",
                   pixels="pal8", file_options={"loop": "0"}, has_alpha=True),
        ClipFormat("apng", "Lossless loop", "Animated PNG, alpha", ".apng", container="apng", video="apng",
                   pixels="rgba", options={"pred": "sub", "compression_level": "4"}, file_options={"plays": "0"},
                   has_alpha=True),
        ClipFormat("png", "Picture sequence", "PNG, alpha", "", kind="pictures", has_alpha=True),
        ClipFormat("depth", "Depth and colour", "PNG 16 bit and PNG", "", kind="pictures", has_alpha=True),
        ClipFormat("ply", "Splats per frame", "PLY sequence", "", kind="splats"),
        ClipFormat("tables", "Controls and camera", "CSV, ARKit-52, JSON", "", kind="tables"),
    )
}  # fmt: skip
"""Name to format, in the order a person sees them."""


def format_of(name: str) -> ClipFormat:
    """The format of a name. Raises OutputError naming those there are."""
    if name not in FORMATS:
        raise OutputError(f"{name!r}: a clip is exported as {', '.join(FORMATS)}.")
    return FORMATS[name]


def guessed_format(suffix: str) -> str:
    """The format meant by a file's ending; without one a picture sequence."""
    names = {".mp4": "mp4", ".webm": "webm-alpha", ".mov": "mov-prores", ".webp": "webp", ".gif": "gif",
             ".apng": "apng", "": "png"}  # fmt: skip
    return names.get(suffix.lower(), "")
