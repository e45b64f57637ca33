"""Pages of recordings, against a plain look at every item that somebody may see."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from evidence.access import Share, SubjectKind, Viewer
from evidence.agents import Restriction
from evidence.ids import new_id
from evidence.items import Submission
from evidence.ports.catalogue import Transaction
from evidence.recordings import Segment, own_recording
from storage.catalogue import recordings, sight
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.catalogue.engine import Where
from tests.contract.test_catalogue import AGENT, NOW, FixedClock, an_item

ITEMS = 160
UNITS = ("一大队", "二大队", "三大队")
GUEST = "8c0e8a8e-5a4e-4b0e-9d61-0f6a3f7d2b11"


def archive(tx: Transaction, draw: random.Random) -> None:
    """Items of a few instants; recordings of one unit each, named after any item, which may be sealed."""
    tx.agents.add(AGENT, None, NOW)
    tx.agents.add(replace(AGENT, id=GUEST, username="guest"), None, NOW)
    for unit in ("支队", *UNITS[:2]):
        tx.units.place(unit, None if unit == "支队" else "支队")
    named: dict[tuple[str, int], str] = {}
    made = []
    for _ in range(ITEMS):
        at, unit = NOW + timedelta(milliseconds=draw.randrange(60)), draw.choice(UNITS)
        item = an_item(tx, id=new_id(at), unit=unit, submission=Submission("a.mp4", device="CAM"))
        made.append(item)
        if draw.random() < 0.9:
            name = named.setdefault((unit, draw.randrange(25)), own_recording(item.id))
            tx.recordings.place(Segment(item.id, unit, "video", "CAM", "submitted"), name)
    for item in draw.sample(made, ITEMS // 3):
        tx.access.restrict(SubjectKind.ITEM, item.id, Restriction.SEALED, [])
    for item in draw.sample(made, 9):
        until = NOW + timedelta(days=1)
        tx.access.share(
            Share(new_id(NOW), SubjectKind.ITEM, item.id, GUEST, AGENT.id, NOW, until, "a witness")
        )


@pytest.fixture
async def catalogue(where: Where) -> AsyncIterator[SqlCatalogue]:
    async with open_catalogue(where, FixedClock(), "test") as opened:
        yield opened


@pytest.mark.parametrize(("walked", "few"), [((1, 3), 500), ((4, 2_000), 500), ((1, 3), 2)])
async def test_pages_of_recordings_are_those_of_a_plain_look(
    catalogue: SqlCatalogue, monkeypatch: pytest.MonkeyPatch, walked: tuple[int, int], few: int
) -> None:
    """Also where somebody reaches more single items than are looked up beforehand."""
    monkeypatch.setattr(sight, "_FEW", few)
    monkeypatch.setattr(recordings, "_WALKED_FIRST", walked[0])
    monkeypatch.setattr(recordings, "_MOST_WALKED", walked[1])
    await catalogue.write(lambda tx: archive(tx, random.Random(20261130)))
    viewers = [
        Viewer(AGENT.id, None, False, NOW),
        Viewer(AGENT.id, AGENT.unit, True, NOW),
        *(Viewer(who, unit, False, NOW) for who in ("", GUEST) for unit in (*UNITS, "支队", "没有的单位")),
    ]

    def look(tx: Transaction, viewer: Viewer, limit: int) -> None:
        seen = tx.items.page(viewer, before=None, limit=ITEMS)
        wanted = sorted({one for item in seen if (one := tx.recordings.recording_of(item.id))}, reverse=True)
        found: list[str] = []
        while page := tx.recordings.page(viewer, before=found[-1] if found else None, limit=limit):
            assert len(page) <= limit
            found += page
        assert found == wanted

    for viewer in viewers:
        for limit in (1, 7, 999):
            await catalogue.read(lambda tx, viewer=viewer, limit=limit: look(tx, viewer, limit))
