"""Answers of OCSP responders beside the tokens: asked for from a real one, kept, and read offline."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA224
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ObjectIdentifier, OCSPNonce, ReasonFlags, UnrecognizedExtension
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseBuilder, OCSPResponseStatus

from clients.verifier.heads import Step
from clients.verifier.log import verify_log
from clients.verifier.receipt import NotVerified
from clients.verifier.revocation import Lists, Standing, standing
from tests.answers import Forger
from tests.catalogues import SQLITE_FIRST_CEPH_TOO
from tests.contract.test_custody_log import Place
from tests.contract.test_revocation import NOT_LISTED, lists, stamped
from tests.contract.test_verify_log import key_of, log_of
from tests.time_authority import TimeAuthority, time_authority

catalogues = SQLITE_FIRST_CEPH_TOO

HOUR = timedelta(hours=1)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[TimeAuthority]:
    with time_authority(tmp_path / "authority", answers=True) as running:
        yield running


@pytest.fixture
async def place(place: Place, authority: TimeAuthority) -> Place:
    """A log whose first head is stamped; its authority's responder is not asked yet."""
    await place.happen(5)
    await place.sequencer().run()
    await stamped(place, authority)
    return place


async def kept(place: Place) -> list[Path]:
    return sorted((await log_of(place) / "stamps").glob("*.ocsp"))


async def step(place: Place, authority: TimeAuthority, *answers: bytes) -> Step:
    given = Lists(answers=tuple((f"{number}.ocsp", one) for number, one in enumerate(answers)))
    roots = [authority.root.read_bytes()]
    return verify_log(await log_of(place), key_of(place), roots=roots, lists=given).steps[-1]


async def test_an_answer_is_kept_beside_the_tokens_as_it_was(place: Place, authority: TimeAuthority) -> None:
    assert (await step(place, authority)).not_checked == NOT_LISTED
    for by in ("responder", "root"):
        authority.answers_by = by
        assert await lists(place, 0 if by == "responder" else 200).run() == 1
        for path in await kept(place):
            _openssl_agrees(authority, path)
        assert (await step(place, authority)).not_checked == ""
        # Nothing needs another one; a younger token does, once an hour has passed.
        assert await lists(place, 90).run() == 0
        await place.happen(1)
        await place.sequencer().run()
        await stamped(place, authority, 100 if by == "responder" else 300)
    assert len(await kept(place)) == authority.answered == 2
    log, found = await log_of(place), (await kept(place))[0]
    found.chmod(0o644)
    found.write_bytes(found.read_bytes()[:-1])
    with pytest.raises(NotVerified, match="is not the answer that it is named after"):
        verify_log(log, key_of(place))


def _openssl_agrees(authority: TimeAuthority, path: Path) -> None:
    signer = authority.root.with_name("signer.pem")
    issuer = ["-issuer", authority.root, "-CAfile", authority.root]
    command = ["openssl", "ocsp", "-respin", path, *issuer, "-cert", signer]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Response verify OK" in done.stderr
    assert f"{signer}: good" in done.stdout


