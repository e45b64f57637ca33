"""One demonstration from its start to its end: a Custos of its own, and what it came to."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clients.demo.console import Checks, Console
from clients.demo.errors import DemoError
from clients.demo.server import Custos, free_port

_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Options:
    """What is demonstrated, and where. `command` runs `custos`; `tied` in front ties it to this process.

    `day`: a day at a county bureau, in place of one long recording.
    """

    files: Sequence[Path]
    size: str
    day: bool
    leave: bool
    data: Path
    port: int | None
    cache: Path
    clips: Path
    command: Sequence[str]
    tied: Sequence[str]


class Run:
    """What holds the pieces together: the server, the checks, and Ctrl-C."""

    def __init__(self, options: Options, console: Console) -> None:
        self._options = options
        self.console = console
        self.checks = Checks(console)
        #: Whether everything was gone through, well or not.
        self.complete = False

    async def run(
        self, prepare: Callable[[], Awaitable[None]], story: Callable[[Custos], Awaitable[None]]
    ) -> int:
        """`prepare`, then `story` with a running Custos; the exit status (see `demonstrate`)."""
        main = asyncio.current_task()
        assert main is not None
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()

        def stop() -> None:
            if not asked.is_set():
                asked.set()
                main.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop)
        custos: Custos | None = None
        try:
            custos = self._begin()
            await prepare()
            await self._serve(custos, story)
        except DemoError as error:
            self.checks.fail(str(error))
        except asyncio.CancelledError:
            self.console.say()
            if not self.complete:
                self.console.say("Interrupted; everything was stopped.")
        return self._end(custos)

    def _begin(self) -> Custos:
        options = self._options
        custos = Custos(options.command, options.tied, options.data, free_port(options.port))
        custos.prepare()
        return custos

    async def _serve(self, custos: Custos, story: Callable[[Custos], Awaitable[None]]) -> None:
        console = self.console
        console.step("Starting an embedded Custos")
        console.say(f"  data directory: {custos.data}")
        console.say("  protection.immutable is off here, so that this data can be thrown away.")
        for finding in await custos.findings():
            console.say(f"  {finding}")
        async with custos.serving():
            console.say(f"  ready at {custos.url}")
            work = asyncio.ensure_future(story(custos))
            ended = asyncio.create_task(custos.ended())
            try:
                await asyncio.wait({work, ended}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    raise DemoError(f"Custos ended by itself. See {custos.log}.")
                await work
            finally:
                for task in (work, ended):
                    task.cancel()
                await asyncio.gather(work, ended, return_exceptions=True)
        status = await custos.ended()
        self.checks.expect(status == 0, "Custos stopped cleanly", f"exit status {status}; see {custos.log}")

    async def gone_through(self) -> None:
        """Everything was gone through: serve on, unless it is to leave."""
        self.complete = True
        if not self._options.leave:
            self.console.say("\nCustos goes on serving. Ctrl-C ends it.")
            await asyncio.Event().wait()

    def tally(self) -> None:
        """How many checks held, and how long it took."""
        checked = f"{self.checks.held} checks held, {len(self.checks.failed)} failed"
        self.console.say(f"\n{checked}, after {self.console.elapsed():.0f} s.")

    def _end(self, custos: Custos | None) -> int:
        if custos is not None:
            self.console.say(f"The data is kept in {custos.data}")
            self.console.say(f"Serve it again with: custos serve --config {custos.config}")
        if self.checks.failed:
            self.console.bad(f"{len(self.checks.failed)} of these did not hold:")
            for claim in self.checks.failed:
                self.console.bad(claim)
            return 1
        return 0 if self.complete else _INTERRUPTED
