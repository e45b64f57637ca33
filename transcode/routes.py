"""What becomes of a recording so that a browser can play it.

Pure: decided from ffprobe's description alone, by codec and pixel format, never by an exit code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from evidence.canonical import Json
from transcode.containers import Container

Route: TypeAlias = Literal["copy", "copy-video", "encode-audio", "transcode", "none", "unplayable"]
Stream: TypeAlias = Mapping[str, Json]

#: The routes that end in something to play.
PLAYABLE_ROUTES: frozenset[Route] = frozenset({"copy", "copy-video", "encode-audio", "transcode"})
#: 8 bits, 4:2:0: the only H.264 that every browser decodes.
_SHOWABLE_PIXELS = frozenset({"yuv420p", "yuvj420p"})
_SHOWABLE_PROFILES = frozenset({"Constrained Baseline", "Baseline", "Main", "Extended", "High"})
_ENCRYPTED_TAGS = frozenset({"encv", "enca", "drmi", "drms"})
#: Telephone speech has 8,000 samples a second. A damaged header that says 1 makes hours of a few kilobytes.
LEAST_SAMPLE_RATE = 2_000


#: More than any camera records; what lies beyond is named and not offered.
MOST_TRACKS = 7


@dataclass(frozen=True, slots=True)
class Track:
    """A stream that is not shown at first but can be chosen; `copied` if it needs no encoding."""

    index: int
    kind: Literal["video", "audio"]
    copied: bool


def track_kind(index: int) -> str:
    """The kind of the rendition of a further track."""
    return f"track-{index}"


@dataclass(frozen=True, slots=True)
class Decision:
    """The route, why in words, and the streams it shows; `not_shown` are all the others.

    `tracks` are those of the others that can be chosen.
    """

    route: Route
    reason: str
    video: int | None = None
    audio: int | None = None
    #: Whether the shown sound is AAC already.
    audio_is_aac: bool = False
    not_shown: tuple[int, ...] = ()
    tracks: tuple[Track, ...] = ()

    @property
    def decodes_all(self) -> bool:
        """Whether making it playable decodes all that is shown."""
        return self.encodes_video or (self.video is None and self.encodes_audio)

    @property
    def encodes_video(self) -> bool:
        """Whether every frame has to be decoded."""
        return self.route == "transcode" and self.video is not None

    @property
    def encodes_pictures(self) -> int:
        """How many pictures are encoded, those of further tracks included."""
        return self.encodes_video + sum(track.kind == "video" and not track.copied for track in self.tracks)

    @property
    def encodes_audio(self) -> bool:
        """Whether the sound has to be decoded; AAC beside a video that is encoded stays as it is."""
        return self.audio is not None and not self.audio_is_aac

    def mended(self) -> Decision:
        """The same streams with the video encoded anew: a browser stops at faults that ffmpeg passes over."""
        if self.video is None:
            return self
        tracks = tuple(replace(track, copied=track.kind == "audio" and track.copied) for track in self.tracks)
        return replace(self, route="transcode", tracks=tracks)

    @property
    def selected(self) -> tuple[int, ...]:
        """The indexes of the shown streams, video first."""
        return tuple(index for index in (self.video, self.audio) if index is not None)


def streams_of(probe_data: Json) -> list[Stream]:
    """The streams in ffprobe's description that have an index; whatever else it holds is passed over."""
    listed = probe_data.get("streams") if isinstance(probe_data, Mapping) else None
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        return []
    return [
        stream for stream in listed if isinstance(stream, Mapping) and isinstance(stream.get("index"), int)
    ]


def _index(stream: Stream) -> int:
    index = stream["index"]
    assert isinstance(index, int)
    return index


def _is_attached(stream: Stream) -> bool:
    disposition = stream.get("disposition")
    return isinstance(disposition, Mapping) and bool(
        disposition.get("attached_pic") or disposition.get("timed_thumbnails")
    )


def _known(streams: Sequence[Stream], kind: str) -> list[Stream]:
    return [
        stream
        for stream in streams
        if stream.get("codec_type") == kind
        and stream.get("codec_name") not in (None, "unknown", "none")
        and not (kind == "video" and _is_attached(stream))
        and not _is_too_slow(stream)
    ]


def _is_too_slow(stream: Stream) -> bool:
    """Whether it is sound that says fewer samples a second than any recorder writes."""
    rate = stream.get("sample_rate")
    if not (isinstance(rate, str) and rate.isascii() and rate.isdecimal()):
        return False
    # ffprobe says 0 where it does not know.
    return 0 < int(rate) < LEAST_SAMPLE_RATE


