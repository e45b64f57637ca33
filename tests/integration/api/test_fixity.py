"""How fixity audits look from outside: in an item, in metrics, at the command line, beside a disposal."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from custos.cli import main
from evidence.agents import Role
from evidence.fixity import Finding
from evidence.jobs import JobState, Stage
from tests.offices import Office
from tests.serving.client import Client
from tests.serving.inside import Inside


def flip(server: Inside, rendition: dict[str, Any], item: str) -> None:
    (path,) = (server.data / "store" / "objects" / "renditions" / item / rendition["id"]).iterdir()
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def audited(server: Inside, item: str) -> list[tuple[str, list[str], list[str]]]:
    """Outcome, what was found of what, and what was made again, of each audit of the item."""
    return [
        (event["outcome"], [f"{one['what']} {one['finding']}" for one in event["detail"]["findings"]],
         event["detail"]["made_again"])
        for event in server.events("item.audited")
        if event["subjects"] == [{"id": item, "kind": "item"}]
    ]  # fmt: skip


def swept(server: Inside) -> None:
    """What is due is queued by one sweep and rung for by the next."""
    for _ in range(2):
        server.do(server.services.sweep.run())


def alarms(server: Inside) -> list[str]:
    found = server.do(server.services.catalogue.read(lambda tx: tx.oversight.alarms()))
    return [one.kind for one in found]


def test_what_was_made_is_made_again_once_and_then_it_is_an_alarm(
    bureau: Inside, camera: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUSTOS_DATA", str(bureau.data))
    monkeypatch.setenv("CUSTOS_PROTECTION__IMMUTABLE", "false")
    monkeypatch.setenv("CUSTOS_MEDIA__SANDBOX", "prefer")

    def custos(*arguments: str) -> tuple[int, str]:
        status = main(["fixity", *arguments])
        said = capsys.readouterr()
        return status, said.out + said.err

    viewer = bureau.client(Role.SUPERVISOR)
    item = viewer.kept(camera, "a.mp4", device="CAM-F")
    shown = viewer.settled(item)
    assert shown["fixity"]["last_at"] is None
    assert shown["fixity"]["due"] > shown["committed_at"].replace("2026", "2027")
    poster = next(one for one in shown["renditions"] if one["kind"] == "poster")

    flip(bureau, poster, item)
    assert custos("run", "--item", item)[0] == 0
    assert viewer.get(f"/items/{item}").json()["fixity"]["due"] < shown["fixity"]["due"]
    bureau.bell.answers = False
    bureau.do(bureau.services.sweep.run())
    bureau.run(Stage.FIXITY)
    assert audited(bureau, item) == [("failure", ["poster mismatch"], ["poster"])]
    assert alarms(bureau) == []
    status, said = custos("status")
    assert (status, "failing     1: see" in said) == (1, True)
    metrics = Client(bureau.url).get("/metrics").body.decode()
    assert 'custos_fixity_items{state="failing"} 1.0' in metrics
    assert viewer.get(f"/items/{item}").json()["fixity"]["failing"] == ["poster"]

    # The job that made it has it made again; what is damaged once more is left to a person.
    (queued,) = [job for job in bureau.jobs(*Stage) if job.state is JobState.QUEUED]
    assert bureau.run(queued.stage)[0].state is JobState.DONE
    flip(bureau, poster, item)
    bureau.do(bureau.services.sweep.run())
    bureau.run(Stage.FIXITY)
    assert audited(bureau, item)[1:] == [("failure", ["poster mismatch"], [])]
    assert alarms(bureau) == ["fixity-rendition"]

    flip(bureau, poster, item)
    assert custos("run", "--item", item)[0] == 0
    bureau.bell.answers = True
    swept(bureau)
    assert audited(bureau, item)[2:] == [("success", [], [])]
    assert alarms(bureau) == []
    after = viewer.get(f"/items/{item}").json()
    assert (after["fixity"]["outcome"], after["fixity"]["failing"]) == ("intact", [])
    assert [job["stage"] for job in after["jobs"] if job["stage"] == "fixity"] == []
    assert custos("status")[0] == 0
    assert custos("run", "--item", "nothing") == (2, "custos: No such item is kept: nothing. [not-kept]\n")
    status, said = custos("run")
    assert (status, said.startswith("Audited next: 1.")) == (0, True)
    swept(bureau)
    assert len(audited(bureau, item)) == 4


def test_what_is_disposed_of_in_its_audit_is_no_finding_and_what_is_sealed_and_held_is(
    office: Office,
) -> None:
    server, (item, sealed, _) = office.server, office.items
    services, loop = server.services, server.loop
    begun, go_on = threading.Event(), asyncio.Event()
    stage = services.work._stages[Stage.FIXITY]

    async def wait(_: float) -> None:
        begun.set()
        await go_on.wait()

    stage._sleep = wait  # type: ignore[attr-defined]
    server.bell.answers = False
    proposal = office.approved(item)
    server.do(services.audits.ask([item], None))
    server.do(services.audits.plan())
    (job,) = server.jobs(Stage.FIXITY)
    running = asyncio.run_coroutine_threadsafe(services.work.run(job.id), loop)
    assert begun.wait(20)
    assert office.run(proposal).disposed == 1
    loop.call_soon_threadsafe(go_on.set)
    assert running.result(20)
    assert audited(server, item) == []
    assert "fixity-missing" not in alarms(server)
    assert server.do(services.catalogue.read(lambda tx: tx.fixity.get(item))) is None
    assert server.jobs(Stage.FIXITY) == []

    path: Path = server.data / "store" / "objects"
    found = server.do(services.catalogue.read(lambda tx: tx.items.get(sealed)))
    assert found is not None
    held = {"reason": "r", "authority": "a"}
    assert server.client(Role.LEGAL_REVIEWER).post(f"/items/{sealed}/holds", held).status == 201
    office.row("UPDATE items SET restriction = 'sealed' WHERE id = ? RETURNING id", sealed)
    (path / found.key).chmod(0o600)
    (path / found.key).write_bytes(b"")
    server.bell.answers = True
    server.do(services.audits.ask([sealed], None))
    swept(server)
    audit = server.do(services.catalogue.read(lambda tx: tx.fixity.get(sealed)))
    assert audit is not None
    assert audit.outcome is Finding.MISMATCH
    assert "fixity-mismatch" in alarms(server)
