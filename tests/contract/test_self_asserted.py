"""Time that an installation signs itself: stamped, marked, and refused wherever it is passed off as more."""

from __future__ import annotations

import shutil
import stat
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ObjectIdentifier, load_pem_x509_certificate

from clients.verifier.log import verify_log
from clients.verifier.receipt import NotVerified
from clients.verifier.self_asserted import MARK, asserted_time
from clients.verifier.stamps import token_time as outside_time
from clients.verifier.tokens import TimeTrust
from custody.embedded_time import TIME_CERTIFICATES, TIME_KEY, EmbeddedAuthority, open_embedded
from custody.extracts import LogExtracts
from custody.key_backup import back_up, restore
from custody.key_files import open_signer
from custody.self_stamping import SelfStamper
from custody.stamping import Stamper
from custody.time_tokens import is_self_asserted
from custody.trusted_time import TimeAuthorities, read_roots
from custos.keeping_sections import ProtectionSettings
from custos.log_keeper import open_sequencer
from custos.sections import CustodySettings
from custos.settings import Settings
from evidence.errors import Unavailable
from evidence.self_asserted import SELF_ASSERTED_POLICY
from tests.catalogues import SQLITE_FIRST_CEPH_TOO
from tests.contract.test_custody_log import NOW, Place, Still
from tests.contract.test_verify_log import key_of, log_of
from tests.contract.test_verify_log_stamped import Later
from tests.time_authority import TimeAuthority, time_authority

catalogues = SQLITE_FIRST_CEPH_TOO

STATEMENT = b"what is stamped"


@pytest.fixture
async def place(place: Place) -> Place:
    """The log has a head."""
    await place.happen(5)
    await place.sequencer().run()
    return place


def embedded(place: Place, minutes: int = 0) -> EmbeddedAuthority:
    return open_embedded(place.base / "keys", Later(minutes))


def stamper(place: Place, minutes: int = 0) -> SelfStamper:
    return SelfStamper(place.catalogue, place.store, embedded(place, minutes), Later(minutes))


def openssl(directory: Path, statement: bytes, token: bytes, root: Path) -> str:
    (directory / "statement").write_bytes(statement)
    (directory / "token").write_bytes(token)
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-data", str(directory / "statement"), "-in", str(directory / "token"),
         "-CAfile", str(root)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_its_tokens_are_read_by_the_tools_that_read_any_authority(tmp_path: Path) -> None:
    own = open_embedded(tmp_path / "keys", Still())
    made = own.assert_time(STATEMENT)
    assert made.at == NOW
    root = tmp_path / "keys" / TIME_CERTIFICATES
    assert "Verification: OK" in openssl(tmp_path, STATEMENT, made.token, root)
    assert "FAILED" in openssl(tmp_path, STATEMENT + b"!", made.token, root)
    (tmp_path / "query").write_bytes(made.request)
    command = ["openssl", "ts", "-verify", "-queryfile", str(tmp_path / "query"), "-in",
               str(tmp_path / "token"), "-CAfile", str(root)]  # fmt: skip
    assert b"OK" in subprocess.run(command, capture_output=True, check=True).stdout
    # `rfc3161-client` through the verifier, with its certificate and without.
    for certificates in (root.read_bytes(), None):
        assert asserted_time(made.token, STATEMENT, certificates, "it") == NOW
        with pytest.raises(NotVerified):
            asserted_time(made.token, STATEMENT + b"!", certificates, "it")
    for at in range(0, len(made.token), 7):
        bent = made.token[:at] + bytes([made.token[at] ^ 1]) + made.token[at + 1 :]
        try:
            assert asserted_time(bent, STATEMENT, root.read_bytes(), "it") == NOW
        except NotVerified:
            continue


