"""The HLS media playlist (RFC 8216) over byte ranges of one fragmented MP4. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evidence.canonical import Json


def media_playlist(layout: Mapping[str, Json], uri: str) -> str:
    """The playlist of a "playable" rendition's layout; `uri` is where its bytes are served."""
    known: Any = layout
    segments = known["segments"]
    longest = max((segment["duration_us"] for segment in segments), default=0)
    start, end = known["init"]
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, -(-longest // 1_000_000))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f'#EXT-X-MAP:URI="{uri}",BYTERANGE="{end - start}@{start}"',
    ]
    for segment in segments:
        microseconds = segment["duration_us"]
        lines += [
            f"#EXTINF:{microseconds // 1_000_000}.{microseconds % 1_000_000:06d},",
            f"#EXT-X-BYTERANGE:{segment['end'] - segment['start']}@{segment['start']}",
            uri,
        ]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])
