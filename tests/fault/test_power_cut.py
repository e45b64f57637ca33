"""Cut the power: the store's and catalogue's disk is copied at random instants, mounted, and checked.

SIGKILL cannot reveal a missing fsync, since the kernel still writes what it holds. Here ext4 lies in an image
file behind a loop device: what it has not written to the device is not in the copy, as after a power cut.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pysqlite3 import dbapi2 as sqlite

from custos.wiring import open_services
from evidence.events import parse_event
from evidence.keys import manifest_key
from evidence.manifests import parse_manifest
from tests.fault.conftest import mounted
from tests.fault.scenario import Bell, settings_for, somebody

SEED = 20261122


def image(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(256 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(path)], check=True)
    return path


def wait_for_lines(notes: Path, count: int, busy: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not notes.exists() or notes.read_text().count("\n") < count:
        assert busy.poll() is None, "the busy Custos ended by itself"
        assert time.monotonic() < deadline, "the busy Custos makes no progress"
        time.sleep(0.002)


def cut(disk: Path, snapshot: Path, notes: Path, busy: subprocess.Popen[bytes]) -> list[str]:
    """Copy the disk as it is at this instant; what had been promised by then."""
    os.kill(busy.pid, signal.SIGSTOP)
    try:
        promised = notes.read_text().splitlines()
        shutil.copyfile(disk, snapshot)
    finally:
        os.kill(busy.pid, signal.SIGCONT)
    return promised


async def check(data: Path, promised: list[str]) -> None:
    told = [json.loads(line) for line in promised]
    async with open_services(settings_for(data), Bell(), "after") as services:
        agent = await somebody(services)
        for fact in told:
            if "upload" not in fact:
                continue
            upload = await services.uploads.find(agent, fact["upload"])
            assert await services.uploads.receipt(agent, upload.id) is not None
            item = await services.catalogue.read(lambda tx, upload=upload: tx.items.get(str(upload.item_id)))
            assert item is not None
            async with services.store.open(item.key) as file:
                assert hashlib.sha256(file.read()).hexdigest() == fact["sha256"] == item.sha256
            async with services.store.open(manifest_key(item.key)) as file:
                parse_manifest(file.read())
            stat = await services.store.stat(item.key)
            assert stat.locked_until == item.locked_until
    connection = sqlite.connect(data / "catalogue" / "custos.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        events = [parse_event(bytes(row[0])) for row in connection.execute("SELECT data FROM events")]
    finally:
        connection.close()
    opened = {
        subject["id"]
        for event in events
        if event["type"] == "viewing.opened"
        for subject in event["subjects"]
        if subject["kind"] == "viewing"
    }
    assert {fact["viewing"] for fact in told if "viewing" in fact} <= opened


async def cut_and_check(tmp_path: Path, cuts: int) -> None:
    rng = random.Random(SEED)
    disk = image(tmp_path / "disk.img")
    notes = tmp_path / "notes"
    cases = []
    with mounted(tmp_path / "disk", "-o", "loop", str(disk)) as place:
        busy = subprocess.Popen(
            [sys.executable, "-m", "tests.fault.powerload", str(place / "data"), str(notes)]
        )
        try:
            for number in range(cuts):
                wait_for_lines(notes, 6 + 4 * number, busy)
                # The instant is drawn, so that cuts fall between the steps as well as behind them.
                time.sleep(rng.uniform(0, 0.05))
                snapshot = tmp_path / f"cut-{number}.img"
                cases.append((snapshot, cut(disk, snapshot, notes, busy)))
        finally:
            busy.kill()
            busy.wait()
    for number, (snapshot, promised) in enumerate(cases):
        with mounted(tmp_path / f"after-{number}", "-o", "loop", str(snapshot)) as place:
            await check(place / "data", promised)
        snapshot.unlink()


async def test_power_cuts(tmp_path: Path) -> None:
    await cut_and_check(tmp_path, 5)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_many_power_cuts(tmp_path: Path) -> None:
    await cut_and_check(tmp_path, 60)
