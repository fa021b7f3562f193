"""What the face does in a clip, frame by frame, before anything is drawn: the drive, the user's moves and the edit."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from engine.controls import combine, user_side
from engine.errors import OutputError, TakeError
from engine.export.order import Order, file_hash
from engine.export.sound import ArrangedSound, FaceSound, Sound
from engine.mixer import Layer, row_at
from engine.performance.carry import Carrier, read_fit
from engine.performance.clips import source_times
from engine.performance.layers import LayerKind
from engine.performance.take_edit import TakeEdit
from engine.performer import Performer
from engine.progress import Progress
from engine.take import Take, load_take, rows_at
from engine.take_voice import TakeVoice

KNOWN_AHEAD_S = 0.4
"""Sound the face must know beyond the shown moment: the widest look-ahead, the encoder's own, and some to spare."""


@dataclass(frozen=True)
class Material:
    """What an order is made from, opened.

    Attributes:
        sound: the voice after cuts. take: None for a plain sound file. edit: empty for none.
        is_own: whether the take was performed by this very avatar.
    """

    sound: Sound
    take: Take | None
    edit: TakeEdit
    is_own: bool = False


@dataclass(frozen=True)
class Script:
    """One row a frame.

    Attributes:
        times: seconds of the edited line, `[T]`.
        values: what the face does, `[T, C]` float32; driven: what the drive alone asked for.
    """

    times: np.ndarray
    values: np.ndarray
    driven: np.ndarray


def open_material(order: Order, performer: Performer) -> Material:
    """Opens the voice or the take of an order.

    Raises:
        AudioError, TakeError, OutputError: one sentence.
    """
    if order.take is None:
        from engine.audio.wav import SoundReader

        return Material(SoundReader(order.voice), None, TakeEdit())
    _check_take(order)
    take = load_take(order.take, with_voice=False)
    edit = TakeEdit.from_json(order.edit) if order.edit is not None else TakeEdit()
    recorded_hash = take.info.avatar.get("hash", "")
    avatar_hash = order.avatar_hash or file_hash(order.avatar)
    names = take.schema.names == performer.avatar.schema.names
    is_own = recorded_hash == avatar_hash if recorded_hash else names
    if order.drive == "take" and not (is_own and names):
        name = take.info.avatar.get("name", "another avatar")
        raise OutputError(f"{order.take}: was performed by {name}; drive it again from the voice for this avatar.")
    return Material(ArrangedSound(TakeVoice(order.take), edit.clips, take.seconds), take, edit, is_own)


def write_script(order: Order, performer: Performer, material: Material, n_frames: int) -> Iterator[Progress | Script]:
    """Drives the face through a clip; yields progress, and the script last."""
    times = order.start + np.arange(n_frames) / order.fps
    n_controls = len(performer.avatar.schema)
    values = np.zeros((n_frames, n_controls), dtype=np.float32)
    driven = np.zeros_like(values)
    take = material.take
    if take is not None:
        performer.mixer.layers = _user_layers(performer, material)
    if order.drive == "take":
        performer.mixer.layers.clear()
        source = source_times(material.edit.clips, times, take.seconds)
        values[:] = _recorded(take.result, take, source, performer)
        driven[:] = _recorded(take.driven, take, source, performer)
        held = performer.mixer.user
        values[:] = np.stack([combine(performer.avatar.schema, row, held) for row in values])
    else:
        heard = FaceSound(material.sound, order.start)
        for i, moment in enumerate(times):
            for block in heard.heard_until(moment + KNOWN_AHEAD_S):
                performer.push(block)
            made = performer.moment(moment)
            values[i], driven[i] = made.controls.values, made.driven
            yield Progress("Speaking", i + 1, n_frames)
    yield Script(times, _edited(order, performer, material, times, values), driven)


