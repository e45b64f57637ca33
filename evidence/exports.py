"""Exports: what is taken away of an item or a case, for whom, and what of its history that shows. Pure.

Invariants: what an export holds is fixed when it is asked for; what it withholds is listed in it, and every
event that it does not explain is in it all the same, as a leaf that commits to what is withheld.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from evidence.canonical import Json, canonical, parse_canonical
from evidence.errors import Conflict, Invalid
from evidence.events import MOST_SUBJECTS, EventDraft, EventType, Subject
from evidence.timekeeping import from_text, to_text

EXPORT_VERSION = "custos/export/2"
#: What export.asked commits to, so that no export passes as one of another version.
_FORMAT = {"format_sha256": hashlib.sha256(EXPORT_VERSION.encode()).hexdigest()}
PLAN_VERSION = "custos/export-plan/1"
SEAL_VERSION = "custos/export-seal/1"
MOST_ITEMS = 5_000
MOST_EVENTS = 20_000
#: What is sent along where nothing else is named: what a person looks at.
USUAL_RENDITIONS = ("playable", "poster", "preview")
_RENDITIONS = frozenset({"playable", "poster", "preview", "sprite", "analysis", "presentation", "recovered"})


class Profile(StrEnum):
    """For whom an export is: one's own administration, a court, the defence."""

    INTERNAL = "internal"
    COURT = "court"
    DEFENCE = "defence"


class Matter(StrEnum):
    """What an export is of."""

    ITEM = "item"
    CASE = "case"


class Told(StrEnum):
    """What an event's detail tells of."""

    #: How something came in, was made, kept and proven.
    KEEPING = "keeping"
    #: Who looked, and what left.
    ACCESS = "access"
    #: What the administration thought of it.
    DELIBERATION = "deliberation"


#: What each profile discloses. Names of agents go with ACCESS.
DISCLOSED: Mapping[Profile, frozenset[Told]] = {
    Profile.INTERNAL: frozenset(Told),
    Profile.COURT: frozenset({Told.KEEPING, Told.ACCESS}),
    Profile.DEFENCE: frozenset({Told.KEEPING}),
}
_ACCESS = (
    "viewing.", "list.", "playback.", "watched.", "purpose.", "share.", "access.", "session.", "progress.",
    "history.", "receipt.", "report.", "item.shown", "case.shown", "sample.shown", "still.", "export.",
)  # fmt: skip
_DELIBERATION = (
    "note.", "mark.", "review.", "sample.drawn", "clip.", "disposal.", "particulars.", "entry.", "form.",
    "checklist.", "item.spared", "case.", "person.", "link.", "restriction.",
)  # fmt: skip


def told_by(kind: EventType) -> Told:
    """What the detail of an event of that type tells of."""
    if kind is EventType.EXPORT_IMPORTED:
        return Told.KEEPING
    if kind.value.startswith(_ACCESS):
        return Told.ACCESS
    return Told.DELIBERATION if kind.value.startswith(_DELIBERATION) else Told.KEEPING


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks for."""

    profile: Profile
    reason: str
    originals: bool = True
    renditions: tuple[str, ...] = USUAL_RENDITIONS


def checked_renditions(kinds: Sequence[str]) -> tuple[str, ...]:
    """The kinds of copies to send along, each once; raises Invalid("bad-renditions")."""
    unknown = sorted(set(kinds) - _RENDITIONS)
    if unknown:
        raise Invalid(
            "bad-renditions",
            f"There are no copies of the kind {unknown[0]!r} to send along; there are "
            f"{', '.join(sorted(_RENDITIONS))}.",
        )
    return tuple(dict.fromkeys(kinds))


def checked_items(item_ids: Sequence[str]) -> tuple[str, ...]:
    """The items of one export; raises Conflict("nothing-to-export"), Invalid("too-many-items")."""
    if not item_ids:
        raise Conflict("nothing-to-export", "Nothing is linked to this case that you may export.")
    if len(item_ids) > MOST_ITEMS:
        raise Invalid("too-many-items", f"An export holds at most {MOST_ITEMS} items; export some apart.")
    return tuple(item_ids)


@dataclass(frozen=True, slots=True)
class MadeExport:
    """What was made: where it lies, how long the archive is, and what was signed over it.

    `tag_digest` is the SHA-256 of `tagmanifest-sha256.txt`; `statement` a compact JWS over it; `token` an
    RFC 3161 answer over the statement, None where no authority gave one. `self_asserted` is one by this
    installation itself, where it knows no authority.
    """

    at: datetime
    size: int
    files: int
    keys: tuple[str, ...]
    tag_digest: str
    statement: str
    token: bytes | None
    authority: str | None
    event_id: str
    self_asserted: bytes | None = None
    #: Addresses of the revocation lists and answers about the token's certificates.
    lists: tuple[str, ...] = ()
    #: The policy that its authority was bound to; None for any.
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """An export as it was asked for, and what was made of it."""

    id: str
    unit: str
    matter: Matter
    subject_id: str
    wanted: Wanted
    agent_id: str
    asked_at: datetime
    event_id: str
    items: tuple[str, ...]
    made: MadeExport | None = None
    #: Since when its files are gone: it was kept long enough, or something in it was disposed of.
    gone_at: datetime | None = None

    @property
    def name(self) -> str:
        """The directory in the archive, and the archive's own name without its ending."""
        return f"custos-export-{self.id}"


