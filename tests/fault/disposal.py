"""Disposals that die at chosen points: `python -m tests.fault.disposal DIRECTORY AUTHORITY ROOT TRIAL…`.

An office with approved disposals is made once; each trial is a copy of it, in which a run dies at a point as
`tests.fault.zygote` writes them, further runs finish what it began, and then what must hold is looked at. The
trial `0` dies nowhere and leaves the names of the steps in the file `steps`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import traceback
from collections import Counter
from datetime import timedelta
from pathlib import Path

from cases.disposing import Disposing
from clients.verifier.disposal import verify_disposal
from clients.verifier.tokens import TimeTrust
from custody.trusted_time import TimeAuthorities, read_roots
from custos.clock import SystemClock
from custos.wiring import Services, open_services
from evidence.access import SubjectKind
from evidence.agents import Agent, Role
from evidence.disposal import ProposalState
from evidence.items import Category
from evidence.keys import certificate_key
from evidence.schedules import CountsFrom, Rule
from storage.objects.disposer import FilesystemDisposer
from tests.fault.points import Points
from tests.fault.scenario import Bell, Shift, metadata, pieces, settings_for, verify_counts, work
from tests.integration.api.test_cases import photo

RUNS = 8
UNIT = "一大队"


def main() -> int:
    directory, url, root = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    office = directory / "office"
    if _fork(lambda: _in_its_time(prepare(office))) != 0:
        return 1
    failed = 0
    for trial in sys.argv[4:]:
        result = _trial(office, directory / "trial", url, root, trial)
        failed += result != "ok"
        print(trial, result, flush=True)
    return int(failed > 0)


def _trial(office: Path, place: Path, url: str, root: Path, trial: str) -> str:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(office, place)
    for number, point in enumerate(trial.split(",")):
        points = Points(int(point.rstrip("+-")), after=point.endswith("+"))
        status = _fork(lambda points=points: _dying(place, url, root, points))  # type: ignore[misc]
        if status not in (0, -signal.SIGKILL) or (status == 0 and number == 0 and point != "0"):
            return f"run {number + 1} ended with status {status}"
    for _ in range(RUNS):
        if _fork(lambda: asyncio.run(dispose(place, url, root))) == 0:
            break
    else:
        return "no later run came to its end"
    return "ok" if _fork(lambda: asyncio.run(verify(place, root))) == 0 else "the verification failed"


def _dying(place: Path, url: str, root: Path, points: Points) -> None:
    points.install()
    asyncio.run(dispose(place, url, root))
    if points.at == 0:
        (place.parent / "steps").write_text("\n".join(points.names))


def _in_its_time(prepared: object) -> None:
    with Shift.installed():
        asyncio.run(prepared)  # type: ignore[arg-type]


def _fork(step: object) -> int:
    """Exit status of a process of its own; negative for the signal that ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        step()  # type: ignore[operator]
    except BaseException:  # noqa: BLE001  a fork must never return into its parent's code
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


async def prepare(place: Path) -> None:
    """Three recordings of 300 days ago, kept for half a year; disposals of them approved, one item held."""
    bell = Bell()
    Shift.forward = -timedelta(days=300)
    async with open_services(settings_for(place), bell, "prepare") as services:

        async def person(name: str, role: Role) -> Agent:
            return await services.accounts.add(name, name, role, UNIT, None)

        chief, first = await person("chief", Role.SUPERVISOR), await person("first", Role.SUPERVISOR)
        second = await person("second", Role.SUPERVISOR)
        rules = [Rule(Category.OTHER, 183, CountsFrom.RECEIVED, "半年")]
        version = (await services.schedules.propose(chief, rules, "r")).version
        for one in (first, second):
            await services.schedules.approve(one, version)
        items = []
        for number in range(3):
            data = photo()
            opened = await services.uploads.open(chief, len(data), metadata(filename=f"{number}.png"))
            await services.uploads.receive(chief, opened.id, 0, None, pieces(data, 0), None)
            await work(services, bell)
            items.append((await services.uploads.standing(chief, opened.id)).item_id or "")
        Shift.forward = timedelta()
        for some in (items[:1], items[1:]):
            proposal = (await services.disposal.propose(chief, some, "到期")).proposal
            assert proposal is not None
            assert len(proposal.items) == len(some)
            for one in (first, second):
                await services.disposal.approve(one, proposal.id)
        await services.holds.place(chief, SubjectKind.ITEM, items[2], "诉讼", "法院")


async def dispose(place: Path, url: str, root: Path) -> None:
    """What `custos dispose run` does."""
    async with open_services(settings_for(place), Bell(), "command") as services:
        disposing = Disposing(
            services.catalogue,
            services.store,
            FilesystemDisposer(place / "store"),
            services.index,
            TimeAuthorities(read_roots({url: str(root)})),
            services.signer,
            SystemClock(),
        )
        for proposal in await disposing.waiting():
            assert (await disposing.carry_out(proposal.id)).done


async def verify(place: Path, root: Path) -> None:
    """Two items are gone with one certificate each, the held one is whole, and the log says so once."""
    async with open_services(settings_for(place), Bell(), "verify") as services:
        ids = await services.catalogue.read(lambda tx: tx.search.items_after(None, 9))
        items = await services.catalogue.read(lambda tx: tx.items.several(ids))
        gone = [one for one in items if one.disposed_at is not None]
        (held,) = [one for one in items if one.disposed_at is None]
        assert len(gone) == 2
        assert held.held
        for one in gone:
            assert one.disposed_in is not None
            await _proven(services, one.disposed_in, root)
        keys = [key async for key in services.store.keys("")]
        assert sum(key.startswith("disposals/") for key in keys) == 2
        left = [key for key in keys if not key.startswith("disposals/")]
        assert left
        assert all(held.id in key for key in left), left
        async with services.store.open(held.key) as file:
            assert len(file.read()) == held.size
        differing = await services.catalogue.read(lambda tx: tx.figures.difference())
        assert differing == 0
    counted = Counter(event["type"] for event in verify_counts(settings_for(place).catalogue_file))
    assert (counted["item.disposed"], counted["item.spared"], counted["disposal.certified"]) == (2, 1, 2)


async def _proven(services: Services, proposal_id: str, root: Path) -> None:
    proposal = await services.catalogue.read(lambda tx: tx.disposals.get(proposal_id))
    assert proposal is not None
    assert proposal.state is ProposalState.CARRIED_OUT
    assert proposal.certificate is not None
    async with services.store.open(certificate_key(proposal_id)) as file:
        assert file.read().decode() == proposal.certificate
    trust = TimeTrust((root.read_bytes(),))
    said = verify_disposal(proposal.certificate, services.signer.public_pem, trust)
    named = [one["id"] for one in (*said.statement["items"], *said.statement["spared"])]
    assert sorted(named) == sorted(proposal.items)


if __name__ == "__main__":
    sys.exit(main())
