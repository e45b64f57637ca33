"""Requests to Custos as one person or station, and its refusals in its own words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from clients.demo.errors import DemoError

_SILENT_SECONDS = 300.0


class Refused(DemoError):
    """Custos said no; `status` and `code` are its answer's."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{detail} [{code}]")
        self.status = status
        self.code = code


class Unreachable(DemoError):
    """No answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body's JSON; raises Refused for a status that is no success."""
        if self.status >= 400:
            raise refusal(self.status, self.body)
        return json.loads(self.body)


def refusal(status: int, body: bytes) -> Refused:
    """What a response that is no success says."""
    try:
        said = json.loads(body)
        return Refused(status, str(said["code"]), str(said["detail"]))
    except (ValueError, KeyError, TypeError):
        return Refused(status, "no-words", f"Custos answered with status {status}")


class Caller:
    """One who asks: with a bearer token, or after `sign_in` with the session's cookie."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def sign_in(self, username: str, password: str) -> str:
        """Open a session; returns the identifier under which this person appears in events."""
        said = (await self.ask("POST", "/session", json={"username": username, "password": password})).json()
        return str(said["id"])

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """One request and its whole answer, whatever its status; raises Unreachable without one."""
        try:
            async with self.session.request(method, self.url + path, **options) as response:
                body = await response.read()
                return Answer(response.status, response.headers, body)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(f"Custos did not answer {method} {path}: {error or 'time is up'}.") from error

    async def get(self, path: str) -> Any:
        """The JSON at `path`."""
        return (await self.ask("GET", path)).json()


@asynccontextmanager
async def caller(url: str, token: str | None = None) -> AsyncIterator[Caller]:
    """Somebody who asks the server at `url`."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    # A server without a name has cookies too.
    jar = aiohttp.CookieJar(unsafe=True)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_SILENT_SECONDS)
    async with aiohttp.ClientSession(
        headers=headers, cookie_jar=jar, timeout=timeout, auto_decompress=False
    ) as session:
        yield Caller(url, session)
