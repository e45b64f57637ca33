"""Every stored file against what the log says of it: originals, manifests, and copies that were made.

Written from docs/formats (keys, manifest, event); shares no code with the server.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clients.verifier.heads import Step
from clients.verifier.receipt import NotVerified

_PIECE = 1 << 20
_EVENT = (b',"event":', b',"v":"custos/leaf/1"}')


@dataclass(slots=True)
class Told:
    """What the leaves say of stored files, by item."""

    #: The original's SHA-256, and that of the event which says so.
    originals: dict[str, tuple[str, str]] = field(default_factory=dict)
    made: dict[str, set[str]] = field(default_factory=dict)
    disposed: set[str] = field(default_factory=set)

    def take(self, event: Mapping[str, Any], leaf: bytes) -> None:
        """Note what one event says."""
        kind = event["type"]
        if kind not in ("item.ingested", "rendition.made", "item.disposed"):
            return
        items = [one["id"] for one in event["subjects"] if one["kind"] == "item"]
        digest = event["digests"].get("sha256", "")
        for item in items:
            if kind == "item.ingested":
                own = leaf.partition(_EVENT[0])[2].removesuffix(_EVENT[1])
                self.originals[item] = (digest, hashlib.sha256(own).hexdigest())
            elif kind == "item.disposed":
                self.disposed.add(item)
            else:
                self.made.setdefault(item, set()).add(digest)


def verify_objects(
    objects: Path, told: Told, progress: Callable[[int, int], None] = lambda _done, _of: None
) -> Step:
    """Hold every file below `objects` against the log; raises NotVerified with the first that is wrong.

    `progress` hears of bytes done. What came in after the log's head is counted, not checked.
    """
    originals, copies = _found(objects / "originals"), _found(objects / "renditions")
    total = sum(path.stat().st_size for path in [*originals, *copies])
    done = younger = 0
    kept: set[str] = set()
    for path in originals:
        item, name = path.parent.name, path.relative_to(objects).as_posix()
        if item in told.disposed:
            raise NotVerified(f"{name} is of an item of which the log says that it was disposed of")
        if item not in told.originals:
            younger += 1
        elif path.name == "manifest.json":
            _manifest(path, name, told.originals[item][1])
        else:
            digest = _sha256(path)
            if path.name != told.originals[item][0] or digest != path.name:
                raise NotVerified(f"{name} was changed: it is not the original that came in")
            kept.add(item)
        done += path.stat().st_size
        progress(done, total)
    missing = sorted(told.originals.keys() - kept - told.disposed)
    if missing:
        raise NotVerified(f"the original of item {missing[0]} is missing ({len(missing)} are)")
    for path in copies:
        item, name = path.relative_to(objects).parts[1], path.relative_to(objects).as_posix()
        if item in told.disposed:
            raise NotVerified(f"{name} is of an item of which the log says that it was disposed of")
        if item in told.originals and _sha256(path) not in told.made.get(item, ()):
            why = "it is no copy of which the log says that it was made"
            raise NotVerified(f"{name} was changed, or made after this head: {why}")
        younger += item not in told.originals
        done += path.stat().st_size
        progress(done, total)
    return Step(
        "stored files",
        f"{len(kept)} originals with their manifests and {len(copies)} copies are those of the log; none is "
        f"missing, and of {len(told.disposed)} that were disposed of nothing is left",
        "what manifests say beside their events: unit, kind, times of commit and lock"
        + (f"; {younger} files of items that came in after this head" if younger else ""),
    )


def _found(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _sha256(path: Path) -> str:
    made = hashlib.sha256()
    for piece in _pieces(path):
        made.update(piece)
    return made.hexdigest()


def _manifest(path: Path, name: str, event_digest: str) -> None:
    """Its event is the one in the log, and it is itself what the event's salt and detail say."""
    try:
        said = json.loads(path.read_bytes())
        event = base64.b64decode(said["event"], validate=True)
        salt, detail = (
            base64.b64decode(said[part], validate=True) for part in ("event_salt", "event_detail")
        )
        told = json.loads(event)
        said_then = json.loads(detail)
        submitted, size = said_then["submitted"], said_then["size"]
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise NotVerified(f"{name} was changed: it is no manifest of version 1") from error
    if hashlib.sha256(event).hexdigest() != event_digest:
        raise NotVerified(f"{name} was changed: its event is not the one in the log")
    if hashlib.sha256(salt + detail).hexdigest() != told["detail"]:
        raise NotVerified(f"{name} was changed: its detail is not what the event committed to")
    here = (said["item"], said["agent"], said["size"], said["digests"]["sha256"], said["submitted"])
    if here != (path.parent.name, told["agent"], size, told["digests"]["sha256"], submitted):
        raise NotVerified(f"{name} was changed: it does not say what its event says")
