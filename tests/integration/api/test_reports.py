"""Custody reports, as a judge reads them and as whoever may not see something does not."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

import pytest

from evidence.agents import Role
from tests.serving.client import Client
from tests.serving.exports import asked, case_of_two
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
    return html.unescape(re.sub(r"<[^>]*>", "\n", answer.body.decode()))


def test_a_judge_reads_what_happened_in_chinese(told: Told) -> None:
    client = told.bureau.client(Role.REVIEWER)
    text = text_of(client, f"/items/{told.item}/report.html")
    for fact in (
        told.sha256,
        "粤执〔2026〕1号",
        "00:00–00:03，全长 00:04",
        "目的：案卷评查",
        "417,049 字节",
        "依 深圳市中级人民法院 的要求；理由：涉诉",
        "申请导出；提供对象：法院；理由：移送检察院；含原始文件",
        "直接从磁盘读取",
        "画面与声音原样复制，未重新编码",
    ):
        assert fact in text, fact
