"""When the log is read again, and what is kept of a round."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from evidence.log_audits import AGAIN_AFTER, MOST_NAMES, Found, Round, files_say, is_due, parse_round

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
NAMES = st.lists(st.text(max_size=9), max_size=5).map(tuple)
FOUND = st.builds(Found, NAMES, NAMES, NAMES, NAMES, NAMES, NAMES, st.integers(0, 9))
ROUNDS = st.builds(
    Round,
    TIMES,
    st.none() | TIMES,
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, 9),
    FOUND,
    st.none() | TIMES,
    st.integers(0, 9),
)


@given(ROUNDS)
def test_what_is_kept_of_a_round_is_all_of_it(kept: Round) -> None:
    assert parse_round(kept.as_text()) == kept


@given(ROUNDS, TIMES)
def test_who_asks_is_answered_once_whatever_the_clock_says(last: Round, now: datetime) -> None:
    asked = NOW
    answered = Round(now, now, 0, 9, asked_at=asked)
    assert is_due(last, None, asked, now) == (last.asked_at != asked)
    assert not is_due(answered, None, asked, now)


def test_what_was_found_is_looked_at_again_sooner() -> None:
    bad = Round(NOW, NOW, found=Found(wrong=("log/tile/0/000",), count=1))
    assert not is_due(bad, YEAR, None, NOW + AGAIN_AFTER - timedelta(seconds=1))
    assert is_due(bad, YEAR, None, NOW + AGAIN_AFTER)
    assert not is_due(Round(NOW, NOW), YEAR, None, NOW + AGAIN_AFTER)
    assert is_due(Round(NOW, NOW), YEAR, None, NOW + YEAR)
    assert is_due(Round(NOW), YEAR, None, NOW - timedelta(seconds=1)), "the clock went back"


def test_a_round_of_before_stamps_were_read_goes_on() -> None:
    kept = Round(NOW, None, 300, 256, 4)
    text = kept.as_text().replace(', "stamped": 0', "").replace(', "gone": []', "")
    assert "stamped" not in text
    assert "gone" not in text
    assert parse_round(text) == kept


def test_an_alarm_names_some_and_counts_all() -> None:
    found = Found()
    for number in range(300):
        found += Found(wrong=(f"log/tile/0/{number:03}",), count=1)
    assert len(found.wrong) == MOST_NAMES
    words = files_say("the store", found)
    assert "log/tile/0/000" in words
    assert "300 findings" in words
