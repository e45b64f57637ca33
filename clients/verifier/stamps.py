"""Checking the stamps of a log (docs/formats/log.md §6): that a tree stood at the time that a token states.

Written from the pages of the formats; shares no code with the server. `rfc3161-client` checks the tokens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from clients.verifier.heads import PinnedKey, Step, read, sha256, verified_head
from clients.verifier.receipt import NotVerified
from clients.verifier.revocation import MOST_TOLD, Lists, Voided
from clients.verifier.self_asserted import asserted_time, own_stamps_step, require_third_party
from clients.verifier.tokens import NoLibrary, TimeTrust, Token, verified_token


@dataclass(frozen=True, slots=True)
class Stamped:
    """Checkpoints that lie there stamped, by authorities and by the installation itself, by name.

    Told before the head is read: a log that grows meanwhile stamps none that the head does not reach.
    """

    outside: Sequence[str]
    own: Sequence[str]


def stamped_in(directory: Path) -> Stamped:
    """What is stamped in a log by now."""
    return Stamped(_named_checkpoints(directory, "stamps"), _named_checkpoints(directory, "self-asserted"))


def verify_stamps(
    directory: Path, stamped: Stamped, key: PinnedKey, leaves: Sequence[bytes], trust: TimeTrust
) -> Step:
    """Check every stamp of an authority; raises NotVerified. `leaves` are the hashes of the whole tree."""
    times: list[Token] = []
    trust = replace(trust, lists=trust.lists.with_more(kept_lists(directory)))
    strangers = 0
    names = _checkpoints(directory, stamped.outside, key, leaves)
    for name, checkpoint in names.items():
        tokens = [_unchanged(path) for path in _tokens(directory, name)]
        if trust.roots and not tokens:
            raise NotVerified(f"{name} has no token")
        told_times, unknown = _times(tokens, checkpoint, trust)
        times += told_times
        strangers += unknown
    if not names:
        return Step("stamps", "nothing, as there are none", "at what time the tree stood")
    told = f"the trees of {len(names)} stamped checkpoints are beginnings of this one"
    if not trust.roots:
        return Step("stamps", told, "the tokens: name a time authority's root with --root")
    first, last = (f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in (min(_ats(times)), max(_ats(times))))
    unknown_ones = [f"{strangers} tokens of authorities whose roots were not given"] if strangers else []
    return Step(
        "stamps",
        f"{told}, and stood at the times of {len(times)} tokens, {first} to {last}",
        "; ".join([*unknown_ones, *unlisted(times)]),
    )


def unlisted(tokens: Sequence[Token]) -> list[str]:
    """What is not known of whether their certificates were revoked."""
    missing = [one for one in tokens if not one.standing.is_unrevoked]
    count = len(missing)
    if not count:
        return []
    whose = "the authority's certificate" if count == len(tokens) else f"the certificates of {count} tokens"
    why = list(dict.fromkeys(words for one in missing for words in one.standing.of_no_use))
    shown = why if len(why) <= MOST_TOLD else [*why[:MOST_TOLD], "…"]
    told = f" ({', '.join(shown)})" if why else ""
    return [f"whether {whose} had been revoked: no revocation list or OCSP answer of that time is here{told}"]


def _ats(tokens: Sequence[Token]) -> list[datetime]:
    return [one.at for one in tokens]


def kept_lists(directory: Path) -> Lists:
    """Every revocation list and answer beside the tokens of a log, each named after its bytes.

    Raises NotVerified for one that is not.
    """
    return Lists(_named(directory, "crl", "list"), _named(directory, "ocsp", "answer"))


def _named(directory: Path, ending: str, what: str) -> tuple[tuple[str, bytes], ...]:
    found = []
    for path in sorted((directory / "stamps").glob(f"*.{ending}")):
        data = path.read_bytes()
        if path.stem != hashlib.sha256(data).hexdigest()[:32]:
            raise NotVerified(f"stamps/{path.name} was changed: it is not the {what} that it is named after")
        found.append((f"stamps/{path.name}", data))
    return tuple(found)


def verify_own_stamps(
    directory: Path, stamped: Stamped, key: PinnedKey, leaves: Sequence[bytes]
) -> Step | None:
    """Check every stamp of the installation's own; None where there is none. Raises NotVerified."""
    names = _checkpoints(directory, stamped.own, key, leaves)
    times: list[datetime | None] = []
    for name, checkpoint in names.items():
        for path in _tokens(directory, name):
            token, data = _unchanged(path)
            times.append(asserted_time(data, checkpoint, None, token))
    return own_stamps_step(len(names), times) if names else None


def _named_checkpoints(directory: Path, below: str) -> list[str]:
    return sorted(f"{below}/{path.name}" for path in (directory / below).glob("*.checkpoint"))


def _checkpoints(
    directory: Path, names: Sequence[str], key: PinnedKey, leaves: Sequence[bytes]
) -> dict[str, bytes]:
    """The bytes of each of these checkpoints, which begin this tree. Raises NotVerified."""
    found = {name: read(directory, name) for name in names}
    # Whichever of the log's keys signed it then.
    heads = {
        name: verified_head(data.decode("utf-8", "replace"), key, earlier_too=True)
        for name, data in found.items()
    }
    known = roots_at(leaves, {head.size for head in heads.values()})
    for name, head in heads.items():
        require_no_larger(name, head.size, len(leaves))
        if known.get(head.size) != head.root:
            raise NotVerified(f"{name} is of another tree than this one: the log was forked")
    return found


def require_no_larger(what: str, size: int, held: int) -> None:
    """Raises NotVerified where a tree of `size` leaves was signed and only the first `held` are here.

    That may be an attack, or a copy that was made while the log grew; a fork it is not.
    """
    if size > held:
        raise NotVerified(
            f"{what} speaks of {size} leaves, and this head of {held}: the last ones were left out, or this "
            "was copied while the log grew; copy it again"
        )


def _tokens(directory: Path, checkpoint: str) -> list[Path]:
    below, _, name = checkpoint.removesuffix(".checkpoint").partition("/")
    return sorted((directory / below).glob(f"{name}.*.tsr"))


def _times(
    tokens: Sequence[tuple[str, bytes]], checkpoint: bytes, trust: TimeTrust
) -> tuple[list[Token], int]:
    """When authorities below the roots signed it, at least one, and how many tokens are of others."""
    for name, data in tokens:
        require_third_party(data, name)
    if not trust.roots:
        return [], 0
    found, refused = [], list[NotVerified]()
    for name, data in tokens:
        try:
            found.append(token_time(data, checkpoint, trust, name))
        except Voided:
            raise
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


def _unchanged(token: Path) -> tuple[str, bytes]:
    """Its name, and its bytes, which have to be those that it is named after: a signature covers not all."""
    name, data = f"{token.parent.name}/{token.name}", token.read_bytes()
    if token.name.split(".")[1] != hashlib.sha256(data).hexdigest()[:32]:
        raise NotVerified(f"{name} was changed: it is not the token that it is named after")
    return name, data


def token_time(data: bytes, signed: bytes, trust: TimeTrust, name: str, stated: str | None = None) -> Token:
    """The time at which a trusted authority signed, under the policy that is stated; raises NotVerified."""
    require_third_party(data, name)
    try:
        return verified_token(data, signed, trust, name, stated=stated)
    except NoLibrary as error:
        raise NotVerified(
            f"{name} cannot be checked by this Python: install cryptography and rfc3161-client, or check it "
            "with `openssl ts -verify`, and leave --root away here"
        ) from error
