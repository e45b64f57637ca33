"""A day at a county bureau, from the staff list to the recount."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.serving.tree import free_port

_SOON_SECONDS = 900.0


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_a_county_bureaus_day_comes_to_what_was_planned(tmp_path: Path) -> None:
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "custos", "demo", "--day", "--exit",
        "--data", str(tmp_path / "data"), "--port", str(free_port()),
        env={**os.environ, "CUSTOS_DATA": "/nowhere"}, cwd=Path(__file__).parents[3],
        stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    async with asyncio.timeout(_SOON_SECONDS):
        said, errors = await demo.communicate()
    output = said.decode()
    assert errors.decode() == ""
    assert demo.returncode == 0, output
    for words in (
        "204 files are kept",
        "8 of them say which cases they may be of, and nothing was guessed",
        "two people made them once, not twice",
        "are held, whatever the schedule says",
        "it is in the lists of those named, and in no other",
        "none of 204 locks became shorter",
        "every figure is what a recount gives",
        "with each review stands how much was watched: 100 % and 50 %",
        "the seed on record draws the same again",
        "shares no code with the log, says so",
        "one byte of one event. NOT VERIFIED: leaf",
        "an event left out of a proof. NOT VERIFIED: event 3",
        ", 0 failed",
        "Custos stopped cleanly",
    ):
        assert words in output
    assert "FAILED" not in output
