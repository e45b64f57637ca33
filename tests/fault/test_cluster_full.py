"""The disks under database and store fill up: nobody is told a lie, and room is all that it takes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.fault.conftest import mounted
from tests.fault.test_cluster import SEED, copied
from tests.fault.traffic import Traffic, receive_in_trouble
from tests.postgres import serving_postgres
from tests.seaweed import running
from tests.serving.settings import custos_environment
from tests.serving.tree import Tree
from tests.serving.waiting import PATIENCE_SECONDS, eventually

_PIECE = 1 << 16


def filled(disk: Path) -> Path:
    """Take the room on a disk on which others are writing, to the last."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(_PIECE))
    return filler


@pytest.fixture
def disk() -> Iterator[Path]:
    """A small one that a database's own account reaches too."""
    with tempfile.TemporaryDirectory(prefix="custos-disk-") as place:
        Path(place).chmod(0o755)
        with mounted(Path(place) / "small", "-t", "tmpfs", "-o", "size=512m,mode=755", "tmpfs") as small:
            yield small


pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def test_the_databases_disk_is_full(tmp_path: Path, disk: Path) -> None:
    with serving_postgres("max_wal_size=64MB", "min_wal_size=32MB", place=disk) as postgres:
        url = postgres.new_database()

        def trouble(_pid: int, traffic: Traffic) -> None:
            traffic.until(8)
            filler = filled(disk)

            def refused() -> bool:
                # So that what it has in reserve for its log is used up soon.
                with suppress(Exception):
                    postgres.execute("SELECT pg_switch_wal()")
                with suppress(OSError, HTTPException):
                    return traffic.client.get("/items").status == 503
                return False

            eventually(refused, "what cannot be put on record is refused")
            assert "No space left on device" in postgres.log
            filler.unlink()
            back = traffic.deeds + 8

            def goes_on() -> bool:
                postgres.revive()
                return traffic.deeds >= back

            eventually(goes_on, "it goes on", seconds=3 * PATIENCE_SECONDS)

        receive_in_trouble(tmp_path, 3, trouble, onlookers=True, seed=SEED, CUSTOS_CATALOGUE__URL=url)


def test_the_stores_disk_is_full(tmp_path: Path, disk: Path) -> None:
    with running(disk / "seaweed") as seaweed:
        bucket = seaweed.make_bucket()

        def trouble(_pid: int, traffic: Traffic) -> None:
            traffic.until(8)
            filler = filled(disk)
            admin = seaweed.administrator()

            def refused() -> bool:
                try:
                    admin.put_object(Bucket=bucket, Key="filler", Body=b"x" * (1 << 20))
                except ClientError:
                    return True
                return False

            eventually(refused, "the store has no room")
            eventually(lambda: len(set(traffic.uploads) - set(traffic.receipts)) >= 3, "receipts are owed")
            filler.unlink()
            # The index of its own files refuses for ever what follows a write that failed; see docs/s3.md.
            seaweed.stop()
            seaweed.start_again()
            traffic.until(8)

        def kept(tree: Tree) -> Path:
            return copied(seaweed, bucket, tree.data / "copy")

        told = custos_environment(tmp_path, seaweed.settings(bucket))
        settings = {name: value for name, value in told.items() if name.startswith("CUSTOS_S3")}
        receive_in_trouble(tmp_path, 3, trouble, kept, onlookers=True, seed=SEED, **settings)
