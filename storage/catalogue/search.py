"""Keeping the entries of the search, and people's saved searches. The questions are in `search_questions`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, delete, insert, select, update

from evidence.access import Viewer
from evidence.places import Place, cells
from evidence.search import (
    ClockKind,
    ClockReading,
    Entry,
    Facets,
    Hit,
    ItemState,
    Query,
    SavedSearch,
    read_query,
)
from evidence.timekeeping import from_micros, to_micros
from evidence.words import terms
from storage.catalogue import codec
from storage.catalogue.search_questions import Questions
from storage.catalogue.search_tables import (
    saved_searches,
    search_cases,
    search_cells,
    search_clocks,
    search_due,
    search_places,
    search_rows,
    search_stretches,
    search_terms,
    search_texts,
    stretch_of,
)
from storage.catalogue.tables import items


class SqlSearch:
    """`evidence.ports.search.Search` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._questions = Questions(connection)

    def put(self, entry: Entry) -> None:
        """Keep what is new of the entry, drop what is no more; what stays is not written again."""
        seq = self._seq(entry.item_id)
        old = None if seq is None else self._entry(seq)
        if old == entry:
            return
        if seq is None:
            self._connection.execute(insert(search_rows).values(**values_of(entry)))
            seq = self._seq(entry.item_id)
            assert seq is not None
        else:
            self._connection.execute(
                update(search_rows).where(search_rows.c.seq == seq).values(**values_of(entry))
            )
        for table, made in links_of(entry).items():
            was = set() if old is None else links_of(old)[table]
            self._change(table, seq, was - made, made - was)

    def _change(
        self, table: Table, seq: int, gone: Iterable[tuple[Any, ...]], new: Iterable[tuple[Any, ...]]
    ) -> None:
        names = [column.name for column in table.c if column.name != "seq"]
        dropped = [dict(zip(names, row, strict=True)) for row in gone]
        if dropped:
            keys = [column for column in table.primary_key.columns if column.name != "seq"]
            for row in dropped:
                self._connection.execute(
                    delete(table).where(table.c.seq == seq, *(column == row[column.name] for column in keys))
                )
        rows = [{"seq": seq, **dict(zip(names, row, strict=True))} for row in new]
        if rows:
            self._connection.execute(insert(table), rows)

    def set_state(self, item_id: str, state: ItemState) -> None:
        """Note what has become of the item."""
        self._connection.execute(
            update(search_rows).where(search_rows.c.item_id == item_id).values(state=state.value)
        )

    def drop(self, item_id: str) -> None:
        """Forget the item's entry."""
        seq = self._seq(item_id)
        old = None if seq is None else self._entry(seq)
        if seq is None or old is None:
            return
        for table, was in links_of(old).items():
            self._change(table, seq, was, ())
        self._connection.execute(delete(search_rows).where(search_rows.c.seq == seq))

    def entry(self, item_id: str) -> Entry | None:
        """The entry as it is kept."""
        seq = self._seq(item_id)
        return None if seq is None else self._entry(seq)

    def _seq(self, item_id: str) -> int | None:
        return self._connection.execute(
            select(search_rows.c.seq).where(search_rows.c.item_id == item_id)
        ).scalar()

    def _entry(self, seq: int) -> Entry:
        def of(table: Table) -> Sequence[RowMapping]:
            found = select(table).where(table.c.seq == seq).order_by(*table.primary_key.columns)
            return self._connection.execute(found).mappings().all()

        (row,) = of(search_rows)
        return Entry(
            row["item_id"],
            row["unit"],
            row["agent_id"],
            row["kind"],
            row["category"],
            ItemState(row["state"]),
            row["officer"],
            row["badge"],
            row["device"],
            tuple(sorted(one["number"] for one in of(search_cases))),
            "".join(one["text"] for one in of(search_texts)),
            tuple(map(clock_reading, of(search_clocks))),
            tuple(sorted(Place(one["latitude"], one["longitude"]) for one in of(search_places))),
        )

    def items_after(self, item_id: str | None, limit: int) -> Sequence[str]:
        """The next items in the order of their identifiers."""
        query = select(items.c.id).where(items.c.id > (item_id or "")).order_by(items.c.id).limit(limit)
        return self._connection.execute(query).scalars().all()

    def due(self, limit: int) -> Sequence[str]:
        """Items whose entries are still to be made."""
        return self._connection.execute(select(search_due.c.item_id).limit(limit)).scalars().all()

    def settle(self, item_ids: Sequence[str]) -> None:
        """Note that these are made."""
        self._connection.execute(delete(search_due).where(search_due.c.item_id.in_(item_ids)))

    def page(self, viewer: Viewer, query: Query, *, before: int | None, limit: int) -> Sequence[Hit]:
        """What is found, newest first."""
        return self._questions.page(viewer, query, before=before, limit=limit)

    def matching_clocks(self, query: Query, item_ids: Sequence[str]) -> Mapping[str, Sequence[ClockReading]]:
        """By which clocks each of these lies in the time that is asked for."""
        found: dict[str, list[ClockReading]] = {}
        for row in self._questions.clocks(query, item_ids):
            found.setdefault(row["item_id"], []).append(clock_reading(row))
        return {item_id: sorted(some, key=lambda one: one.order) for item_id, some in found.items()}

    def facets(self, viewer: Viewer, query: Query) -> Facets:
        """How many are found, and of which values."""
        return self._questions.facets(viewer, query)

    def suggestions(self, viewer: Viewer, beginning: str, limit: int) -> Mapping[str, Sequence[str]]:
        """Values that begin so."""
        return self._questions.suggestions(viewer, beginning, limit)

    def save(self, saved: SavedSearch) -> None:
        """Keep a person's search under its name."""
        self._connection.execute(
            delete(saved_searches).where(
                saved_searches.c.agent_id == saved.agent_id, saved_searches.c.name == saved.name
            )
        )
        self._connection.execute(
            insert(saved_searches).values(
                id=saved.id,
                agent_id=saved.agent_id,
                name=saved.name,
                query=codec.dump(saved.query.pairs()),
                saved_at=to_micros(saved.saved_at),
            )
        )

    def saved(self, agent_id: str) -> Sequence[SavedSearch]:
        """The person's own, by name."""
        rows = self._connection.execute(
            select(saved_searches)
            .where(saved_searches.c.agent_id == agent_id)
            .order_by(saved_searches.c.name)
        ).mappings()
        return [
            SavedSearch(
                row["id"],
                row["agent_id"],
                row["name"],
                read_query({name: str(value) for name, value in codec.load(row["query"]).items()}),
                from_micros(row["saved_at"]),
            )
            for row in rows
        ]

    def drop_saved(self, agent_id: str, search_id: str) -> bool:
        """Forget a person's saved search."""
        done = self._connection.execute(
            delete(saved_searches).where(
                saved_searches.c.id == search_id, saved_searches.c.agent_id == agent_id
            )
        )
        return bool(done.rowcount)


