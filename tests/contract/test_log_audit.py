"""The log read again where it lies: damage is found and named, what is missing is there again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from custody.bodies import Bodies, encode_bodies, path_of
from custody.log_auditing import LogAudit
from custody.sequencer import LOG_LOCK
from evidence.errors import Unavailable
from evidence.fixity import Digests
from evidence.log_audits import AGAIN_AFTER, DAMAGED, ROWS, ask_log_audit
from evidence.ports.catalogue import Alarm
from evidence.ports.log import Body
from storage.catalogue.engine import Where
from tests.catalogues import CEPH_TOO, Catalogues, ask, recorded
from tests.contract.changing_rows import unfrozen, written
from tests.contract.test_custody_log import NOW, Place
from tests.contract.test_log_copying import Hands, copy_to, happened, vault

catalogues = CEPH_TOO

YEAR = timedelta(days=365)
RATE = 1 << 40


__all__ = ["vault"]


def audit_of(place: Place, clock: Hands, *, every: timedelta | None = YEAR, rate: int = RATE) -> LogAudit:
    return LogAudit(place.catalogue, place.objects, place.store, clock, every, rate)


async def _no_sleep(seconds: float) -> None:
    assert seconds >= 0


async def gone_through(audit: LogAudit) -> int:
    """A round, if one is due; of how many steps."""
    steps = 0
    while await audit.run(_no_sleep):
        steps += 1
    return steps


async def begun(place: Place, count: int) -> tuple[LogAudit, Hands]:
    """A log of so many events and some more, and what audits it, a year later."""
    clock = Hands()
    audit = audit_of(place, clock)
    await happened(place, count)
    while (await place.sequencer().run()).added:
        pass
    while await Bodies(place.catalogue, place.store, clock).run():
        pass
    assert await gone_through(audit) == 0, "what is new is not read again at once"
    clock.at += YEAR
    return audit, clock


async def alarms(place: Place) -> dict[str, Alarm]:
    return {one.kind: one for one in await place.catalogue.read(lambda tx: tx.oversight.alarms())}


def file_of(place: Place, path: str) -> Path:
    return place.base / "store" / "objects" / "log" / path


async def test_a_whole_log_is_read_once_a_year_and_that_is_on_record(place: Place, where: Where) -> None:
    audit, clock = await begun(place, 3_000)
    # Two steps, and between them and around them a beginning and an end.
    assert await gone_through(audit) == 4
    [(outcome, detail)] = recorded(where, "log.audited")
    # 3,003 leaves fill eleven tiles, bundles and bundles of details.
    assert (outcome, detail["files"], detail["findings"]) == ("success", 33, 0)
    assert await alarms(place) == {}
    assert await gone_through(audit) == 0
    clock.at += YEAR - timedelta(seconds=1)
    assert await gone_through(audit) == 0
    clock.at += timedelta(seconds=1)
    assert await gone_through(audit) == 4


async def test_somebody_asks_and_a_clock_that_was_set_back_hides_nothing(place: Place) -> None:
    audit, clock = await begun(place, 300)
    await gone_through(audit)
    clock.at += timedelta(hours=1)
    await place.catalogue.write(lambda tx: ask_log_audit(tx, None, clock.now()))
    assert await gone_through(audit) == 3
    assert await gone_through(audit) == 0
    clock.at -= timedelta(days=30)
    assert await gone_through(audit) == 3, "it was looked at later than now"
    never = audit_of(place, clock, every=None)
    clock.at += 9 * YEAR
    assert await gone_through(never) == 0


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/000",
        "tile/entries/000",
        path_of(0, is_full=True),
        # So many leaves take a while.
        pytest.param("tile/1/000", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("catalogues", ["sqlite"], indirect=True)
async def test_a_file_with_other_bytes_is_named_and_stays(place: Place, where: Where, path: str) -> None:
    audit, clock = await begun(place, 66_000 if path == "tile/1/000" else 300)
    file = file_of(place, path)
    whole = file.read_bytes()
    for at in (0, len(whole) // 2, len(whole) - 1):
        file.chmod(0o600)
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        await gone_through(audit)
        assert list(await alarms(place)) == [DAMAGED]
        assert f"log/{path}" in (await alarms(place))[DAMAGED].message
        assert file.read_bytes() != whole
        clock.at += AGAIN_AFTER
    file.write_bytes(whole)
    await gone_through(audit)
    assert await alarms(place) == {}
    assert [outcome for outcome, _ in recorded(where, "log.audited")] == ["failure"] * 3 + ["success"]


@pytest.mark.parametrize("catalogues", ["sqlite"], indirect=True)
async def test_what_is_missing_is_laid_there_again(place: Place, where: Where) -> None:
    audit, clock = await begun(place, 600)
    paths = ["tile/0/001", "tile/entries/000", path_of(1, is_full=True)]
    whole = {path: file_of(place, path).read_bytes() for path in paths}
    for path in paths:
        file_of(place, path).unlink()
    await gone_through(audit)
    assert {path: file_of(place, path).read_bytes() for path in paths} == whole
    for path in paths:
        stat = await place.objects.stat(f"log/{path}")
        assert stat.locked_until is not None
        assert stat.locked_until >= NOW + LOG_LOCK
        assert f"log/{path}" in (await alarms(place))[DAMAGED].message
    clock.at += AGAIN_AFTER
    await gone_through(audit)
    assert await alarms(place) == {}
    [first, second] = recorded(where, "log.audited")
    assert (first[0], second[0]) == ("failure", "success")
    assert sorted(first[1]["missing"]) == sorted(f"log/{path}" for path in paths)


class Dying:
    """A store whose disk refuses one file, and whose process dies before it puts anything."""

    def __init__(self, place: Place, refused: str = "") -> None:
        self._place = place
        self._refused = refused

    def __getattr__(self, name: str) -> Any:
        return getattr(self._place.objects, name)

    async def read_back(self, key: str) -> Digests:
        if key == self._refused:
            raise Unavailable("disk-failed", "The disk refused to work.")
        return await self._place.objects.read_back(key)

    async def put(self, path: str, data: bytes, locked_until: datetime) -> None:
        raise Unavailable("killed", "Killed.")

    async def read(self, path: str) -> bytes | None:
        return await self._place.store.read(path)


@pytest.mark.parametrize("catalogues", ["sqlite"], indirect=True)
async def test_what_the_disk_refuses_is_a_finding_and_the_round_goes_on(place: Place, where: Where) -> None:
    _, clock = await begun(place, 600)
    store: Any = Dying(place, "log/tile/0/000")
    await gone_through(LogAudit(place.catalogue, store, place.store, clock, YEAR, RATE))
    assert "refuses to read log/tile/0/000" in (await alarms(place))[DAMAGED].message
    [(outcome, detail)] = recorded(where, "log.audited")
    assert (outcome, detail["files"], detail["unreadable"]) == ("failure", 6, ["log/tile/0/000"])


@pytest.mark.parametrize("catalogues", ["sqlite"], indirect=True)
async def test_what_is_missing_is_told_before_it_is_laid_again(place: Place) -> None:
    audit, clock = await begun(place, 300)
    file_of(place, "tile/0/000").unlink()
    log: Any = Dying(place)
    with pytest.raises(Unavailable, match="Killed"):
        await gone_through(LogAudit(place.catalogue, place.objects, log, clock, YEAR, RATE))
    assert "log/tile/0/000" in (await alarms(place))[DAMAGED].message
    assert not file_of(place, "tile/0/000").exists()
    await gone_through(audit)
    assert file_of(place, "tile/0/000").exists()


async def test_details_that_only_the_store_knows_are_no_damage(place: Place, where: Where) -> None:
    audit, _ = await begun(place, 300)
    ask(where, "DELETE FROM event_bodies")
    await gone_through(audit)
    assert await alarms(place) == {}


@pytest.mark.parametrize(
    "catalogues", ["postgresql", pytest.param("ceph", marks=pytest.mark.long)], indirect=True
)
async def test_what_is_laid_over_a_tile_in_a_bucket_is_found(place: Place) -> None:
    audit, clock = await begun(place, 300)
    assert place.bucket is not None
    whole = await place.store.read_kept("tile/0/000")
    # As two writes at once leave it on a server that heeds no condition.
    place.bucket.bucket.ask("put_object", Key="log/tile/0/000", Body=whole)
    await gone_through(audit)
    assert await alarms(place) == {}
    clock.at += YEAR
    place.bucket.bucket.ask("put_object", Key="log/tile/0/000", Body=b"something else")
    await gone_through(audit)
    assert "laid over log/tile/0/000" in (await alarms(place))[DAMAGED].message


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE events SET data = replace(data, 'item.shown', 'item.shewn') {7}", "the event 7"),
        ("UPDATE log_leaves SET hash = {blob} WHERE number = 7", "the event 7"),
        ("UPDATE log_leaves SET chains = replace(chains, '[', ' [') WHERE number = 7", "the event 7"),
        ("DELETE FROM log_leaves WHERE number = 7", "some of the events 0 to 255"),
        ("UPDATE log_nodes SET hash = {blob} WHERE level = 1 AND number = 0", "the events 0 to 255"),
        ("UPDATE event_bodies SET detail = {detail} {7}", "the detail of the event 7"),
        ("UPDATE event_bodies SET salt = {salt} {7}", "the detail of the event 7"),
        ("UPDATE log_leaves SET hash = {blob} WHERE number = 300", "the event 300"),
    ],
)
async def test_rows_that_somebody_changed_are_found_without_a_verifier(
    place: Place, where: Where, catalogues: Catalogues, change: str, named: str
) -> None:
    audit, _ = await begun(place, 300)
    unfrozen(where, catalogues)
    ask(where, written(change, is_postgres=catalogues.is_postgres))
    await gone_through(audit)
    found = await alarms(place)
    assert ROWS in found
    assert named in found[ROWS].message
    [(outcome, _)] = recorded(where, "log.audited")
    assert outcome == "failure"


@pytest.mark.parametrize("catalogues", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET data = 'text' {7}",
        "UPDATE events SET data = zeroblob(70000) {7}",
        "UPDATE log_heads SET checkpoint = 'text'",
        "UPDATE log_leaves SET chains = 'text' WHERE number = 7",
        "UPDATE log_leaves SET hash = 'text' WHERE number = 7",
        "UPDATE log_nodes SET hash = 'text' WHERE level = 1",
        "UPDATE event_bodies SET detail = 'text' {7}",
        "UPDATE event_bodies SET salt = 'text' {7}",
    ],
)
async def test_what_no_row_of_ours_can_be_is_found_too(
    place: Place, where: Where, catalogues: Catalogues, change: str
) -> None:
    audit, _ = await begun(place, 300)
    unfrozen(where, catalogues)
    ask(where, written(change, is_postgres=False))
    await gone_through(audit)
    assert list(await alarms(place)) == [ROWS]
    [(outcome, _)] = recorded(where, "log.audited")
    assert outcome == "failure"


async def test_a_replica_is_read_too_and_rows_that_are_wrong_spoil_none(
    place: Place, vault: Callable[[], Place], where: Where, catalogues: Catalogues
) -> None:
    there, clock = vault(), Hands()
    await happened(place, 600)
    await copy_to(place, there).run()
    audit = LogAudit(place.catalogue, there.objects, there.store, clock, YEAR, RATE, "vault")
    await gone_through(audit)
    clock.at += YEAR
    await gone_through(audit)
    [(outcome, detail)] = recorded(where, "log.audited")
    assert (outcome, detail["store"], detail["files"]) == ("success", "vault", 6)
    unfrozen(where, catalogues)
    ask(
        where,
        written("UPDATE log_leaves SET hash = {blob} WHERE number = 7", is_postgres=catalogues.is_postgres),
    )
    if there.bucket is None:
        file_of(there, "tile/0/000").unlink()
    clock.at += YEAR
    await gone_through(audit)
    # The store's own audit tells of rows; nothing of them is laid anywhere.
    assert await alarms(place) == {}
    assert there.bucket is not None or not file_of(there, "tile/0/000").exists()


async def test_a_round_that_breaks_off_goes_on_and_two_at_once_are_one(place: Place, where: Where) -> None:
    audit, clock = await begun(place, 5_000)
    assert await audit.run(_no_sleep)
    assert await audit.run(_no_sleep)
    # Another process: what it knows is in the catalogue.
    other = audit_of(place, clock)
    assert await gone_through(other) == 3
    assert await gone_through(audit) == 0
    [(outcome, detail)] = recorded(where, "log.audited")
    assert (outcome, detail["files"]) == ("success", 3 * 19)


@pytest.mark.parametrize("catalogues", ["sqlite"], indirect=True)
async def test_who_was_overtaken_sets_nothing_back(place: Place, where: Where) -> None:
    audit, clock = await begun(place, 600)
    other = audit_of(place, clock)
    assert await audit.run(_no_sleep)

    async def overtaken(seconds: float) -> None:
        del seconds
        assert await gone_through(other) == 2

    # Its step ends after the other's whole round.
    assert await audit.run(overtaken)
    assert await gone_through(audit) == 0
    assert [outcome for outcome, _ in recorded(where, "log.audited")] == ["success"]


async def test_what_is_read_counts_for_the_budget_of_all_audits(place: Place) -> None:
    clock = Hands()
    audit = audit_of(place, clock, rate=1 << 20)
    await happened(place, 600)
    await gone_through(audit)
    clock.at += YEAR
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    for _ in range(2):
        while await audit.run(sleep):
            pass
        clock.at += timedelta(seconds=1)
        await place.catalogue.write(lambda tx: ask_log_audit(tx, None, clock.now()))
    # Six files count for two mebibytes each; the second round waits for the first one's share.
    assert waited == [0, 11]


async def test_nothing_is_read_where_no_log_lies(place: Place) -> None:
    clock = Hands()
    audit = audit_of(place, clock)
    await gone_through(audit)
    clock.at += 2 * YEAR
    assert await gone_through(audit) == 0


def test_details_of_a_bundle_are_compared_one_by_one() -> None:
    from custody.bodies import tells

    some = [Body(bytes(32), b"{}"), None, Body(bytes(32), b'{"a":1}')]
    assert tells(encode_bodies(some), some)
    assert tells(encode_bodies([some[0], some[0], some[2]]), some)
    assert not tells(encode_bodies([some[0], None, None]), some)
    assert not tells(encode_bodies(some)[:-1], some)
