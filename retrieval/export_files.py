"""Files of an export that follow from what is known: of the log, for reading, for the page in it. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from evidence.bags import Sums
from evidence.canonical import Json, canonical
from evidence.items import Item, Rendition
from evidence.ports.exports import DatedHead
from evidence.ports.intake import StoredReceipt
from evidence.ports.log import LogHead
from evidence.proofs import ItemProof
from evidence.self_asserted import SELF_ASSERTED, SELF_ASSERTED_STAMP_VERSION
from evidence.timekeeping import to_text


def proven_sums(item: Item) -> Sums | None:
    """What the read-back found; None where there was none yet."""
    found = item.read_back
    if found is None or found["sha256"] != item.sha256:
        return None
    return Sums(item.size, item.crc32, item.sha256, str(found["sha512"]), str(found["sm3"]))


def chosen(made: Sequence[Rendition], kinds: Sequence[str]) -> list[Rendition]:
    """Those of these kinds, by kind."""
    return sorted((one for one in made if one.kind in kinds), key=lambda one: one.kind)


def newest(receipts: Sequence[StoredReceipt]) -> list[StoredReceipt]:
    """One for each upload: the completed one, if there is."""
    found: dict[str, StoredReceipt] = {}
    for receipt in receipts:
        if receipt.completed or receipt.upload_id not in found:
            found[receipt.upload_id] = receipt
    return list(found.values())


def lightened(proof: ItemProof) -> ItemProof:
    """The events, and which of them show their detail."""
    light = [
        replace(one, proof="", salt=None, detail=None if one.detail is None else b"") for one in proof.events
    ]
    return replace(proof, events=light)


def log_files(
    head: LogHead, key: str, dated: Sequence[DatedHead], own_certificates: bytes = b""
) -> dict[str, bytes]:
    """The head, its key, and the stamps that date what it proves, by their paths in the bag.

    `own_certificates`: of the embedded time authority, where there is one.
    """
    found = {"custody/checkpoint": head.checkpoint.encode(), "custody/log-key.txt": f"{key}\n".encode()}
    if own_certificates:
        found[f"custody/{SELF_ASSERTED}/authority.pem"] = own_certificates
    for one in dated:
        stamp = one.stamp
        place = f"custody/{'stamps' if stamp.authority is not None else SELF_ASSERTED}/{stamp.size}"
        found[f"{place}.checkpoint"] = stamp.checkpoint.encode()
        found[f"{place}.tsr"] = stamp.token
        found[f"{place}.json"] = canonical(stamp_document(one, head))
    return found


def stamp_document(one: DatedHead, head: LogHead) -> dict[str, Json]:
    """`custos/stamp/1`, or `custos/self-asserted-stamp/1` (docs/formats/export.md)."""
    stamp = one.stamp
    said: dict[str, Json] = {
        "at": to_text(stamp.at),
        "old": stamp.size,
        "new": head.published,
        "consistency": [made.hex() for made in one.consistency],
    }
    if stamp.authority is None:
        return {"v": SELF_ASSERTED_STAMP_VERSION, "time_source": stamp.time_source, **said}
    if stamp.policy is not None:
        said["policy"] = stamp.policy
    return {"v": "custos/stamp/1", "authority": stamp.authority, **said}


def for_reading(value: Any) -> bytes:
    """For reading: descriptions hold floats of tools, for which there is no canonical form."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def script_of(function: str, value: Any) -> bytes:
    """A document that a page opened from a disk can load: browsers let it read no file."""
    # `</script>` and U+2028 inside a string would end the script or the line.
    text = json.dumps(value, ensure_ascii=True, sort_keys=True).replace("</", "<\\/")
    return f"{function}({text});\n".encode()
