"""An installation whose catalogue is taken away, and all that is compared once it is back."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from custos.log_keeper import open_sequencer
from custos.rebuilding import Rebuilt, rebuild
from custos.settings import Settings
from evidence.journal import Entry
from tests.postgres import Server
from tests.serving.inside import Inside, served_inside


@dataclass
class Lost:
    """An installation whose catalogue can be taken away."""

    settings: Settings
    stack: ExitStack
    postgres: Server | None = None

    @contextmanager
    def served(self) -> Iterator[Inside]:
        settings = self.settings
        with served_inside(settings.data, s3=settings.s3, catalogue=settings.catalogue.url) as server:
            yield server

    def lose(self) -> None:
        """Nothing of the catalogue is left, nor of anything that is not the store or the keys."""
        for path in self.settings.data.iterdir():
            if path.name not in ("store", "keys"):
                shutil.rmtree(path)
        if self.postgres is not None:
            url = self.stack.enter_context(self.postgres.catalogue())
            self.settings = self.settings.model_copy(
                update={"catalogue": self.settings.catalogue.model_copy(update={"url": url})}
            )

    def rebuilt(self, **options: Any) -> Rebuilt:
        return asyncio.run(rebuild(self.settings, "lost in a fire", **options))


async def keep(settings: Settings) -> None:
    """All that the keeper of the log does until nothing is left to do."""
    async with open_sequencer(settings) as kept:
        for run in (kept.sequencer.run, kept.bodies.run, kept.journal.run):
            await run()
        for copy in kept.copies:
            await copy.run()


def kept(settings: Settings) -> None:
    asyncio.run(keep(settings))


def rows(server: Inside) -> dict[tuple[Any, ...], Entry]:
    """Every row that the journal keeps."""
    found: dict[tuple[Any, ...], Entry] = {}
    position = None
    while True:
        entries, position = server.do(
            server.services.catalogue.read(lambda tx, after=position: tx.journal.scan(after, 500))  # type: ignore[misc]
        )
        found |= {(one.table, *one.key): one for one in entries}
        if position is None:
            return found


def events(server: Inside) -> list[tuple[bytes, bytes]]:
    """Every event that is in the log, with its detail, in the log's order."""

    def look(tx: Any) -> list[tuple[bytes, bytes]]:
        query = (
            "SELECT data, detail FROM log_leaves JOIN events ON events.id = log_leaves.event_id "
            "JOIN event_bodies ON event_bodies.event_id = events.id ORDER BY number"
        )
        return [(bytes(row[0]), bytes(row[1])) for row in tx.connection.exec_driver_sql(query)]

    return server.do(server.services.catalogue.read(look))
