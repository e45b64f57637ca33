"""The journal's format: what is written is read, and nothing else is."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.bodies import decode_bodies, encode_bodies
from evidence.journal import (
    Entry,
    Header,
    Scan,
    decode_entries,
    encode_entries,
    packed,
    parse_header,
    unpacked,
)
from evidence.keys import is_key, journal_key, journal_number
from evidence.ports.log import Body

_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
_VALUE = st.one_of(st.none(), st.booleans(), st.integers(), _TEXT, st.binary(max_size=9))
_KEY = st.lists(st.one_of(_TEXT, st.integers(0, 9)), min_size=1, max_size=3).map(tuple)
_ENTRY = st.builds(
    Entry, st.sampled_from(["items", "jobs"]), _KEY, st.one_of(st.none(), st.dictionaries(_TEXT, _VALUE))
)
_COUNT = st.integers(0, 2**40)
_SCAN = st.builds(Scan, _COUNT, _TEXT, st.one_of(st.none(), st.tuples(_TEXT, _KEY)))
_HEADER = st.builds(
    Header, _TEXT, _COUNT, _TEXT, st.one_of(st.none(), _COUNT), _TEXT, st.one_of(st.none(), _SCAN), _COUNT,
    st.booleans(), _TEXT, _TEXT,
)  # fmt: skip


@given(st.lists(_ENTRY, max_size=8))
def test_entries_are_read_as_they_were_written(entries: list[Entry]) -> None:
    found = list(decode_entries(unpacked(packed(encode_entries(entries)))))
    assert found == entries


@given(_HEADER)
def test_a_header_is_read_as_it_was_written(header: Header) -> None:
    assert parse_header(header.text()) == header


@given(_HEADER, st.data())
def test_another_text_is_no_header(header: Header, data: st.DataObject) -> None:
    text = header.text()
    at = data.draw(st.integers(0, len(text) - 1))
    try:
        found = parse_header(text[:at] + text[at + 1 :])
    except ValueError:
        return
    # A letter of a name less is another header, and says so.
    assert found != header


@pytest.mark.parametrize(
    "line",
    [
        b"1\n",
        b"[]\n",
        b"{\n",
        b'["a",[1.5],null]\n',
        b'["a",[[1]],{}]\n',
        b'["a",1,{}]\n',
        b'["a",[{}],null]\n',
    ],
)
def test_what_is_no_entry_is_none(line: bytes) -> None:
    with pytest.raises(ValueError):
        list(decode_entries(line))


def test_what_is_cut_off_or_absurdly_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = packed(b"x" * 10_000)
    for data in (whole[:-1], whole + b"\x00", b"", b"nonsense"):
        with pytest.raises(ValueError):
            unpacked(data)
    monkeypatch.setattr("evidence.journal._LARGEST_BODY", 1_000)
    with pytest.raises(ValueError):
        unpacked(zlib.compress(bytes(1_001)))


@given(st.integers(0, 10**9 - 1))
def test_a_chunk_has_one_key(number: int) -> None:
    key = journal_key(number)
    assert is_key(key)
    assert journal_number(key) == number


def test_what_is_no_chunk_has_no_number() -> None:
    for key in ("catalogue/tail", "log/000/000/001", "catalogue/000/001", "catalogue/000/000/0x1"):
        assert journal_number(key) is None
    for number in (-1, 10**9):
        with pytest.raises(ValueError):
            journal_key(number)


_BODY = st.builds(Body, st.binary(min_size=32, max_size=32), st.binary(max_size=40))


@given(st.lists(st.one_of(st.none(), _BODY), max_size=6))
def test_bodies_are_read_as_they_were_written(bodies: list[Body | None]) -> None:
    data = encode_bodies(bodies)
    assert decode_bodies(data) == bodies
    for at in range(len(data)):
        try:
            found = decode_bodies(data[:at])
        except ValueError:
            continue
        assert found == bodies[: len(found)]
