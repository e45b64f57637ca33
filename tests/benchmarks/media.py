"""Describing, making playable and previewing, in CPU seconds, against ffmpeg commands run by hand.

CPU seconds rather than seconds by the clock: they hold on a machine that does other things as well. Ours
include what Python itself spends, the sandbox and exiftool; starting Python and loading the modules do not
count, since a worker does that once. Sources are made here and have the noise of a cheap camera.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.results import Report
from transcode.graphs import Previews, make_argv, poster_argv
from transcode.making import decided
from transcode.profiles import PREVIEWS, SOFTWARE
from transcode.sandbox import INSIDE, Places
from transcode.tools import SandboxedTools

ROUNDS = 3
ENCODED_S = 30
COPIED_S = 120
_SUBREAPER = 36
_QUIET = ("ffmpeg", "-v", "error", "-nostdin", "-y")
_FRAGMENTED = "+frag_keyframe+empty_moov+default_base_moof"


@dataclass(frozen=True)
class Ours:
    """One run of the stages on one file. `argvs` are ffmpeg's, as provenance names them."""

    cpu_s: float
    peak_mb: float
    description: dict[str, Any]
    argvs: list[list[str]]


def make_source(path: Path, seconds: int, *codecs: str) -> Path:
    picture = f"testsrc2=duration={seconds}:size=1920x1080:rate=30,noise=alls=6:allf=t,format=yuv420p"
    tone = f"sine=frequency=440:duration={seconds}:sample_rate=44100"
    subprocess.run(
        [*_QUIET, "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, *codecs, str(path)], check=True
    )
    return path


def spent_by_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def by_hand(*commands: Sequence[str]) -> float:
    before = spent_by_children()
    for command in commands:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return spent_by_children() - before


def stages(source: str, work: str, with_previews: bool, port: Connection) -> None:
    """In a process of its own, which alone is what its peak says; sends an `Ours`."""
    # bubblewrap ends without waiting for the first process inside, which then becomes ours to count.
    ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)
    tools = SandboxedTools("require")

    async def run() -> tuple[dict[str, Any], list[list[str]]]:
        original, workdir = Path(source), Path(work)
        description = (await tools.describe(original, "video/mp4", original.name)).as_json()
        made = [*await tools.make_playable(original, description, workdir, lambda _: None)]
        if with_previews:
            made += await tools.make_previews(original, description, workdir, lambda _: None)
        argvs: list[Any] = [one.provenance["arguments"] for one in made]
        return description, argvs

    before = spent_by_children() + _own()
    description, argvs = asyncio.run(run())
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    spent = spent_by_children() + _own() - before
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    port.send(Ours(spent, peak / 1024, description, argvs))


def _own() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def ours(source: Path, work: Path, *, with_previews: bool) -> Ours:
    work.mkdir()
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=stages, args=(str(source), str(work), with_previews, there))
    process.start()
    there.close()
    answer = here.recv()
    process.join()
    assert isinstance(answer, Ours)
    return answer


def same_command(argv: Sequence[str], source: Path, out: Path) -> list[str]:
    """What ran inside the sandbox, for outside of it."""
    out.mkdir()
    moved = (one.replace(f"{INSIDE.out}/", f"{out}/").replace(INSIDE.original, str(source)) for one in argv)
    return ["ffmpeg", *moved]


def one_each(source: Path, out: Path, found: Ours) -> list[list[str]]:
    """A command for each product, as one would write it: the poster seeks, sound leaves the picture out."""
    out.mkdir()
    places = Places(str(source), str(out))
    decision = decided(found.description, None)
    previews = Previews(decision.video, decision.audio, found.description["duration_ms"], True)
    assert decision.video is not None
    proxy = make_argv("ffmpeg", places, None, decision=decision, previews=None, encoder=SOFTWARE)
    poster = poster_argv("ffmpeg", places, None, video=decision.video, at_ms=previews.poster_at_ms)
    changes = f"scdet=t={PREVIEWS.scene_threshold}"
    marks = f"scale={PREVIEWS.marks_width}:-2,{changes},blackdetect=d=0.5,freezedetect=d=2"
    return [
        proxy,
        poster,
        [*_QUIET, "-i", str(source), "-vf", sprite(previews), "-frames:v", "1", f"{out}/sprite.jpg"],
        [*_QUIET, "-i", str(source), "-an", "-vf", marks, "-f", "null", "-"],
        *([*_QUIET, "-i", str(source), "-vn", "-af", heard, "-f", "null", "-"] for heard in SOUND),
    ]