def _has_picture_size(stream: Stream) -> bool:
    sides = (stream.get("width"), stream.get("height"))
    return all(isinstance(side, int) and side > 0 for side in sides)


def _is_copyable_video(stream: Stream) -> bool:
    return (
        stream.get("codec_name") == "h264"
        and stream.get("pix_fmt") in _SHOWABLE_PIXELS
        and stream.get("profile") in _SHOWABLE_PROFILES
    )


def _words(stream: Stream) -> str:
    parts = (stream.get("codec_name"), stream.get("profile"), stream.get("pix_fmt"))
    return " ".join(part for part in parts if isinstance(part, str) and part not in ("unknown", "-1"))


def decide(probe_data: Json, container: Container | None) -> Decision:
    """The route for a file that a tool could read; a document needs none.

    The first video stream that is no attached picture is shown, with the first AAC stream, or without one
    the first audio stream. A stream whose codec nobody knows is never shown, nor sound of fewer than
    `LEAST_SAMPLE_RATE` samples a second.
    """
    streams = streams_of(probe_data)
    if container is not None and container.kind == "document":
        return Decision("none", "A document: there is nothing to play.")
    if container is not None and container.kind == "picture":
        return _still(streams)
    videos, audios = _known(streams, "video"), _known(streams, "audio")
    video = videos[0] if videos else None
    audio = next((stream for stream in audios if stream.get("codec_name") == "aac"), None)
    audio = audio or (audios[0] if audios else None)
    shown = [_index(stream) for stream in (video, audio) if stream is not None]
    hidden = tuple(_index(stream) for stream in streams if _index(stream) not in shown)
    if video is None and audio is None and any(_is_too_slow(stream) for stream in streams):
        route, reason = _too_slow()
    else:
        route, reason = _route(video, audio)
    return Decision(
        route,
        reason,
        _index(video) if video is not None else None,
        _index(audio) if audio is not None else None,
        audio is not None and audio.get("codec_name") == "aac",
        hidden,
        _tracks([*videos, *audios], shown) if route in PLAYABLE_ROUTES else (),
    )


def _too_slow() -> tuple[Route, str]:
    return "unplayable", (
        f"The sound's header says fewer than {LEAST_SAMPLE_RATE} samples a second: the header is damaged. "
        "The original is kept as it is; a sound editor can open its bytes at a rate that you choose."
    )


def _tracks(streams: Sequence[Stream], shown: Sequence[int]) -> tuple[Track, ...]:
    found: list[Track] = []
    for stream in streams:
        if _index(stream) in shown or stream.get("codec_tag_string") in _ENCRYPTED_TAGS:
            continue
        if stream.get("codec_type") == "audio":
            found.append(Track(_index(stream), "audio", stream.get("codec_name") == "aac"))
        elif _has_picture_size(stream) and stream.get("pix_fmt"):
            found.append(Track(_index(stream), "video", _is_copyable_video(stream)))
    return tuple(found[:MOST_TRACKS])


def _still(streams: Sequence[Stream]) -> Decision:
    if any(_has_picture_size(stream) for stream in streams):
        return Decision("none", "A picture: there is nothing to play.")
    return Decision(
        "unplayable", "The picture cannot be decoded: the file is damaged. The original is kept as it is."
    )


def _route(video: Stream | None, audio: Stream | None) -> tuple[Route, str]:
    if any(
        stream is not None and stream.get("codec_tag_string") in _ENCRYPTED_TAGS for stream in (video, audio)
    ):
        return "unplayable", (
            "The recording is encrypted. Ask whoever made it for an export without encryption; "
            "the original is kept as it is."
        )
    if video is None and audio is None:
        return "unplayable", (
            "There is neither video nor sound in this file that is known here. "
            "The original is kept as it is; open it with its maker's own player."
        )
    if video is not None and not (_has_picture_size(video) and video.get("pix_fmt")):
        return "unplayable", (
            f"The video ({_words(video)}) has no readable picture size or format: the file is damaged. "
            "The original is kept as it is."
        )
    if video is None:
        assert audio is not None
        if audio.get("codec_name") == "aac":
            return "copy", "AAC sound: browsers play it as it is."
        return "encode-audio", f"The sound ({_words(audio)}) has to be encoded as AAC to play in a browser."
    if not _is_copyable_video(video):
        return "transcode", f"The video ({_words(video)}) has to be encoded as H.264 to play in a browser."
    if audio is None:
        return "copy", "H.264 video without sound: browsers play it as it is."
    if audio.get("codec_name") == "aac":
        return "copy", "H.264 video with AAC sound: browsers play it as it is."
    return "copy-video", (
        f"The H.264 video can stay as it is; the sound ({_words(audio)}) has to be encoded as AAC."
    )
