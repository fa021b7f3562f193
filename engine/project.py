"""A project: takes and what was done with them, in a folder of immutable files under one index.

    name.mouthpiece/
        index.json            everything but the takes' samples; replaced atomically by every save
        autosave.json         the same, of what is not saved yet; removed by a save
        takes/<key>.take      raw takes, named by the hash of their contents, never changed once there

Nothing in a project is ever overwritten but the two indexes, so that a crash at any moment leaves the last save, or the
autosave after it, whole. A take that no index names any more stays until `prune` is asked for. A zip of the folder is
for sharing only.
"""

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from engine.camera import Orbit
from engine.edits import Edits
from engine.errors import MouthpieceError, OutputError, ProjectError, TakeError
from engine.manifest import read_header
from engine.paths import atomic_file, atomic_folder
from engine.performance.take_edit import TakeEdit
from engine.take import TakeInfo, read_take_info

SUFFIX = ".mouthpiece"
VERSION = 1
INDEX, AUTOSAVE, TAKES = "index.json", "autosave.json", "takes"
MAX_INDEX_BYTES = 256 << 20
MAX_ZIP_BYTES = 64 << 30
KEY_LENGTH = 64
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class ProjectTake:
    """A take in a project.

    Attributes:
        key: hash of its samples; the name of its file.
        rating: 0 to 5 stars; notes: the user's words.
        edit: what is laid over it.
    """

    key: str
    name: str
    rating: int = 0
    notes: str = ""
    edit: TakeEdit = field(default_factory=TakeEdit)

    def __post_init__(self) -> None:
        if len(self.key) != KEY_LENGTH or not set(self.key) <= _HEX:
            raise ProjectError(f"{self.key!r}: is not the key of a take.")
        if not 0 <= self.rating <= 5:
            raise ProjectError(f"{self.name}: a rating is 0 to 5 stars, not {self.rating}.")


@dataclass(frozen=True)
class ProjectState:
    """All of a project but its takes' samples; each change makes another state, so undo and redo are exact.

    Attributes:
        avatar: path of the avatar on stage, and its hash.
        cameras: bookmark to where it looks from.
        presets: name to control values.
        edits: avatar hash to `Edits.to_json()`.
        current: the key of the take that is being edited.
    """

    avatar: str = ""
    avatar_hash: str = ""
    takes: tuple[ProjectTake, ...] = ()
    cameras: Mapping[str, Orbit] = field(default_factory=dict)
    presets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    edits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    current: str = ""

    def take(self, key: str) -> ProjectTake:
        """The take of a key. Raises ProjectError if it is not in the project."""
        found = next((take for take in self.takes if take.key == key), None)
        if found is None:
            raise ProjectError(f"{key[:12]}: the project has no such take.")
        return found

    def with_take(self, take: ProjectTake) -> "ProjectState":
        """The take put in the place of the one with its key, else last."""
        if any(other.key == take.key for other in self.takes):
            return replace(self, takes=tuple(take if o.key == take.key else o for o in self.takes))
        return replace(self, takes=(*self.takes, take))

    def without_take(self, key: str) -> "ProjectState":
        self.take(key)
        takes = tuple(take for take in self.takes if take.key != key)
        return replace(self, takes=takes, current="" if self.current == key else self.current)

    def edited(self, key: str, edit: TakeEdit) -> "ProjectState":
        """Another edit of a take."""
        return self.with_take(replace(self.take(key), edit=edit))

    def to_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "avatar": {"path": self.avatar, "hash": self.avatar_hash},
            "takes": [{**{n: getattr(t, n) for n in ("key", "name", "rating", "notes")}, "edit": t.edit.to_json()}
                      for t in self.takes],
            "cameras": {name: orbit.to_json() for name, orbit in self.cameras.items()},
            "presets": {name: dict(values) for name, values in self.presets.items()},
            "edits": {name: dict(row) for name, row in self.edits.items()},
            "current": self.current,
        }  # fmt: skip

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "ProjectState":
        """Reads what `to_json` gave. Raises ProjectError if it is damaged or of another version."""
        try:
            if row["version"] != VERSION:
                raise ProjectError(f"is of version {row['version']!r}, this program reads {VERSION}; update it.")
            takes = tuple(
                ProjectTake(
                    str(t["key"]), str(t["name"]), int(t["rating"]), str(t["notes"]), TakeEdit.from_json(t["edit"])
                )
                for t in row["takes"]
            )
            if len({take.key for take in takes}) != len(takes):
                raise ValueError("one take stands in it twice")
            edits = {str(name): Edits.from_json(edit).to_json() for name, edit in row["edits"].items()}
            presets = {str(name): {str(control): float(value) for control, value in values.items()}
                       for name, values in row["presets"].items()}  # fmt: skip
            cameras = {str(name): Orbit.from_json(orbit) for name, orbit in row["cameras"].items()}
            return cls(str(row["avatar"]["path"]), str(row["avatar"]["hash"]), takes, cameras, presets, edits,
                       str(row["current"]))  # fmt: skip
        except ProjectError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, MouthpieceError) as error:
            raise ProjectError(f"its index cannot be read ({str(error).splitlines()[0]}).") from error


