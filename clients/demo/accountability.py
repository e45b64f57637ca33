"""Checks that who may not see something learns nothing, and that every access is on record."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from clients.demo.caller import Caller
from clients.demo.console import Checks, Console, table
from clients.demo.playing import Reading

_CATALOGUE = Path("catalogue") / "custos.db"
_SHOWN_RANGES = 3


async def check_denied(checks: Checks, stranger: Caller, who: str, item_id: str) -> list[str]:
    """Ask for an item that `stranger` may not see; the paths that were refused."""
    asked = [f"/items/{item_id}{rest}" for rest in ("/original", "/playlist.m3u8", "/playable.mp4", "")]
    nothing = await stranger.ask("GET", f"/items/{uuid.uuid4()}")
    wrong = []
    for path in asked:
        answer = await stranger.ask("GET", path)
        if (answer.status, answer.body) != (404, nothing.body):
            wrong.append(f"GET {path}: status {answer.status}")
    checks.expect(
        not wrong,
        f"{who} is told 404, word for word as for an item that does not exist",
        "; ".join(wrong),
    )
    return asked


def denials_of(data: Path, agent_id: str) -> list[str]:
    """The paths that this person was denied, from the catalogue's own file. Blocks.

    Denials name no item, so that no item's history shows them; the API has no list of them.
    """
    uri = f"{(data / _CATALOGUE).as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=30)) as catalogue:
        rows = catalogue.execute(
            "SELECT e.data, b.detail FROM events e JOIN event_bodies b ON b.event_id = e.id ORDER BY e.at"
        )
        events = [(json.loads(event), json.loads(detail)) for event, detail in rows]
    return [
        str(detail["path"])
        for event, detail in events
        if event["type"] == "access.denied" and event["agent"] == agent_id and event["outcome"] == "denied"
    ]


def check_history(
    checks: Checks, name: str, history: Sequence[dict[str, Any]], readings: Sequence[Reading], reader: str
) -> None:
    """Compare what a reader was given with what the item's history says, opening before closing."""
    events = [line["event"] for line in history]
    opened = {
        _viewing(event): place for place, event in enumerate(events) if event["type"] == "viewing.opened"
    }
    closed = {
        _viewing(event): place for place, event in enumerate(events) if event["type"] == "viewing.closed"
    }
    early = [viewing for viewing, place in closed.items() if opened.get(viewing, place) >= place]
    checks.expect(
        bool(opened) and not early,
        f"{name}: every viewing was opened before it was closed",
        f"{len(early)} of {len(closed)} were not" if opened else "no viewing is on record",
    )
    unmatched = []
    for reading in readings:
        found = [
            (history[opened[viewing]], history[place])
            for viewing, place in closed.items()
            if viewing in opened and _is_of(history[opened[viewing]], reading, reader)
        ]
        if not _shows(found, reading, reader):
            unmatched.append(f"{reading.purpose}: {merged(reading.ranges)}")
    checks.expect(
        not unmatched,
        f"{name}: the history names reader, purpose and exactly the bytes received, before the first of them",
        "not found: " + "; ".join(unmatched),
    )


def merged(ranges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Touching and overlapping ranges as one, in order."""
    found: list[list[int]] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return found


def _viewing(event: dict[str, Any]) -> str:
    return next(str(subject["id"]) for subject in event["subjects"] if subject["kind"] == "viewing")


def _is_of(opening: dict[str, Any], reading: Reading, reader: str) -> bool:
    detail = opening["detail"] or {}
    return bool(opening["event"]["agent"] == reader and detail.get("purpose") == reading.purpose)


def _shows(viewings: Sequence[tuple[dict[str, Any], dict[str, Any]]], reading: Reading, reader: str) -> bool:
    """Whether these openings and closings tell of this reading. A long one takes more than one viewing."""
    if not viewings or reading.first_at is None:
        return False
    opened = min(datetime.fromisoformat(opening["event"]["time"]) for opening, _ in viewings)
    sent = [
        (start, end)
        for _, closing_ in viewings
        for start, end in (closing_["detail"] or {}).get("ranges", ())
    ]
    return (
        all((one["event"]["agent"], one["event"]["outcome"]) == (reader, "success") for _, one in viewings)
        and opened <= reading.first_at
        and merged(sent) == merged(reading.ranges)
    )


def show_history(console: Console, history: Sequence[dict[str, Any]]) -> None:
    """Print the events for people: time, event, who, outcome, bytes."""
    rows = [["time (UTC)", "event", "who", "outcome", "what"]]
    for line in history:
        event, detail = line["event"], line["detail"] or {}
        who = line["agent_name"] or ("Custos" if event["agent"] is None else "unknown")
        rows.append(
            [event["time"][11:23], event["type"], who, event["outcome"], _what(event["type"], detail)]
        )
    for text in table(rows):
        console.say(f"  {text}")


def _what(kind: str, detail: dict[str, Any]) -> str:
    if kind == "viewing.opened":
        purpose = detail["purpose"] or "no purpose given"
        return f"may read bytes {detail['from']}-{detail['to'] - 1} for: {purpose}"
    if kind == "viewing.closed" and "ranges" in detail:
        ranges = [f"{start}-{end - 1}" for start, end in detail["ranges"][:_SHOWN_RANGES]]
        more = len(detail["ranges"]) - len(ranges)
        return f"{detail['bytes']} bytes left: {', '.join(ranges)}" + (f" and {more} more" if more else "")
    return ""
