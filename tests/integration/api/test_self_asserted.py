"""A bureau with one server and no network: exports carry time that it signed itself, and say so."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.verifier.export import verify_export
from clients.verifier.receipt import NotVerified
from custos.clock import SystemClock
from custos.own_time import own_time
from custos.settings import Settings
from evidence.agents import Role
from tests.serving.exports import Kept, asked, kept
from tests.serving.films import two_segments
from tests.serving.inside import Inside, served_inside
from tests.serving.self_stamping import stamp_itself

OWN = "self-asserted by this Custos, proves nothing to an outsider"


@pytest.fixture(scope="module")
def bureau(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with served_inside(tmp_path_factory.mktemp("alone") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def export(bureau: Inside, camera: bytes, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """An item whose reception stood in the log when that was stamped."""
    _, first, _ = two_segments(bureau, camera)
    bureau.do(bureau.services.sequencer.run())
    stamp_itself(bureau)
    archivist = bureau.client(Role.ARCHIVIST)
    made = asked(archivist, f"/items/{first}/exports")
    assert (made["made"]["authority"], made["made"]["self_asserted"]) == (None, True)
    return kept(bureau, archivist, made, tmp_path_factory.mktemp("kept"))


def test_the_verifier_says_whose_time_it_is(export: Kept) -> None:
    steps = {step.title: step for step in export.verify()}
    assert "stamped" not in steps["seal"].proved
    assert steps["seal"].not_checked.startswith("the time, 20")
    assert steps["seal"].not_checked.endswith(OWN)
    assert steps["stamps"].proved == "nothing, as there are none"
    assert steps["self-asserted time"].not_checked.endswith(OWN)
    assert json.loads((export.directory / "custody/export.json").read_bytes())["v"] == "custos/export/2"


def test_without_a_library_it_says_the_same(export: Kept, tmp_path: Path) -> None:
    seal = tmp_path / "seal.json"
    seal.write_text(json.dumps(export.seal))
    program = export.directory / "verify/custos-verify.pyz"
    key = export.directory / "custody/log-key.txt"
    # -S: no installed library is found.
    command = [sys.executable, "-I", "-S", program, export.archive, "--key", key, "--seal", seal]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count(f"the time: {OWN}") == 2
    assert done.stdout.endswith("VERIFIED\n")


def test_openssl_reads_its_tokens(export: Kept, tmp_path: Path) -> None:
    own = export.directory / "custody/self-asserted"
    (checkpoint,) = own.glob("*.checkpoint")
    statement, token = tmp_path / "statement", tmp_path / "token"
    statement.write_text(export.seal["statement"])
    token.write_bytes(base64.b64decode(export.seal["self_asserted"]))
    for data, answer in ((statement, token), (checkpoint, checkpoint.with_suffix(".tsr"))):
        command = ["openssl", "ts", "-verify", "-data", data, "-in", answer, "-CAfile", own / "authority.pem"]
        assert b"OK" in subprocess.run(command, capture_output=True, check=True).stdout
    told = json.loads(checkpoint.with_suffix(".json").read_bytes())
    assert told["v"] == "custos/self-asserted-stamp/1"
    assert told["time_source"].startswith("server clock")
    assert "authority" not in told


@pytest.mark.parametrize("given", [True, False])
def test_whoever_passes_it_off_as_a_third_partys_is_found_and_named(export: Kept, given: bool) -> None:
    token = export.seal["self_asserted"]
    seal = {**export.seal, "token": token, "authority": "https://tsa.example.cn/", "self_asserted": None}
    roots = [(export.directory / "custody/self-asserted/authority.pem").read_bytes()] if given else []
    with pytest.raises(NotVerified, match="the seal's token is passed off as a time authority's"):
        verify_export(export.archive, export.key, seal, roots)


def test_another_custos_own_time_is_not_this_ones(export: Kept, bureau: Inside, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "elsewhere")
    other = asyncio.run(own_time(settings, SystemClock()))
    assert other is not None
    token = other.assert_time(export.seal["statement"].encode()).token
    seal = {**export.seal, "self_asserted": base64.b64encode(token).decode()}
    with pytest.raises(NotVerified, match="is not what this Custos signed"):
        verify_export(export.archive, export.key, seal)


def test_every_place_that_shows_it_marks_it(export: Kept, bureau: Inside) -> None:
    listed = bureau.client(Role.AUDITOR).get("/log/stamps").json()
    assert listed["stamps"] == []
    assert [set(one) for one in listed["self_asserted"]] == [
        {"size", "at", "time_source", "checkpoint", "token"}
    ]
    (made,) = bureau.events("export.made")
    assert (made["detail"]["authority"], made["detail"]["self_asserted"]) == (None, True)
    for language, words in (("en", "self-asserted"), ("zh-CN", "自称时间")):
        page = (export.directory / f"report/report.{language}.html").read_text()
        assert words in page
    assert '"self_asserted": true' in (export.directory / "viewer/data/export.js").read_text()
