"""Custody reports, as a judge reads them and as whoever may not see something does not."""

from __future__ import annotations

import html
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from custody.extracts import LogExtracts
from custody.notes import ED25519, VerifierKey
from evidence.agents import Role
from evidence.proofs import ItemProof
from tests.serving.client import Client
from tests.serving.exports import asked, case_of_two, kept
from tests.serving.films import sealed_for
from tests.serving.inside import Inside


@dataclass(frozen=True)
class Told:
    """A case of two segments of which much has happened to the first."""

    bureau: Inside
    case: str
    item: str
    other: str
    sha256: str


@pytest.fixture(scope="module")
def told(bureau: Inside, camera: bytes) -> Told:
    """A case that was looked at, played, held and exported."""
    case = case_of_two(bureau, camera)
    archivist, reviewer = bureau.client(Role.ARCHIVIST), bureau.client(Role.REVIEWER)
    links = archivist.get(f"/cases/{case}").json()["links"]
    item, other = sorted((link["item"] for link in links), reverse=True)
    playback = reviewer.post("/playbacks", {"item": item, "purpose": "案卷评查"}).json()["id"]
    reviewer.post(f"/playbacks/{playback}/watched", {"spans": [{"item": item, "from_ms": 0, "to_ms": 3000}]})
    reviewer.ask("DELETE", f"/playbacks/{playback}")
    archivist.post(f"/items/{item}/holds", {"reason": "涉诉", "authority": "深圳市中级人民法院"})
    archivist.get(f"/items/{item}/original")
    bureau.close_viewings()
    asked(archivist, f"/cases/{case}/exports")
    bureau.do(bureau.services.sequencer.run())
    found = archivist.get(f"/items/{item}").json()
    return Told(bureau, case, item, other, found["digests"]["sha256"])


def text_of(client: Client, path: str) -> str:
    """What a report's page says, one line for each cell or paragraph."""
    answer = client.get(path)
    assert answer.status == 200, answer.body
    return shown(answer.body)


def shown(page: bytes) -> str:
    """What stands on a page, without how it looks."""
    body = re.sub(r"<style>.*?</style>", "", page.decode(), flags=re.DOTALL)
    return html.unescape(re.sub(r"\s*<[^>]*>\s*", "\n", body)).replace("\n\n", "\n")


@pytest.fixture(scope="module")
def pages(told: Told) -> Mapping[str, str]:
    """The item's report as a page, by its language."""
    client = told.bureau.client(Role.REVIEWER)
    return {
        language: text_of(client, f"/items/{told.item}/report.html?lang={language}")
        for language in ("zh-CN", "en")
    }


def test_a_judge_reads_what_happened_in_chinese(told: Told, pages: Mapping[str, str]) -> None:
    text = pages["zh-CN"]
    for fact in (
        told.sha256,
        "粤执〔2026〕1号",
        "00:00–00:03，全长 00:04",
        "播放会话；目的：案卷评查",
        "原始文件（已全部发出）",
        "417,049 字节",
        "依 深圳市中级人民法院 的要求；理由：涉诉",
        "申请导出；提供对象：法院；理由：移送检察院；含原始文件",
        "绕过系统缓存从磁盘读取",
        "画面与声音原样复制，未重新编码",
        "与原始文件比对：2 路流中 2 路逐字节一致",
        "提交者未给出 SHA-256 摘要",
        "文件名\n20261121100004\n未写明\n开始",
        "无。接收时间由本服务器自行陈述。",
        "仅有日志自身的签名",
        told.bureau.client(Role.ARCHIVIST).get("/session").json()["name"],
    ):
        assert fact in text, fact


def test_and_in_english_the_same(told: Told, pages: Mapping[str, str]) -> None:
    text = pages["en"]
    for fact in (
        told.sha256,
        "a playback session; For: 案卷评查",
        "00:00–00:03 of 00:04",
        "the original; all of it was sent",
        "on the order of 深圳市中级人民法院; reason: 涉诉",
        "for a court; reason: 移送检察院; with originals",
        "from the disk, past the system's memory",
        "2 of 2 streams are the same, byte for byte",
        "lead by their proofs to the root",
    ):
        assert fact in text, fact
    # The word for word that the log has of it: the head that anybody can fetch.
    origin, size, root = (
        told.bureau.client(Role.REVIEWER).get("/log/checkpoint").body.decode().split("\n")[:3]
    )
    assert f"{origin}\n" in text
    assert f"\n{int(size):,}\n" in text
    assert root in text


