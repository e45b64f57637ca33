"""What `transcode` can tell of a file and make of it. Tools run in a sandbox; input is always hostile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from evidence.canonical import Json

#: Called with 0..1000 from any thread.
Progress: TypeAlias = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Description:
    """What the tools said of a file; canonical JSON only (numbers with a fraction as text).

    `probe` is ffprobe's (for a picture its decoder's, in the same shape), `tags` exiftool's, each {"tool",
    "version", "data", "warnings"} or with "error" {"code","message"} instead of "data"; `probe` also
    counts "errors" on reading the file through.
    `route` is one of "copy", "copy-video", "encode-audio", "transcode", "none", "unplayable"; `reason`
    says why, for a person. `duration_ms` is measured, None if unknown. `warnings` are sentences that are
    shown beside the item. `facts` is what can be read out of both answers without judging it, see
    `transcode.facts`; empty where nothing could. `text` is what a document says, see `transcode.documents`;
    None for whatever is no document.
    """

    probe: Mapping[str, Json]
    tags: Mapping[str, Json]
    route: str
    reason: str
    duration_ms: int | None
    warnings: tuple[str, ...]
    facts: Mapping[str, Json] = field(default_factory=dict)
    text: Mapping[str, Json] | None = None

    def summary(self) -> dict[str, Json]:
        """What every list of items shows."""
        return {
            "route": self.route,
            "reason": self.reason,
            "duration_ms": self.duration_ms,
            "warnings": list(self.warnings),
        }

    def as_json(self) -> dict[str, Json]:
        """The form kept in the catalogue and, digested, in the event."""
        text = {} if self.text is None else {"text": self.text}
        return {"probe": self.probe, "tags": self.tags, "facts": self.facts, **text, **self.summary()}


@dataclass(frozen=True, slots=True)
class Made:
    """A rendition made in a working directory: what it is, the file, and how it was made.

    `kind` names it among the renditions of its item: "playable", "poster", "preview" and so on.
    `provenance` is {"tool", "version", "arguments": […], "encoded": {"video", "audio"}…}; `layout` what
    serving needs: for a playable one {"init": [start, end], "segments": [{"start","end","duration_us"}…],
    "duration_us", "video": bool, "audio": bool}; offsets are half-open.
    """

    kind: str
    path: Path
    media_type: str
    provenance: Mapping[str, Json]
    layout: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """What `evidence.parts.Part` is before it has a row: number, microseconds of shown time, and how."""

    number: int
    begins_us: int
    ends_us: int
    how: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class ClipSource:
    """One source of a clip, and from when to when of its own shown time; milliseconds, half-open."""

    original: Path
    description: Mapping[str, Json]
    presentation: Mapping[str, Json]
    from_ms: int
    to_ms: int


class MediaTools(Protocol):
    """Every method raises StageFailed: `final` when the file is at fault, not when the machine is."""

    async def describe(self, original: Path, media_type: str, filename: str) -> Description:
        """Probe and read every tag; a tool that fails or hangs becomes an "error", not an exception.

        `filename` is the submitter's, from which only statements are read: it opens no file.
        """
        ...

    async def make_playable(
        self, original: Path, description: Mapping[str, Json], workdir: Path, progress: Progress
    ) -> Sequence[Made]:
        """ "playable" first: fragmented MP4, copied or encoded as the route says, upright when played.

        Where it had to be decoded, what the same decode gave beside it follows, as from `make_previews`.
        """
        ...

    async def make_previews(
        self, original: Path, description: Mapping[str, Json], workdir: Path, progress: Progress
    ) -> Sequence[Made]:
        """What helps to find the way in an item without playing it.

        For a recording as far as it has picture and sound: "poster" (an upright JPEG of at most 640 pixels
        a side), "sprite", "analysis". For a picture or document that can be drawn: "poster" and "preview"
        (an upright JPEG of at most 2,560 pixels a side).
        """
        ...

    async def make_track(
        self,
        original: Path,
        description: Mapping[str, Json],
        track: int,
        workdir: Path,
        progress: Progress,
    ) -> Made:
        """ "track-{track}": a further stream that can be chosen, by itself. Final code: "no-track"."""
        ...

    async def plan_parts(self, original: Path, description: Mapping[str, Json]) -> Sequence[PlannedPart]:
        """The parts in which a long recording is to be made playable; empty if it is to be made whole."""
        ...

    async def make_part(
        self,
        original: Path,
        description: Mapping[str, Json],
        number: int,
        how: Mapping[str, Json],
        workdir: Path,
        progress: Progress,
    ) -> Made:
        """ "part-{number}": fragmented MP4 whose times are those of the whole."""
        ...

    async def join_parts(
        self,
        original: Path,
        parts: Sequence[Path],
        description: Mapping[str, Json],
        workdir: Path,
        progress: Progress,
    ) -> Made:
        """ "playable" from all parts of its picture in the order of their numbers.

        Its sound is taken from the original again, its times are those of a copy made in one go. Final
        code: "parts-differ".
        """
        ...

    async def prove(
        self,
        original: Path,
        shown: Path,
        description: Mapping[str, Json],
        workdir: Path,
        progress: Progress,
    ) -> Made:
        """ "presentation": what `shown`, the playable copy, shows of the original, and at which of its times.

        Hashes of every copied stream on both sides after a stated normalisation, the map of times, edit
        lists, streams not shown, and what clocks say of the start (docs/media.md).
        """
        ...

    async def make_still(
        self,
        original: Path,
        description: Mapping[str, Json],
        presentation: Mapping[str, Json],
        shown_us: int,
        workdir: Path,
    ) -> Made:
        """ "still-{shown_us}": the frame of the original that is on screen at that time of the playable copy.

        Lossless, not scaled; its layout cites the stream and the frame's own presentation time. Final codes:
        "no-picture", "no-frame".
        """
        ...

    async def make_clip(self, sources: Sequence[ClipSource], workdir: Path, progress: Progress) -> Made:
        """ "clip": MP4 with H.264 and AAC of exactly what is on screen within each source, in their order.

        Its layout has a "sources" entry for each: the presentation times of the first and the last frame
        that were taken, in the original's time base, how many they are, and where it lies in the clip. Final
        codes: "nothing-to-play", "no-frame", "sources-differ".
        """
        ...

    async def recover(self, original: Path, sibling: Path, workdir: Path, progress: Progress) -> Made:
        """ "recovered": what can be shown of a recording without its index by a whole one of the same camera.

        Its provenance says what was assumed. Final code: "not-recoverable".
        """
        ...

    def protection(self) -> tuple[bool, str]:
        """Whether a sandbox is in force, and what it does or why there is none, in words."""
        ...
