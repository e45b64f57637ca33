"""Reviews of items, and the queue of what waits for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evidence.access import Viewer
from evidence.agents import Action, Agent
from evidence.allowed import allowed_item
from evidence.cases import checked_reason
from evidence.errors import Denied
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import is_id, new_id
from evidence.items import Item
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.reviews import Queued
from evidence.ranges import total
from evidence.reviews import Outcome, Review, Turn, check_whose, checked_findings
from evidence.spans import length_of
from evidence.watched import added

PAGE = 50


@dataclass(frozen=True, slots=True)
class ReviewsView:
    """The reviews of an item with the names of those who wrote and withdrew them."""

    reviews: Sequence[Review]
    names: Mapping[str, str]


class Reviews:
    """The use cases of reviews."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def write(
        self, agent: Agent, item_id: str, outcome: Outcome, findings: Sequence[str], note: str
    ) -> Review:
        """A review, with how much of the item its author has watched by now; durable on return.

        Raises Denied, Invalid("bad-findings"), Conflict("own-recording").
        """
        said, note = checked_findings(tuple(findings), note)
        now = self._clock.now()

        def put(tx: Transaction) -> Review:
            item = allowed_item(tx, self._authority, agent, Action.REVIEW, item_id, now)
            check_whose(item, agent.id)
            length = length_of(item)
            covered = None if length is None else _covered(tx, agent, item, length)
            review = Review(new_id(now), item.id, agent.id, outcome, said, note, covered, length, now)
            tx.reviews.add(review)
            tx.events.append(
                EventDraft(EventType.REVIEW_MADE, agent.id, now, _subjects(review), detail=review.told())
            )
            return review

        return await self._catalogue.write(put)

    async def withdraw(self, agent: Agent, review_id: str, reason: str) -> None:
        """Withdraw one's own review, with a reason; it stays in sight. Durable on return.

        Raises Denied, also for somebody else's, Invalid, Conflict("already-withdrawn").
        """
        reason = checked_reason(reason)
        now = self._clock.now()

        def put(tx: Transaction) -> None:
            review = tx.reviews.get(review_id) if is_id(review_id) else None
            if review is None or review.agent_id != agent.id:
                raise Denied
            allowed_item(tx, self._authority, agent, Action.REVIEW, review.item_id, now)
            tx.reviews.withdraw(review.id, at=now, agent_id=agent.id, reason=reason)
            detail = {"reason": reason}
            tx.events.append(
                EventDraft(EventType.REVIEW_WITHDRAWN, agent.id, now, _subjects(review), detail=detail)
            )

        await self._catalogue.write(put)

    async def of(self, agent: Agent, item_id: str) -> ReviewsView:
        """Every review of the item, oldest first, withdrawn ones too; on record. Raises Denied."""
        now = self._clock.now()

        def look(tx: Transaction) -> ReviewsView:
            item = allowed_item(tx, self._authority, agent, Action.SEE_REVIEWS, item_id, now)
            reviews = tx.reviews.of(item.id)
            people = {one for review in reviews for one in (review.agent_id, review.withdrawn_by) if one}
            return ReviewsView(reviews, tx.agents.names(sorted(people)))

        view = await self._catalogue.read(look)
        await self._record(agent, [item_id], "reviews")
        return view

    async def queue(self, agent: Agent, after: tuple[Turn, str] | None) -> Sequence[Queued]:
        """A page of at most 50 of the agent's unit that wait: drawn first, then oldest first. Raises Denied.

        What is the agent's own is left to others. One event names every item shown.
        """
        scope = self._authority.scope(agent, Action.REVIEW)
        if scope is None:
            raise Denied
        viewer = Viewer.of(agent, scope, self._clock.now())
        page = await self._catalogue.read(
            lambda tx: tx.reviews.queue(viewer, agent.unit, after=after, limit=PAGE)
        )
        await self._record(agent, [one.item.id for one in page], "queue")
        return page

    async def _record(self, agent: Agent, items: Sequence[str], of: str) -> None:
        subjects = tuple(Subject("item", item_id) for item_id in items)
        await self._catalogue.record(
            EventDraft(EventType.LIST_SHOWN, agent.id, self._clock.now(), subjects, detail={"of": of})
        )


def _covered(tx: Transaction, agent: Agent, item: Item, length_ms: int) -> int:
    told = tx.playbacks.told([item.id], agent.id)
    return total(added((), (one for session in told for one in session.ranges), length_ms))


def _subjects(review: Review) -> tuple[Subject, ...]:
    return (Subject("item", review.item_id), Subject("review", review.id))
