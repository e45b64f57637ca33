"""What is overdue: recordings that came in late, and devices from which nothing has come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from evidence.access import Viewer
from evidence.agents import Action, Agent
from evidence.errors import Denied, Invalid
from evidence.events import EventDraft, EventType, Subject
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue
from evidence.ports.clock import Clock
from evidence.ports.lateness import Late, SilentDevice

#: How far back is looked.
LOOKED_BACK = timedelta(days=31)
MOST = 200
_MOST_HOURS = 24 * 30


class Overdue:
    """The use cases of what is late; `zone` is how far from UTC clocks are read that do not say."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock, zone: timedelta) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock
        self._zone = zone

    async def uploads(self, agent: Agent, hours: int) -> Sequence[Late]:
        """At most 200 recordings of a month that were received so long after they ended, newest first.

        One event names them all. Raises Denied, Invalid("bad-hours").
        """
        viewer, by = self._viewer(agent), _late_by(hours)
        since = viewer.now - LOOKED_BACK
        found = await self._catalogue.read(
            lambda tx: tx.lateness.late(viewer, by=by, since=since, zone=self._zone, limit=MOST)
        )
        subjects = tuple(Subject("item", one.item.id) for one in found)
        await self._record(agent, "late uploads", subjects)
        return found

    async def devices(self, agent: Agent, hours: int) -> Sequence[SilentDevice]:
        """At most 200 devices that sent within a month, and nothing for so long; the longest silent first.

        On record. Raises Denied, Invalid("bad-hours").
        """
        viewer, by = self._viewer(agent), _late_by(hours)
        since, before = viewer.now - LOOKED_BACK, viewer.now - by
        found = await self._catalogue.read(
            lambda tx: tx.lateness.silent(viewer, since=since, before=before, limit=MOST)
        )
        await self._record(agent, "silent devices", ())
        return found

    def _viewer(self, agent: Agent) -> Viewer:
        scope = self._authority.scope(agent, Action.LIST_ITEMS)
        if scope is None:
            raise Denied
        return Viewer.of(agent, scope, self._clock.now())

    async def _record(self, agent: Agent, what: str, subjects: tuple[Subject, ...]) -> None:
        now = self._clock.now()
        await self._catalogue.record(
            EventDraft(EventType.LIST_SHOWN, agent.id, now, subjects, detail={"of": what})
        )


def _late_by(hours: int) -> timedelta:
    if not 1 <= hours <= _MOST_HOURS:
        raise Invalid("bad-hours", f"`hours` is a whole number from 1 to {_MOST_HOURS}.")
    return timedelta(hours=hours)
