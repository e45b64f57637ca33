"""Exports whose authority's certificate names a revocation list: the list goes along, and decides."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509 import ReasonFlags

from clients.verifier.export import verify_export
from clients.verifier.heads import Step
from clients.verifier.receipt import NotVerified
from custody.revocation import RevocationLists, fetched
from custody.stamping import Stamper
from custody.trusted_time import TimeAuthorities, read_roots
from custos.clock import SystemClock
from custos.settings import Settings
from evidence.agents import Role
from storage.objects.filesystem import FilesystemStore
from storage.objects.log_files import LogFiles
from tests.serving.exports import Kept, asked, kept
from tests.serving.films import two_segments
from tests.serving.inside import Inside, served_inside
from tests.time_authority import TimeAuthority, time_authority

CLOCK = SystemClock()


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeAuthority]:
    with time_authority(tmp_path_factory.mktemp("listed") / "authority", lists=True) as running:
        yield running


@pytest.fixture
def bureau(tmp_path: Path, listed: TimeAuthority) -> Iterator[Inside]:
    listed.revoked = []
    with served_inside(
        tmp_path / "data",
        custody={
            "time_authorities": {listed.url: str(listed.root)},
            "time_authority_policies": {listed.url: "1.2.3.4.1"},
        },
    ) as server:
        yield server


def log_files(bureau: Inside) -> LogFiles:
    root = Settings(data=bureau.data).store
    return LogFiles(root, FilesystemStore(root, immutable=False))


def lists_fetched(bureau: Inside) -> int:
    return bureau.do(RevocationLists(bureau.services.catalogue, log_files(bureau), CLOCK, fetched).run())


def taken(bureau: Inside, listed: TimeAuthority, camera: bytes | None, place: Path) -> Kept:
    """An export of an item that was stamped before, with what was fetched for the stamp and for the seal."""
    if camera is None:
        first = bureau.client(Role.STATION).kept(b"seen", "1.txt")
    else:
        _, first, _ = two_segments(bureau, camera)
    bureau.do(bureau.services.sequencer.run())
    authorities = TimeAuthorities(read_roots({listed.url: str(listed.root)}), {listed.url: "1.2.3.4.1"})
    stamper = Stamper(bureau.services.catalogue, log_files(bureau), authorities, CLOCK)
    assert bureau.do(stamper.run()) is not None
    assert lists_fetched(bureau) == 1
    archivist = bureau.client(Role.ARCHIVIST)
    return kept(bureau, archivist, asked(archivist, f"/items/{first}/exports"), place)


def steps_of(export: Kept, listed: TimeAuthority) -> dict[str, Step]:
    roots = [listed.root.read_bytes()]
    return {one.title: one for one in verify_export(export.archive, export.key, export.seal, roots)}


def test_the_list_goes_along_in_the_archive_and_in_the_seal(
    bureau: Inside, listed: TimeAuthority, camera: bytes, tmp_path: Path
) -> None:
    export = taken(bureau, listed, camera, tmp_path)
    (path,) = (export.directory / "custody/stamps").glob("*.crl")
    (told,) = export.seal["revocation"]
    assert told["kind"] == "crl"
    steps = steps_of(export, listed)
    assert (steps["stamps"].not_checked, steps["seal"].not_checked) == ("", "")
    # Which policy its authority was bound to is stated in both, and held against the tokens.
    (stated,) = (export.directory / "custody/stamps").glob("*.json")
    assert json.loads(stated.read_bytes())["policy"] == export.seal["policy"] == "1.2.3.4.1"
    other = {**export.seal, "policy": "1.2.3.4.2"}
    with pytest.raises(NotVerified, match=r"policy 1\.2\.3\.4\.1, and 1\.2\.3\.4\.2 is stated"):
        verify_export(export.archive, export.key, other, [listed.root.read_bytes()])
    seal, key = tmp_path / "seal.json", export.directory / "custody/log-key.txt"
    seal.write_text(json.dumps(export.seal))
    program = export.directory / "verify/custos-verify.pyz"
    command = [sys.executable, program, export.archive, "--key", key, "--seal", seal, "--root", listed.root]
    for policy, status, words in (("1.2.3.4.1", 0, "VERIFIED"), ("1.2.3.4.2", 1, "1.2.3.4.2 is asked for")):
        done = subprocess.run(
            [*command, "--time-policy", policy], capture_output=True, text=True, check=False
        )
        assert (done.returncode, words in done.stdout) == (status, True)
    listed.revoke(datetime.now(UTC), ReasonFlags.key_compromise)
    today = listed.revocation_list()
    assert today is not None
    (tmp_path / "today.crl").write_bytes(today)
    done = subprocess.run(
        [*command, "--crl", tmp_path / "today.crl"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "was revoked on" in done.stdout) == (1, True)
    path.unlink()
    with pytest.raises(NotVerified, match="is missing"):
        verify_export(export.directory, export.key, export.seal, [listed.root.read_bytes()])


def test_a_seal_that_alone_was_stamped_has_its_list_as_soon_as_it_is_fetched(
    bureau: Inside, listed: TimeAuthority, camera: bytes, tmp_path: Path
) -> None:
    _, first, _ = two_segments(bureau, camera)
    archivist = bureau.client(Role.ARCHIVIST)
    made = asked(archivist, f"/items/{first}/exports")
    assert kept(bureau, archivist, made, tmp_path).seal["revocation"] == []
    assert lists_fetched(bureau) == 1
    export = kept(bureau, archivist, made, tmp_path)
    assert len(export.seal["revocation"]) == 1
    assert steps_of(export, listed)["seal"].not_checked == ""


def test_an_answer_of_a_responder_goes_along_as_a_list_does(tmp_path: Path) -> None:
    with time_authority(tmp_path / "answering", answers=True) as answering:
        known = {"time_authorities": {answering.url: str(answering.root)}}
        with served_inside(tmp_path / "data", custody=known) as bureau:
            export = taken(bureau, answering, None, tmp_path)
        (path,) = (export.directory / "custody/stamps").glob("*.ocsp")
        (told,) = export.seal["revocation"]
        assert (told["kind"], told["data"]) == ("ocsp", base64.b64encode(path.read_bytes()).decode())
        steps = steps_of(export, answering)
        assert (steps["stamps"].not_checked, steps["seal"].not_checked) == ("", "")
        answering.revoke(datetime.now(UTC), ReasonFlags.key_compromise)
        today = answering.status(_question(answering))
        assert today is not None
        (tmp_path / "today.ocsp").write_bytes(today)
    key = export.directory / "custody/log-key.txt"
    program = export.directory / "verify/custos-verify.pyz"
    command = [sys.executable, program, export.archive, "--key", key, "--root", answering.root]
    command += ["--ocsp", tmp_path / "today.ocsp"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "was revoked on" in done.stdout) == (1, True)


def _question(authority: TimeAuthority) -> bytes:
    path = authority.root.with_name("asked")
    signer = authority.root.with_name("signer.pem")
    command = ["openssl", "ocsp", "-issuer", authority.root, "-cert", signer, "-reqout", path]
    subprocess.run(command, check=True, capture_output=True)
    return path.read_bytes()


def test_a_certificate_that_was_revoked_before_is_found_and_named(
    bureau: Inside, listed: TimeAuthority, camera: bytes, tmp_path: Path
) -> None:
    listed.revoke(datetime.now(UTC) - timedelta(days=1), ReasonFlags.superseded)
    export = taken(bureau, listed, camera, tmp_path)
    with pytest.raises(NotVerified, match=r"'CN=Time of the tests', .* was revoked on"):
        steps_of(export, listed)
