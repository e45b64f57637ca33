"""What an installation takes, and what it refuses before a byte is sent."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from evidence.agents import Role
from tests.serving.client import TUS
from tests.serving.inside import Inside, served_inside


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """A server with little room."""
    with served_inside(
        tmp_path_factory.mktemp("narrow") / "data",
        max_bytes=1000,
        unit_quota_bytes=1500,
        unit_quotas={"roomy": 2500},
    ) as server:
        yield server


def test_a_file_that_is_too_long_is_refused(narrow: Inside) -> None:
    station = narrow.another(Role.STATION, "length")
    answer = station.create(1001)
    assert (answer.status, answer.code) == (413, "too-long")
    assert station.create(1000).status == 201


def test_a_unit_may_have_a_quota_of_its_own(narrow: Inside) -> None:
    station = narrow.another(Role.STATION, "roomy")
    assert [station.create(900).status for _ in range(3)] == [201, 201, 413]


def test_a_units_quota_counts_what_is_on_its_way(narrow: Inside) -> None:
    station = narrow.another(Role.STATION, "quota")
    first = station.created(1000)
    answer = station.create(501)
    assert (answer.status, answer.code) == (413, "quota")
    assert narrow.another(Role.STATION, "neighbour").create(501).status == 201
    assert station.ask("DELETE", first, headers=TUS).status == 204
    assert station.create(501).status == 201


def test_a_units_quota_counts_what_is_stored(narrow: Inside) -> None:
    station = narrow.another(Role.STATION, "stored")
    station.kept(b"x" * 1000)
    answer = station.create(501)
    assert (answer.status, answer.code) == (413, "quota")
    assert station.create(500).status == 201


def test_the_reserve_is_not_touched(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.mktemp("full")
    with served_inside(base / "data", reserve_bytes=shutil.disk_usage(base).total * 2) as server:
        answer = server.another(Role.STATION).create(1)
        assert (answer.status, answer.code) == (507, "reserve")
        assert server.another(Role.REVIEWER).get("/items").status == 200
