"""Signing in by the page's way: a cookie that nobody else can use."""

from __future__ import annotations

import json
import os
from http.cookies import SimpleCookie

import pytest

from evidence.agents import Role
from tests.serving.client import Answer, Client
from tests.serving.inside import Inside
from tests.serving.tree import PASSWORD

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def username(inside: Inside) -> str:
    """Somebody who has a password."""
    name = f"li-{os.urandom(4).hex()}"
    inside.do(inside.services.accounts.add(name, "李雷", Role.REVIEWER, "north", PASSWORD))
    return name


def sign_in(inside: Inside, username: str, password: str) -> Answer:
    """POST /session."""
    body = json.dumps({"username": username, "password": password}).encode()
    return Client(inside.url).ask("POST", "/session", body, JSON)


def cookie_of(answer: Answer) -> dict[str, str]:
    """The header with which a browser goes on."""
    (morsel,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
    assert (morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, "Strict", "/")
    return {"Cookie": f"{morsel.key}={morsel.value}"}


def test_a_session_begins_and_ends(inside: Inside, username: str) -> None:
    nobody = Client(inside.url)
    answer = sign_in(inside, username, PASSWORD)
    assert answer.status == 201
    said = answer.json()
    assert (said["name"], said["role"], said["unit"]) == ("李雷", "reviewer", "north")
    cookie = cookie_of(answer)
    assert nobody.ask("GET", "/session", headers=cookie).json() == said
    assert nobody.ask("DELETE", "/session", headers=cookie).status == 204
    assert nobody.ask("GET", "/session", headers=cookie).status == 401
    for kind in ("session.opened", "session.closed"):
        assert said["id"] in {event["agent"] for event in inside.events(kind)}


def test_a_refusal_does_not_say_what_was_wrong(inside: Inside, username: str) -> None:
    wrong = sign_in(inside, username, "not the password")
    unknown = sign_in(inside, "nobody-of-that-name", PASSWORD)
    assert wrong.status == unknown.status == 401
    assert wrong.body == unknown.body
    assert "Set-Cookie" not in wrong.headers
    tried = [event["detail"]["username"] for event in inside.events("session.refused")]
    assert {username, "nobody-of-that-name"} <= set(tried)


def test_another_sites_page_cannot_act_in_somebodys_name(inside: Inside, username: str) -> None:
    cookie = cookie_of(sign_in(inside, username, PASSWORD))
    answer = Client(inside.url).ask("DELETE", "/session", headers={**cookie, "Sec-Fetch-Site": "cross-site"})
    assert (answer.status, answer.code) == (403, "forbidden-origin")
    assert Client(inside.url).ask("GET", "/session", headers=cookie).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer caf\xe9"},
        {"Authorization": "Basic dTpw"},
        {"Authorization": "Bearer " + "a" * 5000},
        {"Cookie": "custos_session="},
        {"Cookie": "custos_session=\xff\xfe"},
    ],
    ids=range(7),
)
def test_what_is_no_credential_is_nobody(inside: Inside, headers: dict[str, str]) -> None:
    answer = Client(inside.url).ask("GET", "/items", headers=headers)
    assert (answer.status, answer.code) == (401, "sign-in-needed")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b'{"username": "a"}', b'{"username": "\\ud800", "password": "b"}', b"\x00", b"[" * 50_000],
    ids=range(6),
)
def test_a_sign_in_that_cannot_be_understood_is_refused(inside: Inside, body: bytes) -> None:
    answer = Client(inside.url).ask("POST", "/session", body, JSON)
    assert (answer.status, answer.code) == (400, "bad-body")


def test_a_body_that_is_too_long_is_refused(inside: Inside) -> None:
    answer = Client(inside.url).ask("POST", "/session", b" " * 70_000, JSON)
    assert (answer.status, answer.code) == (400, "bad-body")
