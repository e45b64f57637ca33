"""`custos witness`: cosign the heads of other offices' logs. Needs no installation of Custos, no settings."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from custody.notes import VerifierKey
    from custody.witness import Witness

_log = logging.getLogger(__name__)
_LISTEN = "127.0.0.1:8430"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    witness = subparsers.add_parser("witness", help="be a witness of other offices' custody logs")
    commands = witness.add_subparsers(metavar="COMMAND", required=True)
    for name, run, words in (
        ("serve", serve, "cosign the heads of the logs that are named"),
        ("key", show_key, "print the key that others pin"),
        ("forks", list_forks, "list the proofs of forks that were found; status 1 if there are any"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("--data", type=Path, required=True, help="where key, heads and proofs lie")
        command.set_defaults(run=run)
        if name != "forks":
            command.add_argument("--name", help="its name for ever, needed the first time")
        if name != "key":
            command.add_argument(
                "--log",
                action="append",
                default=[],
                metavar="VKEY",
                help="the key of a log as name+id+key (GET /log/key); several times for several",
            )
        if name == "serve":
            command.add_argument(
                "--listen",
                default=_LISTEN,
                metavar="HOST:PORT",
                help=f"where to listen (default: {_LISTEN}); TLS belongs to a proxy in front",
            )


def serve(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; both end it with exit status 0."""
    from api.witness import serve_witness
    from custody.witness import forks_in
    from custos import logs
    from custos.instance import only_witness
    from custos.readiness import announce_ready

    if not arguments.log:
        raise Invalid("no-log", "Name at least one log to witness with --log.")
    host, port = _address(arguments.listen)
    logs.set_up("info")
    with only_witness(arguments.data):
        witness = _opened(arguments, _log_keys(arguments.log))
        if found := len(forks_in(arguments.data)):
            _log.error("ALARM: %s proofs of forks are kept here; `custos witness forks` shows them", found)

        def announce(at: int) -> None:
            print(f"{witness.key} witnesses at {host}:{at}", flush=True)
            announce_ready()

        asyncio.run(serve_witness(witness, host, port, announce))
    return 0


def show_key(arguments: argparse.Namespace) -> int:
    """Print the key; it is made the first time."""
    print(_opened(arguments, ()).key)
    return 0


def list_forks(arguments: argparse.Namespace) -> int:
    """Print every proof that is kept, and what it proves; status 1 if there are any."""
    from clients.verifier.forks import verify_fork
    from clients.verifier.heads import pinned
    from clients.verifier.receipt import NotVerified
    from custody.witness import forks_in

    found = forks_in(arguments.data)
    keys = [pinned(one) for one in arguments.log]
    for path in found:
        print(path)
        try:
            document = json.loads(path.read_bytes())
            print(f"    {verify_fork(document, keys)}, found {document.get('seen_at')}.")
        except (NotVerified, ValueError) as error:
            print(f"    NOT VERIFIED: {error}.")
    if not found:
        print("No fork was found.")
    return int(bool(found))


def _opened(arguments: argparse.Namespace, keys: Sequence[VerifierKey]) -> Witness:
    from custody.witness import open_witness
    from custos.clock import SystemClock

    return open_witness(arguments.data, arguments.name, keys, SystemClock())


def _log_keys(texts: Sequence[str]) -> list[VerifierKey]:
    from custody.notes import ED25519, parse_key

    try:
        keys = [parse_key(text) for text in texts]
    except ValueError as error:
        raise Invalid("bad-key", f"A key given with --log cannot be used: {error}.") from error
    if any(key.kind != ED25519 for key in keys):
        raise Invalid("bad-key", "A key given with --log is that of a witness and not of a log.")
    return keys


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise Invalid("bad-address", "Give --listen as HOST:PORT, such as 127.0.0.1:8430.")
    return host.removeprefix("[").removesuffix("]"), int(port)
