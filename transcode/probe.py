"""From what the tools said and what lies in the file to what a Description says.

Pure, except `look_inside`, which reads box headers. Invariants: a length is only called measured if
packets or sample tables were counted; a claim that the bytes do not bear out becomes a warning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import BinaryIO

from evidence.canonical import Json
from transcode import fragments
from transcode.boxes import claimed_boxes, size_of
from transcode.containers import HEAD_BYTES, Container, sniff
from transcode.routes import Decision, Stream, streams_of

#: No recording device runs this long; a longer claim is a broken header.
LONGEST_MS = 100 * 86_400_000
_TOLERATED_MS = 2_000


@dataclass(frozen=True, slots=True)
class Inside:
    """What the bytes themselves show, before any tool was asked."""

    size: int
    container: Container | None
    has_index: bool = True
    missing_bytes: int = 0
    fault: str | None = None
    fragments_ms: int | None = None


def look_inside(file: BinaryIO) -> Inside:
    """Container by content; for MP4 also whether the index is there and whether the end is missing."""
    size = size_of(file)
    file.seek(0)
    container = sniff(file.read(HEAD_BYTES))
    if container is None or container.demuxer != "mov":
        return Inside(size, container)
    kinds, missing, fault = set(), 0, None
    try:
        for box in claimed_boxes(file, 0, size):
            kinds.add(box.kind)
            missing = max(0, box.end - size)
    except ValueError as error:
        fault = str(error)
    return Inside(size, container, b"moov" in kinds, missing, fault, _fragments_ms(file, kinds))


def _fragments_ms(file: BinaryIO, kinds: set[bytes]) -> int | None:
    if b"moof" not in kinds:
        return None
    try:
        return fragments.parse(file).measured_us() // 1000
    except ValueError:
        return None


def milliseconds(seconds: Json) -> int | None:
    """A tool's "12.345" as 12345; None for what is no sane length."""
    if not isinstance(seconds, str | int) or isinstance(seconds, bool):
        return None
    try:
        exact = Decimal(seconds) * 1000
        value = int(exact) if 0 <= exact <= LONGEST_MS else -1
    except (DecimalException, ValueError, OverflowError):
        return None
    return value if value >= 0 else None


def claimed_ms(probe_data: Json) -> int | None:
    """The length that the file's own headers claim."""
    about = probe_data.get("format") if isinstance(probe_data, Mapping) else None
    return milliseconds(about.get("duration")) if isinstance(about, Mapping) else None


def _agree(one: int, other: int) -> bool:
    return abs(one - other) <= max(_TOLERATED_MS, max(one, other) // 20)


def duration_ms(claimed: int | None, fragments_ms: int | None, read_ms: int | None) -> int | None:
    """The measured length: from the sample tables of the fragments, else from the packets read.

    A header's claim is taken, being finer than a reading in decoding order, only where the two agree.
    """
    if read_ms is None:
        return fragments_ms
    if fragments_ms is not None:
        return fragments_ms if _agree(fragments_ms, read_ms) else read_ms
    return claimed if claimed is not None and _agree(claimed, read_ms) else read_ms


def _seconds(milliseconds_: int) -> str:
    return f"{milliseconds_ / 1000:.1f} s"


def _hidden_words(probe_data: Json, decision: Decision) -> str | None:
    streams: Sequence[Stream] = streams_of(probe_data)
    if not decision.selected or not decision.not_shown:
        return None
    offered = {track.index for track in decision.tracks}
    said = [f"{len(decision.selected)} of {len(streams)} streams are shown"]
    for words, indexes in (
        ("to choose", offered),
        ("not shown", set(decision.not_shown) - offered),
    ):
        named = [
            f"{stream['index']} {stream.get('codec_type', 'unknown')} ({stream.get('codec_name', 'unknown')})"
            for stream in streams
            if stream["index"] in indexes
        ]
        if named:
            said.append(f"{words}: {', '.join(named[:8])}{', …' if len(named) > 8 else ''}")
    return f"{'; '.join(said)}."


def warnings_for(
    inside: Inside,
    probe_data: Json,
    decision: Decision,
    *,
    errors: int,
    measured: int | None,
) -> list[str]:
    """The sentences shown beside an item that ffprobe could read."""
    said: list[str] = []
    if inside.container is None:
        said.append("The file does not begin like any known recording; its format is the tools' guess.")
    if inside.missing_bytes:
        said.append(f"Truncated: {inside.missing_bytes} bytes that the file announces are not there.")
    if inside.fault is not None:
        said.append(f"The structure of the file is broken ({inside.fault}).")
    if errors:
        said.append(f"Flawed: {errors} {'error' if errors == 1 else 'errors'} while reading it through.")
    about = probe_data.get("format") if isinstance(probe_data, Mapping) else None
    claim = about.get("duration") if isinstance(about, Mapping) else None
    claimed = milliseconds(claim)
    if measured is not None and claim is not None and (claimed is None or not _agree(claimed, measured)):
        said.append(f"The file claims to last {claim} s, but {_seconds(measured)} of it were found.")
    if (hidden := _hidden_words(probe_data, decision)) is not None:
        said.append(hidden)
    if any(s.get("codec_type") == "audio" and not s.get("codec_name") for s in streams_of(probe_data)):
        said.append("An audio track has no description and cannot be played.")
    return said


def why_unreadable(inside: Inside) -> str:
    """Why ffprobe could not read the file, for a person, from what its bytes show."""
    kept = "The original is kept as it is."
    if inside.size == 0:
        return f"The file is empty. {kept} Copy the recording from the device again if it is still there."
    if inside.container is None:
        return f"This is no recording or picture of a kind that Custos knows. {kept}"
    if inside.container.demuxer == "mov" and not inside.has_index:
        return (
            "The index (moov) of the recording is missing: the camera probably lost power while recording. "
            f"{kept} It may be recoverable with a whole recording of the same camera."
        )
    return f"The file begins like {inside.container.name} but cannot be read: it is damaged. {kept}"
