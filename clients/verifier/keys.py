"""From a pinned key to the one in force: `custos/log-keys/1` (docs/formats/log-keys.md §3).

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from clients.verifier.ed25519 import BadSignature, PublicKey
from clients.verifier.heads import PinnedKey, decoded, pinned
from clients.verifier.policy import Trust
from clients.verifier.receipt import NotVerified, thumbprint

_COMMON = {"v", "log", "seq", "prev", "at", "event"}
_ROTATION, _RECOVERY = "custos/key-rotation/1", "custos/key-recovery/1"
_MEMBERS = {
    _ROTATION: _COMMON | {"by", "old", "new", "reason_sha256"},
    _RECOVERY: _COMMON | {"key", "recovery", "genesis"},
}


@dataclass(frozen=True, slots=True)
class KeyChain:
    """Every key that was in force, as pinned, oldest first, and the recovery key if one was named."""

    log: str
    keys: tuple[str, ...]
    recovery: str | None

    def leads_from(self, key: PinnedKey) -> PinnedKey:
        """The key in force, with all others as its earlier ones; raises NotVerified for a stranger.

        A key that took over from one of these, by a longer chain, stays what it is.
        """
        if key.name != self.log:
            raise NotVerified(f"the chain of keys is of another log, {self.log}")
        found = [pinned(one) for one in self.keys]
        known = {one.key_id for one in found}
        if key.key_id not in known:
            if known & {one.key_id for one in key.earlier}:
                return key
            raise NotVerified("the pinned key is not in the chain of keys")
        return replace(found[-1], earlier=tuple(found[:-1]))

    def signer_of(self, statement: str, public_pem: bytes) -> bytes:
        """The key (PEM) that signed a receipt, if the one that is trusted is in the same chain.

        What names none of the keys is left to the trusted one, which refuses it. Raises NotVerified.
        """
        try:
            trusted = PublicKey.from_pem(public_pem)
        except ValueError as error:
            raise NotVerified("the public key cannot be read") from error
        publics = [pinned(one).public for one in self.keys]
        raw = {one.raw for one in publics}
        if trusted.raw not in raw:
            raise NotVerified("the public key is not in the chain of keys")
        kid = _kid(statement)
        signer = next((one for one in publics if thumbprint(one) == kid), trusted)
        return signer.pem


def signer_among(statement: str, key: PinnedKey) -> PinnedKey:
    """Which of the key and its earlier ones a statement names; the key itself where it names none of them."""
    kid = _kid(statement)
    return next((one for one in (key, *key.earlier) if thumbprint(one.public) == kid), key)


def led(trust: Trust, chain: KeyChain) -> Trust:
    """A key, or a policy's key of the chain's log, as `KeyChain.leads_from` has it; raises NotVerified."""
    if isinstance(trust, PinnedKey):
        return chain.leads_from(trust)
    logs = tuple(chain.leads_from(key) if key.name == chain.log else key for key in trust.logs)
    return replace(trust, logs=logs)


def verified_chain(document: Mapping[str, Any], recovery: str | None = None) -> KeyChain:
    """The chain once every statement of it holds; `recovery`: the recovery key as it is pinned, if it is.

    Raises NotVerified with the first thing that is wrong.
    """
    try:
        if document["v"] != "custos/log-keys/1":
            raise NotVerified("the document is not one of the log's keys, version 1")
        log, key, notes = str(document["log"]), str(document["key"]), list(document["statements"])
    except (KeyError, TypeError) as error:
        raise NotVerified("the document is not one of the log's keys, version 1") from error
    keys: list[str] = []
    named: str | None = None
    before: str | None = None
    for number, note in enumerate(notes, 1):
        text, signatures = _parted(str(note), number)
        said = _members(text, number)
        if said["log"] != log:
            raise NotVerified(f"statement {number} is of another log, {said['log']}")
        if (said["seq"], said["prev"]) != (number, before):
            raise NotVerified(
                f"statement {number} does not follow the one before it: one is missing, or out of order"
            )
        if said["v"] == _RECOVERY:
            named = _name(said, named, keys, signatures, text, number)
        else:
            _rotate(said, named, keys, signatures, text, number)
        before = hashlib.sha256(text.encode()).hexdigest()
    if recovery is not None and recovery.strip() != named:
        raise NotVerified("the recovery key that the chain names is not the one that is pinned")
    keys = keys or [key]
    if keys[-1] != key:
        raise NotVerified("the chain does not lead to the key that the document says is in force: it is cut")
    return KeyChain(log, tuple(keys), named)


def _name(
    said: dict[str, Any],
    named: str | None,
    keys: list[str],
    signatures: list[tuple[str, bytes]],
    text: str,
    number: int,
) -> str:
    if named is not None:
        raise NotVerified(f"statement {number} names a second recovery key")
    _in_force(said["key"], keys, number)
    _require(said["key"], "the key in force", said["log"], signatures, text, number)
    return str(said["recovery"])


def _rotate(
    said: dict[str, Any],
    named: str | None,
    keys: list[str],
    signatures: list[tuple[str, bytes]],
    text: str,
    number: int,
) -> None:
    _in_force(said["old"], keys, number)
    if said["by"] == "key":
        _require(said["old"], "the old key", said["log"], signatures, text, number)
    elif said["by"] != "recovery":
        raise NotVerified(f"statement {number} does not say by which key it replaces another")
    elif named is None:
        raise NotVerified(f"statement {number} is by a recovery key that no statement named")
    else:
        _require(named, "the recovery key", said["log"], signatures, text, number)
    _require(said["new"], "the new key", said["log"], signatures, text, number)
    keys.append(str(said["new"]))


def _in_force(key: str, keys: list[str], number: int) -> None:
    if not keys:
        keys.append(str(key))
    elif key != keys[-1]:
        raise NotVerified(f"statement {number} is about a key that was not in force")


def _require(
    pin: str, whose: str, log: str, signatures: list[tuple[str, bytes]], text: str, number: int
) -> None:
    key = pinned(pin)
    if key.name != log:
        raise NotVerified(f"statement {number}: {whose} is of another log, {key.name}")
    mine = [each[4:] for name, each in signatures if (name, each[:4]) == (key.name, key.key_id)]
    if not mine:
        raise NotVerified(f"statement {number} is not signed by {whose}")
    for signature in mine:
        try:
            key.public.verify(signature, text.encode())
        except BadSignature as error:
            raise NotVerified(f"statement {number}: the signature of {whose} does not hold") from error


def _parted(note: str, number: int) -> tuple[str, list[tuple[str, bytes]]]:
    body, blank, lines = note.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise NotVerified(f"statement {number} is not a signed note")
    signatures = []
    for line in lines.removesuffix("\n").split("\n"):
        pieces = line.split(" ")
        if len(pieces) != 3 or pieces[0] != "—":
            raise NotVerified(f"a signature line of statement {number} is none")
        signatures.append((pieces[1], decoded(pieces[2], f"a signature of statement {number}")))
    return body + "\n", signatures


def _members(text: str, number: int) -> dict[str, Any]:
    try:
        said = json.loads(text)
        again = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
        if again != text or set(said) != _MEMBERS[said["v"]]:
            raise NotVerified(f"statement {number} is not one of version 1")
    except (ValueError, KeyError, TypeError) as error:
        raise NotVerified(f"statement {number} is not one of version 1") from error
    return dict(said)


def _kid(statement: str) -> str | None:
    head = statement.strip().partition(".")[0]
    try:
        kid = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
    except (ValueError, KeyError, TypeError):
        return None
    return str(kid)
