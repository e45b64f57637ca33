"""The people of a county bureau with their desks: what each step of the day needs to know and to change."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from clients.demo.caller import Caller, caller
from clients.demo.concurrently import all_of
from clients.demo.console import Checks, Console
from clients.demo.county import Day, Post, Segment
from clients.demo.county_media import Docked
from clients.demo.errors import DemoError
from clients.demo.server import Custos

CHIEF, DEPUTY, ARCHIVIST, REVIEWER, LEGAL, AUDITOR = (
    "020001",
    "020002",
    "020003",
    "020004",
    "020005",
    "020006",
)
SQUAD_LEADER, NEIGHBOUR = "020011", "990001"


@dataclass(slots=True)
class Office:
    """The bureau during its day. `items` are known by their segments' keys once they are in."""

    custos: Custos
    console: Console
    checks: Checks
    day: Day
    docked: Sequence[Docked]
    desks: Mapping[str, Caller]
    passwords: Mapping[str, str]
    items: dict[str, str] = field(default_factory=dict)
    #: The keys of what is linked to a case by now.
    tagged: set[str] = field(default_factory=set)
    #: Of what is sealed, and counted nowhere.
    sealed: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    reviewed: set[str] = field(default_factory=set)

    def items_of(self, segments: Iterable[Segment]) -> list[str]:
        """Their items."""
        return [self.items[one.key] for one in segments]

    def counted(self) -> list[Segment]:
        """What figures and lists show to those who are not named on anything."""
        return [one for one in self.day.segments if one.key not in self.sealed]

    async def said(self, who: str, method: str, path: str, **options: Any) -> Any:
        """The JSON of an answer, None for one without a body; raises Refused."""
        answer = await self.desks[who].ask(method, path, **options)
        return answer.json() if answer.body or answer.status >= 400 else None

    async def every(self, who: str, path: str, name: str) -> list[dict[str, Any]]:
        """All of a list that comes in pages."""
        found: list[dict[str, Any]] = []
        mark = "&" if "?" in path else "?"
        cursor = ""
        while True:
            page = await self.said(who, "GET", path + cursor)
            found += page[name]
            if page["next"] is None:
                return found
            cursor = f"{mark}before={page['next']}"

    async def cases(self, who: str) -> dict[str, str]:
        """The cases that somebody sees: identifiers by number."""
        return {one["number"]: one["id"] for one in await self.every(who, "/cases", "cases")}


def staff_list(people: Iterable[Post]) -> str:
    """人员名单, as `custos user import` takes it in."""
    return table_of(
        ("username", "name", "role", "unit", "above"),
        [
            {
                "username": one.username,
                "name": one.name,
                "role": one.role,
                "unit": one.unit,
                "above": one.above,
            }
            for one in people
        ],
    )


def table_of(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """A CSV with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


async def take_on(custos: Custos, people: Sequence[Post]) -> dict[str, str]:
    """Register everybody by one list; the first password, or the token, of each."""
    listed = custos.data / "demo" / "staff.csv"
    listed.write_text(staff_list(people), "utf-8")
    said = await custos.command("user", "import", str(listed))
    secrets = {row["username"]: row["secret"] for row in csv.DictReader(io.StringIO(said))}
    missing = [one.username for one in people if not secrets.get(one.username)]
    if missing:
        raise DemoError(f"Nobody was registered as {', '.join(missing)}.")
    return secrets


@asynccontextmanager
async def open_office(
    custos: Custos, console: Console, checks: Checks, day: Day, docked: Sequence[Docked]
) -> AsyncIterator[Office]:
    """Everybody is registered and signed in, stations with their tokens."""
    secrets = await take_on(custos, day.people)
    async with AsyncExitStack() as stack:
        desks: dict[str, Caller] = {}

        async def arrive(one: Post) -> None:
            if one.role == "station":
                desks[one.username] = await stack.enter_async_context(
                    caller(custos.url, secrets[one.username])
                )
                return
            desk = await stack.enter_async_context(caller(custos.url))
            await desk.sign_in(one.username, secrets[one.username])
            desks[one.username] = desk

        await all_of(map(arrive, day.people))
        yield Office(custos, console, checks, day, docked, desks, secrets)
