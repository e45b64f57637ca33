"""Which parts can be played, how far they are, and when nothing is left to wait for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from evidence.parts import ALL_MADE, SOUND, Part, is_settled, playable_parts, progress

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def parts(made: str) -> list[Part]:
    """One for each letter, the first is the sound: m made, x given up, - neither, * no sound at all."""
    return [
        Part(
            f"p{number}", "i", number, number * 10, number * 10 + 10, {},
            NOW if letter == "m" else None,
            "words" if letter == "x" else None,
        )
        for number, letter in enumerate(made)
        if letter != "*"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("made", "numbers"),
    [
        ("-mmm", []),
        ("m---", []),
        ("mm--", [1]),
        ("mm-m", [1]),
        ("m-mm", []),
        ("mmmm", [1, 2, 3]),
        ("mmx-", [1]),
        ("*mm-", [1, 2]),
    ],
)
def test_what_is_played_has_sound_and_no_gap(made: str, numbers: list[int]) -> None:
    assert [part.number for part in playable_parts(list(reversed(parts(made))))] == numbers


@pytest.mark.parametrize(
    ("made", "settled"), [("mmm", True), ("mm-", False), ("-mm", False), ("m-x", True), ("", True)]
)
def test_nothing_is_left_to_wait_for_once_all_are_made_or_one_cannot_be(made: str, settled: bool) -> None:
    assert is_settled(parts(made)) is settled


def test_the_way_is_counted_in_parts() -> None:
    assert [progress(parts(made)) for made in ("----", "m---", "mmmm", "")] == [
        0,
        ALL_MADE // 4,
        ALL_MADE,
        0,
    ]
    assert SOUND == 0