async def test_what_may_not_be_kept_is_asked_for_again(
    place: Place, authority: TimeAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    forger = Forger(authority)
    ahead = datetime.now(UTC) + timedelta(days=2)
    refused = {
        "HTTP Error 404": None,
        "no answer of a responder": b"none",
        "refused: try_later": OCSPResponseBuilder.build_unsuccessful(
            OCSPResponseStatus.TRY_LATER
        ).public_bytes(Encoding.DER),
        "a stranger has signed": forger.answer(by=forger.stranger()),
        "that is not for that": forger.answer(by=forger.delegate(purposes=())),
        "that was not in force then": forger.answer(by=forger.delegate(days=(-9, -1))),
        "neither its issuer": forger.answer(by=forger.delegate(), held=[]),
        "signed with sha224": forger.answer(signed_by=SHA224()),
        "answered for another certificate": forger.answer(about="responder"),
        "for several certificates": forger.about_two(),
        "does not know the certificate": forger.answer(OCSPCertStatus.UNKNOWN),
        "of another time": forger.answer(made=ahead - 9 * 24 * HOUR, until=ahead - 8 * 24 * HOUR),
    }
    for number, (told, data) in enumerate(refused.items()):
        caplog.clear()
        authority.status = lambda _, data=data: data  # type: ignore[method-assign,misc]
        assert await lists(place, 10 * number).run() == 0
        assert told in caplog.text
    assert await kept(place) == []
    assert await lists(place, 2 * 24 * 60).run() == 0
    (alarm,) = await place.catalogue.read(lambda tx: tx.oversight.alarms())
    assert alarm.kind == "revocation-not-kept"
    del authority.status
    # Soon after it was asked it is left alone, and then gives what is kept.
    assert await lists(place, 2 * 24 * 60 + 2).run() == 0
    assert await lists(place, 2).run() == 1
    assert (await step(place, authority)).not_checked == ""


async def test_answers_that_say_nothing_are_named(place: Place, authority: TimeAuthority) -> None:
    forger = Forger(authority)
    now = datetime.now(UTC)
    odd = UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    twin = forger.twin_of_the_root()
    delegate = forger.delegate()
    named = {
        "names another responder": forger.answer(by=delegate, called=forger.namesake(delegate)),
        "signed by a stranger": forger.answer(by=forger.stranger()),
        "neither the issuer has signed it": forger.answer(by=forger.delegate(), held=[]),
        "not for signing answers": forger.answer(by=forger.delegate(purposes=())),
        "that was not in force then": forger.answer(by=forger.delegate(days=(-9, -1))),
        "stranger, whom": forger.answer(by=forger.delegate(above=twin)),
        "it is about another certificate": forger.answer(issuer=twin.certificate),
        "here are about other certificates": forger.answer(about="responder"),
        "several certificates at once": forger.about_two(),
        "did not know the certificate": forger.answer(OCSPCertStatus.UNKNOWN),
        "it is of another time": forger.answer(made=now - 3 * HOUR, until=now - 2 * HOUR),
        "signed in a way that is not read here": forger.answer(signed_by=SHA224()),
        "a critical extension": forger.answer(more=[(odd, True)]),
    }  # fmt: skip
    for words, data in named.items():
        told = (await step(place, authority, data)).not_checked
        assert told.startswith(NOT_LISTED)
        assert words in told
    some = (await step(place, authority, *list(named.values())[:5])).not_checked
    assert all(words in some for words in list(named)[:5])
    assert (await step(place, authority, *named.values())).not_checked.endswith(", …)")
    for data in (b"", b"none", forger.answer()[:-1], _refusal()):
        with pytest.raises(NotVerified, match=r"0\.ocsp is no answer"):
            await step(place, authority, data)
    # Beside those one that speaks is enough.
    assert (await step(place, authority, *named.values(), forger.answer())).not_checked == ""


def _refusal() -> bytes:
    made = OCSPResponseBuilder.build_unsuccessful(OCSPResponseStatus.TRY_LATER)
    return made.public_bytes(Encoding.DER)


def test_what_an_answer_says_depends_on_its_time_and_on_the_reason(authority: TimeAuthority) -> None:
    forger = Forger(authority)
    at = datetime.now(UTC).replace(microsecond=0)
    good, revoked = OCSPCertStatus.GOOD, OCSPCertStatus.REVOKED

    def said(data: bytes, when: datetime = at) -> Standing:
        return standing([forger.chain], Lists(answers=(("x.ocsp", data),)), when, "the token")

    speaking: list[dict[str, Any]] = [
        {},
        {"by": forger.root},
        {"named_by": "key"},
        {"digest": "sha256"},
        {"more": [(OCSPNonce(b"12345678"), True)]},
        {"made": at - HOUR, "until": at + HOUR},
        {"made": at - HOUR, "until": at},
        {"made": at, "until": None},
    ]
    for one in speaking:
        assert said(forger.answer(good, **one)) == Standing(is_unrevoked=True), one
    # What is read once is asked of one time and another, and of one certificate and another.
    both = Lists(
        answers=(
            ("old.ocsp", forger.answer(made=at - 9 * HOUR, until=at - 7 * HOUR)),
            ("new.ocsp", forger.answer(made=at - 3 * HOUR, until=at - HOUR)),
        )
    )
    for when, speaks in ((at - 8 * HOUR, True), (at - 2 * HOUR, True), (at, False), (at - 8 * HOUR, True)):
        assert standing([forger.chain], both, when, "the token").is_unrevoked is speaks
    above = (forger.chain[1], forger.twin_of_the_root().certificate)
    assert not standing([forger.chain, above], both, at - 8 * HOUR, "the token").is_unrevoked
    # Known an hour before, and not said until when; made in the time to come, which is when it was signed.
    for one in ({"made": at - HOUR, "until": None}, {"made": at + 3 * HOUR, "until": None}):
        when = at if one["made"] < at else at + 2 * HOUR
        assert said(forger.answer(good, **one), when).of_no_use == ("x.ocsp: it is of another time",)
    # Once a certificate has ended nobody has to remember that it was revoked before.
    ended = forger.ended()
    late = standing([ended.chain], Lists(answers=(("x.ocsp", ended.answer(good)),)), at - 48 * HOUR, "it")
    assert late == Standing(False, ("x.ocsp: it is of another time",))
    cases: list[tuple[ReasonFlags | None, timedelta, bool]] = [
        (ReasonFlags.key_compromise, HOUR, True),
        (None, HOUR, True),
        (ReasonFlags.certificate_hold, HOUR, True),
        (ReasonFlags.superseded, HOUR, False),
        (ReasonFlags.unspecified, HOUR, False),
        (ReasonFlags.cessation_of_operation, HOUR, False),
        (ReasonFlags.affiliation_changed, HOUR, False),
        (ReasonFlags.superseded, -HOUR, True),
        (ReasonFlags.superseded, timedelta(0), True),
    ]
    for reason, later, is_void in cases:
        data = forger.answer(revoked, at=at + later, reason=reason)
        if is_void:
            with pytest.raises(NotVerified, match=r"'CN=Time of the tests', .* was revoked on 20"):
                said(data)
        else:
            assert said(data) == Standing(is_unrevoked=True)
    # One of another time that names it voids it all the same; a stranger's does not.
    stale = {"made": at - 3 * HOUR, "until": at - 2 * HOUR, "at": at - 4 * HOUR}
    with pytest.raises(NotVerified, match="no reason given"):
        said(forger.answer(revoked, **stale))
    assert not said(forger.answer(revoked, by=forger.stranger(), **stale)).is_unrevoked


def test_no_byte_that_is_changed_makes_a_revoked_certificate_good(authority: TimeAuthority) -> None:
    forger = Forger(authority)
    at = datetime.now(UTC)
    data = forger.answer(OCSPCertStatus.REVOKED, at=at - HOUR)
    outcomes = set()
    for number in range(len(data)):
        changed = data[:number] + bytes([data[number] ^ 1 << number % 8]) + data[number + 1 :]
        try:
            found = standing([forger.chain], Lists(answers=(("x.ocsp", changed),)), at, "the token")
        except NotVerified as error:
            outcomes.add(str(error).split(",")[0])
        else:
            assert not found.is_unrevoked, number
            outcomes |= set(found.of_no_use)
    assert len(outcomes) > 5


async def test_a_responder_that_says_revoked_is_kept_and_decides(
    place: Place, authority: TimeAuthority
) -> None:
    authority.revoke(datetime.now(UTC) + HOUR, ReasonFlags.key_compromise)
    assert await lists(place).run() == 1
    with pytest.raises(NotVerified, match=r"was revoked on .*\(keyCompromise\)"):
        await step(place, authority)
