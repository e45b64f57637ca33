"""Templates of the certification that a person signs for a court: United States and 中国.

Federal Rules of Evidence 902(13) and (14) let a qualified person certify, instead of testifying, that a
record was made by a process that produces an accurate result, and that a copy is the original's by its
hash value. In China the interpretation Fa Shi [2019] No. 19, articles 93 and 94, says by what the
completeness and reliability of electronic data are judged. A template fills in what is known; what a
person has to swear to is left open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from evidence.canonical import Json
from retrieval.export_documents import ItemFile

_PAGES = Path(__file__).parent / "templates"
_OPEN = '<span class="open">&nbsp;</span>'


def certifications(
    document: Mapping[str, Json], files: Sequence[ItemFile], case: Mapping[str, Any] | None
) -> dict[str, bytes]:
    """The templates by their paths in the bag."""
    log = document["log"]
    assert isinstance(log, Mapping)
    matter = str(document["subject"]) if case is None else str(case["number"])
    known = {
        "matter": escape(matter),
        "export": escape(str(document["export"])),
        "made_at": escape(str(document["made_at"])),
        "time_source": escape(str(document["time_source"])),
        "rows": "\n".join(_row(file) for file in files),
        "open": _OPEN,
        "size": escape(str(log["size"])),
    }
    return {
        f"certification-template.{language}.html": _page(language).substitute(known).encode()
        for language in ("en", "zh")
    }


@cache
def _page(language: str) -> Template:
    return Template((_PAGES / f"certification.{language}.html").read_text(encoding="utf-8"))


def _row(file: ItemFile) -> str:
    item = file.item
    cells = (item.id, item.submission.filename, f"{item.size:,}", item.sha256)
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
