"""Recordings as people see them: as one, with a time line, and what a device's day does not cover.

Whoever may not see a segment is shown the recording as if it were not there, also under the name of one that
they may see. Each showing is one event that names every item shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from evidence.access import Viewer
from evidence.agents import Action, Agent
from evidence.canonical import Json
from evidence.errors import Denied
from evidence.events import EventDraft, EventType, Subject
from evidence.gaps import DayGaps, day_gaps, likely_buffer_us
from evidence.ids import is_id
from evidence.items import Item, Rendition
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.recordings import Day, Member
from evidence.recordings import own_recording
from evidence.timeline import TimeLine, time_line

PAGE = 50
#: Segments that are shown of one recording, and of a list of them, at most; that there are more is said.
MOST = 2_000
_MOST_LISTED = 20_000
#: A segment with another number did not begin its recording.
_FIRST_NUMBERS = (None, 0, 1)
_DAY_US = 86_400_000_000
_EPOCH = date(1970, 1, 1).toordinal()


class LeftOut(StrEnum):
    """Why a segment is not played with the others."""

    NOT_PLAYABLE = "not-playable"
    #: A player cannot go on from picture and sound to sound alone, or back.
    OTHER_TRACKS = "other-tracks"


@dataclass(frozen=True, slots=True)
class RecordingView:
    """A recording as far as somebody may see it.

    `played` are the copies that play one after the other, `left_out` says why the others do not;
    `buffer_us` is how long the recording likely begins with a pre-event buffer.
    """

    id: str
    line: TimeLine
    items: Mapping[str, Item]
    played: Sequence[Rendition]
    left_out: Mapping[str, LeftOut]
    buffer_us: int | None
    more: bool


@dataclass(frozen=True, slots=True)
class GapReport:
    """A device's day. `recordings` are those that lie on it, whole; `buffers_us` by item."""

    unit: str
    device: str
    gaps: DayGaps
    items: Mapping[str, Item]
    recording_of: Mapping[str, str]
    recordings: Mapping[str, TimeLine]
    buffers_us: Mapping[str, int]
    more: bool


