"""A transfer that outlives its viewing: authorised and recorded again, or ended."""

from __future__ import annotations

import http.client
import os

import pytest

from api import sending
from evidence.agents import Role
from evidence.errors import EventNotWritten
from retrieval.reading import Reading
from retrieval.viewings import OpenViewing, ViewingDesk
from tests.serving.inside import Inside

SIZE = 3 << 20


@pytest.fixture
def item(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> tuple[str, bytes]:
    """An original of three stretches, whose first viewing ends after the first of them."""
    data = os.urandom(SIZE)
    item_id = inside.client(Role.SUPERVISOR).kept(data, "long.bin")
    monkeypatch.setattr(sending, "STRETCH", 1 << 20)
    original = ViewingDesk.is_live
    ended: list[OpenViewing] = []

    def is_live(self: ViewingDesk, entered: OpenViewing) -> bool:
        # The server is shared: it asks the same about viewings that earlier tests have left open.
        if entered.viewing.item_id == item_id and entered.sent and not ended:
            ended.append(entered)
        return entered not in ended and original(self, entered)

    monkeypatch.setattr(ViewingDesk, "is_live", is_live)
    return item_id, data


def test_it_goes_on_under_a_new_viewing(inside: Inside, item: tuple[str, bytes]) -> None:
    item_id, data = item
    client = inside.client(Role.SUPERVISOR)
    assert client.get(f"/items/{item_id}/original").body == data
    history = client.history(item_id)
    opened = [event["detail"] for event in history if event["type"] == "viewing.opened"]
    closed = [event["detail"] for event in history if event["type"] == "viewing.closed"]
    assert [(one["from"], one["to"]) for one in opened] == [(0, SIZE), (1 << 20, SIZE)]
    assert [one["ranges"] for one in closed] == [[[0, 1 << 20]], [[1 << 20, SIZE]]]


def test_nothing_more_leaves_when_it_cannot_be_recorded(
    inside: Inside, item: tuple[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    item_id, data = item
    client = inside.client(Role.SUPERVISOR)
    enter = Reading.enter
    entered: list[object] = []

    async def failing(self: Reading, *arguments: object) -> OpenViewing:
        if entered:
            raise EventNotWritten
        entered.append(arguments)
        return await enter(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Reading, "enter", failing)
    with client.asking("GET", f"/items/{item_id}/original") as response:
        with pytest.raises(http.client.IncompleteRead) as cut:
            response.read()
        assert cut.value.partial == data[: 1 << 20]
