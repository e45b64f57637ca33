"""A catalogue of made-up items to search in, and the same search without any index."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, event

from evidence.access import Share, SubjectKind, Viewer
from evidence.agents import Agent, AgentKind, Role
from evidence.ids import new_id, new_pseudonym
from evidence.items import Category, Item, Submission, Upload, UploadState
from evidence.keys import original_key
from evidence.places import MICRO, Place
from evidence.search import ClockKind, ClockReading, Entry, ItemState, Query
from evidence.timekeeping import OFFICE_ZONE
from evidence.words import code, searchable
from storage.catalogue.engine import Where, migrate, open_engine
from storage.catalogue.log import Emitter
from storage.catalogue.transaction import SqlTransaction

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
UNITS = ("一大队", "二大队", "法制科")
#: It stands above the first two.
HEADED = "支队"
OFFICERS = ("张伟", "王芳", "李伟大", "LI WEI", None)
DEVICES = ("DSJ-001", "DSJ-002", "CAM 7", None)
_NOTES = ("现场检查记录", "伟大的城南 mp4", "")
BEIJING = Place(39_904_200, 116_407_400)


def an_item(tx: SqlTransaction, agent: Agent, submission: Submission, kind: str = "video") -> Item:
    """A registered item of the agent's."""
    item_id = new_id(NOW)
    upload = Upload(new_id(NOW), agent.id, agent.unit, 10, 0, UploadState.RECEIVING, submission, NOW, NOW)
    tx.uploads.add(upload)
    item = Item(
        item_id, upload.id, agent.unit, agent.id, submission, kind, "video/mp4", 10, "ab" * 32, 1,
        original_key(item_id, "ab" * 32, NOW), NOW, NOW,
    )  # fmt: skip
    tx.items.add(item)
    return item


def entry_for(draw: random.Random, item: Item) -> Entry:
    """An entry with any values; nothing of it has to follow from the item."""
    begins = NOW - timedelta(hours=draw.randrange(200))
    clocks = {
        ClockReading(
            draw.choice([*ClockKind]), "a clock", begins.isoformat(), None, draw.choice([None, "+08:00"]),
            "start", begins, begins + timedelta(minutes=draw.randrange(2880)),
        )
        for _ in range(draw.randrange(4))
    }  # fmt: skip
    places = {
        Place(
            BEIJING.latitude + draw.randrange(-MICRO, MICRO),
            BEIJING.longitude + draw.randrange(-MICRO, MICRO),
        )
        for _ in range(draw.choice([0, 0, 1, 5]))
    }
    officer, device = draw.choice(OFFICERS), draw.choice(DEVICES)
    case = draw.choice(["沪公行罚(2026)12号", "A-1", None])
    return Entry(
        item.id, item.unit, item.agent_id, draw.choice(["video", "audio", "photo"]),
        draw.choice([*Category]).value, draw.choice([*ItemState]), officer, draw.choice(["013579", None]),
        device, (code(case),) if case else (),
        searchable(text or "" for text in (officer, device, case, draw.choice(_NOTES))),
        tuple(sorted(clocks, key=lambda one: one.order)), tuple(sorted(places)),
    )  # fmt: skip


def meets(entry: Entry, query: Query) -> bool:
    """Whether an entry meets every criterion, said plainly."""
    plain = ("officer", "badge", "device", "unit", "kind", "category", "state")
    return (
        all(getattr(query, name) in (None, getattr(entry, name)) for name in plain)
        and (query.case is None or query.case in entry.cases)
        and all(token.within in entry.text for token in query.tokens)
        and (not query.is_timed or any(in_time(reading, query) for reading in entry.clocks))
        and (query.place is None or any(map(query.place.holds, entry.places)))
    )


def in_time(reading: ClockReading, query: Query) -> bool:
    """Whether a clock lies in the time that is asked for."""
    return (
        (query.since is None or reading.ends >= query.since)
        and (query.until is None or reading.begins <= query.until)
        and (not query.clocks or reading.kind in query.clocks)
    )


