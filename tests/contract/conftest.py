"""A catalogue, and a custody log over it, wherever the tests say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.catalogue.engine import Where
from storage.objects.s3.client import Bucket
from storage.objects.s3.store import S3Store
from tests.catalogues import Catalogues
from tests.contract.test_catalogue import AGENT, NOW, FixedClock
from tests.contract.test_custody_log import Place, opened
from tests.s3_server import S3Server


@pytest.fixture
async def catalogue(where: Where) -> AsyncIterator[SqlCatalogue]:
    """Somebody is in it."""
    async with open_catalogue(where, FixedClock(), "test") as opened:
        await opened.write(lambda tx: tx.agents.add(AGENT, None, NOW))
        yield opened


@pytest.fixture
def bucket_beside(request: pytest.FixtureRequest, catalogues: Catalogues) -> Callable[[Path], S3Store | None]:
    """Makes stores in buckets of their own with their scratch below what is named; none beside a SQLite."""

    def make(base: Path) -> S3Store | None:
        if catalogues.buckets is None:
            return None
        server: S3Server = request.getfixturevalue(catalogues.buckets)
        return S3Store(Bucket(server.place(server.make_bucket())), base / "scratch")

    return make


@pytest.fixture
async def place(
    tmp_path: Path, where: Where, bucket_beside: Callable[[Path], S3Store | None]
) -> AsyncIterator[Place]:
    """Over SQLite and a directory, and over PostgreSQL and a bucket."""
    async with opened(tmp_path, where) as one:
        one.bucket = bucket_beside(tmp_path)
        yield one
