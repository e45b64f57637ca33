"""Revocation lists beside the tokens: fetched from a real server, kept, and read offline."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ReasonFlags, load_der_x509_crl

from clients.verifier.heads import Step
from clients.verifier.log import verify_log
from clients.verifier.receipt import NotVerified
from clients.verifier.revocation import Lists
from custody.revocation import NotFetched, RevocationLists, fetched
from custody.stamping import Stamper
from custody.trusted_time import TimeAuthorities, read_roots
from tests.catalogues import OVER_BOTH, SQLITE_FIRST_CEPH_TOO
from tests.contract.test_custody_log import Place
from tests.contract.test_verify_log import key_of, log_of
from tests.contract.test_verify_log_stamped import Later
from tests.time_authority import TimeAuthority, time_authority

catalogues = SQLITE_FIRST_CEPH_TOO

NOT_LISTED = (
    "whether the authority's certificate had been revoked: no revocation list or OCSP answer of that time"
    " is here"
)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[TimeAuthority]:
    with time_authority(tmp_path / "authority", lists=True) as running:
        yield running


@pytest.fixture
async def place(place: Place, authority: TimeAuthority) -> Place:
    """A log whose first head is stamped; its list is wanted and not fetched."""
    await place.happen(5)
    await place.sequencer().run()
    await stamped(place, authority)
    return place


async def stamped(place: Place, authority: TimeAuthority, minutes: int = 0) -> None:
    roots = read_roots({authority.url: str(authority.root)})
    made = Stamper(place.catalogue, place.store, TimeAuthorities(roots), Later(minutes))
    assert await made.run() is not None


def lists(place: Place, minutes: int = 0) -> RevocationLists:
    return RevocationLists(place.catalogue, place.store, Later(minutes), fetched)


async def kept(place: Place) -> list[Path]:
    return sorted((await log_of(place) / "stamps").glob("*.crl"))


async def step(place: Place, authority: TimeAuthority) -> Step:
    return verify_log(await log_of(place), key_of(place), roots=[authority.root.read_bytes()]).steps[-1]


@OVER_BOTH
async def test_a_list_is_kept_beside_the_tokens_as_it_was(place: Place, authority: TimeAuthority) -> None:
    assert (await step(place, authority)).not_checked == NOT_LISTED
    assert await lists(place).run() == 1
    (found,) = await kept(place)
    command = ["openssl", "crl", "-in", found, "-inform", "DER", "-CAfile", authority.root, "-noout"]
    assert b"verify OK" in subprocess.run(command, capture_output=True, check=True).stderr
    assert (await step(place, authority)).not_checked == ""
    # Nothing needs another one; a younger token does, once an hour has passed.
    assert await lists(place, 90).run() == 0
    await place.happen(1)
    await place.sequencer().run()
    await stamped(place, authority, 30)
    assert await lists(place, 31).run() == 0
    authority.list_times = (datetime.now(UTC) - timedelta(minutes=1), authority.list_times[1])
    assert await lists(place, 61).run() == 1
    assert len(await kept(place)) == 2
    assert authority.listed == 2


async def test_what_cannot_be_had_is_asked_for_again_and_keeps_nothing_waiting(
    place: Place, authority: TimeAuthority
) -> None:
    authority.revoked = None
    assert await lists(place).run() == 0
    assert await place.catalogue.read(lambda tx: tx.oversight.alarms()) == []
    # A clock that was set forward, and is set back: nothing waits for it to catch up.
    assert await lists(place, 2 * 24 * 60).run() == 0
    (alarm,) = await place.catalogue.read(lambda tx: tx.oversight.alarms())
    assert alarm.kind == "revocation-not-kept"
    assert await lists(place).run() == 0
    authority.revoked = []
    # A moment later it is not asked yet, then it is.
    assert await lists(place, 1).run() == 0
    assert await lists(place, 6).run() == 1
    with time_authority(place.base / "other", lists=True) as other:
        assert not fetched(f"{authority.url}/x").startswith(b"-")
        source_of_other = other.revocation_list()
    authority.revocation_list = lambda: source_of_other  # type: ignore[method-assign]
    await place.happen(1)
    await place.sequencer().run()
    await stamped(place, authority, 90)
    assert await lists(place, 91).run() == 0
    assert len(await kept(place)) == 1
    for data in (b"", b"no list", b"-----BEGIN X509 CRL-----\n", bytes(5_000_000)):
        authority.revocation_list = lambda data=data: data  # type: ignore[misc]
        assert await lists(place, 100 + len(data)).run() == 0
    with pytest.raises(NotFetched, match="too long"):
        fetched(f"{authority.url}/x")
    for url in ("file:///etc/passwd", "ldap://x/", "ftp://x/"):
        with pytest.raises(NotFetched):
            fetched(url)


async def test_a_list_of_today_can_be_given_besides(place: Place, authority: TimeAuthority) -> None:
    assert await lists(place).run() == 1
    assert (await step(place, authority)).not_checked == ""
    authority.revoke(datetime.now(UTC) + timedelta(days=300), ReasonFlags.key_compromise)
    data = authority.revocation_list()
    assert data is not None
    pem = load_der_x509_crl(data).public_bytes(Encoding.PEM)
    roots = [authority.root.read_bytes()]
    for given in (data, pem):
        today = Lists((("today.crl", given),))
        with pytest.raises(NotVerified, match="was revoked on"):
            verify_log(await log_of(place), key_of(place), roots=roots, lists=today)
    with pytest.raises(NotVerified, match=r"today\.crl is no revocation list"):
        verify_log(await log_of(place), key_of(place), roots=roots, lists=Lists((("today.crl", b"none"),)))


@pytest.mark.parametrize(
    ("reason", "later", "is_void"),
    [
        (ReasonFlags.key_compromise, True, True),
        (None, True, True),
        (ReasonFlags.superseded, True, False),
        (ReasonFlags.cessation_of_operation, True, False),
        (ReasonFlags.superseded, False, True),
    ],
)
async def test_a_revoked_certificate_proves_a_time_only_from_before_and_for_a_harmless_reason(
    place: Place, authority: TimeAuthority, reason: ReasonFlags | None, later: bool, is_void: bool
) -> None:
    token_at = datetime.now(UTC)
    authority.revoke(token_at + timedelta(hours=1 if later else -1), reason)
    assert await lists(place).run() == 1
    if is_void:
        with pytest.raises(
            NotVerified, match=r"proves no time: 'CN=Time of the tests', .* was revoked on 20"
        ):
            await step(place, authority)
    else:
        assert (await step(place, authority)).not_checked == ""


async def test_a_list_of_another_time_says_nothing_but_who_was_revoked(
    place: Place, authority: TimeAuthority
) -> None:
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    in_force, authority.list_times = authority.list_times, (long_ago, long_ago + timedelta(days=1))
    assert await lists(place).run() == 0
    # It is there for what it says, and does not count as one of that time: another is asked for.
    assert len(await kept(place)) == 1
    assert (await step(place, authority)).not_checked == NOT_LISTED
    authority.revoke(long_ago, ReasonFlags.key_compromise)
    assert await lists(place, 6).run() == 0
    with pytest.raises(NotVerified, match="revoked"):
        await step(place, authority)
    # It is never forgotten, whatever the next one says; a file that is taken away is another matter.
    authority.revoked, authority.list_times = [], in_force
    assert await lists(place, 12).run() == 1
    with pytest.raises(NotVerified, match="revoked"):
        await step(place, authority)


async def test_a_list_of_somebody_elses_or_a_changed_one_says_nothing(
    place: Place, authority: TimeAuthority, tmp_path: Path
) -> None:
    assert await lists(place).run() == 1
    log = await log_of(place)
    (found,) = await kept(place)
    found.rename(found.with_suffix(".away"))
    # Somebody else's of the same name, who would say what is convenient.
    with time_authority(tmp_path / "other") as other:
        data = other.revocation_list()
        other.revoke(datetime(2026, 1, 1, tzinfo=UTC))
        revoking = other.revocation_list()
    assert data is not None
    assert revoking is not None
    strange = Lists((("one.crl", data), ("other.crl", revoking)))
    roots = [authority.root.read_bytes()]
    told = verify_log(log, key_of(place), roots=roots, lists=strange).steps[-1]
    assert told.not_checked == NOT_LISTED
    found.with_suffix(".away").rename(found)
    found.chmod(0o644)
    for data in (found.read_bytes()[:-1], b""):
        found.write_bytes(data)
        with pytest.raises(NotVerified, match="is not the list that it is named after"):
            verify_log(log, key_of(place), roots=roots)
