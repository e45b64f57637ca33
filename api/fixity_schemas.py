"""How an item's fixity audits go over the wire."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from evidence.fixity import Audit
from evidence.timekeeping import to_text


class FixityOut(BaseModel):
    """How what is kept of an item was last read again; all but `due` null or empty before the first audit.

    `outcome`: intact, or the worst that was found: unreadable, mismatch, missing; `failing` says of what.
    `due` is null where audits are only done when somebody asks.
    """

    last_at: str | None
    method: str | None
    outcome: str | None
    failing: list[str]
    due: str | None

    @classmethod
    def of(cls, audit: Audit, due: datetime | None) -> FixityOut:
        """From the domain."""
        return cls(
            last_at=None if audit.audited_at is None else to_text(audit.audited_at),
            method=audit.method,
            outcome=audit.outcome,
            failing=list(audit.failing),
            due=None if due is None else to_text(due),
        )
