"""What is found in text, Chinese and English alike. Pure.

Text is folded (NFKC, case) and falls into tokens: words of letters and digits of all other scripts, split at
every sign between them, and runs of Han, kana, hangul. Invariants: a run that is asked for is found in every
text that holds it as it stands, one character or many; a word that is asked for is found in every text that
holds a word beginning with it. What is found by its terms is checked against the text, so that 张伟大 is not
found where 张伟 and 伟大 stand apart.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from evidence.errors import Invalid

#: Of one item; what stands behind it is not searched.
MOST_CHARACTERS = 100_000
LONGEST_QUESTION = 200
_MOST_TOKENS = 16
_LONGEST_TERM = 32
_RUN_BLOCKS = (
    (0x3005, 0x3007),
    (0x3040, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7AF),
    (0xE000, 0xF8FF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFD),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One token of a question: every text that has it has all of `terms` (with `is_prefix`, one that begins
    so), and `within` stands in its `searchable` form."""

    terms: tuple[str, ...]
    is_prefix: bool
    within: str

    @property
    def is_told_by_terms(self) -> bool:
        """Whether a text that has its terms has it, so that nothing is left to be checked."""
        return len(self.terms) == 1 and len(self.terms[0]) < _LONGEST_TERM


def fold(text: str) -> str:
    """One spelling for what people take for the same."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def code(text: str) -> str:
    """One spelling for numbers and names that are compared as a whole: capitals, single spaces."""
    capitals = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).upper())
    return " ".join(capitals.split())


def tokens(text: str) -> list[str]:
    """Words and runs of the folded text, in its order."""
    found: list[str] = []
    before = ""
    for character in fold(text):
        kind = _kind(character)
        if kind and kind == before:
            found[-1] += character
        elif kind:
            found.append(character)
        before = kind
    return found


def searchable(texts: Iterable[str]) -> str:
    """The form in which an item's texts are kept: a space before each token, a line for each text."""
    lines = ("".join(f" {token}" for token in tokens(text)) for text in texts)
    return "\n".join(line for line in dict.fromkeys(lines) if line)[:MOST_CHARACTERS]


def terms(kept: str) -> frozenset[str]:
    """What the index holds of a `searchable` text: words, pairs of neighbours, and the last of each run."""
    found: set[str] = set()
    for token in kept.split():
        if _is_run(token[0]):
            found.update(first + second for first, second in pairwise(token))
            found.add(token[-1])
        else:
            found.add(token[:_LONGEST_TERM])
    return frozenset(found)


def asked(text: str) -> tuple[Asked, ...]:
    """What a question asks for, all of it; raises Invalid."""
    if len(text) > LONGEST_QUESTION:
        raise Invalid("text-too-long", f"Search for at most {LONGEST_QUESTION} characters.")
    found = tuple(dict.fromkeys(map(_asked, tokens(text))))
    if not found:
        raise Invalid("nothing-to-search", "Give at least one letter, digit or character to search for.")
    if len(found) > _MOST_TOKENS:
        raise Invalid("too-many-words", f"Search for at most {_MOST_TOKENS} words at once.")
    return found


def _asked(token: str) -> Asked:
    if not _is_run(token[0]):
        return Asked((token[:_LONGEST_TERM],), True, f" {token}")
    if len(token) == 1:
        return Asked((token,), True, token)
    return Asked(tuple(dict.fromkeys(a + b for a, b in pairwise(token))), False, token)


def _kind(character: str) -> str:
    if _is_run(character):
        return "run"
    return "word" if character.isalnum() or unicodedata.category(character)[0] == "M" else ""


def _is_run(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _RUN_BLOCKS)
