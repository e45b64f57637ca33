"""How an upload ends without becoming an item, and when it no longer may."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from evidence.agents import Role
from tests.integration.ingest.sending import staged
from tests.serving.client import TUS, Client
from tests.serving.inside import Inside


def test_termination_ends_an_upload_and_drops_its_bytes(inside: Inside, station: Client) -> None:
    upload = station.created(100)
    assert station.patch(upload, 0, b"0123456789").status == 204
    assert staged(inside, upload).stat().st_size == 10
    assert station.ask("DELETE", upload, headers=TUS).status == 204
    assert station.ask("HEAD", upload, headers=TUS).status == 410
    assert station.get(upload).json()["state"] == "terminated"
    assert not list((inside.data / "staging").rglob(upload.rpartition("/")[2] + "*"))
    assert station.patch(upload, 10, b"more").status in (409, 410)


def test_what_was_accepted_cannot_be_terminated(inside: Inside, station: Client) -> None:
    upload = station.send(b"kept")
    assert station.ask("DELETE", upload, headers=TUS).status == 410
    item = station.committed(upload)
    assert inside.client(Role.REVIEWER).get(f"/items/{item}/original").body == b"kept"


def test_what_was_accepted_but_not_yet_committed_cannot_be_terminated(inside: Inside) -> None:
    station = inside.another(Role.STATION)
    inside.bell.answers = False
    try:
        upload = station.send(b"waiting")
        assert station.get(upload).json()["state"] == "accepted"
        assert station.ask("DELETE", upload, headers=TUS).status == 410
        answer = station.get(f"{upload}/receipt")
        assert (answer.status, answer.code) == (404, "not-yet")
    finally:
        inside.bell.answers = True
    inside.do(inside.services.work.ring())
    assert staged_is_gone(inside, upload)
    assert station.get(upload).json()["state"] in ("accepted", "committed")


def staged_is_gone(inside: Inside, upload: str) -> bool:
    """Whether the bytes have left the staging disk, or still wait for the job that takes them."""
    left = list((inside.data / "staging").rglob(upload.rpartition("/")[2] + "*"))
    return len(left) <= 1


def test_the_expiry_is_told_while_bytes_are_missing(station: Client) -> None:
    answer = station.create(20)
    upload = answer.headers["Location"]
    for one in (answer, station.ask("HEAD", upload, headers=TUS), station.patch(upload, 0, b"0123456789")):
        assert parsedate_to_datetime(one.headers["Upload-Expires"]) > datetime.now(UTC)
    assert "Upload-Expires" not in station.patch(upload, 10, b"0123456789").headers
