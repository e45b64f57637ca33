"""The small pure rules: identifiers, instants, keys, ranges, jobs, content."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence import jobs
from evidence.content import judge
from evidence.errors import Conflict, CustosError, NoSpace, StageFailed, Unavailable
from evidence.ids import is_id, new_id, uuid7
from evidence.jobs import (
    MAX_ATTEMPTS,
    JobState,
    Stage,
    backoff,
    is_claimable,
    is_spent,
    needs_ringing,
    pause_after_death,
    retry_after,
)
from evidence.keys import is_key, manifest_key, original_key, rendition_key
from evidence.ranges import merge, total
from evidence.timekeeping import from_micros, from_text, is_live, to_micros, to_text

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


@given(TIMES, st.binary(min_size=10, max_size=10))
def test_uuid7_is_one_and_sorts_by_time(at: datetime, entropy: bytes) -> None:
    made = uuid.UUID(uuid7(at, entropy))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert is_id(str(made))
    assert uuid7(at + timedelta(milliseconds=1), bytes(10)) > str(made)


@pytest.mark.parametrize(
    "text",
    ["", "../../etc/passwd", new_id(NOW).upper(), new_id(NOW) + "\n", "{" + new_id(NOW)],
    ids=["empty", "a path", "capitals", "a line feed", "a brace"],
)
def test_other_spellings_are_no_identifiers(text: str) -> None:
    assert not is_id(text)


@given(TIMES)
def test_instants_survive_text_and_micros(at: datetime) -> None:
    assert from_text(to_text(at)) == at
    assert from_micros(to_micros(at)) == at


@given(
    TIMES,
    st.timedeltas(timedelta(0), timedelta(days=9)),
    st.timedeltas(-timedelta(days=9), timedelta(days=9)),
)
def test_no_grant_lives_longer_than_it_could_have_been_given(
    granted: datetime, longest: timedelta, later: timedelta
) -> None:
    until, now = granted + longest, granted + later
    assert is_live(until, now, longest) == (timedelta(0) <= later < longest)


def test_keys_are_plain_and_manifests_lie_beside() -> None:
    item = new_id(NOW)
    key = original_key(item, "ab" * 32, NOW)
    assert key == f"originals/2026/11/{item}/{'ab' * 32}"
    assert manifest_key(key) == f"originals/2026/11/{item}/manifest.json"
    assert is_key(key)
    assert is_key(rendition_key(item, item, "playable.mp4"))
    for bad in ("../x", "a//b", "a/../b", "/a", "a/.b", "A", "a\n"):
        assert not is_key(bad)
    with pytest.raises(ValueError):
        rendition_key(item, item, "../../x")
    with pytest.raises(ValueError):
        original_key("x", "ab" * 32, NOW)


@given(RANGES)
def test_merged_ranges_hold_the_same_bytes(ranges: list[tuple[int, int]]) -> None:
    merged = merge(ranges)
    held = {byte for start, end in ranges for byte in range(start, end)}
    assert {byte for start, end in merged for byte in range(start, end)} == held
    assert total(ranges) == len(held)
    assert all(left[1] < right[0] for left, right in itertools.pairwise(merged))


@given(st.integers(1, 400))
def test_waits_grow_and_end_somewhere(attempts: int) -> None:
    assert timedelta(seconds=2) <= backoff(attempts) <= backoff(attempts + 1) <= timedelta(minutes=5)


@pytest.mark.parametrize(
    "error", [Unavailable("c", "m"), NoSpace("c", "m"), StageFailed("c", "m", passes=True)], ids=repr
)
def test_what_is_down_or_full_is_waited_for_as_long_as_it_takes(error: CustosError) -> None:
    assert retry_after(1, 0, error) == backoff(1)
    assert retry_after(10_000, MAX_ATTEMPTS, error) == timedelta(minutes=1)


def test_what_may_lie_in_the_work_ends_it_in_the_end() -> None:
    for error in (StageFailed("c", "m"), Conflict("c", "m")):
        assert retry_after(10_000, 1, error) == backoff(1)
        assert retry_after(MAX_ATTEMPTS - 1, MAX_ATTEMPTS - 1, error) == backoff(MAX_ATTEMPTS - 1)
        assert retry_after(MAX_ATTEMPTS, MAX_ATTEMPTS, error) is None
    assert retry_after(1, 1, StageFailed("c", "m", final=True)) is None


def test_a_worker_that_dies_is_believed_at_first_and_a_commit_for_ever() -> None:
    assert [pause_after_death(faults) for faults in (1, 2)] == [None, None]
    pauses = [pause_after_death(faults) for faults in range(3, 50)]
    assert None not in pauses
    assert pauses == sorted(pauses)  # type: ignore[type-var]
    assert pauses[-1] == timedelta(minutes=1)
    for stage in Stage:
        assert not is_spent(stage, MAX_ATTEMPTS - 1)
        assert is_spent(stage, MAX_ATTEMPTS) is (stage is not Stage.COMMIT)


def test_a_running_job_is_taken_over_only_when_its_lease_is_dead() -> None:
    alive = NOW + timedelta(seconds=10)
    assert not is_claimable(JobState.RUNNING, NOW, alive, NOW)
    assert is_claimable(JobState.RUNNING, NOW, NOW, NOW)
    assert is_claimable(JobState.RUNNING, NOW, NOW + timedelta(hours=1), NOW)
    assert is_claimable(JobState.QUEUED, NOW, None, NOW)
    assert not is_claimable(JobState.QUEUED, NOW + timedelta(seconds=2), None, NOW)
    assert is_claimable(JobState.QUEUED, NOW + timedelta(hours=1), None, NOW)
    assert not is_claimable(JobState.DONE, NOW, None, NOW)
    assert not is_claimable(JobState.FAILED, NOW, None, NOW)


def test_a_bell_is_rung_again_when_nobody_answered() -> None:
    just_now = NOW - timedelta(seconds=1)
    assert needs_ringing(JobState.QUEUED, NOW, None, None, NOW)
    assert not needs_ringing(JobState.QUEUED, NOW, None, just_now, NOW)
    assert needs_ringing(JobState.QUEUED, NOW, None, NOW - jobs.ANSWER_WITHIN, NOW)
    assert needs_ringing(JobState.QUEUED, NOW, None, NOW + timedelta(hours=1), NOW)


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
        (b"\x00\x00\x00\x18ftyp3gp4", "video/3gpp"),
        (b"\x00\x00\x00\x08wide", "video/mp4"),
        (b"\x1aE\xdf\xa3", "video/x-matroska"),
        ((b"G" + bytes(187)) * 3, "video/mp2t"),
        (b"RIFF\x00\x00\x00\x00WAVE", "audio/wav"),
        (b"RIFF\x00\x00\x00\x00AVI ", "video/x-msvideo"),
        (b"#!AMR\n", "audio/amr"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"%PDF-1.7", "application/pdf"),
        (b"#EXTM3U\n", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_content_is_judged_by_its_first_bytes(head: bytes, media_type: str) -> None:
    assert judge(head).media_type == media_type


@given(st.binary(max_size=600))
def test_no_head_is_too_strange(head: bytes) -> None:
    assert judge(head).kind in {"video", "audio", "photo", "document", "unknown"}
