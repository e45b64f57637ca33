"""Time that somebody else vouches for: RFC 3161 tokens, asked for with a nonce and checked against a root.

One authority that answers rightly suffices: the first one configured that does is taken.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import (
    Certificate,
    DuplicateExtension,
    InvalidVersion,
    ObjectIdentifier,
    load_pem_x509_certificates,
)
from rfc3161_client import (
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from custody.chains import sources_of
from custody.time_tokens import IMPRINTS, encode_request, is_self_asserted
from custody.token_order import in_order
from evidence.disposal import TrustedTime
from evidence.errors import Invalid, Unavailable
from evidence.ids import new_id

_log = logging.getLogger(__name__)
#: What is raised for a certificate in an answer that is none.
_BROKEN = (
    VerificationError,
    ValueError,
    TypeError,
    DuplicateExtension,
    InvalidVersion,
    UnsupportedAlgorithm,
)
_SECONDS = 20.0
_NONCE_BITS = 63
_LARGEST_TOKEN = 64 * 1024


class NotTrusted(Exception):
    """The token does not prove the time that it states; the text says why."""


class TimeAuthorities:
    """`evidence.ports.disposal.TrustedClock` over the authorities of the settings, in their order."""

    def __init__(
        self,
        roots: Mapping[str, bytes],
        policies: Mapping[str, str] | None = None,
        imprints: Mapping[str, str] | None = None,
    ) -> None:
        """`roots`: PEM certificates by the authority's address; `policies`: OIDs of those bound to one;
        `imprints`: the digest that is signed, of `custody.time_tokens.IMPRINTS`, where it is not SHA-256.
        """
        self._roots = dict(roots)
        self._policies = dict(policies or {})
        self._imprints = dict(imprints or {})

    async def stamp(self, statement: bytes) -> TrustedTime:
        """See the port."""
        if not self._roots:
            raise none_configured()
        for url, root in self._roots.items():
            try:
                return await asyncio.to_thread(self._asked, url, root, statement)
            except (NotTrusted, OSError, HTTPException) as error:
                _log.warning("the time authority %s gave no time that can be trusted: %s", url, error)
        raise Unavailable(
            "no-trusted-time",
            "No configured time authority gave a time that can be trusted; the log says what each did. "
            "Try again later.",
        )

    async def stamp_all(self, statement: bytes) -> Sequence[TrustedTime]:
        """What each gave that answered rightly, all asked at once; why another did not is logged."""
        asked = await asyncio.gather(
            *(asyncio.to_thread(self._asked, url, root, statement) for url, root in self._roots.items()),
            return_exceptions=True,
        )
        found = []
        for url, answer in zip(self._roots, asked, strict=True):
            if isinstance(answer, TrustedTime):
                found.append(answer)
            elif isinstance(answer, (NotTrusted, OSError, HTTPException)):
                _log.warning("the time authority %s gave no time that can be trusted: %s", url, answer)
            else:
                raise answer
        return found

    def _asked(self, url: str, root: bytes, statement: bytes) -> TrustedTime:
        return _asked(url, root, statement, self._policies.get(url), self._imprints.get(url, "sha256"))


class ConfiguredTime:
    """The same over files that are read when time is asked for: one that is not there stops nothing else."""

    def __init__(
        self,
        files: Mapping[str, str],
        policies: Mapping[str, str],
        imprints: Mapping[str, str] | None = None,
    ) -> None:
        """`files`: of PEM certificates, by the authority's address; the others as for TimeAuthorities."""
        self._files = dict(files)
        self._policies = dict(policies)
        self._imprints = dict(imprints or {})

    async def stamp(self, statement: bytes) -> TrustedTime:
        """See the port. Raises Invalid("no-such-file"), Invalid("bad-root") besides."""
        roots = await asyncio.to_thread(read_roots, self._files)
        return await TimeAuthorities(roots, self._policies, self._imprints).stamp(statement)


def none_configured() -> Unavailable:
    """What is said where no authority is configured."""
    return Unavailable(
        "no-trusted-time",
        "No time authority is configured, and nothing is disposed of by this machine's own clock. Set "
        "`custody.time_authorities`.",
    )


def read_roots(files: Mapping[str, str]) -> Mapping[str, bytes]:
    """The PEM files by address; raises Invalid("no-such-file"), Invalid("bad-root")."""
    found = {}
    for url, name in files.items():
        try:
            found[url] = Path(name).read_bytes()
        except OSError as error:
            raise Invalid("no-such-file", f"{name} cannot be read: {error.strerror}.") from error
        _certificates(found[url])
    return found


def _certificates(root: bytes) -> list[Certificate]:
    try:
        return load_pem_x509_certificates(root)
    except ValueError as error:
        raise Invalid("bad-root", "A root certificate of a time authority is not PEM.") from error


def _asked(url: str, root: bytes, statement: bytes, policy: str | None, imprint: str) -> TrustedTime:
    nonce = secrets.randbits(_NONCE_BITS)
    asked = encode_request(imprint, _digest(imprint, statement), nonce)
    if not url.startswith(("http://", "https://")):
        raise NotTrusted("its address is not one of HTTP")
    request = urllib.request.Request(  # noqa: S310  the scheme was looked at
        url, asked, {"Content-Type": "application/timestamp-query"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310  as above
        token = answer.read(_LARGEST_TOKEN + 1)
    if len(token) > _LARGEST_TOKEN:
        raise NotTrusted("its answer is too long")
    response = _decoded(token)
    at = _checked(response, statement, root, nonce, policy, imprint)
    lists = sources_of(response, _certificates(root))
    return TrustedTime(new_id(at), token, url, at, asked, lists, policy)


def _digest(imprint: str, statement: bytes) -> bytes:
    try:
        return hashlib.new(imprint, statement).digest()
    except ValueError as error:
        raise NotTrusted(f"{imprint} cannot be computed on this machine") from error


def _decoded(token: bytes) -> TimeStampResponse:
    if is_self_asserted(token):
        raise NotTrusted("it is self-asserted: a Custos signed it itself, and no third party did")
    try:
        return decode_timestamp_response(in_order(token))
    except ValueError as error:
        raise NotTrusted("its answer is no RFC 3161 response") from error


def _checked(
    response: TimeStampResponse,
    statement: bytes,
    root: bytes,
    nonce: int,
    policy: str | None,
    imprint: str,
) -> datetime:
    bound = None if policy is None else ObjectIdentifier(policy)
    trusted = _certificates(root)
    try:
        builder = VerifierBuilder(roots=trusted, nonce=nonce, policy_id=bound)
        builder.build().verify(response, _digest(imprint, statement))
        if response.tst_info.message_imprint.hash_algorithm != IMPRINTS[imprint]:
            raise NotTrusted("it signed another digest than the one that was asked for")
        return response.tst_info.gen_time.astimezone(UTC)
    except _BROKEN as error:
        raise NotTrusted(str(error)) from error
