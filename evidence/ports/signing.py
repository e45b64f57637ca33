"""Signatures over what Custos states."""

from __future__ import annotations

from typing import Protocol


class Signer(Protocol):
    """One signing key of this installation."""

    @property
    def key_id(self) -> str:
        """RFC 7638 thumbprint of the public key."""
        ...

    def sign_statement(self, payload: bytes) -> str:
        """`payload` as a compact JWS (RFC 7515) whose header names the algorithm and the key."""
        ...
