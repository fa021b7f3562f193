"""Where a clip came from, said in its file: IPTC's digital source type in XMP and tags, a C2PA signature, a sidecar.

Nothing of this is in the picture. `verify` reads it all back.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import av

from engine import __version__
from engine.errors import OutputError
from engine.export.order import Order, file_hash
from engine.export.signing import embed, is_available, read_manifest_store, sidecar_of
from engine.export.xmp import CONTAINERS, append_xmp, read_xmp
from engine.manifest import Manifest

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
COMPOSITE, GENERATED = IPTC + "compositeWithTrainedAlgorithmicMedia", IPTC + "trainedAlgorithmicMedia"
MAX_SIDECAR = 1 << 20
JSON_SUFFIX, C2PA_SUFFIX = ".provenance.json", ".c2pa"
SIGNABLE = (".mp4", ".mov", ".gif", ".webp", ".apng")
"""Containers that can carry a C2PA manifest; WebM cannot (measured with its SDK 0.91)."""


@dataclass(frozen=True)
class Statement:
    """What a clip says about itself.

    Attributes:
        source_type: one of IPTC's digital source types.
        sentence: for people.
        avatar, avatar_hash, consent: whose face it is.
        created: ISO time.
    """

    source_type: str
    sentence: str
    avatar: str
    avatar_hash: str
    consent: str
    created: str
    program: str = f"Mouthpiece {__version__}"
    author: str = ""

    @classmethod
    def of(cls, order: Order, manifest: Manifest) -> "Statement":
        with_voice = order.is_heard and order.format.kind == "video"
        sentence = f"Synthetic: the face of {manifest.name} was generated" + (
            ", spoken by a voice." if with_voice else "."
        )
        return cls(COMPOSITE if with_voice else GENERATED, sentence, manifest.name, order.avatar_hash, manifest.consent,
                   datetime.now(UTC).isoformat(timespec="seconds"), author=order.author)  # fmt: skip

    def to_json(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Marked:
    """What was done: a sidecar to be written beside the clip (ending and bytes), and a sentence about it."""

    sidecar: tuple[str, bytes] | None = None
    words: str = ""


@dataclass
class Findings:
    """What a file says about where it came from.

    Attributes:
        is_synthetic: whether anything in it says so.
        source_type: IPTC's, empty if it does not say.
        signature: "valid", "changed", "none" or "not checked".
        sidecar: "matches", "changed" or "none".
        details: further fields by name.
    """

    is_synthetic: bool = False
    source_type: str = ""
    signature: str = "none"
    sidecar: str = "none"
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """One or two sentences for people."""
        says = "It says that it is synthetic" if self.is_synthetic else "It does not say where it came from"
        kind = f" ({self.source_type.rsplit('/', 1)[-1]})" if self.source_type else ""
        signed = {
            "valid": " Its signature is whole.", "changed": " Its signature does not fit: it was changed afterwards.",
            "not checked": " Its signature cannot be checked here: install c2pa-python.", "none": " It is not signed.",
        }[self.signature]  # fmt: skip
        beside = {"matches": " The sidecar fits it.", "changed": " It is not the file its sidecar was made for.",
                  "none": ""}[self.sidecar]  # fmt: skip
        return f"{says}{kind}.{signed}{beside}"


def mark(path: Path, order: Order, statement: Statement) -> Marked:
    """Adds what the order asks for to a finished file; folders carry theirs in pictures and manifest already."""
    suffix = order.format.suffix
    if not suffix:
        return Marked(words="Said in its manifest." if order.says_synthetic else "")
    if order.says_synthetic and suffix in CONTAINERS:
        append_xmp(path, xmp_packet(statement))
    if not order.is_signed:
        return Marked(words="Said in its metadata." if order.says_synthetic else "")
    if is_available():
        if suffix in SIGNABLE:
            embed(path, order.output.name, statement.source_type)
            return Marked(words="Signed with your key.")
        data = sidecar_of(path, order.output.name, statement.source_type)
        return Marked((C2PA_SUFFIX, data), "Signed with your key, in a file beside it.")
    record = {"file": order.output.name, "sha256": file_hash(path), "statement": statement.to_json()}
    data = json.dumps(record, indent=2).encode()
    return Marked((JSON_SUFFIX, data), "Not signed: c2pa-python is not installed; its hash lies beside it.")


def verify(path: Path) -> Findings:
    """Reads back what a file, or the file beside it, says. Raises OutputError if there is no such file."""
    path = Path(path)
    if path.is_dir():
        return _verify_folder(path)
    if not path.is_file():
        raise OutputError(f"{path}: there is no such file.")
    found = Findings()
    _take_xmp(found, read_xmp(path))
    _take_tags(found, path)
    _take_signature(found, path)
    _take_sidecar(found, path)
    return found


# XMP


def xmp_packet(statement: Statement) -> str:
    """An XMP packet with IPTC's digital source type, the program, the creator and a description."""
    rows = {
        "Iptc4xmpExt:DigitalSourceType": statement.source_type, "xmp:CreatorTool": statement.program,
        "xmp:CreateDate": statement.created, "dc:description": statement.sentence, "dc:creator": statement.author,
    }  # fmt: skip
    body = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in rows.items() if value)
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/">{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    )