def test_the_report_is_on_record_before_it_is_read(told: Told, pages: Mapping[str, str]) -> None:
    shown = [event for event in told.bureau.events("report.shown") if told.item in str(event["subjects"])]
    assert {event["id"] for event in shown} >= {
        line for text in pages.values() for line in text.splitlines() if line in {one["id"] for one in shown}
    }
    assert all(any(event["id"] in text for event in shown) for text in pages.values())
    assert shown[0]["premis"] == "dissemination"
    assert shown[0]["detail"] == {"language": "zh-CN", "format": "html"}


def test_a_pdf_says_the_same_with_its_fonts_inside(told: Told, tmp_path: Path) -> None:
    client = told.bureau.client(Role.REVIEWER)
    answer = client.get(f"/items/{told.item}/report.pdf")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == f'inline; filename="custody-report-{told.item}.pdf"'
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Content-Security-Policy" not in answer.headers
    path = tmp_path / "report.pdf"
    path.write_bytes(answer.body)
    run = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, check=True, text=True)
    # Lines are broken where the paper ends, cells beside each other.
    text = re.sub(r"\s+", "", run.stdout)
    assert told.sha256 in text
    for fact in ("保管报告", "00:00–00:03，全长", "深圳市中级人民法院", "申请导出；提供对象：法院"):
        assert fact in text, fact
    fonts = subprocess.run(["pdffonts", path], capture_output=True, check=True, text=True).stdout.splitlines()
    # Name, type, encoding, embedded, subset: each font goes along.
    assert len(fonts) >= 4
    assert all(line.split()[-5:-3] == ["yes", "yes"] for line in fonts[2:])


def test_a_page_runs_nothing_and_fetches_nothing(told: Told) -> None:
    answer = told.bureau.client(Role.REVIEWER).get(f"/items/{told.item}/report.html")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = answer.body.decode()
    assert not re.search(r"<(script|link|img|iframe)|https?://|url\(|@import", page)
    assert "@page{size:A4" in page


def test_a_report_speaks_two_languages(told: Told) -> None:
    answer = told.bureau.client(Role.REVIEWER).get(f"/items/{told.item}/report.html?lang=fr")
    assert (answer.status, answer.code) == (400, "bad-language")


def test_what_is_sealed_to_somebody_counts_nowhere_in_their_report(bureau: Inside) -> None:
    archivist, named = bureau.client(Role.ARCHIVIST), bureau.another(Role.REVIEWER)
    hidden, shown = (bureau.client(Role.STATION).kept(name.encode(), name) for name in ("a.txt", "b.txt"))
    case = archivist.post("/cases", {"number": "sealed"}).json()["id"]
    archivist.post(f"/cases/{case}/links", {"items": [hidden, shown]})
    digest = named.get(f"/items/{hidden}").json()["digests"]["sha256"]
    bureau.do(bureau.services.sequencer.run())
    both = text_of(archivist, f"/cases/{case}/report.html?lang=en")
    assert "Item 2 of 2" in both
    sealed_for(bureau, hidden, named)
    bureau.do(bureau.services.sequencer.run())
    one = text_of(archivist, f"/cases/{case}/report.html?lang=en")
    assert "Item 1 of 1" in one
    # Its own event is no reason to ask again.
    assert one.count("Nothing is known to be missing.") == 2
    assert shown in one
    for told in (hidden, digest, "a.txt"):
        assert told in both
        assert told not in one
    assert "Item 2 of 2" in text_of(named, f"/cases/{case}/report.html?lang=en")
    assert archivist.get(f"/items/{hidden}/report.html").status == 404
    # The event names what was told of, and nothing else.
    (subjects,) = [
        {subject["id"] for subject in event["subjects"]}
        for event in bureau.events("report.shown")
        if case in str(event["subjects"]) and hidden not in str(event["subjects"])
    ]
    assert subjects == {case, shown}


