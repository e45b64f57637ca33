"""Dispatch lists link what fits one case, leave what may fit several to a person, and can be read again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evidence.agents import Role
from tests.integration.api.test_cases import inbox, linked, number
from tests.searching import statements
from tests.serving.client import Client
from tests.serving.inside import Inside, served_inside

HEADER = "reference,case_number,officer,device,begins,ends,category,title,place\n"
#: Cameras here state no zone; lists are read with this one.
ZONE = "%2B08:00"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Inside]:
    """A server of its own: a list is compared with everything."""
    with served_inside(tmp_path / "data") as opened:
        yield opened


def sent(server: Inside, clip: Path, at: str, officer: str = "012345", device: str = "7") -> str:
    """A recording that began at `at` by its camera's name for it, which states no zone."""
    stamp = datetime.fromisoformat(at).strftime("%Y%m%d%H%M%S")
    name = f"DSJ-{device}_{stamp}_0001.mp4"
    data = clip.read_bytes() + os.urandom(8)
    return server.client(Role.STATION).kept(data, name, officer=officer, device=f"DSJ-{device}")


def imported(client: Client, *lines: str, dry_run: bool = False, unit: str = "") -> dict[str, Any]:
    body = (HEADER + "\n".join(lines)).encode()
    path = f"/lists?zone={ZONE}&dry_run={str(dry_run).lower()}&unit={unit}"
    answer = client.ask("POST", path, body, {"Content-Type": "text/csv"})
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


def case_of(client: Client, named: str) -> str:
    (found,) = (one["id"] for one in client.get("/cases").json()["cases"] if one["number"] == named)
    case: str = found
    return case


def test_what_fits_one_case_is_linked_whichever_comes_first(server: Inside, clip: Path) -> None:
    supervisor, named = server.client(Role.SUPERVISOR), number()
    before = sent(server, clip, "2026-11-25T08:40:00")
    line = f"J-1,{named},012345,DSJ-7,2026-11-25 08:30,2026-11-25 09:30,penalty,纠纷,人民路"
    expected = {
        "new": 1, "changed": 0, "same": 0, "faults": [], "opened": [named],
        "linked": {before: named}, "ambiguous": 0,
    }  # fmt: skip
    for _ in range(2):
        assert imported(supervisor, line, dry_run=True) == {"dry_run": True, **expected}
        assert before in inbox(supervisor)
        assert supervisor.get("/cases").json()["cases"] == []
    assert imported(supervisor, line) == {"dry_run": False, **expected}
    case = case_of(supervisor, named)
    assert linked(supervisor, case) == {before: "rule"}
    detail = supervisor.get(f"/cases/{case}").json()
    assert (detail["category"], detail["detail"]["title"]) == ("penalty", "纠纷")
    after = sent(server, clip, "2026-11-25T09:34:00")
    late = sent(server, clip, "2026-11-25T09:36:00")
    assert linked(supervisor, case) == {before: "rule", after: "rule"}
    assert set(inbox(supervisor)) == {late}
    again = imported(supervisor, line)
    assert (again["new"], again["same"], again["linked"], again["opened"]) == (0, 1, {}, [])


@pytest.mark.long
def test_what_may_fit_several_waits_with_its_candidates(server: Inside, clip: Path) -> None:
    supervisor = server.client(Role.SUPERVISOR)
    first, second = number(), number()
    both = sent(server, clip, "2026-11-25T08:40:00")
    partly = sent(server, clip, "2026-11-25T08:41:00", device="8")
    neither = sent(server, clip, "2026-11-25T12:40:00")
    found = imported(
        supervisor,
        f"J-1,{first},012345,,2026-11-25 08:30,2026-11-25 08:45",
        f"J-2,{second},,DSJ-7,2026-11-25 08:35,2026-11-25 08:50",
    )
    assert found["linked"] == {partly: first}
    assert found["ambiguous"] == 1
    waiting = inbox(supervisor)
    assert waiting[both]["candidates"] == [first, second]
    assert waiting[neither]["candidates"] == []
    # Whoever may not see a case is not told of it.
    seal = {
        "restriction": "sealed",
        "named": [server.another(Role.REVIEWER).get("/session").json()["username"]],
        "reason": "r",
    }
    assert supervisor.post(f"/cases/{case_of(supervisor, first)}/restriction", seal).status == 204
    assert inbox(supervisor)[both]["candidates"] == [second]


