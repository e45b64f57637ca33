"""What may be done with a file, by what its first bytes are.

Pure. `evidence.content` knows the signatures; this adds the demuxer that ffmpeg is made to use. Only formats
named here are ever given to ffmpeg: everything else (playlists, scripts, session descriptions, raw streams
found by guesswork) is refused by the whitelist, whatever the file is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from evidence.content import HEAD_BYTES, judge

__all__ = ["FORMAT_WHITELIST", "HEAD_BYTES", "Container", "Kind", "sniff"]

Kind: TypeAlias = Literal["recording", "picture", "document"]

#: ffmpeg 5.1's demuxer names; none of them opens a second file.
RECORDING_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,dhav,"
    "wav,w64,mp3,aac,amr,flac,ogg,gsm,caf,aiff,dss"
)
PICTURE_FORMATS = "jpeg_pipe,png_pipe,gif,webp_pipe,bmp_pipe,tiff_pipe"
FORMAT_WHITELIST = f"{RECORDING_FORMATS},{PICTURE_FORMATS}"

_KINDS: Mapping[str, Kind] = {
    "video": "recording",
    "audio": "recording",
    "photo": "picture",
    "document": "document",
}
#: Where ffmpeg's name is not ours; None where ffmpeg 5.1 has no demuxer.
_DEMUXERS: Mapping[str, str | None] = {
    "jpeg": "jpeg_pipe",
    "png": "png_pipe",
    "webp": "webp_pipe",
    "bmp": "bmp_pipe",
    "tiff": "tiff_pipe",
    "heif": None,
    "avif": None,
    "pdf": None,
    "ofd": None,
}


@dataclass(frozen=True, slots=True)
class Container:
    """A format known by content. `demuxer` is None where ffmpeg 5.1 has none for it."""

    name: str
    demuxer: str | None
    kind: Kind


def sniff(head: bytes) -> Container | None:
    """What the file that begins with `head` is; None if it begins like nothing known."""
    content = judge(head)
    if not content.form:
        return None
    return Container(content.form, _DEMUXERS.get(content.form, content.form), _KINDS[content.kind])
