"""Whether an installation's key signed a disposal certificate (docs/formats/disposal-certificate.md §1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from custody.signing import ALGORITHM, STATEMENT_TYPE
from evidence.canonical import parse_canonical
from evidence.certificates import CERTIFICATE_VERSION


class NotProven(Exception):
    """The certificate does not prove what it is held to prove; the text says why."""


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
