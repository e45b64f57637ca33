"""Where tools are run: the programs that were found, the sandbox, and the bounds of one run.

Invariants: every run is in a cage of its own; a fault of the machine (no sandbox, no program, no room)
becomes a StageFailed that may be retried, everything else is handed back as it ended.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evidence.errors import StageFailed
from transcode import process
from transcode.process import Finished
from transcode.sandbox import Limits, Places, Policy, Sandbox

_CANNOT_EXECUTE = (126, 127)
_SLOWEST_BYTES_PER_S = 10 << 20
_KILLED = (-9, 137)
WORKING_DISK_FULL = "The working disk is full. Make room: this goes on by itself then."


@dataclass(frozen=True, slots=True)
class Program:
    """A tool as configured, and where it was found."""

    name: str
    path: Path | None

    @staticmethod
    def found(name: str) -> Program:
        """Look `name` (a name or a path) up once."""
        where = shutil.which(name)
        return Program(Path(name).name, None if where is None else Path(where).resolve())

    def missing(self) -> StageFailed:
        """What to raise when it is not there."""
        return StageFailed(
            "tool-missing",
            f"The program {self.name} is missing on this machine. Install it: this goes on by itself then.",
            passes=True,
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one run may take: seconds by the clock, bytes of memory, of output file and of stdout."""

    wall_s: float
    memory: int
    stdout_cap: int
    file_size: int = 0

    def limits(self) -> Limits:
        """The same for prlimit. Two threads may use two CPU seconds in one by the clock."""
        return Limits(cpu_s=int(self.wall_s * 2) + 1, memory=self.memory, file_size=self.file_size)


class Bench:
    """Runs programs on one original each."""

    def __init__(self, policy: Policy, bwrap: str, wall_floor_s: float) -> None:
        self.sandbox = Sandbox(policy, bwrap)
        self._wall_floor_s = wall_floor_s

    def wall_s(self, size: int, duration_ms: int | None = None) -> float:
        """A deadline that no healthy run on a file of this size (and length, if known) comes near."""
        return self._wall_floor_s + size / _SLOWEST_BYTES_PER_S + (duration_ms or 0) / 1000 / 20

    async def run(
        self,
        program: Program,
        arguments: Callable[[str, Places], Sequence[str]],
        bounds: Bounds,
        *,
        original: Path | None = None,
        out: Path | None = None,
        on_line: Callable[[str], None] | None = None,
        outside: Callable[[Sequence[str], str], Sequence[str]] | None = None,
        own_files: Sequence[Path] = (),
        devices: Sequence[str] = (),
    ) -> Finished:
        """Run `arguments(program, places)` in a cage around `original` and `out`.

        The cage shows the program's `own_files` and, where the machine has them, `devices`.

        With `outside` that function turns the caged argv and the original's place into the argv that is
        really started. Raises StageFailed, never final, if the machine cannot run it.
        """
        if program.path is None:
            raise program.missing()
        with self.sandbox.cage(program.path, bounds.limits(), original, out, own_files, devices) as cage:
            argv: Sequence[str] = [*cage.prefix, *arguments(str(program.path), cage.places)]
            if outside is not None:
                argv = outside(argv, cage.places.original)
            try:
                finished = await process.run(
                    argv, wall_s=bounds.wall_s, stdout_cap=bounds.stdout_cap, on_line=on_line
                )
            except OSError as error:
                raise StageFailed(
                    "machine-fault",
                    "A media tool could not be started on this machine. It is tried again by itself.",
                    passes=True,
                ) from error
        if finished.returncode in _CANNOT_EXECUTE:
            raise program.missing()
        if finished.returncode != 0 and finished.stderr_head.startswith("bwrap: "):
            raise StageFailed(
                "sandbox-failed",
                "The sandbox for media tools could not be set up. Run `custos doctor`.",
                passes=True,
            )
        if "No space left on device" in finished.stderr_head:
            raise StageFailed("no-space", WORKING_DISK_FULL, passes=True)
        return finished


def failure(program: Program, finished: Finished) -> StageFailed:
    """What to raise when a run on a file went wrong: too slow and killed may pass, the rest is final."""
    if finished.ended_by == "deadline":
        return StageFailed(
            "too-slow",
            f"{program.name} did not finish in time and was stopped. Try again when the machine is less "
            "busy; if it goes on, the file is at fault.",
        )
    if finished.ended_by == "output-cap":
        return StageFailed(
            "too-much-output", f"{program.name} said more about this file than can be kept.", final=True
        )
    if finished.returncode in _KILLED:
        return StageFailed(
            "tool-killed", f"{program.name} was killed, most likely for lack of memory. Try again later."
        )
    return StageFailed(
        "tool-failed",
        f"{program.name} could not work with this file (exit code {finished.returncode}, "
        f"{finished.stderr_lines} error lines): it is damaged. The original is kept as it is.",
        final=True,
    )
