"""The custody reports that go with an export: made of what it discloses, and of nothing else.

Each item's is written while its history is at hand: a case may have a million events. So a case has a page of
its own, from which the items' pages are reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from evidence.canonical import Json
from evidence.cases import Case, Link
from evidence.exports import DISCLOSED, Export, Matter, Told
from evidence.items import Item
from evidence.ports.catalogue import Transaction
from evidence.ports.exports import LogExtracts
from evidence.ports.log import LogHead
from evidence.ports.work import Lease
from evidence.proofs import ItemProof, first_leaf, stamp_of
from evidence.report import Language, Report
from evidence.withholding import agents_in
from retrieval.export_case import CaseGathered
from retrieval.export_documents import ItemFile
from retrieval.report import Apart, AskedFor, CaseTold, case_report, item_report
from retrieval.report_case import CaseHistory
from retrieval.report_html import report_html
from retrieval.report_item import ItemTold, details_missing
from retrieval.report_words import Words


@dataclass(frozen=True, slots=True)
class _Known:
    """What is read beside an item: the case that is exported, its link, names that may be told, the zone."""

    case: Case | None
    link: Link | None
    names: Mapping[str, str]
    zone: timedelta


class ExportReports:
    """Reports in both languages, by their paths in the bag."""

    def __init__(
        self, lease: Lease, extracts: LogExtracts, export: Export, at: datetime, time_source: str
    ) -> None:
        self._lease = lease
        self._extracts = extracts
        self._export = export
        self._asked = AskedFor(export.agent_id, at, time_source, export.event_id, export.wanted.profile)
        self._names_told = Told.ACCESS in DISCLOSED[export.wanted.profile]

    async def of_item(
        self,
        file: ItemFile,
        proof: ItemProof,
        withheld: Sequence[Json],
        head: LogHead,
        apart: list[Apart],
    ) -> dict[str, bytes]:
        """The item's pages; what its case's page says of it is added to `apart`."""
        item, acted = file.item, await asyncio.to_thread(agents_in, [proof])

        def look(tx: Transaction) -> _Known:
            names = tx.agents.names(acted) if self._names_told else {}
            if self._export.matter is not Matter.CASE:
                return _Known(None, None, names, tx.zone)
            case_id = self._export.subject_id
            return _Known(tx.cases.get(case_id), tx.links.live(case_id, item.id), names, tx.zone)

        known = await self._lease.read(look)
        first = first_leaf(proof)
        dated = [] if first is None else await self._extracts.dated([first], head)
        told = ItemTold(
            item,
            proof,
            await self._extracts.checked(proof),
            file.description,
            file.renditions,
            () if known.case is None or known.link is None else ((known.link, known.case),),
            _kept_back(withheld),
            stamp_of(proof, [one.stamp for one in dated]),
        )
        assert told.checked is not None
        apart.append(Apart(item, item.id, told.checked, len(proof.events), *details_missing(told)))
        name = "report" if known.case is None else item.id

        def write(language: Language) -> bytes:
            numbers = {} if known.case is None else {known.case.id: known.case.number}
            words = Words(language, known.zone, known.names, numbers)
            return report_html(item_report(words, self._asked, told))

        return {
            f"report/{name}.{language.value}.html": await asyncio.to_thread(write, language)
            for language in Language
        }

    async def of_case(
        self,
        apart: Sequence[Apart],
        segments: Sequence[Json],
        disposed: Sequence[Item],
        gathered: CaseGathered | None,
        names: Mapping[str, str],
    ) -> dict[str, bytes]:
        """The case's pages; none where one item is exported."""
        if gathered is None:
            return {}
        checked = await self._extracts.checked(gathered.proof)
        known = {one.item.id: one.item.submission.filename for one in apart}
        history = CaseHistory(gathered.proof, checked, _kept_back(gathered.withheld), known)

        def look(tx: Transaction) -> tuple[Case | None, timedelta]:
            return tx.cases.get(self._export.subject_id), tx.zone

        case, zone = await self._lease.read(look)
        assert case is not None

        def told(language: Language) -> Report:
            linked = [_linked(one, language) for one in apart]
            of_case = CaseTold(
                case, (), segments, linked, disposed, closed_off=not self._names_told, history=history
            )
            return case_report(Words(language, zone, names), self._asked, of_case)

        return {f"report/report.{one.value}.html": report_html(told(one)) for one in Language}


def _kept_back(withheld: Sequence[Json]) -> frozenset[str]:
    """The events whose detail is kept and not shown."""
    return frozenset(
        str(line["event"])
        for line in withheld
        if isinstance(line, Mapping) and line["what"] == "detail" and line["why"] == "profile"
    )


def _linked(one: Apart, language: Language) -> Apart:
    return replace(one, link=f"{one.item.id}.{language.value}.html")
