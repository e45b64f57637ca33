"""Revocation lists and answers (OCSP) kept beside the tokens, as they were at the time: whether a certificate
of an authority was revoked can then be checked when its issuer is long gone.

Fetched apart from stamping, which waits for none of it: what tokens need is a row, and a fetch that failed is
tried again. A list is fetched for a token that is younger than the last one, at most once an hour, so that
each token has one from around its time. Where a certificate names no list, its responder is asked as often.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from http.client import HTTPException

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import (
    CertificateRevocationList,
    load_der_x509_certificate,
    load_der_x509_crl,
    load_pem_x509_crl,
)

from custody.ocsp import NotAnswered, encode_question, require_answer
from custody.sequencer import LOG_LOCK
from evidence.alarms import raise_alarm
from evidence.ports.catalogue import Alarm, Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.log import LogStore
from evidence.revocation import KeptList, ListSource, WantedList, asked_of

_log = logging.getLogger(__name__)
_SECONDS = 20.0
_LARGEST = 4 * 1024 * 1024
_PIECE = 64 * 1024
#: A list that tokens have needed for so long, and that is not to be had, is an alarm.
_ALARM_AFTER = timedelta(days=1)


class NotFetched(Exception):
    """There is no such list to be had; the text says why."""


class OfAnotherTime(NotFetched):
    """There is one, and it ended before the token was made: it says who was revoked by then, no more."""

    def __init__(self, data: bytes) -> None:
        super().__init__("it is of another time: its issuer publishes no newer one there")
        self.data = data


class RevocationLists:
    """The use case of keeping them; `fetch` gives what lies at an address, or is answered there to a question
    (DER), within its own bounds.
    """

    def __init__(
        self, catalogue: Catalogue, store: LogStore, clock: Clock, fetch: Callable[[str, bytes | None], bytes]
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._clock = clock
        self._fetch = fetch

    async def run(self) -> int:
        """Fetch what is due; how many are kept now, durable in the store before the catalogue names them.

        What fails is logged and stays due. A crash leaves a list in the store that is fetched once more.
        """
        now, kept = self._clock.now(), 0
        for wanted in await self._catalogue.read(lambda tx: tx.revocation.due(now)):
            source = wanted.source
            await self._catalogue.write(partial(lambda tx, of: tx.revocation.tried(of, now), of=source))
            try:
                data = await asyncio.to_thread(self._fetched, wanted, now)
            except (NotFetched, NotAnswered, OSError, HTTPException) as error:
                if isinstance(error, OfAnotherTime):
                    await self._put(error.data, source, now)
                _log.warning("what %s says of revocation is not kept: %s", source.url, error)
                if now - wanted.wanted_since > _ALARM_AFTER:
                    await self._catalogue.write(self._raise)
                continue
            found = await self._put(data, source, now)
            await self._catalogue.write(
                partial(lambda tx, of, found: tx.revocation.keep(of, found), of=source, found=found)
            )
            kept += 1
        return kept

    async def _put(self, data: bytes, source: ListSource, now: datetime) -> KeptList:
        found = KeptList(source.url, hashlib.sha256(data).hexdigest(), now)
        await self._store.put(found.path, data, now + LOG_LOCK)
        return found

    def _raise(self, tx: Transaction) -> None:
        raise_alarm(
            tx,
            Alarm(
                "revocation-not-kept",
                "log",
                "A revocation list, or a responder's answer (OCSP), that a time authority's certificate "
                "names was not to be had for a day. Stamping goes on; whether the certificate was revoked "
                "then cannot be checked later. Look at the server's log, and at what its network lets out.",
                self._clock.now(),
            ),
        )

    def _fetched(self, wanted: WantedList, now: datetime) -> bytes:
        """The answer as it was given, or the list in DER, once whoever has to has signed it."""
        source = wanted.source
        asked = asked_of(source.url)
        if asked is None:
            return _checked_list(self._fetch(source.url, None), wanted, now)
        responder, serial = asked
        question = encode_question(source.issuer, serial)
        data = self._fetch(responder, question)
        require_answer(data, question, source.issuer, wanted.wanted_since, now)
        return data


def _checked_list(data: bytes, wanted: WantedList, now: datetime) -> bytes:
    """In DER; raises NotFetched, OfAnotherTime."""
    try:
        found = _list(data)
        issuer = load_der_x509_certificate(wanted.source.issuer)
        if found.issuer != issuer.subject or not found.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
            raise NotFetched("its issuer has not signed it")
        made, until = found.last_update_utc, found.next_update_utc
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise NotFetched("what lies there is no revocation list") from error
    # Some publish them in PEM: kept is what was signed.
    der = found.public_bytes(Encoding.DER)
    if made < wanted.wanted_since and (until is None or until < now):
        raise OfAnotherTime(der)
    return der


def fetched(url: str, question: bytes | None = None) -> bytes:
    """What lies at an address of HTTP, or is answered there to a question (OCSP), within bounds.

    So many bytes and seconds at most. Raises NotFetched, OSError.
    """
    if not url.startswith(("http://", "https://")):
        raise NotFetched("its address is not one of HTTP")
    until, data = time.monotonic() + _SECONDS, bytearray()
    headers = {} if question is None else {"Content-Type": "application/ocsp-request"}
    request = urllib.request.Request(url, question, headers)  # noqa: S310  the scheme was looked at
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310  as above
        while piece := answer.read1(_PIECE):
            data += piece
            if len(data) > _LARGEST:
                raise NotFetched("it is too long")
            if time.monotonic() > until:
                raise NotFetched("it comes too slowly")
    return bytes(data)


def _list(data: bytes) -> CertificateRevocationList:
    return load_pem_x509_crl(data) if data.startswith(b"-----BEGIN") else load_der_x509_crl(data)