def test_the_key_is_made_once_kept_private_and_backed_up(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    open_signer(keys)
    first = open_embedded(keys, Still()).assert_time(STATEMENT).token
    assert stat.S_IMODE((keys / TIME_KEY).stat().st_mode) == 0o600
    assert stat.S_IMODE((keys / TIME_CERTIFICATES).stat().st_mode) == 0o644
    assert b"PRIVATE" not in (keys / TIME_CERTIFICATES).read_bytes()
    again = open_embedded(keys, Still())
    assert asserted_time(first, STATEMENT, again.certificates, "it") == NOW
    kept = back_up(keys, "a passphrase of some length")
    restore(kept, "a passphrase of some length", tmp_path / "back")
    assert (tmp_path / "back" / TIME_KEY).read_bytes() == (keys / TIME_KEY).read_bytes()
    assert stat.S_IMODE((tmp_path / "back" / TIME_KEY).stat().st_mode) == 0o600
    # One that is lost is replaced, and what the lost one signed is still known as this installation's.
    (keys / TIME_KEY).unlink()
    other = open_embedded(keys, Still())
    assert asserted_time(first, STATEMENT, other.certificates, "it") == NOW
    assert asserted_time(other.assert_time(STATEMENT).token, STATEMENT, other.certificates, "it") == NOW
    assert other.certificates.count(b"BEGIN CERTIFICATE") == 2
    for data in (b"", (keys / "signing-key.pem").read_bytes(), kept):
        (keys / TIME_KEY).write_bytes(data)
        with pytest.raises(Unavailable) as error:
            open_embedded(keys, Still())
        assert error.value.code == "bad-time-key"


async def test_checkpoints_are_stamped_once_a_minute_apart_from_all_others(place: Place) -> None:
    first = await stamper(place).run()
    assert first is not None
    assert (first.size, first.authority, first.time_source) == (6, None, "a clock that stands")
    assert await stamper(place, 5).run() is None
    await place.happen(3)
    await place.sequencer().run()
    assert await stamper(place).run() is None
    second = await stamper(place, 5).run()
    assert second is not None
    assert second.at == NOW + timedelta(minutes=5)
    # A clock that was set back since does not keep the log unstamped.
    await place.happen(1)
    await place.sequencer().run()
    assert await stamper(place, -60 * 24).run() is not None
    own = await place.catalogue.read(lambda tx: tx.log.stamps(9, self_asserted=True))
    assert [one.size for one in own] == [10, 9, 6]
    assert await place.catalogue.read(lambda tx: tx.log.stamps(9)) == []
    assert await place.catalogue.read(lambda tx: tx.log.first_stamp_of(0)) is None
    files = sorted(path.name for path in (await log_of(place) / "self-asserted").iterdir())
    assert [name.rpartition(".")[2] for name in files].count("tsq") == 3
    assert not (await log_of(place) / "stamps").exists()


async def test_the_verifier_says_that_such_time_proves_nothing(place: Place) -> None:
    await stamper(place).run()
    log, root = await log_of(place), (place.base / "keys" / TIME_CERTIFICATES).read_bytes()
    for roots in ([], [root]):
        steps = {step.title: step for step in verify_log(log, key_of(place), roots=roots).steps}
        assert steps["stamps"].proved == "nothing, as there are none"
        told = steps["self-asserted time"]
        assert "UTC" not in told.proved
        assert told.not_checked == (
            "the time, 2026-11-28 12:00:00 UTC: self-asserted by this Custos, proves nothing to an outsider"
        )
    below = log / "self-asserted"
    (token,) = below.glob("*.tsr")
    for name in (token.name, "6.checkpoint"):
        data = (below / name).read_bytes()
        (below / name).chmod(0o644)
        for at in range(0, len(data), 5):
            (below / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            with pytest.raises(NotVerified):
                verify_log(log, key_of(place))
        (below / name).write_bytes(data)


async def test_an_own_token_that_is_passed_off_as_a_third_partys_is_found_and_named(
    place: Place, tmp_path: Path
) -> None:
    await stamper(place).run()
    log, root = await log_of(place), (place.base / "keys" / TIME_CERTIFICATES).read_bytes()
    shutil.move(log / "self-asserted", log / "stamps")
    # With its certificate given as a time authority's root, and without any.
    for roots in ([root], []):
        with pytest.raises(NotVerified, match=r"passed off as a time authority's and is self-asserted"):
            verify_log(log, key_of(place), roots=roots)


async def test_a_time_authoritys_stamp_is_shown_rather_than_an_own_one(place: Place, tmp_path: Path) -> None:
    extracts = LogExtracts(place.catalogue, place.signer.note_key, witnessed=False)

    async def shown() -> list[tuple[int, str | None]]:
        head = await extracts.head()
        assert head is not None
        return [(one.stamp.size, one.stamp.authority) for one in await extracts.dated([0, 7], head)]

    await stamper(place).run()
    assert await shown() == [(6, None)]
    await place.happen(3)
    await place.sequencer().run()
    with time_authority(tmp_path / "authority") as authority:
        roots = read_roots({authority.url: str(authority.root)})
        await Stamper(place.catalogue, place.store, TimeAuthorities(roots), Still()).run()
        assert await shown() == [(9, authority.url)]


async def test_an_authoritys_token_is_not_taken_for_an_own_one(place: Place, tmp_path: Path) -> None:
    with time_authority(tmp_path / "authority") as authority:
        roots = read_roots({authority.url: str(authority.root)})
        await Stamper(place.catalogue, place.store, TimeAuthorities(roots), Still()).run()
    log = await log_of(place)
    shutil.move(log / "stamps", log / "self-asserted")
    with pytest.raises(NotVerified, match="not marked as self-asserted"):
        verify_log(log, key_of(place))


def with_the_embedded_key(own: Path, authority: TimeAuthority) -> bytes:
    """The authority's answers are signed with the embedded authority's key from now on, by openssl.

    What it names as its policy is any: only the certificate is marked then.
    """
    pem = (own / TIME_KEY).read_bytes()
    certificate = load_pem_x509_certificate(pem).public_bytes(Encoding.PEM)
    directory = authority.root.parent
    (directory / "signer.key").write_bytes(pem)
    (directory / "signer.pem").write_bytes(certificate)
    return certificate


async def test_it_counts_for_no_quorum_and_permits_no_disposal(place: Place, tmp_path: Path) -> None:
    own = embedded(place)
    with time_authority(tmp_path / "pretended") as pretended, time_authority(tmp_path / "real") as real:
        certificate = with_the_embedded_key(place.base / "keys", pretended)
        pretended.root.write_bytes(certificate)
        roots = read_roots({pretended.url: str(pretended.root), real.url: str(real.root)})
        # It is a token that openssl takes, with that certificate as a root and no mark of its own.
        query = own.assert_time(STATEMENT).request
        token = pretended.answer(query)
        assert "Verification: OK" in openssl(tmp_path, STATEMENT, token, pretended.root)
        assert is_self_asserted(token)
        with pytest.raises(NotVerified, match="self-asserted"):
            outside_time(token, STATEMENT, TimeTrust((certificate,)), "the token")
        # Both answer; one counts.
        asked = TimeAuthorities(roots)
        assert [one.authority for one in await asked.stamp_all(STATEMENT)] == [real.url]
        assert pretended.asked == 2
        with pytest.raises(Unavailable, match=r"1 time authorities gave .* 2 are needed"):
            await Stamper(place.catalogue, place.store, asked, Still(), 2).run()
        # What a disposal asks with: only the pretended one is configured.
        only = TimeAuthorities({pretended.url: roots[pretended.url]})
        with pytest.raises(Unavailable) as error:
            await only.stamp(STATEMENT)
        assert error.value.code == "no-trusted-time"
        # The same for what the embedded authority itself answers.
        pretended.spoil = lambda _: own.assert_time(STATEMENT).token
        with pytest.raises(Unavailable):
            await only.stamp(STATEMENT)


def test_the_mark_is_the_same_on_both_sides(tmp_path: Path) -> None:
    token = open_embedded(tmp_path / "keys", Still()).assert_time(STATEMENT).token
    # In the certificate and in what was signed.
    assert token.count(MARK) == 2
    assert asn1.encode_der(ObjectIdentifier(SELF_ASSERTED_POLICY)) == MARK


@pytest.mark.parametrize(
    ("configured", "wanted", "stamped"), [(False, True, True), (False, False, False), (True, True, False)]
)
async def test_who_stamps_follows_from_the_settings(
    tmp_path: Path, configured: bool, wanted: bool, stamped: bool
) -> None:
    with time_authority(tmp_path / "authority") as authority:
        known = {authority.url: str(authority.root)} if configured else {}
        settings = Settings(
            data=tmp_path / "data",
            protection=ProtectionSettings(immutable=False),
            custody=CustodySettings(time_authorities=known, embedded_time_authority=wanted),
        )
        async with open_sequencer(settings) as kept:
            sequencer, stamping = kept.sequencer, kept.stamper
            await sequencer.run()
            found = await stamping.run()
        assert (found is not None and found.authority is None) == stamped
        assert (settings.keys / TIME_KEY).exists() == stamped
