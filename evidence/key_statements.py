"""Statements about the log's keys, version 1 (docs/formats/log-keys.md). Pure: text in, text out.

Invariants: statements of one log count 1, 2, 3 … and each names the digest of the one before; a key is
replaced by a statement that the key taking over has signed, and beside it either the one that it takes over
from or the recovery key; a log has at most one recovery key, named by the key that was in force.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from evidence.canonical import Json, canonical, parse_canonical
from evidence.timekeeping import from_text, to_text

ROTATION_VERSION = "custos/key-rotation/1"
RECOVERY_VERSION = "custos/key-recovery/1"
KEYS_VERSION = "custos/log-keys/1"
BY_KEY = "key"
BY_RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Rotation:
    """One key takes over from another. Keys as they are pinned; `event` is the event that says so."""

    log: str
    seq: int
    prev: str | None
    at: datetime
    by: str
    old: str
    new: str
    reason_sha256: str
    event: str

    @property
    def text(self) -> str:
        """What is signed: canonical JSON and a newline."""
        return _text(
            {
                "v": ROTATION_VERSION,
                "log": self.log,
                "seq": self.seq,
                "prev": self.prev,
                "at": to_text(self.at),
                "by": self.by,
                "old": self.old,
                "new": self.new,
                "reason_sha256": self.reason_sha256,
                "event": self.event,
            }
        )


@dataclass(frozen=True, slots=True)
class RecoveryNamed:
    """The key in force names the one that may replace it. `genesis`: before the log's first leaf."""

    log: str
    seq: int
    prev: str | None
    at: datetime
    key: str
    recovery: str
    genesis: bool
    event: str

    @property
    def text(self) -> str:
        """What is signed: canonical JSON and a newline."""
        return _text(
            {
                "v": RECOVERY_VERSION,
                "log": self.log,
                "seq": self.seq,
                "prev": self.prev,
                "at": to_text(self.at),
                "key": self.key,
                "recovery": self.recovery,
                "genesis": self.genesis,
                "event": self.event,
            }
        )


Statement = Rotation | RecoveryNamed


def parse_statement(text: str) -> Statement:
    """The inverse of `text`; raises ValueError."""
    said = parse_canonical(text.removesuffix("\n").encode())
    seq, genesis = int(str(said.get("seq"))), said.get("genesis") is True
    prev = None if said.get("prev") is None else str(said.get("prev"))
    found: Statement
    try:
        log, at, event = str(said["log"]), from_text(str(said["at"])), str(said["event"])
        if said["v"] == ROTATION_VERSION:
            by, old, new, reason = (str(said[name]) for name in ("by", "old", "new", "reason_sha256"))
            found = Rotation(log, seq, prev, at, by, old, new, reason, event)
        else:
            found = RecoveryNamed(log, seq, prev, at, str(said["key"]), str(said["recovery"]), genesis, event)
    except KeyError as error:
        raise ValueError("not a statement about keys") from error
    if found.text != text:
        raise ValueError("not a statement about keys as it is written")
    return found


def digest_of(text: str) -> str:
    """How the next statement names this one: SHA-256 of its text, hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def reason_digest(reason: str, salt: str) -> str:
    """What a rotation says of its reason, which stays with the event's detail."""
    return hashlib.sha256(canonical({"reason": reason, "salt": salt})).hexdigest()


def follows(statements: Sequence[Statement]) -> tuple[int, str | None]:
    """Number of the next statement, and the digest that it names."""
    return len(statements) + 1, digest_of(statements[-1].text) if statements else None


def recovery_of(statements: Sequence[Statement]) -> str | None:
    """The recovery key that the log has, as it is pinned."""
    return next((one.recovery for one in statements if isinstance(one, RecoveryNamed)), None)


def keys_of(statements: Sequence[Statement]) -> list[str]:
    """Every key that ever was in force and is spoken of, as pinned, oldest first."""
    found: list[str] = []
    for one in statements:
        found += [one.old, one.new] if isinstance(one, Rotation) else [one.key]
    return list(dict.fromkeys(found))


def _text(members: dict[str, Json]) -> str:
    return canonical(members).decode() + "\n"
