"""`custos export`, as an archivist at a terminal meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from custos.commands.export import _fetch, _Server
from evidence.agents import Role
from evidence.errors import Unavailable
from tests.media import make_clip
from tests.serving.cutting import CuttingProxy
from tests.serving.exports import case_of_two
from tests.serving.inside import Inside, served_inside

NUMBER = "粤执〔2026〕1号"


@pytest.fixture(scope="module")
def bureau(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """A server with a case of two segments."""
    place = tmp_path_factory.mktemp("export")
    with served_inside(place / "data") as server:
        case_of_two(server, make_clip(place / "clip.mp4", seconds=4).read_bytes())
        yield server


def command(bureau: Inside, role: Role | None, *arguments: str, server: str = "") -> tuple[int, str, str]:
    """Status, output and errors, while the log is kept."""
    token = "" if role is None else bureau.client(role).token or ""
    with subprocess.Popen(
        [sys.executable, "-m", "custos", "export", *arguments, "--server", server or bureau.url],
        env={**os.environ, "CUSTOS_TOKEN": token},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while True:
            bureau.do(bureau.services.sequencer.run())
            try:
                output, errors = process.communicate(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
            return process.returncode, output, errors


def test_a_case_by_its_number_is_fetched_and_verified(bureau: Inside, tmp_path: Path) -> None:
    asked = ("case", NUMBER, "--profile", "defence", "--reason", "移送", "--to", str(tmp_path))
    status, output, errors = command(bureau, Role.ARCHIVIST, *asked)
    assert (status, errors) == (0, ""), output
    archive, seal, words = output.splitlines()
    assert sorted(tmp_path.iterdir()) == [Path(archive), Path(seal)]
    assert seal == f"{archive}.seal.json"
    assert words.startswith("Verified in 10 steps")
    said = subprocess.run(
        [sys.executable, "-m", "custos", "verify", "export", archive, "--key", _key(bureau)],
        capture_output=True,
        text=True,
    )
    assert said.stdout.endswith("VERIFIED\n"), said


def _key(bureau: Inside) -> str:
    return bureau.client(Role.ARCHIVIST).get("/log/key").body.decode().strip()


@pytest.mark.parametrize(
    ("role", "number", "code"),
    [
        (Role.ARCHIVIST, "no such", "not-found"),
        (Role.AUDITOR, NUMBER, "not-found"),
        (None, NUMBER, "no-token"),
    ],
)
def test_refusals_are_said_in_words(
    bureau: Inside, tmp_path: Path, role: Role | None, number: str, code: str
) -> None:
    asked = ("case", number, "--profile", "court", "--reason", "r", "--to", str(tmp_path))
    status, output, errors = command(bureau, role, *asked)
    assert (status, output) == (2, "")
    assert f"[{code}]" in errors


def test_a_server_that_is_not_there(bureau: Inside, tmp_path: Path) -> None:
    asked = ["case", "x", "--profile", "court", "--reason", "r", "--to", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "custos", "export", *asked, "--server", "http://127.0.0.1:1"],
        env={**os.environ, "CUSTOS_TOKEN": "t"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "[no-server]" in done.stderr


def test_without_an_address_it_asks_this_installation(bureau: Inside, tmp_path: Path) -> None:
    """As it is documented: the token stands in the environment beside the settings, and is none. The server
    is asked where it listens: a proxy's certificate may be of an authority unknown to this machine."""
    done = subprocess.run(
        [sys.executable, "-m", "custos", "export", "case", "no such", "--profile", "court", "--reason", "r"],
        env={
            **os.environ,
            "CUSTOS_TOKEN": bureau.client(Role.ARCHIVIST).token or "",
            "CUSTOS_DATA": str(tmp_path),
            "CUSTOS_API__PORT": bureau.url.rpartition(":")[2],
            "CUSTOS_API__PUBLIC_URL": "https://127.0.0.1:1",
        },
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "[not-found]" in done.stderr


def test_a_line_that_breaks_before_each_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server was there when the export was asked for: what is said is that the archive broke off."""
    monkeypatch.setenv("CUSTOS_TOKEN", "t")
    with pytest.raises(Unavailable) as refusal:
        _fetch(_Server("http://127.0.0.1:1"), {"path": "/exports/x/x.zip", "size": 5}, tmp_path / "x.zip")
    assert refusal.value.code == "broken-off"
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip.part"]


@pytest.mark.parametrize("cuts", [2, 100])
def test_a_line_that_breaks(bureau: Inside, tmp_path: Path, cuts: int) -> None:
    """It is gone on with; where it breaks again and again, what there is does not have the archive's name."""
    host, port = bureau.url.removeprefix("http://").split(":")
    asked = ("case", NUMBER, "--profile", "court", "--reason", "移送", "--to", str(tmp_path))
    with CuttingProxy((host, int(port)), 60_000, times=cuts, down=True) as proxy:
        status, output, errors = command(bureau, Role.ARCHIVIST, *asked, server=proxy.url)
    names = [path.name for path in tmp_path.iterdir()]
    if cuts == 2:
        assert (status, errors, proxy.cuts) == (0, "", 2)
        assert "Verified in 10 steps" in output
        assert len(names) == 2
    else:
        assert (status, output) == (2, "")
        assert "[broken-off]" in errors
        assert [name.endswith(".zip.part") for name in names] == [True]
