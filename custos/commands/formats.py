"""`custos formats`: what becomes of which format, as the first part of the page docs/media.md."""

from __future__ import annotations

import argparse

_HEAD = """\
# What is made of a recording

<!-- Down to "What a playable copy keeps" made by `custos formats`; change transcode/formats.py or
transcode/profiles.py and make it again. -->

The original stays as it is. What is made of it depends on codec and pixel format alone, never on the file's
name (`transcode/routes.py`). Codecs are called as ffprobe calls them; "said of it" is the sentence beside the
item. A recording in which reading through counted a fault has its video encoded, whatever its codec.

| file | streams | route | shown | previews | said of it |
|---|---|---|---|---|---|
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("formats", help="list what becomes of which format as a Markdown page")
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Print it. Reads no settings and runs no tool."""
    print(page(), end="")
    return 0


def page() -> str:
    """The generated part of the page docs/media.md."""
    from transcode.formats import FORMATS, outcome

    rows = []
    for form in FORMATS:
        found = outcome(form)
        content = f"`{form.content()}`" if form.streams else "none"
        rows.append(
            f"| {form.name} | {content} | `{found.decision.route}` | {found.shown} | {found.previews} "
            f"| {found.decision.reason} |"
        )
    return _HEAD + "\n".join(rows) + "\n\n" + _values()


def _values() -> str:
    from evidence.clips import LONGEST_CLIP_MS
    from transcode.findings import MOST_MARKS
    from transcode.pictures import MOST_PIXELS, SIDES
    from transcode.presentation import MOST_RUNS
    from transcode.profiles import CLIP, ENCODERS, PREVIEWS, PROXY
    from transcode.routes import MOST_TRACKS

    rates = ", ".join(f"{rate:,}" for rate in PROXY.audio_sample_rates)
    sheet = PREVIEWS.sprite_columns * PREVIEWS.sprite_rows
    rows = {
        f"encoded video (`{PROXY.name}`)": (
            f"H.264, 4:2:0, 8 bits, at most {PROXY.longest_side:,} pixels a side, never enlarged; constant "
            f"rate factor {PROXY.constant_rate_factor}, preset {PROXY.preset}, {PROXY.b_frames} B-frames; "
            f"a keyframe at least every {PROXY.keyframe_every} s"
        ),
        "encoder": "the first of "
        + ", ".join(f"`{one.name}`" for one in ENCODERS)
        + " that encodes a trial picture (`media.encoder`)",
        f"encoded sound (`{PROXY.name}`)": (
            f"AAC, {PROXY.audio_rate // 1000} kbit/s, {' or '.join(PROXY.audio_layouts)}; "
            f"the nearest of {rates} Hz"
        ),
        f"clips (`{CLIP.name}`)": (
            f"H.264, at most {CLIP.longest_side:,} pixels a side, constant rate factor "
            f"{CLIP.constant_rate_factor}; AAC, {CLIP.audio_rate // 1000} kbit/s, stereo, "
            f"{CLIP.audio_sample_rates[0]:,} Hz; {LONGEST_CLIP_MS // 60_000} minutes at most"
        ),
        "tracks to choose": f"{MOST_TRACKS} at most; what lies beyond is named and not offered",
        f"poster (`{PREVIEWS.name}`)": (
            f"at most {PREVIEWS.poster_side} pixels a side, from a tenth into the recording"
        ),
        f"sprite sheet (`{PREVIEWS.name}`)": (
            f"{sheet} pictures at most, {PREVIEWS.sprite_columns} a row, {PREVIEWS.sprite_width} × "
            f"{PREVIEWS.sprite_height} pixels, at least {_s(PREVIEWS.sprite_every_ms)} apart"
        ),
        f"scenes (`{PREVIEWS.name}`)": f"a change of {PREVIEWS.scene_threshold} % or more (scdet)",
        f"black (`{PREVIEWS.name}`)": f"for {_s(PREVIEWS.black_ms)} or longer (blackdetect)",
        f"freeze (`{PREVIEWS.name}`)": f"for {_s(PREVIEWS.freeze_ms)} or longer (freezedetect)",
        f"silence (`{PREVIEWS.name}`)": (
            f"below {PREVIEWS.silence_db} dBFS for {_s(PREVIEWS.silence_ms)} or longer (silencedetect)"
        ),
        "marks of one kind": f"{MOST_MARKS:,} at most, the earliest",
        f"waveform (`{PREVIEWS.name}`)": (
            f"about {PREVIEWS.peaks:,} peaks at most, each of at least {PREVIEWS.peak_window_us // 1000} ms"
        ),
        "runs in a presentation map": f"{MOST_RUNS:,} at most; how many were left out is counted",
        "pictures and first pages": (
            f"{' and '.join(f'{kind} at most {side:,} pixels a side' for kind, side in SIDES.items())}; "
            f"nothing above {MOST_PIXELS // 1_000_000} million pixels is decoded"
        ),
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| what | values and limits |", "|---|---|", *lines]) + "\n"


def _s(milliseconds: int) -> str:
    return f"{milliseconds / 1000:g} s"
