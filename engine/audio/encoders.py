"""Which audio encoders there are, and how a manifest's row becomes one."""

from typing import Any

from engine.audio.block import AudioEncoder
from engine.audio.mel import MelConfig, MelEncoder
from engine.errors import AudioError

ENCODER_NAMES = ("mel", "phones", "hubert", "wav2vec2")


def make_encoder(row: dict[str, Any]) -> AudioEncoder:
    """The encoder a manifest names: `{"name": "mel", "n_mels": 64, ...}`; what is left out has its default.

    Raises:
        AudioError: if the name or a parameter is unknown or out of its limits.
        ModelMissingError: if its weights are not on this machine; says where they belong and how to get them.
    """
    parameters = {name: value for name, value in row.items() if name != "name"}
    name = row.get("name")
    try:
        if name == "mel":
            return MelEncoder(MelConfig(**parameters))
        if name == "phones":
            from engine.audio.phones import PhonesConfig, PhonesEncoder  # torch: if used

            return PhonesEncoder(PhonesConfig(**parameters))
        if name in ("hubert", "wav2vec2"):
            from engine.audio.transformer import TransformerConfig, TransformerEncoder  # torch, transformers: if used

            return TransformerEncoder(TransformerConfig(model=name, **parameters))
    except TypeError as error:
        raise AudioError(
            f"audio encoder {name}: {error}; its parameters are {', '.join(parameters) or 'none'}."
        ) from error
    raise AudioError(f"audio encoder {name!r} is not known; this program has {', '.join(ENCODER_NAMES)}.")


def encoder_row(encoder: AudioEncoder) -> dict[str, Any]:
    """The manifest row that `make_encoder` turns into an equal encoder."""
    return encoder.row()
