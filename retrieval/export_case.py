"""The case that an export is of: what it says of itself, and its own history as far as it is disclosed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evidence.canonical import Json, canonical
from evidence.case_history import opened_to
from evidence.exports import Export, Matter
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Transaction
from evidence.ports.exports import LogExtracts
from evidence.ports.log import LogHead
from evidence.ports.work import Lease
from evidence.proofs import CaseProof, case_as_json
from evidence.withholding import disclosed_case
from retrieval.bag_writer import BagWriter
from retrieval.export_documents import CaseFile, case_document
from retrieval.export_files import for_reading, script_of

PROOF = "custody/proofs/case.json"


@dataclass(frozen=True, slots=True)
class CaseGathered:
    """The case as the export tells of it, its history as disclosed, and what of both is withheld."""

    told: Mapping[str, Any]
    proof: CaseProof
    withheld: Sequence[Json]


async def add_case(
    lease: Lease,
    extracts: LogExtracts,
    authority: Authority,
    export: Export,
    head: LogHead,
    bag: BagWriter,
    now: datetime,
) -> CaseGathered | None:
    """Put what is disclosed of the case into the bag; None where one item is exported.

    What of its history names something that is not open to whoever asked is closed, as it is now.
    """
    if export.matter is not Matter.CASE:
        return None
    whole = await extracts.of_case(export.subject_id, head)

    def look(tx: Transaction) -> tuple[CaseFile, CaseProof]:
        case, agent = tx.cases.get(export.subject_id), tx.agents.get(export.agent_id)
        assert case is not None
        assert agent is not None
        file = CaseFile(case, tx.dossier.notes([case.id]))
        return file, opened_to(tx, authority, agent, whole, now, export.items)

    file, opened = await lease.read(look)
    told, withheld = case_document(file, export.wanted.profile)
    proof, hidden = await asyncio.to_thread(disclosed_case, opened, export.wanted.profile)
    proven = case_as_json(proof)
    bag.add("metadata/case.json", for_reading(told))
    await asyncio.to_thread(bag.add, PROOF, canonical(proven))
    script = await asyncio.to_thread(script_of, "custosCase", {"case": export.subject_id, "proof": proven})
    await asyncio.to_thread(bag.add, "viewer/data/case.js", script)
    return CaseGathered(told, proof, [*withheld, *hidden])
