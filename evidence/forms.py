"""The fields of its own that a unit asks of a case. Pure.

A unit without a form of its own has that of the nearest unit above it; without any, a case takes whatever
fields it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from evidence.canonical import Json
from evidence.errors import Invalid

MOST_FIELDS = 60
_MOST_CHOICES = 200
_LONGEST_NAME = 64
_LONGEST_LABEL = 200


class FieldKind(StrEnum):
    """What is written in a field. A number is decimal, a date is YYYY-MM-DD."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Field:
    """One field; `name` is its short name for ever, `label` what people read."""

    name: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    choices: tuple[str, ...] = ()
    required: bool = False

    def as_json(self) -> dict[str, Json]:
        """The form in event details and the catalogue."""
        return {
            "name": self.name,
            "label": self.label,
            "kind": self.kind.value,
            "choices": list(self.choices),
            "required": self.required,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Field:
        """The inverse of `as_json`."""
        choices = value["choices"]
        assert isinstance(choices, list)
        return cls(
            str(value["name"]),
            str(value["label"]),
            FieldKind(str(value["kind"])),
            tuple(map(str, choices)),
            value["required"] is True,
        )

    def takes(self, text: str) -> bool:
        """Whether the text can stand in this field; nothing can always."""
        if not text:
            return True
        match self.kind:
            case FieldKind.TEXT:
                return True
            case FieldKind.NUMBER:
                whole, _, part = text.removeprefix("-").partition(".")
                return text.isascii() and whole.isdecimal() and (part.isdecimal() or "." not in text)
            case FieldKind.DATE:
                return _is_date(text)
            case FieldKind.CHOICE:
                return text in self.choices


@dataclass(frozen=True, slots=True)
class Form:
    """A version of a unit's form; the newest one holds."""

    unit: str
    version: int
    fields: tuple[Field, ...]
    set_by: str
    set_at: datetime


def checked_fields(fields: Sequence[Field]) -> tuple[Field, ...]:
    """The fields of a form; raises Invalid("bad-form") that says what is wrong."""
    if len(fields) > MOST_FIELDS:
        raise Invalid("bad-form", f"A form has at most {MOST_FIELDS} fields.")
    names = [field.name for field in fields]
    if len(set(names)) != len(names):
        raise Invalid("bad-form", "Two fields have the same name.")
    for field in fields:
        if not field.name.isidentifier() or len(field.name) > _LONGEST_NAME:
            raise Invalid("bad-form", f"{field.name!r} is no name: letters, digits and _, at most 64.")
        if not field.label.strip() or len(field.label) > _LONGEST_LABEL:
            raise Invalid("bad-form", f"The field {field.name} needs a label of at most 200 characters.")
        if (field.kind is FieldKind.CHOICE) is not bool(field.choices):
            raise Invalid("bad-form", f"{field.name}: a choice has choices, and nothing else has.")
        if len(set(field.choices)) != len(field.choices) or len(field.choices) > _MOST_CHOICES:
            raise Invalid("bad-form", f"{field.name}: at most 200 choices, none of them twice.")
    return tuple(fields)


def check(fields: Sequence[Field], values: Mapping[str, str]) -> None:
    """Raise Invalid("unknown-field") or Invalid("bad-field") unless the values fit; none need be there."""
    known = {field.name: field for field in fields}
    for name, text in values.items():
        field = known.get(name)
        if field is None:
            raise Invalid("unknown-field", f"This unit's cases have no field {name!r}.")
        if not field.takes(text):
            words = {
                FieldKind.NUMBER: "a number, such as 12.5",
                FieldKind.DATE: "a date, such as 2026-11-25",
                FieldKind.CHOICE: "one of: " + ", ".join(field.choices),
                FieldKind.TEXT: "a text",
            }
            raise Invalid("bad-field", f"{field.label}: {words[field.kind]}.")


def missing(fields: Sequence[Field], values: Mapping[str, str]) -> tuple[str, ...]:
    """The names of required fields in which nothing stands."""
    return tuple(one.name for one in fields if one.required and not values.get(one.name))


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
