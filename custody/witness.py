"""A witness: it keeps the last head of each log, and cosigns only what that head is the beginning of.

Order, and why: what is agreed to is written, synced, renamed and its directory synced before the cosignature
leaves. A witness that is killed in between has kept a head whose cosignature nobody has seen: it says so when
it is asked again (`StandsAt`), and cosigns the same head once more. The other order could cosign two trees.

One process at a time may use a directory (`custos.instance.only_witness`); the requests of one log are
served one after the other.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from custody.durable import replace, sync_directory, write_once
from custody.key_files import open_signer
from custody.notes import COSIGNATURE, Note, VerifierKey, checked_name, parse_note
from custody.signing import FileSigner
from custody.witnessing import (
    NOTHING_KEPT,
    Agreed,
    Fork,
    Forked,
    Inconsistent,
    Kept,
    Refusal,
    Unknown,
    as_json,
    decide,
    kept_of,
    origin_of,
    parse_request,
)
from evidence.canonical import canonical
from evidence.errors import Invalid, Unavailable
from evidence.ports.clock import Clock

_log = logging.getLogger(__name__)
_NAME = "name"
_HEADS = "heads"
_FORKS = "forks"
#: Proofs that are kept: one is enough, and a log that signs without end must not fill the disk.
_MOST_FORKS = 1_000


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The witness agreed; `lines` are its signature lines."""

    lines: str


class Witness:
    """What one directory keeps, and the key that it cosigns with."""

    def __init__(
        self, directory: Path, signer: FileSigner, name: str, logs: Sequence[VerifierKey], clock: Clock
    ) -> None:
        """`logs` are the keys of the logs that are witnessed; their names are the origins."""
        self._directory = directory
        self._signer = signer
        self._name = name
        self._logs = tuple(logs)
        self._clock = clock
        self._locks = {key.name: threading.Lock() for key in logs}
        for below in (_HEADS, _FORKS):
            (directory / below).mkdir(mode=0o700, exist_ok=True)
        # A file that is durable in a directory that is not is gone with it after a power cut.
        for made in (directory, directory.parent):
            sync_directory(made)

    @property
    def key(self) -> VerifierKey:
        """Whose cosignatures these are, as policies pin it."""
        return VerifierKey(self._name, COSIGNATURE, self._signer.note_key)

    @property
    def origins(self) -> Sequence[str]:
        """The logs that are witnessed."""
        return tuple(self._locks)

    def add(self, body: str) -> Cosigned | Refusal:
        """Answer a request; blocks.

        A head that was agreed to, and a fork that was found, are durable on return. Raises ValueError for a
        malformed request, Unavailable("bad-witness-state"), OSError where nothing could be kept: nothing
        was cosigned then.
        """
        request = parse_request(body)
        origin = origin_of(request)
        if origin not in self._locks:
            return Unknown()
        with self._locks[origin]:
            decision = decide(request, self._logs, self._kept(origin))
            if isinstance(decision, Agreed):
                return self._cosign(origin, decision)
            if isinstance(decision, Forked):
                self._keep_fork(decision.fork)
            elif isinstance(decision, Inconsistent):
                _log.warning(
                    "%s offered a head that its proof does not lead to; not cosigned:\n%s",
                    origin,
                    decision.offered,
                )
            return decision

    def checkpoint(self, origin_hash: str) -> str | None:
        """The head cosigned last of the log whose name has this SHA-256 in hex, with the cosignature."""
        for origin in self._locks:
            if _hash(origin) == origin_hash:
                return self._read(origin)
        return None

    def _path(self, origin: str) -> Path:
        return self._directory / _HEADS / f"{_hash(origin)}.checkpoint"

    def _read(self, origin: str) -> str | None:
        try:
            return self._path(origin).read_text("utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise _damaged(origin) from error

    def _kept(self, origin: str) -> Kept:
        # Read each time: after a write that failed, the disk alone says what is kept.
        note = self._read(origin)
        if note is None:
            return NOTHING_KEPT
        try:
            return kept_of(note, [key for key in self._logs if key.name == origin])
        except ValueError as error:
            raise _damaged(origin) from error

    def _cosign(self, origin: str, agreed: Agreed) -> Cosigned:
        at = int(self._clock.now().timestamp())
        line = self._signer.cosign_note(agreed.text, self._name, at)
        kept = parse_note(agreed.kept.note)
        replace(self._path(origin), str(Note(kept.text, (*kept.signatures, line))).encode(), 0o600)
        return Cosigned(str(line))

    def _keep_fork(self, fork: Fork) -> None:
        name = hashlib.sha256(f"{fork.kept}\n{fork.offered}".encode()).hexdigest()[:32]
        kept = forks_in(self._directory)
        path = self._directory / _FORKS / f"{name}.json"
        if path in kept:
            return
        if len(kept) < _MOST_FORKS:
            write_once(path, canonical(as_json(fork, self._clock.now())), 0o400)
        _log.error(
            "ALARM: a log has signed two trees of which neither begins with the other; this one was not "
            "cosigned. The proof is kept as %s, and `custos witness forks` shows it. Tell whoever relies on "
            "this log, and delete nothing. What it offered:\n%s",
            path.name,
            fork.offered,
        )


def forks_in(directory: Path) -> list[Path]:
    """The proofs of forks that a witness keeps there."""
    return sorted((directory / _FORKS).glob("*.json"))


def open_witness(directory: Path, name: str | None, logs: Sequence[VerifierKey], clock: Clock) -> Witness:
    """The witness of `directory`, made with its key at the first start under `name`.

    Key and name are durable on return. Raises Invalid("no-name"), Invalid("other-name"),
    Invalid("own-key"), Unavailable("bad-key").
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / _NAME
    if name is not None:
        try:
            write_once(path, f"{checked_name(name)}\n".encode(), 0o600)
        except ValueError as error:
            raise Invalid("no-name", f"The name cannot be used: {error}.") from error
    try:
        kept = path.read_text().removesuffix("\n")
    except FileNotFoundError as error:
        raise Invalid(
            "no-name",
            "This directory holds no witness yet. Give it its name for ever with --name, best an address of "
            "your office without its scheme, such as witness.example.gov.cn/w1.",
        ) from error
    if name not in (None, kept):
        raise Invalid(
            "other-name",
            f"This witness is called {kept}, and its cosignatures are looked for under that name. Leave out "
            "--name, or give another one a directory of its own.",
        )
    witness = Witness(directory, open_signer(directory / "keys"), kept, logs, clock)
    if any(log.public == witness.key.public for log in logs):
        raise Invalid("own-key", "A log that signs with this witness' own key has no witness in it.")
    return witness


def _hash(origin: str) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()


def _damaged(origin: str) -> Unavailable:
    return Unavailable(
        "bad-witness-state",
        f"What this witness kept of {origin} is damaged, and it does not begin anew by itself: it could "
        "cosign a second tree. docs/witness.md says how to go on.",
    )
