"""Exports, as an archivist meets them and as somebody who trusts nobody checks them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from clients.verifier.export import verify_export
from clients.verifier.heads import pin_of
from clients.verifier.item_proof import verify_item_proof
from clients.verifier.receipt import NotVerified
from evidence.agents import Role
from evidence.jobs import Stage
from tests.serving.client import Answer, Client
from tests.serving.exports import WANTED, Kept, asked, case_of_two, kept
from tests.serving.films import sealed_for, two_segments
from tests.serving.forging import exchange_original, rebag, rewrite
from tests.serving.inside import Inside


@pytest.fixture(scope="module")
def case(bureau: Inside, camera: bytes) -> str:
    """A case of two segments."""
    return case_of_two(bureau, camera)


@pytest.fixture(scope="module")
def court(bureau: Inside, case: str, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The case for a court."""
    archivist = bureau.client(Role.ARCHIVIST)
    made = asked(archivist, f"/cases/{case}/exports")
    return kept(bureau, archivist, made, tmp_path_factory.mktemp("court"))


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


def test_every_file_that_is_changed_cut_or_taken_away_is_named(court: Kept, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(court.directory, copy)
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    assert len(files) > 30
    for path in files:
        name, data = path.relative_to(copy).as_posix(), path.read_bytes()
        for changed in (bytes([data[0] ^ 1]) + data[1:], data[:-1], data + b"\n", None):
            path.unlink() if changed is None else path.write_bytes(changed)
            with pytest.raises(NotVerified) as refusal:
                court.verify(copy)
            if name == "tagmanifest-sha256.txt":
                assert "tagmanifest-sha256.txt" in str(refusal.value) or "missing" in str(refusal.value)
            else:
                assert name.rpartition("/")[2].removesuffix(".txt") in str(refusal.value), (
                    name,
                    refusal.value,
                )
            path.write_bytes(data)
    (copy / "data/originals/added.mp4").write_bytes(b"x")
    with pytest.raises(NotVerified, match=r"added.mp4 does not stand in manifest-sha256.txt: it was added"):
        court.verify(copy)


def test_bytes_of_the_archive_that_are_changed_are_found(court: Kept, tmp_path: Path) -> None:
    data = court.archive.read_bytes()
    with zipfile.ZipFile(court.archive) as archive:
        headers = [info.header_offset for info in archive.infolist()]
    # The first header and the last, bytes of every file, and all of the end.
    places = {*range(200), *range(headers[-1], headers[-1] + 150), *range(0, len(data), 49_999)}
    missed = []
    for place in sorted(places | set(range(len(data) - 400, len(data)))):
        changed = bytearray(data)
        changed[place] ^= 0x41
        path = tmp_path / "changed.zip"
        path.write_bytes(changed)
        try:
            court.verify(path)
        except NotVerified:
            continue
        missed.append(place)
    assert missed == []


@pytest.mark.parametrize("more", [b"x", b"PK\5\6" + bytes(18)])
def test_what_is_put_around_the_archive_is_found(court: Kept, tmp_path: Path, more: bytes) -> None:
    data, path = court.archive.read_bytes(), tmp_path / "changed.zip"
    for changed in (more + data, data + more, data[:-1]):
        path.write_bytes(changed)
        with pytest.raises(NotVerified):
            court.verify(path)


def _rebagged(directory: Path, name: str, data: bytes) -> None:
    """A file exchanged by somebody who puts every manifest right again."""
    (directory / name).write_bytes(data)
    rebag(directory)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("data/originals/*", lambda data: data + b"x", "is not the file that was ingested"),
        ("data/renditions/*/playable.mp4", lambda data: data + b"x", "is not a copy of which the log says"),
        ("custody/proofs/*", lambda data: data.replace(b"success", b"failure", 1), "its leaf is not"),
        ("custody/manifests/*", lambda data: data.replace(b'"event":"ey', b'"event":"ez'), "'s history"),
        ("custody/receipts/*", lambda data: data[:-2] + b"AA", "the signature is wrong"),
        ("custody/checkpoint", lambda data: data[:-6] + b"AAA=\n", "signature"),
    ],
)  # fmt: skip
def test_who_puts_the_manifests_right_again_is_found_by_the_log(
    court: Kept, tmp_path: Path, name: str, change: Any, told: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(court.directory, copy)
    path = sorted(copy.glob(name))[0]
    changed = change(path.read_bytes())
    assert changed != path.read_bytes()
    _rebagged(copy, path.relative_to(copy).as_posix(), changed)
    with pytest.raises(NotVerified, match=r"tagmanifest-sha256\.txt was changed"):
        court.verify(copy)
    with pytest.raises(NotVerified) as refusal:
        verify_export(copy, court.key)
    assert told in str(refusal.value)


def test_an_event_that_is_left_out_shows(court: Kept, tmp_path: Path) -> None:
    for number in (0, 3, -1):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(court.directory, copy)
        path = sorted((copy / "custody/proofs").iterdir())[0]
        document = json.loads(path.read_bytes())
        del document["events"][number]
        data = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
        _rebagged(copy, f"custody/proofs/{path.name}", data)
        with pytest.raises(NotVerified, match=r"left out|counts the events"):
            verify_export(copy, court.key)


def test_another_original_does_not_pass_by_leaving_out_how_it_came_in(court: Kept, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(court.directory, copy)
    exchange_original(copy)
    with pytest.raises(NotVerified, match="earlier ones are left out"):
        verify_export(copy, court.key)


def test_an_item_that_is_left_out_of_a_case_shows(court: Kept, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(court.directory, copy)
    gone = json.loads((copy / "custody/export.json").read_bytes())["items"][0]
    for path in [*copy.rglob(f"*{gone['item']}*"), copy / gone["original"]]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name in gone["renditions"]:
        (copy / name).unlink(missing_ok=True)
    for receipt in (copy / "custody/receipts").iterdir():
        receipt.unlink()
    withheld = [
        one
        for one in json.loads((copy / "custody/withheld.json").read_bytes())["withheld"]
        if one.get("item") != gone["item"]
    ]

    def retell(told: Any) -> None:
        del told["items"][0]
        told["counts"].update(held=1, shown=1)
        told["withheld"] = len(withheld)

    rewrite(copy / "custody/withheld.json", lambda told: told.update(withheld=withheld))
    rewrite(copy / "custody/export.json", retell)
    rebag(copy)
    with pytest.raises(NotVerified, match="another list of items"):
        verify_export(copy, court.key)


def _update(change: dict[str, Any], told: dict[str, Any]) -> None:
    told.update(change)


def test_who_asked_and_when_are_the_log_s(court: Kept, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(court.directory, copy)
    for change in ({"asked_at": "2026-01-01T00:00:00.000000Z"}, {"asked_by": "a" * 36}):
        shutil.copy(court.directory / "custody/export.json", copy / "custody/export.json")
        rewrite(copy / "custody/export.json", partial(_update, change))
        rebag(copy)
        with pytest.raises(NotVerified, match="who asked for it, or when"):
            verify_export(copy, court.key)


def test_no_number_of_waiting_events_excuses_a_beginning_that_is_not_there(court: Kept) -> None:
    path = sorted((court.directory / "custody/proofs").iterdir())[0]
    document = json.loads(path.read_bytes())
    verify_item_proof(document, court.key)
    with pytest.raises(NotVerified, match="earlier ones are left out"):
        verify_item_proof({**document, "events": document["events"][1:], "waiting": 5_000}, court.key)


def test_a_full_document_may_begin_later_and_says_what_that_leaves_open(
    court: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sorted((court.directory / "custody/proofs").iterdir())[0]
    document = json.loads(path.read_bytes())
    later = {**document, "events": document["events"][2:]}
    steps = {step.title: step for step in verify_item_proof(later, court.key, len(later["events"]))}
    assert steps["chain of the item"].not_checked.startswith("the 2 events before the first one")
    copy = tmp_path / "copy"
    shutil.copytree(court.directory, copy)
    exchange_original(copy)
    monkeypatch.setattr("clients.verifier.export._MOST_EVENTS", 1)
    steps = {step.title: step for step in verify_export(copy, court.key)}
    assert steps["originals and copies"].proved.startswith("1 originals are the files")
    item = json.loads((copy / "custody/export.json").read_bytes())["items"][0]["item"]
    assert f"the files of {item}: how they came in is not here" in steps["originals and copies"].not_checked


def test_counts_are_those_of_what_is_listed(court: Kept, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(court.directory, copy)
    rewrite(copy / "custody/export.json", lambda told: told["counts"].update(shown=1, withheld=1))
    rebag(copy)
    with pytest.raises(NotVerified, match="counts its items otherwise"):
        verify_export(copy, court.key)


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
