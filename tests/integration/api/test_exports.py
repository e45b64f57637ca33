"""Exports, as an archivist meets them and as somebody who trusts nobody checks them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from clients.verifier.heads import pin_of
from evidence.agents import Role
from evidence.jobs import Stage
from tests.serving.client import Answer, Client
from tests.serving.exports import WANTED, Kept, asked, kept
from tests.serving.films import sealed_for, two_segments
from tests.serving.inside import Inside

STACKS = ("embedded", "cluster", pytest.param("ceph", marks=pytest.mark.long))


def test_an_export_of_a_case_proves_everything_that_can_be_proven_offline(court: Kept) -> None:
    for path in (court.archive, court.directory):
        steps = {step.title: step for step in court.verify(path)}
        assert steps["fixity"].proved.startswith("6 files of evidence")
        assert "in its log" in steps["seal"].proved
        assert "of 2 items are in that tree" in steps["history"].proved
        assert "2 originals" in steps["originals and copies"].proved
        assert "of 2 items 2 originals are here" in steps["completeness"].proved


def test_other_programs_read_it(court: Kept, tmp_path: Path) -> None:
    import bagit

    subprocess.run(["unzip", "-q", str(court.archive), "-d", str(tmp_path / "unzip")], check=True)
    subprocess.run(["7z", "t", str(court.archive)], check=True, capture_output=True)
    (directory,) = (tmp_path / "unzip").iterdir()
    # bagit knows neither version 1.0 nor SM3: the same bag, said in its words.
    for name in ("manifest-sm3.txt", "tagmanifest-sm3.txt"):
        (directory / name).unlink()
    for name in ("tagmanifest-sha256.txt", "tagmanifest-sha512.txt"):
        lines = (directory / name).read_text().splitlines(keepends=True)
        (directory / name).write_text("".join(line for line in lines if "-sm3.txt" not in line))
    bagit.Bag(str(directory)).validate()
    probed = subprocess.run(
        ["ffprobe", "-v", "error", *map(str, sorted((directory / "data/originals").iterdir())[:1])],
        check=True,
    )
    assert probed.returncode == 0


def test_the_program_in_it_needs_nothing_but_python(court: Kept, tmp_path: Path) -> None:
    seal = tmp_path / "seal.json"
    seal.write_text(json.dumps(court.seal))
    program = court.directory / "verify" / "custos-verify.pyz"
    # Neither site-packages nor the environment: a Python as an outsider has it.
    bare = [sys.executable, "-I", "-S", str(program), "--key", pin_of(court.key.name, court.key.public.raw)]
    missing = "import importlib.util as u, sys; sys.exit(u.find_spec('cryptography') is not None)"
    assert subprocess.run([sys.executable, "-I", "-S", "-c", missing]).returncode == 0
    said = subprocess.run([*bare, str(court.archive), "--seal", str(seal)], capture_output=True, text=True)
    assert (said.returncode, said.stdout.splitlines()[-1], said.stderr) == (0, "VERIFIED", "")
    data = bytearray(court.archive.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "changed.zip").write_bytes(data)
    said = subprocess.run([*bare, str(tmp_path / "changed.zip")], capture_output=True, text=True)
    assert said.returncode == 1
    assert said.stdout.startswith("NOT VERIFIED: data/")
    said = subprocess.run([*bare, str(tmp_path / "none.zip")], capture_output=True, text=True)
    assert (said.returncode, said.stdout) == (2, "")


def test_its_metadata_are_those_of_the_field(court: Kept) -> None:
    validator = Path(sys.executable).with_name("case_validate")
    graph = court.directory / "metadata/case-uco.jsonld"
    done = subprocess.run([validator, "--built-version", "case-1.5.0", graph], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    said = json.loads(graph.read_bytes())["@graph"]
    hashes = {
        facet["uco-observable:hash"]["uco-types:hashValue"]["@value"]
        for one in said
        for facet in one.get("uco-core:hasFacet", ())
        if "uco-observable:hash" in facet
    }
    files = [path for path in (court.directory / "data").rglob("*") if path.is_file()]
    assert hashes == {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    root = ElementTree.parse(court.directory / "metadata/premis.xml").getroot()
    names = {"p": "http://www.loc.gov/premis/v3"}
    assert {one.text for one in root.findall(".//p:messageDigest", names)} == hashes
    proofs = [json.loads(path.read_bytes()) for path in (court.directory / "custody/proofs").iterdir()]
    events = {json.loads(one["leaf"])["event"]["id"] for proof in proofs for one in proof["events"]}
    assert {
        one.text for one in root.findall("p:event/p:eventIdentifier/p:eventIdentifierValue", names)
    } == events
    for language in ("en", "zh"):
        page = (court.directory / f"certification-template.{language}.html").read_text()
        assert "粤执〔2026〕1号" in page
        assert all(path.stem in page for path in (court.directory / "data/originals").iterdir())


def test_the_original_in_it_is_the_one_that_came_in(court: Kept, bureau: Inside) -> None:
    for path in (court.directory / "data/originals").iterdir():
        assert path.read_bytes() == bureau.client(Role.ARCHIVIST).get(f"/items/{path.stem}/original").body


def test_profiles_withhold_and_say_what(bureau: Inside, case: str, tmp_path: Path) -> None:
    archivist = bureau.client(Role.ARCHIVIST)
    shown: dict[str, set[str]] = {}
    for profile in ("internal", "court", "defence"):
        place = tmp_path / profile
        place.mkdir()
        found = kept(bureau, archivist, asked(archivist, f"/cases/{case}/exports", profile=profile), place)
        found.verify()
        texts = [
            path for path in found.directory.rglob("*") if path.suffix in (".json", ".js", ".xml", ".html")
        ]
        everything = "".join(path.read_text() for path in texts)
        assert ("内部意见" in everything) == (profile == "internal")
        assert (json.dumps("内部意见")[1:-1] in everything) == (profile == "internal")
        for told in ("张伟", json.dumps("张伟")[1:-1], archivist.get("/session").json()["name"]):
            assert (told in everything) == (profile != "defence")
        proofs = [json.loads(path.read_bytes()) for path in (found.directory / "custody/proofs").iterdir()]
        # The export before this one is in the history as well.
        shown[profile] = {
            json.loads(one["leaf"])["event"]["type"]
            for doc in proofs
            for one in doc["events"]
            if one["detail"]
        } - {"export.made"}
    assert shown["defence"] < shown["court"] < shown["internal"]
    assert "viewing.opened" in shown["court"] - shown["defence"]
    assert "link.made" in shown["internal"] - shown["court"]
    assert "item.ingested" in shown["defence"]


def test_without_originals_it_says_so_and_proves_which(bureau: Inside, case: str, tmp_path: Path) -> None:
    archivist = bureau.client(Role.ARCHIVIST)
    made = asked(archivist, f"/cases/{case}/exports", originals=False, renditions=["poster"])
    found = kept(bureau, archivist, made, tmp_path)
    steps = {step.title: step.proved for step in found.verify()}
    assert "2 withheld" in steps["completeness"]
    assert "2 originals are not shown" in steps["what is withheld"]
    assert not (found.directory / "data/originals").exists()


def _part(client: Client, path: str, start: int, end: int, etag: str) -> Answer:
    return client.ask("GET", path, headers={"Range": f"bytes={start}-{end - 1}", "If-Range": etag})


def test_it_goes_on_at_any_byte_and_every_byte_is_on_record(bureau: Inside, case: str) -> None:
    archivist = bureau.client(Role.ARCHIVIST)
    made = asked(archivist, f"/cases/{case}/exports")["made"]
    whole = archivist.get(made["path"])
    assert (whole.status, len(whole.body)) == (200, made["size"])
    etag = whole.headers["ETag"]
    cuts = [0, 1, 29, 30, 31, 5000, made["size"] // 3, made["size"] // 2, made["size"] - 22, made["size"] - 1]
    parts = []
    for start, end in zip(cuts, [*cuts[1:], made["size"]], strict=True):
        # As after a restart: nothing is remembered.
        bureau.services.exports._plans.clear()
        part = _part(archivist, made["path"], start, end, etag)
        assert (part.status, part.headers["Content-Range"]) == (
            206,
            f"bytes {start}-{end - 1}/{made['size']}",
        )
        parts.append(part.body)
    assert b"".join(parts) == whole.body
    assert _part(archivist, made["path"], 0, 5, '"another"').status == 200
    assert archivist.ask("GET", made["path"], headers={"Range": "bytes=999999999-"}).status == 416
    bureau.close_viewings()
    sent = [
        one["detail"] for one in bureau.events("viewing.closed") if one["detail"]["content"] in made["path"]
    ]
    assert [1, made["size"]] != sent[0]["ranges"]
    assert sent[0]["bytes"] == made["size"]
    assert [[start, end] for start, end in zip(cuts, [*cuts[1:], made["size"]], strict=True)] == [
        one["ranges"][0] for one in sent[1 : len(cuts) + 1]
    ]


def test_what_is_sealed_to_somebody_is_not_in_theirs_and_not_told(
    bureau: Inside, camera: bytes, tmp_path: Path
) -> None:
    archivist, other = bureau.client(Role.ARCHIVIST), bureau.another(Role.SUPERVISOR)
    _, first, second = two_segments(bureau, camera)
    case = archivist.post("/cases", {"number": "封存", "category": "penalty", "detail": {}}).json()["id"]
    archivist.post(f"/cases/{case}/links", {"items": [first, second]})
    before = asked(archivist, f"/cases/{case}/exports")
    sealed_for(bureau, second, other)
    for path in (f"/exports/{before['id']}", before["made"]["path"], before["made"]["seal"]):
        assert archivist.get(path).status == 404
    assert before["id"] not in [one["id"] for one in archivist.get("/exports").json()["exports"]]
    assert archivist.post(f"/items/{second}/exports", WANTED).status == 404
    found = kept(bureau, archivist, asked(archivist, f"/cases/{case}/exports"), tmp_path)
    said = json.loads((found.directory / "custody/export.json").read_bytes())
    assert said["counts"] == {"held": 1, "shown": 1, "withheld": 0, "missing": 0}
    named = [path for path in found.directory.rglob("*") if second in path.name]
    assert named == []


def test_what_cannot_be_asked_for_is_refused_in_words(bureau: Inside, camera: bytes) -> None:
    archivist = bureau.client(Role.ARCHIVIST)
    empty = archivist.post("/cases", {"number": "空", "category": "penalty", "detail": {}}).json()["id"]
    assert archivist.post(f"/cases/{empty}/exports", WANTED).code == "nothing-to-export"
    _, first, _ = two_segments(bureau, camera)
    assert (
        archivist.post(f"/items/{first}/exports", WANTED | {"renditions": ["secret"]}).code
        == "bad-renditions"
    )
    assert archivist.post(f"/items/{first}/exports", WANTED | {"reason": "  "}).code == "reason-needed"
    assert archivist.post(f"/items/{first}/exports", WANTED | {"profile": "press"}).code == "bad-body"
    bureau.bell.answers = False
    try:
        waiting = archivist.post(f"/items/{first}/exports", WANTED).json()
        path = f"/exports/{waiting['id']}"
        assert archivist.get(f"{path}/any.zip").code == "export-not-ready"
        assert archivist.get(f"{path}/seal").code == "export-not-ready"
    finally:
        bureau.bell.answers = True
    bureau.do(bureau.services.sequencer.run())
    bureau.run(Stage.EXPORT)
    assert archivist.get(path).json()["made"] is not None
    assert archivist.get("/exports?before=x").code == "bad-cursor"
