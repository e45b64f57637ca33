"""A case taken away: fetched in two goes, checked without a network, and six forged copies named."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from clients.demo.caller import Caller
from clients.demo.console import Checks, Console
from clients.demo.errors import DemoError
from clients.demo.programs import Ran, run

_PATIENCE_SECONDS = 300
_PIECE = 1 << 20
_CUT_OFF = ("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--unshare-net")
_ALGORITHMS = ("sha256", "sha512", "sm3")


async def take_away(
    console: Console, checks: Checks, archivist: Caller, items: Sequence[str], place: Path
) -> None:
    """Export a case of these items and hold what came out against everything that an outsider can ask."""
    console.step(f"Taking a case of {len(items)} recordings away, as for a court")
    case = (
        await archivist.ask("POST", "/cases", json={"number": "粤执〔2026〕88号", "category": "penalty"})
    ).json()
    (await archivist.ask("POST", f"/cases/{case['id']}/links", json={"items": list(items)})).json()
    wanted = {"profile": "court", "reason": "移送检察院"}
    export = (await archivist.ask("POST", f"/cases/{case['id']}/exports", json=wanted)).json()
    made = await _made(archivist, export["id"])
    await asyncio.to_thread(place.mkdir)
    archive = place / "case.zip"
    await _fetched(checks, archivist, made, archive)
    seal = place / "case.zip.seal.json"
    seal.write_bytes((await archivist.ask("GET", made["seal"])).body)
    key = (await archivist.ask("GET", "/log/key")).body.decode().strip()
    directory = await asyncio.to_thread(_unpacked, archive, place)
    verifier = _Verifier(directory / "verify" / "custos-verify.pyz", seal, key, await _cut_off(console))
    await _without_network(checks, verifier, archivist.url)
    for path in (archive, directory):
        ran = await verifier.check(path)
        checks.expect(ran.status == 0, f"{path.name} is verified by the program that lies in it", ran.output)
    for line in ran.output.splitlines():
        console.say(f"    {line}")
    console.say(f"  {directory / 'viewer' / 'index.html'} shows it in any browser")
    await _forgeries(console, checks, verifier, directory, place)


async def _made(archivist: Caller, export_id: str) -> dict[str, Any]:
    for _ in range(_PATIENCE_SECONDS * 2):
        export = await archivist.get(f"/exports/{export_id}")
        if export["made"] is not None:
            found: dict[str, Any] = export["made"]
            return found
        if export["job"]["state"] == "failed":
            raise DemoError(f"The export was not made: {export['job']['message']}")
        await asyncio.sleep(0.5)
    raise DemoError(f"The export was not made within {_PATIENCE_SECONDS} s.")


async def _fetched(checks: Checks, archivist: Caller, made: dict[str, Any], archive: Path) -> None:
    """In two goes: the line breaks in the middle."""
    half = made["size"] // 2
    async with archivist.session.get(archivist.url + made["path"]) as response:
        etag = response.headers["ETag"]
        with archive.open("wb") as file:
            while file.tell() < half and (piece := await response.content.read(_PIECE)):
                await asyncio.to_thread(file.write, piece)
            at = file.tell()
        response.close()
    going_on = {"Range": f"bytes={at}-", "If-Range": etag}
    async with archivist.session.get(archivist.url + made["path"], headers=going_on) as response:
        with archive.open("ab") as file:
            try:
                while piece := await response.content.read(_PIECE):
                    await asyncio.to_thread(file.write, piece)
            except aiohttp.ClientError as error:
                raise DemoError(f"The export broke off: {error}") from error
        status = response.status
    size = (await asyncio.to_thread(archive.stat)).st_size
    checks.expect(
        (status, size) == (206, made["size"]),
        f"the archive of {size / 1e6:.0f} MB came in two goes, the second from byte {at:,} on",
        f"status {status}, {size} of {made['size']} bytes",
    )


def _unpacked(archive: Path, place: Path) -> Path:
    try:
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(place)
    except zipfile.BadZipFile as error:
        raise DemoError(f"What is stored is not what came in: {error}") from error
    (directory,) = (path for path in place.iterdir() if path.is_dir())
    return directory


class _Verifier:
    """The program in the export, run by the machine's own Python, cut off where that works."""

    def __init__(self, program: Path, seal: Path, key: str, around: Sequence[str]) -> None:
        self._command = [*around, _machine_python(), "-I", "-S", str(program), "--key", key]
        self._seal = seal
        self.around = around

    async def check(self, path: Path, *, sealed: bool = True) -> Ran:
        """What it says of an export."""
        seal = ["--seal", str(self._seal)] if sealed else []
        return await run([*self._command, str(path), *seal])


