"""What a log line looks like, and what never stands in one."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from custos import logs
from storage.objects.s3.client import Bucket
from storage.objects.s3.place import Place


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The test runner's own logging, put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def _lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_without_a_terminal_a_line_is_a_json_object_with_its_extras() -> None:
    stream = io.StringIO()
    logs.set_up("info", stream)
    logging.getLogger("custos.x").info("part %s", "api", extra={"part": "api", "failures": 2, "who": None})
    (line,) = _lines(stream)
    assert str(line.pop("at")).endswith("Z")
    assert line == {
        "level": "info",
        "logger": "custos.x",
        "message": "part api",
        "part": "api",
        "failures": 2,
        "who": None,
    }


@pytest.mark.parametrize(("level", "told"), [("info", False), ("debug", True)])
def test_where_a_buckets_keys_are_from_is_no_news(level: str, told: bool, tmp_path: Path) -> None:
    stream = io.StringIO()
    logs.set_up(level, stream)
    keys = tmp_path / "keys"
    keys.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    Bucket(Place("evidence", "http://127.0.0.1:1", credentials=keys))
    assert ("Found credentials" in stream.getvalue()) == told
    logging.getLogger("botocore.credentials").warning("they expire")
    assert "they expire" in stream.getvalue()


def test_an_exception_brings_its_trace() -> None:
    stream = io.StringIO()
    logs.set_up("info", stream)
    try:
        int("amqp://custos:hunter2@host")
    except ValueError:
        logging.getLogger().exception("lost")
    (line,) = _lines(stream)
    assert "ValueError: " in str(line["trace"])
    assert "amqp://(withheld)@host" in str(line["trace"])


def test_a_terminal_gets_text_in_which_a_name_cannot_forge_a_line() -> None:
    stream = _Terminal()
    logs.set_up("info", stream)
    logging.getLogger().warning("got %s", "a\n12:00:00 info forged\x1b[2J", extra={"item": "x\x9b"})
    text = stream.getvalue()
    first, second = text.splitlines()
    assert " warning got a" in first
    assert second.startswith("         12:00:00")
    assert "\\x1b[2J item=x\\x9b" in second
    assert "\x1b" not in text


def test_less_important_messages_are_left_out() -> None:
    stream = io.StringIO()
    logs.set_up("warning", stream)
    logging.getLogger("x").info("no")
    logging.getLogger("x").warning("yes")
    assert [line["message"] for line in _lines(stream)] == ["yes"]


@pytest.mark.parametrize(
    "text",
    [
        "redis://:hunter2@localhost:6379/0",
        "amqp://user:hunter2@host",
        "Authorization: Bearer hunter2",
        "authorization: basic hunter2==",
    ],
)
def test_secrets_in_text_are_withheld(text: str) -> None:
    stream = io.StringIO()
    logs.set_up("info", stream)
    logging.getLogger().info("got %s", text, extra={"seen": text})
    assert "hunter2" not in stream.getvalue()
    assert "(withheld)" in stream.getvalue()


@pytest.mark.parametrize("name", ["password", "api_token", "client_secret", "Authorization", "set_cookie"])
@pytest.mark.parametrize("stream", [io.StringIO, _Terminal])
def test_fields_that_are_named_like_secrets_are_withheld(name: str, stream: type[io.StringIO]) -> None:
    out = stream()
    logs.set_up("info", out)
    logging.getLogger().info("hello", extra={name: "hunter2"})
    assert "hunter2" not in out.getvalue()


def test_addresses_without_a_password_stay_as_they_are() -> None:
    assert logs.withheld("ready at http://127.0.0.1:8420/a@b") == "ready at http://127.0.0.1:8420/a@b"


def test_setting_up_again_replaces_and_warnings_are_logged() -> None:
    first, second = io.StringIO(), io.StringIO()
    logs.set_up("info", first)
    logs.set_up("info", second)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", UserWarning, stacklevel=1)
        logging.captureWarnings(False)
    assert first.getvalue() == ""
    assert len(_lines(second)) == 1
