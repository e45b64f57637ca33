"""An export's viewer, opened from a disk in headless Chromium without a network."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evidence.agents import Role
from tests.e2e.test_page import NODE, chromium_profile
from tests.media import make_clip
from tests.serving.exports import Kept, asked, case_of_two, kept
from tests.serving.forging import (
    call_it_version_1,
    close_event,
    drop_case,
    exchange_original,
    rebag,
    rescript,
    retell_case,
)
from tests.serving.inside import served_inside
from tests.serving.self_stamping import stamp_itself

ROOT = Path(__file__).parents[2]
VECTORS, VIEWER = ROOT / "tests" / "vectors", ROOT / "clients" / "viewer"


def look(visits: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the viewer says on each visit."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("there is no chromium on this machine; `deploy/setup.sh test` installs it")
    with chromium_profile() as profile:
        job = {"profile": profile, "browser": browser, "visits": visits}
        done = subprocess.run(
            ["node", str(NODE / "viewer.mjs"), json.dumps(job)],
            capture_output=True, text=True, check=False, cwd=NODE,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["errors"] == []
    found: list[dict[str, Any]] = said["visits"]
    return found


@dataclass(frozen=True)
class Bureau:
    """The same case for a court and for the defence, and their seals as files."""

    court: Kept
    defence: Kept
    key: str

    def seal(self, of: Kept) -> str:
        """The seal as a file."""
        path = of.archive.with_name("seal.json")
        path.write_text(json.dumps(of.seal))
        return str(path)


@pytest.fixture(scope="module")
def bureau(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    place = tmp_path_factory.mktemp("viewer")
    camera = make_clip(place / "clip.mp4", seconds=4).read_bytes()
    with served_inside(place / "data") as server:
        archivist = server.client(Role.ARCHIVIST)
        case = case_of_two(server, camera)
        server.do(server.services.sequencer.run())
        stamp_itself(server)
        found = []
        for profile in ("court", "defence"):
            (place / profile).mkdir()
            made = asked(archivist, f"/cases/{case}/exports", profile=profile)
            found.append(kept(server, archivist, made, place / profile))
        key = archivist.get("/log/key").body.decode().strip()
    yield Bureau(*found, key)


def page(directory: Path, **more: Any) -> dict[str, Any]:
    return {"page": str(directory / "viewer" / "index.html"), **more}


def test_it_plays_shows_the_history_and_checks_everything(bureau: Bureau) -> None:
    court, defence = bureau.court, bureau.defence
    whole = page(
        court.directory, key=bureau.key, folder=str(court.directory), seal=bureau.seal(court), show=".mp4",
        play=True,
    )  # fmt: skip
    other = page(defence.directory, show=".mp4")
    shown, withheld = look([whole, other])
    assert (shown["title"], shown["english"]) == ("Custos 导出包", "Custos export")
    assert shown["verdict"] == "verified"
    kinds = [kind for kind, _ in shown["steps"]]
    assert (kinds.count("good"), kinds.count("open"), kinds.count("bad")) == (9, 4, 0)
    own = [words for _, words in shown["steps"] if "自行陈述（self-asserted），对外不具证明力" in words]
    # Of the stamped head and of the seal, each with the time that it states.
    assert [words[:12] for words in own] == ["未核验: 时间 2026", "未核验: 封存：时间 2"]
    assert shown["played"]["width"] == 320
    assert any("接收入库" in row for row in shown["rows"])
    assert "无证经营" in shown["about"]
    # The defence's: nothing was chosen, so that the files stay open, and what is withheld is said to be.
    assert [kind for kind, _ in withheld["steps"]] == ["good", "open", *["good"] * 3, *["open"] * 4]
    assert "无证经营" not in withheld["about"]
    assert any("不予提供" in row for row in withheld["rows"])


def spoiled(bureau: Bureau, place: Path, name: str, change: Any) -> dict[str, Any]:
    """A copy of the court's in which one file is changed, visited with its seal."""
    shutil.copytree(bureau.court.directory, place)
    path = sorted(place.glob(name))[0]
    data = change(path.read_bytes())
    if data is None:
        path.unlink()
    else:
        assert data != path.read_bytes()
        path.write_bytes(data)
    return page(place, folder=str(place), seal=bureau.seal(bureau.court))


def test_what_was_changed_is_named_as_the_verifier_names_it(bureau: Bureau, tmp_path: Path) -> None:
    changes: list[tuple[str, Any, str]] = [
        (
            "custody/self-asserted/*.tsr",
            lambda data: data[:-1] + bytes([data[-1] ^ 1]),
            "custody/self-asserted/",
        ),
        ("data/originals/*", lambda data: data[:-1] + bytes([data[-1] ^ 1]), "data/originals/"),
        ("data/renditions/*/playable.mp4", lambda data: None, "is missing"),
        ("custody/receipts/*", lambda data: data + b"x", "custody/receipts/"),
        ("viewer/data/0*", lambda data: data.replace(b"item.ingested", b"item.described", 1), "signed tree"),
        (
            "viewer/data/export.js",
            lambda data: data.replace(b"\\u65e0", b"\\u6709", 1),
            "viewer/data/export.js",
        ),
        (
            "manifest-sha256.txt",
            lambda data: data[:1].replace(b"0", b"1") + data[1:] + b"0",
            "manifest-sha256",
        ),
    ]
    visits = [
        spoiled(bureau, tmp_path / str(number), name, change)
        for number, (name, change, _) in enumerate(changes)
    ]
    for found, (name, _, told) in zip(look(visits), changes, strict=True):
        assert found["verdict"] == "not-verified", name
        (wrong,) = [text for kind, text in found["steps"] if kind == "bad"]
        assert told in wrong, (name, wrong)