class Recordings:
    """The use cases behind `/recordings` and the gap report."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def page(self, agent: Agent, before: str | None) -> Sequence[RecordingView]:
        """A page of at most 50 recordings, newest first; one event names every item shown."""
        viewer = self._viewer(agent, Action.LIST_ITEMS)

        def look(tx: Transaction) -> list[RecordingView]:
            cursor = None if before is None else tx.recordings.current(before) or before
            return _views(tx, viewer, tx.recordings.page(viewer, before=cursor, limit=PAGE))

        views = await self._catalogue.read(look)
        await self._record(agent, [item for view in views for item in view.items], {"of": "recordings"})
        return views

    async def recording(self, agent: Agent, recording_id: str) -> RecordingView:
        """A recording by any identifier that it ever had; raises Denied."""
        return await self._shown(agent, Action.SEE_ITEM, recording_id, {"of": "recording"})

    async def playing(self, agent: Agent, recording_id: str) -> RecordingView:
        """The same for whoever wants to play it; raises Denied, also while nothing of it can be played."""
        view = await self._shown(agent, Action.PLAY, recording_id, {"of": "recording", "to": "play"})
        if not view.played:
            raise Denied
        return view

    async def of_item(self, agent: Agent, item_id: str) -> RecordingView:
        """The recording that an item belongs to; raises Denied, also if the item itself may not be seen."""
        found = None
        if is_id(item_id):
            found = await self._catalogue.read(lambda tx: tx.recordings.recording_of(item_id))
        if found is None:
            raise Denied
        view = await self._look(agent, Action.SEE_ITEM, found)
        if item_id not in view.items:
            raise Denied
        await self._record(agent, view.items, {"of": "recording", "recording": view.id})
        return view

    async def gaps(self, agent: Agent, unit: str, device: str, day: date, zone: timedelta) -> GapReport:
        """What the device's segments of that day do not cover; raises Denied.

        For a device that nobody knows or may see the report is empty.
        """
        viewer = self._viewer(agent, Action.LIST_ITEMS)
        window = day_window(day, zone)

        def look(tx: Transaction) -> GapReport:
            found = tx.recordings.on_day(viewer, unit, device, window, MOST + 1)
            views = _views(tx, viewer, sorted({member.recording for member in found}))
            return _report(unit, device, found, views)

        report = await self._catalogue.read(look)
        about: dict[str, Json] = {"of": "gaps", "device": device, "day": day.isoformat(), "unit": unit}
        await self._record(agent, report.items, about)
        return report

    async def _shown(
        self, agent: Agent, action: Action, recording_id: str, about: dict[str, Json]
    ) -> RecordingView:
        view = await self._look(agent, action, recording_id)
        await self._record(agent, view.items, {**about, "recording": view.id})
        return view

    async def _look(self, agent: Agent, action: Action, recording_id: str) -> RecordingView:
        viewer = self._viewer(agent, action)

        def look(tx: Transaction) -> RecordingView:
            current = tx.recordings.current(recording_id) if is_id(recording_id) else None
            views = _views(tx, viewer, [] if current is None else [current])
            if not views:
                raise Denied
            return views[0]

        return await self._catalogue.read(look)

    def _viewer(self, agent: Agent, action: Action) -> Viewer:
        scope = self._authority.scope(agent, action)
        if scope is None:
            raise Denied
        return Viewer.of(agent, scope, self._clock.now())

    async def _record(self, agent: Agent, items: Iterable[str], about: Mapping[str, Json]) -> None:
        subjects = tuple(Subject("item", item) for item in items)
        await self._catalogue.record(
            EventDraft(EventType.LIST_SHOWN, agent.id, self._clock.now(), subjects, detail=about)
        )


def day_window(day: date, zone: timedelta) -> Day:
    """The day as clocks without a zone show it, and in UTC."""
    begins = (day.toordinal() - _EPOCH) * _DAY_US
    offset = zone // timedelta(microseconds=1)
    return Day((begins, begins + _DAY_US), (begins - offset, begins - offset + _DAY_US))


def _views(tx: Transaction, viewer: Viewer, recordings: Sequence[str]) -> list[RecordingView]:
    """Those of which the viewer may see a segment, in the order given; two queries for all of them."""
    most = MOST if len(recordings) == 1 else _MOST_LISTED
    members = tx.recordings.members(viewer, recordings, most + 1)
    kinds = ("playable", "analysis")
    made = tx.items.renditions_of_kinds([member.item.id for member in members], kinds)
    by_recording: dict[str, list[Member]] = {}
    for member in members[:most]:
        by_recording.setdefault(member.recording, []).append(member)
    return [
        _view(by_recording[recording], made, more=len(members) > most)
        for recording in recordings
        if recording in by_recording
    ]


def _view(
    members: Sequence[Member], made: Mapping[tuple[str, str], Rendition], *, more: bool
) -> RecordingView:
    line = time_line([member.segment for member in members])
    played: list[Rendition] = []
    left_out: dict[str, LeftOut] = {}
    for one in line.placed:
        item = one.segment.item_id
        copy = made.get((item, "playable"))
        if copy is None:
            left_out[item] = LeftOut.NOT_PLAYABLE
        elif played and _tracks(copy) != _tracks(played[0]):
            left_out[item] = LeftOut.OTHER_TRACKS
        else:
            played.append(copy)
    items = {member.item.id: member.item for member in members}
    name = min(own_recording(item) for item in items)
    return RecordingView(name, line, items, played, left_out, _buffer_us(line, made), more)


def _buffer_us(line: TimeLine, made: Mapping[tuple[str, str], Rendition]) -> int | None:
    first = line.placed[0].segment
    listened = made.get((first.item_id, "analysis"))
    if listened is None or first.counted not in _FIRST_NUMBERS:
        return None
    return likely_buffer_us(listened.layout.get("silent_until_us"), first.length_us)


def _tracks(copy: Rendition) -> tuple[Json, Json]:
    return copy.layout.get("video"), copy.layout.get("audio")


def _report(unit: str, device: str, found: Sequence[Member], views: Sequence[RecordingView]) -> GapReport:
    shown = found[:MOST]
    names = {item: view.id for view in views for item in view.items}
    return GapReport(
        unit,
        device,
        day_gaps([member.segment for member in shown]),
        {member.item.id: member.item for member in shown}
        | {item_id: item for view in views for item_id, item in view.items.items()},
        {item: names.get(item, own_recording(item)) for item in (member.item.id for member in shown)},
        {view.id: view.line for view in views},
        {view.line.placed[0].segment.item_id: view.buffer_us for view in views if view.buffer_us is not None},
        len(found) > MOST or any(view.more for view in views),
    )
