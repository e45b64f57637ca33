"""Sending a file by tus 1.0 (tus.io): what is cut goes on where the server says it stands."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import aiohttp

from clients.demo.caller import Caller, Refused, Unreachable, refusal
from clients.demo.errors import DemoError

_VERSION = {"Tus-Resumable": "1.0.0"}
_BLOCK = 512 * 1024
_ATTEMPTS = 8
_LONGEST_PAUSE = 8.0
#: Answers after which the same upload may be tried again: its offset moved, it is busy, a hiccup.
_PASSING = frozenset({409, 423, 500, 502, 503, 504})


def metadata_header(metadata: Mapping[str, str]) -> str:
    """The `Upload-Metadata` header."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())


async def create(station: Caller, size: int, metadata: Mapping[str, str]) -> str:
    """Open an upload; returns its path on the server. Raises Refused with the server's words."""
    headers = {**_VERSION, "Upload-Length": str(size), "Upload-Metadata": metadata_header(metadata)}
    answer = await station.ask("POST", "/uploads", headers=headers)
    if answer.status != 201:
        raise refusal(answer.status, answer.body)
    return answer.headers["Location"]


async def offset_of(station: Caller, location: str) -> int:
    """How many bytes the server has made durable; raises Refused when the upload cannot go on."""
    answer = await station.ask("HEAD", location, headers=_VERSION)
    if answer.status == 200:
        return int(answer.headers["Upload-Offset"])
    # An answer to HEAD has no words; the upload's own state has.
    raise _refusal_in(answer.status, await station.get(location))


async def send(
    station: Caller,
    location: str,
    file: Path,
    *,
    on_last_byte: Callable[[], None] = lambda: None,
    on_cut: Callable[[str], None] = lambda _reason: None,
) -> None:
    """Send what the server does not have yet; on return all of `file` is accepted.

    A cut connection is taken up again, until eight attempts in a row brought no new byte. `on_cut` hears
    of each cut, `on_last_byte` when the last byte was handed to the network. Raises DemoError with the
    server's words when it does not want the file, or when it is out of reach.
    """
    size = (await asyncio.to_thread(file.stat)).st_size
    best, failures = -1, 0
    while True:
        try:
            offset = await offset_of(station, location)
            if offset > best:
                best, failures = offset, 0
            if offset == size:
                # The last answer was lost; it may have been a refusal.
                await _require_accepted(station, location)
                return
            if await _patch(station, location, file, offset, on_last_byte) == size:
                return
        except (aiohttp.ClientError, ConnectionError, TimeoutError, Unreachable, Refused) as error:
            failures += 1
            passing = not isinstance(error, Refused) or error.status in _PASSING
            if not passing or failures >= _ATTEMPTS:
                raise DemoError(f"{file.name} could not be sent: {error}") from error
            on_cut(str(error) or type(error).__name__)
            await asyncio.sleep(min(0.25 * 2.0**failures, _LONGEST_PAUSE))


async def _require_accepted(station: Caller, location: str) -> None:
    said = await station.get(location)
    if said["state"] not in ("receiving", "accepted", "committed"):
        raise _refusal_in(422, said)


def _refusal_in(status: int, said: Mapping[str, Any]) -> Refused:
    """The refusal that an upload's state tells of."""
    words = said["message"] or f"The upload is {said['state']} and cannot go on."
    return Refused(status, said["code"] or "no-upload", words)


async def _patch(
    station: Caller, location: str, file: Path, offset: int, on_last_byte: Callable[[], None]
) -> int:
    """One request with everything from `offset` on; the server's new offset."""
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(offset)
        headers = {
            **_VERSION,
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(size - offset),
        }
        url = station.url + location
        async with station.session.patch(
            url, headers=headers, data=_blocks(stream, on_last_byte)
        ) as response:
            body = await response.read()
            if response.status != 204:
                raise refusal(response.status, body)
            return int(response.headers["Upload-Offset"])


async def _blocks(stream: BinaryIO, on_last_byte: Callable[[], None]) -> AsyncIterator[bytes]:
    while block := await asyncio.to_thread(stream.read, _BLOCK):
        yield block
    on_last_byte()
