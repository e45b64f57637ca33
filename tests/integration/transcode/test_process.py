"""One run is bounded in time, in output and in what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from transcode.process import Finished, run


async def _sh(script: str, *, wall_s: float = 10.0, cap: int = 1000) -> Finished:
    return await run(["/bin/sh", "-c", script], wall_s=wall_s, stdout_cap=cap)


async def test_what_a_tool_says_is_kept_and_counted() -> None:
    finished = await _sh("echo out; echo one >&2; echo two >&2; exit 7")
    assert finished == Finished("itself", 7, b"out\n", 2, "one\ntwo\n")
    assert not finished.worked


async def test_a_full_pipe_at_the_end_is_read_to_its_end() -> None:
    finished = await _sh("head -c 60000 /dev/zero", cap=60_000)
    assert len(finished.stdout) == 60_000
    assert finished.worked


async def test_stderr_is_counted_without_being_kept() -> None:
    finished = await _sh("yes x | head -n 300000 >&2")
    assert finished.stderr_lines == 300_000
    assert len(finished.stderr_head) == 4096


@pytest.mark.parametrize("script", ["yes", "head -c 1001 /dev/zero"])
async def test_too_much_output_ends_the_run(script: str) -> None:
    finished = await _sh(script)
    assert finished.ended_by == "output-cap"
    assert len(finished.stdout) <= 1000


async def test_too_much_output_is_seen_though_the_end_was_seen_first(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.pidfd_open

    def opened_when_it_has_ended(pid: int) -> int:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return opened(pid)

    monkeypatch.setattr(os, "pidfd_open", opened_when_it_has_ended)
    assert (await _sh("head -c 1001 /dev/zero")).ended_by == "output-cap"


@pytest.mark.parametrize(
    "script",
    ["sleep 1000", "trap '' TERM INT HUP; sleep 1000", "sleep 1000 & wait", "exec >&- 2>&-; sleep 1000"],
)
async def test_the_deadline_holds(script: str) -> None:
    begun = time.monotonic()
    finished = await _sh(script, wall_s=0.3)
    assert finished.ended_by == "deadline"
    assert time.monotonic() - begun < 5


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def _gone(pid: int) -> bool:
    async with asyncio.timeout(5):
        while _alive(pid):
            await asyncio.to_thread(Path(f"/proc/{pid}").exists)
    return True


async def test_children_left_behind_are_killed() -> None:
    finished = await _sh("sleep 1000 & echo $!")
    assert finished.worked
    assert await _gone(int(finished.stdout))


async def test_lines_are_handed_over_bounded_in_length() -> None:
    lines: list[str] = []
    await run(
        ["/bin/sh", "-c", "echo a=1; head -c 100000 /dev/zero | tr '\\0' x; echo; echo b=2; printf rest"],
        wall_s=10,
        stdout_cap=0,
        on_line=lines.append,
    )
    assert lines[0] == "a=1"
    assert lines[-1] == "b=2"
    assert all(len(line) <= 4096 for line in lines)


async def test_what_the_listener_raises_ends_the_run() -> None:
    def listen(line: str) -> None:
        raise LookupError(line)

    begun = time.monotonic()
    with pytest.raises(LookupError):
        await run(["/bin/sh", "-c", "echo a; sleep 1000"], wall_s=100, stdout_cap=0, on_line=listen)
    assert time.monotonic() - begun < 5


async def test_a_cancelled_run_leaves_nothing(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    task = asyncio.create_task(_sh(f"echo $$ >{note}.new; mv {note}.new {note}; sleep 1000", wall_s=100))
    async with asyncio.timeout(5):
        while not await asyncio.to_thread(note.exists):
            await asyncio.to_thread(note.parent.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not _alive(int(note.read_text()))


@pytest.mark.parametrize("argv", [["/nonexistent"], ["/etc/hostname"]])
async def test_what_cannot_be_started_is_an_os_error(argv: Sequence[str]) -> None:
    with pytest.raises(OSError, match=r"."):
        await run(argv, wall_s=1, stdout_cap=1)


async def test_the_environment_is_ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOS_SECRET", "secret")
    finished = await run(["/usr/bin/env"], wall_s=10, stdout_cap=1000)
    names = {line.partition(b"=")[0] for line in finished.stdout.splitlines()}
    assert names == {b"PATH", b"LANG", b"TZ", b"HOME"}
