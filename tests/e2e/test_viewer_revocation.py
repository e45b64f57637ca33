"""What an export's page says of revoked certificates and of receipts, and the verifier of the same."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509 import (
    ReasonFlags,
)
from cryptography.x509.ocsp import (
    OCSPCertStatus,
)

from clients.verifier.export import verify_export
from clients.verifier.heads import pinned
from clients.verifier.receipt import NotVerified, verify_statement
from clients.verifier.revocation import Lists
from custody.signing import FileSigner
from tests.answers import Forger
from tests.e2e.export_desk import Desk, kinds
from tests.e2e.test_export_viewer import look, page
from tests.e2e.test_viewer_tokens import judged
from tests.serving.forging import bent, rebag
from tests.serving.resigning import private

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
NOT_LISTED = "no revocation list or OCSP answer of that time is here"


def _in_place_of_lists(place: Path, data: bytes | None, kind: str) -> None:
    """That in the place of the list that is there, nothing at all for None."""
    (path,) = place.glob("custody/stamps/*.crl")
    path.unlink()
    if data is not None:
        path.with_suffix(f".{kind}").write_bytes(data)
    rebag(place)


def _statement(jws: str) -> dict[str, Any]:
    payload = jws.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def _signed(statement: dict[str, Any], key: Ed25519PrivateKey) -> str:
    text = json.dumps(statement, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return FileSigner(key).sign_statement(text.encode())


def _resealed(desk: Desk, place: Path, lists: Sequence[tuple[str, bytes | None]]) -> dict[str, Any]:
    """The seal that whoever has the log's key and asks the authority makes of what lies there now."""
    digest = hashlib.sha256((place / "tagmanifest-sha256.txt").read_bytes()).hexdigest()
    statement = _signed(
        _statement(desk.export.seal["statement"]) | {"tagmanifest_sha256": digest}, desk.signing
    )
    (desk.place / "statement").write_text(statement)
    command = ["openssl", "ts", "-query", "-data", desk.place / "statement", "-sha256", "-cert"]
    query = subprocess.run(command, check=True, capture_output=True).stdout
    return desk.export.seal | {
        "statement": statement,
        "token": base64.b64encode(desk.authority.answer(query)).decode(),
        "leaf": None,
        "proof": None,
        "revocation": [{"kind": kind, "data": base64.b64encode(one or b"").decode()} for kind, one in lists],
    }


def _said(desk: Desk, place: Path, seal: dict[str, Any], lists: Lists) -> tuple[str | None, list[str]]:
    """What the verifier refuses of it, and what it could not check of times."""
    root = desk.authority.root.read_bytes()
    try:
        steps = {one.title: one for one in verify_export(place, pinned(desk.key), seal, [root], lists=lists)}
    except NotVerified as error:
        return str(error), []
    return None, [steps[title].not_checked for title in ("stamps", "seal")]


