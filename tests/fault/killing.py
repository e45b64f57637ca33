"""A `custos serve` whose parts are killed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import kill
from pathlib import Path

from evidence.agents import Role
from tests.serving.settings import custos_environment
from tests.serving.tree import PASSWORD, Tree, custos, free_port, serving
from tests.serving.waiting import eventually


@contextmanager
def a_tree(base: Path, *, is_whole: bool = True, **settings: str) -> Iterator[tuple[Tree, int]]:
    """A `custos serve` of one's own, to be killed in parts; see `serving`."""
    data, log, port = base / "data", base / "serve.log", free_port()
    environment = custos_environment(data, CUSTOS_API__PORT=str(port), CUSTOS_LOG__LEVEL="error", **settings)
    tokens = {}
    custos(
        environment, "user", "add", "li", "--role", "supervisor", "--unit", "north", "--password-stdin",
        typed=PASSWORD + "\n",
    )  # fmt: skip
    tokens[Role.SUPERVISOR, "north"] = custos(environment, "token", "create", "li")
    with serving(environment, log, is_whole=is_whole) as pid:
        yield Tree(f"http://127.0.0.1:{port}", data, tokens), pid


def children(pid: int) -> list[int]:
    """The processes that it started itself."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def part(pid: int, word: str) -> int | None:
    """The process of one part: "api", "worker", "beat", "sequencer" or "valkey-server"."""
    for child in children(pid):
        with suppress(OSError):
            if any(word in piece for piece in Path(f"/proc/{child}/cmdline").read_text().split("\0")[:6]):
                return child
    return None


def strike(pid: int, word: str) -> None:
    """SIGKILL one part, once it is there."""
    found = eventually(lambda: part(pid, word), f"{word} is running")
    with suppress(ProcessLookupError):
        kill(found, signal.SIGKILL)
