"""Audits in the catalogue are due exactly as the rule says, and all readings share one rate."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import pytest

from custody.auditing import SharedPace
from evidence.fixity import PIECE, Audit, Finding, in_order, is_due
from evidence.ids import new_id
from evidence.jobs import Job, JobState, Stage
from evidence.ports.catalogue import Transaction
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.catalogue.engine import Where
from tests.contract.test_catalogue import AGENT, NOW, FixedClock, a_rendition, an_item
from tests.contract.test_disposals import a_proposal, a_tombstone

T = TypeVar("T")
YEAR = timedelta(days=365)


@pytest.fixture
async def catalogue(where: Where) -> AsyncIterator[SqlCatalogue]:
    async with open_catalogue(where, FixedClock(), "test") as opened:
        await opened.write(lambda tx: tx.agents.add(AGENT, None, NOW))
        yield opened


def a_row(tx: Transaction, draw: random.Random) -> Audit:
    item = an_item(tx)
    tx.items.set_lock(item.id, NOW)

    def some() -> datetime:
        return NOW + timedelta(hours=draw.randint(-18_000, 900))

    asked_at = some() if draw.random() < 0.1 else None
    audit = Audit(item.id, some(), some(), asked_at=asked_at)
    if draw.random() < 0.7:
        outcome = draw.choice(list(Finding))
        audit = replace(audit, audited_at=audit.seen_at, method="direct", outcome=outcome, failing=("a", "b"))
    tx.fixity.settle(audit)
    return audit


async def test_what_is_due_is_what_the_rule_says_in_its_order(catalogue: SqlCatalogue) -> None:
    draw = random.Random(7)
    rows = await catalogue.write(lambda tx: [a_row(tx, draw) for _ in range(60)])
    assert [await catalogue.read(lambda tx, one=one: tx.fixity.get(one.item_id)) for one in rows] == rows  # type: ignore[misc]
    for since in (None, NOW - timedelta(days=40)):
        if since is not None:
            await catalogue.write(lambda tx, at=since: tx.fixity.ask_all(at))  # type: ignore[misc]
        for every in (None, timedelta(days=3), timedelta(days=90), YEAR):
            expected = [one for one in in_order(rows) if is_due(one, NOW, every, since)]
            for limit in (1, 5, 99):
                found = await catalogue.read(lambda tx, e=every, n=limit: tx.fixity.due(NOW, e, n))  # type: ignore[misc]
                assert found == expected[:limit]
            counts = await catalogue.read(lambda tx, e=every: tx.fixity.counts(NOW, e))  # type: ignore[misc]
            assert counts == (len(expected), sum(one.is_failing for one in rows))


async def test_what_is_worked_at_not_locked_or_disposed_of_is_not_due(catalogue: SqlCatalogue) -> None:
    late = NOW + 2 * YEAR

    def arrange(tx: Transaction) -> tuple[str, str]:
        quiet, working, fresh, gone = (an_item(tx) for _ in range(4))
        for item in (quiet, working, gone):
            tx.items.set_lock(item.id, NOW)
        tx.jobs.add(Stage.PREVIEW, working.id, AGENT.unit, NOW)
        proposal = a_proposal(tx, gone)
        tx.disposals.bury(proposal.id, a_tombstone(gone))
        assert tx.fixity.get(gone.id) is None
        assert tx.fixity.ask([gone.id, quiet.id], NOW) == [quiet.id]
        assert tx.fixity.get(fresh.id) is not None
        return quiet.id, working.id

    quiet, working = await catalogue.write(arrange)
    due = await catalogue.read(lambda tx: tx.fixity.due(late, YEAR, 9))
    assert [one.item_id for one in due] == [quiet]
    (job,) = await catalogue.read(lambda tx: tx.jobs.of_subjects([working]))
    claimed = await catalogue.write(lambda tx: tx.jobs.claim(job.id, NOW))
    assert claimed is not None
    await catalogue.write(lambda tx: tx.jobs.finish(job.id, claimed.fence, NOW))
    due = await catalogue.read(lambda tx: tx.fixity.due(late, YEAR, 9))
    assert {one.item_id for one in due} == {quiet, working}


async def test_one_audit_is_rung_for_at_once(catalogue: SqlCatalogue) -> None:
    for _ in range(3):
        await catalogue.write(lambda tx: tx.jobs.add(Stage.FIXITY, new_id(NOW), "u", NOW))
    (first,) = await catalogue.write(lambda tx: tx.jobs.to_ring(NOW, 9))
    assert await catalogue.write(lambda tx: tx.jobs.claim(first.id, NOW)) is not None
    later = NOW + timedelta(seconds=20)
    assert await catalogue.write(lambda tx: tx.jobs.to_ring(later, 9)) == []
    assert await catalogue.read(lambda tx: tx.fixity.at_work()) == 3


async def test_a_read_back_counts_until_the_first_audit(catalogue: SqlCatalogue) -> None:
    item = await catalogue.write(an_item)
    later = NOW + timedelta(hours=1)
    await catalogue.write(lambda tx: tx.fixity.proven(item.id, later))
    row = await catalogue.read(lambda tx: tx.fixity.get(item.id))
    assert row == Audit(item.id, later, later)
    audited = replace(row, audited_at=later, outcome=Finding.MISMATCH)
    await catalogue.write(lambda tx: tx.fixity.settle(audited))
    await catalogue.write(lambda tx: tx.fixity.proven(item.id, later + YEAR))
    assert await catalogue.read(lambda tx: tx.fixity.get(item.id)) == audited


async def test_everything_is_counted(catalogue: SqlCatalogue) -> None:
    def arrange(tx: Transaction) -> None:
        for _ in range(3):
            tx.items.put_rendition(a_rendition(an_item(tx), "poster"))

    await catalogue.write(arrange)
    tally = await catalogue.read(lambda tx: tx.fixity.tally(NOW + 2 * YEAR, YEAR))
    assert (tally.kept, tally.objects, tally.bytes) == (3, 9, 33)
    assert (tally.audited, tally.due, tally.failing, tally.oldest, tally.since) == (0, 3, 0, NOW, None)


class Hand:
    """A clock that goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def source(self) -> str:
        return "a clock moved by hand"

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Unfenced:
    """A lease that nobody takes away."""

    def __init__(self, catalogue: SqlCatalogue) -> None:
        self.job = Job(
            new_id(NOW), Stage.FIXITY, "i", "u", JobState.RUNNING, 1, 1, NOW, None, 0, None, None, NOW
        )
        self.told: list[int] = []
        self.write = catalogue.write
        self.read = catalogue.read

    def progress(self, permille: int) -> None:
        self.told.append(permille)

    async def finish(self, work: Callable[[Transaction], T]) -> T:
        return await self.write(work)

    async def wait(self, work: Callable[[Transaction], T]) -> T:
        return await self.write(work)


@pytest.mark.parametrize("workers", [1, 3])
async def test_workers_share_one_rate_also_with_what_was_killed(
    catalogue: SqlCatalogue, workers: int
) -> None:
    clock, rate, pieces = Hand(), 4 * PIECE, 60

    def begin() -> tuple[SharedPace, Unfenced]:
        lease = Unfenced(catalogue)
        return SharedPace(lease, clock, rate, clock.sleep, pieces * PIECE), lease

    paces = [begin() for _ in range(workers)]
    for turn in range(pieces):
        if turn == pieces // 2:
            # All of them were killed; others begin in their place.
            paces = [begin() for _ in range(workers)]
        await paces[turn % workers][0](PIECE)
        read = (turn + 1) * PIECE
        # What was told to begin at once may be two seconds' worth for each that begins.
        allowed = rate * ((clock.at - NOW).total_seconds() + 2 * workers) + PIECE
        assert read <= allowed
    assert (clock.at - NOW).total_seconds() >= (pieces * PIECE) / rate - 2 * workers - 1
    assert paces[0][1].told == sorted(paces[0][1].told)