def test_a_link_that_somebody_withdrew_is_not_made_again_by_a_list(server: Inside, clip: Path) -> None:
    supervisor, named = server.client(Role.SUPERVISOR), number()
    item = sent(server, clip, "2026-11-25T08:40:00")
    line = f"J-1,{named},012345,DSJ-7,2026-11-25 08:30,2026-11-25 09:30"
    imported(supervisor, line)
    (link,) = supervisor.get(f"/cases/{case_of(supervisor, named)}").json()["links"]
    supervisor.post(f"/links/{link['id']}/withdrawal", {"reason": "另案"})
    for dry_run in (True, False):
        assert imported(supervisor, line, dry_run=dry_run)["linked"] == {}
    assert inbox(supervisor)[item]["candidates"] == [named]


def test_a_changed_line_counts_as_it_is_now(server: Inside, clip: Path) -> None:
    supervisor, wrong, right = server.client(Role.SUPERVISOR), number(), number()
    item = sent(server, clip, "2026-11-25T08:40:00")
    imported(supervisor, f"J-1,{wrong},012345,DSJ-7,2026-11-24 08:30,2026-11-24 09:30")
    corrected = f"J-1,{right},012345,DSJ-7,2026-11-25 08:30,2026-11-25 09:30"
    expected = (0, 1, {item: right})
    for dry_run in (True, False):
        found = imported(supervisor, corrected, dry_run=dry_run)
        assert (found["new"], found["changed"], found["linked"]) == expected
    assert linked(supervisor, case_of(supervisor, right)) == {item: "rule"}


def test_what_cannot_be_read_is_said_and_the_rest_taken_in(server: Inside) -> None:
    supervisor, named = server.client(Role.SUPERVISOR), number()
    found = imported(
        supervisor,
        f"J-1,{named},012345,,2026-11-25 08:30,2026-11-25 09:30",
        f"J-2,{named},012345,,soon,2026-11-25 09:30",
    )
    assert found["new"] == 1
    assert [fault["line"] for fault in found["faults"]] == [3]
    (event,) = server.events("list.imported")
    assert event["detail"] == {"unit": "north", "new": 1, "changed": 0, "linked": 0}
    for path, body, code in (
        ("/lists", b"a,b\n", "bad-list"),
        ("/lists?zone=Beijing", HEADER.encode(), "bad-zone"),
        ("/lists?dry_run=perhaps", HEADER.encode(), "bad-dry-run"),
    ):
        assert supervisor.ask("POST", path, body, {"Content-Type": "text/csv"}).code == code
    long = supervisor.ask("POST", "/lists", b"x" * 16_000_001, {"Content-Type": "text/csv"})
    assert (long.status, long.code) == (413, "list-too-long")
    assert server.client(Role.OFFICER).ask("POST", "/lists", HEADER.encode()).status == 404


def test_a_device_whose_clock_is_a_year_off_harms_only_itself(server: Inside, clip: Path) -> None:
    supervisor, named, other = server.client(Role.SUPERVISOR), number(), number()
    right = sent(server, clip, "2026-11-25T08:40:00")
    wrong = sent(server, clip, "2025-11-25T08:40:00", device="8")
    imported(
        supervisor,
        f"J-1,{named},012345,DSJ-7,2026-11-25 08:30,2026-11-25 09:30",
        f"J-2,{other},012345,DSJ-8,2026-11-25 08:30,2026-11-25 09:30",
    )
    assert linked(supervisor, case_of(supervisor, named)) == {right: "rule"}
    assert inbox(supervisor)[wrong]["candidates"] == []


