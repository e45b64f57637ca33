"""`custos verify log` and `custos verify proofs`: the custody log, offline, with the pinned key alone."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from custos.configuration import load_settings
from evidence.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clients.verifier.heads import PinnedKey, Step
    from clients.verifier.keys import KeyChain

_PUBLIC_KEY = "signing-key.pub.pem"
_STATEMENTS = "statements"
_LOG = Path("objects") / "log"


def register(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the two to `custos verify`."""
    log = kinds.add_parser("log", help="check every leaf, tile and chain of the custody log")
    log.add_argument("store", type=Path, nargs="?", help="a store, or a copy of one (default: this one's)")
    log.add_argument(
        "--root",
        type=Path,
        action="append",
        help="root certificates of a time authority, in PEM (default: those of this installation)",
    )
    proofs = kinds.add_parser("proofs", help="check what is proven of one item (GET /items/{item}/proofs)")
    proofs.add_argument("document", type=Path)
    for parser, run in ((log, verify_log), (proofs, verify_proofs)):
        parser.add_argument(
            "--key",
            help="the log's key as name+id+key, or a file that holds it (default: this installation's)",
        )
        add_chain(parser)
        parser.add_argument("--json", action="store_true", help="say it for programs")
        parser.set_defaults(run=run)


def add_chain(parser: argparse.ArgumentParser) -> None:
    """Options that lead from an old pinned key to the one in force."""
    parser.add_argument(
        "--keys", type=Path, help="the log's keys (GET /log/keys), if the pinned one was replaced"
    )
    parser.add_argument("--recovery-key", help="the recovery key as name+id+key, if it is pinned too")


def chain_of(arguments: argparse.Namespace) -> KeyChain | None:
    """The chain that is given, every statement checked; raises NotVerified, Invalid("bad-keys")."""
    from clients.verifier.keys import verified_chain

    if arguments.keys is None:
        return None
    try:
        document = json.loads(arguments.keys.read_bytes())
    except ValueError as error:
        raise Invalid("bad-keys", "The file of the log's keys is not JSON.") from error
    return verified_chain(document, arguments.recovery_key)


def verify_log(arguments: argparse.Namespace) -> int:
    """Status 0 and what was proven, or 1 and the first thing that is wrong."""
    from clients.verifier.log import verify_log as check
    from clients.verifier.receipt import NotVerified

    store = arguments.store or load_settings(arguments.config).store
    directory = store / _LOG if (store / _LOG).is_dir() else store
    try:
        roots = [path.read_bytes() for path in arguments.root or _own_roots(arguments)]
        report = check(directory, _key(arguments, directory), _progress, roots)
    except OSError as error:
        raise Invalid("no-such-file", f"{error.filename} cannot be read: {error.strerror}.") from error
    except NotVerified as error:
        return _refuse(str(error), as_json=arguments.json)
    finally:
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)
    return _say(report.steps, as_json=arguments.json)


def verify_proofs(arguments: argparse.Namespace) -> int:
    """Status 0 and what was proven of the item, or 1 and the first thing that is wrong."""
    from clients.verifier.item_proof import verify_item_proof
    from clients.verifier.receipt import NotVerified

    try:
        document = json.loads(arguments.document.read_bytes())
        directory = None if arguments.key else load_settings(arguments.config).store / _LOG
        steps = verify_item_proof(document, _key(arguments, directory))
    except OSError as error:
        raise Invalid("no-such-file", f"{error.filename} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise Invalid("bad-proofs", "The document is not JSON.") from error
    except NotVerified as error:
        return _refuse(str(error), as_json=arguments.json)
    return _say(steps, as_json=arguments.json)


def _key(arguments: argparse.Namespace, directory: Path | None) -> PinnedKey:
    """The key that is given; else this installation's, under the name that its own log says."""
    from clients.verifier.heads import pin_of, pinned

    chain = chain_of(arguments)
    if arguments.key:
        given = Path(arguments.key)
        key = pinned(given.read_text() if given.is_file() else arguments.key)
        return key if chain is None else chain.leads_from(key)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        public = load_pem_public_key((load_settings(arguments.config).keys / _PUBLIC_KEY).read_bytes())
        origin = ((directory or Path()) / "checkpoint").read_text().partition("\n")[0]
    except OSError as error:
        raise Invalid("no-key", f"{error.filename} cannot be read; name the log's key with --key.") from error
    if not isinstance(public, Ed25519PublicKey):
        raise Invalid("no-key", "This installation's key is no Ed25519 key; name the log's with --key.")
    own = pin_of(origin, public.public_bytes_raw())
    if chain is None:
        chain = _own_chain(load_settings(arguments.config).keys / _STATEMENTS, origin, own)
    return chain.leads_from(pinned(own))


def _own_chain(statements: Path, log: str, key: str) -> KeyChain:
    """What this installation keeps beside its keys."""
    from clients.verifier.keys import verified_chain

    notes = [path.read_text() for path in sorted(statements.glob("*.note"))]
    return verified_chain({"v": "custos/log-keys/1", "log": log, "key": key, "statements": notes})


def _own_roots(arguments: argparse.Namespace) -> list[Path]:
    return [Path(name) for name in load_settings(arguments.config).custody.time_authorities.values()]


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {of:,} leaves", end="", file=sys.stderr, flush=True)


def _say(steps: Sequence[Step], *, as_json: bool) -> int:
    if as_json:
        told = [{"step": one.title, "proved": one.proved, "not_checked": one.not_checked} for one in steps]
        print(json.dumps({"verified": True, "steps": told}, ensure_ascii=False))
        return 0
    for number, one in enumerate(steps, 1):
        print(f"{number}. {one.title}: {one.proved}.")
        if one.not_checked:
            print(f"   not checked: {one.not_checked}.")
    print("VERIFIED")
    return 0


def _refuse(why: str, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"verified": False, "why": why}, ensure_ascii=False))
    else:
        print(f"NOT VERIFIED: {why}.")
    return 1
