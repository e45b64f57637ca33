"""A described segment finds its recording; what that joined, or parted, is an event, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from evidence.canonical import Json
from evidence.events import EventDraft, EventType, Subject
from evidence.ports.catalogue import Transaction
from evidence.recordings import Joint, Rule, Segment, clear_joints, grouped, joint, named, own_recording

#: Beyond so many segments of which nobody can say which follows which, the rest are left where they are.
_MOST_CONTESTED = 128


def join(tx: Transaction, segment: Segment, now: datetime) -> str:
    """Put the segment where it belongs and put on record what that changed; its recording.

    May be repeated: a segment that is where it belongs stays, and nothing is recorded.
    """
    current = tx.recordings.recording_of(segment.item_id)
    near = tx.recordings.near(segment)
    tx.recordings.place(segment, current or own_recording(segment.item_id))
    if segment.rule is Rule.TIME and _is_contested(tx, segment, [one for one, _ in near]):
        return _settle_contested(tx, segment, now)
    found = [(why, recording) for other, recording in near if (why := joint(segment, other)) is not None]
    known = {recording for _, recording in found} | ({current} if current else set())
    kept, *merged = sorted(known) or [own_recording(segment.item_id)]
    for other in merged:
        tx.recordings.merge(other, kept)
    if current is None and known:
        tx.recordings.move([segment.item_id], kept)
    if joints := [why for why, recording in found if recording != current]:
        _record(tx, EventType.RECORDING_JOINED, segment, kept, merged, joints, now)
    return kept


def _is_contested(tx: Transaction, segment: Segment, near: Iterable[Segment]) -> bool:
    """Whether the segment, or what it is joined to, has a rival."""
    joined = [other for other in near if joint(segment, other) is not None]
    beyond = {other.item_id: other for one in joined for other, _ in tx.recordings.near(one)}
    pool = {segment.item_id: segment, **beyond, **{one.item_id: one for one in joined}}
    return clear_joints(list(pool.values()))[1]


def _settle_contested(tx: Transaction, segment: Segment, now: datetime) -> str:
    """Judge all that is chained to the segment anew: what was joined in good faith may have to part."""
    segments, before = _chained(tx, segment)
    groups = {item: group for group in grouped(list(segments.values())) for item in group}
    after = {item: named(group, before) for item, group in groups.items()}
    for recording in sorted(set(after.values())):
        moved = [item for item, name in sorted(after.items()) if name == recording != before[item]]
        if moved:
            tx.recordings.move(moved, recording)
    clear = clear_joints(list(segments.values()))[0]
    joints = [why for one, other, why in clear if before[one.item_id] != before[other.item_id]]
    own = after[segment.item_id]
    if joints:
        gone = sorted(set(before.values()) - set(after.values()))
        _record(tx, EventType.RECORDING_JOINED, segment, own, gone, joints, now)
    parted = sorted({after[item] for item in after if after[item] not in before.values()})
    if parted:
        _record(tx, EventType.RECORDING_PARTED, segment, own, parted, (), now)
    return own


def _chained(tx: Transaction, segment: Segment) -> tuple[dict[str, Segment], dict[str, str]]:
    segments = {segment.item_id: segment}
    recording_of: dict[str, str] = {}
    waiting = [segment]
    while waiting and len(segments) < _MOST_CONTESTED:
        for other, recording in tx.recordings.near(waiting.pop()):
            recording_of[other.item_id] = recording
            if other.item_id not in segments:
                segments[other.item_id] = other
                waiting.append(other)
    recording_of[segment.item_id] = tx.recordings.recording_of(segment.item_id) or ""
    return segments, recording_of


def _record(
    tx: Transaction,
    kind: EventType,
    segment: Segment,
    recording: str,
    others: Iterable[str],
    joints: Iterable[Joint],
    now: datetime,
) -> None:
    about = dict.fromkeys((recording, *others))
    detail: Mapping[str, Json] = {
        "recording": recording,
        "others": [other for other in about if other != recording],
        "device_source": segment.device_source,
        "because": _because(joints),
    }
    subjects = (Subject("item", segment.item_id), *(Subject("recording", one) for one in about))
    tx.events.append(EventDraft(kind, None, now, subjects, detail=detail))


def _because(joints: Iterable[Joint]) -> list[Json]:
    """Each rule once, with the source of the time that it was judged by, and how far the two lie apart."""
    said: list[Json] = []
    for why in joints:
        one: Json = {
            "rule": why.rule.value,
            "time_source": None if why.clock is None else why.clock.source,
            "apart_us": why.apart_us,
        }
        if one not in said:
            said.append(one)
    return said
