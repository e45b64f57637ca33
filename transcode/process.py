"""Runs one tool within bounds.

Invariants: when `run` returns or raises, the whole process group has been killed and its leader reaped,
also when the leader ended by itself and left children behind; no more than the caps is ever held of what
the tool prints; the wall-clock deadline holds even if the tool neither prints nor ends. The tool gets no
standard input and an environment of four fixed variables.

asyncio's own subprocesses are not used: they reap the leader as soon as it ends, and after that its group
can no longer be killed without the risk of hitting a stranger that was given the same number.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

EndedBy: TypeAlias = Literal["itself", "deadline", "output-cap"]

ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    # No home of anybody's, so no configuration file of anybody's either.
    "HOME": "/nonexistent",
}

_CHUNK = 64 * 1024
_STDERR_KEPT = 4096
_LONGEST_LINE = 4096
_REAPED_WITHIN_S = 10.0
_PIPE_CHUNKS = 64


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended. `returncode` is negative or above 128 after a signal, as shells have it."""

    ended_by: EndedBy
    returncode: int
    stdout: bytes
    stderr_lines: int
    stderr_head: str

    @property
    def worked(self) -> bool:
        """Ended by itself with exit code 0, which proves nothing about the output."""
        return self.ended_by == "itself" and self.returncode == 0


class _Errors:
    """Counts the lines of stderr and keeps the first few."""

    def __init__(self) -> None:
        self.lines = 0
        self.head = b""

    def feed(self, chunk: bytes) -> None:
        self.lines += chunk.count(b"\n")
        if len(self.head) < _STDERR_KEPT:
            self.head += chunk[: _STDERR_KEPT - len(self.head)]


class _Lines:
    """Cuts a stream into lines of at most `_LONGEST_LINE` bytes."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        *whole, rest = (self._rest + chunk).split(b"\n")
        for line in whole:
            self._on_line(line[:_LONGEST_LINE].decode("utf-8", "replace"))
        self._rest = rest[:_LONGEST_LINE]


class _Overflow(Exception):
    pass


class _Watch:
    """One started process, its pipes and its end, on the running loop. Used by `run` alone."""

    def __init__(self, argv: Sequence[str], feeds: Sequence[Callable[[bytes], None]]) -> None:
        self._loop = asyncio.get_running_loop()
        self.process = subprocess.Popen(  # noqa: S603  # argv is ours; no shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=dict(ENVIRONMENT),
            cwd="/",
            start_new_session=True,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._pipes = (self.process.stdout, self.process.stderr)
        self._feeds = dict(zip((pipe.fileno() for pipe in self._pipes), feeds, strict=True))
        self.stopped: asyncio.Future[None] = self._loop.create_future()
        self._failure: Exception | None = None
        self._dead = asyncio.Event()
        self._pidfd: int | None = None
        try:
            self._pidfd = os.pidfd_open(self.process.pid)
            self._loop.add_reader(self._pidfd, self._on_death)
            for descriptor in self._feeds:
                os.set_blocking(descriptor, False)
                self._loop.add_reader(descriptor, self._on_output, descriptor)
        except BaseException:
            self._kill()
            self._let_go()
            raise

    def _on_death(self) -> None:
        self._dead.set()
        self._stop()

    def _stop(self) -> None:
        if not self.stopped.done():
            self.stopped.set_result(None)

    def _on_output(self, descriptor: int) -> None:
        try:
            self._read(descriptor)
        except Exception as error:  # noqa: BLE001  # raised by `take_the_rest`, also if the death was seen before it
            self._loop.remove_reader(descriptor)
            self._failure = self._failure or error
            self._stop()

    def _read(self, descriptor: int) -> bool:
        """Feed one chunk; False if there is none now."""
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        if chunk:
            self._feeds[descriptor](chunk)
        else:
            self._loop.remove_reader(descriptor)
        return bool(chunk)

    def take_the_rest(self) -> None:
        """Raise what feeding has failed with, or feed what still stands in the pipes of a dead process.

        Bounded, should a stranger hold the pipes.
        """
        if self._failure is not None:
            raise self._failure
        for descriptor in self._feeds:
            for _ in range(_PIPE_CHUNKS):
                if not self._read(descriptor):
                    break

    async def end(self) -> None:
        """Kill the group, reap the leader and close the pipes. The leader is not reaped before this."""
        for descriptor in self._feeds:
            self._loop.remove_reader(descriptor)
        self._kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REAPED_WITHIN_S):
                await self._dead.wait()
        self._let_go()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _let_go(self) -> None:
        for descriptor in (*self._feeds, *([] if self._pidfd is None else [self._pidfd])):
            self._loop.remove_reader(descriptor)
        for pipe in self._pipes:
            pipe.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=_REAPED_WITHIN_S if self._pidfd is None else 0)


async def run(
    argv: Sequence[str],
    *,
    wall_s: float,
    stdout_cap: int,
    on_line: Callable[[str], None] | None = None,
) -> Finished:
    """Run `argv` to its end, its deadline or its output cap, whichever comes first.

    With `on_line` the lines of stdout are handed over as they come and not kept; what it raises ends the
    run and is raised. Raises OSError if the program cannot be started at all.
    """
    errors, kept = _Errors(), bytearray()
    lines = _Lines(on_line) if on_line is not None else None

    def take(chunk: bytes) -> None:
        if lines is not None:
            lines.feed(chunk)
        elif len(kept) + len(chunk) > stdout_cap:
            raise _Overflow
        else:
            kept.extend(chunk)

    ended_by: EndedBy = "itself"
    watch = _Watch(argv, (take, errors.feed))
    try:
        try:
            async with asyncio.timeout(wall_s):
                await asyncio.shield(watch.stopped)
            watch.take_the_rest()
        except TimeoutError:
            ended_by = "deadline"
        finally:
            await asyncio.shield(watch.end())
    except _Overflow:
        ended_by = "output-cap"
    code = watch.process.returncode
    return Finished(
        ended_by=ended_by,
        returncode=-signal.SIGKILL if code is None else code,
        stdout=bytes(kept),
        stderr_lines=errors.lines,
        stderr_head=errors.head.decode("utf-8", "replace"),
    )
