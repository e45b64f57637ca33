"""Progress as server-sent events: all of a unit's, none of another's, no gap and no repeat on a reconnect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evidence.agents import Role
from tests.serving.client import Client
from tests.serving.tree import Tree

STAGES = {"commit", "read-back", "describe", "playable", "preview", "prove", "fingerprint"}


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    id: int
    kind: str
    data: dict[str, Any]


@contextmanager
def listening(client: Client, after: int | None = None) -> Iterator[Iterator[Event]]:
    """The stream's events as they come."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with client.asking("GET", "/progress", headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["Cache-Control"] == "private, no-store"

        yield _parsed(response)


def _parsed(response: Any) -> Iterator[Event]:
    fields: dict[str, str] = {}
    while line := response.readline().decode():
        name, _, value = line.rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            yield Event(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}
    raise AssertionError("the stream ended")


def until_done(events: Iterator[Event], stages: set[str]) -> list[Event]:
    """Events up to the one with which the last of these stages is done."""
    found: list[Event] = []
    left = set(stages)
    for event in events:
        found.append(event)
        if event.kind == "job" and event.data["state"] == "done":
            left.discard(event.data["stage"])
        if not left:
            break
    return found


@pytest.fixture
def supervisor(tree: Tree) -> Client:
    return tree.client(Role.SUPERVISOR)


def test_an_upload_is_followed_to_its_poster(supervisor: Client, clip: Path) -> None:
    with listening(supervisor) as events:
        assert next(events).kind == "position"
        upload = supervisor.send(clip.read_bytes(), "clip.mp4")
        found = until_done(events, STAGES)
    item = supervisor.committed(upload)
    subjects = {event.data["stage"]: event.data["subject"] for event in found}
    assert subjects.pop("commit") == upload.rpartition("/")[2]
    assert set(subjects.values()) == {item}
    for stage in STAGES:
        states = [event.data["state"] for event in found if event.data["stage"] == stage]
        assert states[0] == "queued"
        assert states[-1] == "done"
        assert found[-1].id == max(event.id for event in found)


def test_a_reconnect_loses_and_repeats_nothing(supervisor: Client, clip: Path) -> None:
    with listening(supervisor) as events:
        start = next(events).id
    supervisor.send(clip.read_bytes(), "clip.mp4")
    pieces: list[Event] = []
    at = start
    left = set(STAGES)
    while left:
        # A line that breaks after every third event.
        with listening(supervisor, at) as events:
            position = next(events)
            assert (position.kind, position.id) == ("position", at)
            for _ in range(3):
                event = next(events)
                pieces.append(event)
                at = event.id
                if event.data["state"] == "done":
                    left.discard(event.data["stage"])
                if not left:
                    break
    with listening(supervisor, start) as events:
        assert next(events).kind == "position"
        whole = [next(events) for _ in pieces]
    assert pieces == whole
    assert [event.id for event in pieces] == sorted({event.id for event in pieces})


def test_another_unit_sees_nothing_of_it(tree: Tree, supervisor: Client) -> None:
    foreign = tree.client(Role.SUPERVISOR, "south")
    with listening(foreign) as events:
        next(events)
        theirs = supervisor.send(b"of the north")
        supervisor.settled(supervisor.committed(theirs))
        own = foreign.send(b"of the south")
        found = until_done(events, {"commit", "read-back", "describe"})
    item = foreign.committed(own)
    assert {event.data["subject"] for event in found} == {own.rpartition("/")[2], item}


def test_listening_is_on_record(tree: Tree, supervisor: Client) -> None:
    for cursor in ("x", "-1", "9" * 19, "1.5"):
        answer = supervisor.ask("GET", "/progress", headers={"Last-Event-ID": cursor})
        assert (answer.status, answer.code) == (400, "bad-event-id")
    assert Client(tree.url).get("/progress").status == 401
    assert tree.client(Role.AUDITOR).get("/jobs").status == 200
