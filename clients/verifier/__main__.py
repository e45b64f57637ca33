"""`custos-verify.pyz`: checks the export that it lies in, on a machine that has never seen Custos.

It stands in `verify/` of every export. Status 0: verified; 1: something is wrong, and what; 2: it was
asked wrongly.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from clients.verifier.disposal import verify_disposal
from clients.verifier.export import verify_export
from clients.verifier.heads import pinned
from clients.verifier.policy import Trust, only_log_pem, parse_policy
from clients.verifier.receipt import NotVerified
from clients.verifier.revocation import Lists
from clients.verifier.saying import refuse, say
from clients.verifier.tokens import TimeTrust


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, and say step by step what was proven."""
    parser = argparse.ArgumentParser(
        prog="custos-verify", description="Checks an export of Custos offline. 离线核验 Custos 导出包。"
    )
    parser.add_argument("export", type=Path, help="the ZIP, or the directory that it was unpacked to")
    parser.add_argument(
        "--certificate", action="store_true", help="it is the certificate of a disposal, and not an export"
    )
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("--key", help="the log's key (or its PEM), from a source other than the export")
    whose.add_argument("--policy", type=Path, help="a policy: the log's key, and witnesses who have to agree")
    parser.add_argument("--seal", type=Path, help="the seal (default: EXPORT.seal.json, if it is there)")
    parser.add_argument("--root", type=Path, action="append", default=[], help="a time authority's root, PEM")
    parser.add_argument(
        "--time-policy", action="append", default=[], help="the policy (OID) under which it has to sign"
    )
    parser.add_argument(
        "--crl", type=Path, action="append", default=[], help="a revocation list, of today say"
    )
    parser.add_argument(
        "--ocsp", type=Path, action="append", default=[], help="an answer of a responder, of today say"
    )
    parser.add_argument("--json", action="store_true", help="say it for programs")
    asked = parser.parse_args(arguments)
    beside = asked.export.with_name(f"{asked.export.name}.seal.json")
    seal = asked.seal or (beside if beside.is_file() else None)
    try:
        said = None if seal is None else json.loads(seal.read_text(encoding="utf-8"))
        roots = [path.read_bytes() for path in asked.root]
        lists = Lists(
            *(tuple((path.name, path.read_bytes()) for path in paths) for paths in (asked.crl, asked.ocsp))
        )
        if asked.certificate:
            times = TimeTrust(tuple(roots), frozenset(asked.time_policy), lists)
            text = asked.export.read_text(encoding="utf-8")
            return say(verify_disposal(text, _public_pem(asked), times).steps, as_json=asked.json)
        trust: Trust = parse_policy(asked.policy.read_bytes()) if asked.policy else pinned(_key(asked))
        steps = verify_export(asked.export, trust, said, roots, _progress, asked.time_policy, lists)
    except (OSError, ValueError) as error:
        print(f"cannot be read: {error}", file=sys.stderr)
        return 2
    except NotVerified as error:
        return refuse(str(error), as_json=asked.json)
    return say(steps, as_json=asked.json)


def _key(asked: argparse.Namespace) -> str:
    given = Path(asked.key)
    return given.read_text(encoding="utf-8") if given.is_file() else str(asked.key)


def _public_pem(asked: argparse.Namespace) -> bytes:
    """The installation's key, which signs its log as well."""
    if asked.policy:
        return only_log_pem(parse_policy(asked.policy.read_bytes()))
    text = _key(asked)
    return text.encode() if text.startswith("-----BEGIN") else pinned(text).pem


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        end = "\r" if done < of else "\r\x1b[K"
        print(f"{done // 1_000_000:,} of {of // 1_000_000:,} MB", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
