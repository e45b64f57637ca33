"""The schedule: rings for the sweep every two seconds, and opens nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import signals

from custos.settings import Settings
from workers.app import make_app


def run_beat(settings: Settings, announce: Callable[[], None]) -> None:
    """Ring for the sweep until told to stop."""

    def ready(**_: Any) -> None:
        announce()

    signals.beat_init.connect(ready, weak=False)
    make_app(settings).Beat(loglevel="WARNING", quiet=True).run()
