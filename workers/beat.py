"""The schedule: rings for the sweep every two seconds, and opens nothing else."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from threading import Event, Thread

from custos.settings import Settings
from workers.app import SWEEP, SWEEP_SECONDS, SWEEPS, make_app
from workers.line import Line

_log = logging.getLogger(__name__)
#: By then a sweep is rung for that is due.
_WORTH_SECONDS = 60.0
_CLOSING_SECONDS = 2.0


def run_beat(settings: Settings, announce: Callable[[], None]) -> None:
    """Ring for the sweep until told to stop, and not while a ring before it still waits to be answered.

    No clock is asked: one that is set back holds up nothing.
    """
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    line = Line(make_app(settings))
    # A daemon: a broker that neither answers nor hangs up must not keep the process from ending.
    ringing = Thread(target=_ring, args=(line, stop), name="beat", daemon=True)
    ringing.start()
    announce()
    stop.wait()
    ringing.join(_CLOSING_SECONDS)


def _ring(line: Line, stop: Event) -> None:
    is_away = False
    while not stop.is_set():
        try:
            line.ring(SWEEP, SWEEPS, [[]], most=1, worth_seconds=_WORTH_SECONDS)
        except Exception as error:  # noqa: BLE001  each transport has errors of its own
            if not is_away:
                _log.warning("the broker cannot be rung, and is rung again in two seconds: %s", error)
            is_away = True
        else:
            is_away = False
        stop.wait(SWEEP_SECONDS)
    line.hang_up()
