"""What a file is, by its first bytes.

Pure. Only formats named here are ever given to ffmpeg: everything else (playlists, scripts, session
descriptions, raw streams found by guesswork) is refused by the whitelist, whatever the file is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["recording", "picture", "document"]

#: How much of a file `sniff` wants to see.
HEAD_BYTES = 64 * 1024

#: ffmpeg 5.1's demuxer names; none of them opens a second file.
RECORDING_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,dhav,"
    "wav,w64,mp3,aac,amr,flac,ogg,gsm,caf,aiff,dss"
)
PICTURE_FORMATS = "jpeg_pipe,png_pipe,gif,webp_pipe,bmp_pipe,tiff_pipe"
FORMAT_WHITELIST = f"{RECORDING_FORMATS},{PICTURE_FORMATS}"


@dataclass(frozen=True, slots=True)
class Container:
    """A format known by content. `demuxer` is None where ffmpeg 5.1 has none for it."""

    name: str
    demuxer: str | None
    kind: Kind


def _recording(demuxer: str) -> Container:
    return Container(demuxer, demuxer, "recording")


def _picture(name: str, demuxer: str | None) -> Container:
    return Container(name, demuxer, "picture")


_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis"})
_FILM_BRANDS = frozenset({b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"qt  ", b"3gp4", b"3gp5"})
_MP4_BOXES = frozenset({b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx"})

_PREFIXES: tuple[tuple[bytes, Container], ...] = (
    (b"\x1aE\xdf\xa3", _recording("matroska")),
    (b"#!AMR", _recording("amr")),
    (b"fLaC", _recording("flac")),
    (b"OggS", _recording("ogg")),
    (b"FLV\x01", _recording("flv")),
    (b"caff", _recording("caf")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _recording("asf")),
    (b"\x00\x00\x01\xba", _recording("mpeg")),
    (b"DHAV", _recording("dhav")),
    (b"DAHUA", _recording("dhav")),
    (b"\x02dss", _recording("dss")),
    (b"\x03dss", _recording("dss")),
    (b"riff\x2e\x91\xcf\x11", _recording("w64")),
    (b"\xff\xd8\xff", _picture("jpeg", "jpeg_pipe")),
    (b"\x89PNG\r\n\x1a\n", _picture("png", "png_pipe")),
    (b"GIF87a", _picture("gif", "gif")),
    (b"GIF89a", _picture("gif", "gif")),
    (b"II*\x00", _picture("tiff", "tiff_pipe")),
    (b"MM\x00*", _picture("tiff", "tiff_pipe")),
    (b"%PDF-", Container("pdf", None, "document")),
)

_IFF_KINDS: dict[tuple[bytes, bytes], Container] = {
    (b"RIFF", b"AVI "): _recording("avi"),
    (b"RIFF", b"WAVE"): _recording("wav"),
    (b"RF64", b"WAVE"): _recording("wav"),
    (b"RIFF", b"WEBP"): _picture("webp", "webp_pipe"),
    (b"FORM", b"AIFF"): _recording("aiff"),
    (b"FORM", b"AIFC"): _recording("aiff"),
}

# kbit/s by (MPEG-1?, layer); index 0 is "free", 15 is forbidden.
_MP3_RATES = {
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_SAMPLING = (44100, 48000, 32000)


def _mp3_frame(head: bytes, at: int) -> int | None:
    """Length of the MPEG audio (layer 2 or 3) frame at `at`, or None if none begins there."""
    if at + 4 > len(head) or head[at] != 0xFF or head[at + 1] & 0xE0 != 0xE0:
        return None
    version, layer = head[at + 1] >> 3 & 3, 4 - (head[at + 1] >> 1 & 3)
    rate, sampling = head[at + 2] >> 4, head[at + 2] >> 2 & 3
    if version == 1 or layer not in (2, 3) or rate in (0, 15) or sampling == 3:
        return None
    mpeg1 = version == 3
    hertz = _MP3_SAMPLING[sampling] >> (0 if mpeg1 else 1 if version == 2 else 2)
    factor = 72 if layer == 3 and not mpeg1 else 144
    return factor * _MP3_RATES[mpeg1, layer][rate] * 1000 // hertz + (head[at + 2] >> 1 & 1)


def _adts_frame(head: bytes, at: int) -> int | None:
    """Length of the ADTS frame at `at`, or None if none begins there."""
    if at + 6 > len(head) or head[at] != 0xFF or head[at + 1] & 0xF6 != 0xF0:
        return None
    length = (head[at + 3] & 3) << 11 | head[at + 4] << 3 | head[at + 5] >> 5
    return length if length > 7 else None


def _bare_audio(head: bytes, at: int) -> Container | None:
    """MP3 or ADTS without a container: two frames in a row are asked for, one may be chance."""
    for frame, demuxer in ((_adts_frame, "aac"), (_mp3_frame, "mp3")):
        length = frame(head, at)
        if length and frame(head, at + length):
            return _recording(demuxer)
    return None


def _after_id3(head: bytes) -> Container | None:
    length = 0
    for digit in head[6:10]:
        length = length << 7 | digit & 0x7F
    at = 10 + length
    if head[at : at + 4] == b"fLaC":
        return _recording("flac")
    if at + 4 > len(head):
        # A cover picture hides the first frame; in the field only MP3 has one before it.
        return _recording("mp3")
    return _bare_audio(head, at)


def _ftyp(head: bytes) -> Container:
    end = min(int.from_bytes(head[:4], "big"), 256)
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}
    still = head[8:12] in _HEIF_BRANDS or (brands & _HEIF_BRANDS and not brands & _FILM_BRANDS)
    return _picture("heif", None) if still else _recording("mov")


def _repeats(head: bytes, offset: int, step: int, value: int, mask: int, times: int) -> bool:
    places = range(offset, offset + step * times, step)
    return places[-1] < len(head) and all(head[place] & mask == value for place in places)


def sniff(head: bytes) -> Container | None:
    """What the file that begins with `head` is; None if it begins like nothing known."""
    for prefix, container in _PREFIXES:
        if head.startswith(prefix):
            return container
    if (iff := _IFF_KINDS.get((head[:4], head[8:12]))) is not None:
        return iff
    if head[4:8] == b"ftyp":
        return _ftyp(head)
    if head[4:8] in _MP4_BOXES:
        return _recording("mov")
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return _picture("bmp", "bmp_pipe")
    if head.startswith(b"ID3"):
        return _after_id3(head)
    if _repeats(head, 0, 188, 0x47, 0xFF, 5) or _repeats(head, 4, 192, 0x47, 0xFF, 5):
        return _recording("mpegts")
    if _repeats(head, 0, 33, 0xD0, 0xF0, 12):
        return _recording("gsm")
    return _bare_audio(head, 0)
