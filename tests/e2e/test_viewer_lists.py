"""What an export's page makes of revocation lists and responders' answers, and the verifier of the same."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA1, SHA224, SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import (
    Certificate,
    CertificateRevocationListBuilder,
    CRLReason,
    DeltaCRLIndicator,
    IssuingDistributionPoint,
    ObjectIdentifier,
    OCSPNonce,
    ReasonFlags,
    RevokedCertificateBuilder,
    UnrecognizedExtension,
    load_der_x509_crl,
    load_pem_x509_certificate,
)
from cryptography.x509.ocsp import (
    OCSPCertStatus,
    OCSPRequestBuilder,
    OCSPResponseBuilder,
    OCSPResponseStatus,
)

from clients.verifier.receipt import NotVerified
from clients.verifier.revocation import Lists, standing
from clients.verifier.tokens import TimeTrust, verified_token
from tests.answers import Forger
from tests.e2e.test_viewer_tokens import DATA, Stamped, case, judged, stamped
from tests.time_authority import TimeAuthority

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
NOT_LISTED = "no revocation list or OCSP answer of that time is here"


@pytest.fixture(scope="module")
def chained(tmp_path_factory: pytest.TempPathFactory) -> Stamped:
    """A token whose signer is two certificates below its root."""
    found = stamped(tmp_path_factory.mktemp("chained"), "P-256", "sha256", between=True)
    signer, between = (
        load_pem_x509_certificate(found.authority.root.with_name(f"{name}.pem").read_bytes()).public_bytes(
            Encoding.DER
        )
        for name in ("signer", "between")
    )
    # DER has sets in order, which openssl does not put its certificates in; no signature is over that.
    first, second = sorted((signer, between))
    answer = found.answer.replace(signer + between, first + second)
    assert first + second in answer
    return replace(found, answer=answer)


def _list(
    one: Stamped,
    of: str | Certificate = "signer",
    at: datetime | None = None,
    reason: ReasonFlags | None = None,
    *,
    above: str | None = None,
    times: tuple[datetime, datetime] = (NOW - HOUR, NOW + HOUR),
    more: Sequence[Any] = (),
    critical: bool = True,
    key: EllipticCurvePrivateKey | None = None,
    digest: HashAlgorithm | None = None,
) -> bytes:
    """A list, in DER, by whoever issued `of`, which stands in it from `at` on."""
    directory = one.authority.root.parent
    above = above or ("between" if of == "signer" else "root")
    issuer = load_pem_x509_certificate((directory / f"{above}.pem").read_bytes())
    listed = of
    if isinstance(listed, str):
        listed = load_pem_x509_certificate((directory / f"{listed}.pem").read_bytes())
    own = load_pem_private_key((directory / f"{above}.key").read_bytes(), None)
    assert isinstance(own, EllipticCurvePrivateKey)
    builder = CertificateRevocationListBuilder().issuer_name(issuer.subject)
    builder = builder.last_update(times[0]).next_update(times[1])
    if at is not None:
        entry = RevokedCertificateBuilder().serial_number(listed.serial_number).revocation_date(at)
        if reason is not None:
            entry = entry.add_extension(CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    for extension in more:
        builder = builder.add_extension(extension, critical)
    return builder.sign(key or own, digest or SHA256()).public_bytes(Encoding.DER)


def _of_two_algorithms(one: Stamped) -> bytes:
    """A list that names SHA-256 and is signed by its issuer with SHA-384."""
    plain = load_der_x509_crl(_list(one))
    key = load_pem_private_key(one.authority.root.with_name("between.key").read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    signature = key.sign(plain.tbs_certlist_bytes, ECDSA(SHA384()))
    algorithm = bytes.fromhex("300a06082a8648ce3d040303")
    inside = plain.tbs_certlist_bytes + algorithm + bytes([3, len(signature) + 1, 0]) + signature
    assert 127 < len(inside) < 256
    return b"\x30\x81" + bytes([len(inside)]) + inside


def _narrow(**only: bool) -> IssuingDistributionPoint:
    names = ("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl")
    flags = {"only_contains_attribute_certs": False, **dict.fromkeys(names, False), **only}
    return IssuingDistributionPoint(full_name=None, relative_name=None, only_some_reasons=None, **flags)


@dataclass(frozen=True)
class Given:
    """What is kept beside a token, by its names."""

    lists: Sequence[tuple[str, bytes]] = ()
    answers: Sequence[tuple[str, bytes]] = ()

    def to_page(self, one: Stamped) -> dict[str, Any]:
        """For the page's reader."""

        def encoded(those: Sequence[tuple[str, bytes]]) -> list[list[str]]:
            return [[name, base64.b64encode(data).decode()] for name, data in those]

        more = {"lists": encoded(self.lists), "answers": encoded(self.answers)}
        return case(one.answer, one.root) | more

    def to_verifier(self, one: Stamped) -> dict[str, Any]:
        """What the verifier says, in the words of the page's reader."""
        given = Lists(tuple(self.lists), tuple(self.answers))
        trust = TimeTrust((one.authority.root.read_bytes(),), lists=given)
        try:
            found = verified_token(one.answer, DATA, trust, "the token").standing
        except NotVerified as error:
            return {"wrong": str(error)}
        return {"unrevoked": found.is_unrevoked, "ofNoUse": list(found.of_no_use), "unread": []}


