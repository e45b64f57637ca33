"""What a mark, a review and a clip have to be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evidence.clips import LONGEST_CLIP_MS, Clip, Source, apart_ms, checked_sources, clip_kind, is_clip
from evidence.errors import Conflict, Invalid
from evidence.ids import new_id
from evidence.marks import MarkKind, checked_words, kind_of
from evidence.reviews import check_whose, checked_findings
from evidence.spans import Span
from tests.contract.test_catalogue import NOW
from tests.unit.evidence.test_spans import ITEM


@pytest.mark.parametrize(("label", "note"), [("", "n"), ("  ", ""), ("x" * 201, ""), ("x", "n" * 4001)])
def test_a_mark_needs_words_that_are_not_too_long(label: str, note: str) -> None:
    with pytest.raises(Invalid) as error:
        checked_words(label, note)
    assert error.value.code == "bad-mark"


def test_a_mark_is_a_moment_or_a_stretch() -> None:
    assert checked_words(" 出示证件 ", " n ") == ("出示证件", "n")
    assert kind_of((Span("a", 5, 5),)) is MarkKind.MARKER
    assert kind_of((Span("a", 5, 6), Span("b", 0, 0))) is MarkKind.RANGE


@pytest.mark.parametrize(
    ("findings", "note"), [(("",), ""), (("x" * 501,), ""), (("x",) * 51, ""), ((), "n" * 4001)]
)
def test_findings_are_few_and_short(findings: tuple[str, ...], note: str) -> None:
    with pytest.raises(Invalid) as error:
        checked_findings(findings, note)
    assert error.value.code == "bad-findings"
    assert checked_findings((" 未告知权利 ",), "") == (("未告知权利",), "")


def test_nobody_reviews_their_own_also_not_what_a_station_sent_for_them() -> None:
    sent = replace(ITEM, agent_id="station", officer_id="officer")
    with pytest.raises(Conflict) as error:
        check_whose(sent, "officer")
    assert error.value.code == "own-recording"
    check_whose(sent, "station")
    check_whose(sent, "somebody")


def test_a_clip_says_what_lies_between_its_sources() -> None:
    sources = (
        Source(Span("a", 1000, 4000), 1000),
        Source(Span("b", 0, 500), 6000),
        Source(Span("a", 0, 1), 6400),
    )
    assert apart_ms(sources) == (2000, -100)
    clip = Clip(new_id(NOW), "agent", "r", sources, NOW)
    assert (clip.item_id, clip.items) == ("a", ("a", "b"))
    assert is_clip(clip_kind(clip.id))
    assert len(clip_kind(clip.id)) <= 32
    assert not is_clip("still-1")


@pytest.mark.parametrize("length", [0, LONGEST_CLIP_MS + 1])
def test_a_clip_is_something_and_not_everything(length: int) -> None:
    with pytest.raises(Invalid) as error:
        checked_sources([Source(Span("a", 0, length), 0)])
    assert error.value.code == "bad-clip"
    assert checked_sources([Source(Span("a", 0, LONGEST_CLIP_MS), 0)])