class Project:
    """One project folder and the state it stands in.

    What writes takes the state as it finds it, once: a thread may write while another goes on editing, as long as only
    one thread writes.

    Attributes:
        state: as it is now, saved or not.
        folder: where it lives.
        recovered: why `state` is not the last save: a sentence, empty when it is.
    """

    def __init__(self, folder: Path, state: ProjectState, saved: ProjectState, recovered: str = "") -> None:
        self.folder, self.state, self.recovered = Path(folder), state, recovered
        self._saved = saved
        self._autosaved = state

    @classmethod
    def create(cls, folder: Path, state: ProjectState = ProjectState()) -> "Project":
        """Makes a new project. Raises OutputError if the folder exists or cannot be made."""
        folder = Path(folder)
        if folder.exists():
            raise OutputError(f"{folder}: is there already; choose another name.")
        with atomic_folder(folder) as made:
            (made / TAKES).mkdir()
            _write_index(made / INDEX, state)
        return cls(folder, state, state)

    @classmethod
    def open(cls, folder: Path) -> "Project":
        """Opens a project; an autosave newer than the last save wins, and `recovered` says so.

        Raises:
            ProjectError: if it is no project, damaged, or of another version; nothing in it is changed.
        """
        folder = Path(folder)
        problem: ProjectError | None = None
        saved = None
        try:
            saved = _read_index(folder / INDEX)
        except ProjectError as error:
            problem = error
        autosaved = None
        if (folder / AUTOSAVE).is_file():
            try:
                autosaved = _read_index(folder / AUTOSAVE)
            except ProjectError as error:
                problem = problem or error
        if autosaved is not None:
            words = "The project was not closed properly; what was autosaved is open now."
            return cls(folder, autosaved, saved or ProjectState(), words)
        if saved is None:
            raise problem or ProjectError(f"{folder}: is not a project.")
        words = f"The autosave was damaged; the last save is open. {problem}" if problem else ""
        return cls(folder, saved, saved, words)

    @property
    def name(self) -> str:
        return self.folder.stem

    @property
    def is_saved(self) -> bool:
        return self.state == self._saved

    def save(self) -> None:
        """Makes the present state the saved one. Raises OutputError; the last save is whole then."""
        state = self.state
        _write_index(self.folder / INDEX, state)
        self._saved = self._autosaved = state
        (self.folder / AUTOSAVE).unlink(missing_ok=True)
        self.recovered = ""

    def autosave(self) -> bool:
        """Keeps the present state beside the save, if it is another; whether it wrote. Raises OutputError."""
        state = self.state
        if state == self._autosaved:
            return False
        if state == self._saved:
            (self.folder / AUTOSAVE).unlink(missing_ok=True)
        else:
            _write_index(self.folder / AUTOSAVE, state)
        self._autosaved = state
        return True

    def revert(self) -> None:
        """Back to the last save."""
        self.state = self._autosaved = self._saved
        (self.folder / AUTOSAVE).unlink(missing_ok=True)

    def save_as(self, folder: Path) -> "Project":
        """A copy under another name, saved; this one stays as it is. Raises OutputError."""
        folder, state = Path(folder), self.state
        if folder.exists():
            raise OutputError(f"{folder}: is there already; choose another name.")
        with atomic_folder(folder) as made:
            (made / TAKES).mkdir()
            for take in state.takes:
                shutil.copyfile(self.take_path(take.key), made / TAKES / f"{take.key}.take")
            _write_index(made / INDEX, state)
        return Project(folder, state, state)

    # Takes

    def take_path(self, key: str) -> Path:
        return self.folder / TAKES / f"{key}.take"

    def add_take(self, path: Path) -> ProjectTake:
        """Puts a copy of a take's file into the project and into its state; one that is there already is kept.

        Raises:
            TakeError: if it is no take. OutputError: if it cannot be copied.
        """
        key, info = self.store_take(path)
        present = next((take for take in self.state.takes if take.key == key), None)
        if present is not None:
            return present
        take = ProjectTake(key, info.name, info.rating, info.notes)
        self.state = self.state.with_take(take)
        return take

    def store_take(self, path: Path) -> tuple[str, TakeInfo]:
        """Copies a take's file into the folder if it is not there; the state stays, so any thread may ask for it."""
        info = read_take_info(path)
        key = take_key(path)
        if not self.take_path(key).is_file():
            with atomic_file(self.take_path(key)) as temporary:
                shutil.copyfile(path, temporary)
        return key, info

    def missing_takes(self) -> list[ProjectTake]:
        """Takes whose files are gone or damaged; all else of the project works without them."""
        missing = []
        for take in self.state.takes:
            try:
                read_take_info(self.take_path(take.key))
            except TakeError:
                missing.append(take)
        return missing

    def prune(self) -> int:
        """Deletes takes that neither the state nor the save names; bytes freed. Ask the user first."""
        named = {take.key for state in (self.state, self._saved) for take in state.takes}
        freed = 0
        for path in (self.folder / TAKES).glob("*.take"):
            if path.stem not in named:
                freed += path.stat().st_size
                path.unlink()
        return freed

    # Sharing

    def share(self, path: Path) -> None:
        """Writes the present state and its takes as one zip file. Raises OutputError."""
        state = self.state
        with atomic_file(Path(path)) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            archive.writestr(f"{self.name}{SUFFIX}/{INDEX}", _index_text(state), zipfile.ZIP_DEFLATED)
            for take in state.takes:
                archive.write(self.take_path(take.key), f"{self.name}{SUFFIX}/{TAKES}/{take.key}.take")


