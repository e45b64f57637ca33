"""What keeps a catalogue, for whoever examines it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from storage.catalogue import postgres
from storage.catalogue.engine import Where, connected, revision_of, sqlite_version
from storage.catalogue.privileges import what_it_could_change


@dataclass(frozen=True, slots=True)
class Keeper:
    """What keeps a catalogue.

    `could_change`: in words, what Custos's own role could do to what is frozen; None before there is any.
    """

    name: str
    version: str
    could_change: str | None = ""


def kept_by(where: Where) -> Keeper:
    """What keeps the catalogue; of a PostgreSQL, once it is found sound. Raises Invalid, Unavailable."""
    if isinstance(where, Path):
        return Keeper("SQLite", sqlite_version())
    with connected(where) as connection:
        postgres.require_sound(connection)
        could = None if revision_of(connection) is None else what_it_could_change(connection)
        return Keeper("PostgreSQL", postgres.version_of(connection), could)
