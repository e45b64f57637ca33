"""`custos verify log`, `proofs` and `export`: offline, with the pinned key alone."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from custos.configuration import load_settings
from evidence.errors import Invalid

if TYPE_CHECKING:
    from clients.verifier.heads import PinnedKey
    from clients.verifier.keys import KeyChain
    from clients.verifier.policy import Policy, Trust
    from clients.verifier.revocation import Lists

_PUBLIC_KEY = "signing-key.pub.pem"
_STATEMENTS = "statements"
_LOG = Path("objects") / "log"
_ROOT_HELP = "root certificates of a time authority, in PEM (default: those of this installation)"


def register(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add them to `custos verify`."""
    log = kinds.add_parser("log", help="check every leaf, tile and chain of the custody log")
    log.add_argument("store", type=Path, nargs="?", help="a store, or a copy of one (default: this one's)")
    log.add_argument(
        "--root",
        type=Path,
        action="append",
        help=_ROOT_HELP,
    )
    log.add_argument(
        "--full", action="store_true", help="and every stored file against what the log says of it"
    )
    proofs = kinds.add_parser(
        "proofs", help="check what is proven of one item or case (GET /items/{item}/proofs)"
    )
    proofs.add_argument("document", type=Path)
    export = kinds.add_parser("export", help="check an export: its ZIP, or where it was unpacked")
    export.add_argument("export", type=Path)
    export.add_argument("--seal", type=Path, help="its seal (default: beside it, if it is there)")
    export.add_argument("--root", type=Path, action="append", help=_ROOT_HELP)
    for parser in (log, export):
        add_revocation(parser)
    for parser, run in ((log, verify_log), (proofs, verify_proofs), (export, verify_export)):
        parser.add_argument(
            "--key",
            help="the log's key as name+id+key, or a file that holds it (default: this installation's)",
        )
        add_policy(parser)
        add_chain(parser)
        parser.add_argument("--json", action="store_true", help="say it for programs")
        parser.set_defaults(run=run)


def add_revocation(parser: argparse.ArgumentParser) -> None:
    """Options about time authorities' certificates."""
    parser.add_argument(
        "--time-policy",
        action="append",
        default=[],
        metavar="OID",
        help="the policy under which a time authority has to sign (default: those of a --policy, else any)",
    )
    parser.add_argument(
        "--crl",
        type=Path,
        action="append",
        default=[],
        help="a revocation list of an authority's certificates, besides those that were kept",
    )
    parser.add_argument(
        "--ocsp",
        type=Path,
        action="append",
        default=[],
        help="a responder's answer (DER) about one of them, besides those that were kept",
    )


def add_policy(parser: argparse.ArgumentParser) -> None:
    """The option that names a policy."""
    parser.add_argument(
        "--policy",
        type=Path,
        help="a policy file (custos log policy): whose signatures a head must have, instead of a key",
    )


def policy_of(arguments: argparse.Namespace) -> Policy | None:
    """The policy that is named; raises NotVerified, OSError."""
    from clients.verifier.policy import parse_policy

    return None if arguments.policy is None else parse_policy(arguments.policy.read_bytes())


def log_of(store: Path) -> Path:
    """Where the log lies in a store or a copy of one; the directory itself if it is the log's own."""
    return store / _LOG if (store / _LOG).is_dir() else store


def given_lists(arguments: argparse.Namespace) -> Lists:
    """The lists and answers that are named; raises OSError."""
    from clients.verifier.revocation import Lists

    given = (arguments.crl, arguments.ocsp)
    return Lists(*(tuple((path.name, path.read_bytes()) for path in paths) for paths in given))


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
    from clients.verifier.saying import refuse, say

    directory = log_of(arguments.store or _own_store(arguments))
    try:
        roots = [path.read_bytes() for path in arguments.root or _own_roots(arguments)]
        objects = directory.parent if arguments.full else None
        trust, policies, lists = _trust(arguments, directory), arguments.time_policy, given_lists(arguments)
        report = check(directory, trust, _progress, roots, objects, policies, lists)
    except OSError as error:
        raise Invalid("no-such-file", f"{error.filename} cannot be read: {error.strerror}.") from error
    except NotVerified as error:
        return refuse(str(error), as_json=arguments.json)
    finally:
        _wipe()
    return say(report.steps, as_json=arguments.json)


