"""What Custos writes to standard error: text for a person at a terminal, else one JSON object a line.

Whatever `extra=` names stands beside the message. Passwords in addresses, bearer tokens and fields that are
named like secrets are replaced before anything is written; control characters are escaped, so that a file
name cannot forge a line.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

_WITHHELD = "(withheld)"
_SECRET_NAME = re.compile(r"passw|secret|token|authorization|cookie|salt|private_?key", re.IGNORECASE)
_SECRET_TEXT = (
    (re.compile(r"(\w+://)[^/\s@]*@"), rf"\1{_WITHHELD}@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE), rf"\1 {_WITHHELD}"),
)
#: Each process would say where its keys for the bucket are from, which the settings say.
_NO_NEWS = "botocore.credentials"
_OWN_FIELDS = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"})
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def withheld(text: str) -> str:
    """`text` without passwords in addresses and without authorization values."""
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {
        name: _WITHHELD if _SECRET_NAME.search(name) else _plain(value)
        for name, value in vars(record).items()
        if name not in _OWN_FIELDS and not name.startswith("_")
    }


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    return withheld(str(value))


def _at(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, message, what `extra` named, and the trace if any."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line: dict[str, object] = {
            "at": _at(record).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": withheld(record.getMessage()),
        }
        for name, value in _extras(record).items():
            line.setdefault(name, value)
        if record.exc_info:
            line["trace"] = withheld(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class ReadableText(logging.Formatter):
    """Local time, level, message, what `extra` named; the trace below."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        at = _at(record).astimezone().strftime("%H:%M:%S")
        message = _escaped(withheld(record.getMessage())).replace("\n", "\n         ")
        extras = "".join(f" {name}={_escaped(str(value))}" for name, value in _extras(record).items())
        text = f"{at} {record.levelname.lower():<7} {message}{extras}"
        if record.exc_info:
            text += "\n" + _escaped(withheld(self.formatException(record.exc_info)))
        return text


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Send every log record of `level` and above to `stream` (standard error), once; replaces what was
    set up before. Python's warnings are logged too."""
    out = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(out)
    handler.setFormatter(ReadableText() if out.isatty() else JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger(_NO_NEWS).setLevel(logging.WARNING if level.upper() == "INFO" else logging.NOTSET)
    logging.captureWarnings(True)
