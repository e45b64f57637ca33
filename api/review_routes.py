"""The routes of marks, playback sessions, clips, reviews and samples."""

from __future__ import annotations

from pydantic import BaseModel

from api import playback, review
from api.case_schemas import Reason
from api.playback_schemas import (
    ClipList,
    ClipOut,
    ClipWanted,
    PlaybackOut,
    PlaybackWanted,
    SessionOut,
    WatchedList,
    WatchedWanted,
)
from api.review_schemas import (
    MarkList,
    MarkOut,
    MarkWanted,
    PopulationOut,
    QueuePage,
    ReviewList,
    ReviewOut,
    ReviewWanted,
    SampleDetail,
    SampleOut,
    SamplePage,
    SampleWanted,
)
from api.routing import EMPTY, Answer, Handler, Parameter, Route, header, served


def _read(path: str, handler: Handler, answer: type[BaseModel], *parameters: str) -> Route:
    asked = tuple(Parameter(name, "query") for name in parameters)
    return Route("GET", path, handler, {200: Answer(answer)}, None, asked, (400,), tag="review")


def _make(path: str, handler: Handler, body: type[BaseModel], answer: type[BaseModel], *errors: int) -> Route:
    return Route("POST", path, handler, {201: Answer(answer)}, body, errors=(400, *errors), tag="review")


def _withdraw(path: str, handler: Handler) -> Route:
    return Route("POST", path, handler, {204: EMPTY}, Reason, errors=(400, 409), tag="review")


def _cut(path: str, handler: Handler) -> Route:
    asked = (header("X-Purpose"),)
    return Route("POST", path, handler, {202: Answer(ClipOut)}, ClipWanted, asked, (400, 403), tag="review")


REVIEW_ROUTES: tuple[Route, ...] = (
    _make("/items/{item}/marks", review.mark_item, MarkWanted, MarkOut),
    _read("/items/{item}/marks", review.marks_of_item, MarkList),
    _make("/recordings/{recording}/marks", review.mark_recording, MarkWanted, MarkOut),
    _read("/recordings/{recording}/marks", review.marks_of_recording, MarkList),
    _withdraw("/marks/{mark}/withdrawal", review.withdraw_mark),
    _make("/playbacks", playback.open_playback, PlaybackWanted, PlaybackOut, 403),
    Route(
        "POST",
        "/playbacks/{playback}/watched",
        playback.tell_watched,
        {200: Answer(SessionOut)},
        WatchedWanted,
        errors=(400, 403, 409),
        tag="review",
    ),
    Route("DELETE", "/playbacks/{playback}", playback.close_playback, {204: EMPTY}, tag="review"),
    _read("/items/{item}/watched", playback.watched_item, WatchedList),
    _read("/recordings/{recording}/watched", playback.watched_recording, WatchedList),
    _cut("/items/{item}/clips", playback.clip_item),
    _read("/items/{item}/clips", playback.clips_of_item, ClipList),
    _cut("/recordings/{recording}/clips", playback.clip_recording),
    _read("/recordings/{recording}/clips", playback.clips_of_recording, ClipList),
    _read("/clips/{clip}", playback.clip, ClipOut),
    served("/clips/{clip}/clip.mp4", playback.clip_bytes),
    _make("/items/{item}/reviews", review.write_review, ReviewWanted, ReviewOut, 409),
    _read("/items/{item}/reviews", review.reviews_of, ReviewList),
    _withdraw("/reviews/{review}/withdrawal", review.withdraw_review),
    _read("/reviews/queue", review.queue, QueuePage, "after"),
    _make("/samples", review.draw, SampleWanted, SampleOut),
    _read("/samples", review.samples, SamplePage, "before"),
    _read("/samples/{sample}", review.sample, SampleDetail),
    _read("/samples/{sample}/population", review.population, PopulationOut),
)