def recount(entries: Iterable[Entry], name: str) -> list[tuple[str, int]]:
    """How often each value stands in entries, the most frequent first."""
    values = Counter(getattr(entry, name) for entry in entries)
    known = [(str(value), count) for value, count in values.items() if value is not None]
    return sorted(known, key=lambda pair: (-pair[1], pair[0]))


@contextmanager
def searching(where: Where) -> Iterator[SqlTransaction]:
    """A transaction of a new catalogue, thrown away at the end."""
    engine = open_engine(where, readers=False)
    try:
        migrate(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield SqlTransaction(connection, Emitter(), OFFICE_ZONE)
    finally:
        engine.dispose()


class Archive:
    """Some agents, and items of theirs with entries, newest last."""

    def __init__(self, tx: SqlTransaction, count: int, seed: int = 20260101) -> None:
        draw = random.Random(seed)
        self.tx = tx
        self.agents = [
            Agent(
                new_pseudonym(),
                AgentKind.PERSON,
                f"u{number}",
                f"用户{number}",
                Role.OFFICER,
                UNITS[number % 3],
            )
            for number in range(6)
        ]
        for agent in self.agents:
            tx.agents.add(agent, None, NOW)
        for unit in (HEADED, *UNITS[:2]):
            tx.units.place(unit, None if unit == HEADED else HEADED)
        self.entries: list[Entry] = []
        for _ in range(count):
            agent = draw.choice(self.agents)
            entry = entry_for(draw, an_item(tx, agent, Submission("a.mp4")))
            # Twice, as a change would: only what is new of the second is written.
            tx.search.put(replace(entry, text=searchable(["别的"]), clocks=(), cases=("B-2",)))
            tx.search.put(entry)
            self.entries.append(entry)
        #: Of all units, their own among them.
        self.shared = {
            agent.id: {*ids(self.entries[number::10])} for number, agent in enumerate(self.agents[3:])
        }
        for agent_id, shared in self.shared.items():
            for item_id in shared:
                until = NOW + timedelta(days=1)
                tx.access.share(
                    Share(new_id(NOW), SubjectKind.ITEM, item_id, agent_id, agent_id, NOW, until, "r")
                )

    def viewers(self) -> list[Viewer]:
        """Somebody who sees all, a unit, what is their own, nothing; then people with shares.

        They see their unit besides, what is their own, two units below theirs, nothing else.
        """
        one = self.agents[0]
        several, own, head = self.agents[3:]
        return [
            Viewer(one.id, None, False, NOW),
            Viewer(one.id, one.unit, False, NOW),
            Viewer(one.id, one.unit, True, NOW),
            Viewer(one.id, "没有的单位", False, NOW),
            Viewer(several.id, several.unit, False, NOW),
            Viewer(own.id, own.unit, True, NOW),
            Viewer(head.id, HEADED, False, NOW),
            Viewer(head.id, "没有的单位", False, NOW),
        ]

    def found(self, viewer: Viewer, query: Query) -> list[Entry]:
        """What is to be found, newest first."""
        return [one for one in reversed(self.entries) if self.is_seen(viewer, one) and meets(one, query)]

    def is_seen(self, viewer: Viewer, entry: Entry) -> bool:
        """What a viewer may see, by units, ownership and shares."""
        if entry.item_id in self.shared.get(viewer.agent_id, ()):
            return True
        if viewer.own:
            return viewer.agent_id == entry.agent_id
        units = UNITS[:2] if viewer.unit == HEADED else (viewer.unit,)
        return viewer.unit is None or entry.unit in units


@contextmanager
def statements(connection: Connection) -> Iterator[list[tuple[str, object]]]:
    """Every statement that is executed meanwhile, with its parameters."""
    seen: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        seen.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(connection, "before_cursor_execute", note)


def ids(entries: Sequence[Entry]) -> list[str]:
    """Their items."""
    return [entry.item_id for entry in entries]
