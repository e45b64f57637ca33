"""Samples: drawn by a seed that is on record, so that anybody with the list can draw them again."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from evidence.access import Viewer
from evidence.agents import Action, Agent, Resource
from evidence.canonical import Json
from evidence.cases import checked_reason
from evidence.errors import Denied, Invalid
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import is_id, new_id
from evidence.items import Item
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.sampling import (
    MOST_POPULATION,
    SEED_BYTES,
    Frame,
    Sample,
    checked_seed,
    drawn,
    how_many,
    population_digest,
)

PAGE = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """What to draw from, and how many: `count` or `percent`. `until` None: now; `seed` None: drawn here."""

    unit: str
    since: datetime
    until: datetime | None
    category: str | None
    kind: str | None
    count: int | None
    percent: int | None
    seed: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class SampleView:
    """A draw with who drew it, and the draws before it by the same filter whose periods meet its own."""

    sample: Sample
    name: str | None
    earlier: Sequence[str]


@dataclass(frozen=True, slots=True)
class DrawnView:
    """A draw and what of it the viewer may see, in its order, with how many standing reviews each has."""

    view: SampleView
    items: Sequence[Item]
    reviewed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Population:
    """What one sees of a frame now; `same`: it is the list that the sample was drawn from."""

    item_ids: Sequence[str]
    digest: str
    same: bool


class Sampling:
    """The use cases of sampling 抽查."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def draw(self, agent: Agent, asked: Asked) -> SampleView:
        """Draw from what the agent may see of the frame and is not sealed; durable on return.

        The seed is drawn here if none is given. Drawing again is allowed and stays in sight. Raises Denied,
        Invalid("bad-seed"), Invalid("bad-count"), Invalid("bad-period"), Invalid("too-large-a-frame"),
        Invalid("nothing-there").
        """
        reason, now = checked_reason(asked.reason), self._clock.now()
        seed = secrets.token_hex(SEED_BYTES) if asked.seed is None else checked_seed(asked.seed)
        frame = Frame(asked.unit, asked.since, asked.until or now, asked.category, asked.kind)
        if not frame.since < frame.until <= now:
            raise Invalid("bad-period", "Draw from a period that has passed, and ends after it begins.")
        viewer = await self._viewer(agent, Action.DRAW_SAMPLE, frame.unit)
        population = await self._catalogue.read(
            lambda tx: tx.reviews.population(viewer, frame, MOST_POPULATION + 1)
        )
        if len(population) > MOST_POPULATION:
            raise Invalid("too-large-a-frame", "That are more items than one sample is drawn from.")
        if not population:
            raise Invalid("nothing-there", "There is nothing to draw from; look at unit, period and filter.")
        taken = drawn(population, seed, how_many(len(population), asked.count, asked.percent))
        digest = population_digest(population)
        sample = Sample(new_id(now), frame, seed, len(population), digest, len(taken), agent.id, now, reason)

        def put(tx: Transaction) -> SampleView:
            earlier = _earlier(sample, tx.reviews.again([frame.filter_digest]))
            tx.reviews.draw(sample, taken)
            subjects = (Subject("sample", sample.id), *(Subject("item", item_id) for item_id in taken))
            detail: dict[str, Json] = {
                **sample.told(),
                "earlier": list(earlier),
                "seed_given": asked.seed is not None,
            }
            tx.events.append(EventDraft(EventType.SAMPLE_DRAWN, agent.id, now, subjects, detail=detail))
            return SampleView(sample, agent.name, earlier)

        return await self._catalogue.write(put)

    async def samples(self, agent: Agent, before: str | None) -> Sequence[SampleView]:
        """A page of at most 50 draws from the agent's unit and below, newest first; raises Denied."""
        if self._authority.scope(agent, Action.SEE_REVIEWS) is None:
            raise Denied
        page = await self._catalogue.read(
            lambda tx: _views(tx, tx.reviews.samples(agent.unit, before=before, limit=PAGE))
        )
        await self._record(agent, (), [view.sample.id for view in page])
        return page

    async def sample(self, agent: Agent, sample_id: str) -> DrawnView:
        """One draw and what is reviewed of it; what the agent may not see is left out. Raises Denied."""
        sample = await self._find(sample_id)
        viewer = await self._viewer(agent, Action.SEE_REVIEWS, sample.frame.unit)

        def look(tx: Transaction) -> DrawnView:
            item_ids = tx.reviews.drawn(sample.id)
            seen = tx.items.seen_by(viewer, item_ids)
            shown = [seen[item_id] for item_id in item_ids if item_id in seen]
            return DrawnView(_views(tx, [sample])[0], shown, tx.reviews.reviewed(list(seen)))

        found = await self._catalogue.read(look)
        await self._record(agent, [item.id for item in found.items], [sample.id])
        return found

    async def population(self, agent: Agent, sample_id: str) -> Population:
        """What the agent sees of the sample's frame now, and whether that was drawn from; raises Denied.

        It is another list where items were sealed since, or where the agent sees others than the drawer.
        """
        sample = await self._find(sample_id)
        viewer = await self._viewer(agent, Action.SEE_REVIEWS, sample.frame.unit)
        found = await self._catalogue.read(
            lambda tx: tx.reviews.population(viewer, sample.frame, MOST_POPULATION)
        )
        await self._record(agent, (), [sample.id])
        digest = population_digest(found)
        return Population(found, digest, digest == sample.digest)

    async def _find(self, sample_id: str) -> Sample:
        sample = await self._catalogue.read(
            lambda tx: tx.reviews.sample(sample_id) if is_id(sample_id) else None
        )
        if sample is None:
            raise Denied
        return sample

    async def _viewer(self, agent: Agent, action: Action, unit: str) -> Viewer:
        above = await self._catalogue.read(lambda tx: tx.units.above(unit))
        self._authority.authorize(agent, action, Resource(unit=unit, above=above))
        scope = self._authority.scope(agent, action)
        assert scope is not None
        return Viewer.of(agent, scope, self._clock.now())

    async def _record(self, agent: Agent, items: Sequence[str], samples: Sequence[str]) -> None:
        subjects = (
            *(Subject("sample", sample_id) for sample_id in samples),
            *(Subject("item", item_id) for item_id in items),
        )
        await self._catalogue.record(
            EventDraft(EventType.SAMPLE_SHOWN, agent.id, self._clock.now(), subjects)
        )


def _views(tx: Transaction, samples: Sequence[Sample]) -> list[SampleView]:
    names = tx.agents.names(sorted({sample.drawn_by for sample in samples}))
    again = tx.reviews.again({sample.frame.filter_digest for sample in samples})
    return [SampleView(one, names.get(one.drawn_by), _earlier(one, again)) for one in samples]


def _earlier(sample: Sample, drawn_by_filter: Sequence[Sample]) -> Sequence[str]:
    """Draws before it that could have had items in common with it."""
    return [one.id for one in drawn_by_filter if one.id < sample.id and one.frame.meets(sample.frame)]
