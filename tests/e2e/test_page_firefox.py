"""The page in Firefox: signing in, and playing what came in through the same playlists as elsewhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.firefox import Page, firefox
from tests.e2e.test_page import keep
from tests.serving.tree import PASSWORD, Tree

pytestmark = pytest.mark.long

_WAIT = "const until = async (look) => {{ while (!look()) await new Promise((go) => setTimeout(go, 50)); }};"
_SIGN_IN = """
  const form = document.getElementById("sign-in");
  form.querySelector("input[name=username]").value = "wang";
  form.querySelector("input[name=password]").value = {password};
  form.querySelector("button").click();
  await until(() => document.querySelector("#rows tr"));
"""
_PLAY = """
  const named = (one) => one.textContent.includes({name});
  await until(() => [...document.querySelectorAll("#rows button")].some(named));
  [...document.querySelectorAll("#rows button")].find(named).click();
  const video = document.getElementById("player");
  await until(() => document.getElementById("title").textContent === {name} && video.readyState >= 2);
  video.muted = true;
  await video.play();
  await until(() => video.error || video.currentTime > 2);
  return {{ width: video.videoWidth, height: video.videoHeight, source: video.currentSrc.slice(0, 5),
    error: video.error && video.error.message }};
"""


async def _visit(tree: Tree, profile: Path, names: list[str]) -> tuple[list[dict[str, Any]], Page]:
    async with firefox(profile) as page:
        await page.open(tree.url)
        await page.run((_WAIT + _SIGN_IN).format(password=json.dumps(PASSWORD)))
        return [await page.run((_WAIT + _PLAY).format(name=json.dumps(name))) for name in names], page


def test_recordings_play_upright(tree: Tree, clip: Path, rotated_clip: Path, tmp_path: Path) -> None:
    keep(tree, clip, "firefox-级.mp4")
    keep(tree, rotated_clip, "firefox-rotated.mp4")
    names = ["firefox-级.mp4", "firefox-rotated.mp4"]
    played, page = asyncio.run(_visit(tree, tmp_path / "profile", names))
    upright = {"source": "blob:", "error": None}
    assert played == [
        {"width": 320, "height": 180, **upright},
        {"width": 180, "height": 320, **upright},
    ]
    assert page.errors == []
