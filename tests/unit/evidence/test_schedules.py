"""How long things are kept: the longest rule wins, and nothing that people do with links shortens it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.cases import Case, CaseState
from evidence.errors import Invalid
from evidence.items import Category
from evidence.retention import FIRST_LOCK, ROLLING_LOCK
from evidence.schedules import NO_RULE, CountsFrom, Keep, Rule, Schedule, checked, keep, lock_for

NOW = datetime(2026, 11, 25, tzinfo=UTC)
HALF_A_YEAR = Rule(None, 183, CountsFrom.RECEIVED, "公安机关现场执法视音频记录工作规定 第十四条")
PENALTY = Rule(Category.PENALTY, 730, CountsFrom.CLOSED, "案卷保存两年")
COERCION = Rule(Category.COERCION, None, CountsFrom.RECEIVED, "永久")


def schedule(*rules: Rule) -> Schedule:
    return Schedule(1, rules, "a", NOW, "r")


def case(category: Category, state: CaseState, closed_at: datetime | None = None) -> Case:
    return Case("c", "u", "1", category, state, "a", NOW, closed_at=closed_at)


ALL = schedule(HALF_A_YEAR, PENALTY, COERCION)


@pytest.mark.parametrize(
    ("category", "cases", "until", "basis"),
    [
        (Category.OTHER, [], NOW + timedelta(days=183), HALF_A_YEAR.basis),
        (Category.PENALTY, [], NOW + timedelta(days=183), HALF_A_YEAR.basis),
        (Category.OTHER, [case(Category.PENALTY, CaseState.OPEN)], None, PENALTY.basis),
        (Category.OTHER, [case(Category.PENALTY, CaseState.FILED, NOW)], None, PENALTY.basis),
        (
            Category.OTHER,
            [case(Category.PENALTY, CaseState.CLOSED, NOW + timedelta(days=90))],
            NOW + timedelta(days=820),
            PENALTY.basis,
        ),
        (Category.COERCION, [], None, COERCION.basis),
        (Category.OTHER, [case(Category.COERCION, CaseState.CLOSED, NOW)], None, COERCION.basis),
    ],
)
def test_the_longest_wins(category: Category, cases: list[Case], until: datetime | None, basis: str) -> None:
    assert keep(ALL, category, NOW, cases) == Keep(until, basis)


def test_what_no_rule_speaks_of_is_kept() -> None:
    assert keep(None, Category.OTHER, NOW, []) is NO_RULE
    assert keep(schedule(PENALTY), Category.OTHER, NOW, []) is NO_RULE
    assert NO_RULE.until is None


RULES = st.lists(
    st.builds(
        Rule,
        st.none() | st.sampled_from(Category),
        st.none() | st.integers(1, 5000),
        st.sampled_from(CountsFrom),
        st.just("basis"),
    ),
    min_size=1,
    max_size=6,
)
CASES = st.lists(
    st.builds(
        case,
        st.sampled_from(Category),
        st.sampled_from(CaseState),
        st.none() | st.integers(0, 2000).map(lambda days: NOW + timedelta(days=days)),
    ),
    max_size=4,
)


def length(found: Keep) -> float:
    return float("inf") if found.until is None else found.until.timestamp()


@given(RULES, st.sampled_from(Category), CASES, CASES)
def test_another_case_or_rule_never_shortens(
    rules: list[Rule], category: Category, cases: list[Case], more: list[Case]
) -> None:
    shorter = keep(schedule(*rules), category, NOW, cases)
    longer = keep(schedule(*rules), category, NOW, [*cases, *more])
    assert shorter is NO_RULE or length(longer) >= length(shorter)
    fewer = keep(schedule(*rules[1:]), category, NOW, cases)
    assert fewer is NO_RULE or length(shorter) >= length(fewer)


@given(RULES, st.sampled_from(Category), CASES)
def test_taking_a_case_up_again_never_shortens(
    rules: list[Rule], category: Category, cases: list[Case]
) -> None:
    again = [replace(one, state=CaseState.FILED, closed_at=None) for one in cases]
    assert length(keep(schedule(*rules), category, NOW, again)) >= length(
        keep(schedule(*rules), category, NOW, cases)
    )


@given(st.none() | st.integers(-5000, 5000))
def test_a_lock_lasts_as_long_as_the_item_is_kept_and_rolls(days: int | None) -> None:
    until = None if days is None else NOW + timedelta(days=days)
    lock = lock_for(NOW, until)
    assert NOW + FIRST_LOCK <= lock <= NOW + ROLLING_LOCK
    if until is not None and NOW + FIRST_LOCK <= until <= NOW + ROLLING_LOCK:
        assert lock == until


def test_a_rule_comes_back_from_its_row() -> None:
    for rule in ALL.rules:
        assert Rule.from_json(rule.as_json()) == rule


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([], "1 to 100 rules"),
        ([HALF_A_YEAR] * 2, "already"),
        ([replace(HALF_A_YEAR, days=0)], "days"),
        ([replace(HALF_A_YEAR, days=40_000)], "days"),
        ([replace(HALF_A_YEAR, basis=" ")], "rests on"),
    ],
)
def test_a_schedule_that_cannot_be_meant_is_refused(rules: list[Rule], words: str) -> None:
    with pytest.raises(Invalid, match=words) as error:
        checked(rules)
    assert error.value.code == "bad-schedule"
    assert checked(ALL.rules) == ALL.rules