def _compare(one: Stamped, cases: Sequence[tuple[Given, bool | str]], place: Path) -> None:
    """Both say the same of each: what is wanted, or what is wrong in these words."""
    asked = [given.to_page(one) for given, _ in cases]
    for found, (given, wanted) in zip(judged(asked, place), cases, strict=True):
        told = given.to_verifier(one)
        if isinstance(wanted, bool):
            assert found == told
            assert found["unrevoked"] is wanted, (found, given)
        else:
            for said in (found, told):
                assert not said.get("unrevoked")
                assert wanted in said.get("wrong", "") + "".join(said.get("ofNoUse", "")), (said, wanted)


def test_the_page_and_the_verifier_judge_revocation_alike(chained: Stamped, tmp_path: Path) -> None:
    def of(*more: Any, **others: Any) -> bytes:
        return _list(chained, *more, **others)

    above = of("between")
    compromise, superseded = ReasonFlags.key_compromise, ReasonFlags.superseded
    odd = UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    ended = (NOW - 3 * HOUR, NOW - 2 * HOUR)
    cases: list[tuple[list[bytes], bool | str]] = [
        ([], False),
        ([above], False),
        ([of()], False),
        ([of(), above], True),
        ([of(at=NOW - HOUR, reason=compromise), above], "was revoked on"),
        ([of(at=NOW + HOUR, reason=compromise), above], "was revoked on"),
        ([of(at=NOW + HOUR), above], "(no reason given)"),
        ([of(at=NOW + HOUR, reason=superseded), above], True),
        ([of(at=NOW + HOUR, reason=ReasonFlags.cessation_of_operation), above], True),
        ([of(at=NOW + HOUR, reason=ReasonFlags.affiliation_changed), above], True),
        ([of(at=NOW - HOUR, reason=superseded), above], "(superseded)"),
        # One in the middle, and one of whose own there is no list.
        ([of(), of("between", NOW + HOUR, ReasonFlags.ca_compromise)], "(cACompromise)"),
        ([of("between", NOW + HOUR)], "Between the two"),
        # Of another time; a younger one is of use, and an old one that names somebody still is.
        ([of(times=ended), above], False),
        ([of(times=(NOW + HOUR, NOW + 2 * HOUR)), above], True),
        # Once the certificate has ended nobody has to remember that it was revoked.
        ([of(times=(NOW + 31 * 24 * HOUR, NOW + 32 * 24 * HOUR)), above], False),
        ([of(times=ended, at=NOW - 2 * HOUR, reason=compromise), above], "was revoked on"),
        # Of somebody else with the same name.
        ([of(key=generate_private_key(SECP256R1())), above], False),
        ([of(at=NOW - HOUR, key=generate_private_key(SECP256R1())), of(), above], True),
        # Of some certificates alone, or read with another list.
        ([of(more=[_narrow(only_contains_ca_certs=True)]), above], False),
        ([of(more=[_narrow(only_contains_user_certs=True)]), above], False),
        ([of(more=[_narrow(indirect_crl=True)]), above], False),
        ([of(more=[DeltaCRLIndicator(1)]), above], False),
        ([of(more=[odd]), above], False),
        ([of(more=[odd], critical=False), above], True),
        ([load_der_x509_crl(of()).public_bytes(Encoding.PEM), above], True),
        ([_of_two_algorithms(chained), above], "is no revocation list"),
        ([above, b""], "is no revocation list"),
        ([above, b"-----BEGIN X509 CRL-----\n"], "is no revocation list"),
        ([above, of()[:-1]], "is no revocation list"),
        ([above, chained.answer], "is no revocation list"),
    ]  # fmt: skip
    named = [
        (Given([(f"{place}.crl", one) for place, one in enumerate(lists)]), wanted) for lists, wanted in cases
    ]
    _compare(chained, named, tmp_path)


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Stamped:
    """A token whose signer's certificate names a responder."""
    place = tmp_path_factory.mktemp("answering")
    authority = TimeAuthority(place / "authority", answers="http://127.0.0.1/ocsp")
    (place / "data").write_bytes(DATA)
    command = ["openssl", "ts", "-query", "-data", str(place / "data"), "-sha256", "-cert"]
    query = subprocess.run(command, check=True, capture_output=True).stdout
    return Stamped(authority, authority.answer(query))


