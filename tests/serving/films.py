"""What a camera's recordings need before anybody can review them."""

from __future__ import annotations

import os

from evidence.agents import Role
from tests.serving.client import Client
from tests.serving.inside import Inside


def segment(bureau: Inside, camera: bytes, device: str, clock: str, number: int, **said: str) -> str:
    """A segment of that camera, with bytes that no other has."""
    unique = camera + b"\0\0\0\x18free" + os.urandom(16)
    return bureau.client(Role.STATION).kept(unique, f"{device}_20261121{clock}_{number:04d}.mp4", **said)


def two_segments(bureau: Inside, camera: bytes, clock: str = "100004") -> tuple[str, str, str]:
    """A recording of two segments and its items."""
    device = f"DSJ-{os.urandom(5).hex().upper()}"
    first = segment(bureau, camera, device, "100000", 1)
    second = segment(bureau, camera, device, clock, 2)
    recording = bureau.client(Role.REVIEWER).get(f"/items/{first}/recording").json()["id"]
    return recording, first, second


def sealed_for(bureau: Inside, item: str, person: Client) -> None:
    named = person.get("/session").json()["username"]
    body = {"restriction": "sealed", "named": [named], "reason": "r"}
    assert bureau.client(Role.SUPERVISOR).post(f"/items/{item}/restriction", body).status == 204
