"""The day's custody log, checked by the offline verifier, and what it says of changed copies."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clients.demo.errors import DemoError
from clients.demo.office import AUDITOR, Office

_PATIENCE_SECONDS = 60
_LOG = Path("objects") / "log"


async def check(office: Office) -> None:
    """The whole log and one item's proofs hold; six changed copies are each named."""
    office.console.step("The custody log: every event of the day, checked offline")
    item = office.items[sorted(office.held)[0]]
    proofs = await _settled(office, item)
    key = (await office.desks[AUDITOR].ask("GET", "/log/key")).body.decode().strip()
    said = await office.custos.command("verify", "log", "--key", key)
    for line in said.splitlines():
        office.console.say(f"    {line}")
    office.checks.expect(
        said.endswith("VERIFIED\n"), "the verifier, which shares no code with the log, says so"
    )
    document = office.custos.data / "demo" / "proofs.json"
    document.write_text(json.dumps(proofs))
    said = await office.custos.command("verify", "proofs", str(document), "--key", key)
    office.checks.expect(
        said.endswith("VERIFIED\n"), f"{len(proofs['events'])} events of one recording are proven by one file"
    )
    await _tampered(office, key)
    await _forged_proofs(office, key, proofs)


async def _settled(office: Office, item: str) -> dict[str, Any]:
    """What is proven of an item once nothing of it waits but the asking itself."""
    for _ in range(_PATIENCE_SECONDS * 2):
        proofs: dict[str, Any] = await office.said(AUDITOR, "GET", f"/items/{item}/proofs")
        if proofs["waiting"] <= 1:
            return proofs
        await asyncio.sleep(0.5)
    raise DemoError(f"The log is more than {_PATIENCE_SECONDS} s behind. See {office.custos.log}.")


async def _tampered(office: Office, key: str) -> None:
    def flip(path: Path, at: int) -> None:
        data = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])

    def shorten(log: Path) -> None:
        lines = (log / "checkpoint").read_text().split("\n")
        (log / "checkpoint").write_text("\n".join([lines[0], str(int(lines[1]) - 1), *lines[2:]]))

    changes: dict[str, Callable[[Path], None]] = {
        "one byte of one event": lambda log: flip(log / "tile/entries/001", 5000),
        "one byte of one hash": lambda log: flip(log / "tile/0/001", 100),
        "the number of leaves": shorten,
        "a file that is gone": lambda log: (log / "tile/entries/000").unlink(),
    }
    copy = office.custos.data / "demo" / "copy"
    for what, change in changes.items():
        await asyncio.to_thread(shutil.copytree, office.custos.data / "store" / _LOG, copy)
        await asyncio.to_thread(change, copy)
        said = await office.custos.command("verify", "log", str(copy), "--key", key, may_fail=True)
        office.checks.expect(
            said.startswith("NOT VERIFIED"), f"changed in a copy: {what}. {said.strip()}", said
        )
        await asyncio.to_thread(shutil.rmtree, copy)


async def _forged_proofs(office: Office, key: str, proofs: dict[str, Any]) -> None:
    document = office.custos.data / "demo" / "forged.json"
    without = {**proofs, "events": [*proofs["events"][:2], *proofs["events"][3:]]}
    other = json.loads(json.dumps(proofs))
    other["events"][1]["detail"] = '{"purpose":"另有目的"}'
    for what, forged in (("an event left out of a proof", without), ("what an event's detail says", other)):
        document.write_text(json.dumps(forged))
        said = await office.custos.command("verify", "proofs", str(document), "--key", key, may_fail=True)
        office.checks.expect(
            said.startswith("NOT VERIFIED"), f"changed in a copy: {what}. {said.strip()}", said
        )