def test_what_is_shared_with_somebody_is_in_no_report_of_theirs(bureau: Inside) -> None:
    # A share lets see an item, not who else has seen it.
    archivist, other = bureau.client(Role.ARCHIVIST), bureau.client(Role.SUPERVISOR, "south")
    item = bureau.client(Role.STATION, "south").kept(b"shared", "shared.txt")
    share = {
        "username": archivist.get("/session").json()["username"],
        "until": f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
        "reason": "r",
    }
    case = other.post("/cases", {"number": "shared"}).json()["id"]
    assert other.post(f"/cases/{case}/links", {"items": [item]}).status == 200
    for path in (f"/items/{item}", f"/cases/{case}"):
        assert other.post(f"{path}/shares", share).status == 201
    assert item in str(archivist.get(f"/cases/{case}").json()["links"])
    assert archivist.get(f"/items/{item}/report.html").status == 404
    text = text_of(archivist, f"/cases/{case}/report.html?lang=en")
    assert "No item of this case can be told of here." in text
    assert item not in text


def test_an_export_has_reports_of_what_it_discloses(told: Told, tmp_path: Path) -> None:
    bureau, archivist = told.bureau, told.bureau.client(Role.ARCHIVIST)
    name = archivist.get("/session").json()["name"]
    texts: dict[tuple[str, str], str] = {}
    for profile in ("internal", "court", "defence"):
        place = tmp_path / profile
        place.mkdir()
        found = kept(
            bureau, archivist, asked(archivist, f"/cases/{told.case}/exports", profile=profile), place
        )
        found.verify()
        reports = found.directory / "report"
        assert len(list(reports.iterdir())) == 6
        for language in ("zh-CN", "en"):
            front = (reports / f"report.{language}.html").read_bytes()
            assert f'<a href="{told.item}.{language}.html">'.encode() in front
            page = (reports / f"{told.item}.{language}.html").read_bytes()
            texts[profile, language] = shown(front) + shown(page)
    for (profile, language), text in texts.items():
        assert told.sha256 in text
        # Who looked, and whose case it is, are not for the defence.
        for secret in (name, "张伟", "无证经营", "移送检察院", "案卷评查", "00:00–00:03"):
            assert (secret in text) == (profile != "defence"), (profile, language, secret)
        # That an order keeps it is told to everybody.
        assert "深圳市中级人民法院" in text
    assert "are withheld" in texts["court", "en"]
    assert "withheld" not in texts["internal", "en"].replace("nothing that the export withholds", "")
    assert "person or device" in texts["defence", "en"]
    assert "with the log's key from a second source, or the program in verify/" in texts["court", "en"]


def test_what_the_server_says_that_it_checked_it_did_check(told: Told) -> None:
    services = told.bureau.services
    extracts = LogExtracts(services.catalogue, services.signer.note_key, witnessed=False)
    head = told.bureau.do(extracts.head())
    assert head is not None
    proof = told.bureau.do(extracts.of_item(told.item, head))

    def checked(changed: ItemProof) -> tuple[int, bool]:
        found = told.bureau.do(extracts.checked(changed))
        assert (found.origin, found.size, found.cosigned) == (head.origin, head.published, 0)
        return found.failed, found.unbroken

    assert checked(proof) == (0, True)
    first, second, *rest = proof.events
    leaf = first.leaf.replace(b'"outcome":"success"', b'"outcome":"failure"')
    assert leaf != first.leaf
    assert checked(replace(proof, events=[replace(first, leaf=leaf), second, *rest])) == (1, False)
    assert checked(replace(proof, events=[first, *rest])) == (0, False)
    assert checked(replace(proof, events=[first, replace(second, proof=first.proof), *rest])) == (1, True)
    other = VerifierKey(head.origin, ED25519, bytes(32))
    assert checked(replace(proof, key=str(other))) == (len(proof.events), True)
