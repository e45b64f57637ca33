"""What a file is, judged by its first bytes and never by its name.

The one list of signatures: `transcode` adds which demuxer or decoder each may be given to, and refuses
everything that is not named here (playlists, scripts, session descriptions), whatever a file is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

#: How many leading bytes `judge` wants; with fewer it judges as well as it can.
HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds: `kind` is "video", "audio", "photo", "document" or "unknown".

    `form` names the format by content ("mov", "jpeg", "heif", "ofd"…), "" where nothing is recognised. A
    container that is called video may turn out to hold sound only.
    """

    kind: str
    media_type: str
    form: str = ""


_UNKNOWN = Content("unknown", "application/octet-stream")
_MP3 = Content("audio", "audio/mpeg", "mp3")
_AAC = Content("audio", "audio/aac", "aac")
_FLAC = Content("audio", "audio/flac", "flac")
_TIFF = Content("photo", "image/tiff", "tiff")
_GIF = Content("photo", "image/gif", "gif")
_DHAV = Content("video", "video/x-dhav", "dhav")
_DSS = Content("audio", "audio/x-dss", "dss")
_AIFF = Content("audio", "audio/aiff", "aiff")
_WAVE = Content("audio", "audio/wav", "wav")

_PREFIXES: tuple[tuple[bytes, Content], ...] = (
    (b"\x1aE\xdf\xa3", Content("video", "video/x-matroska", "matroska")),
    (b"#!AMR", Content("audio", "audio/amr", "amr")),
    (b"fLaC", _FLAC),
    (b"OggS", Content("audio", "audio/ogg", "ogg")),
    (b"FLV\x01", Content("video", "video/x-flv", "flv")),
    (b"caff", Content("audio", "audio/x-caf", "caf")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Content("video", "video/x-ms-asf", "asf")),
    (b"\x00\x00\x01\xba", Content("video", "video/mpeg", "mpeg")),
    (b"DHAV", _DHAV),
    (b"DAHUA", _DHAV),
    (b"\x02dss", _DSS),
    (b"\x03dss", _DSS),
    (b"riff\x2e\x91\xcf\x11", Content("audio", "audio/x-w64", "w64")),
    (b"\xff\xd8\xff", Content("photo", "image/jpeg", "jpeg")),
    (b"\x89PNG\r\n\x1a\n", Content("photo", "image/png", "png")),
    (b"GIF87a", _GIF),
    (b"GIF89a", _GIF),
    (b"II*\x00", _TIFF),
    (b"MM\x00*", _TIFF),
    (b"%PDF-", Content("document", "application/pdf", "pdf")),
)

_IFF_FORMS: dict[tuple[bytes, bytes], Content] = {
    (b"RIFF", b"AVI "): Content("video", "video/x-msvideo", "avi"),
    (b"RIFF", b"WAVE"): _WAVE,
    (b"RF64", b"WAVE"): _WAVE,
    (b"RIFF", b"WEBP"): Content("photo", "image/webp", "webp"),
    (b"FORM", b"AIFF"): _AIFF,
    (b"FORM", b"AIFC"): _AIFF,
}

