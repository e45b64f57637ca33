"""What every catalogue promises of marks, sessions, clips, reviews, the queue and samples."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from evidence.access import SubjectKind, Viewer
from evidence.agents import Restriction
from evidence.clips import Clip, Source
from evidence.errors import Conflict
from evidence.ids import new_id, new_pseudonym
from evidence.items import Category, Submission, Viewing
from evidence.marks import Mark, MarkKind
from evidence.ports.catalogue import Transaction
from evidence.ports.playbacks import Playback
from evidence.projection import catch_up, refresh
from evidence.reviews import Outcome, Review, Turn
from evidence.sampling import Frame, Sample
from evidence.search import Query
from evidence.spans import Span
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.catalogue.engine import Where
from tests.contract.test_cases import LATER, OTHER, unit_viewer
from tests.contract.test_catalogue import AGENT, NOW, FixedClock, an_item

FRAME = Frame(AGENT.unit, NOW, NOW + timedelta(hours=1))
REVIEWER = replace(OTHER, unit=AGENT.unit)
#: Somebody of the items' unit whose they are not.
VIEWER = unit_viewer(AGENT.unit, REVIEWER)


_made = count()


def later_id() -> str:
    """One that comes after every other that was given out here."""
    return new_id(NOW + timedelta(milliseconds=next(_made)))


@pytest.fixture
async def catalogue(where: Where) -> AsyncIterator[SqlCatalogue]:
    async with open_catalogue(where, FixedClock(), "test") as opened:
        for agent in (AGENT, OTHER):
            await opened.write(lambda tx, agent=agent: tx.agents.add(agent, None, NOW))
        yield opened


def a_mark(tx: Transaction, *spans: Span, **changes: Any) -> Mark:
    mark = Mark(later_id(), AGENT.id, MarkKind.RANGE, "出示证件", "两名执法人员", spans, NOW)
    mark = replace(mark, **changes)
    tx.marks.add(mark)
    return mark


def a_review(tx: Transaction, item_id: str, **changes: Any) -> Review:
    plain = Review(later_id(), item_id, OTHER.id, Outcome.FLAWED, ("未告知", "x"), "n", 350, 1000, NOW)
    review = replace(plain, **changes)
    tx.reviews.add(review)
    return review


def a_sample(tx: Transaction, item_ids: Sequence[str], frame: Frame = FRAME) -> Sample:
    digest = "ab" * 32
    sample = Sample(later_id(), frame, "0" * 64, 9, digest, len(item_ids), OTHER.id, NOW, "r")
    tx.reviews.draw(sample, list(dict.fromkeys(item_ids)))
    return sample


def a_playback(tx: Transaction, *item_ids: str, **changes: Any) -> Playback:
    playback = Playback(later_id(), AGENT.id, None, NOW, NOW, dict.fromkeys(item_ids, ()))
    playback = replace(playback, **changes)
    tx.playbacks.open(playback)
    return playback


async def items(catalogue: SqlCatalogue, many: int, **changes: Any) -> list[str]:
    return [(await catalogue.write(lambda tx: an_item(tx, **changes))).id for _ in range(many)]


async def test_marks_come_back_with_their_spans_in_order(catalogue: SqlCatalogue) -> None:
    first, second, third = await items(catalogue, 3)
    spans = (Span(second, 5, 9), Span(first, 0, 4), Span(second, 20, 20))
    mark = await catalogue.write(lambda tx: a_mark(tx, *spans))
    other = await catalogue.write(lambda tx: a_mark(tx, Span(third, 1, 1), kind=MarkKind.MARKER, note=""))
    assert await catalogue.read(lambda tx: tx.marks.get(mark.id)) == mark
    assert await catalogue.read(lambda tx: tx.marks.get(new_id(NOW))) is None
    for item in (first, second):
        assert await catalogue.read(lambda tx, item=item: tx.marks.on([item])) == [mark]
    assert await catalogue.read(lambda tx: tx.marks.on([first, third])) == [mark, other]
    assert await catalogue.read(lambda tx: tx.marks.beside([first])) == [second]
    assert await catalogue.read(lambda tx: tx.marks.words(first)) == ["出示证件", "两名执法人员"]
    assert await catalogue.read(lambda tx: tx.marks.words(third)) == ["出示证件"]

    def withdraw(tx: Transaction) -> None:
        tx.marks.withdraw(mark.id, at=LATER, agent_id=AGENT.id, reason="r")

    await catalogue.write(withdraw)
    expected = replace(mark, withdrawn_at=LATER, withdrawn_by=AGENT.id, withdrawn_for="r")
    assert await catalogue.read(lambda tx: tx.marks.on([first])) == [expected]
    assert await catalogue.read(lambda tx: tx.marks.words(first)) == []
    with pytest.raises(Conflict) as error:
        await catalogue.write(withdraw)
    assert error.value.code == "already-withdrawn"


async def test_what_a_mark_says_of_something_sealed_is_not_found_by_what_is_open(
    catalogue: SqlCatalogue,
) -> None:
    first, second = await items(catalogue, 2)

    def build(tx: Transaction) -> None:
        a_mark(tx, Span(first, 0, 1), Span(second, 0, 1), label="接头暗号", note="")
        for item in (first, second):
            refresh(tx, item)

    await catalogue.write(build)

    async def found() -> set[str]:
        page = await catalogue.read(
            lambda tx: tx.search.page(VIEWER, Query(text="接头暗号"), before=None, limit=9)
        )
        return {hit.item_id for hit in page}

    assert await found() == {first, second}
    for restriction, left in ((Restriction.SEALED, set()), (Restriction.NONE, {first, second})):
        named = [AGENT.id] if restriction is Restriction.SEALED else []
        await catalogue.write(
            lambda tx, to=restriction, named=named: tx.access.restrict(SubjectKind.ITEM, first, to, named)
        )
        await catalogue.write(lambda tx: catch_up(tx, 9))
        assert await found() == left


async def test_a_session_keeps_what_was_told_of_its_items(catalogue: SqlCatalogue) -> None:
    first, second = await items(catalogue, 2)
    playback = await catalogue.write(lambda tx: a_playback(tx, second, first, purpose="p"))
    assert await catalogue.read(lambda tx: tx.playbacks.get(playback.id)) == playback
    await catalogue.write(lambda tx: tx.playbacks.tell(playback.id, {first: [(0, 5), (7, 9)]}, LATER))
    expected = replace(playback, watched={second: (), first: [(0, 5), (7, 9)]}, touched_at=LATER)
    found = await catalogue.read(lambda tx: tx.playbacks.get(playback.id))
    assert found == expected
    assert list(found.watched) == [second, first]
    (told,) = await catalogue.read(lambda tx: tx.playbacks.told([first, second]))
    assert (told.item_id, told.agent_id, told.ranges) == (first, AGENT.id, [(0, 5), (7, 9)])
    assert await catalogue.read(lambda tx: tx.playbacks.told([first], OTHER.id)) == []
    assert await catalogue.write(lambda tx: tx.playbacks.close(playback.id, LATER)) is True
    assert await catalogue.write(lambda tx: tx.playbacks.close(playback.id, LATER)) is False


async def test_what_was_left_open_is_found_also_after_the_clock_went_back(catalogue: SqlCatalogue) -> None:
    (item,) = await items(catalogue, 1)
    old, fresh, ahead, closed = [
        await catalogue.write(lambda tx, at=at: a_playback(tx, item, touched_at=NOW + timedelta(minutes=at)))
        for at in (-30, -1, 90, -40)
    ]
    await catalogue.write(lambda tx: tx.playbacks.close(closed.id, NOW))

    def look(tx: Transaction) -> set[str]:
        left = tx.playbacks.idle(NOW - timedelta(minutes=10), NOW + timedelta(minutes=1), 9)
        return {one.id for one in left}

    assert await catalogue.read(look) == {old.id, ahead.id}
    assert fresh.id not in await catalogue.read(look)


async def test_what_was_delivered_is_what_closed_viewings_say(catalogue: SqlCatalogue) -> None:
    (item,) = await items(catalogue, 1)

    def build(tx: Transaction) -> None:
        for number, sent in enumerate(([(0, 5)], None, [(5, 9), (20, 30)])):
            viewing = Viewing(
                new_id(NOW), AGENT.id, item, f"copy-{number}", (0, 99), None, NOW, LATER, new_pseudonym()
            )
            tx.viewings.open(viewing)
            tx.viewings.close(viewing.id, NOW, sent)

    await catalogue.write(build)
    found = await catalogue.read(lambda tx: tx.playbacks.delivered([item]))
    assert sorted((one.content, one.ranges) for one in found) == [
        ("copy-0", [(0, 5)]),
        ("copy-2", [(5, 9), (20, 30)]),
    ]


async def test_clips_come_back_with_their_sources_in_order(catalogue: SqlCatalogue) -> None:
    first, second, third = await items(catalogue, 3)
    sources = (Source(Span(second, 5, 9), 5), Source(Span(first, 0, 4), 30))
    clip = Clip(new_id(NOW), AGENT.id, "r", sources, NOW)
    await catalogue.write(lambda tx: tx.clips.add(clip))
    assert await catalogue.read(lambda tx: tx.clips.get(clip.id)) == clip
    assert await catalogue.read(lambda tx: tx.clips.on([first])) == [clip]
    assert await catalogue.read(lambda tx: tx.clips.on([third])) == []


async def test_reviews_stand_beside_each_other_until_withdrawn(catalogue: SqlCatalogue) -> None:
    first, second = await items(catalogue, 2)
    one = await catalogue.write(lambda tx: a_review(tx, first))
    other = await catalogue.write(
        lambda tx: a_review(tx, first, outcome=Outcome.IN_ORDER, findings=(), covered_ms=None, length_ms=None)
    )
    assert await catalogue.read(lambda tx: tx.reviews.of(first)) == [one, other]
    assert await catalogue.read(lambda tx: tx.reviews.reviewed([first, second])) == {first: 2}
    for review, left in ((one, {first: 1}), (other, {})):
        await catalogue.write(
            lambda tx, known=review: tx.reviews.withdraw(known.id, at=LATER, agent_id=OTHER.id, reason="r")
        )
        assert await catalogue.read(lambda tx: tx.reviews.reviewed([first, second])) == left
    found = await catalogue.read(lambda tx: tx.reviews.get(one.id))
    assert found == replace(one, withdrawn_at=LATER, withdrawn_by=OTHER.id, withdrawn_for="r")
    with pytest.raises(Conflict):
        await catalogue.write(lambda tx: tx.reviews.withdraw(one.id, at=LATER, agent_id=OTHER.id, reason="r"))


async def queued(catalogue: SqlCatalogue, viewer: Viewer = VIEWER, page: int = 2) -> list[tuple[str, Turn]]:
    """The whole queue, by pages."""
    found: list[tuple[str, Turn]] = []
    after = None
    while True:
        some = await catalogue.read(
            lambda tx, after=after: tx.reviews.queue(viewer, AGENT.unit, after=after, limit=page)
        )
        if not some:
            return found
        found += [(one.item.id, one.turn) for one in some]
        after = some[-1].turn, some[-1].item.id


async def test_the_queue_has_what_was_drawn_first_then_the_oldest(catalogue: SqlCatalogue) -> None:
    waiting = sorted(await items(catalogue, 5))
    await catalogue.write(lambda tx: tx.units.place("二中队", AGENT.unit))
    (below,) = await items(catalogue, 1, unit="二中队")
    await items(catalogue, 1, unit="别处")
    await items(catalogue, 1, agent_id=OTHER.id)
    everything = sorted([*waiting, below])
    assert [item for item, _ in await queued(catalogue)] == everything
    drawn = [waiting[3], waiting[1]]
    await catalogue.write(lambda tx: a_sample(tx, drawn))
    rest = [item for item in everything if item not in drawn]
    expected = [(item, Turn.DRAWN) for item in sorted(drawn)] + [(item, Turn.WAITING) for item in rest]
    assert await queued(catalogue) == expected
    assert await queued(catalogue, page=50) == expected
    reviews = [
        await catalogue.write(lambda tx, item=item: a_review(tx, item)) for item in (drawn[0], rest[0])
    ]
    reviewed = {drawn[0], rest[0]}
    assert await queued(catalogue) == [one for one in expected if one[0] not in reviewed]
    for review in reviews:
        await catalogue.write(
            lambda tx, known=review: tx.reviews.withdraw(known.id, at=NOW, agent_id=OTHER.id, reason="r")
        )
    assert await queued(catalogue) == expected
    await catalogue.write(
        lambda tx: tx.access.restrict(SubjectKind.ITEM, drawn[0], Restriction.SEALED, [AGENT.id])
    )
    assert await queued(catalogue) == [one for one in expected if one[0] != drawn[0]]


async def test_what_is_drawn_from_is_the_frame_as_far_as_it_may_be_seen(catalogue: SqlCatalogue) -> None:
    plain = (await items(catalogue, 1))[0]
    penalty = (await items(catalogue, 1, submission=Submission("a", category=Category.PENALTY)))[0]
    photo = (await items(catalogue, 1, kind="photo"))[0]
    late = (await items(catalogue, 1, committed_at=FRAME.until))[0]
    first = (await items(catalogue, 1, committed_at=FRAME.since))[0]
    await catalogue.write(lambda tx: tx.units.place("二中队", AGENT.unit))
    below = (await items(catalogue, 1, unit="二中队"))[0]
    await items(catalogue, 1, unit="别处")
    sealed = (await items(catalogue, 1))[0]
    await catalogue.write(
        lambda tx: tx.access.restrict(SubjectKind.ITEM, sealed, Restriction.SEALED, [REVIEWER.id])
    )

    async def found(frame: Frame, viewer: Viewer = VIEWER) -> Sequence[str]:
        return await catalogue.read(lambda tx: tx.reviews.population(viewer, frame, 99))

    assert await found(FRAME) == sorted([plain, penalty, photo, first, below])
    assert await found(replace(FRAME, category="penalty")) == [penalty]
    assert await found(replace(FRAME, kind="photo")) == [photo]
    assert late in await found(replace(FRAME, until=FRAME.until + timedelta(seconds=1)))
    assert await found(replace(FRAME, unit="二中队")) == [below]
    assert await found(FRAME, unit_viewer("二中队", REVIEWER)) == [below]
    assert len(await catalogue.read(lambda tx: tx.reviews.population(VIEWER, FRAME, 2))) == 2


async def test_draws_are_listed_and_name_those_from_the_same_frame(catalogue: SqlCatalogue) -> None:
    taken = await items(catalogue, 3)
    order = [taken[2], taken[0]]
    one = await catalogue.write(lambda tx: a_sample(tx, order))
    again = await catalogue.write(lambda tx: a_sample(tx, taken[:1]))
    other = await catalogue.write(lambda tx: a_sample(tx, taken, replace(FRAME, kind="video")))
    elsewhere = await catalogue.write(lambda tx: a_sample(tx, [], replace(FRAME, unit="别处")))
    assert await catalogue.read(lambda tx: tx.reviews.sample(one.id)) == one
    assert await catalogue.read(lambda tx: tx.reviews.drawn(one.id)) == order
    listed = await catalogue.read(lambda tx: tx.reviews.samples(AGENT.unit, before=None, limit=9))
    assert [sample.id for sample in listed] == sorted([one.id, again.id, other.id], reverse=True)
    page = await catalogue.read(lambda tx: tx.reviews.samples(AGENT.unit, before=listed[0].id, limit=1))
    assert [sample.id for sample in page] == [listed[1].id]
    filters = [FRAME.filter_digest]
    assert await catalogue.read(lambda tx: tx.reviews.again(filters)) == [one, again]
    filters.append(other.frame.filter_digest)
    assert await catalogue.read(lambda tx: tx.reviews.again(filters)) == [one, again, other]
    assert await catalogue.read(lambda tx: tx.reviews.samples("别处", before=None, limit=9)) == [elsewhere]
