"""The page's reader of time authorities' tokens, over answers of `openssl ts` and forged ones."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    CertificateBuilder,
    ExtendedKeyUsage,
    KeyUsage,
    Name,
    NameAttribute,
    ObjectIdentifier,
    UnrecognizedExtension,
    load_der_x509_certificate,
    random_serial_number,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.e2e.test_page import NODE
from tests.time_authority import TimeAuthority


@dataclass(frozen=True)
class Issued:
    """A certificate, and the key that it is of."""

    certificate: Certificate
    key: EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


DATA = b"evidence.example.gov.cn/log\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


@dataclass(frozen=True)
class Stamped:
    """An authority, and its answer over DATA."""

    authority: TimeAuthority
    answer: bytes

    @property
    def root(self) -> str:
        return self.authority.root.read_text()


def stamped(place: Path, key: str, digest: str, imprint: str = "sha256", *, between: bool = False) -> Stamped:
    """What an authority with that key answers."""
    authority = TimeAuthority(place / "authority", None, key, digest, between=between)
    (place / "data").write_bytes(DATA)
    command = ["openssl", "ts", "-query", "-data", str(place / "data"), f"-{imprint}", "-cert"]
    query = subprocess.run(command, check=True, capture_output=True).stdout
    return Stamped(authority, authority.answer(query))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Stamped:
    """The usual one: P-256 and SHA-256, below its root."""
    return stamped(tmp_path_factory.mktemp("plain"), "P-256", "sha256")


def case(answer: bytes, *roots: str, data: bytes = DATA) -> dict[str, Any]:
    texts = {"answer": answer, "data": data}
    return {**{name: base64.b64encode(one).decode() for name, one in texts.items()}, "roots": list(roots)}


def judged(cases: Sequence[dict[str, Any]], place: Path) -> list[dict[str, Any]]:
    """What the page's reader says of each."""
    (place / "cases.json").write_text(json.dumps(cases))
    done = subprocess.run(
        ["node", "tokens.mjs", str(place / "cases.json")], capture_output=True, text=True, cwd=NODE
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("key", "digest", "imprint", "between"),
    [
        ("P-384", "sha384", "sha512", False),
        ("P-256", "sha512", "sha384", True),
        ("rsa:2048", "sha256", "sha256", True),
        ("rsa:2048", "sha512", "sha256", False),
    ],
)
def test_what_openssl_signs_holds_and_leads_to_its_root(
    key: str, digest: str, imprint: str, between: bool, plain: Stamped, tmp_path: Path
) -> None:
    one = stamped(tmp_path, key, digest, imprint, between=between)
    below, alone, stranger = judged(
        [case(one.answer, plain.root, one.root), case(one.answer), case(one.answer, plain.root)], tmp_path
    )
    assert (below["authority"], below["root"], below["policy"]) == (
        "Time of the tests", "Root of the tests", "1.2.3.4.1",
    )  # fmt: skip
    at = datetime.fromtimestamp(below["at"] / 1000, UTC)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
    # Of the two roots of one name it is the one whose key signed.
    assert alone["root"] is stranger["root"] is None


def test_what_this_page_cannot_check_it_says(plain: Stamped, tmp_path: Path) -> None:
    (tmp_path / "sm3").mkdir()
    (tmp_path / "sm3" / "data").write_bytes(DATA)
    command = ["openssl", "ts", "-query", "-data", str(tmp_path / "sm3" / "data"), "-sm3", "-cert"]
    query = subprocess.run(command, check=True, capture_output=True).stdout
    # Who signed stands outside of what is signed: by name and number, or by the key's own identifier.
    issuer = load_der_x509_certificate(_der(plain.authority.root)).subject.public_bytes()
    place = plain.answer.rindex(issuer) - 2
    assert plain.answer[place] == 0x30
    named = plain.answer[:place] + b"\x80" + plain.answer[place + 1 :]
    found = judged([case(plain.authority.answer(query), plain.root), case(named, plain.root)], tmp_path)
    assert [one["here"] for one in found] == [
        "imprints by SM3", "signers that are named by their key's identifier",
    ]  # fmt: skip


