"""Canonical JSON (RFC 8785, JCS) for the values that Custos writes for ever.

Only what a format here may hold is accepted: objects with string keys, arrays, strings, booleans, null
and integers within ±(2**53 − 1). Floats are refused: their text differs between languages, and nothing
that Custos signs needs one. Within those bounds the output equals RFC 8785 byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from json.encoder import encode_basestring as quoted
from typing import TypeAlias

Json: TypeAlias = "Mapping[str, Json] | list[Json] | tuple[Json, ...] | str | int | bool | None"

__all__ = ["Json", "canonical", "parse_canonical", "quoted"]

_MAX_INT = 2**53 - 1


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _members(value: Mapping[str, object]) -> str:
    for key in value:
        if not isinstance(key, str):
            raise TypeError("object keys must be strings")
    # RFC 8785 §3.2.3 sorts by UTF-16 code units, which differs from code points above U+FFFF.
    keys = sorted(value) if all(map(str.isascii, value)) else sorted(value, key=_utf16)
    return ",".join([f"{quoted(key)}:{_text(value[key])}" for key in keys])


def _text(value: object) -> str:
    if isinstance(value, str):
        return quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not -_MAX_INT <= value <= _MAX_INT:
            raise ValueError("integer outside ±(2**53 − 1)")
        return str(int(value))
    # dict first: asking an abstract class of every value costs more than all the rest.
    if isinstance(value, dict) or isinstance(value, Mapping):  # noqa: SIM101
        return "{" + _members(value) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([_text(element) for element in value]) + "]"
    raise TypeError(f"{type(value).__name__} has no canonical form here")


def canonical(value: Json) -> bytes:
    """The RFC 8785 bytes of `value`.

    Raises TypeError for a type that has no place in a format, ValueError for an integer that is too
    large, UnicodeEncodeError (a ValueError) for a lone surrogate, RecursionError for absurd depth.
    """
    return _text(value).encode("utf-8")


def _whole(text: str) -> int:
    value = int(text)
    if not -_MAX_INT <= value <= _MAX_INT:
        raise ValueError("integer outside ±(2**53 − 1)")
    return value


def _no_float(text: str) -> Json:
    raise ValueError(f"{text} is no integer")


_decode = json.JSONDecoder(parse_int=_whole, parse_float=_no_float, parse_constant=_no_float).decode
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def parse_canonical(data: bytes) -> dict[str, Json]:
    """The object whose canonical bytes are exactly `data`; ValueError if they are not canonical."""
    if not isinstance(data, bytes):
        # A database lets anybody who owns it put text where bytes were.
        raise ValueError("not bytes")  # noqa: TRY004  whatever it is, it is not what was written
    try:
        text = data.decode()
        value = _decode(text)
        if isinstance(value, dict):
            # Where all is ASCII the order of keys is that of code points, and the standard encoder, twice as
            # fast, writes what RFC 8785 asks for.
            if text.isascii() and _encode(value) == text:
                return value
            if canonical(value) == data:
                return value
    except TypeError as error:
        raise ValueError(str(error)) from error
    raise ValueError("not a canonical JSON object")
