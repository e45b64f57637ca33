"""What is accepted can be kept: PostgreSQL's indexes hold no entry of more than some 2,700 bytes."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from evidence.agents import Role
from evidence.jobs import JobState
from tests.postgres import Server
from tests.serving.inside import served_inside

FIELDS = (
    "filename",
    "case",
    "officer",
    "device",
    "recording",
    "medium",
    "method",
    "filetype",
    "time-start.x",
)
#: Four bytes each, and nothing to compress.
_LETTERS = range(0x20000, 0x2A6D0)


@pytest.mark.long
def test_whatever_is_accepted_is_committed_and_worked_on(postgres: Server, tmp_path: Path) -> None:
    draw = random.Random(20261129)
    with postgres.catalogue() as url, served_inside(tmp_path / "data", catalogue=url) as server:
        client = server.client(Role.SUPERVISOR)
        for name in FIELDS:
            for length in (256, 4096):
                text = "".join(chr(draw.choice(_LETTERS)) for _ in range(length))
                said = {"filename": "a.mp4", "device": "CAM", "officer": "李", name: text}
                filename = said.pop("filename")
                data = f"{name} {length}".encode()
                item = client.committed(client.send(data, filename, **said))
                # And again, as a station does that lost its receipt: it is the same acquisition.
                assert client.committed(client.send(data, filename, **said)) == item, (name, length)
                submitted = client.get(f"/items/{item}").json()["submitted"]
                assert text in json.dumps(submitted, ensure_ascii=False)
        server.do(server.services.sweep.run())
        failed = server.do(server.services.catalogue.read(lambda tx: tx.jobs.listed(JobState.FAILED, 9)))
        assert not failed
