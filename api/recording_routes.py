"""The routes of recordings that are made of segments."""

from __future__ import annotations

from api import recordings
from api.recording_schemas import GapReportOut, RecordingOut, RecordingPage
from api.routing import HLS, Answer, Parameter, Route, derived

RECORDING_ROUTES: tuple[Route, ...] = (
    Route("GET", "/items/{item}/recording", recordings.of_item, {200: Answer(RecordingOut)}),
    Route(
        "GET",
        "/recordings",
        recordings.recordings,
        {200: Answer(RecordingPage)},
        parameters=(Parameter("before", "query"),),
        errors=(400,),
    ),
    Route("GET", "/recordings/{recording}", recordings.recording, {200: Answer(RecordingOut)}),
    derived("/recordings/{recording}/playlist.m3u8", recordings.playlist, HLS),
    Route(
        "GET",
        "/gaps",
        recordings.gaps,
        {200: Answer(GapReportOut)},
        parameters=(
            Parameter("device", "query", required=True),
            Parameter("day", "query", required=True, pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
            Parameter("zone", "query", required=True, pattern="^(Z|[+-][0-9]{2}:[0-9]{2})$"),
            Parameter("unit", "query"),
        ),
        errors=(400,),
    ),
)
