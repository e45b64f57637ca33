"""The process that keeps the custody log: a run after the other, at most a second behind."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from custody.bodies import Bodies
from custody.cosigning import Cosigning, configured
from custody.journaling import Journal, JournalStands
from custody.log_auditing import LogAudit
from custody.log_copying import CopyStands, LogCopy
from custody.partials import Partials
from custody.revocation import RevocationLists, fetched
from custody.rotation import require_in_force
from custody.self_stamping import SelfStamper
from custody.sequencer import LogStopped, Sequencer
from custody.stamping import Stamper
from custody.trusted_time import TimeAuthorities, read_roots
from custos.catalogue_place import catalogue_of
from custos.clock import SystemClock
from custos.key_holding import holding_key
from custos.own_time import own_time
from custos.settings import Settings
from custos.stores import Stores, open_stores, require_not_lost
from custos.witness_client import post
from evidence.dispatch import zone_of
from evidence.errors import CustosError, Invalid
from evidence.ports.catalogue import Catalogue
from evidence.ports.clock import Clock
from storage.catalogue.catalogue import open_catalogue

_log = logging.getLogger(__name__)
_PAUSE_SECONDS = 0.5
_TROUBLE_SECONDS = 2.0
_STOPPED_SECONDS = 15.0
_STAMP_SECONDS = 5.0
_WITNESS_SECONDS = 1.0
_JOURNAL_SECONDS = 2.0
_COPIED_SECONDS = 5.0
_AUDIT_SECONDS = 5.0
#: A run that added so many leaves has probably left some waiting.
_BUSY = 1_000


@dataclass(frozen=True, slots=True)
class LogKeeping:
    """What keeps the log, and what is kept in the store beside it."""

    sequencer: Sequencer
    stamper: Stamper | SelfStamper
    cosigning: Cosigning
    lists: RevocationLists
    journal: Journal
    bodies: Bodies
    partials: Partials
    copies: tuple[LogCopy, ...]
    audits: tuple[LogAudit, ...]


@asynccontextmanager
async def open_sequencer(settings: Settings) -> AsyncIterator[LogKeeping]:
    """The sequencer over this installation's data, and whoever stamps, cosigns and keeps beside it.

    Raises Unavailable, Invalid.
    """
    clock = SystemClock()
    stores = await asyncio.to_thread(open_stores, settings)
    await require_not_lost(settings, stores)
    files = stores.log
    custody = settings.custody
    zone = zone_of(settings.ingest.clock_zone)
    async with (
        holding_key(settings) as signer,
        open_catalogue(catalogue_of(settings), clock, "sequencer", zone) as catalogue,
    ):
        await require_in_force(catalogue, signer.note_key)
        witnesses, needed = configured(custody.witnesses, custody.witnesses_needed, signer.note_key)
        sequencer = Sequencer(catalogue, files, signer, clock, custody.origin)
        roots = await asyncio.to_thread(read_roots, custody.required_first)
        needed_times = custody.time_authorities_needed
        if roots and needed_times > len(roots):
            raise Invalid(
                "bad-authorities",
                f"`custody.time_authorities_needed` asks for {needed_times}, and there are {len(roots)}.",
            )
        asked = (
            TimeAuthorities(roots, custody.time_authority_policies, custody.time_authority_imprints)
            if roots
            else None
        )
        own = await own_time(settings, clock)
        stamper = (
            Stamper(catalogue, files, asked, clock, needed_times, custody.time_authorities_required)
            if own is None
            else SelfStamper(catalogue, files, own, clock)
        )
        cosigning = Cosigning(catalogue, files, clock, witnesses, needed, post)
        yield LogKeeping(
            sequencer,
            stamper,
            cosigning,
            RevocationLists(catalogue, files, clock, fetched),
            Journal(catalogue, stores.journal, signer, clock),
            Bodies(catalogue, files, clock),
            Partials(catalogue, files, clock),
            ()
            if stores.copies is None
            else tuple(LogCopy(catalogue, stores.copies.first, one, clock) for one in stores.copies.others),
            _audits_of(settings, stores, catalogue, clock),
        )


def _audits_of(
    settings: Settings, stores: Stores, catalogue: Catalogue, clock: Clock
) -> tuple[LogAudit, ...]:
    """What reads the log again in the store, and in each replica."""
    every = timedelta(days=settings.fixity.every_days) or None
    rate = settings.fixity.bytes_per_second
    others = () if stores.copies is None else stores.copies.others
    return (
        LogAudit(catalogue, stores.primary, stores.log, clock, every, rate),
        *(LogAudit(catalogue, one.store, one.log, clock, every, rate, one.name) for one in others),
    )


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until `stop` is set."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def stamp_log(stamper: Stamper | SelfStamper, stop: asyncio.Event) -> None:
    """Stamp until `stop` is set: apart from the sequencer, which no authority may keep waiting."""
    while not stop.is_set():
        try:
            await stamper.run()
        except CustosError as error:
            _log.warning("the log was not stamped, and is tried again: %s", error)
        await _pause(stop, _STAMP_SECONDS)


async def keep_lists(lists: RevocationLists, stop: asyncio.Event) -> None:
    """Keep revocation lists until `stop` is set: apart from stamping, which none of them keeps waiting."""
    while not stop.is_set():
        try:
            await lists.run()
        except CustosError as error:
            _log.warning("revocation lists were not kept, and are asked for again: %s", error)
        await _pause(stop, _STAMP_SECONDS)


async def witness_log(cosigning: Cosigning, stop: asyncio.Event) -> None:
    """Have heads cosigned until `stop` is set: apart from the sequencer, which no witness keeps waiting."""
    while not stop.is_set():
        try:
            await cosigning.run()
        except CustosError as error:
            _log.warning("the log was not witnessed, and is tried again: %s", error)
        await _pause(stop, _WITNESS_SECONDS)


async def keep_journal(kept: LogKeeping, stop: asyncio.Event) -> None:
    """Keep the journal and the log's bodies until `stop` is set, while the log goes on, and nothing outlived.

    A catalogue that was put back from a backup would write what it no longer knows better over what it knew.
    """
    keeping = (kept.bodies, kept.journal, kept.partials)
    while not stop.is_set():
        pause = _JOURNAL_SECONDS
        try:
            if kept.sequencer.agrees and any([await one.run() for one in keeping]):
                continue
        except JournalStands as error:
            _log.error("%s [%s]", error.message, error.code)
            pause = _STOPPED_SECONDS
        except CustosError as error:
            _log.warning("the journal is behind, and is tried again: %s", error)
        except Exception:  # noqa: BLE001  whatever it is, the log goes on
            _log.exception("the journal is behind, and is tried again")
            pause = _STOPPED_SECONDS
        await _pause(stop, pause)


async def copy_log(kept: LogKeeping, copy: LogCopy, stop: asyncio.Event) -> None:
    """Keep a replica's copy until `stop` is set, while the log goes on; none waits for another."""
    while not stop.is_set():
        pause = _COPIED_SECONDS
        try:
            if kept.sequencer.agrees:
                await copy.run()
        except CopyStands as error:
            _log.error("%s [%s]", error.message, error.code)
            pause = _STOPPED_SECONDS
        except CustosError as error:
            _log.warning("the replica %s is behind the log, and is tried again: %s", copy.name, error)
            pause = _STOPPED_SECONDS
        except Exception:  # noqa: BLE001  whatever it is, the log goes on
            _log.exception("the replica %s is behind the log, and is tried again", copy.name)
            pause = _STOPPED_SECONDS
        await _pause(stop, pause)


