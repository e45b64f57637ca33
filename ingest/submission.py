"""Reading what a client says about a file (tus `Upload-Metadata`). Pure; every refusal names the field.

Keys: `filename` (needed), `filetype`, `case`, `category`, `officer`, `device`, `recording`, `segment`,
`medium`, `method`, `sha256`, and times as `time-start.<source>` / `time-end.<source>` with the value as
the source wrote it. Unknown keys are refused: a misspelt one would be lost evidence.
"""

from __future__ import annotations

import base64
import binascii
import re

from evidence.errors import Invalid
from evidence.items import Category, Submission
from evidence.timekeeping import TimeStatement

_LONGEST_VALUE = 4096
_LONGEST_HEADER = 32_768
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ZONE = re.compile(r"(Z|[+-]\d{2}:?\d{2})$")
_TIMES = ("time-start.", "time-end.")
_PLAIN = ("case", "officer", "device", "recording", "medium", "method")
_KNOWN = frozenset((*_PLAIN, "filename", "filetype", "name", "type", "category", "segment", "sha256"))


def parse_metadata(header: str) -> dict[str, str]:
    """The pairs of an `Upload-Metadata` header (tus 1.0); raises Invalid("bad-metadata")."""
    if not header.isascii():
        raise _bad("the header holds other characters than ASCII; values are base64")
    if len(header) > _LONGEST_HEADER:
        raise _bad("the header is longer than 32 KiB")
    pairs: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in header.split(","))):
        key, _, encoded = part.partition(" ")
        try:
            value = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise _bad(f"the value of {key!r} is not base64 of UTF-8 text") from error
        if key in pairs:
            raise _bad(f"{key!r} is given twice")
        if len(value) > _LONGEST_VALUE:
            raise _bad(f"the value of {key!r} is longer than {_LONGEST_VALUE} characters")
        pairs[key] = value
    return pairs


def read_submission(pairs: dict[str, str]) -> Submission:
    """The submission in parsed metadata; raises Invalid("bad-metadata") naming the field."""
    times = tuple(_time(key, value) for key, value in sorted(pairs.items()) if key.startswith(_TIMES))
    unknown = sorted(key for key in pairs if key not in _KNOWN and not key.startswith(_TIMES))
    if unknown:
        raise _bad(f"{unknown[0]!r} is not a field that Custos knows")
    filename = pairs.get("filename") or pairs.get("name")
    if not filename:
        raise _bad("'filename' is missing")
    return Submission(
        filename=filename,
        media_type=pairs.get("filetype") or None,
        category=_category(pairs.get("category")),
        segment=_segment(pairs.get("segment")),
        sha256=_sha256(pairs.get("sha256")),
        case=pairs.get("case") or None,
        officer=pairs.get("officer") or None,
        device=pairs.get("device") or None,
        recording=pairs.get("recording") or None,
        medium=pairs.get("medium") or None,
        method=pairs.get("method") or "upload",
        times=times,
    )


def _bad(what: str) -> Invalid:
    return Invalid("bad-metadata", f"The upload's metadata is wrong: {what}.")


def _time(key: str, value: str) -> TimeStatement:
    marks, _, source = key.removeprefix("time-").partition(".")
    if not source:
        raise _bad(f"{key!r} does not name its source")
    zone = _ZONE.search(value)
    return TimeStatement(source, value, None if zone is None else zone.group(), marks)


def _category(value: str | None) -> Category:
    try:
        return Category(value or Category.OTHER)
    except ValueError as error:
        known = ", ".join(Category)
        raise _bad(f"'category' is {value!r}; it is one of {known}") from error


def _segment(value: str | None) -> int | None:
    if value is None or value == "":
        return None
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise _bad("'segment' is not a whole number")
    return int(value)


def _sha256(value: str | None) -> str | None:
    if value is None or value == "":
        return None
    if _SHA256.fullmatch(value.lower()) is None:
        raise _bad("'sha256' is not 64 hexadecimal digits")
    return value.lower()
