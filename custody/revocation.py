"""Revocation lists kept beside the tokens, as they were at the time: whether an authority's certificate was
revoked can then be checked when its issuer is long gone.

Fetched apart from stamping, which waits for none of it: what tokens need is a row, and a fetch that failed is
tried again. A list is fetched for a token that is younger than the last one, at most once an hour, so that
each token has one from around its time.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
import urllib.request
from collections.abc import Callable
from datetime import timedelta
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

from custody.sequencer import LOG_LOCK
from evidence.alarms import raise_alarm
from evidence.ports.catalogue import Alarm, Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.log import LogStore
from evidence.revocation import KeptList, ListSource, list_path

_log = logging.getLogger(__name__)
_SECONDS = 20.0
_LARGEST = 4 * 1024 * 1024
_PIECE = 64 * 1024
#: A list that tokens have needed for so long, and that is not to be had, is an alarm.
_ALARM_AFTER = timedelta(days=1)


class NotFetched(Exception):
    """There is no such list to be had; the text says why."""


class RevocationLists:
    """The use case of keeping them; `fetch` gives what lies at an address, within its own bounds."""

    def __init__(
        self, catalogue: Catalogue, store: LogStore, clock: Clock, fetch: Callable[[str], bytes]
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
                data = await asyncio.to_thread(self._fetched, source)
            except (NotFetched, OSError, HTTPException) as error:
                _log.warning("the revocation list at %s is not kept: %s", source.url, error)
                if now - wanted.wanted_since > _ALARM_AFTER:
                    await self._catalogue.write(self._raise)
                continue
            found = KeptList(source.url, hashlib.sha256(data).hexdigest(), now)
            await self._store.put(list_path(found.digest), data, now + LOG_LOCK)
            await self._catalogue.write(
                partial(lambda tx, of, found: tx.revocation.keep(of, found), of=source, found=found)
            )
            kept += 1
        return kept

    def _raise(self, tx: Transaction) -> None:
        raise_alarm(
            tx,
            Alarm(
                "revocation-not-kept",
                "log",
                "A revocation list that a time authority's certificate names was not to be had for a day. "
                "Stamping goes on; whether the certificate was revoked then cannot be checked later. Look at "
                "the server's log, and at what its network lets out.",
                self._clock.now(),
            ),
        )

    def _fetched(self, source: ListSource) -> bytes:
        """The list in DER, once its issuer has signed it."""
        data = self._fetch(source.url)
        try:
            found = _list(data)
            issuer = load_der_x509_certificate(source.issuer)
            if found.issuer != issuer.subject or not found.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
                raise NotFetched("its issuer has not signed it")
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise NotFetched("what lies there is no revocation list") from error
        # Some publish them in PEM: kept is what was signed.
        return found.public_bytes(Encoding.DER)


def fetched(url: str) -> bytes:
    """What lies at an address of HTTP, so many bytes and seconds at most. Raises NotFetched, OSError."""
    if not url.startswith(("http://", "https://")):
        raise NotFetched("its address is not one of HTTP")
    until, data = time.monotonic() + _SECONDS, bytearray()
    with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310  the scheme was looked at
        while piece := answer.read1(_PIECE):
            data += piece
            if len(data) > _LARGEST:
                raise NotFetched("it is too long")
            if time.monotonic() > until:
                raise NotFetched("it comes too slowly")
    return bytes(data)


def _list(data: bytes) -> CertificateRevocationList:
    return load_pem_x509_crl(data) if data.startswith(b"-----BEGIN") else load_der_x509_crl(data)
