"""What lists, officers and their leaders do with what was recorded, compared with the plan."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from clients.demo.county import SQUADS, Fate, Segment, police_number
from clients.demo.office import CHIEF, SQUAD_LEADER, Office, table_of

_COLUMNS = ("reference", "case_number", "officer", "device", "begins", "ends", "category", "title", "place")
#: A line that nobody can read, as they come.
_FAULTY = {"reference": "J99-1", "case_number": "一执〔2026〕第999号", "begins": "约九点", "ends": "晚些时候"}
#: The officer who tags recordings of his own, and the one two of whose matters overlap.
_TAGGING, _TWO_MATTERS = 3, (1, 2)
_FIRST_TASKS = 3


async def _take_in(office: Office, squad: str, upto: int, *faulty: dict[str, str], dry: bool) -> Any:
    body = table_of(_COLUMNS, [*office.day.lines(squad, upto), *faulty])
    path = f"/lists?zone=%2B08:00&unit={squad}&dry_run={str(dry).lower()}"
    headers = {"Content-Type": "text/csv"}
    return await office.said(CHIEF, "POST", path, data=body.encode(), headers=headers)


async def morning(office: Office) -> None:
    """The lists of the first tasks are there before anybody comes in, and one officer opens a case."""
    office.console.step("Morning: the command centre's dispatch lists, and a case that an officer opens")
    (named,) = (task for task in office.day.tasks if task.fate is Fate.NAMED)
    wanted = {"number": named.cases[0], "category": named.category, "detail": {"title": "巡查发现占道经营"}}
    await office.said(police_number(named.officer), "POST", "/cases", json=wanted)
    opened: set[str] = set()
    for squad in SQUADS:
        tried = await _take_in(office, squad, _FIRST_TASKS, dry=True)
        report = await _take_in(office, squad, _FIRST_TASKS, dry=False)
        opened.update(report["opened"])
        office.checks.expect(
            {**tried, "dry_run": False} == report and not report["linked"],
            f"{squad}: the trial said what the list came to: {report['new']} lines, nothing to link yet",
            f"{tried} and {report}",
        )
        again = await _take_in(office, squad, _FIRST_TASKS, dry=False)
        office.checks.expect(
            (again["new"], again["changed"], again["same"]) == (0, 0, report["new"]),
            f"{squad}: the same list taken in again changes nothing",
            str(again),
            quiet=True,
        )
    planned = {line["case_number"] for squad in SQUADS for line in office.day.lines(squad, _FIRST_TASKS)}
    office.checks.expect(
        opened == planned, f"{len(planned)} cases were opened, those of the lists", str(opened ^ planned)
    )


async def what_came_in(office: Office) -> None:
    """What fits the morning's lists is linked by now; the rest waits."""
    office.console.step("What fits is linked as it comes in; the rest waits in the inbox")
    listed = [one for one in office.day.of(Fate.LISTED) if one.task.number < _FIRST_TASKS]
    office.tagged = {one.key for one in [*listed, *office.day.of(Fate.NAMED)]}
    await _check_inbox(office)


async def evening(office: Office) -> None:
    """The whole lists are taken in, with a line that cannot be read."""
    office.console.step("Evening: the rest of the lists")
    for squad in SQUADS:
        faulty = [_FAULTY] if squad == SQUADS[0] else []
        tried = await _take_in(office, squad, 5, *faulty, dry=True)
        report = await _take_in(office, squad, 5, *faulty, dry=False)
        planned = {
            office.items[one.key]: one.task.cases[0]
            for one in office.day.of(Fate.LISTED)
            if one.task.squad == squad and one.key not in office.tagged
        }
        ambiguous = [one for one in office.day.of(Fate.AMBIGUOUS) if one.task.squad == squad]
        office.checks.expect(
            tried["linked"] == report["linked"] == planned and len(report["faults"]) == len(faulty),
            f"{squad}: {len(planned)} recordings are linked that fit one case; "
            f"{len(faulty)} line that cannot be read is named",
            f"{len(report['linked'])} linked; {report['faults']}",
        )
        office.checks.expect(
            report["ambiguous"] == len(ambiguous),
            f"{squad}: {len(ambiguous)} fit more than one case, or only partly, and are left to a person",
            str(report["ambiguous"]),
            quiet=not ambiguous,
        )
    office.tagged.update(one.key for one in office.day.of(Fate.LISTED))
    await _check_inbox(office)
    await _check_cases(office)


