"""How long things are kept, and what is held: decided by several people, forgotten by none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evidence.agents import Role
from evidence.keys import manifest_key
from evidence.retention import ROLLING_LOCK
from evidence.timekeeping import from_micros, from_text, to_micros
from tests.integration.api.test_cases import number, opened, photo
from tests.serving.client import Client
from tests.serving.inside import Inside, served_inside

HALF_A_YEAR = {"days": 183, "basis": "现场执法视音频记录工作规定 第十四条"}
PENALTY = {"category": "penalty", "days": 730, "counts_from": "closed", "basis": "案卷保存两年"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Inside]:
    """A server of its own: a schedule holds for everything."""
    with served_inside(tmp_path / "data") as opened_server:
        yield opened_server


def shown(server: Inside, item: str) -> dict[str, Any]:
    found: dict[str, Any] = server.client(Role.SUPERVISOR).get(f"/items/{item}").json()
    return found


def days_kept(server: Inside, item: str) -> int | None:
    found = shown(server, item)
    if found["keep_until"] is None:
        return None
    return round((from_text(found["keep_until"]) - from_text(found["committed_at"])) / timedelta(days=1))


def in_force(server: Inside, *rules: dict[str, Any]) -> int:
    """A schedule that three people agreed on; its version."""
    proposer, first, second = server.client(Role.SUPERVISOR), *(server.another(Role.ARCHIVIST) for _ in "ab")
    version = proposer.post("/schedules", {"rules": rules, "reason": "新规定"}).json()["version"]
    for approver in (first, second):
        assert approver.ask("POST", f"/schedules/{version}/approval").status == 200
    server.do(server.services.sweep.run())
    found: int = version
    return found


def locked(server: Inside, item: str) -> datetime:
    """What the store says, whatever the catalogue does."""
    catalogue, store = server.services.catalogue, server.services.store
    key = server.do(catalogue.read(lambda tx: tx.items.get(item))).key  # type: ignore[union-attr]
    until = server.do(store.stat(key)).locked_until
    assert until is not None
    return until


def held(server: Inside, item: str) -> bool:
    """Whether the store itself holds the original and its manifest."""
    key = server.do(server.services.catalogue.read(lambda tx: tx.items.get(item))).key  # type: ignore[union-attr]
    found = [server.do(server.services.store.stat(one)).held for one in (key, manifest_key(key))]
    assert found[0] == found[1]
    return found[0]


def test_without_a_schedule_everything_is_kept_without_end(server: Inside) -> None:
    item = server.client(Role.OFFICER).kept(photo(), "a.png")
    assert days_kept(server, item) is None
    assert server.client(Role.SUPERVISOR).get("/schedules").json() == {"schedules": []}
    assert server.client(Role.SUPERVISOR).get("/forecast").json() == {"months": []}


def test_a_schedule_is_tried_out_and_takes_two_others(server: Inside) -> None:
    item = server.client(Role.OFFICER).kept(photo(), "a.png")
    proposer, other = server.client(Role.SUPERVISOR), server.another(Role.ARCHIVIST)
    wanted = {"rules": [HALF_A_YEAR, PENALTY], "reason": "新规定"}
    assert proposer.post("/schedules", {**wanted, "rules": [HALF_A_YEAR] * 2}).code == "bad-schedule"
    assert proposer.post("/schedules", {**wanted, "reason": " "}).code == "reason-needed"
    proposed = proposer.post("/schedules", wanted).json()
    assert (proposed["version"], proposed["in_force"], proposed["approvals"]) == (1, False, 0)
    trial = other.get("/schedules/1/trial").json()
    assert trial == {"version": 1, "items": 1, "longer": 0, "shorter": 1, "soon": 0}
    assert days_kept(server, item) is None

    def approve(client: Client, version: int = 1) -> tuple[int, Any]:
        answer = client.ask("POST", f"/schedules/{version}/approval")
        return answer.status, answer.json().get("in_force", answer.json().get("code"))

    assert approve(proposer) == (409, "own-proposal")
    assert approve(other) == (200, False)
    assert approve(other) == (409, "approved-already")
    assert approve(server.client(Role.REVIEWER)) == (404, "not-found")
    assert approve(other, 2) == (404, "not-found")
    server.do(server.services.sweep.run())
    assert days_kept(server, item) is None
    assert approve(server.another(Role.SUPERVISOR, "south")) == (200, True)
    server.do(server.services.sweep.run())
    assert days_kept(server, item) == 183
    assert shown(server, item)["keep_basis"] == HALF_A_YEAR["basis"]
    assert approve(other) == (409, "overtaken")
    (listed,) = proposer.get("/schedules").json()["schedules"]
    assert (listed["in_force"], listed["approvals"]) == (True, 2)
    (event,) = server.events("retention.set")
    assert event["detail"]["was"] is None
    assert event["detail"]["schedule"] == 1


def test_what_comes_in_is_locked_as_long_as_it_is_kept(server: Inside) -> None:
    before = server.client(Role.OFFICER).kept(photo(), "a.png")
    in_force(server, HALF_A_YEAR)
    item = server.client(Role.OFFICER).kept(photo(), "b.png")
    assert days_kept(server, item) == 183
    assert (locked(server, item) - from_text(shown(server, item)["committed_at"])).days in (182, 183)
    # What was locked for longer stays so: a lock only extends.
    assert locked(server, before) > datetime.now(UTC) + timedelta(days=390)
    (month,) = {one["month"] for one in server.client(Role.SUPERVISOR).get("/forecast").json()["months"]}
    assert month == shown(server, item)["keep_until"][:7]


def test_a_case_keeps_what_was_ever_linked_to_it(server: Inside) -> None:
    in_force(server, HALF_A_YEAR, PENALTY)
    supervisor = server.client(Role.SUPERVISOR)
    item = server.client(Role.OFFICER).kept(photo(), "a.png")
    case = opened(supervisor, number())
    supervisor.post(f"/cases/{case}/links", {"items": [item]})
    assert days_kept(server, item) is None
    (link,) = supervisor.get(f"/cases/{case}").json()["links"]
    supervisor.post(f"/links/{link['id']}/withdrawal", {"reason": "另案"})
    assert days_kept(server, item) is None
    for state, days in (("closed", 730), ("filed", None), ("closed", 730)):
        assert supervisor.post(f"/cases/{case}/state", {"state": state, "about": "a"}).status == 200
        assert days_kept(server, item) == days
    server.do(server.services.sweep.run())
    assert locked(server, item) > datetime.now(UTC) + timedelta(days=390)
    assert "lock.renewed" in [event["type"] for event in supervisor.history(item)]


def test_a_hold_is_on_all_that_is_was_or_comes_to_be_linked(server: Inside) -> None:
    in_force(server, HALF_A_YEAR)
    supervisor, legal = server.client(Role.SUPERVISOR), server.client(Role.LEGAL_REVIEWER)
    case = opened(supervisor, number())
    items = [server.client(Role.OFFICER).kept(photo(), f"{n}.png") for n in range(3)]
    supervisor.post(f"/cases/{case}/links", {"items": items[:2]})
    (link, _) = supervisor.get(f"/cases/{case}").json()["links"]
    supervisor.post(f"/links/{link['id']}/withdrawal", {"reason": "另案"})
    wanted = {"reason": "行政诉讼", "authority": "区法院通知书〔2026〕3号"}
    assert legal.post(f"/cases/{case}/holds", {**wanted, "authority": " "}).code == "reason-needed"
    hold = legal.post(f"/cases/{case}/holds", wanted)
    assert hold.status == 201
    assert [shown(server, item)["held"] for item in items] == [True, True, False]
    supervisor.post(f"/cases/{case}/links", {"items": items[2:]})
    assert [shown(server, item)["held"] for item in items] == [True, True, True]
    months = supervisor.get("/forecast").json()["months"]
    assert sum(month["held"] for month in months) == sum(month["items"] for month in months) == 3
    server.do(server.services.sweep.run())
    until = [from_text(shown(server, item)["keep_until"]) for item in items]
    # The store holds them by itself, so that no lock has to outlast the hold.
    assert [held(server, item) for item in items] == [True, True, True]
    assert [locked(server, item) for item in items] == until
    lifting = f"/holds/{hold.json()['id']}/lifting"
    assert server.client(Role.REVIEWER).post(lifting, {"reason": "r"}).status == 404
    own = legal.post(f"/items/{items[0]}/holds", wanted).json()["id"]
    assert legal.post(lifting, {"reason": "判决生效"}).status == 204
    assert legal.post(lifting, {"reason": "判决生效"}).code == "already-lifted"
    assert [shown(server, item)["held"] for item in items] == [True, False, False]
    server.do(server.services.sweep.run())
    assert [held(server, item) for item in items] == [True, False, False]
    (listed,) = legal.get(f"/items/{items[0]}/holds").json()["holds"]
    assert (listed["id"], listed["lifted_at"]) == (own, None)
    (listed,) = legal.get(f"/cases/{case}/holds").json()["holds"]
    assert listed["lifted_for"] == "判决生效"


def test_a_lock_that_runs_out_while_its_item_is_kept_is_renewed(server: Inside) -> None:
    item = server.client(Role.OFFICER).kept(photo(), "a.png")
    catalogue, sweep = server.services.catalogue, server.services.sweep
    soon = datetime.now(UTC) + timedelta(days=100)

    def age(tx: Any) -> None:
        tx.connection.exec_driver_sql("UPDATE items SET locked_until = ?", (to_micros(soon),))

    server.do(sweep.run())
    assert "lock.renewed" not in [event["type"] for event in server.client(Role.SUPERVISOR).history(item)]
    server.do(catalogue.write(age))
    server.do(sweep.run())
    renewed = from_text(shown(server, item)["locked_until"])
    assert renewed > datetime.now(UTC) + ROLLING_LOCK - timedelta(minutes=5)
    assert locked(server, item) == renewed
    (event,) = server.events("lock.renewed")
    assert from_text(event["detail"]["locked_until"]) == renewed
    assert from_micros(to_micros(renewed)) == renewed


def test_a_lock_that_cannot_be_renewed_raises_an_alarm(server: Inside) -> None:
    item = server.client(Role.OFFICER).kept(photo(), "a.png")
    catalogue = server.services.catalogue
    key = server.do(catalogue.read(lambda tx: tx.items.get(item))).key  # type: ignore[union-attr]
    (server.data / "store" / "objects" / key).unlink()

    def age(tx: Any) -> None:
        tx.connection.exec_driver_sql("UPDATE items SET locked_until = 0")

    server.do(catalogue.write(age))
    server.do(server.services.sweep.run())
    alarms = server.do(catalogue.read(lambda tx: tx.oversight.alarms()))
    assert ("lock-not-renewed", item) in [(alarm.kind, alarm.subject) for alarm in alarms]
    assert server.events("lock.renewed") == []
