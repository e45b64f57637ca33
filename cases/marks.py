"""Marks beside a recording: made, withdrawn, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from evidence.agents import Action, Agent
from evidence.allowed import allowed_item, allowed_items, allowed_recording, seen_among
from evidence.cases import checked_reason
from evidence.errors import Denied
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import is_id, new_id
from evidence.marks import Mark, checked_words, kind_of
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.projection import refresh
from evidence.spans import Span, checked_span, on_line, on_segments


@dataclass(frozen=True, slots=True)
class MarksView:
    """Marks with the names of those who made and withdrew them.

    `at_ms`: where a span begins on the time of the recording that was asked for; empty for an item.
    """

    marks: Sequence[Mark]
    names: Mapping[str, str]
    at_ms: Mapping[Span, int]


class Marks:
    """The use cases of marks."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def on_item(
        self, agent: Agent, item_id: str, from_ms: int, to_ms: int, label: str, note: str
    ) -> Mark:
        """Mark a moment (both times equal) or a stretch of an item, in its own time; durable on return.

        Raises Denied, Invalid("bad-mark"), Invalid("no-length"), Invalid("outside").
        """
        now = self._clock.now()

        def spans(tx: Transaction) -> tuple[Span, ...]:
            item = allowed_item(tx, self._authority, agent, Action.MARK, item_id, now)
            return (checked_span(item, from_ms, to_ms),)

        words = checked_words(label, note)
        return await self._catalogue.write(lambda tx: _made(tx, agent, spans(tx), words, now))

    async def on_recording(
        self, agent: Agent, recording_id: str, from_ms: int, to_ms: int, label: str, note: str
    ) -> Mark:
        """The same on a recording's time; what goes over a joint is one mark with several spans.

        Raises Denied, Invalid as for an item, Invalid("in-a-hole"), Invalid("too-many-segments").
        """
        now = self._clock.now()

        def spans(tx: Transaction) -> tuple[Span, ...]:
            line, _ = allowed_recording(tx, self._authority, agent, Action.MARK, recording_id, now)
            return on_segments(line, from_ms, to_ms)

        words = checked_words(label, note)
        return await self._catalogue.write(lambda tx: _made(tx, agent, spans(tx), words, now))

    async def withdraw(self, agent: Agent, mark_id: str, reason: str) -> None:
        """Withdraw one's own mark, with a reason; it stays in sight. Durable on return.

        Raises Denied, also for somebody else's, Invalid, Conflict("already-withdrawn").
        """
        reason = checked_reason(reason)
        now = self._clock.now()

        def put(tx: Transaction) -> None:
            mark = tx.marks.get(mark_id) if is_id(mark_id) else None
            if mark is None or mark.agent_id != agent.id:
                raise Denied
            items = [span.item_id for span in mark.spans]
            allowed_items(tx, self._authority, agent, Action.MARK, items, now)
            tx.marks.withdraw(mark.id, at=now, agent_id=agent.id, reason=reason)
            tx.events.append(
                EventDraft(
                    EventType.MARK_WITHDRAWN, agent.id, now, _subjects(mark), detail={"reason": reason}
                )
            )
            for item_id in dict.fromkeys(items):
                refresh(tx, item_id)

        await self._catalogue.write(put)

    async def of_item(self, agent: Agent, item_id: str) -> MarksView:
        """Every mark of which the agent may see all that it is on, oldest first; on record. Raises Denied."""
        now = self._clock.now()

        def look(tx: Transaction) -> MarksView:
            item = allowed_item(tx, self._authority, agent, Action.SEE_ITEM, item_id, now)
            return self._view(tx, agent, [item.id], now)

        view = await self._catalogue.read(look)
        await self._record(agent, [item_id], now)
        return view

    async def of_recording(self, agent: Agent, recording_id: str) -> MarksView:
        """The same of a recording, with where each lies on its time; on record. Raises Denied."""
        now = self._clock.now()

        def look(tx: Transaction) -> tuple[Sequence[str], MarksView]:
            line, items = allowed_recording(tx, self._authority, agent, Action.SEE_ITEM, recording_id, now)
            view = self._view(tx, agent, list(items), now)
            spans = [span for mark in view.marks for span in mark.spans]
            return list(items), replace(view, at_ms=on_line(line, spans))

        items, view = await self._catalogue.read(look)
        await self._record(agent, items, now)
        return view

    def _view(self, tx: Transaction, agent: Agent, item_ids: Sequence[str], now: datetime) -> MarksView:
        marks = tx.marks.on(item_ids)
        others = {span.item_id for mark in marks for span in mark.spans}.difference(item_ids)
        seen = {*item_ids} | seen_among(tx, self._authority, agent, others, now)
        shown = [mark for mark in marks if all(span.item_id in seen for span in mark.spans)]
        people = {one for mark in shown for one in (mark.agent_id, mark.withdrawn_by) if one is not None}
        return MarksView(shown, tx.agents.names(sorted(people)), {})

    async def _record(self, agent: Agent, items: Sequence[str], now: datetime) -> None:
        subjects = tuple(Subject("item", item_id) for item_id in items)
        await self._catalogue.record(
            EventDraft(EventType.LIST_SHOWN, agent.id, now, subjects, detail={"of": "marks"})
        )


def _made(
    tx: Transaction, agent: Agent, spans: tuple[Span, ...], words: tuple[str, str], now: datetime
) -> Mark:
    mark = Mark(new_id(now), agent.id, kind_of(spans), *words, spans, now)
    tx.marks.add(mark)
    tx.events.append(EventDraft(EventType.MARK_MADE, agent.id, now, _subjects(mark), detail=mark.told()))
    for item_id in dict.fromkeys(span.item_id for span in spans):
        refresh(tx, item_id)
    return mark


def _subjects(mark: Mark) -> tuple[Subject, ...]:
    items = dict.fromkeys(span.item_id for span in mark.spans)
    return (Subject("mark", mark.id), *(Subject("item", item_id) for item_id in items))