def values_of(entry: Entry) -> dict[str, Any]:
    """The row of `search_rows`, without its number."""
    return {
        "item_id": entry.item_id,
        "unit": entry.unit,
        "agent_id": entry.agent_id,
        "officer": entry.officer,
        "badge": entry.badge,
        "device": entry.device,
        "kind": entry.kind,
        "category": entry.category,
        "state": entry.state.value,
    }


def clock_reading(row: RowMapping) -> ClockReading:
    """A row of `search_clocks`."""
    return ClockReading(
        ClockKind(row["kind"]),
        row["source"],
        row["stated"],
        row["zone"],
        row["assumed"],
        row["marks"],
        from_micros(row["begins"]),
        from_micros(row["ends"]),
    )


def links_of(entry: Entry) -> dict[Table, set[tuple[Any, ...]]]:
    """The rows of the other tables, without the number that they share, in the order of the columns."""
    return {
        search_cases: {(number,) for number in entry.cases},
        search_texts: {(entry.text,)} if entry.text else set(),
        search_terms: {(term,) for term in terms(entry.text)},
        search_clocks: {
            (
                n, one.kind.value, one.source, one.stated, one.zone, one.assumed, one.marks,
                to_micros(one.begins), to_micros(one.ends),
            )
            for n, one in enumerate(entry.clocks)
        },
        search_stretches: {(stretch_of(to_micros(one.begins)),) for one in entry.clocks},
        search_cells: {(cell,) for place in entry.places for cell in cells(place)},
        search_places: {(place.latitude, place.longitude) for place in entry.places},
    }  # fmt: skip
