"""The page says what the code does, and the table leaves no kind of file out."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from custos.commands.formats import page
from transcode.containers import FORMAT_WHITELIST, PICTURE_FORMATS
from transcode.formats import FORMATS, outcome
from transcode.routes import Route

_PAGE = Path(__file__).parents[3] / "docs" / "media.md"


def test_the_beginning_of_the_page_in_the_documentation_is_the_generated_one() -> None:
    assert _PAGE.read_text("utf-8").startswith(page() + "\n## "), (
        "put what `custos formats` prints before the first section of docs/media.md"
    )


def test_every_route_is_in_the_table() -> None:
    assert {outcome(form).decision.route for form in FORMATS} == set(get_args(Route))


def test_recordings_are_in_containers_that_ffmpeg_is_let_open() -> None:
    allowed = set(FORMAT_WHITELIST.split(",")) - set(PICTURE_FORMATS.split(","))
    for form in FORMATS:
        if form.container.kind == "recording":
            assert form.container.name in allowed, form.name


def test_a_document_that_cannot_be_drawn_gets_no_pictures() -> None:
    drawn = {form.container.name: outcome(form).previews for form in FORMATS if not form.streams}
    assert drawn == {"pdf": "poster, preview", "ofd": "none"}


def test_what_is_shown_names_every_stream() -> None:
    angles = next(form for form in FORMATS if form.name == "MP4, two angles")
    assert outcome(angles).shown == "video copied; sound copied; video 2 to choose, copied"
    telemetry = next(form for form in FORMATS if form.name.startswith("MP4 with telemetry"))
    assert outcome(telemetry).shown == "video copied; sound copied; stream 2 not shown"
