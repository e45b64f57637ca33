"""An officer tags their own on the page; a supervisor sees it in the figures."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from evidence.agents import Role
from tests.e2e.test_page import NODE, chromium_profile
from tests.places import ROOT
from tests.serving.inside import served_inside
from tests.serving.tree import PASSWORD


def test_own_recordings_are_tagged_at_once_and_counted(tmp_path: Path, clip: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("there is no chromium on this machine; `deploy/setup.sh test` installs it")
    with served_inside(tmp_path / "data") as server, chromium_profile() as profile:
        server.do(server.services.accounts.add("010101", "李明", Role.OFFICER, "north", PASSWORD))
        server.do(server.services.accounts.add("qian", "钱进", Role.SUPERVISOR, "north", PASSWORD))
        station = server.client(Role.STATION)
        for number in range(2):
            station.kept(clip.read_bytes() + bytes([number]), f"own-{number}.mp4", officer="010101")
        station.kept(clip.read_bytes() + b"x", "another.mp4", officer="010102")
        job = {
            "url": server.url,
            "profile": profile,
            "browser": browser,
            "officer": {"username": "010101", "password": PASSWORD},
            "supervisor": {"username": "qian", "password": PASSWORD},
            "mine": 2,
            "number": "〔2026〕9号",
        }
        done = subprocess.run(
            ["node", str(NODE / "desk.mjs"), json.dumps(job)],
            capture_output=True, text=True, check=False, cwd=NODE,
        )  # fmt: skip
        said = json.loads(done.stdout)
        assert "broken" not in said, said
        assert said["errors"] == []
        assert sorted(said["mine"]) == ["own-0.mp4", "own-1.mp4"]
        assert said["nothingTicked"] == "Tick some items first."
        assert said["preview"] == "would be linked: 2 · there is no such case; it would be opened"
        assert said["linked"] == "Linked: 2 → 〔2026〕9号"
        assert said["own"][1] == "2"
        assert said["left"] == 0
        # Hours, then items, recordings, linked; the last is the rate.
        rows = {row[0]: (row[2], row[4], row[-1]) for row in said["figures"]}
        assert rows == {"010101": ("2", "2", "100 %"), "010102": ("1", "0", "0 %"), "all": ("3", "2", "66 %")}


def test_both_languages_say_everything_that_the_page_asks_for() -> None:
    program = (
        'import { strings } from "./api/static/strings.js";'
        "const keys = Object.entries(strings).map(([name, words]) => [name, Object.keys(words)]);"
        "console.log(JSON.stringify(Object.fromEntries(keys)));"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    known = {name: set(words) for name, words in json.loads(done.stdout).items()}
    assert known["zh-CN"] == known["en"]
    page = (ROOT / "api" / "static" / "index.html").read_text("utf-8")
    asked = {part.partition('"')[0] for part in page.split('data-text="')[1:]}
    assert asked <= known["en"]
