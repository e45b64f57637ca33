"""What can be read out of the tools' answers and the file's name without judging it.

Pure, and reproducible from a stored description: the order of the answers' members plays no part. Every
list is bounded, and says how much it leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evidence.canonical import Json
from transcode import clocks, devices, positions
from transcode.disagreement import disagreements
from transcode.filenames import read_name
from transcode.tags import Tag, parsed

_MOST_SOURCES = 16


@dataclass(frozen=True, slots=True)
class Facts:
    """`data` as `Description.facts`, and the sentences to show beside the item."""

    data: Mapping[str, Json]
    warnings: tuple[str, ...]


def read_facts(probe_data: Json, tag_data: Json, filename: str, duration_ms: int | None) -> Facts:
    """The facts in ffprobe's and exiftool's answers (None where a tool failed) and in the file's name.

    {"clocks": [statements with "tags", "is_utc", "at"], "device": {"make" | "model" | "serial" |
    "firmware": [{"source", "value", "tag"}]}, "positions": [GeoJSON Features with text for numbers, see
    `transcode.positions`], "file_name": {"template", "basis", "statements"} or None, "left_out":
    {list: number}}. Of a clock that many samples repeat, the first and the last stand among the clocks.
    """
    tags = parsed(tag_data)
    name = read_name(filename)
    told = clocks.in_tags(tags)
    told = [*told, *clocks.in_probe(probe_data, dates=not told), *(name.clocks if name else ())]
    features = positions.in_tags(tags) or positions.in_probe(probe_data)
    device = devices.in_tags(tags) or devices.in_probe(probe_data)
    left_out: dict[str, Json] = {}
    data: dict[str, Json] = {
        "clocks": _bounded("clocks", [clock.as_json() for clock in told], clocks.MOST, left_out),
        "device": {what: _bounded(what, said, _MOST_SOURCES, left_out) for what, said in device.items()},
        "positions": _bounded("positions", features, _MOST_SOURCES, left_out),
        "file_name": name.as_json() if name else None,
        "left_out": left_out,
    }
    is_empty = not (told or features or device or name)
    warnings = (*_false_size(tags), *disagreements(told[: clocks.MOST], duration_ms))
    return Facts({} if is_empty else data, warnings)


def _bounded(what: str, found: Sequence[Json], most: int, left_out: dict[str, Json]) -> list[Json]:
    if len(found) > most:
        left_out[what] = len(found) - most
    return [*found[:most]]


def _false_size(tags: Sequence[Tag]) -> list[str]:
    """A picture that was cut or scaled often keeps the size that its camera once wrote."""
    sides: dict[str, int] = {
        f"{tag.group} {tag.name}": tag.value
        for tag in tags
        if not tag.document and isinstance(tag.value, int) and not isinstance(tag.value, bool)
    }
    try:
        real = sides["File ImageWidth"], sides["File ImageHeight"]
        claimed = sides["ExifIFD ExifImageWidth"], sides["ExifIFD ExifImageHeight"]
    except KeyError:
        return []
    if sorted(real) == sorted(claimed):
        return []
    return [
        f"Metadata: the camera wrote a size of {claimed[0]} x {claimed[1]} pixels, but the picture has "
        f"{real[0]} x {real[1]}; it may have been changed afterwards."
    ]
