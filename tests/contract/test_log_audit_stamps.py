"""What stamped the log read again where it lies: what is gone or changed is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from custody.embedded_time import open_embedded
from custody.self_stamping import SelfStamper
from evidence.log_audits import DAMAGED, ask_log_audit
from evidence.self_asserted import SELF_ASSERTED
from storage.catalogue.engine import Where
from tests.catalogues import CEPH_TOO, recorded
from tests.contract.test_custody_log import NOW, Place
from tests.contract.test_log_audit import YEAR, alarms, begun, file_of, gone_through
from tests.contract.test_verify_log_stamped import Later

catalogues = CEPH_TOO


async def stamped(place: Place, *minutes: int) -> list[str]:
    """Stamps of the head as it is at each, with some events between; the files that are there of them."""
    for minute in minutes:
        await place.happen(5)
        await place.sequencer().run()
        own = open_embedded(place.base / "embedded", Later(minute))
        assert await SelfStamper(place.catalogue, place.store, own, Later(minute)).run() is not None
    found = [key async for key in place.objects.keys(f"log/{SELF_ASSERTED}/") if not key.endswith(".tsq")]
    assert len(found) == 2 * len(minutes)
    return sorted(found)


async def test_what_stamped_it_is_read_too(
    place: Place, where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit, clock = await begun(place, 20)
    await stamped(place, 0, 5, 10)
    await gone_through(audit)
    monkeypatch.setattr("custody.log_auditing._STAMPS", 2)
    clock.at += YEAR
    # A beginning and an end, leaves, and two steps for three stamps.
    assert await gone_through(audit) == 5
    assert [(how, said["files"]) for how, said in recorded(where, "log.audited")] == [("success", 6)] * 2
    assert await alarms(place) == {}


@pytest.mark.parametrize("catalogues", ["sqlite"], indirect=True)
async def test_a_stamp_that_is_gone_is_told_and_not_laid_again(place: Place, where: Where) -> None:
    audit, clock = await begun(place, 20)
    checkpoint, token, *_ = await stamped(place, 0, 5)
    (file_of(place, token.removeprefix("log/"))).unlink()
    changed = file_of(place, checkpoint.removeprefix("log/"))
    changed.chmod(0o600)
    changed.write_bytes(changed.read_bytes()[:-1])
    for _ in range(2):
        await gone_through(audit)
        words = (await alarms(place))[DAMAGED].message
        assert f"of what stamped it is gone {token}" in words
        assert f"other bytes lie where the log's have to: {checkpoint}" in words
        clock.at += YEAR
    (outcome, said), _ = recorded(where, "log.audited")
    assert (outcome, said["gone"], said["wrong"], said["missing"]) == ("failure", [token], [checkpoint], [])


@pytest.mark.parametrize("catalogues", ["sqlite"], indirect=True)
async def test_what_was_stamped_today_is_left_to_the_next_round(place: Place, where: Where) -> None:
    audit, clock = await begun(place, 20)
    checkpoint, *_ = await stamped(place, 0)
    file_of(place, checkpoint.removeprefix("log/")).unlink()
    clock.at = NOW + timedelta(hours=23)
    await place.catalogue.write(lambda tx: ask_log_audit(tx, None, clock.now()))
    await gone_through(audit)
    assert await alarms(place) == {}
    clock.at += YEAR
    await gone_through(audit)
    assert DAMAGED in await alarms(place)
