"""Reading a bag (RFC 8493), unpacked or in its ZIP, and holding every byte against its manifests.

Written from docs/formats/export.md; shares no code with the server.
"""

from __future__ import annotations

import hashlib
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from clients.verifier.heads import Step
from clients.verifier.receipt import NotVerified
from clients.verifier.zip_form import verify_form

_ALGORITHMS = ("sha256", "sha512", "sm3")
_PIECE = 1 << 20
#: What the standard library raises for an archive that is none, depending on which byte is wrong.
_UNREADABLE = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    ValueError,
    EOFError,
    OSError,
    struct.error,
)


class Source(Protocol):
    """Where the bag's files are read from."""

    def names(self) -> Mapping[str, int]:
        """Every file by its path in the bag, with its size."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Its bytes; raises NotVerified where it cannot be read."""
        ...


class _Directory:
    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> Mapping[str, int]:
        found = {}
        for path in sorted(self._root.rglob("*")):
            if path.is_symlink():
                raise NotVerified(f"{path.relative_to(self._root).as_posix()} is a link, no file of a bag")
            if path.is_file():
                found[path.relative_to(self._root).as_posix()] = path.stat().st_size
        return found

    def open(self, name: str) -> BinaryIO:
        try:
            return (self._root / name).open("rb")
        except OSError as error:
            raise NotVerified(f"{name} cannot be read: {error.strerror}") from error


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        names = [info.filename for info in archive.infolist()]
        tops = {name.partition("/")[0] for name in names}
        if len(tops) != 1 or len(set(names)) != len(names):
            raise NotVerified("the archive is not one directory in which every name is there once")
        self._top = tops.pop()
        for info in archive.infolist():
            parts = info.filename.split("/")
            if len(parts) < 2 or any(part in ("", ".", "..") for part in parts) or "\\" in info.filename:
                raise NotVerified(f"the archive holds {info.filename!r}, which leads out of it")

    def names(self) -> Mapping[str, int]:
        return {info.filename.partition("/")[2]: info.file_size for info in self._archive.infolist()}

    def open(self, name: str) -> BinaryIO:
        try:
            return cast("BinaryIO", self._archive.open(f"{self._top}/{name}"))
        except (KeyError, *_UNREADABLE) as error:
            raise NotVerified(f"{name} cannot be read from the archive") from error


@dataclass(slots=True)
class Bag:
    """A bag whose bytes are those of its manifests. `digests` is SHA-256 by path, tag files too."""

    source: Source
    digests: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def read(self, name: str) -> bytes:
        """A file's bytes, held again against its digest; raises NotVerified."""
        if name not in self.digests:
            raise NotVerified(f"{name} is missing")
        data = _read(self.source, name)
        if hashlib.sha256(data).hexdigest() != self.digests[name]:
            raise NotVerified(f"{name} changed while it was being checked")
        return data

    def below(self, prefix: str) -> list[str]:
        """The paths that begin so, in order."""
        return sorted(name for name in self.digests if name.startswith(prefix))


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """The bag at `path`: a directory, or a ZIP. Raises NotVerified, OSError."""
    if path.is_dir():
        inside = [one for one in path.iterdir() if one.is_dir()]
        nested = not (path / "bagit.txt").exists() and len(inside) == 1
        yield _Directory(inside[0] if nested else path)
        return
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
        except _UNREADABLE as error:
            raise NotVerified("the file is not a whole ZIP archive: it was cut short or changed") from error
        with archive:
            verify_form(file, archive.infolist())
            yield _Zip(archive)


def verified_bag(source: Source, progress: Callable[[int, int], None]) -> Bag:
    """The bag, once every file of it is the one that its manifests name; raises NotVerified.

    `progress` hears of bytes done.
    """
    names = source.names()
    if _read(source, "bagit.txt") != b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n":
        raise NotVerified("bagit.txt does not declare a BagIt 1.0 bag")
    payload = {name for name in names if name.startswith("data/")}
    own = {f"tagmanifest-{one}.txt" for one in _ALGORITHMS}
    listed = {one: _manifest(source, f"manifest-{one}.txt", payload) for one in _ALGORITHMS}
    tags = set(names) - payload - own
    for one in _ALGORITHMS:
        listed[one].update(_manifest(source, f"tagmanifest-{one}.txt", tags))
    known = [one for one in _ALGORITHMS if one in hashlib.algorithms_available]
    done, total = 0, sum(size for name, size in names.items() if name not in own)
    bag = Bag(source)
    # What is beside the evidence first: a manifest that was changed is named, and not what it speaks of.
    for name in [*sorted(tags), *sorted(payload)]:
        found, size = _digests(source, name, known)
        _agree(name, found, {one: listed[one][name] for one in known})
        bag.digests[name] = found["sha256"]
        done += size
        progress(done, total)
    for name in own:
        bag.digests[name] = hashlib.sha256(_read(source, name)).hexdigest()
    without = [one for one in _ALGORITHMS if one not in known]
    bag.steps.append(
        Step(
            "fixity",
            f"{len(payload)} files of evidence and {len(tags)} beside them are those of the manifests, by "
            f"{', '.join(known)}; none is missing, none was added",
            f"{', '.join(without)}: this Python cannot compute it" if without else "",
        )
    )
    return bag


def _agree(name: str, found: Mapping[str, str], listed: Mapping[str, str]) -> None:
    wrong = [one for one in found if found[one] != listed[one]]
    if not wrong:
        return
    if len(wrong) == len(found):
        raise NotVerified(f"{name} was changed: its {wrong[0]} is not the one in the manifest")
    kind = "manifest" if name.startswith("data/") else "tagmanifest"
    raise NotVerified(f"{kind}-{wrong[0]}.txt was changed: it alone says otherwise of {name}")


def _read(source: Source, name: str) -> bytes:
    if name not in source.names():
        raise NotVerified(f"{name} is missing")
    try:
        with source.open(name) as file:
            return file.read()
    except _UNREADABLE as error:
        raise NotVerified(f"{name} was changed: it cannot be read") from error


def _manifest(source: Source, name: str, files: set[str]) -> dict[str, str]:
    """Its digests by path, which have to be exactly `files`."""
    found: dict[str, str] = {}
    try:
        lines = _read(source, name).decode("ascii").splitlines(keepends=True)
    except UnicodeDecodeError as error:
        raise NotVerified(f"{name} was changed: it is no text") from error
    for line in lines:
        digest, gap, path = line.removesuffix("\n").partition("  ")
        if not gap or not line.endswith("\n") or path in found:
            raise NotVerified(f"{name} was changed: a line of it is none")
        found[path] = digest
    for path in sorted(files - set(found)):
        raise NotVerified(f"{path} does not stand in {name}: it was added")
    for path in sorted(set(found) - files):
        raise NotVerified(f"{path} is missing")
    return found


def _digests(source: Source, name: str, algorithms: list[str]) -> tuple[dict[str, str], int]:
    digests = {one: hashlib.new(one) for one in algorithms}
    size = 0
    try:
        with source.open(name) as file:
            while piece := file.read(_PIECE):
                size += len(piece)
                for digest in digests.values():
                    digest.update(piece)
    except _UNREADABLE as error:
        # The ZIP's own checksum notices first.
        raise NotVerified(f"{name} was changed: it cannot be read whole") from error
    return {one: digest.hexdigest() for one, digest in digests.items()}, size