def test_a_forger_who_puts_everything_right_again_is_found_without_the_seal(
    bureau: Bureau, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bureau.court.directory, copy)
    exchange_original(copy)
    unmarked = tmp_path / "unmarked"
    shutil.copytree(bureau.court.directory, unmarked)
    (token,) = unmarked.glob("custody/self-asserted/*.tsr")
    mark = bytes.fromhex("061469819da8a7a599b4ead7a3b6c78ccbe990e7af13")
    assert mark in token.read_bytes()
    token.write_bytes(token.read_bytes().replace(mark, mark[:-1] + b"\x14"))
    rebag(unmarked)
    found, other = look(
        [page(copy, key=bureau.key, folder=str(copy)), page(unmarked, key=bureau.key, folder=str(unmarked))]
    )
    assert found["verdict"] == other["verdict"] == "not-verified"
    assert "earlier ones are left out" in found["steps"][-1][1]
    assert "is not marked as self-asserted" in other["steps"][-1][1]


def _closed_and_not_listed(place: Path) -> None:
    retell_case(place, lambda events: close_event(events, "note.written"))
    lines = json.loads((place / "custody/withheld.json").read_bytes())["withheld"]
    kept_lines = [one for one in lines if one["what"] != "event"]
    rescript(place / "viewer/data/export.js", withheld=kept_lines)


def test_who_cuts_the_history_of_the_case_is_named_here_too(bureau: Bureau, tmp_path: Path) -> None:
    changes: list[tuple[Any, str]] = [
        (lambda place: retell_case(place, lambda events: events.__delitem__(0)), "earlier ones are left out"),
        (
            lambda place: retell_case(place, lambda events: events.__delitem__(1)),
            "something was left out between",
        ),
        (lambda place: retell_case(place, lambda events: events.__delitem__(-1)), "ends before the export"),
        (drop_case, "the history of the case is missing"),
        (call_it_version_1, "of another version than the log says was asked for"),
        (_closed_and_not_listed, "that are closed are not those that are listed"),
    ]
    visits = []
    for number, (change, _) in enumerate(changes):
        place = tmp_path / str(number)
        shutil.copytree(bureau.court.directory, place)
        change(place)
        visits.append(page(place, key=bureau.key))
    for found, (_, told) in zip(look(visits), changes, strict=True):
        assert found["verdict"] == "not-verified", told
        assert told in found["steps"][-1][1]


def test_the_page_shows_what_was_linked_and_an_export_of_version_1_has_no_history_of_its_case(
    bureau: Bureau, tmp_path: Path
) -> None:
    with zipfile.ZipFile(VECTORS / "export-v1.zip") as archive:
        archive.extractall(tmp_path)
    for path in VIEWER.iterdir():
        shutil.copy(path, tmp_path / "export/viewer")
    closed = tmp_path / "closed"
    shutil.copytree(bureau.court.directory, closed)
    retell_case(closed, lambda events: close_event(events, "note.written"))
    case, one_closed, old = look(
        [
            page(bureau.court.directory, show="案件自身的经过"),
            page(closed, show="案件自身的经过"),
            page(tmp_path / "export", show="记录1.txt"),
        ]
    )
    assert one_closed["verdict"] == "verified"
    assert any("案件有 1 条事件涉及申请人无权查看的内容" in text for _, text in one_closed["steps"])
    assert one_closed["rows"].count("涉及申请人无权查看内容的事件") == 1
    assert not any("写入备注" in row for row in one_closed["rows"])
    assert any("受理立卷" in row for row in case["rows"])
    assert any("关联案件" in row and ".mp4" in row for row in case["rows"])
    assert old["verdict"] == "verified"
    assert ["open", "未核验: 案件自身的经过，以及曾关联后又撤销的材料：第 1 版导出包不含此项"] in old["steps"]


def test_another_key_and_another_seal_are_refused(bureau: Bureau) -> None:
    name, _, _ = bureau.key.partition("+")
    from clients.verifier.heads import pin_of

    court = bureau.court.directory
    forged = page(court, key=pin_of(name, bytes(31) + b"\1"))
    swapped = page(court, folder=str(court), seal=bureau.seal(bureau.defence))
    broken = page(court, key="no key")
    found = look([forged, swapped, broken])
    assert [one["verdict"] for one in found] == ["not-verified"] * 3
    assert "not signed by" in found[0]["steps"][-1][1]
    assert "another export" in found[1]["steps"][-1][1]
    assert "name+id+key" in found[2]["steps"][-1][1]


def test_its_sha256_is_sha256_at_every_length_of_a_block() -> None:
    lengths = [*range(130), 1000, 65_536, 300_001]
    done = subprocess.run(
        ["node", "sha256.mjs", *map(str, lengths)], capture_output=True, text=True, check=True, cwd=NODE
    )
    pattern = bytes((place * 31 + 7) % 251 for place in range(max(lengths)))
    assert done.stdout.split() == [hashlib.sha256(pattern[:length]).hexdigest() for length in lengths]
