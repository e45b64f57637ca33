"""Keeps the parts of one Custos running: starts them in order, restarts what dies, stops them in reverse.

What holds:
- A part is started when the one before it is ready; readiness is announced once, when all are.
- A part that ends by itself is always restarted, after a pause that doubles from half a second to half a
  minute and starts over once the part has been healthy for a minute.
- Before a part is started again, and when `supervise` returns, it has ended and whatever it started in its
  process group has been sent SIGKILL.
- A part cannot outlive the supervisor, not even one killed with SIGKILL: the kernel kills it.

A part's process group is its own, so that Ctrl-C in a terminal reaches the supervisor alone and the order
of stopping is the supervisor's to keep.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from custos import child
from custos.listening import LISTEN_FDS, Door
from custos.readiness import READY_FD

_LAUNCHER = str(Path(child.__file__).resolve())
_POLL_SECONDS = 0.05

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How long to wait before a part is started again."""

    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    healthy_seconds: float = 60.0

    def failures(self, before: int, healthy_for_seconds: float) -> int:
        """Failures in a row, the one that just happened included, after `before` earlier ones."""
        return 1 if healthy_for_seconds >= self.healthy_seconds else before + 1

    def pause_seconds(self, failures: int) -> float:
        """The pause after that many failures in a row, 1 or more."""
        doublings = min(failures - 1, 64)
        return min(self.first_seconds * 2.0**doublings, self.longest_seconds)


