"""Reads the text of a document, so that it can be found: of a PDF with poppler, of an OFD in a child of ours.

What is found is for searching and proves nothing: a scan has no text, and a PDF can show other letters than
it holds. Invariants: the text is bounded, and says if it was cut; whatever it is, describing goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from evidence.canonical import Json
from evidence.errors import StageFailed
from transcode.bench import Bench, Bounds, Program, failure
from transcode.probe import Inside
from transcode.sandbox import Places
from transcode.values import TooStrange, parse_tool_json

#: As much as is searched of an item; it is kept with the description.
MOST_CHARACTERS = 100_000
_MEMORY = 1 << 30
_CAP = 8 << 20
_MOST_PAGES = "1000"
_READER = Path(__file__).with_name("documents_reader.py").resolve()


class Documents:
    """What describing asks of documents."""

    def __init__(self, bench: Bench, pdftotext: str = "pdftotext") -> None:
        self._bench = bench
        self._pdftotext = Program.found(pdftotext)
        self._python = Program("documents_reader", Path(sys.executable).resolve())
        self._own_files = (_READER, Path(sys.base_prefix).resolve())

    async def text(self, original: Path, inside: Inside) -> dict[str, Json]:
        """{"tool", "text", "cut"}, or {"tool", "error": {"code", "message"}} for a text that cannot be read.

        Raises StageFailed, never final, if the machine cannot run the reader now.
        """
        is_pdf = inside.container is not None and inside.container.name == "pdf"
        tool = "pdftotext" if is_pdf else "documents_reader"
        try:
            text, cut = await (self._of_pdf(original, inside) if is_pdf else self._of_ofd(original, inside))
        except StageFailed as fault:
            if not fault.final:
                raise
            return {"tool": tool, "error": {"code": fault.code, "message": fault.message}}
        return {"tool": tool, "text": text, "cut": cut}

    async def _of_pdf(self, original: Path, inside: Inside) -> tuple[str, bool]:
        def arguments(program: str, places: Places) -> Sequence[str]:
            return [program, "-q", "-enc", "UTF-8", "-nopgbrk", "-l", _MOST_PAGES, places.original, "-"]

        bounds = Bounds(self._bench.wall_s(inside.size), _MEMORY, _CAP)
        finished = await self._bench.run(self._pdftotext, arguments, bounds, original=original)
        cut = finished.ended_by == "output-cap"
        if not finished.worked and not cut:
            raise failure(self._pdftotext, finished)
        text = _clean(finished.stdout.decode("utf-8", "replace"))
        return text[:MOST_CHARACTERS], cut or len(text) > MOST_CHARACTERS

    async def _of_ofd(self, original: Path, inside: Inside) -> tuple[str, bool]:
        def arguments(program: str, places: Places) -> Sequence[str]:
            return [program, "-I", "-S", "-B", str(_READER), places.original, str(MOST_CHARACTERS)]

        finished = await self._bench.run(
            self._python,
            arguments,
            Bounds(self._bench.wall_s(inside.size), _MEMORY, _CAP),
            original=original,
            own_files=self._own_files,
        )
        if not finished.worked:
            raise failure(self._python, finished)
        try:
            answer = parse_tool_json(finished.stdout)
        except TooStrange:
            answer = None
        if not isinstance(answer, Mapping) or "text" not in answer:
            raise StageFailed(
                "document-damaged", "The document's pages cannot be read. The original is kept.", final=True
            )
        return _clean(str(answer["text"])), answer.get("cut") is True


def _clean(text: str) -> str:
    """Without what no text holds, so that it can be kept in any catalogue."""
    return "".join(one for one in text if one.isprintable() or one in "\n\t").strip()
