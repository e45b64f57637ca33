"""How SQLite goes about each kind of question: no table of items is looked through from end to end.

`tests/vectors/search-plans.txt` holds the plans; `python -m tests.contract.test_search_plans` writes it anew.
Counting all that somebody sees who sees everything reads an index from end to end and no row: that is
allowed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.access import Viewer
from evidence.items import Category
from evidence.places import Circle
from evidence.reviews import Turn
from evidence.sampling import Frame
from evidence.search import ClockKind, ItemState, Query
from storage.catalogue import search_questions
from storage.catalogue.sight import sighted
from tests.places import ROOT
from tests.searching import BEIJING, NOW, Archive, searching, statements

PLANS = ROOT / "tests" / "vectors" / "search-plans.txt"
QUERIES = {
    "nothing": Query(),
    "text of two characters": Query(text="张伟"),
    "text of one character": Query(text="张"),
    "text of two words": Query(text="dsj 001"),
    "case": Query(case="A-1"),
    "officer": Query(officer="张伟"),
    "badge": Query(badge="013579"),
    "device": Query(device="DSJ-001"),
    "unit": Query(unit="一大队"),
    "kind": Query(kind="video"),
    "category and state": Query(category=Category.PENALTY, state=ItemState.FAILED),
    "a day by any clock": Query(since=NOW - timedelta(days=1), until=NOW),
    "since a day, by GPS": Query(since=NOW - timedelta(days=1), clocks=(ClockKind.GPS,)),
    "5 km around": Query(place=Circle(BEIJING, 5_000)),
    "everything at once": Query(
        text="张伟", case="A-1", officer="张伟", badge="013579", device="DSJ-001", unit="一大队",
        kind="video", category=Category.PENALTY, state=ItemState.FAILED, since=NOW - timedelta(days=1),
        until=NOW, place=Circle(BEIJING, 5_000),
    ),
}  # fmt: skip


def plans(archive: Archive) -> Iterator[str]:
    """Each question, for whom, and the plan of each of its statements."""
    everybody, unit, own, _, besides, *_ = archive.viewers()
    with statements(archive.tx.connection) as seen:
        unit = sighted(archive.tx.connection, unit)
    yield from _explained(archive, "what somebody may see, looked up before each question", seen)
    everybody, own, besides = (sighted(archive.tx.connection, viewer) for viewer in (everybody, own, besides))
    for few in (search_questions.FEW, 0):
        for who, viewer in (
            ("everything", everybody),
            ("a unit", unit),
            ("their own", own),
            ("a unit and what is shared", besides),
        ):
            for name, query in QUERIES.items():
                # Of single items there are never many.
                if (viewer in (own, besides) and name != "nothing") or (viewer is besides and not few):
                    continue
                reach = "few are found" if few else "many are found"
                yield from _plan(archive, f"page by {name}; {reach}; who sees {who}", viewer, query, few)
                yield from _plan(archive, f"counts by {name}; {reach}; who sees {who}", viewer, query, few)
    for who, viewer in (("everything", everybody), ("a unit", unit), ("their own", own)):
        with statements(archive.tx.connection) as seen:
            archive.tx.search.suggestions(viewer, "张", 10)
        yield from _explained(archive, f"suggestions; who sees {who}", seen)
    with statements(archive.tx.connection) as seen:
        item = archive.entries[0].item_id
        archive.tx.search.matching_clocks(QUERIES["a day by any clock"], [item])
        archive.tx.items.several([item])
        archive.tx.items.renditions_of([item])
        archive.tx.search.items_after(item, 10)
    yield from _explained(archive, "what a page shows beside", seen)
    yield from _of_reviews(archive)


def _of_reviews(archive: Archive) -> Iterator[str]:
    """Everything that is asked of marks, sessions, clips, reviews and samples."""
    tx, (everybody, unit, *_) = archive.tx, archive.viewers()
    item, named = [archive.entries[0].item_id], unit.unit or ""
    frame = Frame(named, NOW - timedelta(days=1), NOW)
    asked: dict[str, Callable[[], object]] = {
        "marks": lambda: (tx.marks.on(item), tx.marks.words(item[0]), tx.marks.beside(item)),
        "clips": lambda: tx.clips.on(item),
        "what was watched": lambda: (tx.playbacks.told(item, "a"), tx.playbacks.delivered(item)),
        "sessions left open": lambda: tx.playbacks.idle(NOW, NOW, 9),
        "reviews": lambda: (tx.reviews.of(item[0]), tx.reviews.reviewed(item)),
        "the queue": lambda: tx.reviews.queue(unit, named, after=None, limit=50),
        "the queue's next page": lambda: tx.reviews.queue(
            unit, named, after=(Turn.WAITING, item[0]), limit=50
        ),
        "a population": lambda: tx.reviews.population(unit, frame, 9),
        "a population of a category, who sees everything": lambda: tx.reviews.population(
            everybody, replace(frame, category="penalty"), 9
        ),
        "samples": lambda: (
            tx.reviews.samples(named, before=None, limit=50),
            tx.reviews.drawn(item[0]),
            tx.reviews.again([frame.filter_digest]),
        ),
        "who may see several": lambda: tx.access.items(item, "a", NOW),
    }
    for title, ask in asked.items():
        with statements(tx.connection) as seen:
            ask()
        yield from _explained(archive, f"review: {title}", seen)


def _plan(archive: Archive, title: str, viewer: Viewer, query: Query, few: int) -> Iterator[str]:
    before, search_questions.FEW = search_questions.FEW, few
    try:
        with statements(archive.tx.connection) as seen:
            if title.startswith("page"):
                archive.tx.search.page(viewer, query, before=None, limit=50)
            else:
                archive.tx.search.facets(viewer, query)
    finally:
        search_questions.FEW = before
    yield from _explained(archive, title, seen)


def _explained(archive: Archive, title: str, seen: list[tuple[str, object]]) -> Iterator[str]:
    yield f"# {title}"
    for statement, parameters in seen:
        rows = archive.tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()  # type: ignore[arg-type]
        depth = {0: 0}
        for number, parent, _, detail in rows:
            depth[number] = depth[parent] + 1
            yield "  " * depth[parent] + "- " + detail
    yield ""


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    with searching(tmp_path_factory.mktemp("plans") / "c.db") as tx:
        return [*plans(Archive(tx, 30))]


def test_the_plans_are_those_that_were_looked_at(lines: list[str]) -> None:
    assert lines == PLANS.read_text().splitlines()


def test_no_table_is_looked_through(lines: list[str]) -> None:
    title = ""
    for line in lines:
        if line.startswith("#"):
            title = line
        step = line.strip(" -")
        if step.startswith("SCAN") and not step.startswith(("SCAN CONSTANT ROW", "SCAN anon_")):
            of_all = "counts by" in title and "who sees everything" in title
            assert of_all, (title, line)
            assert "COVERING INDEX" in step, (title, line)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work, searching(Path(work) / "c.db") as tx:
        PLANS.write_text("\n".join(plans(Archive(tx, 30))) + "\n")
