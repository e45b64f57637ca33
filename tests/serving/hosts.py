"""Parts of a Custos that a test starts one by one, as on hosts of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from custos.readiness import READY_FD
from tests.places import ROOT
from tests.serving.waiting import PATIENCE_SECONDS


@dataclass(slots=True)
class Process:
    """One part, with a process group of its own."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    child: subprocess.Popen[bytes]

    def kill(self) -> None:
        """SIGKILL to it and to whatever it has started, as when its host loses power."""
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def freeze(self) -> None:
        """SIGSTOP to all of it: it is there, holds what it holds, and does nothing."""
        os.killpg(self.child.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was."""
        os.killpg(self.child.pid, signal.SIGCONT)

    def start_again(self) -> None:
        """As it was started before; returns when it is ready."""
        self.child = _started(self.arguments, self.environment, self.log)

    def stop(self) -> None:
        """In order; it has ended on return, and said so with exit status 0."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            assert self.child.wait(PATIENCE_SECONDS) == 0, self.log.read_text()


def _started(
    arguments: tuple[str, ...], environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    reading, writing = os.pipe()
    try:
        with log.open("ab") as errors:
            child = subprocess.Popen(
                [sys.executable, "-m", "custos", *arguments],
                env={**environment, READY_FD: str(writing)}, cwd=ROOT, pass_fds=(writing,),
                stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True,
            )  # fmt: skip
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.readline()
    if said != b"ready\n":
        child.kill()
        child.wait()
        raise AssertionError(log.read_text())
    return child


@contextmanager
def process(environment: Mapping[str, str], log: Path, *arguments: str) -> Iterator[Process]:
    """`custos …` from the moment it is ready; killed at the end if it runs still."""
    started = Process(arguments, environment, log, _started(arguments, environment, log))
    try:
        yield started
    finally:
        started.kill()