def test_another_units_list_links_nothing_here(server: Inside, clip: Path) -> None:
    item = sent(server, clip, "2026-11-25T08:40:00")
    line = f"J-1,{number()},012345,DSJ-7,2026-11-25 08:30,2026-11-25 09:30"
    assert imported(server.client(Role.SUPERVISOR, "south"), line)["linked"] == {}
    assert inbox(server.client(Role.SUPERVISOR))[item]["candidates"] == []


def test_a_list_of_a_unit_below_is_taken_in_by_who_stands_above(server: Inside, clip: Path) -> None:
    server.do(server.services.rights.place_unit(None, "north", "bureau"))
    item = sent(server, clip, "2026-11-25T08:40:00")
    line = f"J-1,{number()},012345,DSJ-7,2026-11-25 08:30,2026-11-25 09:30,penalty,,"
    above = server.client(Role.SUPERVISOR, "bureau")
    assert imported(above, line)["linked"] == {}
    for client, unit in ((server.client(Role.SUPERVISOR, "south"), "north"), (above, "south")):
        answer = client.ask("POST", f"/lists?unit={unit}", b"", {"Content-Type": "text/csv"})
        assert (answer.status, answer.json()["code"]) == (404, "not-found")
    assert list(imported(above, line, unit="north")["linked"]) == [item]


@pytest.mark.long
def test_the_inbox_costs_as_many_statements_for_many_candidates_as_for_few(
    server: Inside, clip: Path
) -> None:
    for unit in ("north", "south"):
        server.do(server.services.rights.place_unit(None, unit, "bureau"))
    chief = server.client(Role.SUPERVISOR, "bureau")
    engine = server.services.catalogue._readers  # type: ignore[attr-defined]

    def cost() -> tuple[int, int]:
        with statements(engine) as seen:
            waiting = chief.get("/inbox").json()["items"]
        return len(seen), sum(len(one["candidates"]) for one in waiting)

    def unclear(unit: str, minute: int) -> None:
        at = f"2026-11-25T08:{minute:02}:00"
        stamp = datetime.fromisoformat(at).strftime("%Y%m%d%H%M%S")
        data = clip.read_bytes() + os.urandom(8)
        server.client(Role.STATION, unit).kept(
            data, f"DSJ-{minute}_{stamp}_0001.mp4", officer="012345", device=f"DSJ-{minute}"
        )
        lines = [
            f"J-{minute}-{number},〔2026〕{minute}-{number}号,012345,DSJ-{minute},"
            f"{at[:16]},2026-11-25T09:00,penalty,,"
            for number in range(3)
        ]
        imported(chief, *lines, unit=unit)

    unclear("north", 10)
    few = cost()
    for minute in range(20, 23):
        unclear("south", minute)
        unclear("north", minute + 10)
    many = cost()
    assert (few[1], many[1]) == (3, 21)
    assert many[0] == few[0]


@pytest.mark.long
def test_a_list_during_uploads_misses_none(server: Inside, clip: Path) -> None:
    """Whether the list or the recording is first in the catalogue, the other finds it."""
    supervisor, named = server.client(Role.SUPERVISOR), number()
    begin = datetime(2026, 11, 25, 8, 30)
    items = []
    for step in range(4):
        at = begin + timedelta(minutes=5 * step)
        items.append(sent(server, clip, at.isoformat(), device=str(step)))
        imported(
            supervisor,
            *(f"J-{n},{named},012345,DSJ-{n},2026-11-25 08:00,2026-11-25 09:30" for n in range(0, 4, 2)),
            *(f"K-{n},{named},012345,DSJ-{n},2026-11-25 08:00,2026-11-25 09:30" for n in range(step + 1)),
        )
    assert set(linked(supervisor, case_of(supervisor, named))) == set(items)
