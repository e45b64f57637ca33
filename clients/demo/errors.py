"""What ends a demonstration early."""

from __future__ import annotations


class DemoError(Exception):
    """The demonstration cannot go on; the text says why and what to do."""
