"""Copies of an item: found by what was put, filtered by what may be seen, on record."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from custos.work import JobLease
from evidence.agents import Agent, AgentKind, Role
from evidence.copies import Fingerprint, FingerprintKind
from evidence.errors import Denied, StageFailed
from evidence.ids import new_id, new_pseudonym
from evidence.items import Item, Submission, Upload, UploadState
from evidence.jobs import URGENCY, JobState, Stage
from evidence.keys import original_key
from identity.policy import RolePolicy
from retrieval.copies import MOST_SHOWN, CopySearch
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.fingerprints.index import DiskFingerprintIndex
from storage.objects.filesystem import FilesystemStore
from tests.fingerprints import copied, recording
from transcode.fingerprint_stage import FingerprintStage

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
VIDEO, AUDIO = FingerprintKind.VIDEO, FingerprintKind.AUDIO


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def source(self) -> str:
        return "a fixed clock"


def _agent(name: str, role: Role, unit: str) -> Agent:
    return Agent(new_pseudonym(), AgentKind.PERSON, name, name, role, unit)


NORTH = _agent("li", Role.REVIEWER, "north")
SOUTH = _agent("zhao", Role.REVIEWER, "south")
OFFICER = _agent("qian", Role.OFFICER, "north")
AUDITOR = _agent("sun", Role.AUDITOR, "north")


@dataclass
class Office:
    """A catalogue with a few people, an index, and the search over both."""

    catalogue: SqlCatalogue
    index: DiskFingerprintIndex
    search: CopySearch

    async def item(self, owner: Agent, *fingerprints: Fingerprint) -> str:
        upload = Upload(
            new_id(NOW), owner.id, owner.unit, 10, 0, UploadState.RECEIVING, Submission("a.mp4"), NOW, NOW
        )
        item_id = new_id(NOW)
        item = Item(
            item_id, upload.id, owner.unit, owner.id, Submission("a.mp4"), "video", "video/mp4",
            10, "ab" * 32, 1, original_key(item_id, "ab" * 32, NOW), NOW, NOW,
        )  # fmt: skip
        await self.catalogue.write(lambda tx: (tx.uploads.add(upload), tx.items.add(item)))
        for one in fingerprints:
            await self.index.put(Fingerprint(item_id, one.kind, one.marks))
        return item_id

    async def shown(self, agent: Agent) -> list[tuple[set[str], dict[str, Any]]]:
        """The subjects and the detail of every list that the agent was shown, oldest first."""

        def look(tx: Any) -> list[tuple[set[str], dict[str, Any]]]:
            rows = tx.connection.exec_driver_sql(
                "SELECT events.data, event_bodies.detail FROM events JOIN event_bodies"
                " ON event_bodies.event_id = events.id ORDER BY events.at, events.id"
            ).all()
            parsed = [(json.loads(data), json.loads(detail)) for data, detail in rows]
            return [
                ({one["id"] for one in event["subjects"]}, detail)
                for event, detail in parsed
                if event["type"] == "list.shown" and event["agent"] == agent.id
            ]

        return await self.catalogue.read(look)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    index = DiskFingerprintIndex(tmp_path / "fingerprints")
    async with open_catalogue(tmp_path / "catalogue" / "c.db", FixedClock(), "test") as catalogue:
        for agent in (NORTH, SOUTH, OFFICER, AUDITOR):
            await catalogue.write(lambda tx, agent=agent: tx.agents.add(agent, None, NOW))
        yield Office(catalogue, index, CopySearch(catalogue, index, RolePolicy(), FixedClock()))
    index.close()


SOURCE, SOUND = recording("", VIDEO, 1), recording("", AUDIO, 1)


async def test_a_copy_is_found_by_picture_and_by_sound_and_is_on_record(office: Office) -> None:
    asked = await office.item(NORTH, SOURCE, SOUND)
    copy = await office.item(OFFICER, copied(SOURCE, "", start_s=4), copied(SOUND, "", start_s=4))
    await office.item(NORTH, recording("", VIDEO, 2))
    copies = await office.search.copies_of(NORTH, asked)
    assert set(copies.compared) == {VIDEO, AUDIO}
    assert {(found.item.id, found.match.kind) for found in copies.found} == {(copy, VIDEO), (copy, AUDIO)}
    assert await office.shown(NORTH) == [({asked, copy}, {"asked": asked, "of": "copies"})]


async def test_what_may_not_be_seen_is_neither_found_nor_named(office: Office) -> None:
    asked = await office.item(NORTH, SOURCE)
    elsewhere = await office.item(SOUTH, copied(SOURCE, ""))
    own = await office.item(OFFICER, copied(SOURCE, ""))
    copies = await office.search.copies_of(NORTH, asked)
    assert [found.item.id for found in copies.found] == [own]
    assert await office.shown(NORTH) == [({asked, own}, {"asked": asked, "of": "copies"})]
    copies = await office.search.copies_of(OFFICER, own)
    assert copies.found == []
    assert elsewhere not in str(await office.shown(OFFICER))


async def test_many_that_may_not_be_seen_hide_none_that_may(office: Office) -> None:
    asked = await office.item(NORTH, SOURCE)
    for _ in range(MOST_SHOWN // 2):
        await office.item(SOUTH, copied(SOURCE, "", turned=0))
    seen = await office.item(NORTH, copied(SOURCE, "", turned=0.16))
    assert [found.item.id for found in (await office.search.copies_of(NORTH, asked)).found] == [seen]


async def test_a_denied_question_says_nothing(office: Office) -> None:
    asked = await office.item(SOUTH, SOURCE)
    said = set()
    for agent, item_id in ((NORTH, asked), (NORTH, new_id(NOW)), (NORTH, "../x"), (AUDITOR, asked)):
        with pytest.raises(Denied) as caught:
            await office.search.copies_of(agent, item_id)
        said.add((caught.value.code, caught.value.message))
    assert len(said) == 1
    assert await office.shown(NORTH) == []


async def test_nothing_to_compare_is_said(office: Office) -> None:
    asked = await office.item(NORTH)
    copies = await office.search.copies_of(NORTH, asked)
    assert (copies.compared, copies.found) == ([], [])
    assert await office.shown(NORTH) == [({asked}, {"asked": asked, "of": "copies"})]


async def test_what_the_index_has_and_the_catalogue_has_not_is_passed_over(office: Office) -> None:
    asked = await office.item(NORTH, SOURCE)
    await office.index.put(copied(SOURCE, new_id(NOW)))
    assert (await office.search.copies_of(NORTH, asked)).found == []


async def _lease(office: Office, item_id: str) -> JobLease:
    job_id = await office.catalogue.write(lambda tx: tx.jobs.add(Stage.FINGERPRINT, item_id, "north", NOW))
    job = await office.catalogue.write(lambda tx: tx.jobs.claim(job_id, NOW))
    assert job is not None
    return JobLease(office.catalogue, FixedClock(), job)


async def test_the_stage_indexes_what_was_taken_and_is_done(office: Office, tmp_path: Path) -> None:
    store = FilesystemStore(tmp_path / "store", immutable=False)
    item_id = await office.item(NORTH)
    item = await office.catalogue.read(lambda tx: tx.items.get(item_id))
    assert item is not None
    staged = tmp_path / "staged"
    staged.write_bytes(b"0123456789")
    await store.put_rendition(item.key, staged)
    work = tmp_path / "work"
    work.mkdir()

    async def take(original: Path, description: Any, workdir: Path) -> dict[FingerprintKind, Any]:
        assert original.read_bytes() == b"0123456789"
        assert description == {"route": "copy"}
        assert workdir.parent == work
        return {VIDEO: SOURCE.marks, AUDIO: []}

    stage = FingerprintStage(take, store, office.index, work)
    lease = await _lease(office, item_id)
    with pytest.raises(StageFailed) as caught:
        await stage.run(lease)
    assert (caught.value.code, caught.value.final) == ("not-described", False)
    await office.catalogue.write(lambda tx: tx.items.set_description(item_id, {"route": "copy"}, {}))
    await stage.run(lease)
    stored = await office.index.of(item_id, VIDEO)
    assert stored is not None
    assert list(stored.marks) == list(SOURCE.marks)
    assert list(work.iterdir()) == []
    job = await office.catalogue.read(lambda tx: tx.jobs.get(lease.job.id))
    assert job is not None
    assert job.state is JobState.DONE


def test_fingerprints_wait_for_everything_but_audits() -> None:
    assert URGENCY[-2:] == (Stage.FINGERPRINT, Stage.FIXITY)
    assert set(URGENCY) == set(Stage)