async def audit_log(kept: LogKeeping, audit: LogAudit, stop: asyncio.Event) -> None:
    """Read one place again when that is due, until `stop` is set; nothing else waits for it."""

    while not stop.is_set():
        pause = _AUDIT_SECONDS
        try:
            if kept.sequencer.agrees and await audit.run(partial(_pause, stop)):
                continue
        except CustosError as error:
            _log.warning("the log in %s was not read again, and is tried again: %s", audit.place, error)
            pause = _STOPPED_SECONDS
        except Exception:  # noqa: BLE001  whatever it is, the log goes on
            _log.exception("the log in %s was not read again, and is tried again", audit.place)
            pause = _STOPPED_SECONDS
        await _pause(stop, pause)


async def keep_log(sequencer: Sequencer, stop: asyncio.Event) -> None:
    """Run until `stop` is set; what fails is tried again, what stopped the log is said again and again."""
    while not stop.is_set():
        pause = _PAUSE_SECONDS
        try:
            ran = await sequencer.run()
            if ran.added >= _BUSY:
                continue
        except LogStopped as error:
            _log.error("%s [%s]", error.message, error.code)
            pause = _STOPPED_SECONDS
        except CustosError as error:
            _log.warning("the log is behind, and is tried again: %s", error)
            pause = _TROUBLE_SECONDS
        await _pause(stop, pause)


async def _last(kept: LogKeeping) -> None:
    """What others wrote while they stopped goes into the store too."""
    try:
        await kept.sequencer.run()
        await kept.bodies.run()
        await kept.journal.run()
    except CustosError as error:
        _log.warning("the last events wait for the next start: %s", error)


async def run_sequencer(settings: Settings, announce: Callable[[], None]) -> None:
    """Keep the log until told to stop; `announce` once it is kept."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_sequencer(settings) as kept:
        announce()
        await asyncio.gather(
            keep_log(kept.sequencer, stop),
            stamp_log(kept.stamper, stop),
            keep_lists(kept.lists, stop),
            witness_log(kept.cosigning, stop),
            keep_journal(kept, stop),
            *(copy_log(kept, copy, stop) for copy in kept.copies),
            *(audit_log(kept, audit, stop) for audit in kept.audits),
        )
        await _last(kept)
