"""What a file is, by its first bytes alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcode.containers import FORMAT_WHITELIST, sniff

_MP3 = b"\xff\xfb\x90\x00" + bytes(413)
_ADTS = b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(9)


@pytest.mark.parametrize(
    ("head", "demuxer", "kind"),
    [
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "mov", "recording"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "mov", "recording"),
        (b"\0\0\0\x08wide", "mov", "recording"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", None, "picture"),
        (b"\0\0\0\x18ftyp    \0\0\0\0    heic", None, "picture"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0heicisom", "mov", "recording"),
        (b"\x1aE\xdf\xa3rest", "matroska", "recording"),
        ((b"\x47" + bytes(187)) * 6, "mpegts", "recording"),
        ((bytes(4) + b"\x47" + bytes(187)) * 6, "mpegts", "recording"),
        (b"RIFF\0\0\0\0AVI LIST", "avi", "recording"),
        (b"RIFF\0\0\0\0WAVEfmt ", "wav", "recording"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "webp_pipe", "picture"),
        (b"#!AMR\n", "amr", "recording"),
        (b"fLaC", "flac", "recording"),
        (b"OggS", "ogg", "recording"),
        (b"ID3\x04\0\0\0\0\0\x02xx" + _MP3 * 2, "mp3", "recording"),
        (b"ID3\x04\0\0\0\0\0\x00" + _ADTS * 2, "aac", "recording"),
        (b"ID3\x04\0\0\0\x7f\x7f\x7f", "mp3", "recording"),
        (_MP3 * 2, "mp3", "recording"),
        (_ADTS * 2, "aac", "recording"),
        ((b"\xd5" + bytes(32)) * 12, "gsm", "recording"),
        (b"\xff\xd8\xff\xe0", "jpeg_pipe", "picture"),
        (b"BM\0\0\0\0\0\0\0\0", "bmp_pipe", "picture"),
        (b"%PDF-1.7", None, "document"),
        (b"DHAV", "dhav", "recording"),
    ],
)
def test_known_beginnings(head: bytes, demuxer: str | None, kind: str) -> None:
    found = sniff(head)
    assert found is not None
    assert (found.demuxer, found.kind) == (demuxer, kind)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"#EXTM3U\n#EXTINF:1,\nfile:/etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
        b"<?xml version='1.0'?><MPD>",
        bytes(4096),
        b"\x47" + bytes(600),
        b"\xff\xfb\x90\x00 only one frame",
    ],
)
def test_scripts_and_chance_are_nothing_known(head: bytes) -> None:
    assert sniff(head) is None


@given(st.binary(max_size=2000))
def test_every_forced_demuxer_is_whitelisted(head: bytes) -> None:
    found = sniff(head)
    if found is not None and found.demuxer is not None:
        assert found.demuxer in FORMAT_WHITELIST.split(",")


def test_nothing_that_opens_other_files_is_whitelisted() -> None:
    opening = {"hls", "concat", "dash", "sdp", "rtsp", "rtp", "image2", "lavfi", "imf", "webm_dash_manifest"}
    assert not opening & set(FORMAT_WHITELIST.split(","))
