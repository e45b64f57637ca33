"""A disposal that reaches into backups, by what certificates prove and nothing else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.x509 import ReasonFlags

from custody.key_files import open_signer
from custos.cli import main
from custos.clock import SystemClock
from evidence.canonical import canonical
from tests.offices import Office


def test_it_reaches_into_backups_by_certificates_alone(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server, (item, other, _) = office.server, office.items
    backup, objects = tmp_path / "backup", tmp_path / "backup" / "store" / "objects"
    monkeypatch.setenv("CUSTOS_DATA", str(server.data))
    monkeypatch.setenv("CUSTOS_PROTECTION__IMMUTABLE", "false")
    monkeypatch.setenv(
        "CUSTOS_CUSTODY__TIME_AUTHORITIES", json.dumps({office.authority.url: str(office.authority.root)})
    )
    assert main(["backup", "--to", str(backup)]) == 1
    assert office.run(office.approved(item)).done
    # What is only gone from the store is not taken for disposed of.
    known = server.do(server.services.catalogue.read(lambda tx: tx.items.get(other)))
    assert known is not None
    (server.data / "store" / "objects" / known.key).unlink()
    # Nor what a time authority proves that was revoked by then.
    office.authority.revoke(SystemClock().now(), ReasonFlags.key_compromise)
    data = office.authority.revocation_list()
    office.authority.revoked = []
    assert data is not None
    kept = (
        server.data / "store" / "objects" / "log" / "stamps" / f"{hashlib.sha256(data).hexdigest()[:32]}.crl"
    )
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(data)
    assert main(["dispose", "backup", str(backup)]) == 1
    assert any(item in str(path) for path in objects.rglob("*"))
    kept.unlink()
    capsys.readouterr()
    assert main(["dispose", "backup", str(backup)]) == 0
    assert "Certificates name 1 items" in capsys.readouterr().out
    left = [str(path.relative_to(objects)) for path in objects.rglob("*") if path.is_file()]
    assert not [one for one in left if item in one]
    assert known.key in left
    # One that somebody made up reaches nothing.
    forged = server.data / "store" / "objects" / "disposals" / item / "certificate"
    forged.parent.mkdir(parents=True)
    stolen = open_signer(tmp_path / "stolen").sign_statement(
        canonical({"v": "custos/disposal-certificate/1", "items": [{"keys": [known.key]}]})
    )
    forged.write_text(stolen)
    assert main(["dispose", "backup", str(backup)]) == 1
    assert "does not hold" in capsys.readouterr().out
    assert (objects / known.key).exists()
    assert main(["dispose", "backup", str(tmp_path)]) == 2
