"""What exiftool is asked, and what is kept of its answer.

Pure. Invariants: every tag keeps its source group, document and copy number in its key and its value as
exiftool printed it, so that no clock is merged with another; nothing of the server's own file (name,
dates, rights) is among the tags.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evidence.canonical import Json
from transcode.sandbox import Limits, limits_argv
from transcode.values import TooStrange, parse_tool_json

#: -G1:3:4 names location, document and copy, without which JSON would drop repeated tags; -n keeps
#: numbers as numbers; -struct keeps XMP's nesting; -ee follows timed metadata such as GPS tracks.
OPTIONS: tuple[str, ...] = (
    "-j",
    "-G1:3:4",
    "-a",
    "-struct",
    "-n",
    "-api",
    "LargeFileSupport=1",
    "-x",
    "System:all",
)
TIMED = "-ee"

_KEY = re.compile(r"([^:]+):(Main|Doc[0-9-]+)(?::Copy([0-9]{1,9}))?:([^:]+)")
_READER = Path(__file__).with_name("tags_reader.py")
_SHOWN_WARNINGS = 5


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag, and the parts of the key it is kept under.

    `group` is where it stands in the file ("ExifIFD", "Track4"); `document` () for the file itself, else
    the numbers of the sample or embedded file; `copy` tells tags of one name in one document apart.
    """

    key: str
    group: str
    document: tuple[int, ...]
    copy: int | None
    name: str
    value: Json

    @property
    def order(self) -> tuple[tuple[int, ...], float]:
        """Ascending as in the file: exiftool numbers the copies, and gives the last of them none."""
        return self.document, float("inf") if self.copy is None else self.copy


def parsed(data: Json) -> list[Tag]:
    """The tags kept in `data`, in the file's order, whatever the order of its members is.

    A key that `OPTIONS` does not make is passed over.
    """
    found = []
    for key, value in data.items() if isinstance(data, Mapping) else ():
        if (match := _KEY.fullmatch(key)) is None:
            continue
        group, document, copy, name = match.groups()
        numbers = tuple(int(part) for part in document[3:].split("-") if part) if document != "Main" else ()
        found.append(Tag(key, group, numbers, int(copy) if copy else None, name, value))
    return sorted(found, key=lambda tag: (tag.order, tag.key))


def exiftool_launch(prefix: Sequence[str], program: str) -> list[str]:
    """The argv that starts exiftool in its cage, with no configuration file of anybody's."""
    return [*prefix, program, "-config", ""]


def reader_argv(launch: Sequence[str], path: str, limits: Limits, *, timed: bool) -> list[str]:
    """The argv of the child process that asks exiftool about `path`."""
    options = [*OPTIONS, *([TIMED] if timed else [])]
    request = json.dumps({"launch": [*launch], "options": options, "path": path})
    return [*limits_argv(limits), sys.executable, "-I", str(_READER), request]


def tags_from(answer: bytes) -> tuple[str, dict[str, Json], list[str]]:
    """exiftool's version, its tags, and its own warnings as sentences.

    Raises TooStrange if the answer is not one JSON object in a list.
    """
    parsed = parse_tool_json(answer)
    if not isinstance(parsed, list) or len(parsed) != 1 or not isinstance(parsed[0], Mapping):
        raise TooStrange("not one object in a list")
    tags = dict(parsed[0])
    tags.pop("SourceFile", None)
    version = next((str(tags[key]) for key in tags if key.endswith(":ExifToolVersion")), "unknown")
    complaints = [
        f"Metadata: {value}"
        for key, value in tags.items()
        if key.rpartition(":")[2] in ("Warning", "Error") and isinstance(value, str)
    ]
    return version, tags, complaints[:_SHOWN_WARNINGS]
