"""Asking the witnesses: whoever is shown a cosigned head is shown the tree that the witnesses have seen.

A round shows every witness the same head, the newest that is published, with the proof from what it cosigned
last; its own answer says where it stands if that is not known here. What it answers is verified with its
pinned key before it is kept. Nothing here is an event: an event makes a new head, to be cosigned in turn.

The sequencer never waits for any of this.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from custody.asking import AskWitness, NoAnswer, WitnessAnswer
from custody.notes import (
    COSIGNATURE,
    Note,
    Signature,
    VerifierKey,
    parse_key,
    parse_note,
    parse_size,
    require_signed,
)
from custody.proofs import hashes_of
from custody.tree import consistency_spans
from custody.witnessing import AddCheckpoint
from evidence.alarms import raise_alarm
from evidence.errors import Invalid
from evidence.ports.catalogue import Alarm, Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.log import LogHead, LogStore, Witnessed, WitnessState
from evidence.timekeeping import is_live

_log = logging.getLogger(__name__)
WITNESSED = "witnessed"
#: A witness that has not answered for so long is an alarm.
_ALARM_AFTER = timedelta(hours=1)
#: One that failed is left alone for so long: it must not slow the others down.
_REST = timedelta(seconds=30)
#: A witness says where it stands, and may have gone on meanwhile; then it is asked again, so often.
_TRIES = 3
_LONGEST_NAME = 100
#: The last second of the year 9999.
_LATEST = 253_402_300_799


@dataclass(frozen=True, slots=True)
class AskedWitness:
    """Whose cosignature is asked for, and where."""

    key: VerifierKey
    url: str


def configured(
    witnesses: Mapping[str, str], needed: int | None, own: bytes
) -> tuple[Sequence[AskedWitness], int]:
    """The witnesses of the settings and how many are needed, more than half where that is not said.

    `own` is the public key of the log. Raises Invalid("bad-witnesses").
    """
    found = []
    for text, url in witnesses.items():
        try:
            key = parse_key(text)
        except ValueError as error:
            raise _bad(f"{text[:80]!r} is no key ({error})") from error
        if key.kind != COSIGNATURE or len(key.name) > _LONGEST_NAME:
            raise _bad(f"{key.name[:80]} is not the key of a witness")
        if not url.startswith(("http://", "https://")):
            raise _bad(f"the address of {key.name} does not begin with http:// or https://")
        found.append(AskedWitness(key, url.rstrip("/")))
    if len({one.key.public for one in found}) != len(found):
        raise _bad("one key stands there under two names, and would count twice")
    if own in {one.key.public for one in found}:
        raise _bad("one is this log's own key, which is nobody else's word")
    if found and needed is not None and needed > len(found):
        raise _bad(f"`custody.witnesses_needed` asks for {needed}, and there are {len(found)}")
    return found, needed or len(found) // 2 + 1


def _bad(what: str) -> Invalid:
    return Invalid(
        "bad-witnesses",
        f"The setting `custody.witnesses` cannot be used: {what}. Each is a key as `custos witness key` "
        "prints it, with the address at which it answers.",
    )


class _Disagrees(Exception):
    """The witness has seen another tree; the text says what it answered."""


class Cosigning:
    """The use case of having heads cosigned; without witnesses it does nothing."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: LogStore,
        clock: Clock,
        witnesses: Sequence[AskedWitness],
        needed: int,
        ask: AskWitness,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._clock = clock
        self._witnesses = witnesses
        self._needed = needed
        self._ask = ask
        self._resting: dict[VerifierKey, datetime] = {}
        self._keeping = asyncio.Lock()
        self._is_settled = False

    async def run(self) -> Sequence[VerifierKey]:
        """Show the newest head to every witness that has not cosigned it; who has cosigned it now.

        What is returned is durable, in catalogue and store. A witness that fails does not keep the others
        from being kept; it raises an alarm where a person has to look. Raises Unavailable.
        """
        if not self._witnesses:
            return ()
        if not self._is_settled:
            await self._settle()
        head, states = await self._catalogue.read(lambda tx: (tx.log.head(), tx.log.witnesses()))
        if head is None or not head.published:
            return ()
        now = self._clock.now()
        due = [
            one
            for one in self._witnesses
            if not self._rests(one, now) and not _has_cosigned(states.get(str(one.key)), head)
        ]
        answered = await asyncio.gather(*(self._show(one, head, states.get(str(one.key))) for one in due))
        return [one.key for one, is_kept in zip(due, answered, strict=True) if is_kept]

    def _rests(self, witness: AskedWitness, now: datetime) -> bool:
        until = self._resting.get(witness.key)
        return until is not None and is_live(until, now, _REST)

    async def _settle(self) -> None:
        """What a crash left between catalogue and store."""
        witnessed = await self._catalogue.read(lambda tx: tx.log.witnessed())
        if witnessed is not None and await self._store.read(WITNESSED) != witnessed.checkpoint.encode():
            await self._store.replace(WITNESSED, witnessed.checkpoint.encode())
        self._is_settled = True

    async def _show(self, witness: AskedWitness, head: LogHead, state: WitnessState | None) -> bool:
        state = state or WitnessState(str(witness.key), 0, "", None, None)
        try:
            line, at = await self._cosigned(witness, head, state)
        except NoAnswer as error:
            _log.warning("the witness %s did not cosign, and is asked again: %s", witness.key.name, error)
            self._resting[witness.key] = self._clock.now() + _REST
            await self._note_silence(witness, state, str(error))
            return False
        except _Disagrees as error:
            _log.error("the witness %s disagrees: %s", witness.key.name, error)
            self._resting[witness.key] = self._clock.now() + _REST
            await self._note_disagreement(witness, state, str(error))
            return False
        note = parse_note(head.checkpoint)
        cosigned = str(Note(note.text, (*note.signatures, line)))
        kept = WitnessState(state.key, head.published, cosigned, datetime.fromtimestamp(at, UTC), None)
        # One after the other, so that the store does not end with fewer signatures than the catalogue.
        async with self._keeping:
            witnessed = await self._catalogue.write(lambda tx: self._keep(tx, kept, note))
            if witnessed is not None:
                await self._store.replace(WITNESSED, witnessed.checkpoint.encode())
        return True

    async def _cosigned(
        self, witness: AskedWitness, head: LogHead, state: WitnessState
    ) -> tuple[Signature, int]:
        """The witness' signature line and its time; raises NoAnswer, _Disagrees."""
        old = state.size
        for _ in range(_TRIES):
            answer = await self._asked(witness, head, old)
            if answer.stands_at is None:
                return _line_of(answer, witness.key, head)
            try:
                old = parse_size(answer.stands_at)
            except ValueError as error:
                raise NoAnswer("it does not say where it stands") from error
            if old > head.published:
                now = await self._catalogue.read(lambda tx: tx.log.head())
                if now is not None and old <= now.published:
                    raise NoAnswer("another process has shown it a newer head meanwhile")
                raise _Disagrees(
                    f"it has cosigned a tree of {old} leaves, and this log has {head.published}: the log was "
                    "put back, or somebody else signs in its name"
                )
        raise NoAnswer("it does not say where it stands")

    async def _asked(self, witness: AskedWitness, head: LogHead, old: int) -> WitnessAnswer:
        spans = consistency_spans(old, head.published)
        (proof,) = await self._catalogue.read(lambda tx: hashes_of(tx, [spans], head.published))
        request = str(AddCheckpoint(old, proof, head.checkpoint))
        answer = await self._ask(f"{witness.url}/add-checkpoint", request.encode())
        if answer.status in (409, 422) and answer.stands_at is None:
            raise _Disagrees(f"it refuses this head (status {answer.status}): {_said(answer)}")
        if answer.status not in (200, 409):
            raise NoAnswer(f"status {answer.status}: {_said(answer)}")
        return answer

    def _keep(self, tx: Transaction, state: WitnessState, head: Note) -> Witnessed | None:
        """Keep what one has cosigned; the witnessed head, if there are enough of them now."""
        tx.log.keep_witness(state)
        states = tx.log.witnesses()
        lines = [
            line for one in self._witnesses for line in _own_line(states.get(str(one.key)), one.key, head)
        ]
        before = tx.log.witnessed()
        if len(lines) < self._needed or (before is not None and before.size > state.size):
            return None
        found = Witnessed(state.size, str(Note(head.text, (*head.signatures, *lines))))
        tx.log.keep_witnessed(found)
        return found

    async def _note_silence(self, witness: AskedWitness, state: WitnessState, why: str) -> None:
        now = self._clock.now()
        since = state.silent_since or now
        if state.silent_since is not None and now - since < _ALARM_AFTER:
            return
        alarm = self._alarm("log-not-witnessed", witness, _SILENT.format(why=why[:200]))

        def note(tx: Transaction) -> None:
            tx.log.keep_witness(replace(state, silent_since=since))
            if now - since >= _ALARM_AFTER:
                raise_alarm(tx, alarm)

        await self._catalogue.write(note)

    async def _note_disagreement(self, witness: AskedWitness, state: WitnessState, said: str) -> None:
        alarm = self._alarm("log-witness-disagrees", witness, _DISAGREES.format(said=said))

        def note(tx: Transaction) -> None:
            tx.log.keep_witness(replace(state, silent_since=None))
            raise_alarm(tx, alarm)

        await self._catalogue.write(note)

    def _alarm(self, kind: str, witness: AskedWitness, words: str) -> Alarm:
        return Alarm(kind, witness.key.name, words, self._clock.now())


