"""Checks that every digest there is of a recording is the same one: ours, stated, stored, read back."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

from clients.demo.caller import Caller
from clients.demo.console import Checks
from clients.demo.recordings import digest_of
from clients.demo.watching import Way
from clients.verifier.receipt import NotVerified, Verified, verify_receipt

PUBLIC_KEY = Path("keys") / "signing-key.pub.pem"
_OBJECTS = Path("store") / "objects" / "originals"


async def items_by_id(reviewer: Caller) -> dict[str, dict[str, Any]]:
    """Every item that the reviewer may see, page by page."""
    found: dict[str, dict[str, Any]] = {}
    path = "/items"
    while True:
        page = await reviewer.get(path)
        found |= {item["id"]: item for item in page["items"]}
        if page["next"] is None:
            return found
        path = f"/items?before={page['next']}"


async def check_fixity(
    checks: Checks, station: Caller, way: Way, item: dict[str, Any] | None, data: Path
) -> None:
    """Compare the file that was sent with its receipt, its item and the stored bytes.

    Reads the store's own file below `data`, past the server. The receipt is kept below `data`/demo.
    """
    name = way.recording.name
    if not checks.expect(item is not None, f"{name} is listed as an item", quiet=True):
        return
    assert item is not None
    answer = await station.ask("GET", f"{way.location}/receipt")
    if not checks.expect(
        answer.status == 200, f"{name} has a receipt", f"status {answer.status}", quiet=True
    ):
        return
    receipt = data / "demo" / "receipts" / f"{way.upload}.jws"
    receipt.parent.mkdir(exist_ok=True)
    receipt.write_bytes(answer.body)
    try:
        verified: Verified | None = await asyncio.to_thread(
            verify_receipt, way.recording.path, answer.body.decode(), (data / PUBLIC_KEY).read_bytes()
        )
        otherwise = ""
    except (NotVerified, OSError, UnicodeDecodeError) as error:
        verified, otherwise = None, str(error)
    if checks.expect(verified is not None, f"{name}: its receipt holds, checked offline", otherwise):
        assert verified is not None
        said = verified.statement
        checks.expect(
            verified.read_back and said["item"] == item["id"],
            f"{name}: the receipt is completed by a read-back and names the item",
            f"read back: {verified.read_back}, item {said['item']}",
        )
    await _check_digests(checks, way, item, data, verified)


async def _check_digests(
    checks: Checks, way: Way, item: dict[str, Any], data: Path, verified: Verified | None
) -> None:
    stored = sorted((data / _OBJECTS).glob(f"*/*/{item['id']}/{'[0-9a-f]' * 64}"))
    if not checks.expect(
        len(stored) == 1,
        f"{way.recording.name}: one original is stored",
        f"{len(stored)} found",
        quiet=True,
    ):
        return
    found = {
        "the item's": item["digests"]["sha256"],
        "the read-back's": (item["read_back"] or {}).get("sha256", "none"),
        "the stored bytes'": await asyncio.to_thread(digest_of, stored[0]),
        "the stored name's": stored[0].name,
    }
    if verified is not None:
        found["the receipt's"] = verified.statement["digests"]["sha256"]
    different = [f"{whose} is {digest}" for whose, digest in found.items() if digest != way.sha256]
    checks.expect(
        not different,
        f"{way.recording.name}: sha256 {way.sha256[:12]}… in file, receipt, item, read-back and store",
        f"the file's is {way.sha256}; " + "; ".join(different),
    )
    mode = stat.S_IMODE(stored[0].stat().st_mode)
    checks.expect(
        mode == 0o444 and (stored[0].parent / "manifest.json").is_file(),
        f"{way.recording.name}: the stored file is read-only, its manifest lies beside it",
        f"mode {mode:o}",
        quiet=True,
    )
