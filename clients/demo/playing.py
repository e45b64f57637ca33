"""Checks that a recording can be seen: by HLS as a player does it, and the original by byte ranges."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clients.demo.caller import Caller
from clients.demo.console import Checks
from clients.demo.errors import DemoError
from clients.demo.programs import run
from clients.demo.watching import Way

PLAYING = "案件核查 (review)"
PLAYING_AGAIN = "复核 (second look)"
READING_ONE = "原始文件核对 (one range)"
READING_SEVERAL = "原始文件核对 (three ranges)"
_FEWEST = 3
_RANGE = re.compile(r"(\d+)@(\d+)")
_CONTENT_RANGE = re.compile(rb"Content-Range: bytes (\d+)-(\d+)/(\d+)\r\n", re.IGNORECASE)


@dataclass(slots=True)
class Reading:
    """Bytes that a person was given, as they saw it: what the history must show."""

    item: str
    purpose: str
    ranges: list[tuple[int, int]] = field(default_factory=list)
    first_at: datetime | None = None

    def got(self, start: int, end: int) -> None:
        """Bytes [start, end) have arrived."""
        self.first_at = self.first_at or datetime.now(UTC)
        self.ranges.append((start, end))


@dataclass(frozen=True, slots=True)
class Playlist:
    """What a player needs of an HLS playlist: ranges of one file, and how long they play."""

    uri: str
    ranges: list[tuple[int, int]]
    seconds: float


def parse_playlist(text: str) -> Playlist:
    """The ranges of a media playlist, the initialisation first; raises DemoError for another form."""
    lines = text.splitlines()
    uri, ranges, seconds = "", [], 0.0
    if not lines or lines[0] != "#EXTM3U" or lines[-1] != "#EXT-X-ENDLIST":
        raise DemoError("The playlist is not a complete HLS playlist.")
    for line in lines:
        if line.startswith("#EXTINF:"):
            seconds += float(line.removeprefix("#EXTINF:").partition(",")[0])
        if line.startswith(("#EXT-X-MAP:", "#EXT-X-BYTERANGE:")):
            found = _RANGE.search(line)
            if found is None:
                raise DemoError("The playlist has a range without a place.")
            length, start = map(int, found.groups())
            ranges.append((start, start + length))
        elif line and not line.startswith("#"):
            uri = line
    return Playlist(uri, ranges, seconds)


async def play(checks: Checks, reviewer: Caller, way: Way, item: dict[str, Any], played: Path) -> Reading:
    """Fetch the recording as a player does, into the file `played`, and decode all of it."""
    name = way.recording.name
    reading = Reading(item["id"], PLAYING)
    started = time.monotonic()
    base = f"/items/{item['id']}/"
    headers = {"X-Purpose": PLAYING}
    answer = await reviewer.ask("GET", base + "playlist.m3u8", headers=headers)
    if not checks.expect(answer.status == 200, f"{name} has an HLS playlist", f"status {answer.status}"):
        return reading
    playlist = parse_playlist(answer.body.decode())
    wrong = []
    with played.open("wb") as file:
        for start, end in playlist.ranges:
            part = await reviewer.ask(
                "GET", base + playlist.uri, headers={**headers, "Range": f"bytes={start}-{end - 1}"}
            )
            if part.status != 206 or len(part.body) != end - start:
                wrong.append(f"{start}-{end - 1}: status {part.status}, {len(part.body)} bytes")
                continue
            reading.got(start, end)
            file.write(part.body)
    size = sum(end - start for start, end in reading.ranges)
    took = time.monotonic() - started
    checks.expect(
        not wrong,
        f"{name}: {len(playlist.ranges)} ranges of {size / 1e6:.1f} MB came in {took:.1f} s",
        "; ".join(wrong[:3]),
    )
    await _check_decodes(checks, name, item, playlist, played)
    # Another purpose is another viewing; it ends the first, which its events then show.
    await reviewer.ask("GET", base + "playlist.m3u8", headers={"X-Purpose": PLAYING_AGAIN})
    return reading


async def _check_decodes(
    checks: Checks, name: str, item: dict[str, Any], playlist: Playlist, played: Path
) -> None:
    probed = await run(
        ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(played)]
    )
    decoded = await run(
        ["ffmpeg", "-v", "error", "-xerror", "-nostdin", "-i", str(played), "-f", "null", "-"]
    )
    checks.expect(
        decoded.status == 0 and not decoded.errors.strip(),
        f"{name}: what was played decodes without an error",
        decoded.errors.strip()[-300:],
    )
    try:
        seconds = float(probed.output.strip())
    except ValueError:
        seconds = 0.0
    wanted = (item["duration_ms"] or 0) / 1000
    tolerance = max(0.5, wanted / 100)
    checks.expect(
        abs(seconds - wanted) <= tolerance and abs(playlist.seconds - wanted) <= tolerance,
        f"{name}: it plays for {seconds:.1f} s, as long as the original",
        f"original {wanted:.2f} s, playlist {playlist.seconds:.2f} s",
    )


async def read_original(checks: Checks, reviewer: Caller, way: Way, item: dict[str, Any]) -> list[Reading]:
    """Read parts of the original by one range and by several, and compare them with the file."""
    name, size = way.recording.name, way.size
    path = f"/items/{item['id']}/original"
    head = await reviewer.ask("HEAD", path)
    etag = f'"sha256-{way.sha256}"'
    checks.expect(
        (head.status, head.headers.get("ETag"), head.headers.get("Content-Length")) == (200, etag, str(size)),
        f"{name}: HEAD names size and digest of the original",
        f"status {head.status}, ETag {head.headers.get('ETag')}",
    )
    if size < _FEWEST:
        return []
    middle = (size // 3, min(size // 3 + 256 * 1024, size))
    single = Reading(item["id"], READING_ONE)
    headers = {"X-Purpose": READING_ONE, "If-Range": etag, "Range": f"bytes={middle[0]}-{middle[1] - 1}"}
    answer = await reviewer.ask("GET", path, headers=headers)
    if answer.status == 206:
        single.got(*middle)
    checks.expect(
        answer.status == 206
        and answer.headers.get("Content-Range") == f"bytes {middle[0]}-{middle[1] - 1}/{size}"
        and answer.body == _bytes_of(way.recording.path, *middle),
        f"{name}: one range of the original is byte for byte the file's",
        f"status {answer.status}, {len(answer.body)} bytes",
    )
    third = size // 3
    wanted = [(start, start + min(third, 4096)) for start in (0, third, 2 * third)]
    several = Reading(item["id"], READING_SEVERAL)
    headers["X-Purpose"] = READING_SEVERAL
    headers["Range"] = "bytes=" + ", ".join(f"{start}-{end - 1}" for start, end in wanted)
    answer = await reviewer.ask("GET", path, headers=headers)
    parts = parse_parts(answer.body)
    for start, content in parts:
        several.got(start, start + len(content))
    checks.expect(
        answer.status == 206
        and [(start, start + len(content)) for start, content in parts] == wanted
        and all(
            content == _bytes_of(way.recording.path, start, start + len(content)) for start, content in parts
        ),
        f"{name}: three ranges in one answer are byte for byte the file's",
        f"status {answer.status}, {len(parts)} parts",
    )
    beyond = await reviewer.ask("GET", path, headers={"Range": f"bytes={size}-"})
    checks.expect(
        beyond.status == 416, f"{name}: a range beyond its end is refused", f"status {beyond.status}"
    )
    return [each for each in (single, several) if each.ranges]


def parse_parts(body: bytes) -> list[tuple[int, bytes]]:
    """The parts of a multipart/byteranges body: where each starts, and its bytes."""
    parts, at = [], 0
    while (found := _CONTENT_RANGE.search(body, at)) is not None:
        start, last = int(found[1]), int(found[2])
        content = body.index(b"\r\n\r\n", found.end() - 2) + 4
        at = content + last + 1 - start
        parts.append((start, body[content:at]))
    return parts


def _bytes_of(path: Path, start: int, end: int) -> bytes:
    with path.open("rb") as stream:
        stream.seek(start)
        return stream.read(end - start)