def test_the_page_and_the_verifier_say_the_same_of_an_exports_lists(desk: Desk) -> None:
    authority = desk.authority
    (kept,) = desk.export.directory.glob("custody/stamps/*.crl")
    authority.revoke(NOW - HOUR, ReasonFlags.superseded)
    void = authority.revocation_list()
    authority.revoked = []
    whole = kept.read_bytes()
    forger = Forger(authority)
    answer = forger.answer(made=NOW - HOUR, until=NOW + 9 * HOUR)
    stolen = forger.answer(OCSPCertStatus.REVOKED, at=NOW + HOUR, reason=ReasonFlags.key_compromise)
    today = {"today.crl": whole, "today.ocsp": stolen}
    for name, data in today.items():
        (desk.place / name).write_bytes(data)
    # Of each: what lies in the archive, what in the seal, whether today's are given besides, what is refused,
    # and how many times stay unchecked.
    variants: list[tuple[tuple[str, bytes | None], list[tuple[str, bytes | None]], bool, str | None, int]] = [
        (("ocsp", answer), [], False, None, 0),
        (("", None), [("ocsp", answer), ("other", b"")], False, None, 0),
        (("", None), [], False, None, 2),
        (("crl", whole), [("crl", void)], False, "(superseded)", 0),
        (("", None), [], True, "(keyCompromise)", 0),
    ]
    visits, said = [], []
    for number, ((kind, archived), sealed, besides, _, _) in enumerate(variants):
        place = desk.copy(f"lists{number}")
        _in_place_of_lists(place, archived, kind)
        seal = _resealed(desk, place, sealed)
        path = desk.place / f"lists{number}.json"
        path.write_text(json.dumps(seal))
        given = Lists((("today.crl", whole),), (("today.ocsp", stolen),)) if besides else Lists()
        said.append(_said(desk, place, seal, given))
        more = {"lists": [str(desk.place / name) for name in today]} if besides else {}
        common = {"key": desk.key, "root": str(authority.root), "folder": str(place), "seal": str(path)}
        visits.append(page(place, **common, **more))
    for found, (refused, open_), (*_, wanted, unchecked) in zip(look(visits), said, variants, strict=True):
        bad = kinds(found, "bad")
        if wanted is None:
            assert (bad, refused) == ([], None)
            missing = [text for text in kinds(found, "open") if "包内没有当时的吊销列表或 OCSP 应答" in text]
            good = [text for text in kinds(found, "good") if "均未被吊销" in text]
            assert (len(missing), len(good)) == (unchecked, 2 - unchecked)
            assert sum(NOT_LISTED in text for text in open_) == unchecked
            assert any("份回执由日志密钥签名，且均针对本包材料" in text for text in kinds(found, "good"))
        else:
            assert refused is not None
            assert wanted in refused
            assert wanted in bad[0]


def test_receipts_are_checked_as_the_verifier_checks_them(desk: Desk, tmp_path: Path) -> None:
    one = min(desk.export.directory.glob("custody/receipts/*.jws"))
    name, text = one.relative_to(desk.export.directory).as_posix(), one.read_text()
    said = _statement(text)
    thief = private(9)
    changes = [
        (_signed(said | {"event_digest": "00" * 32}, desk.signing), "names an event that is not in the"),
        (_signed(said | {"item": "0" * 26}, desk.signing), "is about an item that is not in this export"),
        (
            _signed(said | {"digests": said["digests"] | {"sha256": "00" * 32}}, desk.signing),
            "is for other bytes than those of",
        ),
        (bent(text), "signature is wrong"),
        (_signed(said, thief), "another key than the"),
        (_signed(said | {"v": "custos/receipt/9"}, desk.signing), "not a statement custos/receipt/1"),
        (text.partition(".")[0], "is not a compact JWS"),
        (text.replace(".", ".!", 1), ""),
        (_relabelled(text, {"alg": "none"}), "not signed the way this version"),
        (_relabelled(text, {"typ": "JWT"}), "not signed the way this version"),
    ]
    refused = []
    place = desk.copy("receipts")
    for number, (forged, _) in enumerate(changes):
        # Those behind are a matter of the text alone.
        if number < 4:
            (place / name).write_text(forged)
            rebag(place)
        with pytest.raises(NotVerified) as error:
            if number < 4:
                verify_export(place, pinned(desk.key))
            else:
                verify_statement(forged, pinned(desk.key).pem)
        refused.append(str(error.value))
    document = json.loads((desk.export.directory / "custody/export.json").read_bytes())
    proofs = {
        line["item"]: json.loads((desk.export.directory / f"custody/proofs/{line['item']}.json").read_bytes())
        for line in document["items"]
    }
    common = {"key": desk.key, "items": document["items"], "proofs": proofs}
    asked = [common | {"receipts": {name: forged}} for forged in (text, *(one for one, _ in changes))]
    right, *wrong = judged(asked, tmp_path)
    assert right == {"count": 1, "early": 0}
    (shown,) = look([page(place, key=desk.key, folder=str(place))])
    words = [one["wrong"] for one in wrong]
    assert kinds(shown, "bad")[0].endswith(words[3])
    assert all(name in word for word in (*words, *refused[:4]))
    for page_says, verifier_says, (_, told) in zip(words, refused, changes, strict=True):
        for word in (page_says, verifier_says):
            assert told in word


def _relabelled(text: str, change: dict[str, str]) -> str:
    header, rest = text.split(".", 1)
    told = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4))) | change
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=") + f".{rest}"
