"""`custos verify receipt` and `custos verify certificate`: offline, with public keys alone."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custos.commands import verify_fork, verify_log
from custos.configuration import load_settings
from evidence.errors import Invalid

if TYPE_CHECKING:
    from clients.verifier.heads import Head
    from clients.verifier.keys import KeyChain
    from clients.verifier.policy import Policy

PUBLIC_KEY = "signing-key.pub.pem"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    verify = subparsers.add_parser("verify", help="check what Custos states, without asking the server")
    kinds = verify.add_subparsers(metavar="WHAT", required=True)
    verify_log.register(kinds)
    verify_fork.register(kinds)
    receipt = kinds.add_parser("receipt", help="check a file against its receipt")
    receipt.add_argument("file", type=Path)
    receipt.add_argument("receipt", type=Path)
    receipt.add_argument(
        "--key", type=Path, help=f"the public key (default: {PUBLIC_KEY} of this installation)"
    )
    receipt.add_argument(
        "--proof", type=Path, help="that its event is in the log (…/receipt/proof), to be checked too"
    )
    receipt.add_argument("--log-key", help="the log's key as name+id+key; needed with --proof")
    verify_log.add_policy(receipt)
    verify_log.add_chain(receipt)
    receipt.set_defaults(run=verify_receipt)
    certificate = kinds.add_parser("certificate", help="check the certificate of a disposal")
    certificate.add_argument("certificate", type=Path)
    certificate.add_argument(
        "--key", type=Path, help=f"the public key (default: {PUBLIC_KEY} of this installation)"
    )
    certificate.add_argument(
        "--root",
        type=Path,
        action="append",
        help="root certificates of a time authority, in PEM (default: those of this installation)",
    )
    certificate.add_argument(
        "--log",
        type=Path,
        metavar="DIR",
        help="a store, or a copy of its log, whose revocation lists are used (default: this installation's)",
    )
    verify_log.add_revocation(certificate)
    verify_log.add_chain(certificate)
    certificate.add_argument("--json", action="store_true", help="say it for programs")
    certificate.set_defaults(run=verify_disposal)


def _in_the_log(
    arguments: argparse.Namespace, statement: dict[str, Any], policy: Policy | None, chain: KeyChain | None
) -> Head | None:
    if arguments.proof is None:
        return None
    from clients.verifier.heads import pinned
    from clients.verifier.receipt_proof import verify_receipt_proof

    if policy is None and not arguments.log_key:
        raise Invalid(
            "no-key",
            "Name a policy with --policy, or the log's key with --log-key; the one in the proof proves "
            "nothing.",
        )
    try:
        document = json.loads(arguments.proof.read_bytes())
    except ValueError as error:
        raise Invalid("bad-proofs", "The proof is not JSON.") from error
    from clients.verifier.keys import led

    trust = policy or pinned(arguments.log_key)
    return verify_receipt_proof(statement, document, trust if chain is None else led(trust, chain))


def _public_pem(arguments: argparse.Namespace, policy: Policy | None) -> bytes:
    """The key of receipts: the one that is named, the policy's (an installation has one), this one's."""
    if arguments.key is not None:
        found: bytes = arguments.key.read_bytes()
        return found
    if policy is not None:
        from clients.verifier.policy import only_log_pem

        return only_log_pem(policy)
    return (load_settings(arguments.config).keys / PUBLIC_KEY).read_bytes()


def verify_receipt(arguments: argparse.Namespace) -> int:
    """Print what is proven, status 0; or why it is not, status 1."""
    from clients.verifier.policy import TWO_HALVES, lets_two_pass
    from clients.verifier.receipt import NotVerified
    from clients.verifier.receipt import verify_receipt as check
    from clients.verifier.saying import refuse

    if arguments.policy and arguments.log_key:
        raise Invalid("two-keys", "Name either a policy or a log's key: a policy has its log's key in it.")
    if arguments.policy and arguments.proof is None:
        raise Invalid("no-proof", "A policy is about the log: name the receipt's proof with --proof.")
    try:
        policy = verify_log.policy_of(arguments)
        statement = arguments.receipt.read_text()
        chain = verify_log.chain_of(arguments)
        public_pem = _public_pem(arguments, policy)
        if chain is not None:
            public_pem = chain.signer_of(statement, public_pem)
        found = check(arguments.file, statement, public_pem)
        head = _in_the_log(arguments, found.statement, policy, chain)
    except OSError as error:
        raise Invalid("no-such-file", f"{error.filename} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Invalid("bad-receipt", "The receipt is not text.") from error
    except NotVerified as error:
        return refuse(str(error))
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
    if head is not None:
        print(f"  in the log  among the {head.size} leaves of {head.origin}")
        for one in head.cosigned:
            print(f"  witnessed   by {one.witness} at {one.at:%Y-%m-%d %H:%M:%S} UTC, its own clock")
        if policy is not None and policy.quorum is not None and lets_two_pass(policy):
            print(f"  not shown   {TWO_HALVES}")
        if head.by_earlier:
            print("              signed by a key that was replaced since")
    print("The signature proves who stated this, not that the clock was right: see docs/threat-model.md.")
    return 0


def verify_disposal(arguments: argparse.Namespace) -> int:
    """Say what a disposal certificate states and proves, status 0; or why it proves nothing, status 1."""
    from clients.verifier.disposal import verify_disposal as check
    from clients.verifier.receipt import NotVerified
    from clients.verifier.saying import refuse, say
    from clients.verifier.stamps import kept_lists
    from clients.verifier.tokens import TimeTrust

    key, roots, log = arguments.key, arguments.root, arguments.log
    if key is None or roots is None:
        settings = load_settings(arguments.config)
        key = key or settings.keys / PUBLIC_KEY
        roots = roots or [Path(name) for name in settings.custody.time_authorities.values()]
        log = log or settings.store
    try:
        lists = verify_log.given_lists(arguments)
        if log is not None:
            lists = lists.with_more(kept_lists(verify_log.log_of(log)))
        pems = tuple(root.read_bytes() for root in roots)
        text, public_pem = arguments.certificate.read_text(), key.read_bytes()
        chain = verify_log.chain_of(arguments)
        if chain is not None:
            public_pem = chain.signer_of(text, public_pem)
        found = check(text, public_pem, TimeTrust(pems, frozenset(arguments.time_policy), lists))
    except OSError as error:
        raise Invalid("no-such-file", f"{error.filename} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Invalid("bad-certificate", "The certificate is not text.") from error
    except NotVerified as error:
        return refuse(str(error), as_json=arguments.json)
    if not arguments.json:
        _state(found.statement)
    return say(found.steps, as_json=arguments.json)


def _state(said: dict[str, Any]) -> None:
    print(f"Disposal {said['proposal']}")
    print(f"  proposed    {said['proposed_at']} by {said['proposed_by']}")
    for approval in said["approvals"]:
        print(f"  approved    {approval['at']} by {approval['agent']}")
    for item in said["items"]:
        print(f"  disposed    {item['disposed_at']} {item['id']} ({item['size']:,} bytes)")
        print(f"              sha256 {item['sha256']}, {len(item['keys'])} keys removed")
        if item["copies"]:
            print(f"              {len(item['copies'])} copies had left before, which it could not reach")
    for spared in said["spared"]:
        print(f"  spared      {spared['id']}: {spared['fate']}")
