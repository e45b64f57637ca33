"""Formats that recordings come in, and what is decided for each: the table in docs/media.md.

Pure. Streams are described as ffprobe describes them; what becomes of them is asked of `transcode.routes` and
`transcode.stages`, so that the page cannot say anything else than the code does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evidence.canonical import Json
from evidence.jobs import Stage
from evidence.ports.media import Description
from transcode.containers import Container
from transcode.routes import PLAYABLE_ROUTES, Decision, Stream, decide
from transcode.stages import stages_after


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: what people call it, its container, its streams."""

    name: str
    container: Container
    streams: Sequence[Stream]
    media_type: str = ""

    def content(self) -> str:
        """The streams by codec, profile and pixel format, as ffprobe names them."""
        return ", ".join(
            " ".join(str(stream[key]) for key in ("codec_name", "profile", "pix_fmt") if key in stream)
            for stream in self.streams
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a file of a format, in words."""

    decision: Decision
    shown: str
    previews: str


def outcome(form: Format) -> Outcome:
    """What the code does with a file of that format and without flaws."""
    data: dict[str, Json] = {"streams": [dict(stream) for stream in form.streams]}
    decision = decide(data, form.container)
    description = Description({"data": data}, {}, decision.route, decision.reason, None, ())
    return Outcome(
        decision, _shown(decision), _previews(decision, stages_after(description, form.media_type))
    )


def _shown(decision: Decision) -> str:
    if decision.route not in PLAYABLE_ROUTES:
        return "nothing"
    said = [
        f"{name} {'encoded' if encoded else 'copied'}"
        for name, index, encoded in (
            ("video", decision.video, decision.encodes_video),
            ("sound", decision.audio, decision.encodes_audio),
        )
        if index is not None
    ]
    said += [
        f"{track.kind} {track.index} to choose, {'copied' if track.copied else 'encoded'}"
        for track in decision.tracks
    ]
    left = set(decision.not_shown) - {track.index for track in decision.tracks}
    said += [f"stream {index} not shown" for index in sorted(left)]
    return "; ".join(said)


def _previews(decision: Decision, stages: Sequence[Stage]) -> str:
    if Stage.PREVIEW not in stages:
        return "by the same decode" if decision.decodes_all else "none"
    if decision.route not in PLAYABLE_ROUTES:
        return "poster, preview"
    return "of the sound" if decision.video is None else "of keyframes and sound"


def _recording(name: str, demuxer: str, *streams: Stream) -> Format:
    numbered = [{"index": index, **stream} for index, stream in enumerate(streams)]
    return Format(name, Container(demuxer, demuxer, "recording"), numbered)


def _video(codec: str, profile: str | None = None, pixels: str = "yuv420p", tag: str = "") -> Stream:
    about: dict[str, Json] = {"codec_type": "video", "codec_name": codec}
    if profile is not None:
        about["profile"] = profile
    return about | {"pix_fmt": pixels, "width": 1920, "height": 1080, "codec_tag_string": tag}


def _sound(codec: str, tag: str = "") -> Stream:
    return {"codec_type": "audio", "codec_name": codec, "codec_tag_string": tag}


def _still(name: str, form: str) -> Format:
    stream: Stream = {"index": 0, "codec_type": "video", "codec_name": form, "width": 4000, "height": 3000}
    return Format(name, Container(form, None, "picture"), [stream])


def _document(name: str, form: str) -> Format:
    return Format(name, Container(form, None, "document"), [], f"application/{form}")


_H264 = _video("h264", "High")
_AAC = _sound("aac")

FORMATS: tuple[Format, ...] = (
    _recording("MP4, body cameras and telephones", "mov", _H264, _AAC),
    _recording("MP4, without sound", "mov", _H264),
    _recording("MP4, two angles", "mov", _H264, _AAC, _H264),
    _recording(
        "MP4 with telemetry (GoPro)", "mov", _H264, _AAC, {"codec_type": "data", "codec_name": "bin_data"}
    ),
    _recording("MP4, cameras of 10 bits", "mov", _video("h264", "High 4:2:2", "yuv422p10le"), _AAC),
    _recording("MP4, HEVC", "mov", _video("hevc", "Main"), _AAC),
    _recording("MOV, HEVC with HDR (telephones)", "mov", _video("hevc", "Main 10", "yuv420p10le"), _AAC),
    _recording("MOV, uncompressed sound", "mov", _H264, _sound("pcm_s16le")),
    _recording("MP4, AV1", "mov", _video("av1", "Main"), _sound("opus")),
    _recording("3GP, older telephones", "mov", _video("h263"), _sound("amr_nb")),
    _recording("MP4, encrypted", "mov", _video("h264", "High", tag="encv"), _sound("aac", "enca")),
    _recording("MPEG-TS, H.264", "mpegts", _H264, _AAC),
    _recording("MPEG-TS, HEVC", "mpegts", _video("hevc", "Main"), _AAC),
    _recording("MPEG-PS (DVD, MPEG-2)", "mpeg", _video("mpeg2video", "Main"), _sound("mp2")),
    _recording("Dahua recorders (DHAV)", "dhav", _H264, _sound("pcm_alaw")),
    _recording("Matroska", "matroska", _H264, _sound("flac")),
    _recording("WebM", "matroska", _video("vp9", "Profile 0"), _sound("opus")),
    _recording("AVI, MPEG-4 part 2", "avi", _video("mpeg4", "Simple Profile"), _sound("mp3")),
    _recording("AVI, Motion JPEG", "avi", _video("mjpeg", "Baseline", "yuvj422p"), _sound("pcm_u8")),
    _recording("Windows Media", "asf", _video("wmv3", "Main"), _sound("wmav2")),
    _recording("Flash", "flv", _video("flv1"), _sound("mp3")),
    _recording("M4A", "mov", _AAC),
    _recording("AAC", "aac", _AAC),
    _recording("MP3", "mp3", _sound("mp3")),
    _recording("WAV", "wav", _sound("pcm_s16le")),
    _recording("WAV, telephone lines", "wav", _sound("pcm_mulaw")),
    _recording("FLAC", "flac", _sound("flac")),
    _recording("Ogg", "ogg", _sound("opus")),
    _recording("AMR", "amr", _sound("amr_nb")),
    _recording("DSS, dictation machines", "dss", _sound("dss_sp")),
    _recording(
        "a known container, an unknown codec", "mov", {"codec_type": "video", "codec_name": "unknown"}
    ),
    *(_still(form.upper(), form) for form in ("jpeg", "png", "gif", "tiff", "bmp", "avif")),
    _still("WebP", "webp"),
    _still("HEIC, HEIF", "heif"),
    _document("PDF, the first page", "pdf"),
    _document("OFD", "ofd"),
)
