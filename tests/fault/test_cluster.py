"""SIGKILL of all that a Custos of many parts rests on, while recordings come in, are seen and exported."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from evidence.ports.objects import NotStored
from storage.objects.s3.client import Bucket
from tests.fault.killing import part, strike
from tests.fault.traffic import Traffic, receive_in_trouble
from tests.postgres import serving_postgres
from tests.s3_server import S3Server
from tests.seaweed import running
from tests.serving.settings import custos_environment
from tests.serving.tree import Tree
from tests.serving.waiting import eventually

SEED = 20261129
CHECKPOINT = "log/checkpoint"
#: Twenty of them. What starts again more slowly each time, and everything after it, is killed less often.
_VICTIMS = {"api": 1, "worker": 6, "sequencer": 3, "valkey-server": 3, "postgres": 6, "seaweed": 1}


def is_there(pid: int, victim: str) -> bool:
    """Whether it runs; database and store are started again before anything else is killed."""
    return victim in ("postgres", "seaweed") or part(pid, victim) is not None


def kill_everything(base: Path, *, officers: int, rounds: int, most_deeds: int) -> None:
    """Recordings come in, are seen and exported while parts, database and store are killed, in rounds of 20.

    Before each, up to `most_deeds` deeds come to their end, so that each kill meets another moment.
    """
    drawn = random.Random(SEED)  # a schedule, no secret
    with serving_postgres() as postgres, running(base / "seaweed") as seaweed, postgres.catalogue() as url:
        bucket = seaweed.make_bucket()

        def trouble(pid: int, traffic: Traffic) -> None:
            victims = [victim for victim, often in _VICTIMS.items() for _ in range(often * rounds)]
            drawn.shuffle(victims)
            # Until there is something to look at and to export.
            traffic.until(2 * officers)
            while victims:
                # What was killed often is started again after a pause: others are killed meanwhile.
                victim = eventually(
                    lambda: next((one for one in victims if is_there(pid, one)), None), "one of them is there"
                )
                victims.remove(victim)
                traffic.until(drawn.randint(0, most_deeds))
                if victim == "postgres":
                    postgres.kill()
                    postgres.start()
                elif victim == "seaweed":
                    seaweed.stop()
                    seaweed.start_again()
                else:
                    strike(pid, victim)

        def kept(tree: Tree) -> Path:
            return copied(seaweed, bucket, tree.data / "copy")

        told = custos_environment(base, seaweed.settings(bucket), CUSTOS_CATALOGUE__URL=url)
        settings = {
            name: value for name, value in told.items() if name.startswith(("CUSTOS_S3", "CUSTOS_CAT"))
        }
        receive_in_trouble(base, officers, trouble, kept, onlookers=True, seed=SEED, **settings)
        doubled = [
            key
            for key, n in Counter(
                one.key for one in Bucket(seaweed.place(bucket)).versions("originals/") if not one.is_marker
            ).items()
            if n > 1
        ]
        assert not doubled


def copied(server: S3Server, name: str, place: Path) -> Path:
    """Every object of the bucket in a directory, as any S3 program would copy it.

    Of one moment of the log, which goes on as long as parts of the tree begin and end.
    """
    bucket = Bucket(server.place(name))

    def read(key: str) -> bytes:
        found: bytes = bucket.ask("get_object", Key=key)["Body"].read()
        return found

    def is_of_one_moment() -> bool:
        shutil.rmtree(place, ignore_errors=True)
        checkpoint = read(CHECKPOINT)
        for key in {one.key for one in bucket.versions("") if not one.is_marker}:
            path = place / "objects" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.write_bytes(read(key))
            except NotStored:
                return False
        return checkpoint == read(CHECKPOINT)

    eventually(is_of_one_moment, "the log stands still for a copy")
    return place


def test_all_that_it_rests_on_is_killed_while_recordings_come_in(tmp_path: Path) -> None:
    kill_everything(tmp_path, officers=3, rounds=1, most_deeds=0)


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_all_that_it_rests_on_is_killed_many_times(tmp_path: Path) -> None:
    kill_everything(tmp_path, officers=5, rounds=15, most_deeds=3)
