"""Time that an installation vouches for itself, and the mark by which nobody takes it for more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

#: Where such time lies in the store and in exports, and what it is called wherever it appears.
SELF_ASSERTED = "self-asserted"
#: The policy under which an embedded authority signs, in its certificate and in every token, for ever:
#: below 2.25 (ITU-T X.667), the UUID of version 5 of `custos/self-asserted-time/1` as a URL.
SELF_ASSERTED_POLICY = "2.25.104553683360093375621023543481358473107"
SELF_ASSERTED_STAMP_VERSION = "custos/self-asserted-stamp/1"


@dataclass(frozen=True, slots=True)
class SelfAssertedTime:
    """What the embedded authority signed: DER of an RFC 3161 response, and of the request that it answers.

    Never a `TrustedTime`: no disposal takes it, no quorum counts it.
    """

    at: datetime
    token: bytes
    request: bytes
