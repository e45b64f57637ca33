"""A supervisor's figures, compared with the plan, with what each file really holds, and with a recount."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clients.demo.console import table
from clients.demo.county import SEGMENT, Segment
from clients.demo.office import CHIEF, SQUAD_LEADER, Office

_BY: Mapping[str, Callable[[Segment], str]] = {
    "unit": lambda one: one.task.squad,
    "officer": lambda one: one.officer or "",
    "device": lambda one: one.device,
    "category": lambda one: one.task.category,
    "kind": lambda one: one.kind,
}
_SHOWN = ("items", "recordings", "tagged", "late", "held", "reviewed", "holes", "missing_numbers")


async def compare(office: Office, what: str) -> None:
    """By unit, officer, device, category and kind: every number as planned."""
    office.console.step(f"Comparing {what} with the plan")
    sizes = {one.segment.key: one.path.stat().st_size for one in office.docked}
    for by, value_of in _BY.items():
        said = await office.said(CHIEF, "GET", f"/figures?by={by}")
        rows = {row["value"]: row for row in said["rows"]}
        parts: dict[str, list[Segment]] = {}
        for one in office.counted():
            parts.setdefault(value_of(one), []).append(one)
        wrong = [
            f"{value}: {name} {found} instead of {wanted}"
            for value, segments in parts.items()
            for name, wanted in _wanted(office, segments, sizes, by).items()
            if (found := rows.get(value, {}).get(name)) != wanted
        ]
        office.checks.expect(
            not wrong and rows.keys() == parts.keys(),
            f"by {by}: {len(parts)} rows, each number as planned",
            "; ".join(wrong[:5]) or f"rows {sorted(rows)}",
        )
        if by == "unit":
            _show(office, [*said["rows"], {**said["total"], "value": "全局"}])


def _wanted(office: Office, segments: Sequence[Segment], sizes: Mapping[str, int], by: str) -> dict[str, Any]:
    expected = office.day.expected(segments, office.tagged)
    moving = sum(one.kind != "photo" for one in segments)
    holes, missing = office.day.gaps(segments)
    gaps = {"holes": holes, "missing_numbers": missing}
    return {
        "items": expected.items,
        "recordings": expected.recordings,
        "tagged": expected.tagged,
        "timed": expected.timed,
        "late": expected.late,
        "held": sum(one.key in office.held for one in segments),
        "reviewed": sum(one.key in office.reviewed for one in segments),
        "bytes": sum(sizes[one.key] for one in segments),
        "duration_ms": int(moving * SEGMENT.total_seconds() * 1000),
        # No gap belongs to an officer, a category or a kind.
        **(gaps if by in ("unit", "device") else dict.fromkeys(gaps)),
    }


def _show(office: Office, rows: Sequence[Mapping[str, Any]]) -> None:
    lines = [["unit", *_SHOWN, "tagging rate"]]
    for row in rows:
        rate = f"{100 * row['tagged'] // max(row['items'], 1)} %"
        lines.append([str(row["value"]), *(str(row[name]) for name in _SHOWN), rate])
    for line in table(lines):
        office.console.say(f"    {line}")


async def overdue(office: Office) -> None:
    """What came in late, and which files are missing."""
    office.console.step("What came in late, and what never came")
    late = [one for one in office.day.late() if one.key not in office.sealed]
    said = (await office.said(CHIEF, "GET", "/overdue/uploads"))["items"]
    office.checks.expect(
        {one["item"] for one in said} == set(office.items_of(late)),
        f"{len(late)} recordings ended more than a day before they came in, by their cameras' clocks",
        str(len(said)),
    )
    lost = [one for one in office.day.segments if one.task.officer == 6]
    day = next(one.shown for one in lost if one.shown is not None).date()
    path = f"/gaps?device={lost[0].device}&day={day}&zone=%2B08:00&unit={lost[0].task.squad}"
    report = await office.said(CHIEF, "GET", path)
    numbers = [one["first"] for one in report["missing_file_numbers"]]
    office.checks.expect(
        numbers == [3],
        f"the gap report of {lost[0].device} names the file that never came: number 3",
        str(numbers),
    )


async def recount(office: Office) -> None:
    """Counting everything anew gives what is kept."""
    office.console.step("Counting everything anew")
    said = (await office.custos.command("figures", "check", may_fail=True)).strip()
    office.checks.expect(said.startswith("Every figure"), "every figure is what a recount gives", said)
    squad = (await office.said(SQUAD_LEADER, "GET", "/figures?by=officer"))["rows"]
    office.checks.expect(
        {row["value"] for row in squad}
        <= {one.officer or "" for one in office.day.segments if one.task.officer < 4},
        "the squad's leader sees figures of that squad alone",
        str([row["value"] for row in squad]),
    )
