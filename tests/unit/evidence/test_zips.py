"""The archive that is laid out is one that other programs read, whole and in pieces."""

from __future__ import annotations

import io
import zipfile
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.zips import FromEntry, ZipEntry, ZipLayout, lay_out

AT = datetime(2026, 3, 4, 5, 6, 8, tzinfo=UTC)
_NAMES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="/\0.\\"), min_size=1, max_size=20),
    unique=True,
    max_size=8,
)


def _bytes(layout: ZipLayout, contents: list[bytes], start: int, end: int) -> bytes:
    return b"".join(
        piece if isinstance(piece, bytes) else contents[piece.entry][piece.start : piece.end]
        for piece in layout.between(start, end)
    )


def _laid(contents: dict[str, bytes]) -> ZipLayout:
    return lay_out([ZipEntry(name, len(data), zlib.crc32(data)) for name, data in contents.items()], AT)


@given(names=_NAMES, data=st.data())
def test_any_range_is_a_part_of_one_archive(names: list[str], data: st.DataObject) -> None:
    contents = {f"箱/{name}": data.draw(st.binary(max_size=300)) for name in names}
    layout = _laid(contents)
    whole = _bytes(layout, list(contents.values()), 0, layout.size)
    assert len(whole) == layout.size
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert {info.filename: archive.read(info) for info in archive.infolist()} == contents
        assert {info.date_time for info in archive.infolist()} <= {(2026, 3, 4, 5, 6, 8)}
    start = data.draw(st.integers(0, layout.size))
    end = data.draw(st.integers(start, layout.size))
    assert _bytes(layout, list(contents.values()), start, end) == whole[start:end]


@pytest.mark.parametrize("large", [0xFFFFFFFE, 0xFFFFFFFF, 0x100000000, 5 << 40])
def test_sizes_and_places_beyond_32_bits_are_written_as_zip64(large: int) -> None:
    layout = lay_out([ZipEntry("a", large, 7), ZipEntry("b", 3, zlib.crc32(b"abc"))], AT)
    with zipfile.ZipFile(_Sparse(layout, {1: b"abc"})) as archive:
        first, second = archive.infolist()
        assert (first.file_size, first.CRC) == (large, 7)
        assert archive.read(second) == b"abc"
        assert second.header_offset == layout.starts[2]


def test_more_entries_than_16_bits_count() -> None:
    layout = lay_out([ZipEntry(str(number), 0, 0) for number in range(70_000)], AT)
    with zipfile.ZipFile(io.BytesIO(b"".join(p for p in layout.pieces if isinstance(p, bytes)))) as archive:
        assert len(archive.infolist()) == 70_000


@pytest.mark.parametrize("name", ["", "/a", "a/", "../a", "a/../b", "a//b", "./a", "x" * 70_000])
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no relative path"):
        lay_out([ZipEntry(name, 0, 0)], AT)


def test_a_name_is_there_once() -> None:
    with pytest.raises(ValueError, match="two entries"):
        lay_out([ZipEntry("a", 0, 0), ZipEntry("a", 1, 0)], AT)


@pytest.mark.parametrize("year", [1979, 2108])
def test_a_year_that_zip_cannot_write(year: int) -> None:
    with pytest.raises(ValueError, match="1980"):
        lay_out([], datetime(year, 1, 1, tzinfo=UTC))


def test_nothing_lies_outside() -> None:
    layout = lay_out([], AT)
    with pytest.raises(ValueError, match="outside"):
        list(layout.between(0, layout.size + 1))


class _Sparse(io.RawIOBase):
    """An archive too large to be held: entries that are not given are zeros."""

    def __init__(self, layout: ZipLayout, contents: dict[int, bytes]) -> None:
        self._layout, self._contents, self._at = layout, contents, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + {0: 0, 1: self._at, 2: self._layout.size}[whence]
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        end = min(self._at + len(buffer), self._layout.size)
        made = b"".join(self._piece(piece) for piece in self._layout.between(min(self._at, end), end))
        buffer[: len(made)] = made
        self._at = end
        return len(made)

    def _piece(self, piece: bytes | FromEntry) -> bytes:
        if isinstance(piece, bytes):
            return piece
        given = self._contents.get(piece.entry)
        return bytes(piece.end - piece.start) if given is None else given[piece.start : piece.end]