def test_the_page_and_the_verifier_judge_answers_alike(answering: Stamped, tmp_path: Path) -> None:
    forger = Forger(answering.authority)
    revoked = OCSPCertStatus.REVOKED
    twin, delegate = forger.twin_of_the_root(), forger.delegate()
    odd = UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    today = datetime.now(UTC).replace(microsecond=0)
    in_force = {"made": today - HOUR, "until": today + HOUR}
    stale = {"made": today - 3 * HOUR, "until": today - 2 * HOUR}
    question = OCSPRequestBuilder().add_certificate(*forger.chain, SHA1()).build()
    by_openssl = answering.authority.status(question.public_bytes(Encoding.DER))
    assert by_openssl is not None
    refusal = OCSPResponseBuilder.build_unsuccessful(OCSPResponseStatus.TRY_LATER)
    cases: list[tuple[bytes, bool | str]] = [
        (by_openssl, True),
        (forger.answer(**in_force), True),
        (forger.answer(by=forger.root, **in_force), True),
        (forger.answer(named_by="key", **in_force), True),
        (forger.answer(digest="sha256", **in_force), True),
        (forger.answer(more=[(OCSPNonce(b"12345678"), True)], **in_force), True),
        (forger.answer(made=today - HOUR), "it is of another time"),
        (forger.answer(**stale), "it is of another time"),
        (forger.answer(by=forger.stranger(), **in_force), "signed by a stranger"),
        (forger.answer(by=forger.delegate(above=twin), **in_force), "signed by a stranger"),
        (forger.answer(by=forger.delegate(purposes=()), **in_force), "not for signing answers"),
        (forger.answer(by=forger.delegate(days=(-9, -1)), **in_force), "not in force then"),
        (forger.answer(by=forger.delegate(), held=[], **in_force), "neither the issuer has signed it"),
        (forger.answer(issuer=twin.certificate, **in_force), "it is about another certificate"),
        (forger.answer(about="responder", **in_force), "here are about other certificates"),
        (forger.about_two(), "several certificates at once"),
        (
            forger.answer(by=delegate, called=forger.namesake(delegate), **in_force),
            "names another responder",
        ),
        (forger.answer(OCSPCertStatus.UNKNOWN, **in_force), "did not know the certificate"),
        (forger.answer(more=[(odd, True)], **in_force), "a critical extension"),
        (forger.answer(more=[(odd, False)], **in_force), True),
        (forger.answer(revoked, at=today + HOUR, reason=ReasonFlags.key_compromise), "(keyCompromise)"),
        (forger.answer(revoked, at=today + HOUR, **in_force), "(no reason given)"),
        (forger.answer(revoked, at=today + HOUR, reason=ReasonFlags.superseded, **in_force), True),
        (forger.answer(revoked, at=today - HOUR, reason=ReasonFlags.superseded), "(superseded)"),
        (forger.answer(revoked, at=today - 4 * HOUR, **stale), "(no reason given)"),
        (forger.answer(revoked, by=forger.stranger(), at=today - HOUR), "signed by a stranger"),
        (b"", "is no answer"),
        (b"none", "is no answer"),
        (forger.answer()[:-1], "is no answer"),
        (refusal.public_bytes(Encoding.DER), "is no answer"),
    ]
    named = [(Given(answers=[("one.ocsp", data)]), wanted) for data, wanted in cases]
    # Beside each other: what speaks and what does not, and a list beside an answer.
    good, bad = forger.answer(**in_force), forger.answer(by=forger.stranger())
    named.append((Given(answers=[("bad.ocsp", bad), ("good.ocsp", good)]), True))
    named.append(
        (Given(answers=[("bad.ocsp", bad)], lists=[("one.crl", _list(answering, above="root"))]), True)
    )
    void = _list(answering, above="root", at=NOW - HOUR)
    named.append((Given(answers=[("good.ocsp", good)], lists=[("one.crl", void)]), "was revoked on"))
    _compare(answering, named, tmp_path)


