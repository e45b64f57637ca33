"""Somebody who talks to a Custos and knows nothing but HTTP and tus."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.serving.waiting import PATIENCE_SECONDS, eventually

TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = "application/offset+octet-stream"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The stable code of a problem."""
        code: str = self.json()["code"]
        return code


def metadata(**pairs: str) -> str:
    """An `Upload-Metadata` header; an underscore in a key stands for a hyphen."""
    return ",".join(
        f"{key.replace('_', '-')} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items()
    )


def checksum(algorithm: str, data: bytes) -> str:
    """An `Upload-Checksum` header."""
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who talks to a server, over one new connection a request."""

    url: str
    token: str | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def through(self, url: str) -> Client:
        """The same somebody, by another way."""
        return Client(url, self.token)

    def headers(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """What every request carries."""
        signed = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        return {**signed, **(more or {})}

    @contextmanager
    def asking(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """An answer of which the headers are here and the body is not read yet."""
        connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, self.headers(headers))
            with connection.getresponse() as response:
                yield response
        finally:
            connection.close()

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request and its whole answer."""
        with self.asking(method, path, body, headers) as response:
            return Answer(response.status, response.headers, response.read())

    def get(self, path: str, **headers: str) -> Answer:
        """GET; an underscore in a header's name stands for a hyphen."""
        return self.ask("GET", path, headers={key.replace("_", "-"): value for key, value in headers.items()})

    def post(self, path: str, body: object, method: str = "POST") -> Answer:
        """JSON, by POST or another method."""
        return self.ask(method, path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def dial(self, receive_bytes: int | None = None) -> socket.socket:
        """A bare connection, with a receive buffer of `receive_bytes` if given."""
        line = socket.socket()
        line.settimeout(PATIENCE_SECONDS)
        if receive_bytes is not None:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        line.connect(self.address)
        return line

    def request_head(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> bytes:
        """A request's head as it goes over the wire."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(self.url).netloc}"]
        lines += [f"{key}: {value}" for key, value in self.headers(headers).items()]
        return "\r\n".join([*lines, "", ""]).encode()

    # Sending a recording.

    def create(self, length: int, filename: str = "clip.bin", **pairs: str) -> Answer:
        """A tus creation."""
        about = metadata(filename=filename, **pairs)
        return self.ask(
            "POST", "/uploads", headers={**TUS, "Upload-Length": str(length), "Upload-Metadata": about}
        )

    def created(self, length: int, filename: str = "clip.bin", **pairs: str) -> str:
        """The path of a new upload."""
        answer = self.create(length, filename, **pairs)
        assert answer.status == 201, answer.body
        return answer.headers["Location"]

    def patch(self, upload: str, offset: int, data: bytes, **headers: str) -> Answer:
        """More bytes for the upload at the path `upload`."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.ask(
            "PATCH",
            upload,
            data,
            {**TUS, "Content-Type": OCTETS, "Upload-Offset": str(offset), **named},
        )

    def offset(self, upload: str) -> int:
        """How many bytes of the upload are durable."""
        answer = self.ask("HEAD", upload, headers=TUS)
        assert answer.status == 200
        return int(answer.headers["Upload-Offset"])

    def send(self, data: bytes, filename: str = "clip.bin", **pairs: str) -> str:
        """Upload all of `data`; the upload's path."""
        upload = self.created(len(data), filename, **pairs)
        if data:
            answer = self.patch(upload, 0, data)
            assert answer.status == 204, answer.body
        return upload

    def committed(self, upload: str) -> str:
        """The item that the upload has become, once it has."""

        def look() -> str | None:
            state = self.get(upload).json()
            assert state["state"] in ("accepted", "committed"), state
            return state["item"] if state["state"] == "committed" else None

        return eventually(look, "the upload is committed")

    def kept(self, data: bytes, filename: str = "clip.bin", **pairs: str) -> str:
        """Send `data` and wait until it is an item; the item."""
        return self.committed(self.send(data, filename, **pairs))

    def settled(self, item: str) -> dict[str, Any]:
        """The item as the server shows it, once no work on it is left."""

        def look() -> dict[str, Any] | None:
            shown: dict[str, Any] = self.get(f"/items/{item}").json()
            done = all(job["state"] in ("done", "failed") for job in shown["jobs"])
            stages = {job["stage"] for job in shown["jobs"]}
            return shown if done and {"read-back", "describe"} <= stages else None

        return eventually(look, "the work on the item is done")

    def receipt(self, upload: str, *, completed: bool = True) -> str:
        """The newest receipt, by default only once it states the read-back."""

        def look() -> str | None:
            answer = self.get(f"{upload}/receipt")
            if answer.status != 200:
                assert answer.code == "not-yet"
                return None
            jws = answer.body.decode()
            return jws if statement(jws)["read_back"] or not completed else None

        return eventually(look, "there is a receipt")

    def history(self, item: str) -> list[dict[str, Any]]:
        """The item's events, each with its detail."""
        answer = self.get(f"/items/{item}/history")
        assert answer.status == 200
        return [{**line["event"], "detail": line["detail"]} for line in answer.json()["events"]]


def statement(jws: str) -> dict[str, Any]:
    """What a receipt says, unverified."""
    part = jws.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def tus_path(location: str) -> str:
    """The path in a URL that a tus client keeps."""
    return urlsplit(location).path
