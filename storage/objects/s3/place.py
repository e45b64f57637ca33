"""Where a bucket is. Apart from the client, which takes a while to import and which few commands need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """Which bucket, where, and as whom.

    `endpoint` None is AWS in `region`. `credentials` is a file in the form of AWS's own; None is whatever the
    machine provides (environment, instance role). `trusted` is a PEM file of authorities for a private TLS.
    """

    bucket: str
    endpoint: str | None = None
    region: str = "us-east-1"
    credentials: Path | None = None
    trusted: Path | None = None
