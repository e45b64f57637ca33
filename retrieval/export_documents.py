"""The documents of an export that say what is in it (docs/formats/export.md). Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evidence.canonical import Json
from evidence.cases import Case
from evidence.exports import DISCLOSED, EXPORT_VERSION, Export, Profile, Told
from evidence.items import Item, Rendition
from evidence.ports.dossier import Note, Stated
from evidence.ports.log import LogHead
from evidence.proofs import CaseProof, ItemProof, Proof, ProvenEvent
from evidence.timekeeping import to_text

#: Endings that any desktop knows what to open with; what is not here is `.bin`.
_ENDINGS = {
    "video/mp4": "mp4", "video/quicktime": "mov", "video/x-matroska": "mkv", "video/x-msvideo": "avi",
    "video/mpeg": "mpg", "video/mp2t": "ts", "video/x-ms-asf": "asf", "video/3gpp": "3gp",
    "audio/mpeg": "mp3", "audio/wav": "wav", "audio/aac": "aac", "audio/flac": "flac", "audio/amr": "amr",
    "audio/ogg": "ogg", "audio/mp4": "m4a", "audio/x-ms-wma": "wma",
    "image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/tiff": "tif", "image/heic": "heic",
    "image/webp": "webp", "application/pdf": "pdf", "application/json": "json", "text/plain": "txt",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """Something of an item that is in the export: where, and what it is."""

    path: str
    kind: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ItemFile:
    """An item as an export tells of it."""

    item: Item
    sent: Sequence[Sent]
    description: Mapping[str, Any] | None
    stated: Stated | None
    renditions: Sequence[Rendition]


@dataclass(frozen=True, slots=True)
class CaseFile:
    """The case that an export is of, with its notes."""

    case: Case
    notes: Sequence[Note]


def original_path(item: Item) -> str:
    """Where an original lies in the bag; submitted names are in the documents, never in a path."""
    return f"data/originals/{item.id}.{_ENDINGS.get(item.media_type, 'bin')}"


def rendition_path(rendition: Rendition) -> str:
    """Where a rendition lies in the bag."""
    ending = _ENDINGS.get(rendition.media_type, "bin")
    return f"data/renditions/{rendition.item_id}/{rendition.kind}.{ending}"


def item_document(file: ItemFile) -> dict[str, Any]:
    """`metadata/items/{item}.json`: what was said of an item, what was found in it, what was made of it."""
    item, stated = file.item, file.stated
    return {
        "item": item.id,
        "unit": item.unit,
        "kind": item.kind,
        "media_type": item.media_type,
        "size": item.size,
        "digests": {"sha256": item.sha256, "crc32": f"{item.crc32:08x}"},
        "submitted": dict(item.submission.as_json()),
        "salvaged": item.salvaged,
        "committed_at": to_text(item.committed_at),
        "locked_until": to_text(item.locked_until),
        "keep_until": None if item.keep_until is None else to_text(item.keep_until),
        "keep_basis": item.keep_basis,
        "held": item.held,
        "read_back": item.read_back,
        "summary": item.summary,
        "description": file.description,
        "particulars": None if stated is None else dict(stated.particulars.as_json()),
        "sent": [
            {
                "path": one.path,
                "kind": one.kind,
                "media_type": one.media_type,
                "size": one.size,
                "sha256": one.sha256,
            }
            for one in file.sent
        ],
        "made": [
            {
                "rendition": one.id,
                "kind": one.kind,
                "media_type": one.media_type,
                "size": one.size,
                "sha256": one.sha256,
                "made_at": to_text(one.made_at),
                "provenance": one.provenance,
            }
            for one in file.renditions
        ],
    }


def case_document(file: CaseFile, profile: Profile) -> tuple[dict[str, Any], list[Json]]:
    """`metadata/case.json` as the profile shows it, and what it withholds."""
    case, allowed = file.case, DISCLOSED[profile]
    withheld = list[Json]()
    told: dict[str, Any] = {
        "case": case.id,
        "unit": case.unit,
        "number": case.number,
        "category": case.category.value,
        "state": case.state.value,
        "opened_at": to_text(case.opened_at),
        "closed_at": None if case.closed_at is None else to_text(case.closed_at),
        "joined_into": case.joined_into,
        "detail": None,
        "notes": None,
    }
    if Told.ACCESS in allowed:
        told["detail"] = dict(case.detail.as_json())
    else:
        withheld.append({"what": "case-detail", "case": case.id, "why": "profile"})
    if Told.DELIBERATION in allowed:
        told["notes"] = [
            {
                "note": one.id,
                "agent": one.agent_id,
                "text": one.text,
                "written_at": to_text(one.written_at),
                "withdrawn_at": None if one.withdrawn_at is None else to_text(one.withdrawn_at),
            }
            for one in file.notes
        ]
    elif file.notes:
        withheld.append({"what": "case-notes", "case": case.id, "count": len(file.notes), "why": "profile"})
    return told, withheld


def disposed_line(item: Item) -> Json:
    """An item of the case that is not there any more."""
    assert item.disposed_at is not None
    return {
        "item": item.id,
        "size": item.size,
        "sha256": item.sha256,
        "disposed_at": to_text(item.disposed_at),
        "disposal": item.disposed_in,
    }


def _number(proof: Proof, one: ProvenEvent) -> int:
    """Which of the chain's events it is, from 0."""
    chains = json.loads(one.leaf)["chains"]
    return next(int(link["seq"]) for link in chains if link["subject"] == proof.subject)


