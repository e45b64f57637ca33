"""`custos verify fork` and `custos verify heads`: whether a log has told two stories, offline."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence.errors import Invalid

if TYPE_CHECKING:
    from clients.verifier.heads import PinnedKey


def register(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the two to `custos verify`."""
    fork = kinds.add_parser("fork", help="check a witness' proof that a log has forked")
    fork.add_argument("document", type=Path)
    fork.set_defaults(run=verify_fork)
    heads = kinds.add_parser("heads", help="compare two heads of a log that were got from two sources")
    heads.add_argument("one", type=Path)
    heads.add_argument("other", type=Path)
    heads.add_argument(
        "--consistency",
        type=Path,
        help="the proof between their sizes (GET /log/consistency), where these differ",
    )
    heads.set_defaults(run=verify_heads)
    for parser in (fork, heads):
        parser.add_argument(
            "--key", required=True, help="the log's key as name+id+key, or a file that holds it"
        )


def verify_fork(arguments: argparse.Namespace) -> int:
    """Status 0 and what is proven against the log, or 1 and why it proves nothing."""
    from clients.verifier.forks import verify_fork as check
    from clients.verifier.receipt import NotVerified
    from clients.verifier.saying import refuse

    try:
        print(f"VERIFIED: {check(_document(arguments.document), [_key(arguments)])}.")
    except NotVerified as error:
        return refuse(str(error))
    return 0


def verify_heads(arguments: argparse.Namespace) -> int:
    """Status 0 if both are of one tree, or 1 and why not."""
    from clients.verifier.forks import hashes_in, require_one_tree
    from clients.verifier.receipt import NotVerified
    from clients.verifier.saying import refuse

    try:
        one, other = (_text(path) for path in (arguments.one, arguments.other))
        proof = () if arguments.consistency is None else hashes_in(_document(arguments.consistency))
        require_one_tree(one, other, proof, _key(arguments))
    except NotVerified as error:
        return refuse(str(error))
    print("VERIFIED: both heads are of one tree, the larger of which begins with the smaller.")
    return 0


def _key(arguments: argparse.Namespace) -> PinnedKey:
    from clients.verifier.heads import pinned

    given = Path(arguments.key)
    return pinned(_text(given) if given.is_file() else arguments.key)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise Invalid("no-such-file", f"{error.filename} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Invalid("bad-proofs", f"{path.name} is not text.") from error


def _document(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(path))
    except ValueError as error:
        raise Invalid("bad-proofs", f"{path.name} is not JSON.") from error
    if not isinstance(found, dict):
        raise Invalid("bad-proofs", f"{path.name} is not a JSON object.")
    return found
