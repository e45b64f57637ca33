"""The commands, as an administrator types them."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from custos.cli import main
from custos.commands.session import with_services
from custos.keeping_sections import ProtectionSettings
from custos.settings import Settings
from custos.wiring import Services
from evidence.access import SubjectKind
from evidence.agents import Restriction, Role
from evidence.canonical import canonical
from evidence.cases import CaseDetail
from evidence.errors import Denied, Unauthenticated
from evidence.items import Category
from evidence.jobs import JobState, Stage
from evidence.ports.catalogue import Alarm
from evidence.proofs import as_json
from evidence.search import Query
from tests.fault.scenario import metadata, pieces


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUSTOS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CUSTOS_PROTECTION__IMMUTABLE", "false")
    return tmp_path / "data"


def in_services(data: Path, work: object) -> None:
    settings = Settings(data=data, protection=ProtectionSettings(immutable=False))
    asyncio.run(with_services(settings, work))  # type: ignore[arg-type]


def test_people_and_tokens(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a long password\n"))
    add = ["user", "add", "li", "--name", "李警官", "--role", "reviewer", "--unit", "一大队"]
    assert main([*add, "--password-stdin"]) == 0
    assert "一大队" in capsys.readouterr().out
    assert main(["user", "add", "dock-1", "--role", "station", "--unit", "一大队"]) == 0
    capsys.readouterr()
    assert main(["token", "create", "dock-1", "--label", "bay 3"]) == 0
    token = capsys.readouterr().out.strip()

    async def check(services: Services) -> None:
        assert (await services.accounts.recognise(token)).role is Role.STATION
        assert (await services.accounts.sign_in("li", "a long password"))[0].name == "李警官"

    in_services(data, check)
    monkeypatch.setattr("sys.stdin", io.StringIO("a long password\n"))
    assert main([*add, "--password-stdin"]) == 2
    assert "[username-taken]" in capsys.readouterr().err
    assert main(add) == 2
    assert "[no-password]" in capsys.readouterr().err
    assert main(["token", "create", "nobody"]) == 2
    assert "[no-such-user]" in capsys.readouterr().err


def test_units_are_placed_and_shown_as_a_tree(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unit", "place", "三中队", "--below", "一大队"]) == 0
    assert capsys.readouterr().out == "三中队 lies below 一大队.\n"
    assert main(["unit", "place", "一大队", "--below", "支队"]) == 0
    assert main(["unit", "place", "督察室"]) == 0
    capsys.readouterr()
    assert main(["unit", "list"]) == 0
    assert capsys.readouterr().out == "支队\n  一大队\n    三中队\n督察室\n"
    assert main(["unit", "place", "支队", "--below", "三中队"]) == 2
    assert "[unit-below-itself]" in capsys.readouterr().err
    assert main(["unit", "place", " ", "--below", "三中队"]) == 2
    assert "[bad-unit]" in capsys.readouterr().err


def test_a_journal_of_which_all_is_needed_stays_as_it_is(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["unit", "place", "三中队", "--below", "一大队"]) == 0
    capsys.readouterr()
    assert main(["dispose", "journal"]) == 0
    said = "0 chunks of the catalogue's journal, which nothing needs any more, were removed."
    assert capsys.readouterr().out.strip() == said


def test_whoever_leaves_gets_in_no_more(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held: dict[str, str] = {}

    async def arrive(services: Services) -> None:
        await services.accounts.add("li", "李警官", Role.OFFICER, "一中队", "a long password")
        await services.accounts.add("dock", "", Role.STATION, "一中队", None)
        held["session"] = (await services.accounts.sign_in("li", "a long password"))[1]
        held["token"] = await services.accounts.create_token("dock", "")

    in_services(data, arrive)
    for name in ("li", "dock"):
        assert main(["user", "disable", name, "--reason", "left"]) == 0
    assert main(["user", "disable", "li", "--reason", "left"]) == 2
    assert "[as-before]" in capsys.readouterr().err
    assert main(["user", "disable", "nobody", "--reason", "left"]) == 2
    assert "[no-such-user]" in capsys.readouterr().err
    assert main(["user", "list"]) == 0
    assert (
        capsys.readouterr().out
        == "一中队  dock  dock  station  disabled\n一中队  li  李警官  officer  disabled\n"
    )

    async def knock(services: Services) -> None:
        for secret in held.values():
            with pytest.raises(Unauthenticated):
                await services.accounts.recognise(secret)
        with pytest.raises(Unauthenticated):
            await services.accounts.sign_in("li", "a long password")

    in_services(data, knock)
    assert main(["user", "enable", "li", "--reason", "came back"]) == 0

    async def again(services: Services) -> None:
        await services.accounts.sign_in("li", "a long password")

    in_services(data, again)


def test_what_is_sealed_gets_other_people_only_once_all_named_are_gone(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found: dict[str, str] = {}

    async def seal(services: Services) -> None:
        add = services.accounts.add
        agents = [await add(name, "", Role.SUPERVISOR, "一大队", None) for name in ("a", "b", "c")]
        case = await services.case_files.open(agents[0], "〔2026〕1号", Category.PENALTY, CaseDetail())
        await services.rights.restrict(
            agents[0], SubjectKind.CASE, case.id, Restriction.SEALED, ["a", "b"], "a minor"
        )
        found["case"] = case.id

    async def sees(services: Services, name: str) -> bool:
        agent = {one.username: one for one in await services.accounts.listed()}[name]
        try:
            await services.case_files.show(agent, found["case"])
        except Denied:
            return False
        return True

    in_services(data, seal)
    name = ["seal", "name", "case", found["case"], "c", "--reason", "a and b left"]
    assert main(name) == 2
    assert "[still-named]" in capsys.readouterr().err
    for gone in ("a", "b"):
        assert main(["user", "disable", gone, "--reason", "left"]) == 0
    assert main(name) == 0
    assert main([*name[:3], "00000000-0000-7000-8000-000000000000", *name[4:]]) == 2
    assert "[no-such-seal]" in capsys.readouterr().err

    async def check(services: Services) -> None:
        assert await sees(services, "c")
        for gone in ("a", "b"):
            await services.accounts.set_disabled(gone, disabled=False, reason="back")
            assert not await sees(services, gone)

    in_services(data, check)


def test_a_staff_list_is_taken_in_and_may_be_taken_in_again(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "staff.csv"
    listed.write_text(
        "username,name,role,unit,above\n"
        "0071,李明,officer,一中队,一大队\n"
        "dock-1,采集站,station,一中队,\n"
        "0072,王芳,chief,一中队,\n",
        "gb18030",
    )

    def taken_in(*options: str) -> tuple[int, list[dict[str, str]], str]:
        status = main(["user", "import", str(listed), *options])
        said = capsys.readouterr()
        return status, list(csv.DictReader(io.StringIO(said.out))), said.err

    status, rows, words = taken_in("--dry-run")
    assert status == 1
    assert [(row["username"], row["fate"], row["secret"]) for row in rows] == [
        ("0071", "new", ""),
        ("dock-1", "new", ""),
    ]
    assert "line 4 was left out: role is one of officer" in words
    status, rows, words = taken_in()
    assert [row["fate"] for row in rows] == ["new", "new"]
    assert "2 were registered, 0 were known." in words
    password, token = (row["secret"] for row in rows)

    async def check(services: Services) -> None:
        officer, _ = await services.accounts.sign_in("0071", password)
        assert (officer.name, officer.role, officer.unit) == ("李明", Role.OFFICER, "一中队")
        assert (await services.accounts.recognise(token)).role is Role.STATION
        assert await services.rights.units() == {"一中队": "一大队"}

    in_services(data, check)
    listed.write_text("username,role,unit\n0071,officer,一中队\ndock-1,station,二中队\n", "utf-8")
    status, rows, words = taken_in()
    assert status == 1
    assert [(row["fate"], row["secret"]) for row in rows] == [("known", ""), ("differs", "")]
    assert "1 have another role or unit here" in words
    in_services(data, check)
    assert main(["user", "import", str(tmp_path / "none.csv")]) == 2
    assert "[no-list]" in capsys.readouterr().err


def test_a_failed_job_is_listed_with_its_reason_and_tried_again(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(services: Services) -> None:
        agent = await services.accounts.add("li", "", Role.SUPERVISOR, "u", None)
        upload = await services.uploads.open(agent, 5, metadata(filename="a.mp4"))
        await services.uploads.receive(agent, upload.id, 0, None, pieces(b"hello", 0), None)
        (data / "staging" / f"{upload.id}.part").unlink()
        (job,) = await services.catalogue.read(lambda tx: tx.jobs.of_subjects([upload.id]))
        assert job.stage is Stage.COMMIT
        await services.work.run(job.id)

    in_services(data, fail)
    assert main(["jobs", "list", "--failed"]) == 0
    said = capsys.readouterr().out
    assert "[staged-missing]" in said
    assert main(["jobs", "retry", said.split()[0]]) == 0
    capsys.readouterr()
    assert main(["jobs", "list", "--failed"]) == 0
    assert "No such jobs." in capsys.readouterr().out
    assert main(["jobs", "list", "--state", JobState.QUEUED]) == 0
    assert "commit" in capsys.readouterr().out
    assert main(["jobs", "retry", said.split()[0]]) == 2
    assert "[not-failed]" in capsys.readouterr().err


def test_alarms_are_seen_and_cleared(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def raise_one(services: Services) -> None:
        now = services.work._clock.now()
        await services.catalogue.write(
            lambda tx: tx.oversight.raise_alarm(
                Alarm("read-back-mismatch", "an-item", "Look at the disk.", now)
            )
        )

    in_services(data, raise_one)
    assert main(["alarms", "list"]) == 1
    assert "Look at the disk." in capsys.readouterr().out
    assert main(["alarms", "clear", "read-back-mismatch", "an-item"]) == 0
    assert main(["alarms", "list"]) == 0


def test_a_receipt_is_verified_and_a_changed_file_is_not(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    receipt, file = tmp_path / "a.jws", tmp_path / "a.bin"
    file.write_bytes(b"hello")

    async def commit(services: Services) -> None:
        agent = await services.accounts.add("li", "", Role.SUPERVISOR, "u", None)
        upload = await services.uploads.open(agent, 5, metadata(filename="现场.bin"))
        await services.uploads.receive(agent, upload.id, 0, None, pieces(b"hello", 0), None)
        for stage in (Stage.COMMIT, Stage.READ_BACK):
            jobs = await services.catalogue.read(lambda tx: tx.jobs.listed(None, 9))
            await services.work.run(next(job.id for job in jobs if job.stage is stage))
        receipt.write_text(await services.uploads.receipt(agent, upload.id) or "")

    in_services(data, commit)
    assert main(["verify", "receipt", str(file), str(receipt)]) == 0
    said = capsys.readouterr().out
    assert "VERIFIED" in said
    assert "现场.bin" in said
    assert "read back   yes" in said
    file.write_bytes(b"hellp")
    assert main(["verify", "receipt", str(file), str(receipt)]) == 1
    assert "NOT VERIFIED" in capsys.readouterr().out
    assert main(["verify", "receipt", str(tmp_path / "absent"), str(receipt)]) == 2
    assert "[no-such-file]" in capsys.readouterr().err


def test_what_searches_look_at_is_made_anew(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def commit(services: Services) -> None:
        agent = await services.accounts.add("li", "", Role.SUPERVISOR, "二大队", None)
        upload = await services.uploads.open(agent, 5, metadata(filename="现场.bin"))
        await services.uploads.receive(agent, upload.id, 0, None, pieces(b"hello", 0), None)
        (job,) = await services.catalogue.read(lambda tx: tx.jobs.of_subjects([upload.id]))
        await services.work.run(job.id)
        (item,) = await services.catalogue.read(lambda tx: tx.search.items_after(None, 9))
        await services.catalogue.write(lambda tx: tx.search.drop(item))
        assert (await services.search.page(agent, Query(text="现场"), None)).found == []

    async def find(services: Services) -> None:
        agent = await services.accounts.add("wang", "", Role.SUPERVISOR, "二大队", None)
        (found,) = (await services.search.page(agent, Query(text="现场"), None)).found
        assert found.view.item.submission.filename == "现场.bin"

    in_services(data, commit)
    assert main(["search", "rebuild"]) == 0
    assert "1 items" in capsys.readouterr().out
    in_services(data, find)


def test_what_a_migration_left_to_be_made_is_made_by_the_sweep(data: Path) -> None:
    async def commit(services: Services) -> None:
        agent = await services.accounts.add("li", "", Role.SUPERVISOR, "二大队", None)
        for name in ("一.bin", "二.bin"):
            upload = await services.uploads.open(agent, 5, metadata(filename=name))
            await services.uploads.receive(agent, upload.id, 0, None, pieces(b"hello", 0), None)
            (job,) = await services.catalogue.read(lambda tx, one=upload: tx.jobs.of_subjects([one.id]))  # type: ignore[misc]
            await services.work.run(job.id)

        def as_before(tx: Any) -> None:
            for item in tx.search.items_after(None, 9):
                tx.search.drop(item)
            tx.connection.exec_driver_sql("INSERT INTO search_due SELECT id FROM items")

        await services.catalogue.write(as_before)
        await services.sweep.run()
        assert await services.catalogue.read(lambda tx: tx.search.due(9)) == []
        assert len((await services.search.page(agent, Query(), None)).found) == 2

    in_services(data, commit)


def test_the_log_and_an_items_proofs_are_verified_and_what_was_changed_is_not(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found: dict[str, str] = {}

    async def fill(services: Services) -> None:
        agent = await services.accounts.add("li", "", Role.SUPERVISOR, "u", None)
        upload = await services.uploads.open(agent, 5, metadata(filename="a.mp4"))
        await services.uploads.receive(agent, upload.id, 0, None, pieces(b"hello", 0), None)
        (job,) = await services.catalogue.read(lambda tx: tx.jobs.of_subjects([upload.id]))
        await services.work.run(job.id)
        (item,) = await services.reading.items(agent, None)
        await services.sequencer.run()
        proof = await services.proofs.of_item(agent, item.item.id)
        (tmp_path / "proofs.json").write_bytes(canonical(as_json(proof)))
        found["key"] = proof.key

    in_services(data, fill)
    assert main(["verify", "log"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("1. signature of the head: ")
    assert said.endswith("VERIFIED\n")
    for key in ([], ["--key", found["key"]]):
        assert main(["verify", "proofs", str(tmp_path / "proofs.json"), *key]) == 0
        assert "3. chain of the item: they follow each other without one left out." in capsys.readouterr().out
    copy = tmp_path / "copy"
    shutil.copytree(data / "store", copy)
    (bundle,) = (copy / "objects/log/tile/entries").glob("000.p/*")
    bundle.write_bytes(bundle.read_bytes().replace(b"item.ingested", b"item.ingestee"))
    assert main(["verify", "log", str(copy), "--key", found["key"]]) == 1
    assert "NOT VERIFIED: leaf" in capsys.readouterr().out
    assert main(["verify", "log", str(copy / "objects/log"), "--key", found["key"], "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["verified"] is False
    changed = (tmp_path / "proofs.json").read_text().replace("item.locked", "item.lockee")
    (tmp_path / "proofs.json").write_text(changed)
    assert main(["verify", "proofs", str(tmp_path / "proofs.json"), "--json"]) == 1
    assert "not the one that is in the signed tree" in json.loads(capsys.readouterr().out)["why"]
    assert main(["verify", "proofs", str(tmp_path / "none.json"), "--key", found["key"]]) == 2
    assert "[no-such-file]" in capsys.readouterr().err
    (tmp_path / "proofs.json").write_text("no")
    assert main(["verify", "proofs", str(tmp_path / "proofs.json"), "--key", found["key"]]) == 2
    assert "[bad-proofs]" in capsys.readouterr().err
