"""`custos serve` as a process: refusing a second one, and leaving cleanly."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from custody.key_files import open_signer
from custos.clock import SystemClock
from custos.instance import only_instance
from custos.key_holding import holding_key
from custos.log_keeper import open_sequencer
from storage.catalogue.catalogue import open_catalogue
from tests.serving.settings import settings_for

_SOON_SECONDS = 60.0


async def _custos(data: Path, *arguments: str) -> Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CUSTOS_")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "custos", *arguments,
        env={**environment, "CUSTOS_DATA": str(data)}, cwd=Path(__file__).parents[3],
        stdout=PIPE, stderr=PIPE,
    )  # fmt: skip


async def test_a_second_instance_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with only_instance(tmp_path, tmp_path / "run"):
        second = await _custos(tmp_path, "serve")
        async with asyncio.timeout(_SOON_SECONDS):
            output, errors = await second.communicate()
    assert (second.returncode, output) == (2, b"")
    assert errors.startswith(b"custos: Custos already runs on this data directory")
    assert f"process {os.getpid()}".encode() in errors
    assert errors.endswith(b"[already-running]\n")


async def test_it_ends_and_says_why_where_its_key_is_gone(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with holding_key(settings), open_catalogue(settings.catalogue_file, SystemClock(), "test"):
        pass
    for path in settings.keys.iterdir():
        path.unlink()
    serving = await _custos(tmp_path, "serve")
    async with asyncio.timeout(_SOON_SECONDS):
        _, errors = await serving.communicate()
    assert serving.returncode == 2
    assert errors.endswith(b"[key-lost]\n")
    assert b"custos keys restore" in errors
    assert list(settings.keys.iterdir()) == []


async def test_it_ends_and_says_why_where_its_key_is_another_logs(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with open_sequencer(settings) as kept:
        while (await kept.sequencer.run()).added:
            pass
    for path in settings.keys.iterdir():
        path.unlink()
    other = open_signer(settings.keys).note_key
    serving = await _custos(tmp_path, "serve")
    async with asyncio.timeout(_SOON_SECONDS):
        _, errors = await serving.communicate()
    assert serving.returncode == 2
    assert errors.endswith(b"[key-unknown]\n")
    assert b"custos keys restore" in errors
    assert b"started again" not in errors
    assert open_signer(settings.keys).note_key == other


async def test_it_ends_and_says_why_where_its_catalogue_is_gone(tmp_path: Path) -> None:
    """Nor is a key made, if that is gone as well: the backup's would not be put over it."""
    settings = settings_for(tmp_path)
    log = settings.store / "objects" / "log"
    log.mkdir(parents=True)
    (log / "checkpoint").write_text("of a log\n")
    serving = await _custos(tmp_path, "serve")
    async with asyncio.timeout(_SOON_SECONDS):
        _, errors = await serving.communicate()
    assert serving.returncode == 2
    assert errors.endswith(b"[catalogue-lost]\n")
    assert b"custos rebuild" in errors
    assert not settings.keys.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupt_ends_it_with_status_0(tmp_path: Path, number: signal.Signals) -> None:
    serving = await _custos(tmp_path, "serve")
    assert serving.stderr is not None
    async with asyncio.timeout(_SOON_SECONDS):
        while b"valkey is ready" not in (line := await serving.stderr.readline()):
            assert line, "serve ended before its broker was ready"
        serving.send_signal(number)
        _, errors = await serving.communicate()
    assert serving.returncode == 0
    assert b"Traceback" not in errors
    assert not (tmp_path / "run" / "valkey.sock").exists()


async def test_the_doctor_runs_as_a_command(tmp_path: Path) -> None:
    doctor = await _custos(tmp_path, "doctor", "--json")
    async with asyncio.timeout(_SOON_SECONDS):
        output, _ = await doctor.communicate()
    assert doctor.returncode in (0, 1)
    assert b'"protection"' in output
