"""What has to be recorded, and what of it is there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.checklists import Entry, Excuse, Standing, checked_entries, standings
from evidence.default_checklists import DEFAULTS
from evidence.errors import Invalid
from evidence.items import Category

ENTRIES = (
    Entry("a", "s", "一", required=True),
    Entry("b", "s", "二", required=False),
    Entry("c", "s", "三", True),
)
CODES = st.sampled_from("abcz")


def excuse(code: str) -> Excuse:
    return Excuse(code, "断电", "someone", datetime(2026, 1, 1, tzinfo=UTC))


@given(st.dictionaries(CODES, st.sets(st.text("0123", min_size=1, max_size=2))), st.sets(CODES))
def test_an_entry_is_missing_unless_covered_or_excused(
    covered: dict[str, set[str]], excused: set[str]
) -> None:
    views = standings(ENTRIES, covered, {code: excuse(code) for code in excused})
    assert [view.entry.code for view in views][:3] == ["a", "b", "c"]
    for view in views:
        code = view.entry.code
        assert set(view.items) == covered.get(code, set())
        assert (view.standing is Standing.COVERED) == bool(covered.get(code))
        assert (view.standing is Standing.EXCUSED) == (not covered.get(code) and code in excused)
        assert (view.standing is Standing.MISSING) == (
            view.entry.required and not covered.get(code) and code not in excused
        )
    # What covers an entry that the list no longer has is not lost from sight.
    assert [view.entry.code for view in views if not view.listed] == (["z"] if covered.get("z") else [])


def test_each_category_has_a_list_of_its_own_that_could_be_set() -> None:
    assert set(DEFAULTS) == set(Category)
    for category, checklist in DEFAULTS.items():
        assert checklist.category is category
        assert checked_entries(checklist.entries) == checklist.entries
        for entry in checklist.entries:
            assert Entry.from_json(entry.as_json()) == entry


def test_a_list_is_refused_with_what_is_wrong() -> None:
    (first, *_) = ENTRIES
    wrong = {
        "1 to 100 entries": (),
        "same code": (first, first),
        "no code": (replace(first, code="a b"),),
        "needs a stage": (replace(first, stage=" "),),
        "at most 500": (replace(first, ends="x" * 501),),
    }
    for words, entries in wrong.items():
        with pytest.raises(Invalid) as caught:
            checked_entries(entries)
        assert caught.value.code == "bad-checklist"
        assert words in caught.value.message
