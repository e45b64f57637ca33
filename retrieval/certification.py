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
#: What is said of the log's head, with and without one.
_HEADS = {
    "en": (
        "The system keeps an append-only log; its head when the export was made is the signed checkpoint "
        "<code>custody/checkpoint</code> of {} entries.",
        "No log had been published when the export was made.",
    ),
    "zh": (
        "系统保存只可追加的日志，导出时的日志状态见已签名的检查点 "
        "<code>custody/checkpoint</code>（共 {} 条）。",
        "导出时日志尚未发布检查点。",
    ),
}


def certifications(
    document: Mapping[str, Json], files: Sequence[ItemFile], case: Mapping[str, Any] | None
) -> dict[str, bytes]:
    """The templates by their paths in the bag."""
    matter = str(document["subject"]) if case is None else str(case["number"])
    known = {
        "matter": escape(matter),
        "export": escape(str(document["export"])),
        "made_at": escape(str(document["made_at"])),
        "time_source": escape(str(document["time_source"])),
        "rows": "\n".join(_row(file) for file in files),
        "open": _OPEN,
    }
    log = document["log"]
    found = {}
    for language, (with_head, without) in _HEADS.items():
        head = with_head.format(escape(str(log["size"]))) if isinstance(log, Mapping) else without
        text = _page(language).substitute(known, head=head)
        found[f"certification-template.{language}.html"] = text.encode()
    return found


@cache
def _page(language: str) -> Template:
    return Template((_PAGES / f"certification.{language}.html").read_text(encoding="utf-8"))


def _row(file: ItemFile) -> str:
    item = file.item
    cells = (item.id, item.submission.filename, f"{item.size:,}", item.sha256)
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
