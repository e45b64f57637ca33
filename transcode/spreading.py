"""Makes a long recording playable in parts: plans them, makes each, joins them.

Invariants: a part is only handed back if its decoding began before it does, so that no frame at a cut is
missing; parts are only joined if all of them say the same of how they are encoded; the joined copy goes
through the muxer as a copy made in one go does.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import BinaryIO

from evidence.canonical import Json
from evidence.errors import StageFailed
from evidence.parts import SOUND, part_kind
from evidence.ports.media import Made, PlannedPart, Progress
from transcode import commands, fragments, part_graphs, products
from transcode.bench import Bounds, Program, failure
from transcode.encoders import EncoderChoice
from transcode.making import decided, flaws_of, length_of
from transcode.outputs import fresh, opened_plain
from transcode.part_graphs import ENTRY_NAME, PART_NAME, PICTURE_NAME
from transcode.parts import Clock, NotSpreadable, Stretch, Survey, beginning_us, stretches
from transcode.presentation import packet_times
from transcode.probe import Inside
from transcode.profiles import ENCODERS, SOFTWARE, Encoder
from transcode.routes import Decision, streams_of
from transcode.runs import Runs, encoded_of, told_until
from transcode.sandbox import Places

_BLOCK = 1 << 20
_ENTRY_BYTES = 1 << 16
_SURVEY_MEMORY = 1 << 30


@dataclass(frozen=True, slots=True)
class Spread:
    """From which length on a recording is made in parts, and how long each is at least; milliseconds."""

    over_ms: int = 600_000
    part_ms: int = 120_000


class Spreader:
    """`MediaTools.plan_parts`, `make_part` and `join_parts`."""

    def __init__(self, runs: Runs, ffprobe: Program, choice: EncoderChoice, spread: Spread) -> None:
        self._runs = runs
        self._ffprobe = ffprobe
        self._choice = choice
        self._spread = spread

    async def plan(
        self, original: Path, inside: Inside, description: Mapping[str, Json]
    ) -> Sequence[PlannedPart]:
        """The parts; see the port."""
        decision = decided(description, inside.container)
        length = length_of(description)
        if not decision.encodes_video or length is None or length < self._spread.over_ms:
            return ()
        survey = Survey(_picture_of(decision), decision.audio)
        found = await self._runs.bench.run(
            self._ffprobe,
            lambda program, places: commands.packet_list_argv(program, places, inside.container),
            Bounds(self._runs.bench.wall_s(inside.size, length), _SURVEY_MEMORY, 0),
            original=original,
            on_line=survey.feed,
        )
        if not found.worked:
            return ()
        try:
            clock = _clock(description, decision, survey.video)
            sound = None if decision.audio is None else _clock(description, decision, decision.audio)
            cut = await asyncio.to_thread(stretches, survey, clock, sound, self._spread.part_ms * 1000)
        except NotSpreadable:
            return ()
        encoder = (await self._choice.encoder()).name
        planned = [
            PlannedPart(number, stretch.begins_us, stretch.ends_us, {"encoder": encoder, **stretch.as_json()})
            for number, stretch in enumerate(cut, 1)
        ]
        if decision.audio is not None:
            planned.insert(0, PlannedPart(SOUND, 0, length * 1000, {"encoder": encoder}))
        return planned

    async def part(
        self,
        original: Path,
        inside: Inside,
        description: Mapping[str, Json],
        number: int,
        how: Mapping[str, Json],
        workdir: Path,
        progress: Progress,
    ) -> Made:
        """One part; see the port."""
        decision = decided(description, inside.container)
        if number == SOUND:
            return await self._sound(original, inside, description, decision, workdir, progress)
        encoder = _encoder(how)
        stretch = Stretch.of(how)
        video = _picture_of(decision)
        clock = _clock(description, decision, video)

        def argv(program: str, places: Places) -> Sequence[str]:
            return part_graphs.picture_argv(
                program,
                places,
                inside.container,
                stretch,
                clock=clock,
                video=video,
                encoder=encoder,
            )

        length = (stretch.ends_us - stretch.begins_us) // 1000
        out, finished = await self._runs.run(
            argv,
            self._runs.bounds(inside.size, length, pictures=1),
            original,
            workdir,
            told_until(progress, length, stretch.begins_us // 1000),
            devices=encoder.devices,
        )
        if not finished.worked:
            raise failure(self._runs.ffmpeg, finished)
        if stretch.seek_us is not None:
            await asyncio.to_thread(_require_entry, out / ENTRY_NAME, stretch)
        about = await self._runs.provenance(argv, finished, decision)
        about |= {"part": number, "packets": stretch.packets}
        return await asyncio.to_thread(products.fragmented_in, out / PART_NAME, part_kind(number), about)

    async def _sound(
        self,
        original: Path,
        inside: Inside,
        description: Mapping[str, Json],
        decision: Decision,
        workdir: Path,
        progress: Progress,
    ) -> Made:
        def argv(program: str, places: Places) -> Sequence[str]:
            return part_graphs.sound_argv(program, places, inside.container, decision, SOFTWARE, clock=clock)

        clock = _clock(description, decision, decision.audio)
        length = length_of(description)
        out, finished = await self._runs.run(
            argv,
            self._runs.bounds(inside.size, length, sound=True),
            original,
            workdir,
            told_until(progress, length),
        )
        if not finished.worked:
            raise failure(self._runs.ffmpeg, finished)
        about = await self._runs.provenance(argv, finished, decision)
        about |= {"part": SOUND}
        return await asyncio.to_thread(products.fragmented_in, out / PART_NAME, part_kind(SOUND), about)

    async def join(
        self,
        original: Path,
        inside: Inside,
        parts: Sequence[Path],
        description: Mapping[str, Json],
        workdir: Path,
        progress: Progress,
    ) -> Made:
        """The playable copy from its parts; see the port."""
        decision = decided(description, inside.container)
        out = await asyncio.to_thread(fresh, workdir)
        ends = await asyncio.to_thread(put_together, parts, out / PICTURE_NAME)
        shown = decision.video if decision.audio is None else decision.audio
        clock = _clock(description, decision, shown)
        size = inside.size + await asyncio.to_thread(lambda: (out / PICTURE_NAME).stat().st_size)

        def argv(program: str, places: Places) -> Sequence[str]:
            return part_graphs.joined_argv(
                program, places, inside.container, decision, SOFTWARE, clock=clock, ends=ends
            )

        length = length_of(description)
        _, finished = await self._runs.run(
            argv,
            self._runs.bounds(size, length, sound=True),
            original,
            workdir,
            told_until(progress, length),
            out=out,
        )
        if not finished.worked:
            raise failure(self._runs.ffmpeg, finished)
        about = await self._runs.provenance(argv, finished, decision)
        about |= encoded_of(decision, flaws_of(description))
        return await asyncio.to_thread(products.playable_in, out, about)


def put_together(parts: Sequence[Path], target: Path) -> int:
    """All fragments of `parts` behind one header at `target`; at which tick of theirs the last frame ends.

    Raises StageFailed, final, with code "parts-differ" if the parts are not encoded alike.
    """
    header: bytes | None = None
    ends = 0
    with target.open("wb") as joined:
        for path in parts:
            with path.open("rb") as file:
                parsed = fragments.parse(file)
                file.seek(0)
                own = file.read(parsed.init[1])
                if header is None:
                    header = own
                    joined.write(header)
                if own != header:
                    raise StageFailed(
                        "parts-differ",
                        "The parts of this recording were not encoded alike; it is made in one go instead.",
                        final=True,
                    )
                file.seek(parsed.fragments[0].start)
                _copy(file, joined, parsed.fragments[-1].end - parsed.fragments[0].start)
                ends = sum(parsed.fragments[-1].times[parsed.guide().number])
    return ends


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    while size:
        block = source.read(min(size, _BLOCK))
        if not block:
            raise StageFailed("part-cut-short", "A part of this recording is shorter than it was; try again.")
        target.write(block)
        size -= len(block)


def _require_entry(path: Path, stretch: Stretch) -> None:
    """Raise unless a frame from before the stretch was decoded."""
    descriptor = opened_plain(path)
    if descriptor is not None:
        with os.fdopen(descriptor, encoding="ascii", errors="replace") as text:
            times = packet_times(text.read(_ENTRY_BYTES).splitlines())
        if times is not None and times.micros(times.ticks[0]) < stretch.begins_us:
            return
    raise StageFailed(
        "no-entry",
        "This recording cannot be decoded from its middle; it is made playable in one go instead.",
        final=True,
    )


def _encoder(how: Mapping[str, Json]) -> Encoder:
    return next((one for one in ENCODERS if one.name == how.get("encoder")), SOFTWARE)


def _picture_of(decision: Decision) -> int:
    if decision.video is None:
        raise StageFailed("nothing-to-play", decision.reason, final=True)
    return decision.video


def _clock(description: Mapping[str, Json], decision: Decision, index: int | None) -> Clock:
    """The stream's time base, and from where ffmpeg counts the recording's times; raises NotSpreadable."""
    stream = next((one for one in streams_of(_probed(description)) if one["index"] == index), None)
    base = [] if stream is None else str(stream.get("time_base")).split("/")
    if len(base) != 2 or not all(one.isdecimal() and int(one) for one in base):
        raise NotSpreadable("one of its streams has no clock")
    return Clock(int(base[0]), int(base[1]), _begins_us(description, decision))


def _begins_us(description: Mapping[str, Json], decision: Decision) -> int:
    data = _probed(description)
    about = data.get("format")
    said = about if isinstance(about, Mapping) else {}
    read = {*decision.selected, *(track.index for track in decision.tracks)}
    starts = [_micros(stream.get("start_time")) for stream in streams_of(data) if stream["index"] in read]
    known = [start for start in starts if start is not None]
    return beginning_us(str(said.get("format_name")), _micros(said.get("start_time")), known)


def _probed(description: Mapping[str, Json]) -> Mapping[str, Json]:
    report = description.get("probe")
    data = report.get("data") if isinstance(report, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def _micros(seconds: Json) -> int | None:
    """What ffprobe prints as decimal seconds."""
    try:
        return round(Decimal(seconds) * 1_000_000) if isinstance(seconds, str) else None
    except InvalidOperation:
        return None
