"""The text of documents, read by the real poppler and by the child that reads OFD."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from evidence.errors import StageFailed
from transcode import documents
from transcode.bench import Bench
from transcode.documents import MOST_CHARACTERS, Documents
from transcode.probe import look_inside
from transcode.sandbox import Policy
from transcode.tools import SandboxedTools

WORDS = "当事人张伟于人民路打架"


def pdf(path: Path, *lines: str) -> Path:
    """One page in the GB1 font that Chinese offices' PDFs name and do not bring with them."""
    drawn = b"".join(b"1 0 0 1 40 %d Tm <%s> Tj " % (800 - 20 * n, line.encode("utf-16-be").hex().encode())
                     for n, line in enumerate(lines))  # fmt: skip
    stream = b"BT /F1 12 Tf " + drawn + b"ET"
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H/DescendantFonts[6 0 R]>>",
        b"<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light"
        b"/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 4>>/FontDescriptor 7 0 R>>",
        b"<</Type/FontDescriptor/FontName/STSong-Light/Flags 6/FontBBox[0 0 1000 1000]/ItalicAngle 0"
        b"/Ascent 880/Descent -120/CapHeight 880/StemV 93>>",
    )
    body = b"%PDF-1.7\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF"
    path.write_bytes(body + end % (len(objects) + 1, table, len(objects) + 1, len(body)))
    return path


def page(*lines: str, head: str = "") -> str:
    """A page's content as GB/T 33190 has it."""
    objects = "".join(
        f'<ofd:TextObject ID="{n}"><ofd:TextCode X="0" Y="0">{line}</ofd:TextCode></ofd:TextObject>'
        for n, line in enumerate(lines)
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<ofd:Page xmlns:ofd="http://www.ofdspec.org/2016">'
        f"<ofd:Content><ofd:Layer>{objects}</ofd:Layer></ofd:Content></ofd:Page>"
    )


def ofd(path: Path, *pages: str) -> Path:
    """Pages are packed last first: their names say their order."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("OFD.xml", '<ofd:OFD xmlns:ofd="http://www.ofdspec.org/2016" DocType="OFD"/>')
        for number, content in reversed([*enumerate(pages)]):
            packed.writestr(f"Doc_0/Pages/Page_{number}/Content.xml", content)
    return path


async def said(original: Path, policy: Policy = "require") -> dict[str, object]:
    bench = Bench(policy, "bwrap", 30.0)
    with original.open("rb") as file:
        inside = look_inside(file)
    return dict(await Documents(bench).text(original, inside))


async def test_a_pdf_says_what_stands_in_it(tmp_path: Path) -> None:
    found = await said(pdf(tmp_path / "a.pdf", WORDS, "行政处罚决定书"))
    assert found == {"tool": "pdftotext", "text": f"{WORDS}\n行政处罚决定书", "cut": False}


async def test_an_ofd_says_it_page_by_page(tmp_path: Path) -> None:
    pages = [page(WORDS, "第一页"), *(page(str(number)) for number in range(1, 11))]
    found = await said(ofd(tmp_path / "a.ofd", *pages))
    lines = [WORDS, "第一页", *map(str, range(1, 11))]
    assert found == {"tool": "documents_reader", "text": "\n".join(lines), "cut": False}


async def test_what_is_too_long_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await said(ofd(tmp_path / "a.ofd", page("长" * 9), page("短" * MOST_CHARACTERS)))
    assert (len(str(found["text"])), found["cut"]) == (MOST_CHARACTERS, True)
    monkeypatch.setattr(documents, "MOST_CHARACTERS", 3)
    assert await said(pdf(tmp_path / "a.pdf", WORDS)) == {"tool": "pdftotext", "text": WORDS[:3], "cut": True}


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
) + "]>"  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        "not XML",
        page("&j;", head=BOMB),
        page("&a;", head='<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
    ],
    ids=["damaged", "entities", "another file"],
)
async def test_an_ofd_that_means_ill_says_nothing(tmp_path: Path, content: str) -> None:
    found = await said(ofd(tmp_path / "a.ofd", content))
    assert found.keys() == {"tool", "error"}
    assert found["error"] == {
        "code": "document-damaged",
        "message": "The document's pages cannot be read. The original is kept.",
    }


async def test_a_page_that_unpacks_without_end_is_left_out(tmp_path: Path) -> None:
    found = await said(ofd(tmp_path / "a.ofd", page("零" * (20 << 20)), page("后")))
    assert (found["text"], found["cut"]) == ("\n后".strip(), True)


async def test_a_document_that_cannot_be_read_is_described_all_the_same(tmp_path: Path) -> None:
    broken = tmp_path / "a.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing")
    described = await SandboxedTools("require").describe(broken, "application/pdf", "a.pdf")
    assert described.route == "none"
    assert described.text is not None
    error = described.text["error"]
    assert isinstance(error, dict)
    assert error["code"] == "tool-failed"


async def test_without_the_program_it_is_tried_again_later(tmp_path: Path) -> None:
    original = pdf(tmp_path / "a.pdf", WORDS)
    with original.open("rb") as file:
        inside = look_inside(file)
    with pytest.raises(StageFailed, match="missing on this machine") as raised:
        await Documents(Bench("require", "bwrap", 30.0), "no-such-pdftotext").text(original, inside)
    assert not raised.value.final
