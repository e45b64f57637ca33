"""A described segment finds its recording; that it joined others is an event, once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from evidence.canonical import Json
from evidence.events import EventDraft, EventType, Subject
from evidence.ports.catalogue import Transaction
from evidence.recordings import Joint, Segment, settle


def join(tx: Transaction, segment: Segment, now: datetime) -> str:
    """Put the segment where it belongs and put on record what that joined; its recording.

    May be repeated: a segment that is where it belongs stays, and nothing is recorded.
    """
    current = tx.recordings.recording_of(segment.item_id)
    settled = settle(segment, current, tx.recordings.near(segment))
    tx.recordings.place(segment, current or settled.recording, now)
    for other in settled.merged:
        tx.recordings.merge(other, settled.recording)
    if settled.joints:
        recordings = (settled.recording, *settled.merged)
        tx.events.append(
            EventDraft(
                EventType.RECORDING_JOINED,
                None,
                now,
                (Subject("item", segment.item_id), *(Subject("recording", one) for one in recordings)),
                detail={
                    "recording": settled.recording,
                    "merged": list(settled.merged),
                    "device_source": segment.device_source,
                    "because": _because(settled.joints),
                },
            )
        )
    return settled.recording


def _because(joints: Iterable[Joint]) -> list[Json]:
    """Each rule once, with the source of the time that it was judged by, and how far the two lie apart."""
    said: list[Json] = []
    for joint in joints:
        one: Json = {
            "rule": joint.rule.value,
            "time_source": None if joint.clock is None else joint.clock.source,
            "apart_us": joint.apart_us,
        }
        if one not in said:
            said.append(one)
    return said
