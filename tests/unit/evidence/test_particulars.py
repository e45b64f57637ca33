"""What a court asks of an item."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import Invalid
from evidence.particulars import LONGEST, LONGEST_TRANSCRIPT, Particulars

TEXTS = st.text(max_size=20)


@given(st.builds(Particulars, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS))
def test_they_come_back_as_they_were_and_checking_twice_changes_nothing(said: Particulars) -> None:
    assert Particulars.from_json(said.as_json()) == said
    assert said.checked().checked() == said.checked()


def test_what_is_missing_depends_on_whether_there_is_sound() -> None:
    names = ("maker", "made_at", "made_where", "method", "proves")
    assert Particulars().missing("photo") == names
    assert Particulars().missing("audio") == Particulars().missing("video") == (*names, "transcript")
    stated = Particulars("张三", "2026-11-25 10:00", "西城区", "执法记录仪", "现场情况")
    assert stated.missing("document") == ()
    assert stated.missing("video") == ("transcript",)


def test_a_text_has_an_end() -> None:
    Particulars(maker="x" * LONGEST, transcript="y" * LONGEST_TRANSCRIPT).checked()
    for said in (
        Particulars(maker="x" * (LONGEST + 1)),
        Particulars(transcript="y" * (LONGEST_TRANSCRIPT + 1)),
    ):
        with pytest.raises(Invalid) as refused:
            said.checked()
        assert refused.value.code == "too-much-detail"