def verify_proofs(arguments: argparse.Namespace) -> int:
    """Status 0 and what was proven of the item or case, or 1 and the first thing that is wrong."""
    from clients.verifier.export_case import MOST_EVENTS
    from clients.verifier.item_proof import verify_case_proof, verify_item_proof
    from clients.verifier.receipt import NotVerified
    from clients.verifier.saying import refuse, say

    try:
        document = json.loads(arguments.document.read_bytes())
        is_given = arguments.key or arguments.policy
        directory = None if is_given else load_settings(arguments.config).store / _LOG
        trust = _trust(arguments, directory)
        if isinstance(document, dict) and "case" in document:
            steps = verify_case_proof(document, trust, MOST_EVENTS)[1]
        else:
            steps = verify_item_proof(document, trust)
    except OSError as error:
        raise Invalid("no-such-file", f"{error.filename} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise Invalid("bad-proofs", "The document is not JSON.") from error
    except NotVerified as error:
        return refuse(str(error), as_json=arguments.json)
    return say(steps, as_json=arguments.json)


def verify_export(arguments: argparse.Namespace) -> int:
    """Status 0 and what was proven of the export, or 1 and the first thing that is wrong."""
    from clients.verifier.export import verify_export as check
    from clients.verifier.receipt import NotVerified
    from clients.verifier.saying import refuse, say

    beside = arguments.export.with_name(f"{arguments.export.name}.seal.json")
    seal = arguments.seal or (beside if beside.is_file() else None)
    try:
        # What is checked away from any installation needs no settings: the key is given then.
        given = arguments.key or arguments.policy
        installed = arguments.root or (() if given else _own_roots(arguments))
        roots = [path.read_bytes() for path in installed]
        said = None if seal is None else json.loads(seal.read_bytes())
        directory = None if given else load_settings(arguments.config).store / _LOG
        trust, policies, lists = _trust(arguments, directory), arguments.time_policy, given_lists(arguments)
        steps = check(arguments.export, trust, said, roots, _progress_bytes, policies, lists)
    except OSError as error:
        raise Invalid("no-such-file", f"{error.filename} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise Invalid("bad-seal", "The seal is not JSON.") from error
    except NotVerified as error:
        return refuse(str(error), as_json=arguments.json)
    finally:
        _wipe()
    return say(steps, as_json=arguments.json)


def _trust(arguments: argparse.Namespace, directory: Path | None) -> Trust:
    if arguments.policy and arguments.key:
        raise Invalid("two-keys", "Name either a policy or a key: a policy has its log's key in it.")
    policy = policy_of(arguments)
    if policy is None:
        return _key(arguments, directory)
    from clients.verifier.keys import led

    chain = chain_of(arguments)
    return policy if chain is None else led(policy, chain)


def given_trust(arguments: argparse.Namespace) -> Trust:
    """The key or the policy that is named; raises NotVerified, OSError, Invalid("two-keys")."""
    from clients.verifier.heads import pinned

    if arguments.policy and arguments.key:
        raise Invalid("two-keys", "Name either a policy or a key: a policy has its log's key in it.")
    given = Path(arguments.key or "")
    return policy_of(arguments) or pinned(given.read_text() if given.is_file() else arguments.key)


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


def _own_store(arguments: argparse.Namespace) -> Path:
    settings = load_settings(arguments.config)
    if settings.s3.bucket is not None:
        raise Invalid(
            "store-in-bucket",
            f"The store is the bucket {settings.s3.bucket}. Copy it into a directory first (docs/s3.md), and "
            "give that: it is checked without asking the server.",
        )
    return settings.store


def _own_roots(arguments: argparse.Namespace) -> list[Path]:
    return [Path(name) for name in load_settings(arguments.config).custody.time_authorities.values()]


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {of:,}", end="", file=sys.stderr, flush=True)


def _progress_bytes(done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done // 1_000_000:,} of {of // 1_000_000:,} MB", end="", file=sys.stderr, flush=True)


def _wipe() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
