"""How a part says that it is ready, to its supervisor and to systemd."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from custos.readiness import READY_FD, announce_ready


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    place = f"@custos-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(place.replace("@", "\0") if abstract else place)
        monkeypatch.setenv("NOTIFY_SOCKET", place)
        announce_ready()
        announce_ready()
        assert systemd.recv(64) == b"READY=1"
        systemd.setblocking(False)
        with pytest.raises(BlockingIOError):
            systemd.recv(64)


def test_a_part_tells_its_supervisor_and_not_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, os.fdopen(reading, "rb") as pipe:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv(READY_FD, str(writing))
        announce_ready()
        assert pipe.read() == b"ready\n"
        with pytest.raises(BlockingIOError):
            systemd.recv(64)


def test_nobody_who_is_gone_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    announce_ready()
    announce_ready()
