"""Writes the golden vectors: `python -m tests.vectors.make`, once a version; a change is a new version."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from custody.bodies import encode_bodies
from custody.journal_chunks import noted
from custody.notes import ED25519, Note, VerifierKey, sign
from evidence.canonical import canonical
from evidence.certificates import encode_certificate
from evidence.disposal import (
    Approval,
    CopyOut,
    Fate,
    Outcome,
    Proposal,
    Tombstone,
    TrustedTime,
    time_statement,
)
from evidence.events import EventDraft, EventType, Subject, event_digest, seal
from evidence.exports import Export, Matter, Plan, PlannedFile, Profile, Wanted, encode_seal
from evidence.ids import derived_id
from evidence.items import Category, Intent, Item, Submission
from evidence.journal import Entry, Header, Scan, encode_entries
from evidence.key_statements import (
    BY_KEY,
    KEYS_VERSION,
    RecoveryNamed,
    Rotation,
    digest_of,
    reason_digest,
)
from evidence.keys import certificate_key, export_key, journal_key, manifest_key, original_key
from evidence.leaf import ChainLink, encode_leaf, leaf_hash
from evidence.manifests import encode_manifest
from evidence.ports.log import Body
from evidence.receipts import encode_receipt
from evidence.timekeeping import TimeStatement, to_text
from evidence.zips import ZipEntry, lay_out
from retrieval.export_documents import original_path

AT = datetime(2026, 11, 22, 8, 30, 0, 250000, tzinfo=UTC)
ITEM = "0193a000-0000-7000-8000-000000000001"
UPLOAD = "0193a000-0000-7000-8000-000000000002"
EVENT = "0193a000-0000-7000-8000-000000000003"
RECEIPT = "0193a000-0000-7000-8000-000000000004"
AGENT = "6f6c3b1e-1111-4222-8333-444455556666"
EMITTER = "11112222-3333-4444-8555-666677778888"
PROPOSAL = "0193a000-0000-7000-8000-000000000005"
OTHER = "0193a000-0000-7000-8000-000000000006"
ANOTHER = "22223333-4444-4555-8666-777788889999"
SHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
SALT = bytes(range(32))


def vectors() -> dict[str, Any]:
    """Every format's bytes for fixed input."""
    submission = Submission(
        filename="现场执法 01.mp4",
        media_type="video/mp4",
        case="案-2026-117",
        category=Category.PENALTY,
        officer="警号 031415",
        device="DSJ-2B-0042",
        recording="R-7",
        segment=1,
        medium="internal card",
        sha256=SHA256,
        times=(TimeStatement("device clock", "2026-11-22 16:29:58", None, "start"),),
    )
    draft = EventDraft(
        EventType.ITEM_INGESTED,
        AGENT,
        AT,
        (Subject("upload", UPLOAD), Subject("item", ITEM)),
        digests={"sha256": SHA256},
        detail={"size": 5, "submitted": submission.as_json()},
    )
    event = seal(draft, event_id=EVENT, emitter=EMITTER, n=42, salt=SALT)
    chains = [ChainLink(ITEM, 0, None), ChainLink(UPLOAD, 1, "00" * 32)]
    leaf = encode_leaf(event.data, chains)
    item = Item(
        id=ITEM,
        upload_id=UPLOAD,
        unit="市容执法一大队",
        agent_id=AGENT,
        submission=submission,
        kind="video",
        media_type="video/mp4",
        size=5,
        sha256=SHA256,
        crc32=0x3610A686,
        key=original_key(ITEM, SHA256, AT),
        committed_at=AT,
        locked_until=AT + timedelta(days=400),
    )
    intent = Intent(
        UPLOAD,
        ITEM,
        EVENT,
        item.key,
        SHA256,
        AT,
        AT + timedelta(days=7),
        AT + timedelta(days=400),
        "video",
        "video/mp4",
    )
    manifest = encode_manifest(item, intent, data=event.data, salt=SALT, detail=event.detail)
    receipt = encode_receipt(
        item,
        receipt_id=RECEIPT,
        upload_id=UPLOAD,
        submission=submission,
        agent_id=AGENT,
        event_id=EVENT,
        event_digest=event_digest(event.data),
        issued_at=AT,
        time_source="server clock, synchronised",
    )
    proposal = Proposal(
        PROPOSAL,
        "市容执法一大队",
        "保存期满",
        AGENT,
        AT,
        (ITEM, OTHER),
        SALT,
        approvals=(Approval(EMITTER, AT + timedelta(days=1)), Approval(ANOTHER, AT + timedelta(days=2))),
    )
    gone = Tombstone(
        ITEM,
        SHA256,
        5,
        3,
        (f"renditions/{ITEM}/{RECEIPT}/playable.mp4", item.key, manifest_key(item.key)),
        AT + timedelta(days=3),
        RECEIPT,
        EVENT,
        event_digest(event.data),
    )
    time = TrustedTime(RECEIPT, b"token", "https://time.example/tsa", AT + timedelta(days=3))
    certificate = encode_certificate(
        proposal,
        [Outcome(ITEM, gone), Outcome(OTHER, spared=Fate.HELD)],
        [time],
        {ITEM: [CopyOut(EVENT, AGENT, "original", 5), CopyOut(UPLOAD, AGENT, "list", None)]},
        certificate_id=derived_id(PROPOSAL, "certificate"),
        checked_at=AT + timedelta(days=3, seconds=1),
        issued_at=AT + timedelta(days=3, seconds=2),
        time_source="server clock, synchronised",
    )
    return {
        "log_keys": _log_keys(),
        "journal": _journal(),
        "bodies": encode_bodies([Body(SALT, b'{"of":"test"}'), None]).hex(),
        "export": _export(item),
        "disposal_certificate": {
            "payload": certificate.decode(),
            "detail": canonical(proposal.detail).decode(),
            "salt": SALT.hex(),
            "time_statement": time_statement(PROPOSAL, proposal.items).decode(),
            "key": certificate_key(PROPOSAL),
        },
        "event": {
            "data": event.data.decode(),
            "salt": SALT.hex(),
            "detail": event.detail.decode(),
            "digest": event_digest(event.data),
        },
        "leaf": {"data": leaf.decode(), "hash": leaf_hash(leaf).hex()},
        "manifest": {"data": manifest.decode()},
        "receipt": {"payload": receipt.decode(), "payload_b64": base64.b64encode(receipt).decode()},
        "keys": {"original": item.key},
    }


