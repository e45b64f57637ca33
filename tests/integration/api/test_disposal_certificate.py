"""The certificate of a disposal, proven offline, and everything that it must not prove."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

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
    file = tmp_path / "certificate"

    def verified(
        text: str, key: str = "key.pem", root: Path = office.authority.root, *more: str
    ) -> tuple[int, str]:
        file.write_text(text)
        arguments = ("--key", str(tmp_path / key), "--root", str(root), *more)
        status = main(["verify", "certificate", str(file), *arguments])
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
        assert (status, "cannot be proven" in words) == (1, True)
    sign = office.server.services.signer.sign_statement
    (time,) = said["trusted_times"]
    first, *rest = said["items"]
    for wrong, reason in (
        ({"approvals": said["approvals"][:1]}, "two people"),
        ({"approvals": [said["approvals"][0]] * 2}, "two people"),
        ({"proposed_by": said["approvals"][0]["agent"]}, "two people"),
        ({"items": rest}, "cannot be proven"),
        ({"items": [*rest, first, first]}, "each item once"),
        ({"items": [*rest, {**first, "disposed_at": said["proposed_at"]}]}, "trusted time"),
        ({"trusted_times": [{**time, "at": said["proposed_at"]}]}, "not the one"),
        ({"trusted_times": [{**time, "token": "AAAA"}]}, "cannot be proven"),
        ({"trusted_times": [{**time, "token": "?"}]}, "lacks"),
        ({"trusted_times": []}, "trusted time"),
        ({"checked": {"at": said["checked"]["at"], "found": 1}}, "left"),
        ({"v": "custos/receipt/1"}, "version 1"),
    ):
        status, words = verified(sign(canonical({**said, **wrong})))
        assert (status, reason in words) == (1, True), (wrong, words)
