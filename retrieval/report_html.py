"""A custody report as one HTML file that needs nothing beside it: no script, no font, no picture. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from evidence.report import Block, Facts, Report, Row, Section, Sentence, Table, plain

_STYLE = """
@page{size:A4;margin:18mm 15mm 20mm}
body{font:10.5pt/1.5 "Noto Serif CJK SC","Source Han Serif SC",SimSun,"Songti SC",Georgia,serif;color:#111;
max-width:190mm;margin:2em auto;padding:0 1em}
h1{font-size:20pt;margin:0}h2{font-size:14pt;margin:2em 0 .5em;border-bottom:2px solid #111;break-before:auto}
h3{font-size:12pt;margin:1.5em 0 .4em}h1,h2,h3{break-after:avoid;overflow-wrap:anywhere}
.of{font-size:13pt;margin:.2em 0 1.5em;overflow-wrap:anywhere}p{margin:.5em 0;overflow-wrap:anywhere}
.loud{border-left:4px solid #a00;padding-left:.7em;font-weight:bold}
table{border-collapse:collapse;width:calc(100% - 1px);table-layout:fixed;margin:.6em 0;
font-size:9pt;line-height:1.35}
th,td{border:1px solid #888;padding:.25em .4em;text-align:left;vertical-align:top;overflow-wrap:anywhere;
unicode-bidi:isolate}
th{background:#eee;font-weight:bold}.facts th{width:27%}
tr{break-inside:avoid}thead{display:table-header-group}
footer{margin-top:2em;border-top:1px solid #888;font-size:8.5pt;color:#444;overflow-wrap:anywhere}
@media print{body{margin:0;max-width:none;padding:0}}
"""
_TAGS = {0: "h1", 1: "h2", 2: "h3"}


def report_html(report: Report) -> bytes:
    """The file's bytes; equal reports give equal ones."""
    parts = [
        f'<!DOCTYPE html>\n<html lang="{report.language.value}">\n<meta charset="utf-8">\n',
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n',
        f"<title>{_text(report.title)} · {_text(report.subtitle)}</title>\n<style>{_STYLE}</style>\n",
    ]
    for section in report.sections:
        parts.append(_heading(section))
        if section.level == 0:
            parts.append(f'<p class="of">{_text(report.subtitle)}</p>\n')
        parts += map(_block, section.blocks)
    parts.append(f"<footer>{_text(report.foot)}</footer>\n</html>\n")
    return "".join(parts).encode()


def _text(text: str) -> str:
    return escape(plain(text))


def _heading(section: Section) -> str:
    tag = _TAGS[section.level]
    return f"<{tag}>{_text(section.title)}</{tag}>\n"


def _block(block: Block) -> str:
    if isinstance(block, Sentence):
        return f"<p{' class=loud' if block.loud else ''}>{_text(block.text)}</p>\n"
    if isinstance(block, Facts):
        rows = "".join(f"<tr><th>{_text(name)}<td>{_text(value)}</tr>\n" for name, value in block.rows)
        return f'<table class="facts">\n{rows}</table>\n'
    return _table(block)


def _table(table: Table) -> str:
    widths = "".join(f'<col style="width:{width}%">' for width in table.widths)
    head = "".join(f"<th>{_text(cell)}" for cell in table.head)
    rows = "".join("<tr>" + "".join(_cells(row)) + "</tr>\n" for row in table.rows)
    return f"<table>{widths}<thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table>\n"


def _cells(row: Row) -> Iterator[str]:
    for number, cell in enumerate(row.cells):
        leads = row.link is not None and number == 0
        yield f'<td><a href="{_text(row.link or "")}">{_text(cell)}</a>' if leads else f"<td>{_text(cell)}"
