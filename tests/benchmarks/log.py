"""The custody log: durable events while it is kept, how fast it is kept, proofs, and checking all of it.

Events are made by 400 waiters as `tests.benchmarks.events` has them; the sequencer is a process of its own,
as it is in a running Custos, over the same catalogue and a store on the same disk.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from clients.verifier.heads import pin_of, pinned
from clients.verifier.log import verify_log
from custody.key_files import open_signer
from custody.proofs import Proofs
from custody.sequencer import Sequencer
from custody.signing import FileSigner
from custos.clock import SystemClock
from custos.keeping_sections import ProtectionSettings
from custos.settings import Settings
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import new_pseudonym
from identity.policy import RolePolicy
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.objects.filesystem import FilesystemStore
from storage.objects.log_files import LogFiles
from tests.benchmarks import events
from tests.benchmarks.results import Report
from tests.places import ROOT

#: Events that are put into the log, in transactions of so many, about so many items.
EVENTS = 200_000
_IN_ONE = 1_000
_ITEMS = 2_000
_ASKED = 200
ORIGIN = "bench.test/log"


def settings_in(work: Path) -> Settings:
    """Of a Custos below that directory."""
    return Settings(data=work, protection=ProtectionSettings(immutable=False))


def sequencer_of(settings: Settings, catalogue: SqlCatalogue, signer: FileSigner) -> Sequencer:
    store = FilesystemStore(settings.store, immutable=False)
    return Sequencer(catalogue, LogFiles(settings.store, store), signer, SystemClock(), ORIGIN)


async def _beside(settings: Settings) -> tuple[float, float]:
    """Events a second and the slowest hundredth's wait, while another process keeps the log."""
    settings.catalogue_file.parent.mkdir(parents=True, exist_ok=True)
    # As a first start makes it: beside a catalogue that is there no process makes another key.
    open_signer(settings.keys)
    async with open_catalogue(settings.catalogue_file, SystemClock(), "benchmark"):
        pass
    reading, writing = os.pipe()
    environment = {
        **os.environ,
        "CUSTOS_DATA": str(settings.data),
        "CUSTOS_PROTECTION__IMMUTABLE": "false",
        "CUSTOS_READY_FD": str(writing),
    }
    keeper = subprocess.Popen(
        [sys.executable, "-m", "custos", "sequencer"], env=environment, cwd=ROOT, pass_fds=(writing,)
    )
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as ready:
            assert await asyncio.to_thread(ready.readline) == b"ready\n"
        return await events.run(settings.catalogue_file)
    finally:
        keeper.terminate()
        keeper.wait()


async def fill(catalogue: SqlCatalogue, events: int = EVENTS) -> None:
    """So many events of some items more, which wait for the log."""
    clock, agent = SystemClock(), new_pseudonym()
    items = [new_pseudonym() for _ in range(_ITEMS)]
    for first in range(0, events, _IN_ONE):

        def put(tx: object, first: int = first) -> None:
            for number in range(first, first + _IN_ONE):
                subjects = (Subject("item", items[number % _ITEMS]),)
                draft = EventDraft(EventType.ITEM_SHOWN, agent, clock.now(), subjects)
                tx.events.append(draft)  # type: ignore[attr-defined]

        await catalogue.write(put)


async def _kept(settings: Settings, report: Report) -> None:
    signer = open_signer(settings.keys)
    settings.catalogue_file.parent.mkdir(parents=True, exist_ok=True)
    async with open_catalogue(settings.catalogue_file, SystemClock(), "benchmark") as catalogue:
        await fill(catalogue)
        sequencer = sequencer_of(settings, catalogue, signer)
        begun, rates = time.perf_counter(), []
        size = 0
        while True:
            started = time.perf_counter()
            ran = await sequencer.run()
            if not ran.added:
                break
            rates.append(ran.added / (time.perf_counter() - started))
            size = ran.published
        seconds = time.perf_counter() - begun
        report.at_least(
            "leaves a second, tiles and checkpoints in the store", size / seconds, 20_000, "leaves/s"
        )
        report.at_least(
            f"the same, the last 10,000 of {size:,} against the first",
            rates[-2] / rates[0],
            0.8,
            "rate by rate",
        )
        proofs = Proofs(catalogue, RolePolicy(), SystemClock(), signer.note_key)
        placed = await catalogue.read(lambda tx: tx.log.entries(size - 1, size))
        assert placed
        await prove(catalogue, proofs, size, report)
    verify(settings, signer, size, report)


async def prove(catalogue: SqlCatalogue, proofs: Proofs, size: int, report: Report) -> None:
    """Proofs of events from all over the log."""
    numbers = ", ".join(str(place) for place in range(0, size, size // _ASKED))
    names = await catalogue.read(
        lambda tx: [
            row[0]
            for row in tx.connection.exec_driver_sql(  # type: ignore[attr-defined]
                f"SELECT event_id FROM log_leaves WHERE number IN ({numbers})"
            ).all()
        ]
    )
    taken = []
    for name in names:
        started = time.perf_counter()
        assert await proofs.of_event(name) is not None
        taken.append(time.perf_counter() - started)
    report.at_most(f"a proof among {size:,} leaves", slowest_of(taken), 5, "ms, p95")


def slowest_of(taken: list[float]) -> float:
    """The 95th percentile of seconds, in milliseconds."""
    return sorted(taken)[len(taken) * 95 // 100] * 1000


def verify(settings: Settings, signer: FileSigner, size: int, report: Report) -> None:
    """All of it, offline."""
    started = time.perf_counter()
    key = pinned(pin_of(ORIGIN, signer.note_key))
    verify_log(settings.store / "objects" / "log", key)
    seconds = time.perf_counter() - started
    report.at_most(f"verifying {size:,} leaves, scaled to a million", seconds * 1e6 / size, 15, "s")


def measure(work: Path, report: Report) -> None:
    """The better of two runs beside the sequencer: the first one warms the disk."""
    runs = [asyncio.run(_beside(settings_in(work / f"beside-{number}"))) for number in range(2)]
    rate, slowest = max(runs)
    report.at_least("events while the log is kept, durable ones a second", rate, 8000, "events/s")
    report.at_most("events while the log is kept, 99th percentile", slowest, 75, "ms")
    asyncio.run(_kept(settings_in(work / "kept"), report))
