"""The one list of signatures."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.content import judge


def _zip(*names: str, streamed: bool = False, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name in names:
            archive.writestr(name, f"<{name}/>" * 50)
    made = target.getvalue()
    if streamed:
        # As a writer leaves it that cannot go back: no lengths before the bytes.
        at = 0
        while (at := made.find(b"PK\x03\x04", at)) >= 0:
            made = made[: at + 18] + bytes(8) + made[at + 26 :]
            at += 1
    return made


@pytest.mark.parametrize(
    ("head", "kind", "media_type", "form"),
    [
        (_zip("OFD.xml", "Doc_0/Document.xml"), "document", "application/ofd", "ofd"),
        (_zip("Doc_0/Document.xml", "OFD.xml"), "document", "application/ofd", "ofd"),
        (_zip("Doc_0/Document.xml", "OFD.xml", streamed=True), "document", "application/ofd", "ofd"),
        (b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0", "photo", "image/bmp", "bmp"),
        (b"\0\0\0\x18ftypheix\0\0\0\0mif1heix", "photo", "image/heic", "heif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "photo", "image/heif", "heif"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "photo", "image/avif", "avif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "photo", "image/avif", "avif"),
        (b"\0\0\0\x18ftyp    \0\0\0\0    heic", "photo", "image/heic", "heif"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0heicisom", "video", "video/mp4", "mov"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42", "audio", "audio/mp4", "mov"),
        (b"\0\0\0\x18ftyp3gp6\0\0\0\0isom3gp6", "video", "video/3gpp", "mov"),
        (b"\0\0\0\x18ftypXXXX\0\0\0\0XXXXYYYY", "video", "video/mp4", "mov"),
        (b"DHAV", "video", "video/x-dhav", "dhav"),
        (b"FLV\x01", "video", "video/x-flv", "flv"),
    ],
)
def test_a_form(head: bytes, kind: str, media_type: str, form: str) -> None:
    found = judge(head)
    assert (found.kind, found.media_type, found.form) == (kind, media_type, form)


@pytest.mark.parametrize(
    "head",
    [
        _zip("word/document.xml", "[Content_Types].xml"),
        _zip("x/OFD.xml", "OFD.xml.bak"),
        _zip("inner.zip", method=zipfile.ZIP_STORED) + b"OFD.xml",
        b"PK\x03\x04",
        b"BM is how a text may begin",
        b"GIF8 is not enough",
        (b"G" + bytes(187)) * 2,
    ],
)
def test_what_is_not_known(head: bytes) -> None:
    assert judge(head).kind == "unknown"


def test_a_document_inside_an_archive_is_an_archive() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("inner.ofd", _zip("OFD.xml"))
    assert judge(target.getvalue()).kind == "unknown"


@given(st.binary(max_size=300))
def test_no_archive_is_too_strange(data: bytes) -> None:
    judge(b"PK\x03\x04" + data)
    judge(b"\0\0\0\x40ftyp" + data)
