"""Where things lie in the store, version 1 (docs/formats/keys.md). Pure functions; keys are ASCII."""

from __future__ import annotations

import re
from datetime import datetime

from evidence.ids import is_id
from evidence.self_asserted import SELF_ASSERTED

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_STAMP = re.compile(rf"log/(?:stamps|{SELF_ASSERTED})/([0-9]+)\.(?:checkpoint|[0-9a-f]+\.ts[qr])")


def original_key(item_id: str, sha256: str, at: datetime) -> str:
    """`originals/{yyyy}/{mm}/{item-id}/{sha256}`; `at` is the instant of the intent, in UTC."""
    if not is_id(item_id) or _SHA256.fullmatch(sha256) is None:
        raise ValueError("an item identifier and a lower-case SHA-256 are needed")
    return f"originals/{at:%Y}/{at:%m}/{item_id}/{sha256}"


def original_digest(key: str) -> str | None:
    """The SHA-256 that an original's key names; None for what is no original."""
    prefix, _, name = key.rpartition("/")
    return name if prefix.startswith("originals/") and _SHA256.fullmatch(name) else None


def manifest_key(original: str) -> str:
    """`manifest.json` beside the original."""
    return original.rpartition("/")[0] + "/manifest.json"


def rendition_key(item_id: str, rendition_id: str, name: str) -> str:
    """`renditions/{item-id}/{rendition-id}/{name}`; `name` is ours, never a submitted one."""
    if not is_id(item_id) or not is_id(rendition_id) or _NAME.fullmatch(name) is None:
        raise ValueError("identifiers and a plain name are needed")
    return f"renditions/{item_id}/{rendition_id}/{name}"


def export_key(export_id: str, attempt: int, name: str) -> str:
    """`exports/{export-id}/{attempt}/{name}`; each attempt at making it writes its own."""
    if not is_id(export_id) or attempt < 0 or _NAME.fullmatch(name) is None:
        raise ValueError("an identifier, an attempt and a plain name are needed")
    return f"exports/{export_id}/{attempt}/{name}"


def certificate_key(proposal_id: str) -> str:
    """`disposals/{proposal-id}/certificate`."""
    if not is_id(proposal_id):
        raise ValueError("an identifier is needed")
    return f"disposals/{proposal_id}/certificate"


JOURNAL = "catalogue"
JOURNAL_TAIL = "tail"
#: Heads of the log and of the journal.
CHECKPOINT, WITNESSED, TAIL = "log/checkpoint", "log/witnessed", f"{JOURNAL}/{JOURNAL_TAIL}"


def journal_key(number: int) -> str:
    """`catalogue/{millions}/{thousands}/{rest}`, three digits each: a closed chunk of the journal."""
    if not 0 <= number < 10**9:
        raise ValueError("a chunk has a number of at most nine digits")
    return f"{JOURNAL}/{number // 10**6:03}/{number // 1000 % 1000:03}/{number % 1000:03}"


def journal_number(key: str) -> int | None:
    """The inverse; None for the tail, and for what is not of the journal."""
    prefix, _, rest = key.partition("/")
    digits = rest.replace("/", "")
    if prefix != JOURNAL or len(digits) != 9 or not digits.isdecimal():
        return None
    return int(digits)


def stamped_size(key: str) -> int | None:
    """Of the tree that is stamped by what lies under `key`; None for what is of no tree, as a list is."""
    found = _STAMP.fullmatch(key)
    return None if found is None else int(found[1])


def is_partial(key: str) -> bool:
    """Whether a tile of the log that is not full lies under `key`, or such a bundle."""
    return (key.startswith("log/tile/") and ".p/" in key) or (
        key.startswith("log/bodies/") and key.endswith(".part")
    )


def is_replaced(key: str) -> bool:
    """Whether what lies under `key` gives way to what comes after it: heads, and what is not full yet."""
    return key in (CHECKPOINT, WITNESSED, TAIL) or is_partial(key)


def places_of(item_id: str, original: str) -> tuple[str, str]:
    """The two directories below which everything of an item lies, its original being under that key."""
    return original.rpartition("/")[0], f"renditions/{item_id}"


def is_key(key: str) -> bool:
    """Whether `key` is a relative path of plain names, safe on any store."""
    return all(_NAME.fullmatch(part) for part in key.split("/"))


def is_rendition(key: str) -> bool:
    """Whether something that can be made again lies under `key`."""
    return is_key(key) and key.startswith(("renditions/", "exports/"))