def test_forged_tokens_are_named(plain: Stamped, tmp_path: Path) -> None:
    answer = plain.answer
    imprint = hashlib.sha256(DATA).digest()
    other = hashlib.sha256(b"other").digest()
    year = datetime.now(UTC).strftime("%Y").encode()
    assert answer.count(imprint) == 1
    place = answer.index(b"\x18\x0f" + year)
    moved = answer[: place + 2] + b"2001" + answer[place + 6 :]
    cases = [
        (case(answer, plain.root, data=DATA + b"x"), "it is over other bytes"),
        (case(answer.replace(imprint, other), plain.root, data=b"other"), "changed after it was signed"),
        (case(moved, plain.root), "changed after it was signed"),
        (case(answer + b"\0", plain.root), "something stands behind a structure"),
        (case(answer[:-1], plain.root), "longer than what it lies in"),
        (case(b"", plain.root), "ends inside a value"),
        (case(b"\x30\x03\x02\x01\x02", plain.root), ""),
        (case(b"\x30\x80" + answer[4:] + b"\0\0", plain.root), "a length is of no form that DER has"),
        (case(b"\x30\x83\0" + answer[2:], plain.root), "a length is longer than it has to be"),
        (case(b"\x30" * 65_537, plain.root), "a token is too long"),
    ]
    for found, (_, told) in zip(judged([one for one, _ in cases], tmp_path), cases, strict=True):
        assert "wrong" in found, (told, found)
        assert told in found["wrong"]


