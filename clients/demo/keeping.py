"""How long a county's recordings are kept: two schedules, a hold, and what is sealed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from clients.demo.county import SQUADS, Fate
from clients.demo.errors import DemoError
from clients.demo.office import ARCHIVIST, CHIEF, DEPUTY, LEGAL, NEIGHBOUR, REVIEWER, SQUAD_LEADER, Office

_FIRST: list[dict[str, Any]] = [
    {"category": None, "days": 180, "basis": "公安机关现场执法视音频记录工作规定 第14条"},
    {"category": "penalty", "days": 365, "basis": "县局音像记录管理办法 第9条"},
]
_SECOND: list[dict[str, Any]] = [
    {"category": None, "days": 90, "basis": "县局音像记录管理办法（修订） 第9条"},
    {"category": "penalty", "days": 1095, "basis": "县局音像记录管理办法（修订） 第10条"},
]
_PATIENCE_SECONDS = 120


async def first_schedule(office: Office) -> None:
    """A schedule that two others approve; the proposer and the first approver cannot be the second."""
    office.console.step("How long things are kept: a schedule, approved by two others")
    version = await _proposed(office, _FIRST, "首次制定")
    own = await office.desks[CHIEF].ask("POST", f"/schedules/{version}/approval")
    once = await office.said(DEPUTY, "POST", f"/schedules/{version}/approval")
    twice = await office.desks[DEPUTY].ask("POST", f"/schedules/{version}/approval")
    last = await office.said(ARCHIVIST, "POST", f"/schedules/{version}/approval")
    office.checks.expect(
        (own.status, twice.status, once["in_force"], last["in_force"]) == (409, 409, False, True),
        "it took two people besides the one who proposed it",
        f"{own.status} {twice.status} {once} {last}",
    )


async def _proposed(office: Office, rules: Sequence[dict[str, Any]], reason: str) -> int:
    body = {"rules": [{**rule, "counts_from": "received"} for rule in rules], "reason": reason}
    return int((await office.said(CHIEF, "POST", "/schedules", json=body))["version"])


async def second_schedule(office: Office) -> None:
    """A changed schedule: tried out, approved, in force; no lock becomes shorter."""
    office.console.step("A changed schedule: tried out before anybody approves it")
    version = await _proposed(office, _SECOND, "办法修订")
    penalty = [one for one in office.day.segments if one.task.category == "penalty"]
    trial = await office.said(CHIEF, "GET", f"/schedules/{version}/trial")
    total = len(office.day.segments)
    office.checks.expect(
        (trial["items"], trial["longer"], trial["shorter"]) == (total, len(penalty), total - len(penalty)),
        f"it would keep {len(penalty)} of {total} longer and {total - len(penalty)} shorter",
        str(trial),
    )
    before = await _locks(office)
    for who in (DEPUTY, ARCHIVIST):
        await office.said(who, "POST", f"/schedules/{version}/approval")
    for _ in range(_PATIENCE_SECONDS):
        trial = await office.said(CHIEF, "GET", f"/schedules/{version}/trial")
        if (trial["longer"], trial["shorter"]) == (0, 0):
            break
        await asyncio.sleep(1)
    else:
        raise DemoError(f"The schedule was not applied within {_PATIENCE_SECONDS} s: {trial}")
    after = await _locks(office)
    shorter = [item for item, until in before.items() if after.get(item, "") < until]
    office.checks.expect(
        not shorter, f"it is in force, and none of {len(before)} locks became shorter", ", ".join(shorter)
    )


async def _locks(office: Office) -> dict[str, str]:
    return {one["id"]: one["locked_until"] for one in await office.every(REVIEWER, "/items", "items")}


async def hold(office: Office) -> None:
    """A case is held on a court's order."""
    office.console.step("A court orders that nothing of one case is destroyed")
    held = [one for one in office.day.of(Fate.LISTED) if one.task.cases[0].endswith("041号")]
    case = (await office.cases(LEGAL))[held[0].task.cases[0]]
    order = {"reason": "行政诉讼", "authority": "县人民法院 协助执行通知书 (2026)12号"}
    await office.said(LEGAL, "POST", f"/cases/{case}/holds", json=order)
    office.held.update(one.key for one in held)
    shown = await office.said(REVIEWER, "GET", f"/items/{office.items[held[0].key]}")
    office.checks.expect(
        shown["held"], f"its {len(held)} recordings, of two officers, are held, whatever the schedule says"
    )


async def seal(office: Office) -> None:
    """One recording is for three people from now on, and for nobody else there."""
    office.console.step("A recording is sealed: there for those who are named, and nowhere for all others")
    sealed = next(one for one in office.day.of(Fate.LISTED) if one.task.squad == SQUADS[1])
    item = office.items[sealed.key]
    order = {"restriction": "sealed", "named": [DEPUTY, REVIEWER, LEGAL], "reason": "涉及未成年人"}
    await office.said(CHIEF, "POST", f"/items/{item}/restriction", json=order)
    office.sealed.add(sealed.key)
    nothing = await office.desks[NEIGHBOUR].ask("GET", "/items/00000000-0000-7000-8000-000000000000")
    for who in (CHIEF, SQUAD_LEADER, NEIGHBOUR, sealed.officer or ""):
        answer = await office.desks[who].ask("GET", f"/items/{item}")
        office.checks.expect(
            (answer.status, answer.body) == (404, nothing.body),
            f"{who} is told 404, word for word as for an item that does not exist",
            str(answer.status),
            quiet=who != CHIEF,
        )
    listed = {who: await office.every(who, "/items", "items") for who in (CHIEF, REVIEWER)}
    with_it = {who: item in {one["id"] for one in found} for who, found in listed.items()}
    office.checks.expect(
        with_it == {CHIEF: False, REVIEWER: True},
        "it is in the lists of those named, and in no other",
        str(with_it),
    )
