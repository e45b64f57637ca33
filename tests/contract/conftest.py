"""A catalogue, and a custody log over it, wherever the tests say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.catalogue.engine import Where
from storage.objects.s3.client import Bucket
from storage.objects.s3.store import S3Store
from tests.catalogues import Catalogues
from tests.contract.test_catalogue import AGENT, NOW, FixedClock
from tests.contract.test_custody_log import Place, opened
from tests.seaweed import Seaweed


@pytest.fixture
async def catalogue(where: Where) -> AsyncIterator[SqlCatalogue]:
    """Somebody is in it."""
    async with open_catalogue(where, FixedClock(), "test") as opened:
        await opened.write(lambda tx: tx.agents.add(AGENT, None, NOW))
        yield opened


@pytest.fixture
async def place(
    request: pytest.FixtureRequest, tmp_path: Path, catalogues: Catalogues, where: Where
) -> AsyncIterator[Place]:
    """Over SQLite and a directory, and over PostgreSQL and a bucket."""
    async with opened(tmp_path, where) as one:
        if catalogues.is_postgres:
            seaweed: Seaweed = request.getfixturevalue("seaweed")
            one.bucket = S3Store(Bucket(seaweed.place(seaweed.make_bucket())), tmp_path / "scratch")
        yield one
