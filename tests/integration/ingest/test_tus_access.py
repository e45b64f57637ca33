"""Who may send, and what those are told who may not."""

from __future__ import annotations

import pytest

from evidence.agents import Role
from tests.serving.client import OCTETS, TUS, Client
from tests.serving.inside import Inside


def test_nobody_sends_without_signing_in(inside: Inside) -> None:
    stranger = Client(inside.url)
    for method, path in (("POST", "/uploads"), ("HEAD", "/uploads/x"), ("PATCH", "/uploads/x")):
        assert stranger.ask(method, path, headers=TUS).status == 401
    wrong = Client(inside.url, "no-such-token").create(10)
    assert (wrong.status, wrong.code) == (401, "sign-in-needed")


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.AUDITOR, Role.ADMINISTRATOR])
def test_who_may_not_send_is_told_nothing(inside: Inside, role: Role) -> None:
    answer = inside.client(role).create(10)
    assert (answer.status, answer.code) == (404, "not-found")


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("HEAD", "", None),
        ("GET", "", None),
        ("PATCH", "", b"0123456789"),
        ("DELETE", "", None),
        ("GET", "/receipt", None),
        ("POST", "/salvage", b'{"reason": "why"}'),
    ],
)
def test_another_units_upload_looks_like_none(
    inside: Inside, method: str, below: str, body: bytes | None
) -> None:
    upload = inside.client(Role.STATION, "north").created(10)
    nowhere = "/uploads/" + "0" * 8 + upload.rpartition("/")[2][8:]
    foreign = inside.client(Role.STATION, "south")
    headers = {
        **TUS,
        "Upload-Offset": "0",
        "Content-Type": OCTETS if method == "PATCH" else "application/json",
    }
    there, none = (foreign.ask(method, path + below, body, headers) for path in (upload, nowhere))
    assert there.status == none.status == 404
    assert there.body == none.body
    kept = [[pair for pair in one.headers.items() if pair[0] != "Date"] for one in (there, none)]
    assert kept[0] == kept[1]
    assert inside.client(Role.STATION, "north").offset(upload) == 0
