"""Writes the vectors of exports, version 2: `python -m tests.vectors.make_export`, once a version."""

from __future__ import annotations

import json
from pathlib import Path

from custody.notes import tlog_proof
from evidence.canonical import canonical
from evidence.events import EventDraft, EventType, Subject, seal
from evidence.exports import Export, Matter, Profile, Wanted, asked_events
from evidence.items import Item, Submission
from evidence.leaf import ChainLink, encode_leaf, leaf_hash
from evidence.ports.log import LogHead
from evidence.proofs import CaseProof, ItemProof, ProvenEvent, case_as_json
from evidence.withholding import closed_to, disclosed_case
from retrieval.export_documents import ItemFile, Sent, export_document, original_path
from tests.vectors.make import AGENT, AT, EMITTER, EVENT, ITEM, OTHER, SALT, SHA256, UPLOAD

PATH = Path(__file__).with_name("export-v2.json")
CASE = "0193a000-0000-7000-8000-000000000010"
SEALED = "0193a000-0000-7000-8000-000000000011"
LINKS = ("0193a000-0000-7000-8000-000000000012", "0193a000-0000-7000-8000-000000000013")
CHECKPOINT = "evidence.example.gov.cn/log\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— signed\n"


def _drafts(export: Export) -> list[EventDraft]:
    """A case opened, two items linked to it, one of them sealed since, and the export asked for."""
    about = (Subject("case", CASE),)
    linked = [
        EventDraft(
            EventType.LINK_MADE,
            AGENT,
            AT,
            (Subject("item", item), *about, Subject("link", link)),
            detail={"origin": "hand", "number": "粤执〔2026〕37号"},
        )
        for item, link in zip((ITEM, SEALED), LINKS, strict=True)
    ]
    opened = EventDraft(EventType.CASE_OPENED, AGENT, AT, about, detail={"number": "粤执〔2026〕37号"})
    return [opened, *linked, *asked_events(export)]


def _chain(drafts: list[EventDraft]) -> list[ProvenEvent]:
    events, before = list[ProvenEvent](), None
    for number, draft in enumerate(drafts):
        event_id = draft.id or f"0193a000-0000-7000-8000-0000000001{number:02}"
        made = seal(draft, event_id=event_id, emitter=EMITTER, n=number, salt=SALT)
        links = [
            ChainLink(CASE, number, before) if one == CASE else ChainLink(one, 0, None)
            for one in sorted({subject.id for subject in made.subjects})
        ]
        leaf = encode_leaf(made.data, links)
        events.append(ProvenEvent(leaf, tlog_proof(number, [], CHECKPOINT), made.salt, made.detail))
        before = leaf_hash(leaf).hex()
    return events


def made() -> dict[str, str]:
    """What an export of a case for a court says of it."""
    submission = Submission("执法.mp4")
    item = Item(
        ITEM, UPLOAD, "north", AGENT, submission, "video", "video/mp4", 5, SHA256, 0x3610A686, "key", AT, AT
    )  # fmt: skip
    wanted = Wanted(Profile.COURT, "移送检察院")
    export = Export(OTHER, "north", Matter.CASE, CASE, wanted, AGENT, AT, EVENT, (ITEM,))
    drafts = _drafts(export)
    whole = CaseProof(CASE, "key", CHECKPOINT, _chain(drafts), 0)
    proof, withheld = disclosed_case(closed_to(whole, {ITEM}, ()), Profile.COURT)
    sent = Sent(original_path(item), "original", item.media_type, item.size, item.sha256)
    document = export_document(
        export,
        at=AT,
        time_source="server clock, synchronised",
        head=LogHead("evidence.example.gov.cn/log", 7, (), 7, CHECKPOINT),
        files=[ItemFile(item, [sent], None, None, [])],
        proofs={ITEM: ItemProof(ITEM, "key", CHECKPOINT, [], 0)},
        case=proof,
        withheld=len(withheld),
        disposed=[],
        segments=[],
    )
    return {
        "document": canonical(document).decode(),
        "case_proof": canonical(case_as_json(proof)).decode(),
        "withheld": canonical({"withheld": withheld}).decode(),
        "asked_for": _chain(drafts)[-1].leaf.decode(),
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(made(), indent=2, sort_keys=True, ensure_ascii=False) + "\n")
