"""Raising an alarm is an event, once."""

from __future__ import annotations

from evidence.events import EventDraft, EventType, Outcome, Subject
from evidence.ports.catalogue import Alarm, Transaction


def raise_alarm(tx: Transaction, alarm: Alarm, item_id: str | None = None) -> None:
    """Raise the alarm and put it on record, unless it already stands."""
    if tx.oversight.raise_alarm(alarm):
        tx.events.append(
            EventDraft(
                EventType.ALARM_RAISED,
                None,
                alarm.raised_at,
                () if item_id is None else (Subject("item", item_id),),
                Outcome.FAILURE,
                detail={"kind": alarm.kind, "subject": alarm.subject, "message": alarm.message},
            )
        )