def _take_xmp(found: Findings, xmp: str) -> None:
    name = "Iptc4xmpExt:DigitalSourceType"
    for opening, closing in ((f"<{name}>", "<"), (f'{name}="', '"')):
        _, there, rest = xmp.partition(opening)
        if there:
            _take_type(found, rest.partition(closing)[0].strip())
            found.details["xmp"] = found.source_type


def _take_type(found: Findings, source_type: str) -> None:
    if source_type.startswith(IPTC) and len(source_type) < 200:
        found.source_type = source_type
        found.is_synthetic |= "lgorithmicMedia" in source_type or "Synthetic" in source_type


def _take_tags(found: Findings, path: Path) -> None:
    try:
        with av.open(str(path)) as file:
            tags = {name.lower(): str(value)[:500] for name, value in file.metadata.items()}
    except (OSError, ValueError, av.FFmpegError):
        return
    kept = {
        name: tags[name] for name in ("title", "artist", "comment", "encoder", "digital_source_type") if name in tags
    }
    found.details |= kept
    _take_type(found, kept.get("digital_source_type", ""))


def _take_signature(found: Findings, path: Path) -> None:
    beside = path.with_name(path.name + C2PA_SUFFIX)
    if not is_available():
        if beside.is_file() or _has_c2pa_box(path):
            found.signature = "not checked"
        return
    store = read_manifest_store(path, beside if beside.is_file() else None)
    if store is None:
        return
    is_valid = store.get("validation_state") in ("Valid", "Trusted")
    found.signature = "valid" if is_valid else "changed"
    found.details["c2pa"] = {name: store.get(name) for name in ("validation_state", "active_manifest")}
    if IPTC in json.dumps(store):
        found.is_synthetic = True


def _has_c2pa_box(path: Path) -> bool:
    with open(path, "rb") as file:
        return b"jumb" in file.read(1 << 20)


def _take_sidecar(found: Findings, path: Path) -> None:
    beside = path.with_name(path.name + JSON_SUFFIX)
    if not beside.is_file() or beside.stat().st_size > MAX_SIDECAR:
        return
    try:
        record = json.loads(beside.read_text(encoding="utf-8"))
        is_same = record["sha256"] == file_hash(path)
        _take_type(found, str(record["statement"]["source_type"]))
    except (OSError, ValueError, KeyError, TypeError):
        found.sidecar = "changed"
        return
    found.sidecar = "matches" if is_same else "changed"


def _verify_folder(path: Path) -> Findings:
    found = Findings()
    try:
        statement = json.loads((path / "manifest.json").read_text(encoding="utf-8"))["statement"]
        _take_type(found, str(statement["source_type"]))
        found.details = {
            name: str(statement[name])[:500] for name in ("avatar", "program", "created") if name in statement
        }
    except (OSError, ValueError, KeyError, TypeError):
        pass
    first = next(iter(sorted(path.glob("frame_*.png"))), None)
    if first is not None:
        _take_xmp(found, read_xmp(first))
    return found