async def _check_inbox(office: Office) -> None:
    waiting = await office.every(CHIEF, "/inbox", "items")
    planned = {office.items[one.key]: one for one in office.day.segments if one.key not in office.tagged}
    office.checks.expect(
        {one["item"] for one in waiting} == planned.keys(),
        f"{len(planned)} of {len(office.items)} wait in the bureau's inbox, those that fit no case",
        f"{len(waiting)} wait",
    )
    if any(one["candidates"] for one in waiting):
        told = {one["item"]: set(one["candidates"]) for one in waiting if one["candidates"]}
        wanted = {
            item: set(one.task.cases) for item, one in planned.items() if one.task.fate is Fate.AMBIGUOUS
        }
        office.checks.expect(
            told == wanted,
            f"{len(wanted)} of them say which cases they may be of, and nothing was guessed",
            f"{told} instead of {wanted}",
        )


async def _check_cases(office: Office) -> None:
    cases = await office.cases(CHIEF)
    wrong = []
    planned: dict[str, set[str]] = {}
    for one in office.day.of(Fate.LISTED, Fate.NAMED):
        planned.setdefault(one.task.cases[0], set()).add(office.items[one.key])
    for number, items in planned.items():
        case = await office.said(CHIEF, "GET", f"/cases/{cases[number]}")
        if {link["item"] for link in case["links"] if link["withdrawn_at"] is None} != items:
            wrong.append(number)
    office.checks.expect(
        not wrong, f"{len(planned)} cases hold the recordings that were made for them", ", ".join(wrong)
    )


async def officers_tag(office: Office) -> None:
    """An officer sees his own, and tags what no list knew, at the same moment as his leader."""
    number = police_number(_TAGGING)
    office.console.step(f"Officer {number} tags what no list knew of, and his leader does the same at once")
    own = [one for one in office.day.segments if one.task.officer == _TAGGING]
    mine = await office.every(number, "/items?mine=true", "items")
    office.checks.expect(
        {one["id"] for one in mine} == set(office.items_of(own)),
        f"{len(own)} recordings are the officer's own, although a station sent them",
        f"{len(mine)} are",
    )
    bare = [one for one in own if one.task.fate is Fate.BARE]
    wanted = {"number": "一执〔2026〕第951号", "category": "inspection", "detail": {"title": "流动摊贩"}}
    case = (await office.said(number, "POST", "/cases", json=wanted))["id"]
    items = office.items_of(bare)
    path = f"/cases/{case}/links"
    seen = await office.said(number, "POST", path, json={"items": items, "preview": True})
    linked = await asyncio.gather(
        *(office.said(who, "POST", path, json={"items": items}) for who in (number, SQUAD_LEADER))
    )
    fates = sorted(line["fate"] for one in linked for line in one["items"])
    office.tagged.update(one.key for one in bare)
    office.checks.expect(
        [line["fate"] for line in seen["items"]] == ["linked"] * len(items)
        and fates == sorted(["linked", "already-linked"] * len(items)),
        f"the preview promised {len(items)} links; two people made them once, not twice",
        f"{seen} {fates}",
    )


