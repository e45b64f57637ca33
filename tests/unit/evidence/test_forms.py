"""The fields of its own that a unit asks of a case."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import Invalid
from evidence.forms import Field, FieldKind, check, checked_fields, missing

LAW = Field("law", "适用条款", required=True)
SUM = Field("fine", "罚款金额", FieldKind.NUMBER)
DAY = Field("decided_on", "决定日期", FieldKind.DATE)
WAY = Field("way", "处理方式", FieldKind.CHOICE, ("警告", "罚款"))
FORM = (LAW, SUM, DAY, WAY)


def refused(fields: tuple[Field, ...]) -> str:
    with pytest.raises(Invalid) as caught:
        checked_fields(fields)
    assert caught.value.code == "bad-form"
    return caught.value.message


def test_a_form_is_refused_with_what_is_wrong() -> None:
    assert checked_fields(FORM) == FORM
    assert "same name" in refused((LAW, LAW))
    assert "no name" in refused((replace(LAW, name="two words"),))
    assert "label" in refused((replace(LAW, label=" "),))
    assert "choices" in refused((replace(LAW, choices=("a",)),))
    assert "choices" in refused((replace(WAY, choices=()),))
    assert "twice" in refused((replace(WAY, choices=("a", "a")),))
    assert "at most 60" in refused(tuple(Field(f"f{n}", "l") for n in range(61)))


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({}, None),
        ({"law": "第五十八条", "fine": "-12.5", "decided_on": "2026-02-28", "way": "警告"}, None),
        ({"law": "", "fine": "", "decided_on": "", "way": ""}, None),
        ({"other": "x"}, "unknown-field"),
        ({"fine": "twelve"}, "bad-field"),
        ({"fine": "1."}, "bad-field"),
        ({"fine": "１"}, "bad-field"),
        ({"decided_on": "2026-02-29"}, "bad-field"),
        ({"decided_on": "20260228"}, "bad-field"),
        ({"way": "拘留"}, "bad-field"),
    ],
)
def test_what_a_field_takes(values: dict[str, str], code: str | None) -> None:
    if code is None:
        check(FORM, values)
        return
    with pytest.raises(Invalid) as caught:
        check(FORM, values)
    assert caught.value.code == code


def test_only_what_is_required_and_empty_is_missing() -> None:
    assert missing(FORM, {}) == missing(FORM, {"law": ""}) == ("law",)
    assert missing(FORM, {"law": "x"}) == ()


@given(st.sampled_from(FORM))
def test_a_field_comes_back_as_it_was(field: Field) -> None:
    assert Field.from_json(field.as_json()) == field
