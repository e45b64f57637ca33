"""A recording of more segments than are shown says so, and a page follows the one before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from evidence.agents import Agent, AgentKind, Role
from evidence.ids import new_pseudonym
from evidence.ports.catalogue import Transaction
from evidence.recordings import Clock, Origin, Segment, Start, own_recording
from identity.policy import RolePolicy
from retrieval.recordings import PAGE, Recordings, day_window
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from tests.contract.test_catalogue import AGENT, NOW, FixedClock, an_item

REVIEWER = Agent(new_pseudonym(), AgentKind.PERSON, "zhao", "赵", Role.REVIEWER, AGENT.unit)
NAME = Clock(Origin.FILE_NAME, "file name", False)


@pytest.fixture
async def catalogue(tmp_path: Path) -> AsyncIterator[SqlCatalogue]:
    async with open_catalogue(tmp_path / "c.db", FixedClock(), "test") as opened:
        await opened.write(lambda tx: tx.agents.add(AGENT, None, NOW))
        yield opened


def _place(tx: Transaction, count: int, *, together: bool) -> Sequence[str]:
    items = [an_item(tx).id for _ in range(count)]
    for number, item in enumerate(items):
        starts = (Start(NAME, number),)
        segment = Segment(item, AGENT.unit, "video", "CAM", starts=starts, length_us=1)
        tx.recordings.place(segment, own_recording(items[0] if together else item))
    return items


async def test_that_there_are_more_segments_is_said(
    catalogue: SqlCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 150
    monkeypatch.setattr("retrieval.recordings.MOST", most)
    recordings = Recordings(catalogue, RolePolicy(), FixedClock())
    first, *_ = await catalogue.write(lambda tx: _place(tx, most + 1, together=True))
    view = await recordings.recording(REVIEWER, own_recording(first))
    assert (len(view.items), view.more) == (most, True)
    report = await recordings.gaps(REVIEWER, AGENT.unit, "CAM", date(1970, 1, 1), timedelta(0))
    assert (len(report.gaps.placed), report.more) == (most, True)
    assert len(report.recording_of) == most


async def test_a_page_follows_the_one_before(catalogue: SqlCatalogue) -> None:
    recordings = Recordings(catalogue, RolePolicy(), FixedClock())
    items = await catalogue.write(lambda tx: _place(tx, PAGE + 3, together=False))
    page = await recordings.page(REVIEWER, None)
    rest = await recordings.page(REVIEWER, page[-1].id)
    assert [view.id for view in [*page, *rest]] == sorted(map(own_recording, items), reverse=True)
    assert (len(page), len(rest), page[0].more) == (PAGE, 3, False)


def test_a_day_begins_earlier_in_the_east() -> None:
    window = day_window(date(1970, 1, 2), timedelta(hours=8))
    hour = 3_600_000_000
    assert window.local_us == (24 * hour, 48 * hour)
    assert window.utc_us == (16 * hour, 40 * hour)
