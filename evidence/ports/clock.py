"""Where time comes from."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time and what is known of its trustworthiness."""

    def now(self) -> datetime:
        """The current instant, aware, UTC."""
        ...

    def source(self) -> str:
        """Where `now` comes from, in words for a receipt, e.g. "server clock, NTP-synchronised"."""
        ...