def _machine_python() -> str:
    """The system's own where there is one that is new enough: it has none of what Custos installed."""
    system = Path("/usr/bin/python3")
    return str(system) if system.exists() and sys.version_info[:2] == (3, 11) else sys.executable


async def _cut_off(console: Console) -> Sequence[str]:
    try:
        ran = await run([*_CUT_OFF, "true"])
    except DemoError:
        ran = Ran(1, "", "")
    if ran.status:
        console.say("  No network namespace can be made here: the network is not cut, only not used.")
        return ()
    return _CUT_OFF


async def _without_network(checks: Checks, verifier: _Verifier, url: str) -> None:
    if not verifier.around:
        return
    port = urlsplit(url).port
    reach = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
    ran = await run([*verifier.around, sys.executable, "-I", "-c", reach])
    checks.expect(ran.status != 0, "from where it is checked Custos cannot be reached: the network is cut")


async def _forgeries(
    console: Console, checks: Checks, verifier: _Verifier, directory: Path, place: Path
) -> None:
    """Most by somebody who puts every manifest right again and gives no seal: the log has to find it."""
    console.step("Six forged copies of it")
    proofs = "custody/proofs/*.json"
    forgeries: list[tuple[str, str, Callable[[bytes], bytes], bool]] = [
        ("one bit of an original, manifests left as they were", "data/originals/*", _flipped, False),
        ("one bit of an original, all manifests made anew", "data/originals/*", _flipped, True),
        ("a copy exchanged", "data/renditions/*/playable.mp4", lambda data: data + b"\0", True),
        ("an access left out of a history", proofs, _left_out, True),
        ("who looked, in an event's detail", proofs, _retold, True),
        ("a withheld detail taken off the list", "custody/withheld.json", _unlisted, True),
    ]
    for number, (what, name, change, anew) in enumerate(forgeries):
        copy = place / f"forged-{number}"
        await asyncio.to_thread(shutil.copytree, directory, copy, copy_function=os.link)
        await asyncio.to_thread(_forge, copy, name, change, anew)
        ran = await verifier.check(copy, sealed=False)
        told = ran.output.strip().removeprefix("NOT VERIFIED: ")
        checks.expect(ran.status == 1, f"{what}: {told}", ran.output + ran.errors)
        if anew:
            ran = await verifier.check(copy)
            checks.expect("seal" in ran.output, f"{what}: the seal finds it too", ran.output, quiet=True)
        await asyncio.to_thread(shutil.rmtree, copy)


def _forge(copy: Path, name: str, change: Callable[[bytes], bytes], anew: bool) -> None:
    path = sorted(copy.glob(name))[0]
    _put(path, change(path.read_bytes()))
    if not anew:
        return
    for kind in ("manifest", "tagmanifest"):
        for algorithm in _ALGORITHMS:
            manifest = copy / f"{kind}-{algorithm}.txt"
            paths = [line.split("  ", 1)[1] for line in manifest.read_text().splitlines()]
            lines = [
                f"{hashlib.new(algorithm, (copy / one).read_bytes()).hexdigest()}  {one}\n" for one in paths
            ]
            _put(manifest, "".join(lines).encode())


def _put(path: Path, data: bytes) -> None:
    # Copies are links: the true one stays as it is.
    path.unlink()
    path.write_bytes(data)


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _rewritten(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(data)
    change(document)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _left_out(data: bytes) -> bytes:
    return _rewritten(data, lambda document: document["events"].pop(2))


def _retold(data: bytes) -> bytes:
    def change(document: dict[str, Any]) -> None:
        event = next(one for one in document["events"] if one["detail"] not in (None, "{}"))
        event["detail"] = '{"purpose":"另有目的"}'

    return _rewritten(data, change)


def _unlisted(data: bytes) -> bytes:
    return _rewritten(data, lambda document: document["withheld"].pop(0))