def _export(item: Item) -> dict[str, Any]:
    """An export of that item: its plan, and the archive that follows for one small file."""
    wanted = Wanted(Profile.COURT, "移送检察院")
    export = Export(OTHER, item.unit, Matter.ITEM, item.id, wanted, AGENT, AT, EVENT, (item.id,))
    plan = Plan(
        export.name, AT, (PlannedFile(f"{export.name}/{original_path(item)}", 5, 0x3610A686, item.key),)
    )
    layout = lay_out([ZipEntry(one.path, one.size, one.crc32) for one in plan.files], plan.at)
    archive = b"".join(piece if isinstance(piece, bytes) else b"hello" for piece in layout.pieces)
    seal_payload = encode_seal(export, at=AT, tag_digest=SHA256, time_source="server clock, synchronised")
    return {
        "plan": plan.encode().decode(),
        "plan_key": export_key(export.id, 1, "plan"),
        "seal": seal_payload.decode(),
        "archive": base64.b64encode(archive).decode(),
    }


def _log_keys() -> dict[str, Any]:
    """A chain of two statements, by keys that anybody can make: 32 equal bytes each."""
    first, second, recovery = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))
    log = "evidence.example.gov.cn/log"

    def pin(private: Ed25519PrivateKey) -> str:
        return str(VerifierKey(log, ED25519, private.public_key().public_bytes_raw()))

    named = RecoveryNamed(log, 1, None, AT, pin(first), pin(recovery), True, EVENT)
    reason = reason_digest("密钥到期更换", SALT.hex())
    rotation = Rotation(log, 2, digest_of(named.text), AT, BY_KEY, pin(first), pin(second), reason, RECEIPT)
    return {
        "v": KEYS_VERSION,
        "log": log,
        "key": pin(second),
        "recovery": pin(recovery),
        "statements": [
            str(Note(said.text, tuple(sign(said.text, log, one) for one in signers)))
            for said, signers in ((named, (first,)), (rotation, (first, second)))
        ],
    }


def _journal() -> dict[str, Any]:
    """A chunk; its entries are compressed by storing them, so that no library's version changes a byte."""
    log = "evidence.example.gov.cn/log"
    entries = [
        Entry(
            "agents", (AGENT,), {"id": AGENT, "name": "李明", "disabled": False, "created_at": 1, "x": b"y"}
        ),
        Entry("jobs", (OTHER,), None),
    ]
    body = zlib.compress(encode_entries(entries), 0)
    scan = Scan(3, to_text(AT), ("agents", (AGENT,)))
    digest = hashlib.sha256(body).hexdigest()
    header = Header(log, 7, "0022", 2, to_text(AT), scan, 41, False, SHA256, digest)
    private = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
    text = header.text()
    chunk = noted(header, Note(text, (sign(text, log, private),)), body)
    return {
        "entries": encode_entries(entries).decode(),
        "header": text,
        "chunk": base64.b64encode(chunk.encoded()).decode(),
        "key": journal_key(1_234_567),
    }


PATH = Path(__file__).parent / "formats-v1.json"

if __name__ == "__main__":
    PATH.write_text(json.dumps(vectors(), ensure_ascii=False, indent=2, sort_keys=True) + "\n")