def _events_line(proof: ItemProof) -> dict[str, Json]:
    """How much of an item's chain is in the export: from which number on, how many, and what waits."""
    first = _number(proof, proof.events[0]) if proof.events else 0
    shown = sum(one.detail is not None for one in proof.events)
    return {"first": first, "count": len(proof.events), "shown": shown, "waiting": proof.waiting}


def _case_line(proof: CaseProof) -> dict[str, Json]:
    """The same of a case's own chain, and how many of its events are closed."""
    places = [(place, one) for place, one in enumerate(proof.chain) if isinstance(one, ProvenEvent)]
    # That it was asked for is among them, and open.
    place, one = places[0]
    shown = sum(one.detail is not None for _, one in places)
    return {
        "first": _number(proof, one) - place,
        "count": len(proof.chain),
        "shown": shown,
        "closed": proof.closed,
        "waiting": proof.waiting,
    }


def export_document(
    export: Export,
    *,
    at: datetime,
    time_source: str,
    head: LogHead,
    files: Sequence[ItemFile],
    proofs: Mapping[str, ItemProof],
    case: CaseProof | None,
    withheld: int,
    disposed: Sequence[Item],
    segments: Sequence[Json],
) -> dict[str, Json]:
    """`custody/export.json`: `custos/export/2`. `case` is the history of the case, if it is of one."""
    items = list[Json]()
    for file in files:
        item = file.item
        original = next((one.path for one in file.sent if one.kind == "original"), None)
        line: dict[str, Json] = {
            "item": item.id,
            "size": item.size,
            "sha256": item.sha256,
            "original": original,
            "renditions": [one.path for one in file.sent if one.kind != "original"],
            "events": _events_line(proofs[item.id]),
        }
        items.append(line)
    originals = sum(line["original"] is not None for line in items if isinstance(line, dict))
    return {
        "v": EXPORT_VERSION,
        "export": export.id,
        "matter": export.matter.value,
        "subject": export.subject_id,
        "profile": export.wanted.profile.value,
        "asked_by": export.agent_id,
        "asked_at": to_text(export.asked_at),
        "event": export.event_id,
        "made_at": to_text(at),
        "time_source": time_source,
        "log": {"origin": head.origin, "size": head.published},
        "items": items,
        "case_events": None if case is None else _case_line(case),
        "counts": {
            "held": len(files) + len(disposed),
            "shown": originals,
            "withheld": len(files) - originals,
            "missing": len(disposed),
        },
        "withheld": withheld,
        "disposed": [disposed_line(item) for item in disposed],
        "missing_segments": list(segments),
    }
