"""Between rows and the domain's values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from evidence.agents import Agent, AgentKind, Credential, Restriction, Role
from evidence.canonical import Json, canonical
from evidence.items import Intent, Item, Recovery, Rendition, Still, Submission, Upload, UploadState, Viewing
from evidence.jobs import Job, JobState, Stage
from evidence.parts import Part
from evidence.ports.catalogue import Alarm, JobChange
from evidence.ports.intake import StoredReceipt
from evidence.timekeeping import from_micros, to_micros

_LONGEST_FINDABLE = 256


def dump(value: Json) -> str:
    """Canonical JSON as text."""
    return canonical(value).decode()


def load(text: str) -> dict[str, Json]:
    """The object in a JSON column."""
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def load_list(text: str) -> list[Any]:
    """The list in a JSON column."""
    value = json.loads(text)
    assert isinstance(value, list)
    return value


def findable(text: str | None) -> str | None:
    """What a column with an index holds of what somebody said: all of it, or of what is long a part.

    The same for the same, and another for another. What was said stands whole elsewhere: in PostgreSQL an
    index takes some 2,700 bytes.
    """
    if text is None or len(text) <= _LONGEST_FINDABLE:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text[: _LONGEST_FINDABLE - len(digest) - 1]}#{digest}"


def maybe_load(text: str | None) -> Mapping[str, Json] | None:
    """The object in a nullable JSON column."""
    return None if text is None else load(text)


def maybe_time(micros: int | None) -> datetime | None:
    """The instant in a nullable column."""
    return None if micros is None else from_micros(micros)


def agent(row: RowMapping) -> Agent:
    """A row of `agents`."""
    return Agent(
        row["id"],
        AgentKind(row["kind"]),
        row["username"],
        row["name"],
        Role(row["role"]),
        row["unit"],
        row["disabled"],
    )


def credential(row: RowMapping) -> Credential:
    """A row of `credentials`, whose columns carry the prefix `credentials_`."""
    return Credential(
        row["credentials_digest"],
        row["credentials_agent_id"],
        row["credentials_kind"],
        row["credentials_label"],
        from_micros(row["credentials_created_at"]),
        from_micros(row["credentials_expires_at"]),
    )


def upload(row: RowMapping) -> Upload:
    """A row of `uploads`."""
    return Upload(
        id=row["id"],
        agent_id=row["agent_id"],
        unit=row["unit"],
        length=row["length"],
        offset=row["offset"],
        state=UploadState(row["state"]),
        submission=Submission.from_json(load(row["submission"])),
        created_at=from_micros(row["created_at"]),
        touched_at=from_micros(row["touched_at"]),
        hash_state=row["hash_state"],
        crc32=row["crc32"],
        sha256=row["sha256"],
        salvaged=row["salvaged"],
        code=row["code"],
        message=row["message"],
        item_id=row["item_id"],
        staging=row["staging"],
    )


def intent(row: RowMapping) -> Intent:
    """A row of `intents`."""
    return Intent(
        upload_id=row["upload_id"],
        item_id=row["item_id"],
        event_id=row["event_id"],
        key=row["key"],
        sha256=row["sha256"],
        at=from_micros(row["at"]),
        first_lock=from_micros(row["first_lock"]),
        full_lock=from_micros(row["full_lock"]),
        resubmission=row["resubmission"],
        kind=row["kind"],
        media_type=row["media_type"],
    )


def receipt(row: RowMapping) -> StoredReceipt:
    """A row of `receipts`."""
    return StoredReceipt(row["upload_id"], row["item_id"], row["jws"], row["completed"])


def item_values(item: Item) -> dict[str, Any]:
    """The row of an item."""
    return {
        "id": item.id,
        "upload_id": item.upload_id,
        "unit": item.unit,
        "agent_id": item.agent_id,
        "owner_id": item.owner,
        "device": findable(item.submission.device),
        "submission": dump(item.submission.as_json()),
        "case_number": findable(item.submission.case),
        "kind": item.kind,
        "media_type": item.media_type,
        "size": item.size,
        "sha256": item.sha256,
        "crc32": item.crc32,
        "key": item.key,
        "version": item.version,
        "salvaged": item.salvaged,
        "committed_at": to_micros(item.committed_at),
        "locked_until": to_micros(item.locked_until),
        "fully_locked": item.fully_locked,
        "read_back": None if item.read_back is None else dump(item.read_back),
        "summary": None if item.summary is None else dump(item.summary),
    }


def item(row: RowMapping) -> Item:
    """A row of `items`."""
    return Item(
        id=row["id"],
        upload_id=row["upload_id"],
        unit=row["unit"],
        agent_id=row["agent_id"],
        submission=Submission.from_json(load(row["submission"])),
        kind=row["kind"],
        media_type=row["media_type"],
        size=row["size"],
        sha256=row["sha256"],
        crc32=row["crc32"],
        key=row["key"],
        committed_at=from_micros(row["committed_at"]),
        locked_until=from_micros(row["locked_until"]),
        salvaged=row["salvaged"],
        version=row["version"],
        fully_locked=row["fully_locked"],
        read_back=maybe_load(row["read_back"]),
        summary=maybe_load(row["summary"]),
        restriction=Restriction(row["restriction"]),
        keep_until=maybe_time(row["keep_until"]),
        keep_basis=row["keep_basis"],
        held=row["held"],
        officer_id=None if row["owner_id"] == row["agent_id"] else row["owner_id"],
        disposed_at=maybe_time(row["disposed_at"]),
        disposed_in=row["disposed_in"],
    )


def rendition(row: RowMapping) -> Rendition:
    """A row of `renditions`."""
    return Rendition(
        id=row["id"],
        item_id=row["item_id"],
        kind=row["kind"],
        key=row["key"],
        media_type=row["media_type"],
        size=row["size"],
        sha256=row["sha256"],
        made_at=from_micros(row["made_at"]),
        provenance=load(row["provenance"]),
        layout=load(row["layout"]),
    )


def still(row: RowMapping) -> Still:
    """A row of `stills`."""
    return Still(
        id=row["id"],
        item_id=row["item_id"],
        agent_id=row["agent_id"],
        shown_us=row["shown_us"],
        asked_at=from_micros(row["asked_at"]),
    )


def recovery(row: RowMapping) -> Recovery:
    """A row of `recoveries`."""
    return Recovery(
        id=row["id"],
        item_id=row["item_id"],
        sibling_id=row["sibling_id"],
        agent_id=row["agent_id"],
        asked_at=from_micros(row["asked_at"]),
    )


def part(row: RowMapping) -> Part:
    """A row of `parts`."""
    return Part(
        id=row["id"],
        item_id=row["item_id"],
        number=row["number"],
        begins_us=row["begins_us"],
        ends_us=row["ends_us"],
        how=load(row["how"]),
        made_at=maybe_time(row["made_at"]),
        given_up=row["given_up"],
    )


def job(row: RowMapping) -> Job:
    """A row of `jobs`."""
    return Job(
        id=row["id"],
        stage=Stage(row["stage"]),
        subject=row["subject"],
        unit=row["unit"],
        state=JobState(row["state"]),
        attempts=row["attempts"],
        fence=row["fence"],
        not_before=from_micros(row["not_before"]),
        lease_until=maybe_time(row["lease_until"]),
        progress=row["progress"],
        code=row["code"],
        message=row["message"],
        updated_at=from_micros(row["updated_at"]),
        started_at=maybe_time(row["started_at"]),
        staging=row["staging"],
        faults=row["faults"],
    )


def job_change(row: RowMapping) -> JobChange:
    """A row of `job_changes`."""
    return JobChange(
        seq=row["seq"],
        job_id=row["job_id"],
        stage=Stage(row["stage"]),
        subject=row["subject"],
        unit=row["unit"],
        state=JobState(row["state"]),
        progress=row["progress"],
        message=row["message"],
        at=from_micros(row["at"]),
    )


def viewing(row: RowMapping) -> Viewing:
    """A row of `viewings`."""
    return Viewing(
        id=row["id"],
        agent_id=row["agent_id"],
        item_id=row["item_id"],
        content=row["content"],
        permitted=(row["permitted_from"], row["permitted_to"]),
        purpose=row["purpose"],
        opened_at=from_micros(row["opened_at"]),
        expires_at=from_micros(row["expires_at"]),
        emitter=row["emitter"],
    )


def alarm(row: RowMapping) -> Alarm:
    """A row of `alarms`."""
    return Alarm(row["kind"], row["subject"], row["message"], from_micros(row["raised_at"]))