SOUND = (
    "ebur128=metadata=1",
    f"silencedetect=n={PREVIEWS.silence_db}dB:d=2",
    "asetnsamples=2205,astats=metadata=1:reset=1:measure_perchannel=none:measure_overall=Peak_level",
)


def sprite(previews: Previews) -> str:
    profile = previews.profile
    return (
        f"select=isnan(prev_selected_t)+gte(t-prev_selected_t\\,{previews.sprite_every_ms / 1000}),"
        f"scale={profile.sprite_width}:{profile.sprite_height},"
        f"tile={profile.sprite_columns}x{previews.sprite_rows}"
    )


def encoded(work: Path, report: Report) -> list[float]:
    """A recording that has to be encoded; returns the peaks of the process that runs the tools."""
    source = make_source(
        work / "encoded.avi", ENCODED_S, "-c:v", "mpeg4", "-b:v", "8M", "-c:a", "libmp3lame", "-b:a", "128k"
    )
    runs, same, each = [], [], []
    for number in range(ROUNDS):
        found = ours(source, work / f"ours-{number}", with_previews=False)
        runs.append(found)
        same.append(by_hand(same_command(found.argvs[0], source, work / f"same-{number}")))
        each.append(by_hand(*one_each(source, work / f"each-{number}", found)))
    middle = median(one.cpu_s for one in runs)
    name = f"{ENCODED_S} s of 1080p30 MPEG-4 described and encoded"
    medians = f"medians of {ROUNDS}"
    said = f"{middle:.1f} CPU s; by hand {median(same):.1f}; {medians}"
    report.at_most(f"{name}, against the same ffmpeg command", middle / median(same), 1.1, said)
    said = f"{middle:.1f} CPU s; seven commands {median(each):.1f}; {medians}"
    report.at_least(f"{name}, a command for each product against it", median(each) / middle, 2.0, said)
    return [one.peak_mb for one in runs]


def copied(work: Path, report: Report) -> list[float]:
    """A recording that browsers play as it is."""
    source = make_source(
        work / "copied.mp4",
        COPIED_S,
        *("-c:v", "libx264", "-preset", "ultrafast", "-b:v", "8M", "-maxrate", "8M", "-bufsize", "8M"),
        *("-g", "30", "-c:a", "aac"),
    )
    previews = Previews(0, 1, COPIED_S * 1000, False)
    runs, hand = [], []
    for number in range(ROUNDS):
        runs.append(ours(source, work / f"copied-{number}", with_previews=True))
        keyframes = [*_QUIET, "-skip_frame", "nokey", "-i", str(source), "-an", "-vf", sprite(previews)]
        probe = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_chapters"]
        remux = [*_QUIET, "-i", str(source), "-c", "copy", "-movflags", _FRAGMENTED, f"{work}/plain.mp4"]
        hand.append(
            by_hand(
                [*probe, str(source)],
                remux,
                [*keyframes, "-frames:v", "1", f"{work}/sprite.jpg"],
                [*_QUIET, "-i", str(source), "-vn", "-af", ",".join(SOUND), "-f", "null", "-"],
            )
        )
    middle = median(one.cpu_s for one in runs)
    report.at_most(
        f"{COPIED_S} s of 1080p30 H.264 described, copied and previewed, against four commands",
        middle / median(hand),
        1.5,
        f"{middle:.2f} CPU s; by hand {median(hand):.2f}; medians of {ROUNDS}",
    )
    return [one.peak_mb for one in runs]


def measure(work: Path, report: Report) -> None:
    """Both kinds of recording, and the memory beside ffmpeg's."""
    parts: tuple[Callable[[Path, Report], list[float]], ...] = (encoded, copied)
    peaks = [peak for part in parts for peak in part(work, report)]
    report.at_most(
        "memory of the process that runs the tools, at its peak, beside ffmpeg", max(peaks), 400, "MiB"
    )
