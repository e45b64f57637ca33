"""What is audited when, how fast, and what findings mean."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from evidence.fixity import (
    AGAIN_AFTER,
    IN_A_ROW,
    KINDS,
    PIECE,
    Audit,
    Digests,
    Expected,
    Finding,
    Looked,
    alarms_of,
    allot,
    at_once,
    cost,
    due_at,
    in_order,
    is_due,
    judge,
    looks_unmounted,
    round_takes,
    worst,
)

NOW = datetime(2026, 11, 29, tzinfo=UTC)
YEAR = timedelta(days=365)
SHA256 = hashlib.sha256(b"a").hexdigest()
moments = st.integers(-20_000, 20_000).map(lambda hours: NOW + timedelta(hours=hours))
audits = st.builds(
    Audit,
    item_id=st.uuids().map(str),
    seen_at=moments,
    proven_at=st.just(NOW - YEAR),
    audited_at=st.none() | st.just(NOW - YEAR),
    outcome=st.none() | st.sampled_from(Finding),
    asked_at=st.none() | moments,
)
intervals = st.none() | st.integers(1, 5000).map(lambda hours: timedelta(hours=hours))


@given(audits, intervals, st.none() | moments)
def test_what_is_asked_for_is_due_and_else_what_was_not_seen_for_long(
    audit: Audit, every: timedelta | None, since: datetime | None
) -> None:
    due = is_due(audit, NOW, every, since)
    if audit.asked_at is not None or (since is not None and audit.seen_at < since):
        assert due
    elif every is None:
        assert not due
    else:
        wait = min(every, AGAIN_AFTER) if audit.is_failing else every
        assert due == (audit.seen_at <= NOW - wait or audit.seen_at > NOW)


@given(audits, intervals)
def test_an_item_is_due_when_it_is_said_to_be(audit: Audit, every: timedelta | None) -> None:
    at = due_at(audit, every)
    if at is None:
        assert not is_due(audit, NOW, every, None)
    elif audit.seen_at <= NOW:
        assert is_due(audit, NOW, every, None) == (audit.asked_at is not None or at <= NOW)


@given(st.lists(audits, max_size=9))
def test_asked_for_comes_first_then_what_was_seen_longest_ago(some: list[Audit]) -> None:
    ordered = in_order(some)
    assert sorted(ordered, key=id) == sorted(some, key=id)
    asked = [one.asked_at is not None for one in ordered]
    assert asked == sorted(asked, reverse=True)
    rest = [one.seen_at for one in ordered if one.asked_at is None]
    assert rest == sorted(rest)


@given(
    rate=st.integers(PIECE, 1 << 30),
    sizes=st.lists(st.integers(0, 1 << 26), min_size=1, max_size=4),
    late=st.lists(st.integers(0, 3000), min_size=1, max_size=9),
)
def test_whoever_reads_and_however_often_they_die_the_rate_is_kept(
    rate: int, sizes: list[int], late: list[int]
) -> None:
    """Workers take turns; each begins when it was told to, or later; one that dies leaves bytes unread."""
    free_at: datetime | None = None
    clocks = [NOW for _ in sizes]
    read: list[tuple[datetime, int]] = []
    for turn, delay in enumerate(late):
        worker = turn % len(sizes)
        amount = at_once(rate, cost(sizes[worker]))
        begins, free_at = allot(free_at, clocks[worker], amount, rate)
        assert begins >= clocks[worker]
        clocks[worker] = begins + timedelta(milliseconds=delay)
        read.append((begins, amount))
    largest = max(amount for _, amount in read)
    for first in range(len(read)):
        for last in range(first, len(read)):
            spent = read[last][0] - read[first][0]
            if spent >= timedelta(0):
                told = [amount for begins, amount in read if read[first][0] <= begins <= read[last][0]]
                assert sum(told) <= rate * spent.total_seconds() + largest + len(told) * rate / 1e6


def test_a_time_written_under_another_clock_holds_nobody_up() -> None:
    begins, following = allot(NOW + timedelta(days=9), NOW, PIECE, PIECE)
    assert (begins, following) == (NOW, NOW + timedelta(seconds=1))


@given(st.integers(0, 1 << 40), st.integers(PIECE, 1 << 40))
def test_nothing_is_looked_at_for_nothing_and_no_slice_is_larger_than_what_is_left(
    size: int, rate: int
) -> None:
    assert cost(size) >= size + 1
    assert cost(size) % PIECE == 0
    assert PIECE <= at_once(rate, size) <= max(PIECE, size, 1)
    assert at_once(rate, size) <= 2 * rate
    assert round_takes(1, size, rate) >= timedelta(seconds=size // rate)


def looked(what: str, finding: Finding, rendition: str | None = None) -> Looked:
    return Looked(Expected(what, "k", 1, SHA256, rendition), finding)


@given(st.integers(0, 3), st.sampled_from([SHA256, "0" * 64]), st.booleans())
def test_only_the_same_size_and_digest_is_intact(size: int, sha256: str, there: bool) -> None:
    found = Digests(size, sha256, "", "", "direct") if there else None
    finding = judge(Expected("original", "k", 1, SHA256), found)
    if found is None:
        assert finding is Finding.MISSING
    else:
        assert (finding is Finding.INTACT) == ((size, sha256) == (1, SHA256))


@given(st.lists(st.sampled_from(Finding)))
def test_the_worst_finding_is_the_outcome_and_raises_an_alarm(findings: list[Finding]) -> None:
    order = [Finding.INTACT, Finding.UNREADABLE, Finding.MISMATCH, Finding.MISSING]
    assert worst(findings) is order[max((order.index(one) for one in findings), default=0)]
    alarms = alarms_of(looked("original", one) for one in findings)
    assert alarms.keys() == {f"fixity-{one}" for one in findings if one is not Finding.INTACT}
    assert alarms.keys() <= set(KINDS)


@given(st.lists(st.tuples(st.sampled_from(Finding), st.sampled_from([None, "direct"])), max_size=14))
def test_a_store_looks_unmounted_once_nothing_at_all_is_found(some: list[tuple[Finding, str | None]]) -> None:
    latest = [Audit("i", NOW, NOW, NOW, method, outcome) for outcome, method in some]
    gone = [one == (Finding.MISSING, None) for one in some[:IN_A_ROW]]
    assert looks_unmounted(latest) == (len(some) >= IN_A_ROW and all(gone))
    assert looks_unmounted([Audit("i", NOW, NOW, NOW, None, Finding.MISSING)] * IN_A_ROW)


def test_alarms_name_what_they_are_about() -> None:
    alarms = alarms_of(
        [
            looked("original", Finding.MISMATCH),
            looked("manifest", Finding.MISMATCH),
            looked("poster", Finding.MISSING, "r"),
        ]
    )
    assert alarms["fixity-mismatch"].startswith("The original and the manifest of this recording")
    assert "poster is not in the store" in alarms["fixity-rendition"]
