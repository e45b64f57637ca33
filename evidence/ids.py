"""Identifiers: random, so that nothing about a person or a case can be read from one.

Items, events, uploads, jobs and viewings carry UUIDv7 (RFC 9562 §5.7), which sorts by the time of
making; agents and subjects that outlive a purge carry UUIDv4, which says nothing at all.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from datetime import datetime

from evidence.timekeeping import to_micros

_PATTERN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def uuid7(at: datetime, entropy: bytes) -> str:
    """UUIDv7 for the instant `at` (aware) from ten random bytes."""
    if len(entropy) != 10:
        raise ValueError("ten random bytes are needed")
    return _uuid7(to_micros(at) // 1000 & (2**48 - 1), entropy)


def _uuid7(milliseconds: int, entropy: bytes) -> str:
    tail = int.from_bytes(entropy, "big")
    value = milliseconds << 80 | 0x7 << 76 | (tail >> 64 & 0xFFF) << 64 | 0b10 << 62
    text = f"{value | tail & (2**62 - 1):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_id(at: datetime, ending: str = "") -> str:
    """A fresh time-ordered identifier; `ending` is what its last eight hexadecimal digits are to be."""
    return uuid7(at, secrets.token_bytes(10 - len(ending) // 2) + bytes.fromhex(ending))


def derived_id(parent: str, name: str) -> str:
    """The identifier of what `parent` makes under `name`: the same each time, and of the parent's instant.

    UUIDv7 whose random part is SHA-256(parent ‖ 0x00 ‖ name), cut off. Raises ValueError if `parent` is none.
    """
    if not is_id(parent):
        raise ValueError("not an identifier")
    entropy = hashlib.sha256(f"{parent}\0{name}".encode()).digest()[:10]
    return _uuid7(int(parent.replace("-", "")[:12], 16), entropy)


def after_instant_of(time_ordered: str) -> str:
    """What sorts after every UUIDv7 of its millisecond or of an earlier one, and before all later ones."""
    return time_ordered[:13] + "-8"


def new_pseudonym() -> str:
    """A fresh identifier that says nothing, for whoever acts."""
    return str(uuid.uuid4())


def is_id(text: str) -> bool:
    """Whether `text` is an identifier in the one spelling that Custos writes."""
    return _PATTERN.fullmatch(text) is not None


def earliest_id(at: datetime) -> str:
    """What sorts before every identifier that `new_id` makes at `at` or later, and after earlier ones."""
    milliseconds = to_micros(at) // 1000
    return f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}"
