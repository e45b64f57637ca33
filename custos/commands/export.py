"""`custos export`: an export asked for, fetched and verified, over the same HTTP as everybody else's."""

from __future__ import annotations

import argparse
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from custody.durable import sync_directory
from custos.configuration import TOKEN_VARIABLE, load_settings
from evidence.errors import Conflict, Denied, Invalid, Unavailable
from evidence.exports import USUAL_RENDITIONS, Matter, Profile

_LOOK_SECONDS = 0.5
_SILENT_SECONDS = 60.0
_TRIES = 5
_PIECE = 1 << 20


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "export",
        help="take an item or a case away: archive and seal, fetched and verified",
        description="Asks the running server in somebody's name: their token stands in the environment "
        f"variable {TOKEN_VARIABLE} (custos token create NAME). A line that breaks is gone on with; an "
        "archive has its name once all of it is there, and ends in .part until then.",
    )
    parser.add_argument("matter", choices=[one.value for one in Matter])
    parser.add_argument("id", help="the item's or the case's identifier, or a case's number")
    parser.add_argument(
        "--profile", choices=[one.value for one in Profile], required=True, help="for whom it is"
    )
    parser.add_argument("--reason", required=True, help="goes on record")
    parser.add_argument("--to", type=Path, default=Path(), help="a directory (default: this one)")
    parser.add_argument("--without-originals", action="store_true", help="their digests alone")
    parser.add_argument(
        "--renditions", nargs="*", default=list(USUAL_RENDITIONS), metavar="KIND", help="copies that go along"
    )
    parser.add_argument("--server", help="its address (default: this installation's, on this machine)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Status 0 once archive and seal are there and verified, 1 where they are not as they have to be."""
    from clients.verifier.export import verify_export
    from clients.verifier.heads import pinned
    from clients.verifier.receipt import NotVerified
    from clients.verifier.saying import refuse

    server = _Server(arguments.server or _own_server(arguments))
    subject = arguments.id if arguments.matter == Matter.ITEM else _case(server, arguments.id)
    export = server.post(
        f"/{arguments.matter}s/{subject}/exports",
        {
            "profile": arguments.profile,
            "reason": arguments.reason,
            "originals": not arguments.without_originals,
            "renditions": arguments.renditions,
        },
    )
    made = _made(server, str(export["id"]))
    archive = arguments.to / str(made["path"]).rpartition("/")[2]
    seal = archive.with_name(f"{archive.name}.seal.json")
    _fetch(server, made, archive)
    said = _sealed(server, str(made["seal"]))
    seal.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
    key = server.text("/log/key")
    _wipe()
    print(archive)
    print(seal)
    try:
        steps = verify_export(archive, pinned(key), said)
    except NotVerified as error:
        return refuse(str(error))
    print(
        f"Verified in {len(steps)} steps with the key that the server names. Hand over both files, and the "
        "key by another way."
    )
    return 0


class _Server:
    """Requests in somebody's name."""

    def __init__(self, url: str) -> None:
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        if not token:
            raise Invalid(
                "no-token", f"Put the token of whoever asks into the environment variable {TOKEN_VARIABLE}."
            )
        if not url.startswith(("http://", "https://")):
            raise Invalid("bad-address", "The server's address begins with http:// or https://.")
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}

    def open(self, path: str, headers: Mapping[str, str] | None = None, body: object = None) -> Any:
        """An answer to be read; raises what the server's refusal is, or Unavailable."""
        data = None if body is None else json.dumps(body).encode()
        sent = {**self._headers, **(headers or {})}
        if data is not None:
            sent["Content-Type"] = "application/json"
        request = urllib.request.Request(self._url + path, data, sent)  # noqa: S310  the scheme was looked at
        try:
            return urllib.request.urlopen(request, timeout=_SILENT_SECONDS)  # noqa: S310  as above
        except urllib.error.HTTPError as error:
            _refused(error)
        except OSError as error:
            raise Unavailable(
                "no-server", f"{self._url} does not answer: {error}. Is the server running?"
            ) from error

    def json(self, path: str) -> dict[str, Any]:
        """The object at `path`."""
        with self.open(path) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def post(self, path: str, body: object) -> dict[str, Any]:
        """What comes of asking for something."""
        with self.open(path, body=body) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def text(self, path: str) -> str:
        """The text at `path`."""
        with self.open(path) as answer:
            return str(answer.read().decode())


def _refused(error: urllib.error.HTTPError) -> NoReturn:
    try:
        said = json.loads(error.read())
        code, words = str(said["code"]), str(said["detail"])
    except (ValueError, KeyError, TypeError):
        code, words = "refused", f"The server answered with status {error.code}."
    if error.code == 404:
        raise Denied from error
    raise (Conflict if error.code == 409 else Invalid)(code, words) from error


def _own_server(arguments: argparse.Namespace) -> str:
    return load_settings(arguments.config).own_url


def _case(server: _Server, named: str) -> str:
    """The identifier of the case that is named so."""
    path = "/cases"
    while True:
        page = server.json(path)
        for case in page["cases"]:
            if named in (case["id"], case["number"]):
                return str(case["id"])
        if page["next"] is None:
            raise Denied
        path = f"/cases?before={page['next']}"


def _made(server: _Server, export_id: str) -> dict[str, Any]:
    while True:
        export = server.json(f"/exports/{export_id}")
        if export["made"] is not None:
            found: dict[str, Any] = export["made"]
            return found
        job = export["job"] or {}
        if job.get("state") == "failed":
            raise Unavailable("not-made", f"The export was not made: {job['message']}")
        _tell(f"being made, {(job.get('progress') or 0) // 10} %")
        time.sleep(_LOOK_SECONDS)


def _fetch(server: _Server, made: Mapping[str, Any], archive: Path) -> None:
    """The whole archive: durable on return, and under its name only then; goes on where a line broke."""
    size = int(made["size"])
    part = archive.with_name(f"{archive.name}.part")
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
        file = part.open("xb")
    except OSError as error:
        raise Invalid("no-such-place", f"{archive} cannot be made: {error.strerror}.") from error
    with file:
        for _ in range(_TRIES):
            at = file.tell()
            # A line may break before the first byte as well: the server did answer a moment ago.
            with (
                suppress(ConnectionError, TimeoutError, ssl.SSLError, Unavailable),
                server.open(str(made["path"]), {"Range": f"bytes={at}-"} if at else None) as answer,
            ):
                while piece := answer.read(_PIECE):
                    file.write(piece)
                    _tell(f"{file.tell() // 1_000_000:,} of {size // 1_000_000:,} MB")
            if file.tell() == size:
                file.flush()
                os.fsync(file.fileno())
                part.rename(archive)
                sync_directory(archive.parent)
                return
    raise Unavailable(
        "broken-off", "The archive broke off again and again; ask for it with any download program."
    )


def _sealed(server: _Server, path: str) -> dict[str, Any]:
    """The seal, once the log has that the export was made: within a second or two."""
    for _ in range(20):
        said = server.json(path)
        if said["leaf"] is not None:
            break
        time.sleep(_LOOK_SECONDS)
    return said


def _tell(words: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{words}", end="", file=sys.stderr, flush=True)


def _wipe() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
