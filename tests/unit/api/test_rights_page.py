"""The page on who may do what says, line by line, what the table says that the server is asked about."""

from __future__ import annotations

import re
from itertools import takewhile

from tests.places import ROOT

PAGE = (ROOT / "docs" / "rights.md").read_text("utf-8")
TABLE = (ROOT / "tests" / "integration" / "api" / "rights.txt").read_text("utf-8")
#: The page's words for one's own, one's unit's, another unit's, one's own and sealed; the table's order.
WORDS = {
    "–": {"-", "----"},
    "yes": {"y"},
    "own": {"y---"},
    "own + sealed": {"y--y"},
    "unit": {"yy--"},
    "unit + sealed": {"yy-y"},
    "all": {"yyyy"},
}
HEADER = next(line for line in PAGE.splitlines() if line.startswith("| | officer"))


def rows_below(header: str) -> list[list[str]]:
    """The cells of every row of the tables that begin so."""
    lines = PAGE.splitlines()
    found: list[list[str]] = []
    for number, line in enumerate(lines):
        if line.startswith(header):
            rows = takewhile(lambda one: one.startswith("|"), lines[number + 2 :])
            found += [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return found


def english(label: str) -> str:
    """What stands before the Chinese words."""
    return re.split(r" (?=[\u4e00-\u9fff])", label)[0]


def test_the_page_says_what_the_table_says() -> None:
    _, _, _, heads, *rows = TABLE.splitlines()
    allowed = {" ".join(row.split()[:2]): row.split()[2:] for row in rows}
    columns = [english(cell.strip()) for cell in HEADER.strip("|").split("|")[1:]]
    assert PAGE.count(HEADER) == PAGE.count("| | officer")
    assert all(one.startswith(short.strip(".")) for one, short in zip(columns, heads.split(), strict=True))
    lines = rows_below(HEADER)
    said = {english(label): cells for label, *cells in lines}
    assert len(said) == len(lines)
    stands_for = {
        line: re.findall(r"`([A-Z]+ [^`]+)`", requests) for line, requests in rows_below("| line |")
    }
    assert said.keys() == stands_for.keys()
    named = [request for requests in stands_for.values() for request in requests]
    assert sorted(named) == sorted(allowed), "each request stands behind one line"
    wrong = [
        (line, role, said[line][place], request, allowed[request][place])
        for line, requests in stands_for.items()
        for request in requests
        for place, role in enumerate(columns)
        if allowed[request][place] not in WORDS[said[line][place]]
    ]
    assert wrong == []