_HEIC = Content("photo", "image/heic", "heif")
_HEIF = Content("photo", "image/heif", "heif")
_AVIF = Content("photo", "image/avif", "avif")
_STILL_BRANDS: dict[bytes, Content] = {
    b"avif": _AVIF,
    b"avis": _AVIF,
    b"heic": _HEIC,
    b"heix": _HEIC,
    b"heim": _HEIC,
    b"heis": _HEIC,
    b"hevc": _HEIC,
    b"hevx": _HEIC,
    b"mif1": _HEIF,
    b"msf1": _HEIF,
}
#: Brands that say how a picture is stored, and not by which codec.
_STRUCTURAL = frozenset({b"mif1", b"msf1"})
_FILM = Content("video", "video/mp4", "mov")
_FILM_BRANDS: dict[bytes, Content] = {
    b"qt  ": Content("video", "video/quicktime", "mov"),
    b"3gp4": Content("video", "video/3gpp", "mov"),
    b"3gp5": Content("video", "video/3gpp", "mov"),
    b"M4A ": Content("audio", "audio/mp4", "mov"),
    b"isom": _FILM,
    b"iso2": _FILM,
    b"mp41": _FILM,
    b"mp42": _FILM,
    b"avc1": _FILM,
}
_3GPP = Content("video", "video/3gpp", "mov")
_MP4_BOXES = frozenset({b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx"})

_TS = Content("video", "video/mp2t", "mpegts")
_GSM = Content("audio", "audio/x-gsm", "gsm")
_BMP = Content("photo", "image/bmp", "bmp")

_ZIP_ENTRY = b"PK\x03\x04"
_OFD = Content("document", "application/ofd", "ofd")
_ENTRIES_LOOKED_AT = 64

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


def _bare_audio(head: bytes, at: int) -> Content:
    """MP3 or ADTS without a container: two frames in a row are asked for, one may be chance."""
    for frame, content in ((_adts_frame, _AAC), (_mp3_frame, _MP3)):
        length = frame(head, at)
        if length and frame(head, at + length):
            return content
    return _UNKNOWN


def _after_id3(head: bytes) -> Content:
    length = 0
    for digit in head[6:10]:
        length = length << 7 | digit & 0x7F
    at = 10 + length
    if head[at : at + 4] == b"fLaC":
        return _FLAC
    if at + 4 > len(head):
        # A cover picture hides the first frame; in the field only MP3 has one before it.
        return _MP3
    return _bare_audio(head, at)


def _ftyp(head: bytes) -> Content:
    end = min(int.from_bytes(head[:4], "big"), 256)
    major, brands = head[8:12], [head[8:12], *(head[at : at + 4] for at in range(16, end, 4))]
    if major in _STRUCTURAL and b"avif" in brands:
        return _AVIF
    if major in _STILL_BRANDS:
        return _STILL_BRANDS[major]
    if not any(brand in _FILM_BRANDS for brand in brands):
        for brand in brands:
            if brand in _STILL_BRANDS:
                return _STILL_BRANDS[brand]
    return _3GPP if major.startswith(b"3gp") else _FILM_BRANDS.get(major, _FILM)


def _zip_entries(head: bytes) -> Iterator[bytes]:
    """The names of a ZIP's first entries, as far as the head reaches."""
    at = 0
    for _ in range(_ENTRIES_LOOKED_AT):
        if head[at : at + 4] != _ZIP_ENTRY or at + 30 > len(head):
            return
        packed, name = int.from_bytes(head[at + 18 : at + 22], "little"), head[at + 26 : at + 28]
        start = at + 30
        end = start + int.from_bytes(name, "little")
        yield head[start:end]
        after = end + int.from_bytes(head[at + 28 : at + 30], "little")
        # A ZIP that was written as a stream names its lengths behind the bytes: look for the next entry.
        at = after + packed if packed else head.find(_ZIP_ENTRY, after)
        if at < 0:
            return


def _repeats(head: bytes, offset: int, step: int, value: int, mask: int, times: int) -> bool:
    places = range(offset, offset + step * times, step)
    return places[-1] < len(head) and all(head[place] & mask == value for place in places)


def _is_ts(head: bytes, offset: int, step: int) -> bool:
    """Five packets in a row, or all three or four of a shorter head."""
    packets = min(5, (len(head) - offset + step - 1) // step)
    return packets >= 3 and _repeats(head, offset, step, 0x47, 0xFF, packets)


def judge(head: bytes) -> Content:
    """The content whose first bytes are `head`; "unknown" where nothing is recognised.

    An OFD document is known by its OFD.xml, which has to stand among the entries within the head.
    """
    for prefix, content in _PREFIXES:
        if head.startswith(prefix):
            return content
    if (iff := _IFF_FORMS.get((head[:4], head[8:12]))) is not None:
        return iff
    if head[4:8] == b"ftyp":
        return _ftyp(head)
    if head[4:8] in _MP4_BOXES:
        return _FILM
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return _BMP
    if head.startswith(b"ID3"):
        return _after_id3(head)
    if head.startswith(_ZIP_ENTRY):
        return _OFD if b"OFD.xml" in _zip_entries(head) else _UNKNOWN
    if _is_ts(head, 0, 188) or _is_ts(head, 4, 192):
        return _TS
    if _repeats(head, 0, 33, 0xD0, 0xF0, 12):
        return _GSM
    return _bare_audio(head, 0)
