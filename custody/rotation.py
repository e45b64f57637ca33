"""The installation's keys over time: a recovery key named, a key replaced, both for ever on record.

Order of a rotation, and why: (1) the new key, durable; (2) the statement, signed by both sides, durable
beside it: this decides, and from here on nothing starts until the rotation is finished, which may be done by
any later call; (3) event and statement into the catalogue, in one transaction; (4) a checkpoint over them,
signed by both keys, so that whoever pinned the old one is led on; (5) the new key into the place of the old.
Every step may be repeated. The server must not run: it would go on signing with the key that it has.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from custody.durable import replace, write_once
from custody.key_files import (
    NEXT,
    PENDING,
    PRIVATE,
    PUBLIC,
    RETIRED,
    STATEMENTS,
    WAYS_BACK,
    load_private,
    private_pem,
)
from custody.notes import ED25519, Note, VerifierKey, parse_key, parse_note, sign
from custody.sequencer import LogStopped, Sequencer
from custody.signing import FileSigner
from evidence.canonical import Json, canonical
from evidence.errors import Conflict, Unavailable
from evidence.events import EventDraft, EventType
from evidence.ids import new_id, new_pseudonym
from evidence.key_statements import (
    BY_KEY,
    BY_RECOVERY,
    RecoveryNamed,
    Rotation,
    Statement,
    digest_of,
    follows,
    keys_of,
    parse_statement,
    reason_digest,
    recovery_of,
)
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.log import LogHead, LogStore


@dataclass(frozen=True, slots=True)
class Standing:
    """The keys of a log: its name, the one in force, the recovery key, and every statement, oldest first."""

    log: str
    key: str | None
    recovery: str | None
    statements: Sequence[Statement]


@dataclass(frozen=True, slots=True)
class Finished:
    """A rotation that is done.

    `checkpoint`: of how many leaves the head is that the new key signed; None where the log stands still.
    """

    statement: Rotation
    checkpoint: int | None


class Keys:
    """The use cases of whoever keeps the keys, in `directory`; one at a time, and no server beside it."""

    def __init__(
        self, catalogue: Catalogue, store: LogStore, directory: Path, clock: Clock, origin: str | None
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._directory = directory
        self._clock = clock
        self._origin = origin

    async def standing(self) -> Standing:
        """The keys as the catalogue has them; `key` None where no statement was made yet."""
        head = await self._head()
        statements = await self._statements()
        keys = keys_of(statements)
        return Standing(head.origin, keys[-1] if keys else None, recovery_of(statements), statements)

    async def name_recovery(self, recovery: Ed25519PrivateKey) -> RecoveryNamed:
        """Pin the recovery key, on record; durable on return. Raises Conflict("recovery-named")."""
        self._require_settled()
        head, statements = await self._head(), await self._statements()
        if recovery_of(statements) is not None:
            raise Conflict(
                "recovery-named",
                "This log has its recovery key: whoever could name another one could take the log over.",
            )
        current = load_private(self._directory / PRIVATE)
        if (keys := keys_of(statements)) and keys[-1] != _pin(head, current):
            raise key_unknown()
        seq, prev = follows(statements)
        now = self._clock.now()
        named = RecoveryNamed(
            head.origin,
            seq,
            prev,
            now,
            _pin(head, current),
            _pin(head, recovery),
            head.size == 0,
            new_id(now),
        )
        note = str(Note(named.text, (sign(named.text, head.origin, current),)))
        detail: dict[str, Json] = {"note": note}
        draft = EventDraft(
            EventType.KEY_RECOVERY_NAMED, None, now, digests=_digests(named), detail=detail, id=named.event
        )
        await self._catalogue.write(lambda tx: _record(tx, named, note, draft))
        await self._keep_statements()
        return named

    async def rotate(self, reason: str, recovery: Ed25519PrivateKey | None = None) -> Finished:
        """Replace the key; with `recovery` in place of one that is lost or in other hands.

        Raises Conflict("rotation-unfinished"), Conflict("no-recovery-key"), Conflict("not-the-recovery-key"),
        Unavailable("key-lost"), Unavailable("key-unknown").
        """
        self._require_settled()
        head, statements = await self._head(), await self._statements()
        keys = keys_of(statements)
        if recovery is None:
            before = load_private(self._directory / PRIVATE)
            old = _pin(head, before)
            if keys and keys[-1] != old:
                raise key_unknown()
        else:
            before = recovery
            self._require_recovery(head, statements, recovery)
            old = keys[-1]
        new = Ed25519PrivateKey.generate()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace(self._directory / NEXT, private_pem(new), 0o600)
        seq, prev = follows(statements)
        now, salt = self._clock.now(), secrets.token_hex(32)
        by = BY_KEY if recovery is None else BY_RECOVERY
        said = Rotation(
            head.origin, seq, prev, now, by, old, _pin(head, new), reason_digest(reason, salt), new_id(now)
        )
        note = Note(said.text, (sign(said.text, head.origin, before), sign(said.text, head.origin, new)))
        pending = canonical({"note": str(note), "reason": reason, "salt": salt})
        replace(self._directory / PENDING, pending, 0o600)
        return await self.finish()

    async def finish(self) -> Finished:
        """Finish a rotation that was decided; repeatable. Raises Conflict("nothing-unfinished")."""
        pending = self._directory / PENDING
        if not pending.exists():
            raise Conflict("nothing-unfinished", "No rotation was begun and left unfinished.")
        kept = json.loads(pending.read_bytes())
        note = str(kept["note"])
        said = parse_statement(parse_note(note).text)
        assert isinstance(said, Rotation)
        detail: dict[str, Json] = {"note": note, "reason": kept["reason"], "salt": kept["salt"]}
        draft = EventDraft(
            EventType.KEY_ROTATED, None, said.at, digests=_digests(said), detail=detail, id=said.event
        )
        await self._catalogue.write(lambda tx: _record(tx, said, note, draft))
        await self._keep_statements()
        published = await self._publish(said)
        self._take_over(said)
        pending.unlink()
        return Finished(said, published)

    async def _publish(self, said: Rotation) -> int | None:
        """Step 4; None where the log stands still for another reason, which no key mends."""
        following = self._directory / NEXT
        new = FileSigner(load_private(following if following.exists() else self._directory / PRIVATE))
        also = None
        if said.by == BY_KEY and following.exists():
            also = FileSigner(load_private(self._directory / PRIVATE))
        sequencer = Sequencer(self._catalogue, self._store, new, self._clock, self._origin, also)
        try:
            while (ran := await sequencer.run()).added:
                pass
        except LogStopped:
            return None
        return ran.published

    def _take_over(self, said: Rotation) -> None:
        """Step 5. The old public key stays, for what it signed."""
        following = self._directory / NEXT
        if following.exists():
            old = parse_key(said.old)
            retired = self._directory / RETIRED
            retired.mkdir(mode=0o700, exist_ok=True)
            write_once(retired / f"{said.seq:04}.pub.pem", _pem(old), 0o644)
            replace(self._directory / PRIVATE, following.read_bytes(), 0o600)
            following.unlink()
        replace(self._directory / PUBLIC, _pem(parse_key(said.new)), 0o644)

    async def _keep_statements(self) -> None:
        """All of them beside the keys, where a backup and the verifier find them, also after a loss."""
        place = self._directory / STATEMENTS
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        for note in await self._catalogue.read(lambda tx: tx.log.key_statements()):
            seq = parse_statement(parse_note(note).text).seq
            write_once(place / f"{seq:04}.note", note.encode(), 0o644)

    def _require_settled(self) -> None:
        if (self._directory / PENDING).exists():
            raise Conflict(
                "rotation-unfinished",
                "A rotation was begun and not finished. Run `custos keys rotate --finish`.",
            )

    def _require_recovery(
        self, head: LogHead, statements: Sequence[Statement], recovery: Ed25519PrivateKey
    ) -> None:
        named = recovery_of(statements)
        if named is None:
            raise Conflict(
                "no-recovery-key",
                "This log never named a recovery key, so none can replace its key. Put the key back from a "
                "backup (`custos keys restore`).",
            )
        if _pin(head, recovery) != named:
            raise Conflict("not-the-recovery-key", "That is not the recovery key that this log named.")

    async def _head(self) -> LogHead:
        origin = self._origin or f"custos.invalid/{new_pseudonym()}"
        return await self._catalogue.write(lambda tx: tx.log.begin(origin))

    async def _statements(self) -> list[Statement]:
        notes = await self._catalogue.read(lambda tx: tx.log.key_statements())
        return [parse_statement(parse_note(note).text) for note in notes]


async def require_in_force(catalogue: Catalogue, public: bytes) -> None:
    """Raises what `require_key_of` does, by what the catalogue says now."""
    require_key_of(*await catalogue.read(lambda tx: (tx.log.head(), tx.log.key_statements())), public)


def require_key_of(head: LogHead | None, notes: Sequence[str], public: bytes) -> None:
    """Raises Unavailable("key-unknown") unless the key is the one that the log is signed with.

    A key that was made anew because the old one was gone would sign what nobody can lead back to the log.
    """
    if head is None:
        return
    key = VerifierKey(head.origin, ED25519, public)
    keys = keys_of([parse_statement(parse_note(note).text) for note in notes])
    if keys:
        known = keys[-1] == str(key)
    else:
        signatures = parse_note(head.checkpoint).signatures if head.published else ()
        known = not head.published or any(one.key_id == key.id for one in signatures)
    if not known:
        raise key_unknown()


def key_unknown() -> Unavailable:
    """What a key is that the log knows nothing of."""
    return Unavailable(
        "key-unknown",
        f"The signing key is not the one that this log is signed with. {WAYS_BACK} If the catalogue is from "
        "a backup that is older than the last rotation, put back a newer one.",
    )


def _record(tx: Transaction, said: Statement, note: str, draft: EventDraft) -> None:
    if tx.events.get(said.event) is None:
        tx.events.append(draft)
        tx.log.add_key_statement(said.seq, note)


def _digests(said: Statement) -> dict[str, str]:
    pair = (said.old, said.new) if isinstance(said, Rotation) else (said.key, said.recovery)
    first, second = (digest_of(one) for one in pair)
    names = ("old_key_sha256", "new_key_sha256")
    if isinstance(said, RecoveryNamed):
        names = ("key_sha256", "recovery_key_sha256")
    return {"sha256": digest_of(said.text), names[0]: first, names[1]: second}


def _pin(head: LogHead, private: Ed25519PrivateKey) -> str:
    return str(VerifierKey(head.origin, ED25519, private.public_key().public_bytes_raw()))


def _pem(key: VerifierKey) -> bytes:
    return key.loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