async def squad_leader_decides(office: Office) -> None:
    """A person chooses between the cases that a list could not tell apart."""
    office.console.step("The squad's leader chooses where two matters overlap")
    unclear = [one for one in office.day.segments if _place(one) == _TWO_MATTERS]
    cases = await office.cases(SQUAD_LEADER)
    chosen = unclear[0].task.cases[1]
    await office.said(
        SQUAD_LEADER, "POST", f"/cases/{cases[chosen]}/links", json={"items": office.items_of(unclear)}
    )
    office.tagged.update(one.key for one in unclear)
    await _check_inbox(office)
    foreign = {one.key for one in office.day.segments if one.task.squad != SQUADS[0]} - office.tagged
    waiting = await office.every(SQUAD_LEADER, "/inbox", "items")
    others = {office.items[key] for key in foreign} & {one["item"] for one in waiting}
    office.checks.expect(not others, "in the squad's own inbox is nothing of another squad", str(others))


def _place(one: Segment) -> tuple[int, int]:
    return one.task.officer, one.task.number


async def case_file(office: Office) -> None:
    """What has to be recorded of a penalty, what is missing, and a note."""
    office.console.step("A case file: what has to be recorded, and what is still missing")
    number = police_number(0)
    first = [one for one in office.day.segments if _place(one) == (0, 0)]
    case = (await office.cases(CHIEF))[first[0].task.cases[0]]
    before = await office.said(CHIEF, "GET", f"/cases/{case}/checklist")
    (item,) = office.items_of(first[:1])
    covering = f"/cases/{case}/checklist/site-inspection/covering"
    await office.said(SQUAD_LEADER, "POST", covering, json={"items": [item]})
    stated = {"maker": "李明 010101", "made_where": "人民路12号", "proves": "占道经营的事实"}
    await office.said(SQUAD_LEADER, "PUT", f"/items/{item}/particulars", json=stated)
    await office.said(SQUAD_LEADER, "POST", f"/cases/{case}/notes", json={"text": "当事人承认违规摆摊"})
    after = await office.said(CHIEF, "GET", f"/cases/{case}/checklist")
    asked = next(one for one in after["particulars_missing"] if one["item"] == item)
    office.checks.expect(
        set(before["missing"]) - set(after["missing"]) == {"site-inspection"}
        and "maker" not in asked["missing"],
        f"of what a penalty needs {len(after['missing'])} things are still missing, one less than before",
        f"{before['missing']} and {after['missing']}",
    )
    found = await office.said(CHIEF, "GET", "/search?text=违规摆摊")
    office.checks.expect(
        {one["id"] for one in found["items"]} == set(office.items_of(first)),
        "the note's words find the recordings of its case",
        str(len(found["items"])),
    )
    denied = await office.desks[number].ask("GET", f"/cases/{case}/notes")
    office.checks.expect(
        denied.status == 404, "the officer, who did not open the case, is not shown its notes"
    )


async def search(office: Office) -> None:
    """What is found by whom, counted two ways and taken along as a list."""
    office.console.step("Searching")
    shown = office.counted()
    facets = await office.said(CHIEF, "GET", "/search/facets")
    squads = {one["value"]: one["count"] for one in facets["unit"]}
    office.checks.expect(
        (facets["total"], squads) == (len(shown), {squad: _of(squad, shown) for squad in SQUADS}),
        f"{len(shown)} items are found, by squad as many as were planned",
        str(facets["unit"]),
    )
    number = police_number(4)
    wanted = sorted(office.items[one.key] for one in shown if one.officer == number)
    found = (await office.said(CHIEF, "GET", f"/search?officer={number}&limit=100"))["items"]
    office.checks.expect(
        sorted(one["id"] for one in found) == wanted,
        f"{len(wanted)} are of officer {number}",
        str(len(found)),
    )
    answer = await office.desks[CHIEF].ask("POST", "/search/csv", json={"query": {"officer": number}})
    lines = answer.body.decode("utf-8-sig").splitlines()
    office.checks.expect(
        answer.status == 200 and len(lines) == len(wanted) + 1,
        "the list that is taken along has as many lines, and is on record",
        f"{answer.status}: {len(lines)} lines",
    )


def _of(squad: str, segments: Iterable[Segment]) -> int:
    return sum(one.task.squad == squad for one in segments)