@dataclass(frozen=True, slots=True)
class Part:
    """A process to keep running.

    `is_ready` is asked again and again until it says yes; it must come back within a second or so. Without
    it the part says so itself, with `custos.readiness.announce_ready`. `environment` is added to the
    supervisor's own. The parts after one that `is_needed` are started only once it is ready. A part with a
    `door` inherits what that has, each time that it is started.
    """

    name: str
    argv: tuple[str, ...]
    is_ready: Callable[[], Awaitable[bool]] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    is_needed: bool = True
    door: Door | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a part may take to become ready, and to stop once asked."""

    ready_seconds: float = 60.0
    grace_seconds: float = 10.0


async def supervise(
    parts: Sequence[Part],
    *,
    stop: asyncio.Event,
    on_ready: Callable[[], None] = lambda: None,
    policy: RestartPolicy | None = None,
    patience: Patience | None = None,
) -> None:
    """Keep `parts` running until `stop` is set; `on_ready` is called once, when all of them are ready.

    On return no part is running. May be cancelled: parts are then stopped just the same.
    """
    keepers = [_Keeper(part, policy or RestartPolicy(), patience or Patience()) for part in parts]
    tasks: list[asyncio.Task[None]] = []
    stopping = asyncio.ensure_future(stop.wait())
    try:
        for keeper in keepers:
            tasks.append(asyncio.create_task(keeper.keep(), name=f"keep-{keeper.part.name}"))
            if keeper.part.is_needed and not await _until_ready([keeper], stopping, tasks):
                break
        else:
            if await _until_ready(keepers, stopping, tasks):
                on_ready()
        await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        for keeper, task in reversed(list(zip(keepers, tasks, strict=False))):
            keeper.stop.set()
            await asyncio.wait({task})
    for task in tasks:
        task.result()


async def _until_ready(
    keepers: Sequence[_Keeper], stopping: asyncio.Future[Any], tasks: Sequence[asyncio.Task[None]]
) -> bool:
    """Wait until all are ready; False when the stop, or the end of a part's keeping, came first."""
    ready: asyncio.Future[Any] = asyncio.gather(*(keeper.ready.wait() for keeper in keepers))
    try:
        await asyncio.wait({stopping, ready, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        return ready.done()
    finally:
        ready.cancel()
        await asyncio.gather(ready, return_exceptions=True)


class _Keeper:
    """One part: its current process, its failures so far."""

    def __init__(self, part: Part, policy: RestartPolicy, patience: Patience) -> None:
        self.part = part
        self.ready = asyncio.Event()
        self.stop = asyncio.Event()
        self._policy = policy
        self._patience = patience

    async def keep(self) -> None:
        """Run the part, again and again, until `stop` is set; on return its process group is gone."""
        failures = 0
        while not self.stop.is_set():
            healthy_seconds, how = await self._run_once()
            if self.stop.is_set():
                return
            failures = self._policy.failures(failures, healthy_seconds)
            pause = self._policy.pause_seconds(failures)
            _log.error(
                "%s %s; it will be started again in %.1f s", self.part.name, how, pause,
                extra={"part": self.part.name, "failures": failures},
            )  # fmt: skip
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), pause)

    async def _run_once(self) -> tuple[float, str]:
        """One life of the part: how long it was ready, and in words how it ended."""
        loop = asyncio.get_running_loop()
        announced = asyncio.Event()
        process, pipe = await self._start()
        loop.add_reader(pipe, _hear, loop, pipe, announced)
        ended = asyncio.ensure_future(process.wait())
        stopping = asyncio.ensure_future(self.stop.wait())
        readying = asyncio.ensure_future(self._become_ready(announced))
        try:
            _log.debug("%s was started as process %d", self.part.name, process.pid)
            await asyncio.wait(
                {ended, stopping, readying},
                timeout=self._patience.ready_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not ended.done() and not stopping.done() and not readying.done():
                return 0.0, f"was not ready after {self._patience.ready_seconds:g} s and is being stopped"
            ready_at = loop.time()
            if readying.done() and not ended.done():
                readying.result()
                self.ready.set()
                _log.info("%s is ready", self.part.name, extra={"part": self.part.name})
                await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
            how = _in_words(ended.result()) if ended.done() else "was asked to stop"
            return loop.time() - ready_at, how
        finally:
            loop.remove_reader(pipe)
            os.close(pipe)
            stopping.cancel()
            readying.cancel()
            await self._end(process, ended)

    async def _become_ready(self, announced: asyncio.Event) -> None:
        """Return when the part is ready by its own word or by the test that stands for it."""
        if self.part.is_ready is None:
            await announced.wait()
            return
        while not await self.part.is_ready():  # noqa: ASYNC110  # another process sets no event of ours
            await asyncio.sleep(_POLL_SECONDS)

    async def _start(self) -> tuple[Process, int]:
        """The process, and the reading end of the pipe on which it may announce itself."""
        reading, writing = os.pipe()
        door = self.part.door
        listening = () if door is None else door.enter()
        told = {LISTEN_FDS: ",".join(map(str, listening))} if listening else {}
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", _LAUNCHER, str(os.getpid()), *self.part.argv,
                stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, **self.part.environment, **told, READY_FD: str(writing)},
                pass_fds=(writing, *listening),
                start_new_session=True,
            )  # fmt: skip
        except BaseException:
            os.close(reading)
            if door is not None:
                door.leave()
            raise
        finally:
            os.close(writing)
        return process, reading

    async def _end(self, process: Process, ended: asyncio.Future[int]) -> None:
        """SIGTERM to the part and, after the grace period, SIGKILL to all of its group."""
        if not ended.done():
            # Not `process.send_signal`: that polls, and would take the exit status from asyncio's watcher.
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)
            await asyncio.wait({ended}, timeout=self._patience.grace_seconds)
            if not ended.done():
                _log.warning(
                    "%s did not stop within %g s and is killed",
                    self.part.name, self._patience.grace_seconds, extra={"part": self.part.name},
                )  # fmt: skip
        # The leader may have left children behind: the group exists as long as one of them does.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await ended
        if self.part.door is not None:
            self.part.door.leave()


def _hear(loop: asyncio.AbstractEventLoop, pipe: int, announced: asyncio.Event) -> None:
    """The part wrote something, or will never write: either way there is nothing more to wait for."""
    loop.remove_reader(pipe)
    if os.read(pipe, 64):
        announced.set()


def _in_words(status: int) -> str:
    """How a process ended, from its exit status."""
    if status >= 0:
        return f"ended by itself with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was killed by {name}"
