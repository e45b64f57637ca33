"""Checking a disposal certificate offline (docs/formats/disposal-certificate.md §3): what it proves."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from custody.signing import ALGORITHM, STATEMENT_TYPE
from custody.trusted_time import NotTrusted, token_time
from evidence.canonical import parse_canonical
from evidence.certificates import CERTIFICATE_VERSION
from evidence.disposal import APPROVERS, time_statement
from evidence.timekeeping import from_text


class NotProven(Exception):
    """The certificate does not prove what it is held to prove; the text says why."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What a certificate states, all of it checked."""

    statement: Mapping[str, Any]


def verify_certificate(certificate: str, public_pem: bytes, roots: Sequence[bytes]) -> Proven:
    """Check a certificate with the installation's public key and the time authorities' roots (PEM).

    Raises NotProven. Asks nobody; holds for as long as key and roots are trusted.
    """
    statement = signed_statement(certificate.strip(), public_pem)
    try:
        _check(statement, roots)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise NotProven("it lacks what its version has to have") from error
    return Proven(statement)


def signed_statement(certificate: str, public_pem: bytes) -> Mapping[str, Any]:
    """What a certificate states, once its signature holds; raises NotProven."""
    try:
        key = OKPKey.import_key(public_pem)
    except (JoseError, ValueError) as error:
        raise NotProven("the public key is not an Ed25519 key") from error
    try:
        found = jws.deserialize_compact(certificate, key, algorithms=[ALGORITHM])
    except (JoseError, ValueError) as error:
        raise NotProven("its signature is wrong: it was changed or forged, or the key is another") from error
    if found.headers().get("typ") != STATEMENT_TYPE or found.headers().get("kid") != key.thumbprint():
        raise NotProven("it is not signed the way that Custos signs, or with another key")
    try:
        statement = parse_canonical(found.payload)
    except ValueError as error:
        raise NotProven("it does not hold canonical JSON") from error
    if statement.get("v") != CERTIFICATE_VERSION:
        raise NotProven("it is not a version 1 disposal certificate")
    return statement


def _check(statement: Mapping[str, Any], roots: Sequence[bytes]) -> None:
    approvers = {one["agent"] for one in statement["approvals"]}
    if len(approvers) < APPROVERS or statement["proposed_by"] in approvers:
        raise NotProven("fewer than two people other than its proposer approved it")
    named = [one["id"] for one in (*statement["items"], *statement["spared"])]
    if not named or len(set(named)) < len(named):
        raise NotProven("it does not name each item once")
    signed = time_statement(statement["proposal"], named)
    times = {one["id"]: _time(one, signed, roots) for one in statement["trusted_times"]}
    for item in statement["items"]:
        if times.get(item["trusted_time"]) != from_text(item["disposed_at"]) or not item["keys"]:
            raise NotProven(f"item {item['id']} did not go by a trusted time that stands in it")
    if statement["checked"]["found"] != 0:
        raise NotProven("something was left")


def _time(stated: Mapping[str, Any], signed: bytes, roots: Sequence[bytes]) -> datetime:
    token = base64.b64decode(stated["token"], validate=True)
    reason = "no root certificate was given"
    for root in roots:
        try:
            at = token_time(token, signed, root)
        except NotTrusted as error:
            reason = str(error)
            continue
        if at != from_text(stated["at"]):
            raise NotProven("a time in it is not the one that its token states")
        return at
    raise NotProven(f"a trusted time in it cannot be proven: {reason}")
