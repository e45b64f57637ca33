"""Checking the stamps of a log (docs/formats/log.md §6): that a tree stood at the time that a token states.

Written from the pages of the formats; shares no code with the server. `rfc3161-client` checks the tokens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from clients.verifier.heads import PinnedKey, Step, read, sha256, verified_head
from clients.verifier.receipt import NotVerified

_SHA256 = "2.16.840.1.101.3.4.2.1"


def verify_stamps(directory: Path, key: PinnedKey, leaves: Sequence[bytes], roots: Sequence[bytes]) -> Step:
    """Check every stamp below `stamps/`; raises NotVerified. `leaves` are the hashes of the whole tree."""
    names = sorted(path.name for path in (directory / "stamps").glob("*.checkpoint"))
    times: list[datetime] = []
    strangers = 0
    checkpoints = {name: read(directory, f"stamps/{name}") for name in names}
    # A stamped checkpoint is the beginning of this tree, whichever of the log's keys signed it then.
    heads = {
        name: verified_head(data.decode("utf-8", "replace"), key, earlier_too=True)
        for name, data in checkpoints.items()
    }
    known = roots_at(leaves, {head.size for head in heads.values()})
    for name, checkpoint in checkpoints.items():
        if known.get(heads[name].size) != heads[name].root:
            raise NotVerified(f"stamps/{name} is of another tree than this one: the log was forked")
        tokens = sorted((directory / "stamps").glob(f"{name.removesuffix('.checkpoint')}.*.tsr"))
        if roots and not tokens:
            raise NotVerified(f"stamps/{name} has no token")
        told_times, unknown = _times(tokens, checkpoint, roots)
        times += told_times
        strangers += unknown
    if not names:
        return Step("stamps", "nothing, as there are none", "at what time the tree stood")
    told = f"the trees of {len(names)} stamped checkpoints are beginnings of this one"
    if not roots:
        return Step("stamps", told, "the tokens: name a time authority's root with --root")
    first, last = (f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in (min(times), max(times)))
    return Step(
        "stamps",
        f"{told}, and stood at the times of {len(times)} tokens, {first} to {last}",
        f"{strangers} tokens of authorities whose roots were not given" if strangers else "",
    )


def _times(tokens: Sequence[Path], checkpoint: bytes, roots: Sequence[bytes]) -> tuple[list[datetime], int]:
    """When authorities below the roots signed it, at least one, and how many tokens are of others."""
    if not roots:
        return [], 0
    found, refused = [], list[NotVerified]()
    for token in tokens:
        data = _unchanged(token)
        try:
            found.append(token_time(data, checkpoint, roots, f"stamps/{token.name}"))
        except NotVerified as error:
            refused.append(error)
    if not found:
        raise refused[0]
    return found, len(refused)


def roots_at(leaves: Sequence[bytes], sizes: set[int]) -> dict[int, bytes]:
    """The root of the tree at each of these sizes, as far as there are leaves."""
    found: dict[int, bytes] = {}
    peaks: list[tuple[int, bytes]] = []
    for size, leaf in enumerate(leaves, 1):
        count, made = 1, leaf
        while peaks and peaks[-1][0] == count:
            made = sha256(b"\x01", peaks.pop()[1], made)
            count *= 2
        peaks.append((count, made))
        if size in sizes:
            root = peaks[-1][1]
            for _, left in reversed(peaks[:-1]):
                root = sha256(b"\x01", left, root)
            found[size] = root
    return found


def _unchanged(token: Path) -> bytes:
    """Its bytes, which have to be those that it is named after: a token has some that no signature covers."""
    name, data = f"stamps/{token.name}", token.read_bytes()
    if token.name.split(".")[1] != hashlib.sha256(data).hexdigest()[:32]:
        raise NotVerified(f"{name} was changed: it is not the token that it is named after")
    return data


def token_time(data: bytes, signed: bytes, roots: Sequence[bytes], name: str) -> datetime:
    """The time at which an authority below one of the roots (PEM) signed; raises NotVerified."""
    try:
        from cryptography.x509 import load_pem_x509_certificates
        from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response
    except ImportError as error:
        raise NotVerified(
            f"{name} cannot be checked by this Python: install cryptography and rfc3161-client, or check it "
            "with `openssl ts -verify`, and leave --root away here"
        ) from error
    try:
        response = decode_timestamp_response(data)
        certificates = [one for root in roots for one in load_pem_x509_certificates(root)]
        VerifierBuilder(roots=certificates).build().verify(response, hashlib.sha256(signed).digest())
    except (VerificationError, ValueError) as error:
        raise NotVerified(f"{name} does not prove a time: {error}") from error
    if response.tst_info.message_imprint.hash_algorithm.dotted_string != _SHA256:
        raise NotVerified(f"{name} is over another digest than SHA-256")
    at: datetime = response.tst_info.gen_time
    return at.astimezone(UTC)
