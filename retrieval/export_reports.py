"""The custody reports that go with an export: made of what it discloses, and of nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evidence.canonical import Json
from evidence.cases import Case, Link
from evidence.exports import DISCLOSED, Export, Matter, Told
from evidence.items import Item
from evidence.ports.catalogue import Transaction
from evidence.ports.exports import Checked, DatedHead, LogExtracts
from evidence.ports.work import Lease
from evidence.proofs import ItemProof, stamp_of
from evidence.report import Language
from retrieval.export_documents import ItemFile
from retrieval.report import AskedFor, CaseTold, case_report, item_report
from retrieval.report_html import report_html
from retrieval.report_item import ItemTold
from retrieval.report_words import Words


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What an export shows, and which details it withholds."""

    files: Sequence[ItemFile]
    proofs: Mapping[str, ItemProof]
    dated: Sequence[DatedHead]
    withheld: Sequence[Json]
    segments: Sequence[Json]
    disposed: Sequence[Item]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Matter:
    """What the export is of; `case` is None, and `links` are empty, where it is of one item."""

    case: Case | None
    links: Mapping[str, Link]
    zone: timedelta


async def export_reports(
    lease: Lease, extracts: LogExtracts, export: Export, at: datetime, time_source: str, found: Disclosed
) -> dict[str, bytes]:
    """The reports by their paths in the bag, one for each language; none where nothing is left to tell of."""
    asked = AskedFor(export.agent_id, at, time_source, export.event_id, export.wanted.profile)

    def look(tx: Transaction) -> _Matter:
        if export.matter is not Matter.CASE:
            return _Matter(None, {}, tx.zone)
        live = [link for link in tx.links.of_case(export.subject_id) if link.withdrawn_at is None]
        return _Matter(tx.cases.get(export.subject_id), {link.item_id: link for link in live}, tx.zone)

    matter = await lease.read(look)
    checked = {item_id: await extracts.checked(proof) for item_id, proof in found.proofs.items()}
    return await asyncio.to_thread(_written, asked, export, found, matter, checked)


def _written(
    asked: AskedFor, export: Export, found: Disclosed, matter: _Matter, checked: Mapping[str, Checked]
) -> dict[str, bytes]:
    hidden: dict[str, set[str]] = {}
    for line in found.withheld:
        if isinstance(line, Mapping) and line["what"] == "detail" and line["why"] == "profile":
            hidden.setdefault(str(line["item"]), set()).add(str(line["event"]))
    told = [
        _told(file, found, matter, checked[file.item.id], frozenset(hidden.get(file.item.id, ())))
        for file in found.files
    ]
    numbers = {} if matter.case is None else {matter.case.id: matter.case.number}
    closed_off = Told.ACCESS not in DISCLOSED[export.wanted.profile]
    reports = {}
    for language in Language:
        words = Words(language, matter.zone, found.names, numbers)
        if matter.case is not None:
            case = CaseTold(matter.case, told, found.segments, found.disposed, closed_off)
            report = case_report(words, asked, case)
        elif told:
            report = item_report(words, asked, told[0])
        else:
            continue
        reports[f"report/report.{language.value}.html"] = report_html(report)
    return reports


def _told(
    file: ItemFile, found: Disclosed, matter: _Matter, checked: Checked, withheld: frozenset[str]
) -> ItemTold:
    item = file.item
    link, proof = matter.links.get(item.id), found.proofs[item.id]
    cases = () if link is None or matter.case is None else ((link, matter.case),)
    stamp = stamp_of(proof, [one.stamp for one in found.dated])
    return ItemTold(item, proof, checked, file.description, file.renditions, cases, withheld, stamp)
