"""Asks ffprobe, ffmpeg, Pillow and exiftool about one file.

Invariants: whatever a tool does with the file, the answer is a Description; a tool's failure is an
"error" beside the other tool's data. ffprobe's claims are checked by reading every packet once; a picture
is judged by the decoder that draws it, and no other tool's decoder sees it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from evidence.canonical import Json
from evidence.errors import StageFailed
from evidence.ports.media import Description
from transcode import commands, probe, tags
from transcode.bench import Bench, Bounds, Program, failure
from transcode.documents import Documents
from transcode.facts import read_facts
from transcode.pictures import Pictures, Seen, seen_in
from transcode.probe import Inside
from transcode.process import Finished
from transcode.routes import Decision, decide
from transcode.tags_reader import EXIFTOOL_DIED
from transcode.values import TooStrange, parse_tool_json

_MEMORY = 4 << 30
_TAGS_MEMORY = 1 << 30
_PROBE_CAP = 8 << 20
_TAGS_CAP = 8 << 20


@dataclass(frozen=True, slots=True)
class _Probed:
    report: Mapping[str, Json]
    decision: Decision
    duration_ms: int | None
    warnings: tuple[str, ...]


def _is_document(inside: Inside) -> bool:
    return inside.container is not None and inside.container.kind == "document"


def _error(tool: str, fault: StageFailed) -> dict[str, Json]:
    return {
        "tool": tool,
        "version": "unknown",
        "error": {"code": fault.code, "message": fault.message},
        "warnings": [],
    }


class Describer:
    """`MediaTools.describe`."""

    def __init__(self, bench: Bench, ffprobe: Program, ffmpeg: Program, exiftool: Program) -> None:
        self._bench = bench
        self._ffprobe = ffprobe
        self._ffmpeg = ffmpeg
        self._exiftool = exiftool
        self._pictures = Pictures(bench)
        self._documents = Documents(bench)

    async def describe(self, original: Path, inside: Inside, filename: str) -> Description:
        """What both tools say of `original`, whose bytes were already looked into, and its name."""
        tagging = asyncio.create_task(self._tags(original, inside.size))
        try:
            probed = await self._probe(original, inside)
            tag_report, complaints = await tagging
        finally:
            tagging.cancel()
            await asyncio.gather(tagging, return_exceptions=True)
        facts = await asyncio.to_thread(
            read_facts, probed.report.get("data"), tag_report.get("data"), filename, probed.duration_ms
        )
        return Description(
            probe=probed.report,
            tags=tag_report,
            route=probed.decision.route,
            reason=probed.decision.reason,
            duration_ms=probed.duration_ms,
            warnings=(*probed.warnings, *complaints, *facts.warnings),
            facts=facts.data,
            text=await self._documents.text(original, inside) if _is_document(inside) else None,
        )

    async def _probe(self, original: Path, inside: Inside) -> _Probed:
        if _is_document(inside):
            decision = decide(None, inside.container)
            fault = StageFailed("not-a-recording", decision.reason, final=True)
            return _Probed(_error("ffprobe", fault), decision, None, ())
        if inside.container is not None and inside.container.kind == "picture":
            return _looked_at(await self._pictures.look(original, inside), inside)
        container = inside.container
        finished = await self._bench.run(
            self._ffprobe,
            lambda program, places: commands.probe_argv(program, places, container),
            Bounds(self._bench.wall_s(inside.size), _MEMORY, _PROBE_CAP),
            original=original,
        )
        try:
            if not finished.worked:
                raise failure(self._ffprobe, finished)
            version, data = _probe_data(finished.stdout)
        except StageFailed as fault:
            return _unreadable(inside, finished, fault)
        decision = decide(data, container)
        errors, measured = finished.stderr_lines, None
        unread: tuple[str, ...] = ()
        if decision.selected:
            read = await self._read_through(original, inside, decision)
            errors = max(errors, read.finished.stderr_lines)
            measured = probe.duration_ms(probe.claimed_ms(data), inside.fragments_ms, read.end_ms)
            if not read.finished.worked:
                unread = ("The recording could not be read through to its end.",)
        said = probe.warnings_for(inside, data, decision, errors=errors, measured=measured)
        report: dict[str, Json] = {
            "tool": "ffprobe",
            "errors": errors,
            "version": version,
            "data": data,
            "warnings": [*said, *unread],
        }
        return _Probed(report, decision, measured, (*said, *unread))

    async def _read_through(self, original: Path, inside: Inside, decision: Decision) -> _Read:
        clock = OutTime()
        finished = await self._bench.run(
            self._ffmpeg,
            lambda program, places: commands.read_through_argv(
                program, places, inside.container, decision.selected
            ),
            Bounds(self._bench.wall_s(inside.size), _MEMORY, 0),
            original=original,
            on_line=clock.line,
        )
        return _Read(finished, clock.end_ms)

    async def _tags(self, original: Path, size: int) -> tuple[dict[str, Json], list[str]]:
        """exiftool's report; without timed metadata, and saying so, where there is too much of it."""
        finished = await self._run_exiftool(original, size, timed=True)
        left_out = finished.ended_by == "output-cap"
        if left_out:
            finished = await self._run_exiftool(original, size, timed=False)
        try:
            if not finished.worked:
                raise _exiftool_failure(self._exiftool, finished)
            version, data, complaints = tags.tags_from(finished.stdout)
        except TooStrange:
            fault = StageFailed("not-understood", "exiftool's answer cannot be read.", final=True)
            return _error("exiftool", fault), ["Metadata could not be read."]
        except StageFailed as fault:
            return _error("exiftool", fault), [f"Metadata could not be read: {fault.message}"]
        if left_out:
            complaints.append("Metadata: timed metadata (such as a GPS track) is too large and was left out.")
        return {"tool": "exiftool", "version": version, "data": data, "warnings": [*complaints]}, complaints

    async def _run_exiftool(self, original: Path, size: int, *, timed: bool) -> Finished:
        bounds = Bounds(self._bench.wall_s(size), _TAGS_MEMORY, _TAGS_CAP)
        return await self._bench.run(
            self._exiftool,
            lambda program, _: tags.exiftool_launch((), program),
            bounds,
            original=original,
            outside=lambda launch, path: tags.reader_argv(launch, path, bounds.limits(), timed=timed),
        )


