"""A reviewer's afternoon: a recording watched as one, a mark, reviews, and a sample drawn again."""

from __future__ import annotations

import hashlib

from clients.demo.county import SQUADS
from clients.demo.office import LEGAL, REVIEWER, Office

_WATCHED = (8, 0)
_DRAWN = 12


async def review(office: Office) -> None:
    """One recording of several segments is watched, marked and reviewed."""
    office.console.step("A reviewer watches a recording of several segments as one")
    segments = [one for one in office.day.segments if (one.task.officer, one.task.number) == _WATCHED]
    items = office.items_of(segments)
    recording = await office.said(REVIEWER, "GET", f"/items/{items[0]}/recording")
    base = f"/recordings/{recording['id']}"
    playlist = (await office.desks[REVIEWER].ask("GET", f"{base}/playlist.m3u8")).body.decode()
    office.checks.expect(
        playlist.count("#EXT-X-DISCONTINUITY") == len(items) - 1,
        f"its playlist leads through {len(items)} segments",
        playlist[:200],
    )
    session = await office.said(REVIEWER, "POST", "/playbacks", json={"recording": recording["id"]})
    half = {"from_ms": 0, "to_ms": 1500}
    told = [
        {"item": items[0], "from_ms": 0, "to_ms": 3000},
        {"item": items[1], **half},
        {"item": items[1], **half},
    ]
    await office.said(REVIEWER, "POST", f"/playbacks/{session['id']}/watched", json={"spans": told})
    await office.said(REVIEWER, "DELETE", f"/playbacks/{session['id']}")
    joint = recording["segments"][1]["offset_ms"]
    mark = {"from_ms": joint - 500, "to_ms": joint + 500, "label": "当事人情绪激动"}
    made = await office.said(REVIEWER, "POST", f"{base}/marks", json=mark)
    office.checks.expect(
        [one["item"] for one in made["spans"]] == items[:2],
        "a mark over the joint of two segments lies in each one's own time",
        str(made["spans"]),
    )
    shares = []
    for item in items[:2]:
        body = {"outcome": "in-order", "note": "程序规范"}
        shares.append(
            (await office.said(REVIEWER, "POST", f"/items/{item}/reviews", json=body))["covered_permille"]
        )
    office.reviewed.update(one.key for one in segments[:2])
    office.checks.expect(
        shares == [1000, 500], "with each review stands how much was watched: 100 % and 50 %", str(shares)
    )
    found = await office.said(REVIEWER, "GET", "/search?text=情绪激动")
    office.checks.expect(
        {one["id"] for one in found["items"]} == set(items[:2]),
        "the mark's words find both",
        str(found["items"])[:200],
    )


async def sample(office: Office) -> None:
    """A sample of a squad's recordings, drawn again by whoever likes."""
    office.console.step("Sampling 抽查: drawn by chance, and drawn again from what is on record")
    squad = SQUADS[1]
    since = office.day.now.isoformat()
    wanted = {"unit": squad, "since": since, "count": _DRAWN, "reason": "季度抽查"}
    drawn = await office.said(LEGAL, "POST", "/samples", json=wanted)
    told = await office.said(LEGAL, "GET", f"/samples/{drawn['id']}")
    population = await office.said(LEGAL, "GET", f"/samples/{drawn['id']}/population")
    planned = {office.items[one.key] for one in office.counted() if one.task.squad == squad}
    office.checks.expect(
        set(population["items"]) == planned,
        f"the population is the squad's {len(planned)} items, without what is sealed",
        str(len(population["items"])),
    )
    seed = bytes.fromhex(told["seed"])
    again = sorted(planned, key=lambda item: hashlib.sha256(seed + item.encode()).digest())[:_DRAWN]
    office.checks.expect(
        [one["id"] for one in told["items"]] == again,
        f"{_DRAWN} were drawn, and the seed on record draws the same again",
    )
    queue = await office.said(LEGAL, "GET", "/reviews/queue")
    office.checks.expect(
        {one["id"] for one in queue["items"][:_DRAWN]} == set(again),
        "what was drawn stands first in the queue",
        str(queue["items"][:1])[:300],
    )
