"""The command lines of ffprobe and ffmpeg.

Pure. Invariants: every input is a `file:` path of ours with the protocol and format whitelists, and with
a forced demuxer where the content said which; nothing from the file's own metadata enters a command line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ffmpeg

from transcode.containers import FORMAT_WHITELIST, Container
from transcode.sandbox import Places

# `repeat` prints every repeated line, so that counting lines counts errors.
_LOGLEVEL = "repeat+error"


def _input_options(container: Container | None) -> dict[str, str]:
    options = {"protocol_whitelist": "file", "format_whitelist": FORMAT_WHITELIST}
    if container is not None and container.demuxer is not None:
        options["format"] = container.demuxer
    return options


def input_of(places: Places, container: Container | None, **more: Any) -> Any:
    """The original as an input of ffmpeg's, with `more` input options."""
    return ffmpeg.input(f"file:{places.original}", **_input_options(container), **more)


def ffmpeg_argv(program: str, *, progress: bool) -> list[str]:
    """How every ffmpeg begins; with `progress` it reports on stdout."""
    argv = [program, "-nostdin", "-hide_banner", "-nostats", "-loglevel", _LOGLEVEL]
    return [*argv, "-progress", "pipe:1"] if progress else argv


def probe_argv(program: str, places: Places, container: Container | None) -> list[str]:
    """ffprobe: version, format, streams with their side data, and chapters, as JSON."""
    options = _input_options(container)
    argv = [program, "-hide_banner", "-loglevel", _LOGLEVEL, "-print_format", "json"]
    argv += ["-show_program_version", "-show_format", "-show_streams", "-show_chapters"]
    if "format" in options:
        argv += ["-f", options.pop("format")]
    for name, value in options.items():
        argv += [f"-{name}", value]
    return [*argv, f"file:{places.original}"]


def packet_list_argv(program: str, places: Places, container: Container | None) -> list[str]:
    """ffprobe: `stream,pts,dts,flags` of every packet, a line each, in the order of storage."""
    argv = [program, "-hide_banner", "-loglevel", _LOGLEVEL, "-print_format", "csv=p=0"]
    argv += ["-show_entries", "packet=stream_index,pts,dts,flags"]
    for name, value in _input_options(container).items():
        argv += ["-f" if name == "format" else f"-{name}", value]
    return [*argv, f"file:{places.original}"]


STREAMS_NAME = "streams.txt"
PACKETS_NAME = "packets.txt"


def packets_argv(
    program: str,
    places: Places,
    container: Container | None,
    streams: Sequence[int],
    filters: Mapping[str, str],
) -> list[str]:
    """ffmpeg: SHA-256 of each of `streams` and the times of the first one's packets, as they are stored.

    `filters` are bitstream filters by "v" and "a": the normalisation after which the hashes are taken.
    """
    # -copyts: the times as the container states them, edit lists applied, nothing shifted to zero.
    source = input_of(places, container, copyts=None)
    normalised = {f"bsf:{kind}": chain for kind, chain in filters.items()}
    hashes = ffmpeg.output(
        *(source[str(index)] for index in streams),
        f"file:{places.out}/{STREAMS_NAME}",
        format="streamhash",
        hash="sha256",
        c="copy",
        **normalised,
    )
    times = ffmpeg.output(
        source[str(streams[0])], f"file:{places.out}/{PACKETS_NAME}", format="framecrc", c="copy"
    )
    argv: list[str] = ffmpeg.compile(
        ffmpeg.merge_outputs(hashes, times), cmd=ffmpeg_argv(program, progress=True), overwrite_output=True
    )
    return argv


def read_through_argv(
    program: str, places: Places, container: Container | None, streams: Sequence[int]
) -> list[str]:
    """ffmpeg: read every packet of `streams` and drop it. Tells the real length and counts faults."""
    source = input_of(places, container)
    target = ffmpeg.output(*(source[str(index)] for index in streams), "pipe:", format="null", c="copy")
    # The null muxer writes nothing; the name only has to be one that is no file.
    argv: list[str] = ffmpeg.compile(target, cmd=ffmpeg_argv(program, progress=True))
    return [*argv[:-1], "-"]
