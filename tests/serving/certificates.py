"""A TLS certificate for a server of the tests, and the authority that vouches for it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_AUTHORITY = "basicConstraints=critical,CA:TRUE"
_SUBJECT = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650")


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files."""

    root: Path
    certificate: Path
    key: Path


def vouched_for(name: str, directory: Path) -> Certificate:
    """One for the DNS name `name` by an authority of its own, in `directory`, which is made."""
    directory.mkdir(parents=True)
    made = Certificate(directory / "root.pem", directory / "server.pem", directory / "server.key")
    root_key = str(directory / "root.key")
    _openssl(
        "req", "-x509", *_SUBJECT, "-subj", "/CN=Tests", "-keyout", root_key, "-out", str(made.root),
        "-addext", _AUTHORITY,
    )  # fmt: skip
    _openssl(
        "req", "-x509", *_SUBJECT, "-subj", f"/CN={name}", "-keyout", str(made.key),
        "-out", str(made.certificate), "-CA", str(made.root), "-CAkey", root_key,
        "-addext", f"subjectAltName=DNS:{name}", "-addext", "basicConstraints=critical,CA:FALSE",
    )  # fmt: skip
    return made


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