def unpack(path: Path, into: Path) -> Project:
    """Opens a shared zip as a project in a folder.

    Raises:
        ProjectError: if it holds anything but one project's own files, or is too large. OutputError.
    """
    into = Path(into)
    try:
        with zipfile.ZipFile(path) as archive:
            names = _names_in(path, archive)
            target = into / names.pop("").name
            if target.exists():
                raise OutputError(f"{target}: is there already; move it away first.")
            with atomic_folder(target) as made:
                (made / TAKES).mkdir()
                for inside, member in names.items():
                    with archive.open(str(member)) as source, open(made / inside, "wb") as copy:
                        shutil.copyfileobj(source, copy, 1 << 20)
                project = Project.open(made)
                for take in project.state.takes:
                    file = made / TAKES / f"{take.key}.take"
                    if file.is_file() and take_key(file) != take.key:
                        raise ProjectError(f"{path}: the take {take.name} in it is damaged; share it again.")
    except (zipfile.BadZipFile, OSError, RuntimeError, TakeError) as error:
        raise ProjectError(f"{path}: cannot be unpacked ({error}).") from error
    return Project.open(target)


def take_key(path: Path) -> str:
    """SHA-256 of a take's samples: the same whatever its name, notes and rating are. Raises TakeError."""
    try:
        _, n_bytes = read_header(path)
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            file.seek(os.path.getsize(path) - n_bytes)
            while piece := file.read(1 << 20):
                digest.update(piece)
    except (OSError, MouthpieceError) as error:
        raise TakeError(f"{path}: is not a take that can be read ({str(error).splitlines()[0]}).") from error
    return digest.hexdigest()


def _names_in(path: Path, archive: zipfile.ZipFile) -> dict[str, PurePosixPath]:
    """Name inside the project to name in the archive; "" is the project's own folder."""
    names: dict[str, PurePosixPath] = {}
    if sum(info.file_size for info in archive.infolist()) > MAX_ZIP_BYTES:
        raise ProjectError(f"{path}: unpacks to more than {MAX_ZIP_BYTES >> 30} GB.")
    for info in archive.infolist():
        member = PurePosixPath(info.filename)
        if info.is_dir():
            continue
        inside = str(PurePosixPath(*member.parts[1:])) if len(member.parts) > 1 else ""
        key = PurePosixPath(inside).stem
        is_take = inside == f"{TAKES}/{key}.take" and len(key) == KEY_LENGTH and set(key) <= _HEX
        is_own = member.parts[0].endswith(SUFFIX) and ".." not in member.parts and len(member.parts[0]) > len(SUFFIX)
        if not (is_own and (inside == INDEX or is_take)) or names.get("", member.parents[-2]) != member.parents[-2]:
            raise ProjectError(f"{path}: holds {info.filename}, which no shared project does; it was not unpacked.")
        names[""] = member.parents[-2]
        names[inside] = member
    if INDEX not in names:
        raise ProjectError(f"{path}: is not a shared project.")
    return names


def _index_text(state: ProjectState) -> str:
    return json.dumps(state.to_json(), indent=1, allow_nan=False)


def _write_index(path: Path, state: ProjectState) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(_index_text(state), encoding="utf-8")


def _read_index(path: Path) -> ProjectState:
    try:
        if path.stat().st_size > MAX_INDEX_BYTES:
            raise ProjectError(f"{path}: is too large for a project's index.")
        row = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(row, dict):
            raise ValueError("no object")
    except OSError as error:
        raise ProjectError(f"{path.parent}: is not a project ({error.strerror or error}).") from error
    except (ValueError, RecursionError) as error:
        raise ProjectError(f"{path}: is damaged ({str(error).splitlines()[0]}).") from error
    try:
        return ProjectState.from_json(row)
    except ProjectError as error:
        raise ProjectError(f"{path}: {error}") from error
