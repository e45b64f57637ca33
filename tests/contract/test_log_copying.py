"""The log and the journal in a replica: all of it, whole at every moment, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from custody.bodies import Bodies, read_bodies
from custody.journal_reading import readable
from custody.log_copying import LogCopy
from custody.tiles import WIDTH
from evidence.keys import journal_key
from evidence.ports.log import LogStore
from evidence.ports.replicas import Replica
from storage.objects.s3.store import S3Store
from tests.catalogues import CEPH_TOO
from tests.contract.test_custody_log import NOW, Place, Still
from tests.contract.test_journal import agent, journal_of, store_of, written

catalogues = CEPH_TOO


@pytest.fixture
def vault(
    place: Place, tmp_path: Path, bucket_beside: Callable[[Path], S3Store | None]
) -> Callable[[], Place]:
    """Makes empty places of the same kind, in which the same catalogue's log can lie."""

    def make() -> Place:
        base = tmp_path / f"vault-{len(list(tmp_path.glob('vault-*')))}"
        base.mkdir()
        return replace(place, base=base, bucket=bucket_beside(base))

    return make


@dataclass
class Hands(Still):
    """A clock put forward by hand."""

    at: datetime = field(default=NOW)

    def now(self) -> datetime:
        return self.at


def of(place: Place, name: str = "vault", log: LogStore | None = None) -> Replica:
    return Replica(name, place.objects, place.base / "incoming", log or place.store, store_of(place))


def copy_to(
    place: Place, vault: Place, *, clock: Still | None = None, log: LogStore | None = None
) -> LogCopy:
    return LogCopy(place.catalogue, of(place, "primary"), of(vault, log=log), clock or Still())


async def happened(place: Place, count: int) -> None:
    """So many events, sequenced and published, their details and a change of the catalogue written."""
    await place.happen(count)
    await agent(place, f"after {count} {(await place.catalogue.read(lambda tx: tx.log.head())) is None}")
    await place.sequencer().run()
    await Bodies(place.catalogue, place.store, Still()).run()
    await written(journal_of(place))


async def require_equal(place: Place, vault: Place) -> None:
    """All that a catalogue is rebuilt from is there, and the whole log is proven from the copy alone."""
    leaves = await place.counted()
    assert await vault.counted() == leaves
    for number in range((len(leaves) - 1) // WIDTH + 1):
        said = await read_bodies(place.store, number, WIDTH)
        assert await read_bodies(vault.store, number, WIDTH) == said
        assert None not in said[: len(leaves) - number * WIDTH]
    ours = await readable(store_of(place), place.signer.note_key)
    theirs = await readable(store_of(vault), place.signer.note_key)
    assert theirs == ours is not None


async def alarms(place: Place) -> list[tuple[str, str]]:
    found = await place.catalogue.read(lambda tx: tx.oversight.alarms())
    return [(alarm.kind, alarm.subject) for alarm in found]


async def test_a_replica_has_the_log_and_the_journal_and_goes_on_with_them(
    place: Place, vault: Callable[[], Place]
) -> None:
    there = vault()
    copy = LogCopy(place.catalogue, of(place, "primary"), of(there, "v" * 64), Still())
    assert not await copy.run(), "there is no log yet"
    for count in (5, 300, 700, 1):
        await happened(place, count)
        assert await copy.run()
        await require_equal(place, there)
    assert not await copy.run()
    # Another process, which knows nothing of the first.
    await happened(place, 3)
    assert await copy_to(place, there).run()
    await require_equal(place, there)


async def test_a_closed_chunk_is_locked_as_long_as_the_stores_own(
    place: Place, vault: Callable[[], Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custody.journaling.CHUNK_BYTES", 300)
    there = vault()
    await place.sequencer().run()
    for number in range(20):
        await agent(place, f"a{number}")
        await written(journal_of(place))
    newest = await store_of(place).newest()
    assert newest is not None
    assert newest > 1
    await copy_to(place, there, clock=Hands(NOW + timedelta(days=3))).run()
    for number in range(newest):
        ours, theirs = [await one.objects.stat(journal_key(number)) for one in (place, there)]
        assert ours.locked_until == theirs.locked_until is not None
    await require_equal_journal(place, there)


async def require_equal_journal(place: Place, vault: Place) -> None:
    ours = await readable(store_of(place), place.signer.note_key)
    assert await readable(store_of(vault), place.signer.note_key) == ours is not None
