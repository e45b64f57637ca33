"""A custody report as a PDF on A4, its fonts embedded, so that it looks the same wherever it is opened.

Equal reports give equal bytes: no drawn identifier, and the creation date is the report's own time.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Collection
from datetime import UTC
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.platypus import CondPageBreak, Flowable, Paragraph, SimpleDocTemplate, Spacer
from reportlab.platypus import Table as Grid

from evidence.errors import Invalid, Unavailable
from evidence.report import Block, Facts, Report, Section, Sentence, Table, plain

#: Where Debian's fonts-dejavu-core and fonts-droid-fallback put them.
LATIN = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
CHINESE = Path("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf")
#: What a frame of reportlab pads on each side.
_PADDING = 6
_MARGIN = 15 * mm
_WIDTH = A4[0] - 2 * _MARGIN
#: Longer than this, a word without a space is broken wherever the line ends.
_LONGEST_WORD = 24
#: Each takes some milliseconds of a processor.
MOST_ROWS = 3_000
_RED = colors.HexColor("#aa0000")
_GREY = colors.HexColor("#888888")
#: No heading stands with less than this below it.
_ROOM_BELOW = 30 * mm
_SIZES = {0: 18.0, 1: 13.0, 2: 10.5}


# What reportlab keeps of a font's subsets is of no single document.
_ONE_AT_A_TIME = threading.Lock()


class PdfWriter:
    """Writes reports; may be called from any thread."""

    def __init__(self, latin: Path = LATIN, chinese: Path = CHINESE) -> None:
        self._files = (latin, chinese)
        self._fonts: list[tuple[str, Collection[int]]] = []

    def __call__(self, report: Report) -> bytes:
        """The PDF's bytes; raises Unavailable("no-font"), Invalid("too-long")."""
        rows = sum(len(one.rows) for part in report.sections for one in part.blocks if isinstance(one, Table))
        if rows > MOST_ROWS:
            raise Invalid(
                "too-long",
                f"A PDF holds at most {MOST_ROWS:,} rows, and this report has {rows:,}. Take the page "
                "instead.",
            )
        with _ONE_AT_A_TIME:
            self._open_fonts()
            return self._written(report)

    def _open_fonts(self) -> None:
        if self._fonts:
            return
        found = []
        try:
            for file in self._files:
                font = TTFont(f"custos-{file.stem}", file)
                pdfmetrics.registerFont(font)
                found.append((font.fontName, font.face.charToGlyph.keys()))
        except (OSError, TTFError) as error:
            raise Unavailable(
                "no-font",
                "The fonts for a PDF are not on this server: install fonts-dejavu-core and "
                "fonts-droid-fallback (deploy/setup.sh run). The HTML report needs none.",
            ) from error
        self._fonts = found

    def _written(self, report: Report) -> bytes:
        out = io.BytesIO()
        document = SimpleDocTemplate(
            out, pagesize=A4,
            leftMargin=_MARGIN - _PADDING, rightMargin=_MARGIN - _PADDING,
            topMargin=16 * mm, bottomMargin=20 * mm,
            title=plain(f"{report.title} · {report.subtitle}"), author="Custos", subject=plain(report.foot),
            creator="Custos", lang=report.language.value, invariant=1, initialFontName=self._fonts[0][0],
        )  # fmt: skip
        at = report.at.astimezone(UTC)

        def page(canvas: Any, _: object) -> None:
            canvas.setDateFormatter(lambda *_: f"D:{at:%Y%m%d%H%M%S}+00'00'")
            canvas.setProducer("Custos")
            foot = self._paragraph(report.foot, 7.5, colors.HexColor("#444444"))
            foot.wrap(_WIDTH - 20 * mm, 20 * mm)
            foot.drawOn(canvas, _MARGIN, 10 * mm)
            canvas.setFont(self._fonts[0][0], 7.5)
            canvas.drawRightString(A4[0] - _MARGIN, 10 * mm + 1, str(canvas.getPageNumber()))

        story: list[Flowable] = []
        for number, section in enumerate(report.sections):
            story += self._section(report, section, number)
        document.build(story, onFirstPage=page, onLaterPages=page)
        return out.getvalue()

    def _section(self, report: Report, section: Section, number: int) -> list[Flowable]:
        size = _SIZES[section.level]
        mark = _Mark(f"section-{number}", plain(section.title), section.level)
        heading = self._paragraph(section.title, size, before=14 - 4 * section.level, after=4)
        found: list[Flowable] = [CondPageBreak(_ROOM_BELOW), mark, heading]
        if section.level == 0:
            found.append(self._paragraph(report.subtitle, 12, after=8))
        for block in section.blocks:
            found += self._block(block)
        return found

    def _block(self, block: Block) -> list[Flowable]:
        if isinstance(block, Sentence):
            if not block.loud:
                return [self._paragraph(block.text, 9, after=4)]
            boxed = _grid([[self._paragraph(block.text, 9, _RED)]], (100,), self._fonts[0][0], head=0)
            boxed.setStyle(
                [("BOX", (0, 0), (-1, -1), 2, _RED), ("BACKGROUND", (0, 0), (-1, -1), colors.white)]
            )
            return [boxed, Spacer(0, 5)]
        if isinstance(block, Facts):
            rows = [[self._cell(name), self._cell(value)] for name, value in block.rows]
            return [_grid(rows, (26, 74), self._fonts[0][0], head=0), Spacer(0, 5)]
        return [self._table(block), Spacer(0, 5)]

    def _table(self, table: Table) -> Flowable:
        rows = [[self._cell(cell) for cell in table.head]]
        rows += [[self._cell(cell) for cell in row.cells] for row in table.rows]
        return _grid(rows, table.widths, self._fonts[0][0], head=1)

    def _cell(self, text: str) -> Paragraph:
        return self._paragraph(text, 8)

    def _paragraph(
        self,
        text: str,
        size: float,
        colour: colors.Color = colors.black,
        *,
        before: float = 0,
        after: float = 0,
    ) -> Paragraph:
        shown = self._shown(plain(text))
        runs = self._runs(shown)
        # Chinese has no spaces to break at, and a digest has none either.
        anywhere = len(runs) > 1 or any(len(word) > _LONGEST_WORD for word in shown.split(" "))
        marked = "".join(f'<font name="{name}">{escape(run)}</font>' for name, run in runs)
        style = ParagraphStyle(
            "custos", fontName=self._fonts[0][0], fontSize=size, leading=size * 1.4, textColor=colour,
            wordWrap="CJK" if anywhere else None, spaceBefore=before, spaceAfter=after,
        )  # fmt: skip
        return Paragraph(marked, style)

    def _shown(self, text: str) -> str:
        """The text with what no font can show written out."""
        return "".join(each if self._font_of(each) else f"[U+{ord(each):04X}]" for each in text)

    def _font_of(self, each: str) -> str | None:
        return next((name for name, has in self._fonts if ord(each) in has), None)

    def _runs(self, text: str) -> list[tuple[str, str]]:
        """The text cut where the font changes."""
        runs: list[tuple[str, str]] = []
        for each in text:
            name = self._font_of(each) or self._fonts[0][0]
            if runs and runs[-1][0] == name:
                runs[-1] = (name, runs[-1][1] + each)
            else:
                runs.append((name, each))
        return runs


