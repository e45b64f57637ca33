"""What clients say, read strictly and kept as said."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import Invalid
from evidence.items import Category, Submission
from evidence.timekeeping import TimeStatement
from ingest.submission import parse_metadata, read_submission

TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60)


def header(**pairs: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


@given(TEXT, TEXT)
def test_any_script_comes_through_unchanged(filename: str, device: str) -> None:
    submission = read_submission(parse_metadata(header(filename=filename, device=device)))
    assert (submission.filename, submission.device) == (filename, device)
    assert Submission.from_json(submission.as_json()) == submission


def test_times_keep_source_zone_and_value_as_written() -> None:
    pairs = {
        "filename": "a",
        "time-start.device clock": "2026-11-22 16:29:58",
        "time-end.GPS": "2026-11-22T08:31:00+00:00",
        "category": "penalty",
        "segment": "3",
        "sha256": "AB" * 32,
    }
    submission = read_submission(pairs)
    assert submission.times == (
        TimeStatement("GPS", "2026-11-22T08:31:00+00:00", "+00:00", "end"),
        TimeStatement("device clock", "2026-11-22 16:29:58", None, "start"),
    )
    assert (submission.category, submission.segment, submission.sha256) == (Category.PENALTY, 3, "ab" * 32)


@pytest.mark.parametrize(
    ("pairs", "named"),
    [
        ({}, "filename"),
        ({"filename": "a", "ofice": "x"}, "ofice"),
        ({"filename": "a", "category": "murder"}, "category"),
        ({"filename": "a", "segment": "-1"}, "segment"),
        ({"filename": "a", "segment": "٣"}, "segment"),
        ({"filename": "a", "sha256": "xyz"}, "sha256"),
        ({"filename": "a", "time-start.": "x"}, "time-start."),
    ],
)
def test_a_refusal_names_the_field(pairs: dict[str, str], named: str) -> None:
    with pytest.raises(Invalid, match=named) as error:
        read_submission(pairs)
    assert error.value.code == "bad-metadata"


@pytest.mark.parametrize(
    "text",
    [
        "filename ***",
        "filename é",
        "filename YQ==,time-start.é YQ==",
        "filename YQ==,filename YQ==",
        "filename gICA",
        "a " + "A" * 40_000,
        header(a="x" * 5000),
    ],
)
def test_a_header_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_metadata(text)
