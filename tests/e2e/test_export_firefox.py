"""An export's viewer in Firefox too: it plays, and says the same as in Chromium."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.firefox import Page, firefox
from tests.e2e.test_export_viewer import Bureau, bureau, look, page, spoiled

__all__ = ["bureau"]
pytestmark = pytest.mark.long

_STEPS = 'return [...document.querySelectorAll("#steps li")].map((one) => [one.className, one.textContent])'
_VERDICT = """
  const steps = document.getElementById("steps");
  while (!steps.dataset.verdict) await new Promise((go) => setTimeout(go, 50));
  return steps.dataset.verdict;
"""
_AGAIN = 'delete document.getElementById("steps").dataset.verdict'
#: A protocol chooses no folders in Firefox: the files are chosen one by one, and get their paths back.
_AS_FOLDER = """
  const input = document.getElementById("folder");
  input.removeAttribute("webkitdirectory");
  input.multiple = true;
  window.addEventListener("change", () => {{
    [...input.files].forEach((file, at) =>
      Object.defineProperty(file, "webkitRelativePath", {{ value: {paths}[at] }}));
  }}, {{ capture: true, once: true }});
"""
_PLAYED = """
  const video = document.querySelector("#player video");
  video.muted = true;
  await video.play();
  while (!(video.currentTime > 0.5)) await new Promise((go) => setTimeout(go, 50));
  return { width: video.videoWidth };
"""


async def _visit(page: Page, visit: dict[str, Any]) -> dict[str, Any]:
    await page.open(Path(visit["page"]).as_uri())
    await page.run(_VERDICT)
    await page.run(f"{_AGAIN}; document.getElementById('key').value = {json.dumps(visit['key'])}")
    await page.run('document.getElementById("check").click()')
    await page.run(_VERDICT)
    await page.choose("#seal", [Path(visit["seal"])])
    await page.run(_VERDICT)
    root = Path(visit["folder"])
    files = sorted(path for path in root.rglob("*") if path.is_file())
    paths = [str(Path(root.name) / path.relative_to(root)) for path in files]
    await page.run(_AGAIN + _AS_FOLDER.format(paths=json.dumps(paths)))
    await page.choose("#folder", files)
    found = {"verdict": await page.run(_VERDICT), "steps": await page.run(_STEPS)}
    if visit.get("show"):
        await page.run(
            '[...document.querySelectorAll("#list button")]'
            f".find((one) => one.textContent.includes({json.dumps(visit['show'])})).click()"
        )
        found["played"] = await page.run(_PLAYED)
        found["rows"] = await page.run(
            'return [...document.querySelectorAll("#events tr")].map((row) => row.textContent)'
        )
    assert page.errors == []
    return found


def in_firefox(profile: Path, visits: list[dict[str, Any]]) -> list[dict[str, Any]]:
    async def all_of_them() -> list[dict[str, Any]]:
        async with firefox(profile) as page:
            return [await _visit(page, visit) for visit in visits]

    return asyncio.run(all_of_them())


def test_firefox_says_the_same_as_chromium(bureau: Bureau, tmp_path: Path) -> None:
    whole = page(
        bureau.court.directory,
        key=bureau.key,
        folder=str(bureau.court.directory),
        seal=bureau.seal(bureau.court),
        show=".mp4",
        play=True,
    )
    changed = spoiled(bureau, tmp_path / "changed", "data/originals/*", lambda data: data[:-1] + b"\x00")
    changed |= {"folder": str(tmp_path / "changed"), "key": bureau.key}
    ours, theirs = look([whole, changed]), in_firefox(tmp_path / "profile", [whole, changed])
    assert (
        [one["verdict"] for one in theirs] == [one["verdict"] for one in ours] == ["verified", "not-verified"]
    )
    assert [one["steps"] for one in theirs] == [one["steps"] for one in ours]
    assert theirs[0]["rows"] == ours[0]["rows"]
    assert theirs[0]["played"]["width"] == 320