def _edited(order: Order, performer: Performer, material: Material, times: np.ndarray, values: np.ndarray):
    take, edit, schema = material.take, material.edit, performer.avatar.schema
    if take is None or edit.is_empty:
        return values
    if material.is_own:
        return edit.apply(schema, times, values, _regions(order, edit, take, times, _carrier(performer, take)))
    source = source_times(edit.clips, times, take.seconds)
    own = _rows(take.result, take, source, take.schema.rest().values)
    face = replace(edit, blinks=None, gazes=None)
    same = Carrier(take.schema, take.schema, is_same=True)
    moves = face.apply(take.schema, times, own, _regions(order, face, take, times, same)) - own
    values = schema.clamp(values + _carrier(performer, take).moves(moves))
    return replace(TakeEdit(), blinks=edit.blinks, gazes=edit.gazes).apply(schema, times, values)


def _user_layers(performer: Performer, material: Material) -> list[Layer]:
    """The user's own moves of the take, carried to this avatar."""
    take, schema = material.take, performer.avatar.schema
    if not len(take.times):
        return []
    carrier = _carrier(performer, take, material.is_own)
    joins, own, user = take.info.settings.get("joins"), None, take.user
    if isinstance(joins, dict) and joins:
        theirs = user_side(take.schema, joins)
        if material.is_own:
            own = theirs
        else:  # elsewhere only what they did to the face can be carried
            differs = np.array([a.combine is not b.combine for a, b in zip(theirs, take.schema, strict=True)])
            user = np.where(differs, take.schema.column("neutral") + take.result - take.driven, user)
    rows = user if own is not None else carrier.values(user)
    has_say = np.ones(len(schema), dtype=bool)
    neutral = (own or schema).column("neutral")

    def at(time: float) -> tuple[np.ndarray, np.ndarray]:
        source = source_times(material.edit.clips, np.array([time]), take.seconds)[0]
        return (neutral if np.isnan(source) else row_at(take.times, rows, source)), has_say

    return [Layer(at, own=own)]


def _carrier(performer: Performer, take: Take, is_same: bool | None = None) -> Carrier:
    path = take.info.avatar.get("path")
    if is_same is None:
        is_same = take.schema.names == performer.avatar.schema.names and not path
    fit = None if is_same or not path else read_fit(path)
    return Carrier(take.schema, performer.avatar.schema, fit, getattr(performer.avatar, "fit", None), bool(is_same))


def _regions(order: Order, edit: TakeEdit, take: Take, times: np.ndarray, default: Carrier) -> dict[str, np.ndarray]:
    """What the other takes of region layers do at these times, over the default carrier's target."""
    regions = {}
    for layer in edit.layers:
        if layer.kind is not LayerKind.REGION or layer.source not in order.sources:
            continue
        other = load_take(order.sources[layer.source], with_voice=False)
        path = other.info.avatar.get("path")
        is_same = other.schema.names == default.target.names and other.info.avatar.get("hash") == take.info.avatar.get(
            "hash"
        )
        fits = (read_fit(path) if path else None, default.target_fit)
        carrier = Carrier(other.schema, default.target, *fits, is_same=is_same)
        rows = _rows(other.result, other, times + layer.source_offset, other.schema.rest().values)
        regions[layer.id] = carrier.values(rows)
    return regions


def _recorded(rows: np.ndarray, take: Take, source: np.ndarray, performer: Performer) -> np.ndarray:
    return _rows(rows, take, source, performer.avatar.schema.rest().values)


def _rows(rows: np.ndarray, take: Take, source: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Rows of a take's track at moments `[T]`, interpolated; at rest in gaps and where nothing was recorded."""
    made = np.tile(rest, (len(source), 1)).astype(np.float32)
    there = ~np.isnan(source)
    if len(take.times) and there.any():
        made[there] = rows_at(take.times, rows, source[there])
    return made


def _check_take(order: Order) -> None:
    from engine.project import take_key

    if order.take_key and take_key(order.take) != order.take_key:
        raise TakeError(f"{order.take}: has changed since this order was made; make the order again.")
