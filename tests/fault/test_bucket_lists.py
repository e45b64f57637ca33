"""What a bucket is said to hold, and what is dropped from it, over each server."""

from __future__ import annotations

import pytest

from storage.objects.s3.client import Bucket
from storage.objects.s3.log import S3Log
from tests.buckets import UNTIL, Held
from tests.s3_server import S3Server


def test_no_key_is_left_out_wherever_a_page_of_a_list_ends(
    s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, admin = s3_server.make_bucket(), s3_server.administrator()
    # Keys that begin with other keys: tiles with partial ones beside them, and bundles.
    tiles = [f"log/tile/entries/{number:03}" for number in (0, 1, 2)]
    bodies = [f"log/bodies/{number:03}" for number in (0, 1)]
    tiles += [f"{tile}.p/{width}" for tile in tiles for width in (1, 17, 200, 255)]
    bodies += [f"{one}.part" for one in bodies]
    keys = sorted(["log/checkpoint", "log/stamps/12.checkpoint", "log/stamps/12.0a.tsr", *tiles, *bodies])
    for key in keys:
        admin.put_object(Bucket=name, Key=key, Body=b"x")
    bucket = Bucket(s3_server.place(name))
    for size in (*range(1, 12), 1000):
        monkeypatch.setattr("storage.objects.s3.client.PAGE", size)
        # SeaweedFS 4.48 leaves tiles out by itself, wherever a page ends among their partial ones.
        assert [one.key for one in bucket.versions("")] == keys, size
        assert [one.key for one in bucket.versions("log/tile/")] == sorted(tiles), size
    for key in keys:
        assert [one.key for one in bucket.versions_of(key)] == [key]


async def test_what_is_dropped_goes_with_every_version_and_what_is_locked_stays(held: Held) -> None:
    log = S3Log(held.store)
    for width in (3, 4):
        await log.replace(f"tile/0/000.p/{width}", b"partial")
        held.admin.put_object(Bucket=held.name, Key=f"log/tile/0/000.p/{width}", Body=b"on top")
        held.admin.delete_object(Bucket=held.name, Key=f"log/tile/0/000.p/{width}")
    await log.put("tile/0/000", b"full", UNTIL)
    await log.replace("tile/0/000.pre", b"another")
    stat = await held.store.put("log/tile/0/000.p/5", b"locked by somebody", locked_until=UNTIL)
    await log.drop("tile/0/000.p")
    left = [(one.key, one.is_marker) for one in held.bucket.versions("log/tile/")]
    assert left == [(f"log/tile/0/000{rest}", False) for rest in ("", ".p/5", ".pre")]
    assert held.bucket.versions_of("log/tile/0/000.p/5")[0].id == stat.version
