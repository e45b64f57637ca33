"""What the demonstration says: lines, tables, and on a terminal a table that is redrawn in place."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Sequence
from typing import TextIO

_RED, _GREEN, _BOLD, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"


def width(text: str) -> int:
    """Columns that `text` takes in a terminal; Chinese characters take two."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def shortened(text: str, most: int) -> str:
    """`text` in at most `most` columns, its end cut where it is longer."""
    if width(text) <= most:
        return text
    kept = ""
    for each in text:
        if width(kept + each) >= most:
            break
        kept += each
    return kept + "…"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines with aligned columns; the first row is the heading."""
    columns = [max(width(row[number]) for row in rows) for number in range(len(rows[0]))]
    lines = [
        "  ".join(cell + " " * (columns[number] - width(cell)) for number, cell in enumerate(row)).rstrip()
        for row in rows
    ]
    return [lines[0], "  ".join("─" * column for column in columns), *lines[1:]]


class Console:
    """Writes to `stream`; `live`: it is a terminal, with colour and a table that can be redrawn."""

    def __init__(self, stream: TextIO, *, live: bool, columns: int = 120) -> None:
        self._stream = stream
        self._columns = columns
        self._drawn = 0
        self._started = time.monotonic()
        self.live = live

    def elapsed(self) -> float:
        """Seconds since the console was made."""
        return time.monotonic() - self._started

    def say(self, text: str = "") -> None:
        """One line, below whatever was drawn."""
        self._drawn = 0
        print(text, file=self._stream, flush=True)

    def step(self, text: str) -> None:
        """A heading: what is done next."""
        self.say(f"\n{self._coloured(_BOLD, text)}")

    def good(self, text: str) -> None:
        """A check that held."""
        self.say(f"  {self._coloured(_GREEN, 'ok')}      {text}")

    def bad(self, text: str) -> None:
        """A check that failed."""
        self.say(f"  {self._coloured(_RED, f'FAILED  {text}')}")

    def draw(self, lines: Sequence[str]) -> None:
        """Put `lines` in the place of those drawn last; only on a terminal."""
        if not self.live:
            return
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        body = "".join(f"\x1b[2K{shortened(line, self._columns - 1)}\n" for line in lines)
        print(f"{up}{body}\x1b[J", end="", file=self._stream, flush=True)
        self._drawn = len(lines)

    def _coloured(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self.live else text


class Checks:
    """Says of every check whether it held, and counts."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.held = 0
        self.failed: list[str] = []

    def expect(self, holds: bool, claim: str, otherwise: str = "", *, quiet: bool = False) -> bool:
        """Note whether `claim` holds; `otherwise` says what was found instead. Returns `holds`.

        `quiet`: said only when it does not hold.
        """
        if holds:
            self.held += 1
            if not quiet:
                self._console.good(claim)
        else:
            self.fail(f"It is not so that {claim}" + (f": {otherwise}" if otherwise else ""))
        return holds

    def fail(self, words: str) -> None:
        """Note a failure that is no check's."""
        self.failed.append(words)
        self._console.bad(words)
