"""Lists that offices keep as tables: CSV with a header, read without guessing. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evidence.errors import Invalid

MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that cannot be read, counted from 1 for the header, and why in words."""

    line: int
    words: str


def lines_of(data: bytes, required: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Each line of a CSV that is not empty: its number, and its cells by the header's names.

    UTF-8, with or without a mark of it, or GB 18030. Names are in lower case; cells have no space at their
    ends. Raises Invalid("bad-list") for what is no such list, names not all that is `required`, or has more
    than 20,000 lines.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError as error:
            raise Invalid("bad-list", "The list is neither UTF-8 nor GB 18030.") from error
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    count = 0
    try:
        header = [name.strip().lower() for name in next(lines, [])]
        missing = [name for name in required if name not in header]
        if missing:
            raise Invalid("bad-list", f"The list's first line does not name: {', '.join(missing)}.")
        for row in lines:
            if not any(cell.strip() for cell in row):
                continue
            if count >= MOST_ROWS:
                raise Invalid("bad-list", f"A list has at most {MOST_ROWS} lines; divide it.")
            count += 1
            yield lines.line_num, {name: cell.strip() for name, cell in zip(header, row, strict=False)}
    except csv.Error as error:
        raise Invalid("bad-list", f"The list is no CSV from line {lines.line_num} on.") from error
