"""What a file is, judged by its first bytes and never by its name."""

from __future__ import annotations

from dataclasses import dataclass

#: How many leading bytes `judge` wants.
HEAD_BYTES = 4096
_TS_PACKET = 188


@dataclass(frozen=True, slots=True)
class Content:
    """`kind` is "video", "audio", "photo", "document" or "unknown"; a container may turn out otherwise."""

    kind: str
    media_type: str


_UNKNOWN = Content("unknown", "application/octet-stream")

_PREFIXES: tuple[tuple[bytes, Content], ...] = (
    (b"\x1aE\xdf\xa3", Content("video", "video/x-matroska")),
    (b"\xff\xd8\xff", Content("photo", "image/jpeg")),
    (b"\x89PNG\r\n\x1a\n", Content("photo", "image/png")),
    (b"GIF8", Content("photo", "image/gif")),
    (b"II*\x00", Content("photo", "image/tiff")),
    (b"MM\x00*", Content("photo", "image/tiff")),
    (b"%PDF-", Content("document", "application/pdf")),
    (b"#!AMR", Content("audio", "audio/amr")),
    (b"fLaC", Content("audio", "audio/flac")),
    (b"OggS", Content("audio", "audio/ogg")),
    (b"ID3", Content("audio", "audio/mpeg")),
    (b"\x00\x00\x01\xba", Content("video", "video/mpeg")),
)

_ISO_BRANDS: dict[bytes, Content] = {
    b"qt  ": Content("video", "video/quicktime"),
    b"heic": Content("photo", "image/heic"),
    b"heix": Content("photo", "image/heic"),
    b"mif1": Content("photo", "image/heif"),
    b"avif": Content("photo", "image/avif"),
    b"M4A ": Content("audio", "audio/mp4"),
}

_RIFF_FORMS: dict[bytes, Content] = {
    b"AVI ": Content("video", "video/x-msvideo"),
    b"WAVE": Content("audio", "audio/wav"),
    b"WEBP": Content("photo", "image/webp"),
}


def judge(head: bytes) -> Content:
    """The content whose first bytes are `head`; "unknown" where nothing is recognised."""
    for prefix, content in _PREFIXES:
        if head.startswith(prefix):
            return content
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"moof", b"styp"):
        if head[4:8] == b"ftyp" and head[8:11] == b"3gp":
            return Content("video", "video/3gpp")
        return _ISO_BRANDS.get(head[8:12] if head[4:8] == b"ftyp" else b"", Content("video", "video/mp4"))
    if head.startswith(b"RIFF"):
        return _RIFF_FORMS.get(head[8:12], _UNKNOWN)
    if len(head) > 2 * _TS_PACKET and all(head[at] == 0x47 for at in (0, _TS_PACKET, 2 * _TS_PACKET)):
        return Content("video", "video/mp2t")
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:
        return Content("audio", "audio/mpeg")
    return _UNKNOWN