class _Mark(Flowable):  # type: ignore[misc]
    """A place that the reader's outline leads to."""

    def __init__(self, key: str, title: str, level: int) -> None:
        super().__init__()
        self.width = self.height = 0
        self._entry = (key, title, level)

    def draw(self) -> None:
        """Where it falls on the page; nothing is shown."""
        key, title, level = self._entry
        self.canv.bookmarkHorizontal(key, 0, 12)
        self.canv.addOutlineEntry(title, key, max(level - 1, 0), closed=level == 1)


def _grid(rows: list[list[Paragraph]], widths: tuple[int, ...], font: str, *, head: int) -> Grid:
    grid = Grid(rows, [_WIDTH * width / 100 for width in widths], repeatRows=head, splitInRow=1)
    shaded = ("BACKGROUND", (0, 0), (-1, 0) if head else (0, -1), colors.HexColor("#eeeeee"))
    grid.setStyle(
        [
            # Nothing is set in it, but a cell names a font, and that one would not be embedded.
            ("FONTNAME", (0, 0), (-1, -1), font),
            ("GRID", (0, 0), (-1, -1), 0.4, _GREY),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            *(("LEFTPADDING", (0, 0), (-1, -1), 3), ("RIGHTPADDING", (0, 0), (-1, -1), 3)),
            *(("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 3)),
            shaded,
        ]
    )
    return grid
