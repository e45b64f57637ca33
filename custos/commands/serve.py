"""`custos serve`: everything that one machine needs, in one process tree."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal

from custos import logs
from custos.broker_place import broker_of, trusted_of
from custos.configuration import find_config, load_settings
from custos.instance import only_instance
from custos.key_holding import look_before_start
from custos.parts import parts_of
from custos.readiness import announce_ready
from custos.settings import Settings
from custos.supervisor import Part, supervise

_log = logging.getLogger(__name__)


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "serve", help="run the server, a worker, the schedule and the embedded broker"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; both end it with exit status 0."""
    settings = load_settings(arguments.config)
    logs.set_up(settings.log.level)
    # Said here, where somebody looks, and not by a part that is started again and again.
    broker_of(settings)
    trusted_of(settings)
    if settings.custody.witnesses:
        from custody.cosigning import configured

        configured(settings.custody.witnesses, settings.custody.witnesses_needed, b"")
    with (
        only_instance(settings.data, settings.run),
        parts_of(settings, find_config(arguments.config)) as parts,
    ):
        asyncio.run(look_before_start(settings))
        asyncio.run(_serve(settings, parts))
    return 0


async def _serve(settings: Settings, parts: list[Part]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def ready() -> None:
        _log.info("Custos is ready at %s", settings.url)
        announce_ready()

    await supervise(parts, stop=stop, on_ready=ready)
    _log.info("Custos has stopped")
