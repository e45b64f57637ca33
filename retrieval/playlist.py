"""HLS playlists (RFC 8216) over byte ranges of fragmented MP4. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from evidence.canonical import Json

#: Where bytes are served, and the layout of the rendition that they are.
Served: TypeAlias = tuple[str, Mapping[str, Json]]

#: A playlist's longest segment must not change while it grows; this is longer than one is made.
_GROWING_TARGET_S = 6


def media_playlist(layout: Mapping[str, Json], uri: str) -> str:
    """The playlist of a "playable" rendition's layout; `uri` is where its bytes are served."""
    return _playlist([(uri, layout)], "VOD", ended=True)


def growing_playlist(stretches: Sequence[Served], *, until_us: int | None) -> str:
    """The playlist of what is made by now, one stretch after the other, to be asked for again.

    Nothing that begins at `until_us` or later is listed; None: all is there, and nobody need ask again.
    """
    return _playlist(stretches, "EVENT", ended=until_us is None, until_us=until_us, least_s=_GROWING_TARGET_S)


def recording_playlist(segments: Sequence[Served]) -> str:
    """The playlist of a recording's segments, one after the other; each has a time of its own."""
    return _playlist(segments, "VOD", ended=True, apart=True)


def growing_master(first: Mapping[str, Json], *, sound: bool) -> str:
    """The playlist that says where picture and sound are, of a recording whose first part is `first`."""
    known: Any = first
    rates = [
        (segment["end"] - segment["start"]) * 8_000_000 // segment["duration_us"]
        for segment in known["segments"]
        if segment["duration_us"]
    ]
    heard = ',AUDIO="sound"' if sound else ""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-START:TIME-OFFSET=0"]
    if sound:
        lines.append(
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="sound",DEFAULT=YES,AUTOSELECT=YES,URI="sound.m3u8"'
        )
    lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={max(rates, default=1)}{heard}", "picture.m3u8", ""]
    return "\n".join(lines)


def _playlist(
    stretches: Sequence[Served],
    kind: str,
    *,
    ended: bool,
    until_us: int | None = None,
    least_s: int = 1,
    apart: bool = False,
) -> str:
    longest = 0
    at_us = 0
    body: list[str] = []
    for uri, layout in stretches:
        known: Any = layout
        start, end = known["init"]
        if apart and body:
            body.append("#EXT-X-DISCONTINUITY")
        body.append(f'#EXT-X-MAP:URI="{uri}",BYTERANGE="{end - start}@{start}"')
        for segment in known["segments"]:
            if until_us is not None and at_us >= until_us:
                break
            microseconds = segment["duration_us"]
            longest = max(longest, microseconds)
            at_us += microseconds
            body += [
                f"#EXTINF:{microseconds // 1_000_000}.{microseconds % 1_000_000:06d},",
                f"#EXT-X-BYTERANGE:{segment['end'] - segment['start']}@{segment['start']}",
                uri,
            ]
    head = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(least_s, -(-longest // 1_000_000))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{kind}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    return "\n".join([*head, *body, *(["#EXT-X-ENDLIST"] if ended else []), ""])
