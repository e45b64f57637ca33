"""The server is as its OpenAPI document says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.openapi import document
from api.routes import ROUTES
from custos import __version__
from evidence.agents import Role
from tests.serving.client import Client
from tests.serving.inside import Inside, served_inside

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(document(ROUTES, __version__))


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """A server of its own: what is tried here leaves many traces."""
    with served_inside(tmp_path_factory.mktemp("described") / "data") as server:
        yield server


def test_the_document_is_openapi_3_1_and_the_one_that_is_served(described: Inside) -> None:
    assert Client(described.url).get("/openapi.json").json() == SCHEMA.raw_schema
    assert SCHEMA.raw_schema["openapi"] == "3.1.0"
    SCHEMA.validate()


@pytest.fixture(scope="module")
def known(described: Inside, clip: Path) -> dict[str, str]:
    """Something that is really there, for each name in a path."""
    sender = described.client(Role.SUPERVISOR)
    item = sender.kept(clip.read_bytes(), "clip.mp4")
    case = sender.post("/cases", {"number": "known"}).json()["id"]
    linked = sender.post(f"/cases/{case}/links", {"items": [item]})
    assert linked.status == 200
    sender.post("/schedules", {"rules": [{"days": 100, "basis": "b"}], "reason": "r"})
    hold = sender.post(f"/cases/{case}/holds", {"reason": "r", "authority": "a"}).json()["id"]
    recording = sender.get(f"/items/{item}/recording").json()["id"]
    return {
        "item": item,
        "case": case,
        "version": "1",
        "hold": hold,
        "recording": recording,
        "upload": sender.created(1000).rpartition("/")[2],
    }


@schemathesis.serializer("application/offset+octet-stream")
def as_it_is(_context: schemathesis.SerializationContext, value: object) -> bytes:
    """Bytes go over the wire as they are."""
    return value if isinstance(value, bytes) else str(value).encode()


# The progress stream does not end, so it is tried elsewhere.
@SCHEMA.exclude(path="/progress").parametrize()
@SCHEMA.given(real=st.booleans())
@settings(
    max_examples=8, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
def test_every_answer_is_one_that_is_described(
    case: schemathesis.Case, described: Inside, known: dict[str, str], real: bool
) -> None:
    for name in (case.path_parameters or {}).keys() & known.keys() if real else ():
        case.path_parameters[name] = known[name]
    # DELETE /session ends whatever credential it came with, so each such request has its own.
    ends = case.method == "DELETE" and case.path == "/session"
    who = described.another(Role.SUPERVISOR) if ends else described.client(Role.SUPERVISOR)
    case.call_and_validate(base_url=described.url, headers=who.headers(), checks=CHECKS, timeout=60)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health(inside: Inside, path: str) -> None:
    answer = Client(inside.url).get(path)
    assert (answer.status, answer.json()) == (200, {"status": "ok"})


def test_metrics_name_routes_and_nobody(inside: Inside) -> None:
    secret = "0190-an-item-that-nobody-may-learn-of"
    assert inside.client(Role.REVIEWER).get(f"/items/{secret}").status == 404
    answer = Client(inside.url).get("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = answer.body.decode()
    assert 'custos_requests_total{route="/items/{item}",status="404"}' in text
    assert secret not in text


def test_the_docs_page_lists_every_route(inside: Inside) -> None:
    document = Client(inside.url).get("/openapi.json").json()
    page = Client(inside.url).get("/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    for path in document["paths"]:
        assert f"<code>{path}</code>" in page.body.decode()


def test_the_page_runs_only_its_own_scripts(inside: Inside) -> None:
    answer = Client(inside.url).get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/static/vendor",
        "/static/vendor/../../app.py",
        "/nowhere",
    ],
)
def test_nothing_but_the_page_is_served(inside: Inside, path: str) -> None:
    answer = Client(inside.url).get(path)
    assert (answer.status, answer.code) == (404, "not-found")
    assert (answer.json()["status"], answer.json()["title"]) == (404, "Not found")


def test_an_unknown_method_is_a_problem_too(inside: Inside) -> None:
    answer = Client(inside.url).ask("PUT", "/items", b"")
    assert (answer.status, answer.code) == (405, "no-such-method")
    assert answer.json()["status"] == 405
    assert "GET" in answer.headers["Allow"]
