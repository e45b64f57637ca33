"""The supervisor with real processes: what it starts, restarts, stops, and never leaves behind."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from custos.parts import answers, socket_path, valkey
from custos.supervisor import Part, Patience, RestartPolicy, supervise

_SOON_SECONDS = 20.0
_QUICK = RestartPolicy(first_seconds=0.01, longest_seconds=0.05)

#: Says that it runs, is ready, waits for SIGTERM, says that it stops.
_POLITE = """
import os, signal, sys
sys.path.insert(0, {root!r})
from custos.readiness import announce_ready
name, diary = {name!r}, {diary!r}
def note(word):
    with open(diary, "a") as file:
        file.write(f"{{word}} {{name}} {{os.getpid()}}\\n")
signal.signal(signal.SIGTERM, lambda *_: (note("stop"), sys.exit(0)))
note("start")
{before}
announce_ready()
while True:
    signal.pause()
"""
_ROOT = str(Path(__file__).parents[3])


def _part(name: str, diary: Path, before: str = "") -> Part:
    return Part(name, _python(_POLITE.format(root=_ROOT, name=name, diary=str(diary), before=before)))


def _python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", textwrap.dedent(code))


def _diary(path: Path) -> list[tuple[str, str, int]]:
    if not path.exists():
        return []
    entries = (line.split() for line in path.read_text().splitlines())
    return [(word, name, int(pid)) for word, name, pid in entries]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(_SOON_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@asynccontextmanager
async def _supervised(
    parts: Sequence[Part], patience: Patience | None = None
) -> AsyncIterator[asyncio.Event]:
    """The parts, supervised; yields the event of their readiness."""
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(
        supervise(parts, stop=stop, on_ready=ready.set, policy=_QUICK, patience=patience)
    )
    try:
        yield ready
    finally:
        stop.set()
        async with asyncio.timeout(_SOON_SECONDS):
            await task


async def test_parts_start_in_order_and_stop_in_reverse(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    async with _supervised([_part(name, diary) for name in "abc"]) as ready, asyncio.timeout(_SOON_SECONDS):
        await ready.wait()
        assert [entry[:2] for entry in _diary(diary)] == [("start", "a"), ("start", "b"), ("start", "c")]
    assert [entry[:2] for entry in _diary(diary)[3:]] == [("stop", "c"), ("stop", "b"), ("stop", "a")]
    assert not any(_runs(pid) for _, _, pid in _diary(diary))


async def test_a_part_is_not_started_before_the_one_before_it_is_ready(tmp_path: Path) -> None:
    diary, gate = tmp_path / "diary", tmp_path / "gate"
    os.mkfifo(gate)
    parts = [_part("a", diary, before=f"open({str(gate)!r}).read()"), _part("b", diary)]
    async with _supervised(parts) as ready:
        await _until(lambda: len(_diary(diary)) == 1)
        assert not ready.is_set()
        # Opening blocks until the part has opened its end, so the part is past its start and not ready.
        await asyncio.to_thread(gate.write_text, "go")
        async with asyncio.timeout(_SOON_SECONDS):
            await ready.wait()
        assert [name for _, name, _ in _diary(diary)] == ["a", "b"]


async def test_a_killed_part_comes_back_and_the_log_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    diary = tmp_path / "diary"
    with caplog.at_level(logging.INFO):
        async with _supervised([_part("a", diary), _part("b", diary)]) as ready:
            async with asyncio.timeout(_SOON_SECONDS):
                await ready.wait()
            os.kill(_diary(diary)[0][2], signal.SIGKILL)
            await _until(lambda: len(_diary(diary)) == 3)
            # It has written its start; it is stopped cleanly only once it has set up its signal handler.
            await _until(lambda: caplog.messages.count("a is ready") == 2)
    assert "a was killed by SIGKILL; it will be started again in 0.0 s" in caplog.messages
    assert [entry[:2] for entry in _diary(diary)[2:]] == [("start", "a"), ("stop", "b"), ("stop", "a")]


async def test_a_part_that_ends_by_itself_is_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = f"open({str(tmp_path / 'runs')!r}, 'a').write('x'); raise SystemExit(3)"
    async with _supervised([Part("brief", _python(code))]):
        await _until(lambda: (tmp_path / "runs").exists() and len((tmp_path / "runs").read_text()) >= 3)
    assert any(text.startswith("brief ended by itself with exit status 3;") for text in caplog.messages)


async def test_a_program_that_is_not_there_is_told_and_tried_again(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async with _supervised([Part("gone", ("/nowhere/program",))]):
        await _until(lambda: len(caplog.messages) >= 2)
    assert "custos: /nowhere/program cannot be run: No such file or directory" in capfd.readouterr().err


async def test_a_part_that_never_becomes_ready_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    parts = [Part("mute", _python("import signal; signal.pause()"))]
    async with _supervised(parts, Patience(ready_seconds=0.2)) as ready:
        await _until(lambda: len(caplog.messages) >= 2)
        assert not ready.is_set()
    assert caplog.messages[0].startswith("mute was not ready after 0.2 s and is being stopped;")


async def test_a_part_that_does_not_stop_is_killed_with_its_children(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    diary = tmp_path / "diary"
    before = """
import subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
inner = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
with open(diary, "a") as file:
    file.write(f"start inner {inner.pid}\\n")
"""
    async with (
        _supervised([_part("deaf", diary, before)], Patience(grace_seconds=0.2)) as ready,
        asyncio.timeout(_SOON_SECONDS),
    ):
        await ready.wait()
    assert "deaf did not stop within 0.2 s and is killed" in caplog.messages
    await _until(lambda: not any(_runs(pid) for _, _, pid in _diary(diary)))


async def test_what_a_crashed_part_left_behind_is_killed_before_it_starts_again(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    before = """
import subprocess
inner = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
with open(diary, "a") as file:
    file.write(f"inner {name} {inner.pid}\\n")
"""
    async with _supervised([_part("a", diary, before)]) as ready, asyncio.timeout(_SOON_SECONDS):
        await ready.wait()
        (_, _, first), (_, _, inner) = _diary(diary)
        os.kill(first, signal.SIGKILL)
        await _until(lambda: len(_diary(diary)) == 4)
        await _until(lambda: not _runs(inner))


async def test_cancelling_stops_the_parts(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    ready = asyncio.Event()
    task = asyncio.create_task(supervise([_part("a", diary)], stop=asyncio.Event(), on_ready=ready.set))
    async with asyncio.timeout(_SOON_SECONDS):
        await ready.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [entry[0] for entry in _diary(diary)] == ["start", "stop"]


async def test_a_fault_in_a_ready_check_stops_everything_and_is_raised(tmp_path: Path) -> None:
    async def broken() -> bool:
        raise RuntimeError("broken check")

    diary = tmp_path / "diary"
    parts = [_part("a", diary), Part("b", _python("import signal; signal.pause()"), broken)]
    with pytest.raises(RuntimeError, match="broken check"):
        await asyncio.wait_for(supervise(parts, stop=asyncio.Event()), _SOON_SECONDS)
    assert [entry[:2] for entry in _diary(diary)] == [("start", "a"), ("stop", "a")]


async def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    """SIGKILL gives the supervisor no chance to clean up: the kernel must."""
    diary = tmp_path / "diary"
    code = """
import asyncio, sys
sys.path.insert(0, {root!r})
from custos.supervisor import Part, supervise
parts = [Part(name, (sys.executable, "-c", code)) for name, code in {parts!r}]
asyncio.run(supervise(parts, stop=asyncio.Event(), on_ready=lambda: print("ready", flush=True)))
"""
    parts = [(name, _part(name, diary).argv[2]) for name in "ab"]
    supervisor = await asyncio.create_subprocess_exec(
        *_python(code.format(root=_ROOT, parts=parts)), stdout=asyncio.subprocess.PIPE
    )
    assert supervisor.stdout is not None
    async with asyncio.timeout(_SOON_SECONDS):
        assert await supervisor.stdout.readline() == b"ready\n"
    pids = [pid for _, _, pid in _diary(diary)]
    assert len(pids) == 2
    assert all(_runs(pid) for pid in pids)
    supervisor.kill()
    await supervisor.wait()
    await _until(lambda: not any(_runs(pid) for pid in pids))
    assert [word for word, _, _ in _diary(diary)] == ["start", "start"]


async def test_the_embedded_broker_answers_on_its_private_socket(tmp_path: Path) -> None:
    # A path of its own length, so that the test does not depend on where temporary files lie.
    with socket_path(tmp_path / ("d" * 100)) as socket:
        assert not await answers(socket)
        async with _supervised([valkey(tmp_path, socket)]) as ready, asyncio.timeout(_SOON_SECONDS):
            await ready.wait()
            assert await answers(socket)
            assert socket.stat().st_mode & 0o777 == 0o700
            reader, writer = await asyncio.open_unix_connection(str(socket))
            writer.write(b"PING\r\n")
            assert await reader.readline() == b"+PONG\r\n"
            writer.close()
            await writer.wait_closed()
        assert not await answers(socket)
    assert sorted(path.name for path in tmp_path.iterdir()) in ([], ["valkey.log"])
