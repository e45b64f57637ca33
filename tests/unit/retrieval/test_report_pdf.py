"""A report on paper: equal for equal reports, whatever stands in it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evidence.errors import Invalid, Unavailable
from evidence.report import Facts, Language, Report, Row, Section, Sentence, Table
from retrieval.report_pdf import CHINESE, LATIN, MOST_ROWS, PdfWriter

AT = datetime(2026, 11, 29, 1, 2, 3, tzinfo=UTC)


def report(*texts: str, rows: int = 3, at: datetime = AT) -> Report:
    """A report of which every part says these texts."""
    blocks = [
        *(Sentence(text, loud) for text in texts for loud in (False, True)),
        Facts([(text, text) for text in texts]),
        *(Table(("a", "b"), (30, 70), [Row((text, text))] * rows) for text in texts),
    ]
    sections = [Section(level, texts[0], blocks if level else ()) for level in (0, 1, 2)]
    return Report(Language.CHINESE, "保管报告", texts[0], "foot", at, sections)


def text_of(data: bytes, place: Path) -> str:
    """What `pdftotext` reads in it, without its line breaks."""
    path = place / "report.pdf"
    path.write_bytes(data)
    run = subprocess.run(["pdftotext", path, "-"], capture_output=True, check=True, text=True)
    return "".join(run.stdout.split())


def test_equal_reports_give_equal_bytes_and_another_time_other_ones(tmp_path: Path) -> None:
    first, again = (PdfWriter()(report("证据材料 abc")) for _ in range(2))
    assert first == again
    assert first != PdfWriter()(report("证据材料 abc", at=AT + timedelta(seconds=1)))
    (tmp_path / "a.pdf").write_bytes(first)
    said = subprocess.run(
        ["pdfinfo", "-isodates", tmp_path / "a.pdf"], capture_output=True, check=True
    ).stdout
    assert b"2026-11-29T01:02:03" in said


def test_hostile_names_are_text(tmp_path: Path) -> None:
    name = "a\u202egpj.exe<b>&amp;</font>\x00{}\U0001f600\ufffe\ud800"
    text = text_of(PdfWriter()(report(name)), tmp_path)
    assert text.count("a[U+202E]gpj.exe<b>&amp;</font>[U+0000]{}") >= 8
    assert "[U+FFFE][U+D800]" in text


def test_a_cell_longer_than_a_page_goes_on_on_the_next(tmp_path: Path) -> None:
    text = text_of(PdfWriter()(report("长" * 3_000 + "终", rows=1)), tmp_path)
    assert text.count("终") >= 4


def test_a_report_of_too_many_rows_is_refused_in_words() -> None:
    with pytest.raises(Invalid, match="Take the page instead") as refusal:
        PdfWriter()(report("x", rows=MOST_ROWS))
    assert refusal.value.code == "too-long"


@pytest.mark.parametrize("missing", [0, 1])
def test_a_server_without_the_fonts_says_which_to_install(tmp_path: Path, missing: int) -> None:
    files = [LATIN, CHINESE]
    files[missing] = tmp_path / "none.ttf"
    with pytest.raises(Unavailable, match="fonts-droid-fallback") as refusal:
        PdfWriter(*files)(report("x"))
    assert refusal.value.code == "no-font"