def test_who_was_revoked_does_not_speak_for_the_issuer_any_more(answering: Stamped, tmp_path: Path) -> None:
    forger = Forger(answering.authority)
    delegate, other = forger.delegate(), forger.delegate()
    today = datetime.now(UTC).replace(microsecond=0)
    good = forger.answer(by=delegate, made=today - HOUR, until=today + HOUR)
    stolen = forger.answer(
        OCSPCertStatus.REVOKED, by=delegate, at=today - HOUR, reason=ReasonFlags.key_compromise
    )
    # Lists that had ended by then say nothing of the authority's own certificate.
    ended = {"above": "root", "times": (today - 3 * HOUR, today - 2 * HOUR)}
    later, then = today + HOUR, datetime.now(UTC) - HOUR
    cases: list[tuple[bytes, bytes, bool | str]] = [
        (good, _list(answering, delegate.certificate, **ended), True),
        (good, _list(answering, other.certificate, then, **ended), True),
        (good, _list(answering, delegate.certificate, then, **ended), "(no reason given)"),
        (
            good,
            _list(answering, delegate.certificate, later, **ended),
            "by a certificate that was revoked on",
        ),
        (good, _list(answering, delegate.certificate, then, ReasonFlags.superseded, **ended), "(superseded)"),
        (good, _list(answering, delegate.certificate, later, ReasonFlags.superseded, **ended), True),
        (good, _list(answering, delegate.certificate, then, **ended, key=other.key), True),
        # Nor is it believed where it says the worst.
        (stolen, _list(answering, delegate.certificate, then, **ended), "(no reason given)"),
    ]
    named = [(Given([("one.crl", held)], [("one.ocsp", data)]), wanted) for data, held, wanted in cases]
    _compare(answering, named, tmp_path)


def test_what_the_page_cannot_check_of_them_it_says(answering: Stamped, tmp_path: Path) -> None:
    forger = Forger(answering.authority)
    odd = _list(answering, above="root", digest=SHA224())
    answer = forger.answer(signed_by=SHA224())
    kind = ["signatures of the kind 1.2.840.10045.4.3.1"]
    cases = [Given([("one.crl", odd)]), Given(answers=[("one.ocsp", answer)])]
    cases.append(Given([("one.crl", odd)], [("one.ocsp", forger.answer())]))
    for found, one in zip(judged([each.to_page(answering) for each in cases], tmp_path), cases, strict=True):
        assert found == {"unrevoked": len(one.lists) + len(one.answers) > 1, "ofNoUse": [], "unread": kind}
    # What the verifier can check of these it does.
    assert [each.to_verifier(answering)["unrevoked"] for each in cases] == [True, False, True]


def test_an_answer_knows_no_more_than_when_it_was_signed(answering: Stamped, tmp_path: Path) -> None:
    forger = Forger(answering.authority)
    data = forger.answer(made=datetime.now(UTC) + 9 * HOUR)
    given = Given(answers=[("one.ocsp", data)])
    for ahead, speaks in ((-HOUR, True), (5 * HOUR, False)):
        at = datetime.now(UTC) + ahead
        asked = given.to_page(answering) | {"at": int(at.timestamp() * 1000)}
        (found,) = judged([asked], tmp_path)
        told = standing([forger.chain], Lists(answers=tuple(given.answers)), at, "the token")
        assert found["unrevoked"] is told.is_unrevoked is speaks
        assert found["ofNoUse"] == list(told.of_no_use)


def test_no_byte_that_is_changed_in_an_answer_acquits(answering: Stamped, tmp_path: Path) -> None:
    data = Forger(answering.authority).answer(OCSPCertStatus.REVOKED, at=NOW - HOUR)
    cases = []
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]
        cases.append(Given(answers=[("one.ocsp", changed)]).to_page(answering))
    for place, found in enumerate(judged(cases, tmp_path)):
        assert "wrong" in found or found["unrevoked"] is False, (place, found)


def test_no_byte_that_is_changed_in_a_list_takes_a_name_from_it(chained: Stamped, tmp_path: Path) -> None:
    """Either it is none any more, or its issuer has not signed it."""
    data = _list(chained, at=NOW - HOUR, reason=ReasonFlags.key_compromise)
    above = _list(chained, "between")
    cases = []
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]
        given = Given([("one.crl", changed), ("above.crl", above)])
        cases.append(given.to_page(chained))
    for place, found in enumerate(judged(cases, tmp_path)):
        assert "wrong" in found or found["unrevoked"] is False, (place, found)
