"""What came in late, and what has not come in for long: one request each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evidence.agents import Role
from evidence.ids import earliest_id, new_id
from tests.integration.api.test_cases import photo
from tests.integration.api.test_lists import sent
from tests.serving.inside import Inside, served_inside

BEIJING = timedelta(hours=8)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Inside]:
    """A server of its own: everything there is is listed."""
    with served_inside(tmp_path / "data") as opened:
        yield opened


def ago(**much: int) -> str:
    """A time that a camera in Beijing shows and gives no zone to."""
    return (datetime.now(UTC) + BEIJING - timedelta(**much)).replace(tzinfo=None).isoformat()


def test_a_recording_is_late_by_its_own_clock(server: Inside, clip: Path) -> None:
    supervisor = server.client(Role.SUPERVISOR)
    late = sent(server, clip, ago(hours=50))
    sent(server, clip, ago(hours=3))
    server.client(Role.OFFICER).kept(photo(), "no-clock.png")
    (found,) = supervisor.get("/overdue/uploads").json()["items"]
    assert (found["item"], found["hours"], found["device"]) == (late, 49, "DSJ-7")
    assert supervisor.get("/overdue/uploads?hours=72").json()["items"] == []
    assert len(supervisor.get("/overdue/uploads?hours=1").json()["items"]) == 2
    assert server.client(Role.SUPERVISOR, "south").get("/overdue/uploads?hours=1").json()["items"] == []
    shown = [event for event in server.events("list.shown") if event["detail"]["of"] == "late uploads"]
    assert shown[0]["subjects"] == [{"id": late, "kind": "item"}]


def test_a_device_is_silent_once_nothing_has_come_for_long(server: Inside) -> None:
    supervisor, officer = server.client(Role.SUPERVISOR), server.client(Role.OFFICER)
    items = {name: officer.kept(photo(), "a.png", device=name) for name in ("CAM-1", "CAM-2", "CAM-3")}
    officer.kept(photo(), "b.png", device="CAM-3")

    def back(tx: Any) -> None:
        for name in ("CAM-1", "CAM-3"):
            tx.connection.exec_driver_sql(
                "UPDATE items SET committed_at = committed_at - ? WHERE id = ?",
                (timedelta(hours=30) // timedelta(microseconds=1), items[name]),
            )

    server.do(server.services.catalogue.write(back))
    assert [one["device"] for one in supervisor.get("/overdue/devices").json()["devices"]] == ["CAM-1"]
    assert supervisor.get("/overdue/devices?hours=48").json()["devices"] == []
    assert server.client(Role.REVIEWER, "south").get("/overdue/devices").json()["devices"] == []


@pytest.mark.parametrize("hours", ["0", "721", "x", "-1", "999999"])
def test_hours_that_cannot_be_meant_are_refused(server: Inside, hours: str) -> None:
    for what in ("uploads", "devices"):
        answer = server.client(Role.SUPERVISOR).get(f"/overdue/{what}?hours={hours}")
        assert (answer.status, answer.code) == (400, "bad-hours")


def test_identifiers_are_cut_off_at_an_instant() -> None:
    at = datetime(2026, 11, 25, 8, 30, 0, 123_000, tzinfo=UTC)
    before, after = at - timedelta(milliseconds=1), at
    assert new_id(before) < earliest_id(at) < new_id(after)
