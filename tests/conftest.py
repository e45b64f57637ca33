"""Servers and places that tests share; in which order files go to processes under `-n`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.catalogues import Catalogues
    from tests.ceph import Ceph
    from tests.postgres import Server
    from tests.s3_server import S3Server
    from tests.seaweed import Seaweed

# How long an example takes is no test: on a machine that others use too it fails by itself.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

#: What takes longest goes first: begun last, it would be done by one process while the others have nothing.
_FIRST = (
    "tests/e2e/test_samples.py",
    "tests/fault/test_fuzz.py",
    "tests/integration/transcode/test_attacks.py",
    "tests/fault/test_kill_at_every_step.py",
    "tests/fault/test_cluster.py",
    "tests/fault/test_bucket_fails.py",
    "tests/contract/test_disposal_states.py",
    "tests/integration/demo/test_demo.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Within a file, and among all other files, the order stays the one that was drawn."""
    if hasattr(config, "workerinput"):
        ranks = {name: rank for rank, name in enumerate(_FIRST)}
        items.sort(key=lambda item: ranks.get(item.nodeid.partition("::")[0], len(ranks)))


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """One server for all tests of a process; each makes a bucket of its own."""
    from tests.seaweed import running

    with running(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(scope="session")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ceph]:
    """The same of a Ceph, where its programs are installed; only long tests ask for it."""
    from tests.ceph import missing, running

    if missing():
        pytest.skip(f"not installed: {', '.join(missing())}; `deploy/setup.sh ceph` does it")
    with running(tmp_path_factory.mktemp("ceph")) as server:
        yield server


@pytest.fixture(params=["seaweed", pytest.param("ceph", marks=pytest.mark.long)])
def s3_server(request: pytest.FixtureRequest) -> S3Server:
    """Each test once over SeaweedFS, and among the long ones once over Ceph."""
    server: S3Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL for the whole run; a test takes a database of its own."""
    from tests.postgres import serving_postgres

    with serving_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogues(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalogues]:
    """Places for catalogues: each test once over SQLite and once over PostgreSQL."""
    from tests.catalogues import over

    yield from over(request, tmp_path)


@pytest.fixture
def where(catalogues: Catalogues) -> Path | str:
    """A place for one."""
    return catalogues.another()
