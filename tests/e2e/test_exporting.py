"""An archivist exports a case on the page; what the browser kept is what the verifier proves."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from clients.verifier.export import verify_export
from clients.verifier.heads import pinned
from evidence.agents import Role
from tests.e2e.test_page import NODE, chromium_profile
from tests.media import make_clip
from tests.serving.exports import case_of_two
from tests.serving.inside import served_inside
from tests.serving.tree import PASSWORD


def test_a_case_is_exported_fetched_and_verified(tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("there is no chromium on this machine; `deploy/setup.sh test` installs it")
    camera = make_clip(tmp_path / "clip.mp4", seconds=4).read_bytes()
    with served_inside(tmp_path / "data") as server, chromium_profile() as profile:
        server.do(server.services.accounts.add("chen", "陈档案", Role.ARCHIVIST, "north", PASSWORD))
        case = case_of_two(server, camera)
        number = server.client(Role.ARCHIVIST).get(f"/cases/{case}").json()["number"]
        job = {
            "url": server.url,
            "profile": profile,
            "browser": browser,
            "username": "chen",
            "password": PASSWORD,
            "number": number,
            "into": str(tmp_path),
        }
        done = subprocess.run(
            ["node", str(NODE / "exporting.mjs"), json.dumps(job)],
            capture_output=True, text=True, check=False, cwd=NODE,
        )  # fmt: skip
        said = json.loads(done.stdout)
        assert "broken" not in said, said
        key = pinned(server.client(Role.ARCHIVIST).get("/log/key").body.decode())
    assert said["errors"] == []
    assert (said["without"], said["unknown"]) == (
        "Name a case, or open an item first.", "There is no case of that number.",
    )  # fmt: skip
    assert "case · the defence · 移送检察院" in said["line"]
    assert "its time is self-asserted: no proof to an outsider" in said["line"]
    assert said["export.zip.seal.json"] == f"{said['export.zip']}.seal.json"
    assert said["left"] == 0
    seal = json.loads((tmp_path / "export.zip.seal.json").read_bytes())
    steps = {step.title: step for step in verify_export(tmp_path / "export.zip", key, seal)}
    assert "profile defence" in steps["what is withheld"].proved
