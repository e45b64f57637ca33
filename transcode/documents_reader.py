"""The child process that reads the text of an OFD document (GB/T 33190): one file, one answer on stdout.

Run by path in the sandbox (`python -I -S documents_reader.py FILE MOST_CHARACTERS`). Answers {"text", "cut"},
or {"fault": "damaged"}. Imports nothing of Custos, so that it starts fast and the sandbox need not show it
anything of Custos.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
import zlib
from xml.parsers import expat

_MOST_PAGES = 1_000
#: Of one page's content, unpacked.
_LARGEST_PAGE = 16 << 20
_PAGE = re.compile(r"(?:.*/)?Doc_(\d+)/Pages/Page_(\d+)/Content\.xml", re.IGNORECASE)
#: RuntimeError is what zipfile says of a page that is encrypted.
_STRANGE = (zipfile.BadZipFile, zlib.error, expat.ExpatError, OSError, RuntimeError, ValueError)


def main() -> None:
    """Answer the one request in argv."""
    try:
        answer = _answer(sys.argv[1], int(sys.argv[2]))
    except _STRANGE:
        answer = {"fault": "damaged"}
    json.dump(answer, sys.stdout)


def _answer(path: str, most: int) -> dict[str, object]:
    with zipfile.ZipFile(path) as packed:
        pages = sorted(
            (int(found[1]), int(found[2]), info.filename)
            for info in packed.infolist()
            if (found := _PAGE.fullmatch(info.filename)) is not None
        )
        pieces: list[str] = []
        cut = len(pages) > _MOST_PAGES
        left = most
        for _, _, name in pages[:_MOST_PAGES]:
            with packed.open(name) as page:
                content = page.read(_LARGEST_PAGE + 1)
            if len(content) > _LARGEST_PAGE:
                cut = True
                continue
            text = _text_of(content)
            cut = cut or len(text) > left
            pieces.append(text[:left])
            left -= len(pieces[-1])
    return {"text": "\n".join(pieces)[:most], "cut": cut}


def _text_of(content: bytes) -> str:
    """What stands in the page's TextCode elements, a line for each."""
    lines: list[str] = []
    inside = False

    def begin(name: str, _: object) -> None:
        nonlocal inside
        inside = name.rpartition(":")[2] == "TextCode"
        if inside:
            lines.append("")

    def end(_: str) -> None:
        nonlocal inside
        inside = False

    def characters(text: str) -> None:
        if inside:
            lines[-1] += text

    def refuse(*_: object) -> None:
        raise ValueError("a page declares no entities")

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.EntityDeclHandler = refuse
    parser.Parse(content, True)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