def test_a_token_commits_to_the_certificate_that_signed_it(plain: Stamped, tmp_path: Path) -> None:
    """Another certificate for the same key, with the same name and number, does not take its place."""
    directory = plain.authority.root.parent
    again = tmp_path / "again.pem"
    subprocess.run(
        [
            "openssl", "x509", "-req", "-in", directory / "signer.csr", "-CA", directory / "root.pem",
            "-CAkey", directory / "root.key", "-set_serial", str(_serial(plain)), "-days", "29", "-extfile",
            directory / "openssl.cnf", "-extensions", "signer", "-out", again,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    mine, other = _der(directory / "signer.pem"), _der(again)
    cases = [case(_with_certificate(plain.answer, mine, one), plain.root) for one in (mine, other)]
    right, wrong = judged(cases, tmp_path)
    assert right["root"] == "Root of the tests"
    assert wrong == {"wrong": "a token commits to another certificate than the one that signed it"}


def _der(path: Path) -> bytes:
    found = subprocess.run(
        ["openssl", "x509", "-in", path, "-outform", "DER"], check=True, capture_output=True
    )
    return found.stdout


def _serial(one: Stamped) -> int:
    return load_der_x509_certificate(_der(one.authority.root.with_name("signer.pem"))).serial_number


def _with_certificate(answer: bytes, mine: bytes, other: bytes) -> bytes:
    """The answer with another certificate in it; every length around it put right."""
    at = answer.index(mine)
    data = bytearray(answer[:at] + other + answer[at + len(mine) :])
    # Each structure around it has a length of two bytes: 30 82 or a0 82, and that reaches beyond it.
    for place in range(at - 3):
        if data[place] in (0x30, 0xA0) and data[place + 1] == 0x82:
            length = int.from_bytes(answer[place + 2 : place + 4], "big")
            if place + 4 + length >= at + len(mine):
                data[place + 2 : place + 4] = (length + len(other) - len(mine)).to_bytes(2, "big")
    return bytes(data)


def test_no_byte_that_is_changed_gives_another_time_or_crashes_the_page(
    plain: Stamped, tmp_path: Path
) -> None:
    cases = [case(plain.answer, plain.root)]
    for place in range(len(plain.answer)):
        changed = bytearray(plain.answer)
        changed[place] ^= 1 << (place % 8)
        cases.append(case(bytes(changed), plain.root))
    cases += [case(plain.answer[:length], plain.root) for length in range(0, len(plain.answer), 7)]
    right, *others = judged(cases, tmp_path)
    assert right["root"] == "Root of the tests"
    for number, found in enumerate(others):
        assert "crashed" not in found, (number, found)
        if "at" in found and found["root"] is not None:
            # What no signature covers, the status for one, may be other: what is stated stays the same.
            assert (found["at"], found["policy"]) == (right["at"], right["policy"]), number
    assert sum("wrong" in found for found in others) > 0.95 * len(others)


def _issued(
    name: str,
    above: Issued | None = None,
    *,
    authority: bool | None = True,
    length: int | None = None,
    purposes: Sequence[ObjectIdentifier] = (),
    critical: bool = True,
    days: tuple[int, int] = (-1, 10),
    more: Sequence[UnrecognizedExtension] = (),
    signs: bool = True,
) -> Issued:
    """A certificate as it is asked for, signed by the one above or by itself."""
    key = generate_private_key(SECP256R1())
    subject = Name([NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if above is None else above.certificate.subject)
        .public_key(key.public_key())
        .serial_number(random_serial_number())
        .not_valid_before(NOON + timedelta(days=days[0]))
        .not_valid_after(NOON + timedelta(days=days[1]))
    )
    if authority is not None:
        builder = builder.add_extension(BasicConstraints(authority, length if authority else None), True)
    if not signs:
        builder = builder.add_extension(
            KeyUsage(True, False, False, False, False, False, False, False, False), True
        )
    if purposes:
        builder = builder.add_extension(ExtendedKeyUsage(purposes), critical)
    for one in more:
        builder = builder.add_extension(one, True)
    return Issued(builder.sign(key if above is None else above.key, SHA256()), key)


NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
STAMPING = (ExtendedKeyUsageOID.TIME_STAMPING,)
CODE = ExtendedKeyUsageOID.CODE_SIGNING


def test_certificates_lead_to_a_root_only_as_they_may(tmp_path: Path) -> None:
    root = _issued("root")
    between = _issued("between", root)
    short = _issued("short", length=0)
    below = _issued("below", short)
    leaf = _issued("leaf", root, authority=False)
    silent = _issued("silent", root, authority=None)
    mute = _issued("mute", root, signs=False)
    strange = UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    twin = _issued("root")
    cases: list[tuple[Issued, list[Issued], list[Issued], str | None]] = [
        (_issued("t", root, purposes=STAMPING), [], [root], "root"),
        (_issued("t", between, purposes=STAMPING), [between], [twin, root], "root"),
        (_issued("t", between, purposes=STAMPING), [], [root], None),
        (_issued("t", root, purposes=STAMPING), [], [twin], None),
        (_issued("t", root), [], [root], "is not for time stamping alone"),
        (_issued("t", root, purposes=(*STAMPING, CODE)), [], [root], "is not for time stamping alone"),
        (_issued("t", root, purposes=STAMPING, critical=False), [], [root], "is not for time stamping alone"),
        (_issued("t", root, purposes=STAMPING, days=(-9, -1)), [], [root], "was not in force at that time"),
        (_issued("t", root, purposes=STAMPING, days=(1, 9)), [], [root], "was not in force at that time"),
        (_issued("t", root, purposes=STAMPING, more=[strange]), [], [root], "critical extension"),
        (_issued("t", leaf, purposes=STAMPING), [leaf], [root], "leaf is no authority that may issue"),
        (_issued("t", silent, purposes=STAMPING), [silent], [root], "silent is no authority that may issue"),
        (_issued("t", mute, purposes=STAMPING), [mute], [root], "mute may not sign certificates"),
        (_issued("t", below, purposes=STAMPING), [below], [short], "short may not issue so long a chain"),
    ]  # fmt: skip
    told = judged(
        [
            {
                "signer": one.pem,
                "held": [each.pem for each in held],
                "roots": [each.pem for each in roots],
                "at": int(NOON.timestamp() * 1000),
            }
            for one, held, roots, _ in cases
        ],
        tmp_path,
    )
    for found, (_, _, _, wanted) in zip(told, cases, strict=True):
        if wanted in (None, "root"):
            assert found == {"root": wanted}
        else:
            assert wanted in found.get("wrong", ""), (wanted, found)
