"""What only grows: the tables whose rows no statement changes or removes, with the words of the refusal."""

from __future__ import annotations

from collections.abc import Mapping

FROZEN: Mapping[str, str] = {
    "events": "custody events are append-only",
    "log_leaves": "the custody log is append-only",
    "log_nodes": "the custody log is append-only",
}
