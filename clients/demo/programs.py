"""Running other programs: none is left behind, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from clients.demo.errors import DemoError


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended and what it wrote."""

    status: int
    output: str
    errors: str


async def run(
    argv: Sequence[str], *, given: str | None = None, environment: Mapping[str, str] | None = None
) -> Ran:
    """Run a program to its end, `given` on its standard input; killed when this is cancelled.

    Raises DemoError when it is not installed.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=DEVNULL if given is None else PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=environment,
        )
    except FileNotFoundError as error:
        raise DemoError(f"{argv[0]} is not installed. Run deploy/setup.sh demo first.") from error
    try:
        output, errors = await process.communicate(None if given is None else given.encode())
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ran(process.returncode, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))
