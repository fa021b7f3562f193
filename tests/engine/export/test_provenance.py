"""What a clip says about where it came from, read back."""

import importlib.util
import json
import shutil

import av
import numpy as np
import pytest
from PIL import Image

from engine.errors import OutputError
from engine.export import provenance
from engine.export.formats import FORMATS
from engine.export.order import make_order
from engine.export.provenance import COMPOSITE, Statement, mark, verify, xmp_packet
from engine.export.video import VideoWriter
from engine.export.xmp import append_xmp, read_xmp
from tests.fakes.avatar import FakeAvatar

needs_c2pa = pytest.mark.skipif(
    importlib.util.find_spec("c2pa") is None or importlib.util.find_spec("cryptography") is None,
    reason="c2pa-python and cryptography are not installed (extra: provenance)",
)


def clip(path):
    kind = next(f for f in FORMATS.values() if f.suffix == path.suffix and f.kind == "video")
    with VideoWriter(
        path, (64, 64), 25, kind=kind, metadata={"title": "Clip", "digital_source_type": COMPOSITE}
    ) as writer:
        for i in range(5):  # each another picture: loops join those that are alike
            picture = np.full((64, 64, 4 if kind.has_alpha else 3), 40 * i, np.uint8)
            picture[..., 3:] = 255
            writer.write(picture, np.zeros(1920, np.float32))
    return path


def n_pictures(path):
    if path.suffix in (".gif", ".webp", ".apng"):
        with Image.open(path) as image:
            for i in range(image.n_frames):
                image.seek(i)
                image.load()
            return image.n_frames
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def order_for(path, **changes):
    return make_order(**{"avatar": "a.avatar", "voice": "v.wav", "output": path, **changes})


def statement_for(order):
    return Statement.of(order, FakeAvatar().manifest)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".gif", ".webp", ".apng"])
def test_xmp_is_found_again_and_the_clip_still_plays(tmp_path, suffix):
    path = clip(tmp_path / f"clip{suffix}")
    statement = statement_for(order_for(path))
    append_xmp(path, xmp_packet(statement))
    assert statement.source_type in read_xmp(path)
    assert verify(path).source_type == statement.source_type
    assert n_pictures(path) == 5


def test_webm_says_it_in_its_tags(tmp_path):
    found = verify(clip(tmp_path / "clip.webm"))
    assert found.is_synthetic and found.details["title"] == "Clip"


def test_names_with_markup_stay_text(tmp_path):
    order = order_for(tmp_path / "x.mp4", author="A <b> & Co")
    assert "A &lt;b&gt; &amp; Co" in xmp_packet(statement_for(order))


def test_without_the_signing_library_a_sidecar_holds_the_hash(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "is_available", lambda: False)
    path = clip(tmp_path / "clip.mp4")
    order = order_for(path)
    marked = mark(path, order, statement_for(order))
    suffix, data = marked.sidecar
    path.with_name(path.name + suffix).write_bytes(data)
    assert "not installed" in marked.words
    assert verify(path).sidecar == "matches"
    with open(path, "ab") as file:
        file.write(b"more")
    assert verify(path).sidecar == "changed"
    assert "not the file" in verify(path).words


def test_an_unsigned_clip_is_left_alone_when_asked(tmp_path):
    path = clip(tmp_path / "clip.mp4")
    order = order_for(path, is_signed=False, says_synthetic=False)
    before = path.read_bytes()
    assert mark(path, order, statement_for(order)).sidecar is None
    assert path.read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"\0\0\0\1uuid", b"\0\0\0\0ftyp", b"\xff" * 64, b"\0\0\0\2free"])
def test_foreign_and_damaged_files_say_nothing_and_harm_nothing(tmp_path, data):
    path = tmp_path / "x.mp4"
    path.write_bytes(data)
    assert not verify(path).is_synthetic


def test_a_damaged_sidecar_or_folder_says_nothing(tmp_path):
    path = clip(tmp_path / "clip.mp4")
    path.with_name("clip.mp4.provenance.json").write_text("{")
    assert verify(path).sidecar == "changed"
    (tmp_path / "seq").mkdir()
    (tmp_path / "seq" / "manifest.json").write_text(json.dumps({"statement": 3}))
    assert not verify(tmp_path / "seq").is_synthetic
    Image.new("RGB", (4, 4)).save(tmp_path / "plain.png")
    assert not verify(tmp_path / "plain.png").is_synthetic
    with pytest.raises(OutputError, match="no such file"):
        verify(tmp_path / "missing.mp4")


@needs_c2pa
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm", ".gif", ".webp", ".apng"])
def test_a_signed_clip_is_valid_until_a_byte_changes(tmp_path, suffix, monkeypatch):
    monkeypatch.setenv("MOUTHPIECE_CONFIG", str(tmp_path / "config"))
    path = clip(tmp_path / f"clip{suffix}")
    order = order_for(path)
    marked = mark(path, order, statement_for(order))
    if marked.sidecar is not None:
        path.with_name(path.name + marked.sidecar[0]).write_bytes(marked.sidecar[1])
    assert verify(path).signature == "valid"
    assert verify(path).is_synthetic
    assert n_pictures(path) == 5
    changed = tmp_path / "changed" / path.name
    changed.parent.mkdir()
    for beside in tmp_path.glob(f"{path.name}*"):
        shutil.copy(beside, changed.parent)
    data = bytearray(changed.read_bytes())
    data[len(data) // 2] ^= 0xFF
    changed.write_bytes(data)
    assert verify(changed).signature == "changed"
