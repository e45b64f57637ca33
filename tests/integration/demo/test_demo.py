"""`custos demo` as a process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path

import pytest

from clients.demo.server import DEFAULT_PORT
from clients.demo.server import free_port as port_for
from tests.serving.tree import free_port

_SOON_SECONDS = 240.0


async def _demo(data: Path, *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "custos", "demo", "--data", str(data), "--port", str(free_port()), *arguments,
        # A setting of somebody else's server, which is none of the demonstration's business.
        env={**os.environ, "CUSTOS_DATA": "/nowhere"}, cwd=Path(__file__).parents[3],
        stdout=PIPE, stderr=PIPE,
    )  # fmt: skip


async def _until(demo: Process, words: str) -> str:
    """The output up to a line with `words`."""
    assert demo.stdout is not None
    seen = ""
    async with asyncio.timeout(_SOON_SECONDS):
        while words not in (line := (await demo.stdout.readline()).decode()):
            assert line, f"{words!r} was never said:\n{seen}"
            seen += line
    return seen + line


async def _rest(demo: Process) -> tuple[int | None, str]:
    async with asyncio.timeout(_SOON_SECONDS):
        output, errors = await demo.communicate()
    assert errors.decode() == ""
    return demo.returncode, output.decode()


async def test_it_sends_checks_and_leaves_with_status_0(tmp_path: Path, clips: tuple[Path, Path]) -> None:
    status, output = await _rest(await _demo(tmp_path / "data", "--exit", *map(str, clips)))
    assert status == 0, output
    assert "FAILED" not in output
    for words in (
        "protection.immutable is off",
        "现场 一.mp4: playable",
        "in file, receipt, item, read-back and store",
        "decodes without an error",
        "one range of the original is byte for byte the file's",
        "王警官 (officer, 交通执法二大队) is told 404",
        "viewing.closed",
        "exactly the bytes received",
        "0 failed",
        "Custos stopped cleanly",
        f"The data is kept in {tmp_path / 'data'}",
    ):
        assert words in output


@pytest.mark.long
async def test_a_stored_copy_that_is_changed_meanwhile_gives_status_1(
    tmp_path: Path, clips: tuple[Path, Path]
) -> None:
    demo = await _demo(tmp_path / "data", "--exit", str(clips[0]))
    await _until(demo, "committed")
    (stored,) = (tmp_path / "data" / "store" / "objects" / "originals").glob("*/*/*/" + "[0-9a-f]" * 64)
    stored.chmod(0o644)
    with stored.open("r+b") as file:
        file.seek(stored.stat().st_size - 6)
        file.write(b"forged")
    stored.chmod(0o444)
    status, output = await _rest(demo)
    assert status == 1
    assert "FAILED" in output


@pytest.mark.long
async def test_an_interrupt_stops_everything(tmp_path: Path, clips: tuple[Path, Path]) -> None:
    demo = await _demo(tmp_path / "data", str(clips[0]))
    await _until(demo, "ready at")
    server = int((tmp_path / "data" / "run" / "custos.lock").read_text())
    demo.send_signal(signal.SIGINT)
    status, output = await _rest(demo)
    assert status == 130
    assert "Interrupted; everything was stopped." in output
    assert not Path(f"/proc/{server}").exists()


async def test_a_directory_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evidence").touch()
    status, output = await _rest(await _demo(tmp_path, "--exit"))
    assert status == 1
    assert "is not empty. Name a directory that does not exist yet." in output


def test_without_a_wish_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        # Whoever has it already does as well.
        with suppress(OSError):
            taken.bind(("127.0.0.1", DEFAULT_PORT))
            taken.listen()
        assert port_for(None) not in (0, DEFAULT_PORT)
    wish = free_port()
    assert port_for(wish) == wish