@dataclass(frozen=True, slots=True)
class _Read:
    finished: Finished
    end_ms: int | None


class OutTime:
    """Follows ffmpeg's `-progress`; `end_ms` is the last time it named, None if none.

    `on_time`, if given, is called with every time as it is named.
    """

    def __init__(self, on_time: Callable[[int], None] | None = None) -> None:
        self.end_ms: int | None = None
        self._on_time = on_time

    def line(self, text: str) -> None:
        """Take one line of the report."""
        name, _, value = text.partition("=")
        if name != "out_time_us" or not value.strip().isdecimal():
            return
        named = probe.milliseconds(f"{value.strip()}e-6")
        if named is not None:
            self.end_ms = named
            if self._on_time is not None:
                self._on_time(named)


def _probe_data(answer: bytes) -> tuple[str, dict[str, Json]]:
    """ffprobe's version and description; StageFailed if the answer is no JSON object."""
    try:
        parsed = parse_tool_json(answer)
    except TooStrange:
        parsed = None
    if not isinstance(parsed, Mapping):
        raise StageFailed("not-understood", "ffprobe's answer cannot be read.", final=True)
    data = dict(parsed)
    about = data.pop("program_version", None)
    version = about.get("version") if isinstance(about, Mapping) else None
    if isinstance(form := data.get("format"), Mapping):
        data["format"] = {key: value for key, value in form.items() if key != "filename"}
    return str(version or "unknown"), data


def _looked_at(finished: Finished, inside: Inside) -> _Probed:
    """What Pillow's child saw, in the shape that ffprobe gives: readers of descriptions know that."""
    try:
        seen = seen_in(finished)
    except StageFailed as fault:
        return _Probed(_error("pillow", fault), Decision("unplayable", fault.message), None, ())
    data = _as_streams(seen, inside)
    warnings = ("The file holds more than one picture; the first is shown.",) if seen.has_more else ()
    report: dict[str, Json] = {
        "tool": "pillow",
        "errors": finished.stderr_lines,
        "version": seen.version,
        "data": data,
        "warnings": [*warnings],
    }
    return _Probed(report, decide(data, inside.container), None, warnings)


def _as_streams(seen: Seen, inside: Inside) -> dict[str, Json]:
    name = inside.container.name if inside.container is not None else "unknown"
    picture: dict[str, Json] = {
        "index": 0,
        "codec_type": "video",
        "codec_name": name,
        "width": seen.width,
        "height": seen.height,
        "mode": seen.mode,
        "orientation": seen.orientation,
    }
    return {"format": {"format_name": name}, "streams": [picture], "versions": seen.versions}


def _unreadable(inside: Inside, finished: Finished, fault: StageFailed) -> _Probed:
    reason = fault.message if finished.ended_by != "itself" else probe.why_unreadable(inside)
    warnings = tuple(
        probe.warnings_for(inside, None, Decision("unplayable", reason), errors=0, measured=None)
        if inside.container is not None
        else ()
    )
    report = _error("ffprobe", fault)
    return _Probed({**report, "warnings": list(warnings)}, Decision("unplayable", reason), None, warnings)


def _exiftool_failure(exiftool: Program, finished: Finished) -> StageFailed:
    if finished.ended_by == "itself" and finished.returncode == EXIFTOOL_DIED:
        return StageFailed("tool-failed", "exiftool ended without an answer.", final=True)
    return failure(replace(exiftool, name="exiftool"), finished)
