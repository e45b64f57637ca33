"""The certificate of a disposal, proven offline, and everything that it must not prove."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.x509 import ReasonFlags

from clients.verifier.__main__ import main as by_the_program
from custody.key_files import open_signer
from custody.notes import ED25519, Note, VerifierKey
from custody.signing import FileSigner
from custos.cli import main
from custos.clock import SystemClock
from evidence.agents import Role
from evidence.canonical import canonical
from evidence.ids import new_id
from evidence.key_statements import BY_KEY, KEYS_VERSION, Rotation, reason_digest
from tests.offices import Office
from tests.serving.client import statement
from tests.time_authority import time_authority


def taken_over(before: FileSigner, after: FileSigner, log: str) -> dict[str, object]:
    """The keys of a log (`custos/log-keys/1`) after one rotation."""
    old, new = (str(VerifierKey(log, ED25519, one.note_key)) for one in (before, after))
    now = SystemClock().now()
    said = Rotation(log, 1, None, now, BY_KEY, old, new, reason_digest("r", "s"), new_id(now))
    note = Note(said.text, tuple(one.sign_note(said.text, log) for one in (before, after)))
    return {"v": KEYS_VERSION, "log": log, "key": new, "statements": [str(note)]}


def test_the_certificate_is_proven_offline(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposal = office.approved(*office.items)
    office.run(proposal)
    supervisor = office.server.client(Role.SUPERVISOR)
    certificate = supervisor.get(f"/disposals/{proposal}/certificate").body.decode()
    said = statement(certificate)
    assert "到期" not in json.dumps(said, ensure_ascii=False)
    assert "north" not in json.dumps(said)
    shown = supervisor.get(f"/disposals/{proposal}").json()
    detail = canonical({"unit": shown["unit"], "reason": shown["reason"]})
    assert said["detail"] == hashlib.sha256(bytes.fromhex(shown["salt"]) + detail).hexdigest()

    public = office.server.services.signer.public_pem
    (tmp_path / "key.pem").write_bytes(public)

    def verified(
        text: str, key: str = "key.pem", root: Path = office.authority.root, *more: str
    ) -> tuple[int, str]:
        (tmp_path / "certificate").write_text(text)
        arguments = ("--key", str(tmp_path / key), "--root", str(root), *more)
        status = main(["verify", "certificate", str(tmp_path / "certificate"), *arguments])
        return status, capsys.readouterr().out

    status, words = verified(certificate)
    assert (status, words.count("disposed    ")) == (0, 3)
    head, payload, signature = certificate.split(".")
    assert verified(f"{head}.{payload[:-4]}AAAA.{signature}")[0] == 1
    (tmp_path / "other.pem").write_bytes(open_signer(tmp_path / "keys").public_pem)
    assert verified(certificate, "other.pem")[0] == 1
    # Unless a chain of keys says that the other took over from the one that signed.
    chain = ("--keys", str(tmp_path / "keys.json"))
    for after, status in ((open_signer(tmp_path / "keys"), 0), (open_signer(tmp_path / "third"), 1)):
        document = taken_over(office.server.services.signer, after, "custos.test/log")
        (tmp_path / "keys.json").write_text(json.dumps(document))
        assert verified(certificate, "other.pem", office.authority.root, *chain)[0] == status
    with time_authority(tmp_path / "other") as other:
        status, words = verified(certificate, root=other.root)
        assert (status, "does not prove a time" in words) == (1, True)
    sign = office.server.services.signer.sign_statement
    (time,) = said["trusted_times"]
    first, *rest = said["items"]
    for wrong, reason in (
        ({"approvals": said["approvals"][:1]}, "two people"),
        ({"approvals": [said["approvals"][0]] * 2}, "two people"),
        ({"proposed_by": said["approvals"][0]["agent"]}, "two people"),
        ({"items": rest}, "does not prove a time"),
        ({"items": [*rest, first, first]}, "each item once"),
        ({"items": [*rest, {**first, "disposed_at": said["proposed_at"]}]}, "trusted time"),
        ({"trusted_times": [{**time, "at": said["proposed_at"]}]}, "not the one"),
        ({"trusted_times": [{**time, "token": "AAAA"}]}, "does not prove a time"),
        ({"trusted_times": [{**time, "token": "?"}]}, "lacks"),
        ({"trusted_times": []}, "trusted time"),
        ({"checked": {"at": said["checked"]["at"], "found": 1}}, "left"),
        ({"v": "custos/receipt/1"}, "custos/disposal-certificate/1"),
        ({"spared": None}, "lacks"),
        ({"items": "none"}, "lacks"),
    ):
        status, words = verified(sign(canonical({**said, **wrong})))
        assert (status, reason in words) == (1, True), (wrong, words)


def test_an_authority_that_was_revoked_proves_no_disposal(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposal = office.approved(*office.items)
    office.run(proposal)
    supervisor, authority = office.server.client(Role.SUPERVISOR), office.authority
    file, key = tmp_path / "certificate", tmp_path / "key.pem"
    file.write_bytes(supervisor.get(f"/disposals/{proposal}/certificate").body)
    key.write_bytes(office.server.services.signer.public_pem)

    def verified(*more: str) -> tuple[int, str]:
        arguments = ("--key", str(key), "--root", str(authority.root), *more)
        status = main(["verify", "certificate", str(file), *arguments])
        return status, capsys.readouterr().out

    def kept(*revoked_at: datetime) -> str:
        """The list of its issuer with these entries, as Custos keeps it beside a log's tokens."""
        for at in revoked_at:
            authority.revoke(at, ReasonFlags.key_compromise)
        data = authority.revocation_list()
        authority.revoked = []
        assert data is not None
        stamps = tmp_path / hashlib.sha256(data).hexdigest() / "stamps"
        stamps.mkdir(parents=True)
        (stamps / f"{stamps.parent.name[:32]}.crl").write_bytes(data)
        return str(stamps.parent)

    unknown = "whether the authority's certificate had been revoked"
    status, words = verified()
    assert (status, unknown in words) == (0, True)
    status, words = verified("--log", kept())
    assert (status, unknown in words) == (0, False)
    # Revoked for a stolen key, whenever that was: what it signed may be the thief's.
    given = next(Path(kept(SystemClock().now()), "stamps").iterdir())
    for more in (("--log", str(given.parents[1])), ("--crl", str(given))):
        status, words = verified(*more)
        assert (status, "revoked" in words, "NOT VERIFIED" in words) == (1, True, True), words
    given.write_bytes(given.read_bytes() + b"0")
    status, words = verified("--log", str(given.parents[1]))
    assert (status, "was changed" in words) == (1, True)
    status, words = verified("--time-policy", "1.2.3", "--json")
    assert (status, json.loads(words)["verified"]) == (1, False)
    status, words = verified("--json")
    said = json.loads(words)
    assert (status, said["verified"], len(said["steps"])) == (0, True, 4)
    # The program that stands in every export knows them too.
    named = str(VerifierKey("custos.test/log", ED25519, office.server.services.signer.note_key))
    policy = tmp_path / "policy"
    policy.write_text(f"log {named}\nquorum none\n")
    root = ("--root", str(authority.root))
    for whose in (["--key", str(key)], ["--key", named], ["--policy", str(policy)]):
        assert by_the_program([str(file), "--certificate", *whose, *root]) == 0
        assert "VERIFIED" in capsys.readouterr().out
    other = str(VerifierKey("custos.test/log", ED25519, open_signer(tmp_path / "keys").note_key))
    assert by_the_program([str(file), "--certificate", "--key", other, *root]) == 1
    assert by_the_program([str(file), "--certificate", "--key", str(key)]) == 1
    assert "no root certificate" in capsys.readouterr().out
