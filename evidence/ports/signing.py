"""Signatures over what Custos states."""

from __future__ import annotations

from typing import Protocol

from evidence.self_asserted import SelfAssertedTime


class Signer(Protocol):
    """One signing key of this installation."""

    @property
    def key_id(self) -> str:
        """RFC 7638 thumbprint of the public key."""
        ...

    def sign_statement(self, payload: bytes) -> str:
        """`payload` as a compact JWS (RFC 7515) whose header names the algorithm and the key."""
        ...


class OwnClock(Protocol):
    """An installation's own time authority. What it signs is self-asserted, and marked so in signed bytes."""

    @property
    def certificates(self) -> bytes:
        """Every certificate that it ever had, in PEM, the one in use first."""
        ...

    def assert_time(self, statement: bytes) -> SelfAssertedTime:
        """The server's own clock, signed over `statement`."""
        ...