def asked_events(export: Export) -> list[EventDraft]:
    """That it was asked for: one event, or several where it has more items than one can name.

    Each names the export, its case and items of its own, so that the chain of every item holds one that names
    the export, and that of the case all of them. The last one has the identifier that the export knows.
    """
    about = [Subject("export", export.id)]
    if export.matter is Matter.CASE:
        about.append(Subject("case", export.subject_id))
    room = MOST_SUBJECTS - len(about)
    slices = [export.items[first : first + room] for first in range(0, len(export.items), room)]
    said: dict[str, Json] = {
        "profile": export.wanted.profile.value,
        "reason": export.wanted.reason,
        "originals": export.wanted.originals,
        "renditions": list(export.wanted.renditions),
    }
    return [
        EventDraft(
            EventType.EXPORT_ASKED,
            export.agent_id,
            export.asked_at,
            (*about, *(Subject("item", item_id) for item_id in some)),
            digests=_FORMAT,
            detail=said if len(slices) == 1 else {**said, "part": number, "parts": len(slices)},
            id=export.event_id if number == len(slices) else None,
        )
        for number, some in enumerate(slices, 1)
    ]


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file of the archive: under `path`, in the store's object `key` from `offset` on.

    `version` is the store's own name for the object's bytes, where it is on record.
    """

    path: str
    size: int
    crc32: int
    key: str
    offset: int = 0
    version: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything of which the archive's bytes follow."""

    name: str
    at: datetime
    files: tuple[PlannedFile, ...]

    def encode(self) -> bytes:
        """Its canonical bytes."""
        return canonical(
            {
                "v": PLAN_VERSION,
                "name": self.name,
                "at": to_text(self.at),
                "files": [
                    {
                        "path": one.path,
                        "size": one.size,
                        "crc32": one.crc32,
                        "key": one.key,
                        "offset": one.offset,
                        **({"version": one.version} if one.version else {}),
                    }
                    for one in self.files
                ],
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Plan:
        """The inverse of `encode`; ValueError for what is no plan."""
        said = parse_canonical(data)
        files = said.get("files")
        if said.get("v") != PLAN_VERSION or not isinstance(files, list):
            raise ValueError("not an export plan of version 1")
        return cls(str(said["name"]), from_text(str(said["at"])), tuple(map(_planned, files)))


def _planned(value: Json) -> PlannedFile:
    assert isinstance(value, Mapping)
    size, crc32, offset = value["size"], value["crc32"], value["offset"]
    assert isinstance(size, int)
    assert isinstance(crc32, int)
    assert isinstance(offset, int)
    return PlannedFile(
        str(value["path"]), size, crc32, str(value["key"]), offset, str(value.get("version", ""))
    )


def encode_seal(export: Export, *, at: datetime, tag_digest: str, time_source: str) -> bytes:
    """What is signed over an export, beside the archive: its tag manifest's digest, and what it is of."""
    return canonical(
        {
            "v": SEAL_VERSION,
            "export": export.id,
            "matter": export.matter.value,
            "subject": export.subject_id,
            "profile": export.wanted.profile.value,
            "items": list(export.items),
            "tagmanifest_sha256": tag_digest,
            "made_at": to_text(at),
            "time_source": time_source,
        }
    )
