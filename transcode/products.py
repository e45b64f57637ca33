"""What ffmpeg left in its output directory, taken out as renditions.

Invariants: only plain files are taken; each is parsed or decoded before it is handed on, whatever the
exit code said; what a product lacks is left out, except the one that was asked for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from PIL import Image

from evidence.canonical import Json, canonical
from evidence.errors import StageFailed
from evidence.ports.media import Made
from transcode import fragments
from transcode.findings import analysis, printed, silent_until
from transcode.graphs import (
    PLAYABLE_NAME,
    POSTER_NAME,
    PRINTED,
    SPRITE_NAME,
    Previews,
    printed_name,
    track_name,
)
from transcode.outputs import opened_plain
from transcode.routes import Decision, Track, track_kind

#: A printed file that is longer is read this far: marks are capped anyhow.
_PRINTED_BYTES = 16 << 20
_ANALYSIS_NAME = "analysis.json"


def playable_in(out: Path, provenance: Mapping[str, Json]) -> Made:
    """The playable copy; raises StageFailed, final, if nothing in it can be played."""
    return fragmented_in(out / PLAYABLE_NAME, "playable", provenance)


def tracks_in(out: Path, decision: Decision, provenance: Mapping[str, Json]) -> list[Made]:
    """The further tracks that came out whole; what is missing has to be made by itself."""
    made = []
    for track in decision.tracks:
        with suppress(StageFailed):
            made.append(track_in(out, track, provenance))
    return made


def track_in(out: Path, track: Track, provenance: Mapping[str, Json]) -> Made:
    """A further track; raises StageFailed, final, if nothing in it can be played."""
    about = {**provenance, "track": track.index, "encoded": not track.copied}
    return fragmented_in(out / track_name(track.index), track_kind(track.index), about)


def previews_in(
    out: Path, previews: Previews, length_us: int | None, provenance: Mapping[str, Json]
) -> list[Made]:
    """Poster, sprite sheet and analysis, as far as they came out."""
    about = {**provenance, "profile": previews.profile.name}
    texts = {what: text for what in PRINTED if (text := _text(out / printed_name(what))) is not None}
    made = []
    poster = poster_in(out, previews.profile.poster_side, about)
    if poster is not None:
        made.append(poster)
    sheet_width = previews.profile.sprite_columns * previews.profile.sprite_width
    sheet_height = previews.profile.sprite_rows * previews.profile.sprite_height
    sheet = picture_size(out / SPRITE_NAME, max(sheet_width, sheet_height))
    times = [one.at_us for one in printed(texts.pop("sprite-times", ""))]
    if sheet is not None and times:
        fits = previews.sprite_rows * previews.profile.sprite_columns
        layout: dict[str, Json] = {
            "columns": previews.profile.sprite_columns,
            "width": previews.profile.sprite_width,
            "height": previews.profile.sprite_height,
            "times_us": [*times[:fits]],
            "duration_us": length_us,
        }
        made.append(Made("sprite", out / SPRITE_NAME, "image/jpeg", about, layout))
    if texts:
        found = analysis(
            texts, every_frame=previews.every_frame, window_us=previews.peak_window_us, length_us=length_us
        )
        path = out / _ANALYSIS_NAME
        path.write_bytes(canonical(found))
        layout = {"silent_until_us": silent_until(found)}
        made.append(Made("analysis", path, "application/json", about, layout))
    return made


def poster_in(out: Path, longest_side: int, provenance: Mapping[str, Json]) -> Made | None:
    """The poster, None if there is none that can be decoded."""
    size = picture_size(out / POSTER_NAME, longest_side)
    if size is None:
        return None
    layout: dict[str, Json] = {"width": size[0], "height": size[1]}
    return Made("poster", out / POSTER_NAME, "image/jpeg", provenance, layout)


def picture_size(path: Path, longest_side: int) -> tuple[int, int] | None:
    """Width and height of the JPEG at `path` once it has been decoded; None if it is none, or too large."""
    descriptor = opened_plain(path)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as file:
        try:
            with Image.open(file, formats=["JPEG"]) as image:
                width, height = image.size
                if max(width, height) > longest_side:
                    return None
                image.load()
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return None
    return width, height


def fragmented_in(path: Path, kind: str, provenance: Mapping[str, Json]) -> Made:
    """The fragmented MP4 at `path`; raises StageFailed, final, if nothing in it can be played."""
    descriptor = opened_plain(path)
    if descriptor is None:
        raise StageFailed("nothing-made", "ffmpeg made nothing of this file: it is damaged.", final=True)
    with os.fdopen(descriptor, "rb") as file:
        try:
            layout = fragments.layout(fragments.parse(file))
        except ValueError as error:
            raise StageFailed(
                "nothing-playable",
                "No playable picture or sound could be taken from this file: it is damaged. "
                "The original is kept as it is.",
                final=True,
            ) from error
    return Made(kind, path, "video/mp4" if layout["video"] else "audio/mp4", provenance, layout)


def _text(path: Path) -> str | None:
    descriptor = opened_plain(path)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(_PRINTED_BYTES).decode("ascii", "replace")
