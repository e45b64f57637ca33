"""The page as a person uses it, in headless Chromium."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from evidence.agents import Role
from tests.places import ROOT, SAMPLES
from tests.serving.tree import PASSWORD, Tree

NODE = ROOT / "tests" / "e2e" / "node"
REAL = ("sample-5s.mp4", "rotate-bbb.mp4", "opencv-cup.mp4")


def sample_path(name: str) -> Path:
    """Where a shared sample lies, if it does."""
    return SAMPLES / "video" / name


@contextmanager
def chromium_profile() -> Iterator[str]:
    """A directory for the browser, and its end."""
    with TemporaryDirectory(prefix="custos-chromium-", ignore_cleanup_errors=True) as directory:
        yield directory


def watch(tree: Tree, *items: str) -> dict[str, Any]:
    """One visit: sign in, play these items one after another, sign out."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("there is no chromium on this machine; `deploy/setup.sh test` installs it")
    with chromium_profile() as profile:
        job = {
            "url": tree.url,
            "profile": profile,
            "browser": browser,
            "username": "wang",
            "password": PASSWORD,
            "items": items,
        }
        done = subprocess.run(
            ["node", str(NODE / "watch.mjs"), json.dumps(job)],
            capture_output=True, text=True, check=False, cwd=NODE,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert "broken" not in said, said
    return said


def probe(path: Path) -> float:
    """The duration that the machine's own ffprobe gives the file, in seconds."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "csv=p=0", "-show_entries", "format=duration", str(path)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return float(done.stdout)


def keep(tree: Tree, path: Path, name: str) -> None:
    """Upload, and wait until it plays."""
    sender = tree.client(Role.SUPERVISOR)
    shown = sender.settled(sender.kept(path.read_bytes(), name, device="CAM-E2E"))
    assert shown["playable"], shown


@pytest.fixture(scope="module")
def visit(tree: Tree, clip: Path, rotated_clip: Path) -> dict[str, Any]:
    """What was seen on one visit with all of these recordings."""
    keep(tree, clip, "e2e-级.mp4")
    keep(tree, rotated_clip, "e2e-rotated.mp4")
    samples = [path for path in map(sample_path, REAL) if path.exists()]
    for path in samples:
        keep(tree, path, f"e2e-{path.name}")
    return watch(tree, "e2e-级.mp4", "e2e-rotated.mp4", *(f"e2e-{path.name}" for path in samples))


def test_both_languages_are_there_and_stay_chosen(visit: dict[str, Any]) -> None:
    assert visit["english"] == {"lang": "en", "button": "Sign in", "toggle": "中文"}
    assert visit["chinese"] == {"lang": "zh-CN", "button": "登录", "toggle": "English"}
    assert visit["afterReload"] == visit["chinese"]
    assert visit["englishAgain"] == visit["english"]
    assert visit["chineseInside"] == "证据材料"


def test_a_wrong_password_is_said_to_be_wrong(visit: dict[str, Any]) -> None:
    assert visit["refusal"] == "User name or password is wrong."
    assert visit["hiddenWhileRefused"]


def test_the_list_is_shown_to_whoever_signed_in(visit: dict[str, Any]) -> None:
    assert visit["who"] == "王晓梅 · supervisor · north"
    assert visit["message"] == ""
    assert {"e2e-级.mp4", "e2e-rotated.mp4"} <= set(visit["listed"])
    assert visit["cookies"] == ""
    assert visit["formHidden"]


def test_a_single_character_finds_the_recording_that_has_it(visit: dict[str, Any]) -> None:
    assert "e2e-级.mp4" in visit["found"]
    assert "e2e-rotated.mp4" not in visit["found"]
    assert visit["exported"] == "custos-items.csv"


def test_nothing_is_left_for_the_next_person(visit: dict[str, Any]) -> None:
    assert visit["hiddenAfterwards"]
    assert visit["leftAfterwards"] == 0


@pytest.mark.parametrize(("name", "size"), [("e2e-级.mp4", (320, 180)), ("e2e-rotated.mp4", (180, 320))])
def test_a_recording_plays_upright(visit: dict[str, Any], name: str, size: tuple[int, int]) -> None:
    played = visit["played"][name]
    assert played["error"] is None
    assert played["throughHls"]
    assert played["currentTime"] > 2
    assert played["duration"] == pytest.approx(12, abs=0.3)
    assert (played["width"], played["height"]) == size


def test_the_history_shows_that_it_was_viewed(visit: dict[str, Any]) -> None:
    for played in visit["played"].values():
        (*_, opened) = (line for line in played["history"] if "viewing.opened" in line)
        assert "by 王晓梅" in opened
        assert "CAM-E2E" in played["facts"]
        assert "Fixity audit" in played["facts"]
        assert played["report"].endswith("/report.html?lang=en")


def test_nothing_goes_wrong_on_the_way(visit: dict[str, Any]) -> None:
    assert visit["errors"] == []
    assert visit["violations"] == []
    # Whoever has not signed in is told so, and so is whoever mistypes.
    assert set(visit["failed"]) <= {"GET /session 401", "POST /session 401", "GET /favicon.ico 404"}


@pytest.mark.parametrize("name", REAL)
def test_real_recordings_play(visit: dict[str, Any], name: str) -> None:
    path = sample_path(name)
    if not path.exists():
        pytest.skip("the shared samples are not beside this checkout")
    played = visit["played"][f"e2e-{name}"]
    assert played["error"] is None
    assert played["throughHls"]
    assert played["currentTime"] > min(2, played["duration"] - 0.2)
    assert played["duration"] == pytest.approx(probe(path), abs=0.3)
    assert (played["width"] < played["height"]) == (name == "rotate-bbb.mp4")
