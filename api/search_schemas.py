"""What goes over the wire of searches."""

from __future__ import annotations

from pydantic import BaseModel, Field

from api.schemas import Body, ItemOut
from evidence.search import ClockReading, Facets, SavedSearch
from evidence.timekeeping import to_text
from retrieval.search import Found


class SearchWanted(Body):
    """Criteria by name, as in the address of a search."""

    query: dict[str, str] = Field(max_length=32)


class SearchToSave(SearchWanted):
    """The same, and the name to keep them under."""

    name: str = Field(min_length=1, max_length=200, pattern=r"\S")


class ClockOut(BaseModel):
    """A statement of time by which an item was found; `assumed` is the zone that it does not state itself."""

    clock: str
    source: str
    stated: str
    zone: str | None
    assumed: str | None
    marks: str
    begins: str
    ends: str

    @classmethod
    def read(cls, reading: ClockReading) -> ClockOut:
        """From the domain."""
        return cls(
            clock=reading.kind,
            source=reading.source,
            stated=reading.stated,
            zone=reading.zone,
            assumed=reading.assumed,
            marks=reading.marks,
            begins=to_text(reading.begins),
            ends=to_text(reading.ends),
        )


class HitOut(ItemOut):
    """An item that was found; `clocks` says by which times, where one was asked for."""

    clocks: list[ClockOut]

    @classmethod
    def found(cls, found: Found) -> HitOut:
        """From the domain."""
        item = ItemOut.of(found.view)
        return cls(**item.model_dump(), clocks=[ClockOut.read(one) for one in found.clocks])


class SearchPage(BaseModel):
    """A page of what was found, newest first; `next` asks for the following page."""

    items: list[HitOut]
    next: str | None


class CountOut(BaseModel):
    """A value, and how many of the found items have it."""

    value: str
    count: int


class FacetsOut(BaseModel):
    """How many items were found, and of which values; of each facet the fifty most frequent."""

    total: int
    unit: list[CountOut]
    kind: list[CountOut]
    category: list[CountOut]
    state: list[CountOut]
    device: list[CountOut]
    officer: list[CountOut]

    @classmethod
    def of(cls, facets: Facets) -> FacetsOut:
        """From the domain."""
        return cls(
            total=facets.total,
            **{
                name: [CountOut(value=value, count=count) for value, count in counts]
                for name, counts in facets.counts.items()
            },
        )


class SuggestionsOut(BaseModel):
    """Values that begin with what was given, at most ten of each."""

    officer: list[str]
    device: list[str]
    unit: list[str]
    case: list[str]


class SavedOut(BaseModel):
    """A search that somebody keeps."""

    id: str
    name: str
    query: dict[str, str]
    saved_at: str

    @classmethod
    def of(cls, saved: SavedSearch) -> SavedOut:
        """From the domain."""
        return cls(id=saved.id, name=saved.name, query=saved.query.pairs(), saved_at=to_text(saved.saved_at))


class SavedList(BaseModel):
    """The searches that somebody keeps, by name."""

    searches: list[SavedOut]
