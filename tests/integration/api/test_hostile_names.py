"""A recording under a name made to do harm is kept under a name of ours, and shown as it was sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.agents import Role
from tests.serving.inside import Inside

NAMES = {
    "newline": "a\nb.mp4",
    "options by line feed": "-execute\n-w\n%d.mp4",
    "an option": "-i",
    "upwards": "../../../../etc/passwd",
    "an address": "http://127.0.0.1:9/x.mp4",
    "a list": "ffconcat version 1.0\nfile /etc/passwd\n.mp4",
    "a command": "$(touch /tmp/custos-was-here); `id`; \"'\\ %03d.mp4",
    "a zero": "a\0b.mp4",
    "turned round": "a\u202e4pm.exe",
    "4 kB of emoji": "\N{POLICE CAR}" * 1024 + ".mp4",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_harms_nothing(inside: Inside, clip: Path, name: str) -> None:
    sender = inside.client(Role.SUPERVISOR)
    data = clip.read_bytes() + name.encode()
    shown = sender.settled(sender.kept(data, name))
    assert {job["state"] for job in shown["jobs"]} == {"done"}
    assert (shown["route"], shown["submitted"]["filename"]) == ("copy", name)
    stored = [path for path in (inside.data / "store").rglob("*") if path.is_file()]
    assert stored
    assert all(path.name.isascii() and "passwd" not in path.name for path in stored)
    assert not Path("/tmp/custos-was-here").exists()