_SILENT = (
    "This witness of the custody log has cosigned nothing for an hour, although it was asked ({why}). The "
    "log goes on without it. Look at `custody.witnesses`, and call whoever runs the witness."
)
_DISAGREES = (
    "A witness of the custody log does not cosign it: {said}. If catalogue and store were put back from a "
    "backup, that is what it shows: stop, and put the newest back. Else somebody may have made a second log "
    "in this one's name. Keep the machine as it is, and call whoever audits this installation and whoever "
    "runs the witness."
)


def _has_cosigned(state: WitnessState | None, head: LogHead) -> bool:
    return state is not None and state.size == head.published and bool(state.checkpoint)


def _own_line(state: WitnessState | None, key: VerifierKey, head: Note) -> Sequence[Signature]:
    """The witness' signature of this head, if that is what it cosigned last."""
    if state is None or not state.checkpoint:
        return ()
    note = parse_note(state.checkpoint)
    if note.text != head.text:
        return ()
    return [one for one in note.signatures if (one.name, one.key_id) == (key.name, key.id)]


def _line_of(answer: WitnessAnswer, key: VerifierKey, head: LogHead) -> tuple[Signature, int]:
    """The verified signature line of this witness; raises NoAnswer for an answer that has none."""
    text = parse_note(head.checkpoint).text
    try:
        note = parse_note(f"{text}\n{answer.text}")
        if note.text != text:
            raise NoAnswer("its answer is no signature line")
        own = [one for one in note.signatures if (one.name, one.key_id) == (key.name, key.id)][:1]
        at = require_signed(Note(text, tuple(own)), key)
    except ValueError as error:
        raise NoAnswer(f"its cosignature cannot be used: {error}") from error
    assert at is not None
    if not 0 < at <= _LATEST:
        raise NoAnswer("its cosignature states no time")
    return own[0], at


def _said(answer: WitnessAnswer) -> str:
    """Its words for a person: bounded, and without what would steer a terminal."""
    return "".join(one if one.isprintable() else " " for one in answer.text[:200]).strip()
