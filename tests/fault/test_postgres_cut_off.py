"""A PostgreSQL whose answers are lost, and one that is killed while it writes."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.errors import Unavailable
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import new_id
from evidence.ports.catalogue import Transaction
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from tests.catalogues import ask
from tests.contract.test_catalogue import AGENT, NOW, FixedClock, an_upload
from tests.fault.proxy import Cut, Proxy
from tests.fault.scenario import verify_counts
from tests.fault.traffic import Traffic, receive_in_trouble
from tests.postgres import Server, serving_postgres
from tests.serving.waiting import eventually

SEED = 20261129
_WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    with postgres.catalogue() as one:
        yield one


@pytest.fixture
def proxy(postgres: Server) -> Iterator[Proxy]:
    # A socket's path is short.
    directory = Path(tempfile.mkdtemp(prefix="custos-proxy-"))
    made = Proxy(
        directory,
        postgres.base / "socket",
        lambda: eventually(lambda: postgres.execute(_WAITING), "somebody waits for the transaction"),
    )
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(directory)


def draft(subject: str) -> EventDraft:
    return EventDraft(EventType.ITEM_SHOWN, AGENT.id, NOW, (Subject("item", subject),), detail={"k": "值"})


class Writing:
    """Events and other changes, some together, and what became of each by its subject."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self.kept: set[str] = set()
        self.failed: set[str] = set()
        #: Those that come with another row.
        self.changes: set[str] = set()

    async def some(self, catalogue: SqlCatalogue) -> None:
        """Up to twenty at once; most are events alone."""
        subjects = [new_id(NOW) for _ in range(self._draw.randrange(1, 20))]
        done = await asyncio.gather(
            *(self._one(catalogue, subject) for subject in subjects), return_exceptions=True
        )
        for subject, result in zip(subjects, done, strict=True):
            if isinstance(result, Unavailable):
                self.failed.add(subject)
            else:
                assert not isinstance(result, BaseException), result
                self.kept.add(subject)

    async def _one(self, catalogue: SqlCatalogue, subject: str) -> None:
        def change(tx: Transaction) -> None:
            tx.uploads.add(an_upload(id=subject))
            tx.events.append(draft(subject))

        if self._draw.randrange(4):
            await catalogue.record(draft(subject))
        else:
            self.changes.add(subject)
            await catalogue.write(change)


def happened(url: str) -> list[str]:
    """The subjects of what is on record; every emitter counts without a hole."""
    return [
        subject["id"]
        for event in verify_counts(url)
        if event["type"] == EventType.ITEM_SHOWN
        for subject in event["subjects"]
    ]


async def test_an_answer_that_is_lost_loses_and_doubles_nothing(url: str, proxy: Proxy) -> None:
    through = url.replace(url.partition("host=")[2], str(proxy.directory))
    writing = Writing(SEED)
    known = {}
    async with open_catalogue(through, FixedClock(), "test") as catalogue:
        await catalogue.write(lambda tx: tx.agents.add(AGENT, None, NOW))
        for how in [*Cut, *random.Random(SEED).choices([None, *Cut], k=27)]:
            failed = set(writing.failed)
            if how is not None:
                proxy.cut(how)
            await writing.some(catalogue)
            known |= dict.fromkeys(writing.failed - failed, how)
        assert await catalogue.read(lambda tx: tx.oversight.alarms()) == []
    assert len(proxy.cuts) > 15
    found = happened(url)
    assert len(found) == len(set(found))
    # What failed is there exactly if the server heard the COMMIT.
    assert set(found) == writing.kept | {one for one, how in known.items() if how is not Cut.UNHEARD}
    assert {known[one] for one in writing.failed} == set(Cut)


async def test_a_database_that_forgot_is_not_written_to(url: str, proxy: Proxy) -> None:
    through = url.replace(url.partition("host=")[2], str(proxy.directory))
    async with open_catalogue(through, FixedClock(), "test") as catalogue:
        await catalogue.write(lambda tx: tx.agents.add(AGENT, None, NOW))
        await catalogue.record(draft(new_id(NOW)))
        ask(url, "UPDATE emitters SET next_n = next_n - 1")
        proxy.cut(Cut.UNHEARD)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await catalogue.record(draft(new_id(NOW)))
        assert ask(url, "SELECT count(*) FROM events") == [(2,)]
        ask(url, "UPDATE emitters SET next_n = next_n + 1")
        await catalogue.record(draft(new_id(NOW)))
    assert len(happened(url)) == 2


async def write_while_it_is_killed(kills: int) -> None:
    writing, draw = Writing(SEED), random.Random(SEED)
    with serving_postgres() as server:
        url = server.new_database()
        async with open_catalogue(url, FixedClock(), "test") as catalogue:
            await catalogue.write(lambda tx: tx.agents.add(AGENT, None, NOW))
            stop = asyncio.Event()

            async def write() -> None:
                while not stop.is_set():
                    await writing.some(catalogue)

            writers = [asyncio.create_task(write()) for _ in range(8)]
            for _ in range(kills):
                enough = len(writing.kept) + draw.randrange(1, 400)
                while len(writing.kept) < enough:
                    await asyncio.sleep(0)
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
            stop.set()
            await asyncio.gather(*writers)
        found = happened(url)
        assert writing.failed
        assert len(found) == len(set(found))
        assert writing.kept <= set(found) <= writing.kept | writing.failed
        # What was written together with an event is there with it and not without it.
        uploads = {str(row[0]) for row in ask(url, "SELECT id FROM uploads")}
        assert uploads == writing.changes & set(found)


async def test_a_killed_database_loses_and_doubles_nothing() -> None:
    await write_while_it_is_killed(5)


@pytest.mark.long
async def test_a_database_killed_many_times_loses_and_doubles_nothing() -> None:
    await write_while_it_is_killed(200)


def serve_while_it_is_killed(base: Path, *, recordings: int, kills: int) -> None:
    with serving_postgres() as server:
        url = server.new_database()

        def kill(_pid: int, traffic: Traffic) -> None:
            for _ in range(kills):
                # Not before the last life of it has seen some work.
                traffic.until(1)
                server.kill()
                server.start()

        receive_in_trouble(base, recordings, kill, CUSTOS_CATALOGUE__URL=url)
        verify_counts(url)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_recordings_come_in_while_the_database_is_killed_many_times(tmp_path: Path) -> None:
    serve_while_it_is_killed(tmp_path, recordings=8, kills=30)
