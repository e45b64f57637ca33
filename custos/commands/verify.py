"""`custos verify receipt`: offline, with the public key alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from custos.commands import verify_log
from custos.settings import load_settings
from evidence.errors import Invalid

PUBLIC_KEY = "signing-key.pub.pem"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    verify = subparsers.add_parser("verify", help="check what Custos states, without asking the server")
    kinds = verify.add_subparsers(metavar="WHAT", required=True)
    verify_log.register(kinds)
    receipt = kinds.add_parser("receipt", help="check a file against its receipt")
    receipt.add_argument("file", type=Path)
    receipt.add_argument("receipt", type=Path)
    receipt.add_argument(
        "--key", type=Path, help=f"the public key (default: {PUBLIC_KEY} of this installation)"
    )
    receipt.set_defaults(run=verify_receipt)


def verify_receipt(arguments: argparse.Namespace) -> int:
    """Print what is proven, status 0; or why it is not, status 1."""
    from clients.verifier.receipt import NotVerified
    from clients.verifier.receipt import verify_receipt as check

    key = arguments.key or load_settings(arguments.config).keys / PUBLIC_KEY
    try:
        public_pem = key.read_bytes()
        statement = arguments.receipt.read_text()
        found = check(arguments.file, statement, public_pem)
    except OSError as error:
        raise Invalid("no-such-file", f"{error.filename} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Invalid("bad-receipt", "The receipt is not text.") from error
    except NotVerified as error:
        print(f"NOT VERIFIED: {error}.")
        return 1
    said = found.statement
    print(f"VERIFIED: {arguments.file} is the file that was received as {said['name']!r}.")
    print(f"  sha256      {said['digests']['sha256']}")
    print(f"  item        {said['item']}")
    print(f"  issued      {said['issued_at']} ({said['time_source']})")
    print(f"  locked      until {said['locked_until']}")
    compared = "yes" if said["digest_compared"] else "no: the sender named none, or it was salvaged"
    print(f"  compared    {compared}")
    print("  read back   " + ("yes" if found.read_back else "not yet: do not free the card on this receipt"))
    if said["salvaged"]:
        print(f"  SALVAGED    {said['salvaged']}")
    print("The signature proves who stated this, not that the clock was right: see docs/threat-model.md.")
    return 0
