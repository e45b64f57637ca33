"""A long recording is watched from its first minutes while the rest of it is made."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evidence.agents import Role
from evidence.jobs import Stage
from tests.e2e.test_page import NODE, chromium_profile
from tests.media import ffmpeg
from tests.serving.inside import Inside, served_inside
from tests.serving.tree import PASSWORD


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Inside]:
    """A server to which twelve seconds are long, with a reviewer who has a password."""
    with served_inside(tmp_path / "data", {"parts_over_seconds": 12, "part_seconds": 6}) as opened:
        accounts = opened.services.accounts
        opened.do(accounts.add("zhao", "赵敏", Role.REVIEWER, "north", PASSWORD))
        yield opened


def _recording(path: Path) -> bytes:
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=30"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=30"),
        *("-c:v", "mpeg4", "-g", "12", "-c:a", "libmp3lame", str(path)),
    )
    return path.read_bytes()


def test_it_plays_on_as_it_grows(server: Inside, tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("there is no chromium on this machine; `deploy/setup.sh test` installs it")
    server.bell.answers = False
    station = server.client(Role.STATION)
    upload = station.send(_recording(tmp_path / "long.avi"), "long.avi")
    server.run(Stage.COMMIT)
    item = station.committed(upload)
    server.run(Stage.DESCRIBE)
    server.run(Stage.PLAYABLE)
    sound, first, *rest = server.jobs(Stage.PART)
    assert len(rest) >= 3
    for job in (sound, first):
        server.do(server.services.work.run(job.id))
    with chromium_profile() as profile:
        job = {
            "url": server.url,
            "profile": profile,
            "browser": browser,
            "username": "zhao",
            "password": PASSWORD,
            "item": "long.avi",
        }
        with subprocess.Popen(
            ["node", str(NODE / "grow.mjs"), json.dumps(job)], stdout=subprocess.PIPE, text=True, cwd=NODE
        ) as watching:
            assert watching.stdout is not None
            early: dict[str, Any] = json.loads(watching.stdout.readline())
            server.run(Stage.PART)
            server.run(Stage.PLAYABLE)
            late: dict[str, Any] = json.loads(watching.stdout.readline())
    for said in (early, late):
        assert "broken" not in said, said
        assert (said["error"], said["errors"]) == (None, [])
    assert early["began"] < 1
    assert early["duration"] < 10
    assert "00:00:06" in early["why"]
    assert late["currentTime"] == pytest.approx(30, abs=0.3)
    assert late["heard"] > 0
    shown = server.client(Role.REVIEWER).get(f"/items/{item}").json()
    assert (shown["playable"], shown["playable_until_ms"]) == (True, None)
    viewed = {event["detail"]["content"] for event in server.events("viewing.opened")}
    parts = {one["id"] for one in shown["renditions"] if one["kind"].startswith("part-")}
    assert parts <= viewed
