"""`custos api`, `custos worker`, `custos beat`, `custos sequencer`: the parts of a server, each alone."""

from __future__ import annotations

import argparse
import asyncio

from custos import logs
from custos.configuration import load_settings
from custos.memory import keep_freed_memory
from custos.readiness import announce_ready
from custos.settings import Settings
from evidence.jobs import Cost


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    for name, run, words in (
        ("api", run_api, "run the HTTP server alone"),
        ("worker", run_worker, "run one worker alone"),
        ("beat", run_beat, "run the schedule alone"),
        ("sequencer", run_sequencer, "keep the custody log alone"),
    ):
        parser = subparsers.add_parser(name, help=words)
        parser.set_defaults(run=run)
        if run is run_worker:
            parser.add_argument(
                "--queues",
                type=_costs,
                metavar="COST,…",
                help="which work it takes, instead of the setting `work.queues`",
            )


def _costs(text: str) -> tuple[Cost, ...]:
    try:
        return tuple(dict.fromkeys(map(Cost, text.split(","))))
    except ValueError:
        raise argparse.ArgumentTypeError(f"name some of {', '.join(Cost)}, with commas between") from None


def _settings(arguments: argparse.Namespace) -> Settings:
    settings = load_settings(arguments.config)
    logs.set_up(settings.log.level)
    settings.run.mkdir(parents=True, exist_ok=True, mode=0o700)
    return settings


def run_api(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from api.app import run_api as serve
    from custos.clock import SystemClock
    from workers.app import make_app
    from workers.doorbell import CeleryDoorbell

    keep_freed_memory()
    settings = _settings(arguments)
    doorbell = CeleryDoorbell(make_app(settings))
    try:
        asyncio.run(serve(settings, doorbell, SystemClock(), announce_ready))
    finally:
        doorbell.close()
    return 0


def run_worker(arguments: argparse.Namespace) -> int:
    """Work until told to stop."""
    from workers.worker import run_worker as work

    settings = _settings(arguments)
    work(settings, arguments.queues or settings.work.queues, announce_ready)
    return 0


def run_sequencer(arguments: argparse.Namespace) -> int:
    """Keep the custody log until told to stop."""
    from custos.log_keeper import run_sequencer as keep

    asyncio.run(keep(_settings(arguments), announce_ready))
    return 0


def run_beat(arguments: argparse.Namespace) -> int:
    """Ring for the sweep until told to stop."""
    from workers.beat import run_beat as beat

    beat(_settings(arguments), announce_ready)
    return 0
