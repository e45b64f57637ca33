"""What becomes of exports: stamped, kept for thirty days, gone with what is disposed of."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from clients.verifier.export import verify_export
from clients.verifier.receipt import NotVerified
from evidence.agents import Role
from evidence.jobs import Stage
from tests.fault.scenario import Shift
from tests.offices import Office
from tests.serving.exports import WANTED, asked, kept
from tests.serving.films import two_segments
from tests.serving.forging import bent
from tests.serving.inside import Inside, served_inside
from tests.time_authority import TimeAuthority


@pytest.fixture(scope="module")
def stamped(tmp_path_factory: pytest.TempPathFactory, authority: TimeAuthority) -> Iterator[Inside]:
    """A server that knows a time authority."""
    known = {"time_authorities": {authority.url: str(authority.root)}}
    with served_inside(tmp_path_factory.mktemp("stamped") / "data", custody=known) as server:
        yield server


def test_a_token_over_the_seal_dates_it(
    stamped: Inside, camera: bytes, authority: TimeAuthority, tmp_path: Path
) -> None:
    archivist = stamped.client(Role.ARCHIVIST)
    _, first, _ = two_segments(stamped, camera)
    made = asked(archivist, f"/items/{first}/exports")
    assert made["made"]["authority"] == authority.url
    found = kept(stamped, archivist, made, tmp_path)
    roots = [authority.root.read_bytes()]
    steps = {step.title: step for step in verify_export(found.archive, found.key, found.seal, roots)}
    assert "stamped 20" in steps["seal"].proved
    assert steps["seal"].not_checked.startswith("whether the authority's certificate had been revoked")
    statement, token = tmp_path / "statement", tmp_path / "token"
    statement.write_text(found.seal["statement"])
    token.write_bytes(base64.b64decode(found.seal["token"]))
    command = ["openssl", "ts", "-verify", "-data", statement, "-in", token, "-CAfile", authority.root]
    assert b"OK" in subprocess.run(command, capture_output=True, check=True).stdout
    for seal in (
        {**found.seal, "token": base64.b64encode(token.read_bytes()[:-9]).decode()},
        {**found.seal, "statement": bent(found.seal["statement"])},
    ):
        with pytest.raises(NotVerified):
            verify_export(found.archive, found.key, seal, roots)


def test_an_authority_that_is_away_keeps_nobody_waiting(
    stamped: Inside, camera: bytes, authority: TimeAuthority
) -> None:
    _, first, _ = two_segments(stamped, camera)
    authority.spoil = lambda answer: answer[:5]
    try:
        made = asked(stamped.client(Role.ARCHIVIST), f"/items/{first}/exports")["made"]
    finally:
        authority.spoil = bytes
    assert made["authority"] is None


def test_a_token_under_another_policy_is_none(
    camera: bytes, authority: TimeAuthority, tmp_path: Path
) -> None:
    known = {
        "time_authorities": {authority.url: str(authority.root)},
        "time_authority_policies": {authority.url: "1.2.3.4.2"},
    }
    with served_inside(tmp_path / "data", custody=known) as bureau:
        _, first, _ = two_segments(bureau, camera)
        made = asked(bureau.client(Role.ARCHIVIST), f"/items/{first}/exports")["made"]
    assert made["authority"] is None


def test_its_files_go_after_thirty_days_and_it_stays_on_record(stamped: Inside, camera: bytes) -> None:
    archivist = stamped.client(Role.ARCHIVIST)
    _, first, _ = two_segments(stamped, camera)
    export = asked(archivist, f"/items/{first}/exports")
    place = stamped.data / "store" / "objects" / "exports" / export["id"]
    exports = stamped.services.exports
    with Shift.installed():
        Shift.forward = timedelta(days=29, hours=23)
        stamped.do(exports.discard_outdated())
        assert len([path for path in place.rglob("*") if path.is_file()]) == 2
        Shift.forward = timedelta(days=30, hours=1)
        stamped.do(exports.discard_outdated())
    assert not [path for path in place.rglob("*") if path.is_file()]
    shown = archivist.get(f"/exports/{export['id']}").json()
    assert (shown["made"], shown["gone_at"] is None) == (None, False)
    assert archivist.get(export["made"]["path"]).code == "export-gone"
    discarded = [
        one for one in stamped.events("export.discarded") if one["subjects"][0]["id"] == export["id"]
    ]
    assert len(discarded) == 1


def test_a_case_that_is_joined_meanwhile_is_exported_as_it_was_asked_for(
    stamped: Inside, camera: bytes, tmp_path: Path
) -> None:
    archivist = stamped.client(Role.ARCHIVIST)
    _, first, second = two_segments(stamped, camera)
    case, into = (
        archivist.post("/cases", {"number": number, "category": "penalty"}).json()["id"]
        for number in ("并入前", "并入后")
    )
    archivist.post(f"/cases/{case}/links", {"items": [first, second]})
    stamped.bell.answers = False
    try:
        export = archivist.post(f"/cases/{case}/exports", WANTED).json()["id"]
    finally:
        stamped.bell.answers = True
    joined = archivist.post(f"/cases/{case}/join", {"into": into, "reason": "r"})
    assert joined.status == 200, joined.body
    stamped.do(stamped.services.sequencer.run())
    stamped.run(Stage.EXPORT)
    found = kept(stamped, archivist, archivist.get(f"/exports/{export}").json(), tmp_path)
    found.verify()
    said = json.loads((found.directory / "custody/export.json").read_bytes())
    assert {one["item"] for one in said["items"]} == {first, second}
    about = json.loads((found.directory / "metadata/case.json").read_bytes())
    assert (about["state"], about["joined_into"]) == ("joined", into)


def test_what_is_disposed_of_takes_its_exports_along_and_the_certificate_names_them(office: Office) -> None:
    server = office.server
    archivist = server.client(Role.ARCHIVIST)
    export = asked(archivist, f"/items/{office.items[0]}/exports")
    other = asked(archivist, f"/items/{office.items[1]}/exports")
    assert archivist.get(export["made"]["path"]).status == 200
    server.close_viewings()
    proposal = office.approved(office.items[0])
    assert office.run(proposal).done
    assert archivist.get(export["made"]["path"]).status in (404, 409, 410)
    assert archivist.get(other["made"]["path"]).status == 200
    left = [name for name in office.files() if name.startswith("exports/")]
    assert {name.split("/")[1] for name in left} == {other["id"]}
    certificate = archivist.get(f"/disposals/{proposal}/certificate").body.split(b".")[1]
    said = json.loads(base64.urlsafe_b64decode(certificate + b"=" * (-len(certificate) % 4)))
    (copies,) = [one["copies"] for one in said["items"]]
    assert [(one["kind"], one["bytes"]) for one in copies] == [("export", export["made"]["size"])]


def test_nothing_goes_while_an_export_with_it_is_made_or_taken_away(office: Office) -> None:
    server = office.server
    archivist = server.client(Role.ARCHIVIST)
    case = archivist.post("/cases", {"number": "粤执〔2026〕9号"}).json()["id"]
    assert archivist.post(f"/cases/{case}/links", {"items": office.items[:2]}).status == 200
    before = office.fates(*office.items)
    assert "busy" not in before
    server.bell.answers = False
    try:
        export = archivist.post(f"/cases/{case}/exports", WANTED).json()["id"]
    finally:
        server.bell.answers = True
    assert office.fates(*office.items) == ["busy", "busy", before[2]]
    server.do(server.services.sequencer.run())
    server.run(Stage.EXPORT)
    assert office.fates(*office.items) == before
    agent, exports = office.agent(Role.ARCHIVIST), server.services.exports
    archive = server.do(exports.archive(agent, export))
    viewing = server.do(exports.enter(agent, archive, (0, 10)))
    assert office.fates(*office.items) == ["busy", "busy", before[2]]
    server.do(server.services.desk.leave(viewing, done=True))
    server.close_viewings()
    assert office.fates(*office.items) == before
