"""The custody reports that go with an export: made of what it discloses, and of nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evidence.canonical import Json
from evidence.cases import Case, Link
from evidence.exports import DISCLOSED, Export, Told
from evidence.items import Item
from evidence.ports.exports import Checked, DatedHead
from evidence.proofs import ItemProof, stamp_of
from evidence.report import Language
from retrieval.export_documents import ItemFile
from retrieval.report import AskedFor, CaseTold, case_report, item_report
from retrieval.report_html import report_html
from retrieval.report_item import ItemTold
from retrieval.report_words import Words


@dataclass(frozen=True, slots=True)
class Disclosed:
    """Everything that an export's reports are made of; `case` is None of an export of one item."""

    files: Sequence[ItemFile]
    proofs: Mapping[str, ItemProof]
    checked: Mapping[str, Checked]
    dated: Sequence[DatedHead]
    withheld: Iterable[Json]
    segments: Sequence[Json]
    disposed: Sequence[Item]
    names: Mapping[str, str]
    case: Case | None
    links: Mapping[str, Link]
    zone: timedelta


def export_reports(export: Export, at: datetime, time_source: str, found: Disclosed) -> dict[str, bytes]:
    """The reports by their paths in the bag, one for each language."""
    asked = AskedFor(export.agent_id, at, time_source, export.event_id, export.wanted.profile)
    hidden: dict[str, set[str]] = {}
    for line in found.withheld:
        if isinstance(line, Mapping) and line["what"] == "detail" and line["why"] == "profile":
            hidden.setdefault(str(line["item"]), set()).add(str(line["event"]))
    told = [_told(file, found, frozenset(hidden.get(file.item.id, ()))) for file in found.files]
    numbers = {} if found.case is None else {found.case.id: found.case.number}
    closed_off = Told.ACCESS not in DISCLOSED[export.wanted.profile]
    reports = {}
    for language in Language:
        words = Words(language, found.zone, found.names, numbers)
        if found.case is not None:
            case = CaseTold(found.case, told, found.segments, found.disposed, closed_off)
            report = case_report(words, asked, case)
        elif told:
            report = item_report(words, asked, told[0])
        else:
            continue
        reports[f"report/report.{language.value}.html"] = report_html(report)
    return reports


def _told(file: ItemFile, found: Disclosed, withheld: frozenset[str]) -> ItemTold:
    item = file.item
    proof, link = found.proofs[item.id], found.links.get(item.id)
    cases = () if link is None or found.case is None else ((link, found.case),)
    stamp = stamp_of(proof, [one.stamp for one in found.dated])
    checked = found.checked[item.id]
    return ItemTold(item, proof, checked, file.description, file.renditions, cases, withheld, stamp)
