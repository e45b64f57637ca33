"""The server's clock, and what the kernel knows of how right it is.

The kernel keeps one bit that a time daemon (chrony, systemd-timesyncd, ntpd) sets while it disciplines
the clock. That bit is all that is claimed here: that something synchronises this clock, not with what.
"""

from __future__ import annotations

import ctypes
import enum
import time
from collections.abc import Callable
from datetime import UTC, datetime

_STA_UNSYNC = 0x0040
_TIME_ERROR = 5
_REMEMBER_SECONDS = 5.0


class Synchronisation(enum.Enum):
    """What the kernel says; the value is the words that stand in receipts."""

    YES = "synchronised"
    NO = "not synchronised"
    UNKNOWN = "synchronisation unknown"


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2), as the kernel lays it out."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", ctypes.c_long * 2),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("reserved", ctypes.c_int * 11),
    )


def synchronisation() -> Synchronisation:
    """Ask the kernel; needs no privilege. UNKNOWN where a container forbids the question."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return Synchronisation.UNKNOWN
    timex = _Timex()
    return judged(adjtimex(ctypes.byref(timex)), timex.status)


def judged(returned: int, status: int) -> Synchronisation:
    """What adjtimex's return value and status word mean."""
    if returned < 0:
        return Synchronisation.UNKNOWN
    if returned == _TIME_ERROR or status & _STA_UNSYNC:
        return Synchronisation.NO
    return Synchronisation.YES


class SystemClock:
    """`evidence.ports.clock.Clock` over this machine's clock. What the kernel said is kept 5 seconds."""

    def __init__(
        self,
        ask: Callable[[], Synchronisation] = synchronisation,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._asked_at: float | None = None
        self._state = Synchronisation.UNKNOWN

    def now(self) -> datetime:
        """The current instant, aware, UTC."""
        return datetime.now(UTC)

    def source(self) -> str:
        """ "server clock, synchronised" or "…, not synchronised" or "…, synchronisation unknown"."""
        at = self._monotonic()
        if self._asked_at is None or at - self._asked_at >= _REMEMBER_SECONDS:
            self._state = self._ask()
            self._asked_at = at
        return f"server clock, {self._state.value}"
