"""A supervisor links a recording to a case on the page, and says what they look for in a restricted one."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from evidence.agents import Role
from tests.e2e.test_page import NODE, chromium_profile
from tests.serving.inside import served_inside
from tests.serving.tree import PASSWORD


def test_linked_withdrawn_and_played_for_a_purpose(tmp_path: Path, clip: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("there is no chromium on this machine; `deploy/setup.sh test` installs it")
    with served_inside(tmp_path / "data") as server, chromium_profile() as profile:
        server.do(server.services.accounts.add("qian", "钱进", Role.SUPERVISOR, "north", PASSWORD))
        officer, supervisor = server.client(Role.OFFICER), server.client(Role.SUPERVISOR)
        item = officer.kept(clip.read_bytes() + b"1", "first.mp4")
        closed = officer.kept(clip.read_bytes() + b"2", "closed.mp4")
        supervisor.post(f"/items/{closed}/restriction", {"restriction": "restricted", "reason": "r"})
        job = {
            "url": server.url,
            "profile": profile,
            "browser": browser,
            "username": "qian",
            "password": PASSWORD,
            "item": "first.mp4",
            "restricted": "closed.mp4",
            "number": "〔2026〕7号",
        }
        done = subprocess.run(
            ["node", str(NODE / "cases.mjs"), json.dumps(job)],
            capture_output=True, text=True, check=False, cwd=NODE,
        )  # fmt: skip
        said = json.loads(done.stdout)
        assert "broken" not in said, said
        assert said["errors"] == []
        assert [line.split()[0] for line in said["linked"]] == ["〔2026〕7号"]
        page, pdf = (supervisor.get(address) for address in said["reports"])
        assert "〔2026〕7号" in page.body.decode()
        assert pdf.body.startswith(b"%PDF")
        assert said["closed"]
        assert said["message"] == ""
        (event,) = server.events("link.withdrawn")
        assert event["detail"]["reason"] == "wrong person"
        purposes = {event["detail"]["purpose"] for event in server.events("viewing.opened")}
        assert "复核" in purposes
        assert item in {one["id"] for event in server.events("link.made") for one in event["subjects"]}
