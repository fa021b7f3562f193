"""Frames handed from the performer to the window: three slots in a memory-mapped file, the newest wins, none is torn.

Two kinds of file (little endian, laid out by the dtypes below):
    frames.slots          the index: which generation is in use and the newest frame's number
    frames.slots.<n>      generation n: three slots of header and pixels, large enough for the pictures of that time
Frame s lies in slot s % 3. A slot is marked before and after it is written, so a reader that was overtaken notices and
takes the newer frame; a picture too large for the slots starts the next generation.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.audio.mapped import FIRST_WORD, MappedFile
from engine.errors import AudioError

FRAMES = "frames.slots"  # name inside the per-run folder
_INDEX_MAGIC, _SLOTS_MAGIC = 0x58444E49_454D5246, 0x544F4C53_454D5246  # "FRMEINDX", "FRMESLOT"
_VERSION = 1
_GENERATION, _NEWEST, _READ = FIRST_WORD, FIRST_WORD + 1, FIRST_WORD + 2  # words of the index

N_SLOTS = 3
MAX_CONTROLS = 256
MAX_SIDE_PX = 4096
STAGES = ("capture", "look_ahead", "features", "drive", "deform", "raster", "present")
TRIES = 16

SLOT = np.dtype(
    [
        ("begun", "<u8"), ("ended", "<u8"), ("picture_sequence", "<u8"), ("lost_samples", "<u8"),
        ("shown_time", "<f8"), ("newest_sample_time", "<f8"), ("motion_sample_time", "<f8"),
        ("width", "<u4"), ("height", "<u4"), ("n_controls", "<u4"), ("n_gaussians", "<u4"), ("avatar_number", "<u4"),
        ("clipped", "u1"), ("is_talking", "u1"), ("reserved", "u1", 2), ("backend", "S8"),
        ("range_inside", "<f4"), ("level_db", "<f4"), ("peak_db", "<f4"), ("fps", "<f4"), ("look_ahead_ms", "<f4"),
        ("voice_offset_ms", "<f4"),
        ("total_p50_ms", "<f4"), ("total_p95_ms", "<f4"),
        ("stages_ms", "<f4", len(STAGES)), ("stages_p50_ms", "<f4", len(STAGES)), ("stages_p95_ms", "<f4", len(STAGES)),
        ("driven", "<f4", MAX_CONTROLS), ("result", "<f4", MAX_CONTROLS),
    ],
    align=True,
)  # fmt: skip
SLOT_HEADER_BYTES = -(-SLOT.itemsize // 64) * 64


@dataclass(frozen=True)
class FrameHeader:
    """What a frame says about itself; all times are seconds of `time.perf_counter`, which all processes share.

    Attributes:
        sequence: counts frames, also over a restart of the performer.
        picture_sequence: the sequence at which the pixels last changed; equal for frames that differ only in figures.
        shown_time: when the frame was finished.
        newest_sample_time: when the newest sample it knew was captured.
        motion_sample_time: when the sample that its motion stands for was captured.
        driven, result: controls `[C]` float32: what the drive asked for (gain, guard and idle in), what the face got.
        range_inside: part of the drive inside the training hull, 0 to 1.
        stages_ms: where this frame's time from sample to picture went, over `STAGES`; with p50 and p95 of the last
            seconds.
        voice_offset_ms: by how much what goes out dates the picture later than the voice it stands for.
        avatar_number: counts the avatars opened; a frame of an earlier avatar has another number of controls.
    """

    sequence: int = 0
    picture_sequence: int = 0
    width: int = 0
    height: int = 0
    shown_time: float = 0.0
    newest_sample_time: float = 0.0
    motion_sample_time: float = 0.0
    driven: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    result: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    range_inside: float = 1.0
    stages_ms: dict[str, float] = field(default_factory=dict)
    stages_p50_ms: dict[str, float] = field(default_factory=dict)
    stages_p95_ms: dict[str, float] = field(default_factory=dict)
    total_p50_ms: float = 0.0
    total_p95_ms: float = 0.0
    level_db: float = -120.0
    peak_db: float = -120.0
    clipped: bool = False
    is_talking: bool = False
    fps: float = 0.0
    look_ahead_ms: float = 0.0
    voice_offset_ms: float = 0.0
    lost_samples: int = 0
    n_gaussians: int = 0
    backend: str = ""
    avatar_number: int = 0


@dataclass(frozen=True)
class FrameView:
    """A frame read from the slots; `image` is used again after `FrameReader.N_BUFFERS` newer pictures."""

    image: np.ndarray  # [H, W, 4] uint8 RGBA, straight alpha
    header: FrameHeader


class FrameWriter:
    """The performer's end: claim a picture, fill it, commit it with its header."""

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        self._index = _index(self._path)
        self._generation = int(self._index.ints[_GENERATION])
        self._sequence = int(self._index.ints[_NEWEST])
        self._slots: _Slots | None = None
        self._claimed: np.ndarray | None = None
        self._picture_sequence = 0

    @property
    def sequence(self) -> int:
        """The newest frame's number, 0 before the first."""
        return self._sequence

    @property
    def n_unread(self) -> int:
        """Frames committed since the one the window took last."""
        return self._sequence - int(self._index.ints[_READ])

    def claim(self, width: int, height: int) -> np.ndarray:
        """The pixels to fill for the next frame, uint8 `[height, width, 4]`, a view of the slot itself."""
        if not (1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX):
            raise ValueError(f"{width}x{height}: a frame is 1 to {MAX_SIDE_PX} pixels a side.")
        n_bytes = width * height * 4
        if self._slots is None or self._slots.capacity < n_bytes:
            self._grow(n_bytes)
        slot = (self._sequence + 1) % N_SLOTS
        self._slots.headers[slot]["begun"] = 0
        self._slots.headers[slot]["ended"] = 0
        self._claimed = self._slots.pixels(slot, width, height)
        return self._claimed

    def commit(self, header: FrameHeader, picture_changed: bool = True) -> int:
        """Makes the claimed frame the newest; returns its sequence. Size and sequences are filled in here."""
        assert self._claimed is not None, "claim a frame before committing it"
        sequence = self._sequence + 1
        if picture_changed:
            self._picture_sequence = sequence
        row = self._slots.headers[sequence % N_SLOTS]
        row["begun"] = sequence
        _fill(row, header, self._picture_sequence, self._claimed.shape)
        row["ended"] = sequence
        self._index.ints[_NEWEST] = sequence
        self._sequence, self._claimed = sequence, None
        return sequence

    def repeat(self, header: FrameHeader) -> int | None:
        """Publishes the newest picture again with new figures; None when there is no picture yet."""
        if self._slots is None or self._sequence == 0:
            return None
        row = self._slots.headers[self._sequence % N_SLOTS]
        last = self._slots.pixels(self._sequence % N_SLOTS, int(row["width"]), int(row["height"]))
        self.claim(last.shape[1], last.shape[0])[:] = last
        return self.commit(header, picture_changed=False)

    def _grow(self, n_bytes: int) -> None:
        old = self._generation
        self._generation += 1
        path = _generation_path(self._path, self._generation)
        self._slots = _Slots.create(path, -(-n_bytes // 65536) * 65536)
        self._index.ints[_GENERATION] = self._generation
        if old:
            _remove(_generation_path(self._path, old))


class FrameReader:
    """The window's end: `newest()` copies the newest whole frame out of the slots."""

    N_BUFFERS = 3

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        self._index: MappedFile | None = None
        self._generation = 0
        self._slots: _Slots | None = None
        self._view: FrameView | None = None
        self._buffers: list[np.ndarray] = []
        self._turn = 0

    def newest(self) -> FrameView | None:
        """The newest frame: a new view if there is one, else the same view as before; None before the first."""
        for _ in range(TRIES):
            sequence = self._newest_sequence()
            if sequence == 0 or (self._view is not None and sequence == self._view.header.sequence):
                break
            view = self._read(sequence)
            if view is not None:
                self._view = view
                self._index.ints[_READ] = sequence
                break
        return self._view

    def _newest_sequence(self) -> int:
        if self._index is None:
            try:
                self._index = MappedFile.attach(self._path, _INDEX_MAGIC, _VERSION, "an index of frames")
            except AudioError:
                return 0  # the performer has not made it yet
        sequence = int(self._index.ints[_NEWEST])
        generation = int(self._index.ints[_GENERATION])
        if generation != self._generation:
            try:
                self._slots = _Slots.open(_generation_path(self._path, generation))
            except AudioError:
                return 0  # just being replaced; the next call finds it
            self._generation = generation
        return sequence if self._slots is not None else 0

    def _read(self, sequence: int) -> FrameView | None:
        slot = sequence % N_SLOTS
        row = self._slots.headers[slot].copy()
        if not (row["begun"] == row["ended"] == sequence):
            return None
        width, height = int(row["width"]), int(row["height"])
        if width * height * 4 > self._slots.capacity:
            return None
        header = _header(row, sequence)
        if self._view is not None and self._view.header.picture_sequence == header.picture_sequence:
            return FrameView(self._view.image, header)
        buffer = self._next_buffer(height, width)
        np.copyto(buffer, self._slots.pixels(slot, width, height))
        after = self._slots.headers[slot]
        if not (after["begun"] == after["ended"] == sequence):
            return None
        self._turn += 1
        return FrameView(buffer, header)

    def _next_buffer(self, height: int, width: int) -> np.ndarray:
        if not self._buffers or self._buffers[0].shape[:2] != (height, width):
            self._buffers = [np.empty((height, width, 4), dtype=np.uint8) for _ in range(self.N_BUFFERS)]
        return self._buffers[self._turn % self.N_BUFFERS]


class _Slots:
    """One generation file, mapped."""

    def __init__(self, mapped: MappedFile) -> None:
        self._bytes = mapped.body
        stride = len(self._bytes) // N_SLOTS
        self.capacity = stride - SLOT_HEADER_BYTES
        self._starts = [slot * stride for slot in range(N_SLOTS)]
        self.headers = [self._bytes[s : s + SLOT.itemsize].view(SLOT)[0:1].reshape(()) for s in self._starts]

    @classmethod
    def create(cls, path: Path, capacity: int) -> "_Slots":
        mapped = MappedFile.create(path, _SLOTS_MAGIC, _VERSION, N_SLOTS * (SLOT_HEADER_BYTES + capacity))
        mapped.publish()
        return cls(mapped)

    @classmethod
    def open(cls, path: Path) -> "_Slots":
        return cls(MappedFile.attach(path, _SLOTS_MAGIC, _VERSION, "a file of frames"))

    def pixels(self, slot: int, width: int, height: int) -> np.ndarray:
        start = self._starts[slot] + SLOT_HEADER_BYTES
        return self._bytes[start : start + width * height * 4].reshape(height, width, 4)


def _fill(row: np.ndarray, header: FrameHeader, picture_sequence: int, shape: tuple[int, ...]) -> None:
    n = len(header.result)
    if n > MAX_CONTROLS:
        raise ValueError(f"{n} controls: a frame carries at most {MAX_CONTROLS}.")
    row["picture_sequence"], row["height"], row["width"], row["n_controls"] = picture_sequence, *shape[:2], n
    for name in ("lost_samples", "shown_time", "newest_sample_time", "motion_sample_time", "n_gaussians",
                 "avatar_number", "clipped", "is_talking", "range_inside", "level_db", "peak_db", "fps",
                 "look_ahead_ms", "voice_offset_ms", "total_p50_ms", "total_p95_ms"):  # fmt: skip
        row[name] = getattr(header, name)
    row["backend"] = header.backend.encode("ascii", "replace")
    for name in ("stages_ms", "stages_p50_ms", "stages_p95_ms"):
        stages = getattr(header, name)
        row[name] = [stages.get(stage, 0.0) for stage in STAGES]
    row["driven"][:n] = header.driven
    row["result"][:n] = header.result


def _header(row: np.ndarray, sequence: int) -> FrameHeader:
    n = min(int(row["n_controls"]), MAX_CONTROLS)
    plain = {
        name: row[name].item()
        for name in ("picture_sequence", "width", "height", "shown_time", "newest_sample_time", "motion_sample_time",
                     "range_inside", "level_db", "peak_db", "fps", "look_ahead_ms", "lost_samples", "n_gaussians",
                     "avatar_number", "voice_offset_ms", "total_p50_ms", "total_p95_ms")
    }  # fmt: skip
    stages = {
        name: dict(zip(STAGES, row[name].tolist(), strict=True))
        for name in ("stages_ms", "stages_p50_ms", "stages_p95_ms")
    }
    return FrameHeader(
        sequence=sequence, driven=row["driven"][:n].copy(), result=row["result"][:n].copy(),
        clipped=bool(row["clipped"]), is_talking=bool(row["is_talking"]),
        backend=row["backend"].item().decode("ascii", "replace"), **plain, **stages,
    )  # fmt: skip


def _index(path: Path) -> MappedFile:
    """The index as it is, so that frames go on being counted over a restart, else a new one."""
    try:
        return MappedFile.attach(path, _INDEX_MAGIC, _VERSION, "an index of frames")
    except AudioError:
        mapped = MappedFile.create(path, _INDEX_MAGIC, _VERSION, 64)
        mapped.publish()
        return mapped


def _generation_path(path: Path, generation: int) -> Path:
    return path.with_name(f"{path.name}.{generation}")


def _remove(path: Path) -> None:
    """Removes a file that may still be mapped elsewhere; where that is refused, the sweep at the next start does it."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
